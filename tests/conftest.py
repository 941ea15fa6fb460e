import os

os.environ["MPLBACKEND"] = "agg"  # no windows, whatever the machine has
# The tests compile many models and train them little: let XLA optimize less. (An XLA flag that
# the environment has already stays.)
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)

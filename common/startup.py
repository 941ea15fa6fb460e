"""What the process of a script needs before Keras is loaded: packages, threads, a quiet start."""

import builtins
import contextlib
import faulthandler
import gc
import os
import re
import sys
import warnings
from importlib import metadata, util
from pathlib import Path

# Measured on layers as small as these: one thread for each operation, since sharing so little work
# takes longer than doing it; fewer optimizations, since that compiles sooner and runs no slower;
# and a small loop, such as that over the time steps, as one function, which is three times as fast.
XLA_FLAGS = (
    "--xla_cpu_multi_thread_eigen=false"
    " --xla_backend_optimization_level=1"
    " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
)
# The versions of TensorFlow on which these flags were tried. One that does not know a flag ends.
TRIED = ("2.19.", "2.20.", "2.21.", "2.22.0rc0")
REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


def is_interactive():
    """Tell whether IPython runs the script, as in a notebook: then the process is the user's."""
    return hasattr(builtins, "__IPYTHON__")


def find_missing_package():
    """Return the first package of requirements.txt that this Python does not have, or None."""
    if not REQUIREMENTS.exists():  # `common` has been copied alone
        return None
    packages = re.findall(r"^[\w-]+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    modules = {"scikit-learn": "sklearn"}  # that are not named like their package
    missing = (name for name in packages if util.find_spec(modules.get(name, name)) is None)
    return next(missing, None)


def get_xla_flags():
    """Return the flags of XLA that suit the installed TensorFlow, or "": then it is slower."""
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:  # a nightly build, for example
        return ""
    return XLA_FLAGS if version.startswith(TRIED) else ""


def load_keras(n_threads):
    """Load Keras without its messages, and set TensorFlow up for layers as small as these.

    The backend is TensorFlow, unless KERAS_BACKEND names another. If Keras is loaded already, as it
    may be in a notebook, this does nothing. If the user has set a variable of TensorFlow, XLA or
    Keras, all messages are shown, because one of them may say what is wrong with it.

    Args:
        n_threads: how many trainings TensorFlow is to run side by side.
    """
    if "keras" in sys.modules:
        return
    of_user = re.compile("XLA_|KERAS_|TF_(?!CLI_|VAR_)")  # TF_CLI_ and TF_VAR_ are Terraform's
    is_quiet = not any(map(of_user.match, os.environ))
    # TensorFlow and XLA read these when they are loaded; what the user has set stays.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n_threads))
    if os.environ["KERAS_BACKEND"] == "tensorflow" and get_xla_flags():
        os.environ.setdefault("XLA_FLAGS", get_xla_flags())
    # Loading creates hundreds of thousands of objects that stay to the end. The garbage collector
    # would search them again and again, for more than a second in all.
    gc.disable()
    with turn_stderr_away() if is_quiet else contextlib.nullcontext():
        try:
            import keras
        except ImportError as error:  # the backend of KERAS_BACKEND is not installed, for example
            sys.exit(f"{Path(sys.argv[0]).name}: error: Keras could not be loaded: {error}")

        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            with tf.device("CPU"):  # before TensorFlow 2.21 the first compilation prints lines
                tf.function(lambda: tf.constant(0), jit_compile=True)()
            tf.get_logger().setLevel("ERROR")  # no warning that each of many models is traced
    gc.freeze()
    gc.enable()
    # From Keras 3.16, each recurrent layer warns that it passes no mask on. Here none needs to.
    warnings.filterwarnings("ignore", "Layer .* mask attached", UserWarning)


@contextlib.contextmanager
def turn_stderr_away():
    """Turn standard error away, as some messages ignore the log level. A crash is still reported.

    Messages of C++ code do not pass through `sys.stderr`, but go to file descriptor 2.
    """
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    faulthandler.enable(terminal)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        faulthandler.disable()
        os.close(terminal)
        os.close(nowhere)

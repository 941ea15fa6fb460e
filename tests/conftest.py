import os

os.environ["MPLBACKEND"] = "agg"  # no windows, whatever the machine has

"""How fast the training is, beside other ways to do the same: `python -m benchmarks.NAME`."""

"""How fast the training is, and how often an interval is right: `python -m benchmarks.NAME`."""

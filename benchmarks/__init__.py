"""How fast the training is, and how fast other ways to train are: `python -m benchmarks.NAME`."""

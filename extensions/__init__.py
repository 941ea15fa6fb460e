"""The questions that the tutorial leaves open, one script each: `python -m extensions.NAME`."""

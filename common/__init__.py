"""What the five scripts share: training, baselines, one report, files, and the command line."""

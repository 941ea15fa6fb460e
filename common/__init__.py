"""What the scripts share: training, results, figures, and the command line."""

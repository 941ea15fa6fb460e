"""For the maintainer: what makes the figures, what the pages show as printed, and the notebook."""

"""Lets `python FOLDER/NAME.py` find what `python -m FOLDER.NAME` finds.

Python looks for modules in the folder of the file that it runs. So a script of this folder that
is started by its path, and asks for `common`, comes here; and from here on it is as if it had
been started from the project's folder.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path[0] = str(PROJECT)
__path__ = [str(PROJECT / "common")]  # makes this module the package that was asked for

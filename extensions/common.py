"""Stops a script of this folder that was started by its path, and says how to start it.

Python looks for `common` in the folder of the file that it runs, and so finds this file.
"""

import sys
from pathlib import Path

script, folder = Path(sys.argv[0]), Path(__file__).parent
command = f"python -m {folder.name}.{script.stem}"
print(f"{script.name}: error: start it in {folder.parent} by: {command}", file=sys.stderr)
sys.exit(2)

"""The files that a script writes."""

import os
import signal
import sys
import tempfile
from pathlib import Path


def check_directory(directory, name):
    """Make a directory if it is not there, and check that a script can write its files into it.

    Args:
        directory: str.
        name: the script's name, with which the names of its files begin.

    Returns:
        The Path of the directory.

    Raises:
        OSError: files cannot be written there; `strerror` says why.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=directory).close()
    for file in directory.glob(f"{name}[._]*"):
        open(file, "ab").close()  # on Windows not while another program has it open
    return directory


def save(options, figure, others=None, **tables):
    """Write a script's files, print where they are, and show the figure if `--show` is given.

    If one of the files cannot be written, none is. Each file appears whole, one after the other, so
    that another program may for a moment see some files of this run and some of an earlier one.

    Args:
        options: of the command line, as `common.command_line.start_script` returns them.
        figure: matplotlib figure, for `<script>.png`, or None.
        others: None, or a dict that gives the ending of another file a function, which is called
            with the path and writes the file.
        **tables: DataFrames, named by what they hold: `losses` goes to `<script>_losses.csv`.
    """
    import matplotlib.pyplot as plt  # here, as all scripts begin by loading this file

    sys.stdout.flush()  # if what was printed is lost, no file is written
    options.output.mkdir(parents=True, exist_ok=True)  # in case it has gone since the start
    # Until all is written, Ctrl-C raises KeyboardInterrupt, so that what was begun is removed.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # A directory of its own: another script may be writing to the same place.
        with tempfile.TemporaryDirectory(prefix=".", dir=options.output) as temporary:
            begin = Path(temporary, options.name)
            if figure:
                figure.savefig(f"{begin}.png", dpi=160)
            for what, table in tables.items():
                table.to_csv(f"{begin}_{what}.csv", index=False)
            for ending, write in (others or {}).items():
                write(f"{begin}{ending}")
            names = sorted(os.listdir(temporary))
            for name in names:
                os.replace(Path(temporary, name), options.output / name)
    finally:
        signal.signal(signal.SIGINT, interrupt)
    print("Saved", *(options.output / name for name in names))
    if options.show:
        plt.show()
    plt.close(figure)

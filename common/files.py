"""The files that a script writes."""

import os
import tempfile
from pathlib import Path


def check_directory(directory, name):
    """Make a directory if need be, and see that the files of a script can go there.

    Args:
        directory: str.
        name: the script's name, which begins the names of its files.

    Returns:
        The Path of the directory.

    Raises:
        OSError: files cannot go there; `strerror` says why.
    """
    if not directory:
        raise OSError(None, "is empty")
    directory = Path(directory)
    if directory.is_file():
        raise OSError(None, "is a file, not a directory")
    directory.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=directory).close()
    for file in [*directory.glob(f"{name}.*"), *directory.glob(f"{name}_*.csv")]:
        if file.is_dir():
            raise OSError(None, f"{file.name} in it is a directory")
        try:
            open(file, "ab").close()  # on Windows not while another program has it open
        except OSError as error:
            raise OSError(None, f"{file.name} in it: {error.strerror}") from None
    return directory


def save(options, figure, others=None, **tables):
    """Write a script's files, say where, and show the figure if asked to.

    None is written if one of them cannot be. Then they are put in their places one after the
    other, each whole: who reads them in that moment may see some of an earlier run.

    Args:
        options: of the command line, as `common.command_line.start_script` returns them.
        figure: matplotlib figure, for `<script>.png`.
        others: None, or a dict of the ending of another file to a function that is given its
            path and writes it.
        **tables: DataFrames by what they hold: `losses` is for `<script>_losses.csv`.
    """
    import matplotlib.pyplot as plt  # here, as all scripts begin by loading this file

    options.output.mkdir(parents=True, exist_ok=True)  # in case it has gone since the start
    # A directory of its own: another script may be writing to the same place.
    with tempfile.TemporaryDirectory(prefix=".", dir=options.output) as temporary:
        temporary = Path(temporary)
        figure.savefig(temporary / f"{options.name}.png", dpi=160)
        for what, table in tables.items():
            table.to_csv(temporary / f"{options.name}_{what}.csv", index=False)
        for ending, write in (others or {}).items():
            write(temporary / f"{options.name}{ending}")
        files = sorted(temporary.iterdir())
        for file in files:
            os.replace(file, options.output / file.name)
    print("Saved", *(options.output / file.name for file in files))
    if options.show:
        plt.show()
    plt.close(figure)

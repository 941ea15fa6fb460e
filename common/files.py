"""The files that a script writes."""

import json
import os
import re
import tempfile
import zipfile
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
    for ending in (".png", ".csv", "_scores.csv", ".keras"):
        file = directory / f"{name}{ending}"
        if file.is_dir():
            raise OSError(None, f"{file.name} in it is a directory")
        if file.exists():
            try:
                open(file, "ab").close()  # on Windows not while another program has it open
            except OSError as error:
                raise OSError(None, f"{file.name} in it: {error.strerror}") from None
    return directory


def save(directory, name, figure, table, scores=None, show=False, model=None):
    """Write a script's files, say where, and show the figure if asked to.

    None is written if one of them cannot be. Then they are put in their places one after the
    other, each whole: who reads them in that moment may see some of an earlier run.

    Args:
        directory: Path.
        name: the script's name.
        figure: matplotlib figure, for `<name>.png`.
        table: DataFrame, for `<name>.csv`.
        scores: None, or a DataFrame for `<name>_scores.csv`.
        show: also show the figure.
        model: None, or a Keras model for `<name>.keras`.
    """
    import matplotlib.pyplot as plt  # here, as all scripts begin by loading this file

    # A directory of its own: another script may be writing to the same place.
    with tempfile.TemporaryDirectory(prefix=".", dir=directory) as temporary:
        temporary = Path(temporary)
        figure.savefig(temporary / f"{name}.png", dpi=160)
        table.to_csv(temporary / f"{name}.csv", index=False)
        if scores is not None:
            scores.to_csv(temporary / f"{name}_scores.csv", index=False)
        if model is not None:
            _save_model(model, temporary / f"{name}.keras")
        files = sorted(temporary.iterdir())
        for file in files:
            os.replace(file, directory / file.name)
    print("Saved", *(directory / file.name for file in files))
    if show:
        plt.show()
    plt.close(figure)


def _save_model(model, file):
    """Save a Keras model, but neither the time nor places in memory: each time the same file."""
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(contents["metadata.json"]) | {"date_saved": ""}
    contents["metadata.json"] = json.dumps(metadata)
    numbers = {}  # of the objects that are shared, which Keras tells apart by their addresses
    contents["config.json"] = re.sub(
        rb'(?<="shared_object_id": )\d+',
        lambda address: b"%d" % numbers.setdefault(address[0], len(numbers)),
        contents["config.json"],
    )
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)

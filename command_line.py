"""What the command lines of all scripts share: options, one-line errors, Ctrl-C."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import matplotlib

COUNT_HELP = {
    "timesteps": "length of a sequence",
    "units": "memory cells per direction",
    "sequences": "training sequences",
    "batch_size": "sequences per update",
    "runs": "independent trainings of each model",
}
LARGEST_COUNT = 2**31 - 1  # the largest size of an axis that all of TensorFlow takes
LARGEST_SEED = 2**32 - 1  # the largest that keras.utils.set_random_seed takes


def parse_options(script, description, arguments=None, **counts):
    """Read a script's options; see that its files can be written before any work is done.

    Args:
        script: the script's `__file__`; its stem names the files.
        description: the script's docstring, for `--help`.
        arguments: list of str; None reads `sys.argv`.
        **counts: the counting options that the script has, with their defaults: keys of
            COUNT_HELP. A tuple as the default makes an option that takes one or more counts.

    Returns:
        A namespace: `name` (str), `output` (Path of an existing directory), `seed` (int),
        `show` (bool) and an int, or a sequence of ints, for each of `counts`.

    Raises:
        SystemExit: with status 2, after one line that names the option and the value, if
            something is wrong with them.
    """
    name = Path(script).stem
    parser = OneLineErrorParser(
        prog=f"{name}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    for count, default in counts.items():
        flag = "--" + count.replace("_", "-")
        several = {"nargs": "+"} if isinstance(default, tuple) else {}
        shown = " ".join(map(str, default)) if several else default
        text = f"{COUNT_HELP[count]} (default: {shown})"
        add(flag, type=positive_integer, default=default, metavar="N", help=text, **several)
    add("--seed", type=seed, default=0, metavar="N", help="all randomness (default: 0)")
    add("--output", default="results", metavar="DIR", help="where files go (default: results)")
    add("--show", action="store_true", help="also open the figure in a window")
    options = parser.parse_args(arguments, argparse.Namespace(name=name))
    if not options.show:
        matplotlib.use("agg")  # draws to files alone: needs no display
    elif matplotlib.get_backend() == "agg":
        parser.error("argument --show: there is no display to open a window on")
    options.output = writable_directory(parser, options)
    return options


class OneLineErrorParser(argparse.ArgumentParser):
    """An argument parser that leaves out the usage text when it reports an error."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def positive_integer(text):
    """Return the int in `text`; raise argparse.ArgumentTypeError unless it is a count."""
    return _whole_number(text, 1, LARGEST_COUNT)


def seed(text):
    """Return the int in `text`; raise argparse.ArgumentTypeError unless Keras takes it as seed."""
    return _whole_number(text, 0, LARGEST_SEED)


def _whole_number(text, smallest, largest):
    # Not int() alone, which also takes "1_000" and the digits of every script.
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not smallest <= int(text) <= largest:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {smallest} to {largest}"
        )
    return int(text)


def writable_directory(parser, options):
    """Make the directory of `--output` if need be; end with an error if files cannot go there."""
    directory = Path(options.output)
    try:
        if not options.output:
            raise OSError(None, "is empty")
        if directory.is_file():
            raise OSError(None, "is a file, not a directory")
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
        for file in output_files(directory, options.name):
            if file.is_dir():
                raise OSError(None, f"{file.name} in it is a directory")
    except OSError as error:
        parser.error(f"argument --output: {options.output!r}: {error.strerror}")
    return directory


def output_files(directory, name):
    """Return the paths of a script's figure and of its table."""
    return directory / f"{name}.png", directory / f"{name}.csv"


def run(main):
    """Call `main()`; end with one line on Ctrl-C, and if the data do not fit into memory."""
    script = Path(sys.argv[0]).name
    sys.stdout.reconfigure(errors="replace")  # a terminal that has no ± prints ? for it
    try:
        main()
    except KeyboardInterrupt:
        print(f"\n{script}: interrupted", file=sys.stderr, flush=True)
        os._exit(130)  # sys.exit would wait for a model that is being compiled
    except MemoryError:
        sys.exit(f"{script}: error: not enough memory for data of this size")

"""What the command lines of all scripts share: options, one-line errors, Ctrl-C."""

import argparse
import math
import os
import signal
import sys
from pathlib import Path

import matplotlib
from matplotlib.backends import BackendFilter, backend_registry

from common.files import check_directory
from common.startup import load_keras

HELP = {
    "timesteps": "length of a sequence",
    "units": "memory cells per direction",
    "sequences": "training sequences",
    "batch_size": "sequences per update",
    "learning_rate": "step size of the optimizer, Adam",
    "runs": "independent trainings of each model",
    "epochs": "passes over the training sequences",
    "data": "CSV file, or .csv.gz, with a row for each time step",
    "label": "column of the file that is the label",
}
LARGEST_COUNT = 2**31 - 1  # the largest size of an axis that all of TensorFlow takes
LARGEST_SEED = 2**32 - 1  # the largest that keras.utils.set_random_seed takes
RATES = 1e-30, 1e30  # all well within Keras' float type


def start_script(script, description, **defaults):
    """Begin a script: read its options, then load Keras, quietly.

    Args:
        script: the script's `__file__`.
        description: the script's docstring, for `--help`.
        **defaults: as for `parse_options`.

    Returns:
        What `parse_options` returns.
    """
    end_quietly_on_interrupt(Path(script).name)
    options = parse_options(script, description, **defaults)
    # A script with many trainings runs them on all cores; a single one is too small to share.
    load_keras(n_threads=os.cpu_count() if "runs" in options else 1)
    return options


def parse_options(script, description, read_data=None, **defaults):
    """Read a script's options; see that its files can be written before any work is done.

    Args:
        script: the script's `__file__`; its stem names the files.
        description: the script's docstring, for `--help`.
        read_data: None, or a function that is called with the options and returns what their
            `data` becomes; it raises ValueError if something is wrong with that file.
        **defaults: the options that the script has beside those of all, with their defaults:
            keys of HELP. A tuple as the default makes an option that takes one or more values.

    Returns:
        A namespace: `name` (str), `output` (Path of an existing directory), `seed` (int),
        `show` (bool), and for each of `defaults` an int (a float for `learning_rate`, a str for
        `data` and `label`), or a sequence of them.

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
    for option, default in defaults.items():
        several = isinstance(default, tuple)
        shown = " ".join(map(str, default)) if several else default
        kind, metavar = KINDS.get(option, (count, "N"))
        parser.add_argument(
            "--" + option.replace("_", "-"),
            type=kind,
            default=default,
            nargs="+" if several else None,
            metavar=metavar,
            help=f"{HELP[option]} (default: {shown})",
        )
    add = parser.add_argument
    add("--seed", type=seed, default=0, metavar="N", help="all randomness (default: 0)")
    add("--output", default="results", metavar="DIR", help="where files go (default: results)")
    add("--show", action="store_true", help="also show the figure")
    options = parser.parse_args(namespace=argparse.Namespace(name=name))
    if not options.show:
        matplotlib.use("agg")  # draws to files alone: needs no display
    elif matplotlib.get_backend() in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        parser.error("argument --show: there is no display to show the figure on")
    if read_data:
        try:
            options.data = read_data(options)
        except ValueError as error:
            parser.error(f"argument --data: {error}")
    try:
        options.output = check_directory(options.output, name)
    except OSError as error:
        parser.error(f"argument --output: {options.output!r}: {error.strerror}")
    return options


class OneLineErrorParser(argparse.ArgumentParser):
    """An argument parser that leaves out the usage text when it reports an error."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def count(text):
    """Return the int in `text`; raise argparse.ArgumentTypeError unless it is a count."""
    return _whole_number(text, 1, LARGEST_COUNT)


def seed(text):
    """Return the int in `text`; raise argparse.ArgumentTypeError unless Keras takes it as seed."""
    return _whole_number(text, 0, LARGEST_SEED)


def learning_rate(text):
    """Return the float in `text`; raise argparse.ArgumentTypeError unless it is above 0."""
    try:
        rate = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        rate = math.nan
    low, high = RATES
    if not low <= rate <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return rate


def _whole_number(text, smallest, largest):
    # Not int() alone, which also takes "1_000" and the digits of every script.
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not smallest <= int(text) <= largest:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {smallest} to {largest}"
        )
    return int(text)


KINDS = {"learning_rate": (learning_rate, "X"), "data": (str, "FILE"), "label": (str, "NAME")}


def end_quietly_on_interrupt(script):
    """Let Ctrl-C end the process at once, with one line, even while libraries are loaded."""
    terminal = os.dup(2)  # standard error, also while it is turned off

    def end(signal_number, frame):
        os.write(terminal, f"\n{script}: interrupted\n".encode())
        os._exit(130)

    signal.signal(signal.SIGINT, end)


def run(main, options):
    """Call `main(options)`; end with one line on Ctrl-C, and if the data do not fit into memory."""
    sys.stdout.reconfigure(errors="replace")  # a terminal that has no ± prints ? for it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # files are put in order first
    try:
        main(options)
    except KeyboardInterrupt:
        print(f"\n{options.name}.py: interrupted", file=sys.stderr, flush=True)
        os._exit(130)  # sys.exit would wait for a model that is being compiled
    except MemoryError:
        sys.exit(f"{options.name}.py: error: not enough memory for data of this size")

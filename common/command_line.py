"""What the command lines of all scripts share: the options, and one line for every ending."""

import argparse
import contextlib
import math
import os
import signal
import sys
from functools import partial
from pathlib import Path

from common.files import check_directory
from common.startup import find_missing_package, is_interactive, load_keras

OPTIONS = {  # that most scripts have: the default, and what they mean
    "timesteps": (10, "length of a sequence"),
    "units": (20, "memory cells per direction"),
    "sequences": (1000, "training sequences"),
    "batch_size": (1, "sequences per update"),
    "learning_rate": (0.001, "step size of the optimizer, Adam"),
    "runs": (30, "independent trainings of each model at each learning rate"),
    "epochs": (None, "passes over the training sequences"),
}
LARGEST_COUNT = 2**31 - 1  # the largest size of an axis that all of TensorFlow takes
LARGEST_SEED = 2**32 - 1  # the largest that keras.utils.set_random_seed takes
RATES = 1e-30, 1e30  # from the smallest to the largest: all well within Keras' float type


def start_script(script, description, any_backend=False, meanings=None, **defaults):
    """Begin a script: read its options, then load Keras without start-up messages.

    Args:
        script: the script's `__file__`.
        description: the script's docstring, for `--help`.
        any_backend: the script runs on any backend of Keras, not on TensorFlow alone.
        meanings, **defaults: as for `make_parser`.

    Returns:
        What `read_options` returns.
    """
    parser = make_parser(script, description, meanings, **defaults)
    parser.parse_args()  # --help ends here
    if not any_backend:
        check_backend(parser)
    options = read_options(parser)
    # A script that trains once trains a model too small to be shared by cores.
    load_keras(os.cpu_count() if "runs" in options else 1)
    return options


def check_backend(parser):
    """End the script with one line if the user has set another backend of Keras than TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        parser.error(f"KERAS_BACKEND is {backend!r}: compiled training needs 'tensorflow'")


def make_parser(script, description, meanings=None, **defaults):
    """Make the parser of a script's options. From here on Ctrl-C ends the process at once.

    Args:
        script: the script's `__file__`; its stem names the files.
        description: the script's docstring, for `--help`.
        meanings: None, or a dict of option to what it means, where that differs from OPTIONS.
        **defaults: defaults that differ from OPTIONS; None for an option that the script does not
            have. A tuple makes an option that takes one or more values.
    """
    if not is_interactive():
        for name in ("stdin", "stdout", "stderr"):  # a closed one (`2>&-`): its text goes nowhere
            if getattr(sys, name) is None:
                setattr(sys, name, open(os.devnull, "w"))
        end_at_once_on_signals(Path(script).name)
    if missing := find_missing_package():
        sys.exit(
            f"{Path(script).name}: error: this Python ({sys.executable}) has no {missing}: install"
            ' requirements.txt as README says ("Run it"), and start the script by .venv/bin/python'
        )
    parser = OneLineErrorParser(
        prog=Path(script).name,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option, (default, meaning) in OPTIONS.items():
        default = defaults.get(option, default)
        if default is None:
            continue
        is_rate, several = option == "learning_rate", isinstance(default, tuple)
        meaning = (meanings or {}).get(option, meaning)
        parser.add_argument(
            "--" + option.replace("_", "-"),
            type=read_rate if is_rate else read_whole_number,
            default=default,
            nargs="+" if several else None,
            metavar="X" if is_rate else "N",
            help=f"{meaning} (default: {' '.join(map(str, default)) if several else default})",
        )
    add = parser.add_argument
    read_seed = partial(read_whole_number, smallest=0, largest=LARGEST_SEED)
    add("--seed", type=read_seed, default=0, metavar="N", help="all randomness (default: 0)")
    add("--output", default="results", metavar="DIR", help="where files go (default: results)")
    add("--show", action="store_true", help="also show the figure")
    return parser


def read_options(parser):
    """Read a script's options, and check that its files can be written before any work is done.

    Args:
        parser: as `make_parser` makes it.

    Returns:
        A namespace: `name` (str), `output` (Path of an existing directory), `seed` (int),
        `show` (bool), and for each option of the script an int (a float for `learning_rate`), or
        a sequence of them.

    Raises:
        SystemExit: with status 2, after one line that names the option and the value, if an option
            is wrong.
    """
    import matplotlib  # here, as it takes a while: by now Ctrl-C ends with one line

    name = Path(parser.prog).stem
    options = parser.parse_args(namespace=argparse.Namespace(name=name))
    for option, value in vars(options).items():
        if isinstance(value, list):  # each value once
            setattr(options, option, list(dict.fromkeys(value)))
    if not options.output:
        parser.error("argument --output: '' is no folder")
    if not options.show and not is_interactive():
        matplotlib.use("agg")  # draws without a display
    if options.show and matplotlib.get_backend().lower() == "agg":
        parser.error("argument --show: there is no display to show the figure on")
    try:
        options.output = check_directory(options.output, name)
    except OSError as error:
        reason = f"{error.strerror} ({error.filename})"
        parser.error(f"argument --output: {options.output!r}: {reason}")
    return options


class OneLineErrorParser(argparse.ArgumentParser):
    """An argument parser that leaves out the usage text when it reports an error."""

    def error(self, message):
        if message.startswith("unrecognized arguments"):
            message += " (--help lists the options)"
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        # A notebook's %run would add lines of its own to another status than 0.
        self.exit(0 if is_interactive() else 2)


def read_whole_number(text, smallest=1, largest=LARGEST_COUNT):
    """Return the int in `text`; raise argparse.ArgumentTypeError unless it is in the range."""
    # Not int() alone, which also takes "1_000" and the digits of every script.
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not smallest <= int(text) <= largest:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {smallest} to {largest}"
        )
    return int(text)


def read_rate(text):
    """Return the float in `text`; raise argparse.ArgumentTypeError unless it is within RATES."""
    low, high = RATES
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not low <= rate <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return rate


def end_at_once_on_signals(script):
    """Let Ctrl-C end the process with one line, and a closed pipe without one, at any moment."""
    terminal = os.dup(2)  # standard error, also while it is turned away

    def interrupt(signal_number, frame):
        os.write(terminal, f"\n{script}: interrupted\n".encode())
        os._exit(130)

    signal.signal(signal.SIGINT, interrupt)
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def run(main, options):
    """Call `main(options)`; end with one line if the user stops it or the machine is too small."""
    script = f"{options.name}.py"
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has no such method, and needs none
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no ± prints ? for it
    try:
        main(options)
        sys.stdout.flush()
    except KeyboardInterrupt:  # in a notebook, or while files are written
        end(130, f"\n{script}: interrupted")
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        end(1, f"{script}: error: {reason}; files in {options.output} are as they were")
    except Exception as error:
        if type(error).__name__ not in ("MemoryError", "ResourceExhaustedError"):
            raise
        end(1, f"{script}: error: not enough memory for data or a model of this size")


def end(status, line):
    """Print a line to standard error and end the process; in a notebook, only print it."""
    print(line, file=sys.stderr, flush=True)
    if not is_interactive():
        with contextlib.suppress(OSError):  # standard output may be what is full
            sys.stdout.flush()
        os._exit(status)  # sys.exit would wait for a model that is being compiled

"""What the process of a script needs before Keras is loaded: a quiet start, and threads."""

import builtins
import contextlib
import gc
import os
import signal
import subprocess
import sys
import warnings
from importlib import metadata
from pathlib import Path

# Measured on layers as small as these: one thread for an operation, as to share out so little work
# takes longer than to do it; fewer optimizations, as that is compiled sooner and no slower; and a
# small loop, such as that over the time steps, as one function, which is three times as fast.
XLA_FLAGS = (
    "--xla_cpu_multi_thread_eigen=false"
    " --xla_backend_optimization_level=1"
    " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
)
# Of TensorFlow, those on which these flags were tried: one that does not know a flag ends.
TRIED = ("2.19.", "2.20.", "2.21.", "2.22.0rc0")


def is_interactive():
    """Tell whether IPython runs the script, as in a notebook: then the process is the user's."""
    return hasattr(builtins, "__IPYTHON__")


def get_xla_flags():
    """Return the flags of XLA that suit the installed TensorFlow, or "": then it is slower."""
    try:
        version = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:  # a nightly build, for example
        return ""
    return XLA_FLAGS if version.startswith(TRIED) else ""


def load_keras(n_threads):
    """Load Keras, quietly, and set TensorFlow up for layers as small as these.

    The backend is TensorFlow, unless KERAS_BACKEND says another. Where Keras is loaded already, as
    in a notebook it may be, this does nothing. If Keras cannot be loaded, the process ends with
    status 1, or as whatever ended it will have it, after a few lines that say why.

    Args:
        n_threads: how many trainings TensorFlow is to run side by side.
    """
    if "keras" in sys.modules:
        return
    advice = _get_advice()
    # TensorFlow and XLA read these when they are loaded; what the user has set stays.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n_threads))
    if os.environ["KERAS_BACKEND"] == "tensorflow" and get_xla_flags():
        os.environ.setdefault("XLA_FLAGS", get_xla_flags())
    # Hundreds of thousands of objects that stay to the end: the garbage collector would search
    # them again and again while they come, and once more at the end, for a good second in all.
    gc.disable()
    # Some start-up messages heed no log level; and half of TensorFlow cannot be loaded again.
    try:
        with _quiet_stderr(advice), _interrupt_afterwards():
            _import_keras()
    except (Exception, SystemExit) as error:
        if is_interactive():
            raise
        print(f"{_get_beginning()} {type(error).__name__}: {error}\n{advice}", file=sys.stderr)
        sys.exit(1)
    gc.freeze()
    gc.enable()


def _import_keras():
    import keras

    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with tf.device("CPU"):  # before TensorFlow 2.21 the first compilation prints lines
            tf.function(lambda: tf.constant(0), jit_compile=True)()
        tf.get_logger().setLevel("ERROR")  # no warning that each of many models is traced
    # From Keras 3.16 on each recurrent layer warns that it passes no mask on. None has to.
    warnings.filterwarnings("ignore", "Layer .* mask attached", UserWarning)


def _get_beginning():
    return f"{Path(sys.argv[0]).name}: error: Keras could not be loaded:"


def _get_advice():
    """Say what to do if Keras cannot be loaded."""
    prefixes = "XLA_FLAGS", "TF_XLA_", "TF_CPP_", "TF_NUM_", "TF_ENABLE_", "KERAS_"
    names = [name for name in os.environ if name.startswith(prefixes)]
    if names:
        return f"Try it without what you have set: {', '.join(sorted(names))}."
    return (
        'See if this says more: python -c "import keras". '
        "If it says nothing, run the script with XLA_FLAGS set to an empty text."
    )


@contextlib.contextmanager
def _interrupt_afterwards():
    """In a notebook, where the process goes on after Ctrl-C, hold it back until the end."""
    if not is_interactive():
        yield
        return
    held = []
    handler = signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _quiet_stderr(advice):
    """Turn standard error away; another process tells of it if this one ends meanwhile.

    None of what ends a process from within C++, as XLA does, can be caught in the process itself.

    Args:
        advice: the last line to print then.
    """
    sys.stderr.flush()
    program = Path(__file__).with_name("watcher.py")
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", program, _get_beginning(), advice],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for the watcher; on Windows it takes a flag
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    saved = os.dup(2)
    os.dup2(watcher.stdin.fileno(), 2)

    def restore():
        os.dup2(saved, 2)
        watcher.kill()
        watcher.wait()

    def restore_and_interrupt(*arguments):
        restore()
        interrupt(*arguments)

    interrupt = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, restore_and_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)
        restore()
        watcher.stdin.close()
        os.close(saved)

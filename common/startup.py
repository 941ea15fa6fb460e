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

# Measured on layers as small as these: one thread for each operation, since sharing so little work
# takes longer than doing it; fewer optimizations, since that compiles sooner and runs no slower;
# and a small loop, such as that over the time steps, as one function, which is three times as fast.
XLA_FLAGS = (
    "--xla_cpu_multi_thread_eigen=false"
    " --xla_backend_optimization_level=1"
    " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
)
# The versions of TensorFlow on which these flags were tried. One that does not know a flag ends.
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
    """Load Keras without its messages, and set TensorFlow up for layers as small as these.

    The backend is TensorFlow, unless KERAS_BACKEND names another. If Keras is loaded already, as it
    may be in a notebook, this does nothing. If Keras cannot be loaded, a few lines say why, and the
    process ends with status 1 or with that of whatever ended it.

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
    # Loading creates hundreds of thousands of objects that stay to the end. The garbage collector
    # would search them again and again, for more than a second in all.
    gc.disable()
    # Some messages ignore the log level. And TensorFlow, once half loaded, cannot be loaded again.
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
    # From Keras 3.16, each recurrent layer warns that it passes no mask on. Here none needs to.
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
    """In a notebook, where the process goes on after Ctrl-C, hold Ctrl-C back until the end."""
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
    """Turn standard error away. If the process ends meanwhile, another process says why.

    When C++ code such as XLA ends a process, the process itself cannot catch that.

    Args:
        advice: the last line to print then.
    """
    sys.stderr.flush()
    program = Path(__file__).with_name("watcher.py")
    held = []  # a Ctrl-C while the watcher starts
    interrupt = signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
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

    def restore_and_interrupt(*arguments):
        restore()
        interrupt(*arguments)

    signal.signal(signal.SIGINT, restore_and_interrupt)
    if held:
        restore_and_interrupt(*held[0])
    try:
        yield
    finally:
        restore()  # first: a Ctrl-C from here on must not let the watcher speak
        signal.signal(signal.SIGINT, interrupt)
        watcher.wait()
        watcher.stdin.close()
        os.close(saved)

"""What the process of a script needs before Keras is loaded: a quiet start, and threads."""

import builtins
import contextlib
import faulthandler
import gc
import os
import signal
import sys

# Measured on layers as small as these: one thread for an operation, as to share out so little work
# takes longer than to do it; fewer optimizations, as that is compiled sooner and no slower; and a
# small loop, such as that over the time steps, as one function, which is three times as fast.
XLA_FLAGS = (
    "--xla_cpu_multi_thread_eigen=false"
    " --xla_backend_optimization_level=1"
    " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
)


def is_interactive():
    """Tell whether IPython runs the script, as in a notebook: then the process is the user's."""
    return hasattr(builtins, "__IPYTHON__")


def load_keras(n_threads):
    """Load Keras, quietly, and set TensorFlow up for layers as small as these.

    The backend is TensorFlow, unless KERAS_BACKEND says another. Where Keras is loaded already, as
    in a notebook it may be, this does nothing.

    Args:
        n_threads: how many trainings TensorFlow is to run side by side.
    """
    if "keras" in sys.modules:
        return
    # TensorFlow and XLA read these when they are loaded; what the user has set stays.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n_threads))
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
    # Hundreds of thousands of objects that stay to the end: the garbage collector would search
    # them again and again while they come, and once more at the end, for a good second in all.
    gc.disable()
    # Some start-up messages heed no log level; and half of TensorFlow cannot be loaded again.
    with _quiet_stderr(), _interrupt_afterwards():
        import keras

        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            with tf.device("CPU"):  # before TensorFlow 2.21 the first compilation prints lines
                tf.function(lambda: tf.constant(0), jit_compile=True)()
            tf.get_logger().setLevel("ERROR")  # no warning that each of many models is traced
    gc.freeze()
    gc.enable()


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
def _quiet_stderr():
    """Drop what C++ writes to standard error, but not what tells of a crash."""
    sys.stderr.flush()
    saved = os.dup(2)
    handles_faults = faulthandler.is_enabled()
    faulthandler.enable(saved)  # a fatal error still prints where it happened
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        faulthandler.disable()
        if handles_faults:
            faulthandler.enable()
        os.close(saved)

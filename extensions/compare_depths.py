"""Can I stack bidirectional layers?

    python -m extensions.compare_depths

trains one, two and three bidirectional LSTM layers, 30 times each on 3,000 sequences, one per
update, at six learning rates. You can, if every layer returns its output at every time step. Expect
a lower loss with a second layer and no gain from a third. The gain is smaller if three other runs
choose the rate of each run. It takes about 105 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.001, 0.002, 0.006, 0.01, 0.03, 0.06
    options = start_script(__file__, __doc__, sequences=3000, learning_rate=rates)

from keras import layers

from common.files import save
from common.floors import get_known
from extensions.shared.figures import draw
from extensions.shared.models import get_label_model
from extensions.shared.report import report, report_choices
from extensions.shared.training import train_on_sums

N_LAYERS = {"bilstm_x1": 1, "bilstm_x2": 2, "bilstm_x3": 3}  # of each model
PAIRS = [("bilstm_x2", "bilstm_x1"), ("bilstm_x3", "bilstm_x2")]


def get_stacked_model(n_timesteps, n_layers=2, *, n_units=20):
    """Build and compile a stack of bidirectional LSTMs that predicts a label at every time step.

    Args:
        n_timesteps: length of the sequences, a whole number.
        n_layers: number of bidirectional layers, 1 or more.
        n_units: memory cells in each direction of each layer.

    Returns:
        A compiled Keras model: input `(n_sequences, n_timesteps, 1)`, output of the same shape,
        the probabilities of label 1.

    Raises:
        ValueError: `n_units` is not positive.
    """
    # The next layer needs the output at every time step, not only the last one.
    stack = [
        layers.Bidirectional(layers.LSTM(n_units, return_sequences=True)) for _ in range(n_layers)
    ]
    return get_label_model(n_timesteps, stack)


def main(options):
    models = {
        name: get_stacked_model(options.timesteps, n_layers, n_units=options.units)
        for name, n_layers in N_LAYERS.items()
    }
    _, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    views = report_choices(scores, options.seed)
    report(views, PAIRS, get_known(options.timesteps))
    figure = draw(
        views.assign(layers=views.model.map(N_LAYERS), model="bidirectional LSTM"),
        x="layers",
        title="Does a second bidirectional layer lower the loss? And a third?",
        xlabel="bidirectional LSTM layers",
        ylabel="test loss (cross-entropy, nats)",
        xticks=[*N_LAYERS.values()],
        ylim=(0, None),
    )
    save(options, figure, scores=scores)


if __name__ == "__main__":
    run(main, options)

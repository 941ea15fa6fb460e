"""How should the outputs of the two directions be merged?

Tutorial section "Comparing Bidirectional LSTM Merge Modes".

    python compare_merge_modes.py

trains each model 30 times on 250 sequences, one per update. Expect sum and concat close
together, ave a little behind, mul far behind. It takes about 9 seconds on 2 CPU cores.
`--runs 1` shows one run, as the tutorial does.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(
        __file__,
        __doc__,
        timesteps=10,
        units=20,
        sequences=250,
        batch_size=1,
        learning_rate=0.001,
        runs=30,
    )

from functools import partial

from bilstm import get_bi_lstm_model
from common.figures import draw_comparison
from common.files import save
from common.floors import get_known
from common.results import print_comparison
from common.training import train_runs
from data import get_sequences, score_labels

MODELS = {
    "bilstm_sum": partial(get_bi_lstm_model, mode="sum"),
    "bilstm_mul": partial(get_bi_lstm_model, mode="mul"),
    "bilstm_ave": partial(get_bi_lstm_model, mode="ave"),
    "bilstm_con": partial(get_bi_lstm_model, mode="concat"),
}


def main(options):
    models = {
        name: build(options.timesteps, options.units, learning_rate=options.learning_rate)
        for name, build in MODELS.items()
    }
    losses, scores = train_runs(
        models,
        partial(get_sequences, n_timesteps=options.timesteps),
        score_labels,
        n_sequences=options.sequences,
        n_runs=options.runs,
        batch_size=options.batch_size,
        seed=options.seed,
    )
    known = get_known(options.timesteps)
    print_comparison(models, scores, known)
    title = "Merge modes of a bidirectional LSTM"
    figure = draw_comparison(losses, title, options.batch_size, known=known)
    save(options.output, options.name, figure, losses, scores, show=options.show)


if __name__ == "__main__":
    run(main, options)

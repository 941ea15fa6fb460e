"""How should the outputs of the two directions be merged?

Tutorial section "Comparing Bidirectional LSTM Merge Modes".

    python compare_merge_modes.py

trains each model 30 times on 250 sequences, one per update. Expect sum and concat close
together, ave a little behind, mul far behind. It takes about 23 seconds on 2 CPU cores.
`--runs 1` shows one run, as the tutorial does.
"""

from functools import partial

from bilstm import get_bi_lstm_model
from command_line import parse_options, run
from figures import draw_comparison
from report import comparison_losses, print_comparison, save
from training import train_runs_on_sums

MODELS = {
    "bilstm_sum": partial(get_bi_lstm_model, mode="sum"),
    "bilstm_mul": partial(get_bi_lstm_model, mode="mul"),
    "bilstm_ave": partial(get_bi_lstm_model, mode="ave"),
    "bilstm_con": partial(get_bi_lstm_model, mode="concat"),
}


def main(arguments=None):
    options = parse_options(
        __file__, __doc__, arguments, timesteps=10, units=20, sequences=250, batch_size=1, runs=30
    )
    models = {name: build(options.timesteps, options.units) for name, build in MODELS.items()}
    losses, scores, _ = train_runs_on_sums(models, options)
    print_comparison(models, scores)
    figure = draw_comparison(losses, "Merge modes of a bidirectional LSTM", options.batch_size)
    save(options, figure, comparison_losses(losses))


if __name__ == "__main__":
    run(main)

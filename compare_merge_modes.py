"""How should the outputs of the two directions be merged?

Tutorial section "Comparing Bidirectional LSTM Merge Modes".

    python compare_merge_modes.py

trains each model 30 times on 250 sequences, one per update. Expect nearly the same loss from sum
and concat, a slightly higher one from ave, and a much higher one from mul. It takes about 12
seconds on 2 CPU cores. `--runs 1` shows one run, as the tutorial does.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    options = start_script(__file__, __doc__, sequences=250)

import matplotlib.pyplot as plt

from bilstm import get_bi_lstm_model
from common.files import save
from common.floors import get_known
from common.report import report
from common.training import train_runs
from data import get_sequences, score_labels

LINES = {  # the line of each model in the figure
    "bilstm_sum": {"color": "#7a3b8f", "linestyle": (0, (8, 2))},
    "bilstm_mul": {"color": "#5b8fd4", "linestyle": (0, (5, 1, 1, 1))},
    "bilstm_ave": {"color": "#8a8a3a", "linestyle": (0, (3, 2))},
    "bilstm_con": {"color": "#b07d00", "linestyle": ":"},
}


def get_models(n_timesteps, **settings):
    """Build the models to compare; `settings` are `n_units` and `learning_rate`."""
    return {
        "bilstm_sum": get_bi_lstm_model(n_timesteps, "sum", **settings),
        "bilstm_mul": get_bi_lstm_model(n_timesteps, "mul", **settings),
        "bilstm_ave": get_bi_lstm_model(n_timesteps, "ave", **settings),
        "bilstm_con": get_bi_lstm_model(n_timesteps, "concat", **settings),
    }


def main(options):
    def get_data(rng):
        """Draw the sequences of one run, to train on and to test on."""
        # The test sequences do not depend on the number of training sequences.
        test_rng = rng.spawn(1)[0]
        return (
            get_sequences(options.sequences, options.timesteps, rng),
            get_sequences(1000, options.timesteps, test_rng),
        )

    # Each run draws new sequences, which all models share, and new initial weights for each model.
    # Each model is trained in one pass over the sequences.
    losses, scores = train_runs(
        get_models(options.timesteps, n_units=options.units),
        get_data,
        score_labels,
        learning_rates=[options.learning_rate],  # instead of the models' own
        n_runs=options.runs,
        seed=options.seed,
        batch_size=options.batch_size,
    )

    known = get_known(options.timesteps)
    report(scores, known)

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, line in LINES.items():
        by_run = losses.pivot(index="update", columns="run", values=name)
        smooth = by_run.rolling(11, center=True, min_periods=min(11, len(by_run))).mean()
        mean, errors = smooth.mean(axis=1, skipna=False), 2 * smooth.sem(axis=1)
        axes.plot(mean, label=name, linewidth=2, **line)
        axes.fill_between(mean.index, mean - errors, mean + errors, color=line["color"], alpha=0.2)
    baseline = "step number alone"
    axes.axhline(known[baseline]["loss"], color="black", linewidth=0.9, label=baseline)
    conditions = (
        f"learning rate {options.learning_rate:g}, runs: {options.runs}, ± 2 standard errors"
    )
    axes.set_title(f"How should the two directions be merged?\n{conditions}")
    axes.set_xlabel(f"update (batch size {options.batch_size})")
    axes.set_ylabel("training loss, mean of 11 updates (nats)")
    axes.set_ylim(0, max(0.75, axes.get_ylim()[1]))
    axes.grid(alpha=0.3)
    axes.legend()
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)

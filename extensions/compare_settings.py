"""Do the comparisons hold with other lengths, sizes and batches?

    python -m extensions.compare_settings

repeats the comparisons of the claims C2, C4 and C7 (docs/claims.md) with 10 time steps, 20 units
and one sequence per update, and then with one of these changed: 30 or 100 time steps, 5 or 100
units, 32 sequences per update. Each model is trained 10 times at each of seven learning rates, for
1,000 updates and, where one training takes less than 3 seconds, for 10,000. At 0.001 expect a lower
loss from the bidirectional LSTM in most settings. Where three other runs choose the rate of each
run, expect no clear difference in most settings. It takes about 20 minutes on 2 CPU cores.

The first values of `--timesteps`, `--units` and `--batch-size` make the first setting.
`--sequences` is the number of updates in every setting. Two changes at once are not tried.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import run, start_script

    several = {"timesteps": (10, 30, 100), "units": (20, 5, 100), "batch_size": (1, 32)}
    rates = 0.0001, 0.0003, 0.001, 0.004, 0.016, 0.06, 0.2
    meanings = {"sequences": "updates; and ten times as many, where that is tried"}
    several |= {"learning_rate": rates, "runs": 10}
    options = start_script(__file__, __doc__, meanings=meanings, **several)

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from keras import layers

from common.choosing import get_views, print_choices
from common.comparing import train_on_sums
from common.figures import add_legend, set_heading
from common.files import save
from common.floors import get_known
from common.results import MEASURES, describe_runs, differences, in_words, interval
from extensions.compare_cells import CELLS, get_cell_model

CLAIMS = {  # what the claim says of the first model's test loss minus the second's
    ("bilstm_con", "lstm_forw"): ("C2", "lower"),
    ("gru_forw", "lstm_forw"): ("C7", "alike"),
    ("rnn_forw", "lstm_forw"): ("C7", "higher"),
    ("bilstm_con", "bilstm_sum"): ("C4", "nothing"),
    ("bilstm_mul", "bilstm_sum"): ("C4", "higher"),
    ("bilstm_ave", "bilstm_sum"): ("C4", "higher"),
    ("bilstm_mul", "bilstm_con"): ("C4", "higher"),
    ("bilstm_ave", "bilstm_con"): ("C4", "higher"),
}
OUTCOMES = ["lower", "higher", "alike", "no clear difference", "no verdict"]
MODES = ["sum", "mul", "ave", "concat"]
SETTINGS = {"timesteps": "{} steps", "units": "{} units", "batch_size": "{} per update"}
# In settings up to these a training of 10,000 updates takes less than 3 seconds on one core.
LARGEST = {
    "forward": {"timesteps": 100, "units": 100, "batch_size": 1},
    "bidirectional": {"timesteps": 100, "units": 20, "batch_size": 1},
}
MARGIN = MEASURES["loss"].margin
PANELS = {  # of the figure; mul and ave minus concat are in the tables alone
    ("bilstm_con", "lstm_forw"): "bidirectional LSTM\nminus forward LSTM",
    ("gru_forw", "lstm_forw"): "forward GRU\nminus forward LSTM",
    ("rnn_forw", "lstm_forw"): "forward plain RNN\nminus forward LSTM",
    ("bilstm_con", "bilstm_sum"): "merge mode concat\nminus sum",
    ("bilstm_mul", "bilstm_sum"): "merge mode mul\nminus sum",
    ("bilstm_ave", "bilstm_sum"): "merge mode ave\nminus sum",
}
LIMITS = -0.08, 0.15  # of the axis of differences, in nats: one failed run must not stretch it
UPDATE_STYLES = [  # of the tests after fewer and after more updates
    {"fmt": "o", "color": "#777777", "markerfacecolor": "white", "markersize": 5, "capsize": 3},
    {"fmt": "s", "color": "black", "markersize": 4, "capsize": 3},
]


def get_settings(**values):
    """Return the settings to try: the first values of all lists, then one of them changed.

    Args:
        **values: lists of int, for each key of SETTINGS.

    Returns:
        Dict of name to a dict with a value for each key of SETTINGS.
    """
    first = {key: values[key][0] for key in SETTINGS}
    settings = {", ".join(SETTINGS[key].format(value) for key, value in first.items()): first}
    for key, name in SETTINGS.items():
        settings |= {name.format(value): first | {key: value} for value in values[key][1:]}
    return settings


def get_models(n_timesteps, n_units):
    """Build all models that are compared, those with the longest training first.

    They have `Dense` where bilstm.py has `TimeDistributed(Dense)`: it computes the same, in a third
    of the time with 100 time steps.
    """
    layers_of = {f"bilstm_{mode[:3]}": partial(read_both_ways, mode) for mode in MODES}
    layers_of |= {f"{name}_forw": cell for name, cell in CELLS.items()}
    return {
        name: get_cell_model(n_timesteps, layer, n_units=n_units)
        for name, layer in layers_of.items()
    }


def read_both_ways(mode, n_units, **settings):
    """Build the layer of an LSTM that reads in both directions and merges the outputs."""
    return layers.Bidirectional(layers.LSTM(n_units, **settings), merge_mode=mode)


def is_trained_longer(model, setting):
    """Tell whether a model, given by its name, is also trained for ten times the updates."""
    largest = LARGEST["forward" if model.endswith("_forw") else "bidirectional"]
    return all(value <= largest[key] for key, value in setting.items())


def train(setting, options):
    """Train all models in one setting.

    Returns:
        The scores after `options.sequences` updates and after ten times as many.
    """
    models = get_models(setting["timesteps"], setting["units"])
    n_sequences, tables = options.sequences * setting["batch_size"], []
    for n_epochs in (1, 10):  # passes, each on new sequences
        settings = {"batch_size": setting["batch_size"], "n_epochs": n_epochs, "fresh": True}
        group = {
            name: model
            for name, model in models.items()
            if is_trained_longer(name, setting) == (n_epochs > 1)
        }
        if group:
            _, scores = train_on_sums(group, setting["timesteps"], n_sequences, options, **settings)
            counts = scores["update"].isin([options.sequences, 10 * options.sequences])
            tables.append(scores[counts].sort_values("update", kind="stable"))
    return pd.concat(tables, ignore_index=True)


def tabulate_verdicts(scores, seed=0):
    """Compare all pairs of CLAIMS in each setting, after each number of updates, in each view.

    Each setting and number of updates has its own choice of learning rates.

    Args:
        scores: DataFrame as `train_runs` returns it, with a column `setting`.
        seed: of the choice.

    Returns:
        DataFrame with the columns `setting`, `update`, `view` (its words), `one` and `other` (the
        models), `words`, and `mean`, `low` and `high` of the first test loss minus the second, in
        nats. A pair has no row where one of its models was not trained.
    """
    rows = []
    for (setting, n_updates), tested in scores.groupby(["setting", "update"], sort=False):
        for view, (one, other) in product(get_views(tested, seed), CLAIMS):
            if {one, other} <= {*tested.model}:
                paired = differences(view.scores, "loss", one, other)
                low, high = interval(paired)
                names = setting, n_updates, view.words, one, other
                rows.append((*names, in_words(paired, MARGIN), paired.mean(), low, high))
    columns = ["setting", "update", "view", "one", "other", "words", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def get_outcome(words):
    """Return which of OUTCOMES the words of `in_words` mean; `alike` if within the margin."""
    if "too few" in words or "no mean" in words:
        return "no verdict"
    if "within" in words:
        return "alike"
    return next(outcome for outcome in OUTCOMES if words.startswith(outcome))


def contradicts(outcome, claimed):
    """Tell whether an outcome is a clear difference that the claim excludes."""
    return claimed != "nothing" and outcome in {"lower", "higher"} - {claimed}


def answer(verdicts):
    """Say for each pair of CLAIMS and each view how often it has which outcome.

    Args:
        verdicts: as `tabulate_verdicts` returns them.
    """
    lines = []
    for (one, other), (claim, claimed) in CLAIMS.items():
        of_pair = verdicts[(verdicts.one == one) & (verdicts.other == other)]
        for view, rows in of_pair.groupby("view", sort=False):
            outcomes = rows.words.map(get_outcome)
            counts = outcomes.value_counts().reindex(OUTCOMES).dropna().astype(int)
            outcome_counts = ", ".join(f"{name} in {number}" for name, number in counts.items())
            against = rows[[contradicts(outcome, claimed) for outcome in outcomes]]
            named = [
                f"{row.setting}, {row.update:,} updates ({row.words})"
                for row in against.itertuples()
            ]
            found = f"{len(rows)} comparisons: {outcome_counts}"
            said = f"The claim says {claimed}; against it: {'; '.join(named) or 'none'}."
            if claimed == "nothing":
                said = "The claim says nothing about this pair."
            lines.append(f"Answer, {claim}, {one} minus {other}, {view}, {found}. {said}")
    return "\n".join(lines)


def print_losses(scores, settings, seed):
    """Print how often each rate was chosen, and the mean test losses at the chosen rates.

    Args:
        scores, seed: as for `tabulate_verdicts`.
        settings: as `get_settings` returns them.
    """
    chosen = []
    for n_updates, tested in scores.groupby("update"):
        print(f"\nAfter {n_updates:,} updates.", end=" ")
        print_choices(tested, seed)
        chosen.append(get_views(tested, seed)[-1])
    losses = pd.concat([view.scores for view in chosen])
    # Unlike the mean of pandas, this one is not finite if one of the losses is not.
    table = losses.pivot_table(
        "loss",
        ["setting", "update"],
        "model",
        lambda of_runs: f"{of_runs.to_numpy().mean():.3f}",
        sort=False,
    ).fillna("")
    table["step number alone"] = [
        f"{get_known(settings[setting]['timesteps'])['step number alone']['loss']:.3f}"
        for setting, _ in table.index
    ]
    print(f"\nTest loss, {chosen[0].words}:")
    print(table.to_string())


def draw(verdicts, n_runs):
    """Draw the differences at the chosen rates, with their intervals: a panel for each of PANELS.

    Args:
        verdicts: as `tabulate_verdicts` returns them.
        n_runs: how many runs of each model there are.

    Returns:
        The figure.
    """
    heights = {setting: -row for row, setting in enumerate(verdicts.setting.unique())}
    chosen = verdicts[verdicts["view"] == verdicts["view"].iloc[-1]]
    figure, panels = plt.subplots(
        2, 3, figsize=(8, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    for axes, ((one, other), title) in zip(panels.flat, PANELS.items(), strict=True):
        of_pair = chosen[(chosen.one == one) & (chosen.other == other)]
        for number, (n_updates, rows) in enumerate(of_pair.groupby("update")):
            height = rows.setting.map(heights) + 0.17 - 0.34 * number
            spread = [rows["mean"] - rows.low, rows.high - rows["mean"]]
            label = f"after {n_updates:,} updates" + (", where tried" if number else "")
            axes.errorbar(rows["mean"], height, xerr=spread, label=label, **UPDATE_STYLES[number])
            label_beyond(axes, rows, height)
        axes.axvline(0, color="black", linewidth=0.9)
        axes.axvspan(
            -MARGIN, MARGIN, color="grey", alpha=0.25, linewidth=0, label=f"within {MARGIN:g} nats"
        )
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.3, axis="x")
    panels[0, 0].set(
        xlim=LIMITS, xticks=[-0.05, 0, 0.05, 0.1], ylim=(min(heights.values()) - 0.5, 0.5)
    )
    labels = [",\n".join(setting.rsplit(", ", 1)) for setting in heights]
    panels[0, 0].set_yticks([*heights.values()], labels)
    for axes in panels[:, 0]:
        axes.tick_params("y", labelsize="small")
    for axes in panels[-1]:
        axes.set_xlabel("difference in test loss (nats)")
    add_legend(figure)
    set_heading(
        figure,
        "Which differences remain with other lengths, sizes and batches?",
        f"right of 0: the first has the higher loss; {chosen['view'].iloc[0]},"
        f" {describe_runs(n_runs)}",
    )
    return figure


def label_beyond(axes, rows, heights):
    """Write what lies beyond LIMITS at the edge of a panel, with an arrow.

    Args:
        axes: of matplotlib.
        rows: DataFrame with the columns `mean`, `low` and `high`.
        heights: where each row is drawn.
    """
    style = {"fontsize": 8, "va": "bottom"}
    for row, height in zip(rows.itertuples(), heights, strict=True):
        mean = f"mean {row.mean:.2f}, " if not LIMITS[0] < row.mean < LIMITS[1] else ""
        if row.high > LIMITS[1]:
            axes.text(LIMITS[1], height, f"{mean}to {row.high:.2f} →", ha="right", **style)
        if row.low < LIMITS[0]:
            axes.text(LIMITS[0], height, f"← {mean}from {row.low:.2f}", ha="left", **style)


def main(options):
    settings = get_settings(**{key: getattr(options, key) for key in SETTINGS})
    tables = []
    for name, setting in settings.items():
        print(f"\n{name}")
        scores = train(setting, options)
        scores.insert(0, "setting", name)
        tables.append(scores)
    scores = pd.concat(tables, ignore_index=True)
    verdicts = tabulate_verdicts(scores, options.seed)
    print_losses(scores, settings, options.seed)
    print(answer(verdicts))
    save(options, draw(verdicts, options.runs), scores=scores, verdicts=verdicts)


if __name__ == "__main__":
    run(main, options)

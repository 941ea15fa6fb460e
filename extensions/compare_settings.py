"""Does it hold at other lengths, sizes and batches?

    python -m extensions.compare_settings

makes the comparisons of the claims C2, C4 and C7 (docs/claims.md) with 10 time steps, 20 units and
one sequence per update, and where one of these is different: 30 or 100 time steps, 5 or 100 units,
32 sequences per update. Each model is trained 10 times at each of six learning rates, by 1,000
updates and, where one training then takes less than 3 seconds, by ten times as many. Expect a lower
loss from the bidirectional LSTM in most settings at 0.001, and in few where each run has a rate
that other runs have chosen. It takes about 19 minutes on 2 CPU cores. The first of `--timesteps`,
`--units` and `--batch-size` are those of the first setting. `--sequences` counts those of one per
update, and so the updates of every setting.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    several = {"timesteps": (10, 30, 100), "units": (20, 5, 100), "batch_size": (1, 32)}
    rates = 0.0003, 0.001, 0.004, 0.016, 0.06, 0.2
    options = start_script(__file__, __doc__, learning_rate=rates, runs=10, **several)

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import layers

from common.choosing import get_views, print_choices
from common.comparing import train_on_sums
from common.figures import add_legend
from common.files import save
from common.floors import get_known
from common.results import MEASURES, describe_runs, differences, in_words, interval
from extensions.compare_cells import CELLS, get_cell_model

CLAIMS = {  # what the claim says of the test loss of the first model, minus that of the second
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
# Up to here a training of 10,000 updates takes less than 3 seconds on one core.
LARGEST = {
    "forward": {"timesteps": 100, "units": 100, "batch_size": 1},
    "bidirectional": {"timesteps": 100, "units": 20, "batch_size": 1},
}
MARGIN = MEASURES["loss"].margin
STYLES = [  # of the tests after fewer and after more updates, in the figure
    {"fmt": "o", "color": "#c1440e", "markerfacecolor": "white", "markersize": 5, "capsize": 3},
    {"fmt": "s", "color": "#0b2a4a", "markersize": 4, "capsize": 3},
]


def get_settings(**values):
    """Return the settings to try: in each but the first, one value is not the first of its list.

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
    """Build all models that are compared: those that take longest to train first.

    Those with merge modes are as bilstm.py builds them, but for `TimeDistributed`, which does the
    same as `Dense` alone and takes three times as long with 100 time steps.
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
    """Tell whether a model, by name, is also trained by ten times the updates in a setting."""
    largest = LARGEST["forward" if model.endswith("_forw") else "bidirectional"]
    return all(value <= largest[key] for key, value in setting.items())


def train(setting, options):
    """Train all models in one setting; return the scores of the tests that count.

    These are the one after `options.sequences` updates and the one after ten times as many.
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
            tables.append(keep_tests(scores, options.sequences))
    return pd.concat(tables, ignore_index=True)


def keep_tests(scores, n_updates):
    """Return the rows of the tests after `n_updates` and after ten times as many, in this order."""
    kept = scores[scores["update"].isin([n_updates, 10 * n_updates])]
    return kept.sort_values("update", kind="stable", ignore_index=True)


def tabulate_verdicts(scores, seed=0):
    """Compare all pairs of CLAIMS in each setting, after each number of updates, in each view.

    The rates are chosen anew for each setting and number of updates.

    Args:
        scores: DataFrame as `train_runs` returns it, with a column `setting`.
        seed: of the choice.

    Returns:
        DataFrame with the columns `setting`, `update`, `view` (its words), `one` and `other` (the
        models), `words`, and `mean`, `low` and `high`, of the test loss of one minus other, in
        nats. A pair of which a model was not trained has no row.
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
    """Return which of OUTCOMES the words of `in_words` stand for; within the margin is alike."""
    if "too few" in words or "no mean" in words:
        return "no verdict"
    if "within" in words:
        return "alike"
    return next(outcome for outcome in OUTCOMES if words.startswith(outcome))


def contradicts(outcome, claimed):
    """Tell whether there is a difference to the other side, or any where none is claimed."""
    return claimed != "nothing" and outcome in {"lower", "higher"} - {claimed}


def answer(verdicts):
    """Say for each pair of CLAIMS and view in how many cells it is as claimed, and where not.

    Args:
        verdicts: as `tabulate_verdicts` returns them.
    """
    lines = []
    for (one, other), (claim, claimed) in CLAIMS.items():
        of_pair = verdicts[(verdicts.one == one) & (verdicts.other == other)]
        for view, rows in of_pair.groupby("view", sort=False):
            outcomes = rows.words.map(get_outcome)
            counts = outcomes.value_counts().reindex(OUTCOMES).dropna().astype(int)
            cells = ", ".join(f"{outcome} in {number}" for outcome, number in counts.items())
            against = rows[[contradicts(outcome, claimed) for outcome in outcomes]]
            named = [
                f"{row.setting}, {row.update:,} updates ({row.words})"
                for row in against.itertuples()
            ]
            lines.append(
                f"Answer, {claim}, {one} minus {other}, {claimed} claimed, {view}: of {len(rows)}"
                f" cells {cells}; against the claim: {'; '.join(named) or 'none'}."
            )
    return "\n".join(lines)


def print_tables(scores, verdicts, settings, seed):
    """Print the rates chosen, the mean losses at them, and the words for each comparison.

    Args:
        scores, seed: as for `tabulate_verdicts`, which made `verdicts` of them.
        settings: as `get_settings` returns them.
    """
    losses = []
    for n_updates, tested in scores.groupby("update"):
        print(f"\nAfter {n_updates:,} updates.", end=" ")
        print_choices(tested, seed)
        losses.append(get_views(tested, seed)[-1].scores)
    keys, losses = ["setting", "update"], pd.concat(losses)
    table = losses.pivot_table("loss", keys, "model", with_mean, sort=False).fillna("")
    table["step number alone"] = [
        with_mean([get_known(settings[setting]["timesteps"])["step number alone"]["loss"]])
        for setting, _ in table.index
    ]
    print(f"\nTest loss, {verdicts['view'].iloc[-1]}:")
    print(table.to_string())
    for (one, other), rows in verdicts.groupby(["one", "other"], sort=False):
        words = rows.pivot_table("words", keys, "view", aggfunc="first", sort=False)
        print(f"\nTest loss of {one} minus that of {other}:")
        print(words.rename_axis(columns=None).to_string())


def with_mean(losses):
    """Return the mean, as str; that of a loss that is not finite is not finite."""
    return f"{np.mean([*losses]):.3f}"


def describe_gaps(settings):
    """Say in which settings which models are not trained by ten times the updates, and what else.

    Args:
        settings: as `get_settings` returns them.
    """
    names = dict.fromkeys(name for pair in CLAIMS for name in pair)
    gaps = []
    for setting, values in settings.items():
        left_out = [name for name in names if not is_trained_longer(name, values)]
        which = "all models" if len(left_out) == len(names) else ", ".join(left_out)
        gaps += [f"ten times the updates for {which} with {setting}"] if left_out else []
    others = "two things different at once", "GRU and plain RNN in both directions", *gaps
    return f"Not tried: {'; '.join(others)}."


def draw(verdicts, n_runs):
    """Draw the differences at the chosen rates, with their intervals: a panel for each pair.

    Args:
        verdicts: as `tabulate_verdicts` returns them.
        n_runs: how many runs of each model there are.

    Returns:
        The figure.
    """
    heights = {setting: -row for row, setting in enumerate(verdicts.setting.unique())}
    chosen = verdicts[verdicts["view"] == verdicts["view"].iloc[-1]]
    figure, panels = plt.subplots(
        2, 4, figsize=(9, 6.5), sharex=True, sharey=True, layout="constrained"
    )
    for axes, (one, other) in zip(panels.flat, CLAIMS, strict=True):
        of_pair = chosen[(chosen.one == one) & (chosen.other == other)]
        for number, (n_updates, rows) in enumerate(of_pair.groupby("update")):
            height = rows.setting.map(heights) + 0.15 - 0.3 * number
            spread = [rows["mean"] - rows.low, rows.high - rows["mean"]]
            label = f"after {n_updates:,} updates"
            axes.errorbar(rows["mean"], height, xerr=spread, label=label, **STYLES[number])
        axes.axvline(0, color="black", linewidth=0.9)
        axes.axvspan(
            -MARGIN, MARGIN, color="grey", alpha=0.25, linewidth=0, label=f"within {MARGIN:g}"
        )
        axes.set_title(f"{one}\nminus {other}", fontsize="medium")
        axes.grid(alpha=0.3, axis="x")
    labels = [setting.replace(", ", ",\n") for setting in heights]
    panels[0, 0].set(ylim=(min(heights.values()) - 0.5, 0.5))
    panels[0, 0].set_yticks([*heights.values()], labels)
    for axes in panels[:, 0]:
        axes.tick_params("y", labelsize="small")
    for axes in panels[-1]:
        axes.set_xlabel("test loss difference (nats)")
    add_legend(figure)
    figure.suptitle(
        "Does it hold at other lengths, sizes and batches?\n"
        f"{chosen['view'].iloc[0]}, {describe_runs(n_runs)}"
    )
    return figure


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
    print_tables(scores, verdicts, settings, options.seed)
    print(describe_gaps(settings))
    print(answer(verdicts))
    save(options, draw(verdicts, options.runs), scores=scores, verdicts=verdicts)


if __name__ == "__main__":
    run(main, options)

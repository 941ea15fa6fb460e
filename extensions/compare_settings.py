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

import pandas as pd
from keras import layers

from common.files import save
from common.report import describe_runs, interval, with_interval
from extensions.shared.figures import draw
from extensions.shared.models import get_cell_model, get_label_model
from extensions.shared.report import print_block, report_choices
from extensions.shared.results import MEASURES, get_verdict
from extensions.shared.training import train_on_sums

CLAIMS = {  # what is said of the first model's loss minus the other's, and what goes against it
    ("bilstm_con", "lstm_forw"): ("C2: lower", ["higher"]),
    ("gru_forw", "lstm_forw"): ("C7: alike", ["lower", "higher"]),
    ("rnn_forw", "lstm_forw"): ("C7: higher", ["lower"]),
    ("bilstm_con", "bilstm_sum"): ("C4: nothing", []),
    ("bilstm_mul", "bilstm_sum"): ("C4: higher", ["lower"]),
    ("bilstm_ave", "bilstm_sum"): ("C4: higher", ["lower"]),
    ("bilstm_mul", "bilstm_con"): ("C4: higher", ["lower"]),
    ("bilstm_ave", "bilstm_con"): ("C4: higher", ["lower"]),
}
CELLS = {"lstm_forw": layers.LSTM, "gru_forw": layers.GRU, "rnn_forw": layers.SimpleRNN}
MODES = {"bilstm_sum": "sum", "bilstm_mul": "mul", "bilstm_ave": "ave", "bilstm_con": "concat"}
SETTINGS = {"timesteps": "{} steps", "units": "{} units", "batch_size": "{} per update"}
MARGIN = MEASURES["loss"].margin
COUNTED_AS = {  # in the table of verdicts
    f"lower (within {MARGIN:g})": "lower",
    f"higher (within {MARGIN:g})": "higher",
    f"alike, to within {MARGIN:g}": "alike",
}


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
    """Build all models that are compared.

    They have `Dense` where bilstm.py has `TimeDistributed(Dense)`: it computes the same, in a third
    of the time with 100 time steps.
    """
    models = {}
    for name, mode in MODES.items():
        lstm = layers.LSTM(n_units, return_sequences=True)
        both_ways = layers.Bidirectional(lstm, merge_mode=mode)
        models[name] = get_label_model(n_timesteps, [both_ways])
    for name, cell in CELLS.items():
        models[name] = get_cell_model(n_timesteps, cell, n_units=n_units)
    return models


def count_passes(model, setting):
    """Return 10 passes over new sequences if they take a core less than 3 seconds, or else 1.

    Args:
        model: its name.
        setting: one of those of `get_settings`.
    """
    n_timesteps, n_units, batch_size = setting.values()
    most_units = 100 if model in CELLS else 20
    return 10 if n_timesteps <= 100 and n_units <= most_units and batch_size == 1 else 1


def train(setting, options):
    """Train all models in one setting.

    Returns:
        The scores after `options.sequences` updates and after ten times as many.
    """
    n_timesteps, n_units, batch_size = setting.values()
    n_sequences = options.sequences * batch_size
    models, tables = get_models(n_timesteps, n_units), []
    for n_epochs in (1, 10):
        group = {name: models[name] for name in models if count_passes(name, setting) == n_epochs}
        if group:
            settings = {"batch_size": batch_size, "n_epochs": n_epochs, "fresh": True}
            _, scores = train_on_sums(group, n_timesteps, n_sequences, options, **settings)
            tables.append(scores)
    scores = pd.concat(tables).sort_values("update", kind="stable")
    return scores[scores["update"].isin([options.sequences, 10 * options.sequences])]


def subtract(views):
    """Return the test loss of one model minus that of another in each run, for the pairs of CLAIMS.

    Args:
        views: as `get_views` returns them, with a column `setting`.

    Returns:
        DataFrame with the columns `setting`, `update`, `view`, `run`, `one` and `other` (the
        models), and `loss`, the difference in nats. A pair has no row where one of its models was
        not trained.
    """
    keys, tables = ["setting", "update", "view", "run"], []
    for one, other in CLAIMS:
        both = views[views.model == one].merge(views[views.model == other], on=keys)
        difference = both.loss_x - both.loss_y
        tables.append(both[keys].assign(one=one, other=other, loss=difference))
    return pd.concat(tables, ignore_index=True)


def tabulate_verdicts(differences):
    """Return the verdict on each pair in each setting, after each number of updates, in each view.

    Args:
        differences: as `subtract` returns them.

    Returns:
        DataFrame with the columns `setting`, `update`, `view`, `one`, `other`, `verdict`, and
        `mean`, `low` and `high` of the differences in nats.
    """
    keys, rows = ["setting", "update", "view", "one", "other"], []
    for names, losses in differences.groupby(keys, sort=False).loss:
        verdict = get_verdict(losses.to_numpy(), MARGIN)
        rows.append([*names, verdict, losses.mean(skipna=False), *interval(losses)])
    return pd.DataFrame(rows, columns=[*keys, "verdict", "mean", "low", "high"])


def print_verdicts(verdicts):
    """Print for each view how often a pair has which verdict, and what goes against the claims.

    Args:
        verdicts: as `tabulate_verdicts` returns them.
    """
    of_pairs = [CLAIMS[pair] for pair in zip(verdicts.one, verdicts.other, strict=True)]
    verdicts = verdicts.join(pd.DataFrame(of_pairs, columns=["claim", "excluded"]))
    for view, rows in verdicts.groupby("view", sort=False):
        verdicts_counted = rows.verdict.replace(COUNTED_AS)
        counts = rows.groupby(["claim", "one", "other", verdicts_counted], sort=False).size()
        counts = counts.unstack(fill_value=0).rename_axis(columns=None)
        print_block(f"Verdicts, one minus other, {view}:", counts)
        against = rows[[row.verdict in row.excluded for row in rows.itertuples()]]
        if len(against):
            against = against.set_index(["one", "other", "setting", "update"])
            against["mean"] = against["mean"].map("{:+.3f}".format)
            print_block(f"Against the claims, {view}:", against[["mean", "verdict"]])


def print_means(heading, table, keys):
    """Print the mean loss of each update and of the keys in each setting, with its interval."""
    means = table.pivot_table("loss", [*keys, "update"], "setting", with_interval, sort=False)
    print_block(heading, means)


def draw_differences(differences, conditions):
    """Draw the differences at one view, with their intervals: a panel for each pair.

    Args:
        differences: as `subtract` returns them.
        conditions: str, the second line of the title.
    """
    settings = list(differences.setting.unique())
    is_longer = differences["update"] > differences["update"].min()
    figure = draw(
        differences.assign(
            view=differences.one + " minus " + differences.other,
            model=differences["update"].map("after {:,} updates".format),
            place=differences.setting.map(settings.index) + 0.3 * is_longer,
        ),
        x="place",
        title="Which differences remain with other lengths, sizes and batches?",
        xlabel="",
        ylabel="difference in test loss (nats)",
        conditions=f"{conditions};\ngrey: within {MARGIN:g} nats; logarithmic above 0.1",
        n_rows=2,
    )
    for axes in figure.axes:
        axes.axhspan(-MARGIN, MARGIN, color="grey", alpha=0.3, linewidth=0)
        axes.set_yscale("symlog", linthresh=0.1)  # one failed run must not hide the others
        axes.yaxis.set_major_formatter("{x:g}")
        labels = [setting.replace(", ", ",\n") for setting in settings]
        axes.set_xticks(range(len(settings)), labels, rotation=90, fontsize="small")
        for line, *_ in axes.containers:
            line.set_linestyle("none")  # nothing lies between two settings
    return figure


def main(options):
    settings = get_settings(**{key: getattr(options, key) for key in SETTINGS})
    tables = {}
    for name, setting in settings.items():
        print(f"\n{name}")
        tables[name] = train(setting, options)
    scores = pd.concat(tables, names=["setting"]).reset_index("setting")
    # Each number of updates has its own choice of learning rates.
    tested = scores.assign(updates=scores["update"])
    views = report_choices(tested, options.seed)
    differences = subtract(views)
    verdicts = tabulate_verdicts(differences)
    print_verdicts(verdicts)

    view = views["view"].iloc[-1]
    of_models, of_pairs = (table[table["view"] == view] for table in (views, differences))
    print_means(f"Test loss, {view}:", of_models, ["model"])
    print_means(f"Differences in test loss, {view}:", of_pairs, ["one", "other"])
    figure = draw_differences(of_pairs, f"{view}, {describe_runs(options.runs)}")
    save(options, figure, scores=scores, verdicts=verdicts)


if __name__ == "__main__":
    run(main, options)

"""What extensions/long_memory.py has found: the tables, the answers in words, and the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from common.choosing import get_views, print_choices
from common.figures import STYLES, set_heading
from common.files import save
from common.results import (
    compare_updates,
    count,
    describe_interval,
    median_interval,
    with_median,
)

PAIRS = [  # the answers say which of the two learns sooner
    ("plain RNN as Keras starts it", "LSTM as Keras starts it"),
    ("GRU as Keras starts it", "LSTM as Keras starts it"),
    ("LSTM, chrono", "LSTM as Keras starts it"),
    ("bidirectional LSTM", "LSTM as Keras starts it"),
    ("bidirectional LSTM, bit in the middle", "LSTM, bit in the middle"),
]
PANELS = {  # of the figure: the title, the model, and the model of STYLES whose colour it has
    "plain RNN": ("plain RNN as Keras starts it", "rnn_forw"),
    "GRU": ("GRU as Keras starts it", "gru_forw"),
    "LSTM": ("LSTM as Keras starts it", "lstm_forw"),
    "bidirectional LSTM": ("bidirectional LSTM", "bilstm_con"),
    "GRU, gates start open (chrono)": ("GRU, chrono", "gru_forw"),
    "LSTM, gates start open (chrono)": ("LSTM, chrono", "lstm_forw"),
}
LOOKS = [  # of the lines at 0.001, and at chosen rates
    {"linestyle": "--", "fillstyle": "none"},
    {"linestyle": "-", "fillstyle": "full"},
]
SMALL = {"ha": "center", "va": "top", "fontsize": 8}


def tabulate_learned(view, most_updates):
    """Tabulate how many runs have learned, and after how many updates.

    Args:
        view: `common.choosing.View` of the scores.
        most_updates: dict of a model's name to its largest number of updates.

    Returns:
        DataFrame with a row for each length and model: `view`, its words; `timesteps`; `model`;
        `bit`, its place; `most_updates`; `runs` and `learned`, how many there are and how many have
        learned; the `median` of the updates until learned, with its interval from `low` to `high`,
        infinite for never; and `rates`, each learning rate with the number of runs that have it.
    """
    rows = []
    for (n_timesteps, name), of_model in view.scores.groupby(["timesteps", "model"], sort=False):
        rates = of_model.learning_rate.value_counts().sort_index()
        low, high = median_interval(of_model.updates_to_learn)
        row = {
            "view": view.words,
            "timesteps": n_timesteps,
            "model": name,
            "bit": "in the middle" if name.endswith("in the middle") else "at the start",
            "most_updates": most_updates[name],
            "runs": len(of_model),
            "learned": np.isfinite(of_model.updates_to_learn).sum(),
            "median": np.median(of_model.updates_to_learn),
            "low": low,
            "high": high,
            "rates": ", ".join(f"{rate:g} ({n_runs})" for rate, n_runs in rates.items()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def describe(updates):
    """Say in how many runs a model has learned, and the median of the updates until then."""
    return f"{np.isfinite(updates).sum()} of {len(updates)}: {with_median(updates.to_numpy())}"


def answer(view, fewest_updates):
    """Say in how many runs each model has learned, after how many updates, and which is sooner.

    Args:
        view: `common.choosing.View` of the scores.
        fewest_updates: that all models have had. Some models are trained longer; to compare two,
            what is learned later than this counts as never learned.
    """
    updates = view.scores.updates_to_learn
    cells = updates.groupby([view.scores["model"], view.scores["timesteps"]]).agg(describe)
    table = cells.unstack().loc[view.scores.model.unique()].fillna("not tried")
    lines = [
        "Runs that have learned, and the median of the updates until then"
        f" ({describe_interval(view.scores.run.max())}), {view.words}, for each number of time"
        " steps:",
        table.rename_axis(index=None).to_string(),
    ]
    within = view.scores.assign(updates_to_learn=updates.where(updates <= fewest_updates, np.inf))
    for n_timesteps, scores in within.groupby("timesteps"):
        lines += [
            f"Answer, {n_timesteps} time steps, within {fewest_updates:,} updates, {one}"
            f" compared with {other}: {compare_updates(scores, one, other)}."
            for one, other in PAIRS
            if {one, other} <= set(scores.model)
        ]
    return "\n".join(lines)


def draw(learned):
    """Draw the updates until learned over the length, a panel for each of some models.

    Args:
        learned: as of `tabulate_learned`, the tables of all views one below the other.
    """
    figure, panels = plt.subplots(
        2, 3, figsize=(8, 6), sharex=True, sharey=True, layout="constrained"
    )
    never = 3 * learned.most_updates.max()  # is drawn there
    shown = learned.replace({column: {np.inf: never} for column in ("median", "low", "high")})
    views = learned["view"].unique()
    looks = list(LOOKS)[-len(views) :]
    for axes, (title, (name, style)) in zip(panels.flat, PANELS.items(), strict=True):
        of_model = shown[shown.model == name]
        for number, (view, look) in enumerate(zip(views, looks, strict=True)):
            rows = of_model[of_model["view"] == view]
            spread = [rows["median"] - rows.low, rows.high - rows["median"]]
            beside = rows.timesteps * 1.08**number  # intervals side by side
            line = STYLES[style] | look
            axes.errorbar(beside, rows["median"], spread, elinewidth=1, capsize=2, **line)
        most_updates = of_model.most_updates.max()
        axes.axhspan(most_updates, never * 6, color="0.9")
        never_learned = f"not learned in {most_updates:,} updates"
        axes.text(0.5, 0.97, never_learned, transform=axes.transAxes, **SMALL)
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.3)
    lengths = learned.timesteps.unique()
    axes.set(xscale="log", yscale="log", ylim=(100, never * 6))
    axes.set_xticks(lengths, [str(length) for length in lengths])
    ticks = [10**power for power in range(2, 9) if 10**power < never / 2]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.minorticks_off()
    panels[1, 1].set_xlabel("length of the sequences (time steps)")
    for axes in panels[:, 0]:
        axes.set_ylabel("updates until learned")
    handles = [Line2D([], [], color="0.3", marker="o", **look) for look in looks]
    rates = [view.replace("at ", "learning rate: ", 1) for view in views]
    figure.legend(handles, rates, loc="outside lower center", ncols=2, frameon=False)
    n_runs = learned.runs.max()
    question = "Who learns to remember a bit from the start to the end?"
    set_heading(
        figure,
        question,
        f"median of {count(n_runs, 'run')}, {describe_interval(n_runs)}; no point: not tried",
    )
    return figure


def report(scores, most_updates, options):
    """Print the answers, and save the tables and the figure.

    Args:
        scores: as of `extensions.long_memory.train_all`.
        most_updates: as for `tabulate_learned`.
        options: of the command line.
    """
    print_choices(scores, options.seed, "updates_to_learn")
    views = get_views(scores, options.seed, "updates_to_learn")
    for view in views:
        print(answer(view, min(most_updates.values())))
    learned = pd.concat([tabulate_learned(view, most_updates) for view in views], ignore_index=True)
    save(options, draw(learned), learned=learned, scores=scores)

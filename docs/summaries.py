"""The numbers of the pages: small summaries of what the scripts have saved and printed.

    python -m docs.summaries --seed 0 --output results

reads the tables and printed answers that docs/refresh.py has left in the folder `--output`, and
writes docs/summaries/<script>_seed0.csv, with the facts, and .txt, with the answers. It takes a few
seconds, since nothing is trained. The summaries are committed; docs/pages.py writes them into the
pages.
"""

import argparse
import re
import shutil
from pathlib import Path

import pandas as pd

from common.choosing import get_keys, get_views
from common.results import (
    MEASURES,
    compare_updates,
    count_accurate,
    describe,
    differences,
    in_words,
    with_interval,
)

FOLDER = Path(__file__).parent / "summaries"
REFERENCES = {  # what the pages compare: the models that are named, minus this one; or all others
    "compare_directions": {"lstm_forw": None},
    "compare_merge_modes": {"bilstm_sum": None},
    "compare_learning_rates": {
        "lstm_forw": [
            "lstm_back_aligned",
            "bilstm_con",
            "lstm_forw_twice",
            "lstm_forw_step",
            "gru_forw",
            "rnn_forw",
        ],
        "bilstm_sum": ["bilstm_mul", "bilstm_ave", "bilstm_con"],
        "bilstm_con": ["bigru_con", "birnn_con"],
    },
    "train_to_the_end": {"lstm_forw": None},
    "overview": {"lstm_forw": None},
    "compare_cells": {
        "lstm_forw": ["gru_forw", "rnn_forw"],
        "bilstm_con": ["bigru_con", "birnn_con"],
    },
    "compare_variants": {"standard": None},
    "compare_depths": {"bilstm_x1": ["bilstm_x2"], "bilstm_x2": ["bilstm_x3"]},
    "compare_outputs": {"time_distributed": None},
    "variable_length": {"forward": None},
    "classify_recordings": {
        "forward": ["bidirectional"],
        "backward": ["bidirectional"],
        "bidirectional": ["last output"],
    },
}
CHOSEN_BY = {"classify_recordings": "held_out_loss"}  # all others by the loss
TABLES = {  # that are small enough as they are
    "long_memory": ["learned"],
    "compare_settings": ["verdicts"],
    "compare_schedules": ["verdicts", "levels"],
    "interval_coverage": ["coverage"],
}
TIMES = {  # the same for all seeds
    "update_cost": ["seconds"],
    "whole_scripts": ["seconds", "machine", "losses"],
}
ANSWERS = (  # so begin the lines to keep
    "Answer",
    "On 1,000 new",
    "By the step number",
    "The smallest",
    "The most accurate",
    "These were selected",
    "What 100%",
)
TIME = re.compile(r", [\d.e+-]+ seconds")  # differs each time
VIEWS = {"at 0.001": "published", "at a rate chosen by three other runs": "chosen"}  # in short


def summarize_view(scores, references):
    """Return the facts of one view: a list of dicts.

    Args:
        scores: of the view; of several tests of a training the last one counts.
        references: dict of a model's name to those that are compared with it, or None for all.
    """
    keys = get_keys(scores)
    scores = scores.drop_duplicates([*keys, "run"], keep="last")
    measures = [column for column in scores.columns if column in MEASURES]
    trained = scores[[key for key in keys if key != "model"]].astype(str).agg(" ".join, axis=1)
    facts = []
    for kind, rows in scores.groupby(trained if len(keys) > 1 else scores.model.map(lambda _: "")):
        names = rows.model.unique()
        pairs = [
            (name, reference)
            for reference, others in references.items()
            for name in names
            if name != reference and (others is None or name in others)
        ]
        for measure in measures:
            for name in names:
                value = describe(rows[rows.model == name][measure])
                facts.append({"trained": kind, "model": name, "measure": measure, "value": value})
            for name, reference in pairs:
                fact = {"trained": kind, "model": name, "minus": reference, "measure": measure}
                facts.append(fact | compare_runs(rows, measure, name, reference))
        if "accuracy" in measures:
            facts += [
                {"trained": kind, "model": name, "measure": "accurate"}
                | {"value": count_accurate(rows, name)}
                for name in names
            ]
    return facts


def compare_runs(scores, measure, name, reference):
    """Return the difference of two models as a dict: its `value` and its `words`."""
    if MEASURES[measure].is_censored:
        return {"value": "", "words": compare_updates(scores, name, reference)}
    paired = differences(scores, measure, name, reference)
    return {
        "value": with_interval(paired, sign="+"),
        "words": in_words(paired, MEASURES[measure].margin),
    }


def summarize_scores(scores, seed, by, references):
    """Return the facts of all views of a table of scores, a DataFrame of str.

    Args:
        scores: as a script has saved it, with the column `model`.
        seed: that the script had.
        by: measure that chooses the rates.
        references: as for `summarize_view`.
    """
    views = get_views(scores, seed, by)
    facts = [
        {"view": VIEWS.get(view.words, view.words)} | fact
        for view in views
        for fact in summarize_view(view.scores, references)
    ]
    if "updates_to_learn" in scores:
        soonest = get_views(scores, seed, "updates_to_learn")[-1].scores
        columns = [*get_keys(scores), "run", "learning_rate", "updates_to_learn"]
        facts += [
            {"view": "soonest"} | fact for fact in summarize_view(soonest[columns], references)
        ]
    columns = ["view", "trained", "model", "minus", "measure", "value", "words"]
    return pd.DataFrame(facts, columns=columns).fillna("")


def pick_answers(printed):
    """Return the lines of a script's output that answer, and the indented ones that follow them."""
    kept, follows = [], False
    for line in printed.splitlines():
        follows = line.startswith(ANSWERS) or (follows and line.startswith("  "))
        kept += [TIME.sub("", line)] if follows else []
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("results"))
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for printed in sorted(options.output.glob("*.txt")):
        script, ending = printed.stem, f"_seed{options.seed}"
        if answers := pick_answers(printed.read_text(encoding="utf-8")):
            text = "\n".join(answers) + "\n"
            (FOLDER / f"{script}{ending}.txt").write_text(text, encoding="utf-8")
        if script in REFERENCES:
            scores = pd.read_csv(options.output / f"{script}_scores.csv")
            by = CHOSEN_BY.get(script, "loss")
            facts = summarize_scores(scores, options.seed, by, REFERENCES[script])
            facts.to_csv(FOLDER / f"{script}{ending}.csv", index=False)
        for what in TABLES.get(script, []):
            shutil.copy(
                options.output / f"{script}_{what}.csv", FOLDER / f"{script}_{what}{ending}.csv"
            )
        for what in TIMES.get(script, []):
            shutil.copy(options.output / f"{script}_{what}.csv", FOLDER)


if __name__ == "__main__":
    main()

"""A label at each time step, with real data? Where does the second direction help?

    python -m extensions.label_steps

tells the stress of each vowel of English words from their phonemes (extensions/data/LICENCE.md):
0 none, 1 primary, 2 secondary. Consonants have no label. Where the stress lies is counted from the
end of a word, so a model that reads from the start cannot know it. Of 4,000 words that are not
trained on, expect that a forward LSTM gets 59% right in all their vowels, a backward one 68%, and
a bidirectional one with as many parameters 77%. It takes about four minutes on 2 CPU cores.

    python -m extensions.label_steps --data mine.csv --label tag --group person

does the same with your own data: a CSV file with a row for each time step (docs/own_data.md tells
what may be in it). All sequences of a group, such as a person, are on the same side of every split.
For one label for a whole sequence there is extensions/classify_recordings.py.

`--units` is the number of memory cells with one direction. Two directions have fewer cells each, so
that the number of parameters is about the same. Each run trains on four fifths of the training
sequences. The loss on the other fifth chooses the learning rate and the number of epochs, never the
test sequences. The saved model is trained on all training sequences, and extensions/apply_model.py
uses it. Where there are more than 100 training sequences, the comparison leaves out the longest 1%,
so that the others need not be padded to their length. In the test all count.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from pathlib import Path

    from common.command_line import make_parser, run

    rates = 0.002, 0.0005, 0.008, 0.03  # a single run has the first
    defaults = dict(units=64, epochs=6, batch_size=32, learning_rate=rates, runs=10)
    parser = make_parser(__file__, __doc__, timesteps=None, sequences=None, **defaults)

    from extensions.shared.own_sequences import start_with_sequences

    data = Path(__file__).parent / "data" / "english_stress.csv.gz"
    options = start_with_sequences(parser, data, "stress", group="beginning", each_step=True)

import re

import keras
import numpy as np
import pandas as pd

from extensions.parts.sequences import get_arrays, number_steps
from extensions.shared import labelling
from extensions.shared.figures import draw
from extensions.shared.report import print_block, report

PAIRS = [("bidirectional", "forward"), ("bidirectional", "backward"), ("backward", "forward")]
MOST_LABELS = 5  # of a sequence, for the figure: those with more are drawn with these
N_WORDS = 10  # that are printed


def get_models(n_units, X, columns):
    """Build the models to compare, a dict of name to model; for X and columns see `get_model`."""
    lstms = labelling.get_lstms(n_units, columns, each_step=True)
    return {name: labelling.get_model(lstm, X, columns) for name, lstm in lstms.items()}


def score_places(held_out, test, probabilities):
    """Score as `score_both` does, and the share right by the place of the label, an int from 1."""
    scores = labelling.score_both(held_out, test, probabilities)
    y, weights = test
    is_right = probabilities[-len(y) :].argmax(axis=-1) == y
    place = np.minimum(np.cumsum(weights, axis=1), MOST_LABELS)
    for number in range(1, MOST_LABELS + 1):
        of_place = is_right[(weights > 0) & (place == number)]
        scores[number] = of_place.mean() if len(of_place) else np.nan
    return scores


def score_tables(table, columns, is_test):
    """Score tables of how frequent each label is in training: they know some things about a step.

    These are the categories of the step, the place of its label in the sequence, counted from the
    start or the end, and the number of labels of the sequence.

    Args:
        table: the rows of all sequences, a DataFrame.
        columns: as `extensions.parts.sequences.find_columns` returns it.
        is_test: whether each row is for testing, a Series of bool.

    Returns:
        Dict of what a table knows to its scores.
    """
    rows = table.iloc[np.lexsort(number_steps(table, columns)[::-1])]  # in the order of time
    rows = rows[rows[columns["label"]] != ""]
    is_test = is_test[rows.index]
    labels = rows.groupby(columns["recording"], sort=False)[columns["label"]]
    place, number = labels.cumcount(), labels.transform("size")
    every = {name: rows[name] for name in columns["categories"]}
    y = rows[columns["label"]].map(columns["classes"].index)
    shares = y[~is_test].value_counts(normalize=True)
    shares = shares.reindex(range(len(columns["classes"])), fill_value=0)
    scores, from_end = {}, number - place
    for known in [
        {},
        *({name: values} for name, values in every.items()),
        {"place": place},
        {"place from the end": from_end},
        {**every, "place from the end": from_end},
        {**every, "place": place, "number": number},
    ]:
        # What training has not seen has the shares of all.
        keys = [rows.index * 0, *known.values()]
        same = rows.groupby(keys).ngroup()  # a number for what the table knows
        counts = pd.crosstab(same[~is_test], y[~is_test])
        counts = counts.reindex(same[is_test], columns=shares.index, fill_value=0) + shares
        probabilities = counts.div(counts.sum(axis=1), axis=0).to_numpy()
        is_right = pd.Series(probabilities.argmax(axis=1) == y[is_test], rows.index[is_test])
        several = len(every) > 1 and len(known) > len(every)
        names = ["all text", *list(known)[len(every) :]] if several else known
        scores["by " + ", ".join(names) if known else "most frequent label"] = {
            **labelling.score_classes(y[is_test].to_numpy(), np.ones(len(counts)), probabilities),
            "sequence_accuracy": is_right.groupby(rows[columns["recording"]]).all().mean(),
        }
    return scores


def write_stress(word, stresses):
    """Write a word with its stressed syllables in capitals, as in `aBANdon`.

    Args:
        word: str.
        stresses: the stress of each vowel, a sequence of str: `1` is primary.

    Returns:
        The word, or "" if its spelling does not show as many syllables as it has vowels.
    """
    # Consonants and vowels; then all consonants to the end, or the first of two or more.
    syllables = re.findall("[^aeiouy]*[aeiouy]+(?:[^aeiouy]*$|[^aeiouy](?=[^aeiouy]))?", word)
    if len(syllables) != len(stresses):
        return ""
    parts = zip(syllables, stresses, strict=True)
    return "".join(part.upper() if stress == "1" else part for part, stress in parts)


def print_words(predictions, seed):
    """Print ten words, drawn by the seed: five of them the forward model alone gets wrong.

    Args:
        predictions: dict of the two models' names to what `predict` returns for the same words.
        seed: int.
    """
    rows = predictions["forward"].rename(columns={"predicted": "forward"})
    rows = rows.assign(bidirectional=predictions["bidirectional"].predicted)
    rows = rows[rows.label != ""]
    names = ["label", "forward", "bidirectional"]
    words = pd.DataFrame(
        [
            [write_stress(word, of_word[name]) for name in names]
            for word, of_word in rows.groupby("recording")
        ],
        columns=["word", "forward", "bidirectional"],
    )
    words = words[(words != "").all(axis=1)]
    is_right = words.bidirectional == words.word
    alone = words[is_right & (words.forward != words.word)]
    drawn = [
        some.sample(min(N_WORDS // 2, len(some)), random_state=seed)
        for some in (alone, words.drop(alone.index))
    ]
    table = pd.concat(drawn).set_index("word").rename_axis(index=None, columns="word")
    print_block("Words of the test (the forward model alone gets the first five wrong):", table)


def main(options):
    table, columns = options.table, options.columns
    arrays = get_arrays(table, columns)
    X, is_train = arrays[0], ~options.sequences.is_test.to_numpy()
    lengths = X[is_train, :, -1].sum(axis=1)
    longest = int(np.quantile(lengths, 0.99, method="higher"))
    labelling.print_sequences(options, X)
    if n_longer := (lengths > longest).sum():
        line = f"{n_longer:,} sequences of more than {longest} time steps"
        print(f"Not trained on in the comparison: {line}.", end="\n\n")
    models = get_models(options.units, X, columns)
    scores, views = labelling.compare(models, arrays, options, score_places, longest)
    known = score_tables(table, columns, options.is_test)
    shown = views.drop(columns="held_out_loss")
    report(shown, PAIRS, known, measures=("sequence_accuracy", "accuracy", "loss"))

    keys, places = ["model", "run", "learning_rate", "update"], [*range(1, MOST_LABELS + 1)]
    scores, of_places = scores.drop(columns=places), scores[[*keys, *places]]
    by_place = of_places.melt(keys, var_name="place", value_name="accuracy")
    last = views[views["view"] == views["view"].iloc[-1]]
    figure = draw(
        last[["view", *keys]].merge(by_place).dropna(),
        x="place",
        y="accuracy",
        title="Which labels of a sequence does each direction know?",
        xlabel=f"place of the label in its sequence ({MOST_LABELS}: all from there on)",
        ylabel="share of labels right",
        xticks=places,
    )

    keras.utils.set_random_seed(options.seed)
    models, predictions = get_models(options.units, X, columns), {}
    are_words = columns["label"] == "stress" and list(columns["categories"]) == ["phoneme"]
    for name in ["forward", "bidirectional"] if are_words else ["bidirectional"]:
        labelling.fit_chosen(models[name], scores[scores.model == name], arrays, options)
        predictions[name] = labelling.predict(models[name], table[options.is_test], columns)
    if are_words:
        print_words(predictions, options.seed)
    labelling.save_fitted(models["bidirectional"], options, figure, scores=scores, places=by_place)


if __name__ == "__main__":
    run(main, options)

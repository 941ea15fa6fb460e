"""How do I use a model that I have saved, on a new file?

    python -m extensions.label_steps
    python -m extensions.apply_model --model results/label_steps.keras --data new.csv

predicts the labels of a CSV file with the columns that the model was trained with, in any order,
with or without the label. The model is one of extensions/classify_recordings.py or
extensions/label_steps.py. What it needs to know of the columns is in the JSON file beside it.

The predictions are in apply_model_predictions.csv, in the order of the file: a row for each
sequence, or for each time step with its number within the sequence. Where labels are known, the
scores are printed. It takes a few seconds.
"""

if __name__ == "__main__":  # options first, since loading Keras takes seconds
    from common.command_line import OPTIONS, make_parser, run

    parser = make_parser(__file__, __doc__, **dict.fromkeys(OPTIONS))

    from extensions.shared.own_sequences import start_with_model

    options = start_with_model(parser)

import textwrap

from common.files import save
from extensions.shared.labelling import predict, print_predictions
from extensions.shared.report import WIDTH


def main(options):
    table, columns = options.table, options.columns
    predictions = predict(options.model, table, columns)
    lines = [f"{predictions.recording.nunique():,} sequences", *options.notes]
    print(*(textwrap.fill(line, WIDTH) for line in lines), sep="\n", end="\n\n")
    if "label" in predictions and (predictions.label != "").any():
        groups = None
        if columns["group"] in table:
            firsts = table.drop_duplicates(columns["recording"])
            groups = firsts.set_index(columns["recording"])[columns["group"]]
        print_predictions(predictions, groups)
    save(options, None, predictions=predictions)


if __name__ == "__main__":
    run(main, options)

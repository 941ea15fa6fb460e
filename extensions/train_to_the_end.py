"""Does the bidirectional LSTM stay ahead in a long training?

    python -m extensions.train_to_the_end

trains the forward, the backward and the bidirectional LSTM 30 times on 30,000 sequences, one per
update, at each of four learning rates. Expect the forward and the bidirectional LSTM to end alike.
The backward LSTM ends near the lowest loss that is possible for a model that reads backward. It
takes about two and a half minutes on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0002, 0.001, 0.003, 0.02
    options = start_script(__file__, __doc__, sequences=30_000, learning_rate=rates)

from common.comparing import report, train_on_sums
from common.figures import draw_averages, set_heading
from common.files import save
from common.floors import get_known, score_backward
from common.results import answer, count_accurate, describe_runs, in_words
from compare_directions import get_models


def main(options):
    models = get_models(options.timesteps, n_units=options.units)
    del models["lstm_back"]  # trained on labels in the wrong order
    losses, scores = train_on_sums(models, options.timesteps, options.sequences, options)
    backward = score_backward(options.timesteps)
    known = get_known(options.timesteps) | {"best lstm_back_aligned": backward}
    pairs = [("bilstm_con", "lstm_forw"), ("lstm_back_aligned", "lstm_forw")]
    views = report(models, scores, known, pairs, options)
    print(answer(views, pairs, "accuracy"))
    for view in views:
        of_backward = view.scores[view.scores.model == "lstm_back_aligned"].loss
        above = in_words(of_backward - backward["loss"])
        print(
            f"Answer, test loss, {view.words}: lstm_back_aligned minus the lowest possible loss of"
            f" a backward model, {backward['loss']:.3f}: {above}."
        )
        accurate = count_accurate(view.scores, "lstm_forw")
        print(
            f"Answer, accuracy, {view.words}: lstm_forw gets 90% to 100% of the time steps right in"
            f" {accurate}."
        )
    figure = draw_averages(losses, views, options.batch_size, known)
    question = "Does the bidirectional LSTM stay ahead in a long training?"
    set_heading(figure, question, describe_runs(options.runs))
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)

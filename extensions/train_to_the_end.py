"""Does any difference between the directions stay, if they are trained to the end?

    python -m extensions.train_to_the_end

trains the forward, the backward and the bidirectional LSTM 20 times on 30,000 sequences, one per
update, at four learning rates. Expect no difference between the forward and the bidirectional one,
and from the backward one about the least loss that a model which reads backward can have. It takes
about 100 seconds on 2 CPU cores.
"""

if __name__ == "__main__":  # the options come first: to load Keras takes seconds
    from common.command_line import run, start_script

    rates = 0.0002, 0.001, 0.003, 0.02
    options = start_script(__file__, __doc__, sequences=30_000, learning_rate=rates, runs=20)


from common.comparing import report, train_on_sums
from common.figures import draw_averages
from common.files import save
from common.floors import get_known, score_backward
from common.results import (
    answer,
    count_accurate,
    describe_runs,
    in_words,
)
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
        print(
            f"Answer, {view.words}: the loss of lstm_back_aligned minus the least that is possible"
            f" for it, {backward['loss']:.3f}: {in_words(of_backward - backward['loss'])};"
            f" 90% to 100% of the time steps right: lstm_forw in"
            f" {count_accurate(view.scores, 'lstm_forw')}."
        )
    figure = draw_averages(losses, views, options.batch_size, known)
    figure.suptitle(f"Trained to the end: {describe_runs(options.runs)}")
    save(options, figure, losses=losses, scores=scores)


if __name__ == "__main__":
    run(main, options)

"""Every script as a user runs it, small: its files, its report, its options; Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from common.training import train_runs

ROOT = Path(__file__).parent.parent
ONE = "--timesteps 4 --units 3 --sequences 6 --batch-size 2 --learning-rate 0.02"
TWO = f"{ONE} --runs 2"
RATES = "--timesteps 4 --units 3 --sequences 6 --learning-rate 0.001 0.02 --runs 2"
TABLE = f"""
data | --timesteps 4 | .png _sequence.csv
lstm_forward | {ONE} | .png _losses.csv
bilstm | --timesteps 4 --units 3 --sequences 2 --batch-size 5 | .png _losses.csv
compare_directions | {TWO} | .png _losses.csv _scores.csv
compare_merge_modes | {TWO} | .png _losses.csv _scores.csv
extensions.classify_recordings | --data recordings.csv --label kind --units 3 --epochs 2 --runs 2 \
  | .json .keras .png _predictions.csv _scores.csv
extensions.compare_cells | {RATES} | .png _scores.csv
extensions.compare_depths | {RATES} | .png _scores.csv
extensions.compare_learning_rates | {RATES} | .png _cells.png _losses.csv _scores.csv _updates.png
extensions.compare_outputs | {TWO} --sequences 6 8 | .png _scores.csv
extensions.compare_settings | {RATES} --batch-size 1 | .png _scores.csv _verdicts.csv
extensions.compare_sizes | {RATES} --timesteps 4 6 | .png _scores.csv
extensions.compare_variants | {TWO} | .png _scores.csv
extensions.find_smaller_model | {TWO} --units 1 4 | .png _schedules.png _scores.csv
extensions.inside_lstm | {TWO} | .png _cells.csv _steps.csv _sum.png
extensions.label_steps | --data recordings.csv --label tag --units 3 --epochs 2 --runs 2 \
  | .json .keras .png _places.csv _predictions.csv _scores.csv
extensions.long_memory | --timesteps 4 --units 3 --sequences 6 --learning-rate 0.02 --runs 1 \
  | .png _scores.csv
extensions.overview | {RATES} | .png _scores.csv
extensions.sine_to_cosine | {RATES} | .png _scores.csv _steps.csv
extensions.train_to_the_end | {RATES} | .png _losses.csv _scores.csv
extensions.variable_length | {RATES} | .png _lengths.csv _scores.csv
"""
# Of each script: small options, and the endings of its files.
SCRIPTS = {}
for line in TABLE.strip().splitlines():
    script, options, endings = line.split("|")
    SCRIPTS[script.strip()] = options.strip(), endings.strip()


def name_of(script):
    return script.split(".")[-1]


def small(script, output):
    return [*SCRIPTS[script][0].split(), "--output", str(output)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_files(script, output, printed):
    files = [output / f"{name_of(script)}{ending}" for ending in SCRIPTS[script][1].split()]
    assert sorted(output.glob(f"{name_of(script)}*")) == files
    report, saved = printed.rsplit("\n", 2)[:2]
    assert saved == " ".join(["Saved", *map(str, files)])
    is_progress = "━\x1b", "/step", "/training"
    lines = [line for line in report.splitlines() if not any(map(line.count, is_progress))]
    assert max(map(len, lines)) <= 80
    for file in files:
        if file.suffix == ".csv":
            table = pd.read_csv(file)
            assert len(table) and table.columns.is_unique


@pytest.fixture
def files_to_read(tmp_path, monkeypatch):
    """Put what some scripts read where they look for it."""
    monkeypatch.chdir(tmp_path)
    steps = [(n, value) for n in range(12) for value in (n, n * n % 7, n % 2)]
    rows = [f"{n},{n % 2},{value},{value % 2}" for n, value in steps]
    Path("recordings.csv").write_text("\n".join(["recording,kind,value,tag", *rows]))
    tests = product(["forward", "bidirectional"], [1, 2], [0.001, 0.02])
    rows = pd.DataFrame(tests, columns=["model", "run", "learning_rate"]).assign(update=1)
    for folder in ("new", "again"):
        Path(folder).mkdir()
        measures = dict.fromkeys(["loss", "held_out_loss", "sequence_accuracy"], 0.5)
        rows.assign(**measures).to_csv(f"{folder}/label_steps_scores.csv", index=False)
        places = rows.assign(place=1, accuracy=0.9)
        places.to_csv(f"{folder}/label_steps_places.csv", index=False)


@pytest.fixture
def replay(monkeypatch):
    """Return a function after which the scripts find the same trainings when they train again.

    To save time and memory only the first model is trained; the others have its losses and scores.
    """
    kept, replayed = [], []

    def train_first(models, *arguments, after=lambda *others: None, **settings):
        if replayed:
            losses, scores, weights = replayed.pop(0)
        else:
            first = next(iter(models))
            settings |= {"n_copies": 1}
            losses, scores = train_runs({first: models[first]}, *arguments, **settings)
            losses = losses.assign(**dict.fromkeys(models, losses[first]))
            scores = pd.concat([scores.assign(model=name) for name in models], ignore_index=True)
            weights = {name: model.get_weights() for name, model in models.items()}
            kept.append((losses, scores, weights))
        trainings = set(zip(scores.run, scores.learning_rate, strict=True))
        for name, (run, rate) in product(models, trainings):
            models[name].set_weights(weights[name])
            after(name, run, rate, models[name])
        return losses, scores

    for module in ("common.training", "extensions.shared.training"):
        monkeypatch.setattr(f"{module}.train_runs", train_first)
    yield lambda: replayed.extend(kept)
    assert not replayed


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script != "bilstm"])
@pytest.mark.usefixtures("without_xla", "files_to_read")
def test_same_seed_same_files(script, run_script, tmp_path, replay, capsys):
    """Given the same trainings: tests/test_training.py has that these are the same."""
    output, again = tmp_path / "new", tmp_path / "again"
    run_script(script, *small(script, output))
    check_files(script, output, capsys.readouterr().out)
    replay()
    run_script(script, *small(script, again))
    found = contents(output)
    assert {name: file for name, file in contents(again).items() if file != found[name]}.keys() <= {
        "classify_recordings.keras",
        "label_steps.keras",
    }


def start(script, *options, **settings):
    """Start a script in a process of its own, from another folder if it is none of a package."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    program = ["-m", script] if "." in script else [ROOT / f"{script}.py"]
    settings.setdefault("cwd", ROOT)
    return subprocess.Popen([sys.executable, *program, *options], **settings)


ODD = {  # settings of TensorFlow, Keras and XLA, and of a terminal that has ASCII alone
    "TF_NUM_INTEROP_THREADS": "many",
    "TF_CPP_MIN_LOG_LEVEL": "many",
    "XLA_FLAGS": "",
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii:strict",
}


def test_a_user_somewhere_else(tmp_path):
    """Scripts at once, with no display and no home; one with odd settings, the other twice."""
    (tmp_path / "keras.json").write_text("{broken")
    unset = {"DISPLAY", "MPLBACKEND", "KERAS_HOME", "XDG_CACHE_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= dict.fromkeys(["HOME", "MPLCONFIGDIR"], str(tmp_path / "keras.json" / "home"))
    output, again = tmp_path / "output", tmp_path / "again"
    processes = [
        (script, folder, start(script, *small(script, folder), cwd=tmp_path, env=environment | odd))
        for script, folder, odd in (
            ("bilstm", output, ODD | {"KERAS_HOME": str(tmp_path)}),
            ("compare_directions", output, {}),
            ("compare_directions", again, {}),
        )
    ]
    printed = []
    for script, folder, process in processes:
        out, err = process.communicate()
        assert process.returncode == 0 and "Traceback" not in err, err
        check_files(script, folder, out)
        printed.append(out)
    assert "Total params" in printed[0] and "On 1,000 new sequences: loss" in printed[0]
    assert printed[0].count("\nExpected: [") == 4
    assert printed[0].count("  right\n") + printed[0].count("  wrong\n") == 10
    assert "Answer, at a learning rate of 0.02:" in printed[1]
    assert contents(again).items() <= contents(output).items()


def test_seeds_and_learning_rates_differ(run_script, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "common.fitting.speed_up_fit", lambda *_, **__: None
    )  # compiles: takes longer
    losses = set()
    for options in ("", "--seed 1", "--learning-rate 0.03"):
        run_script("lstm_forward", *small("lstm_forward", tmp_path), *options.split())
        losses.add((tmp_path / "lstm_forward_losses.csv").read_text())
    assert len(losses) == 3


@pytest.mark.parametrize("script", SCRIPTS)
def test_before_a_script_begins(script, run_script, monkeypatch, capsys):
    """It names an option that it does not know, lists its own, and names a missing package."""

    def stop(*options):
        with pytest.raises(SystemExit) as stopped:
            run_script(script, *options)
        return stopped.value.code, *capsys.readouterr()

    error = f"{name_of(script)}.py: error: "
    status, _, err = stop("--frobnicate", "3")
    assert status == 2 and err.startswith(f"{error}unrecognized arguments: --frobnicate 3")
    status, out, _ = stop("--help")
    assert status == 0
    for option in [*SCRIPTS[script][0].split(), "--seed", "--output", "--show"]:
        assert not option.startswith("--") or f"{option} " in out
    monkeypatch.setattr("common.startup.util.find_spec", lambda name: None)
    line, *_ = stop()  # printed to standard error; the status is 1
    assert line.startswith(f"{error}this Python (") and "\n" not in line
    assert "has no tensorflow: install requirements.txt" in line


@pytest.mark.parametrize("script", ["bilstm", "extensions.compare_cells"])
def test_options_are_read_before_keras_is_loaded(script):
    process = start(script, "--units=0", env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
    _, err = process.communicate()
    assert process.returncode == 2 and " argparse\n" in err
    assert " keras\n" not in err and " tensorflow\n" not in err


@pytest.mark.parametrize("script", ["bilstm", "compare_directions"])
def test_interrupt(script, tmp_path):
    """While it trains, by `fit` or on all cores."""
    output, log = tmp_path / "output", tmp_path / "log"
    output.mkdir()
    (output / f"{script}_losses.csv").write_text("earlier")
    options = [*small(script, output), "--sequences", "300000"]
    with open(log, "w") as out:
        # Without what tests/conftest.py sets, for then the start is not quiet.
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("XLA_")}
        process = start(script, *options, stdout=out, env=kept | {"PYTHONUNBUFFERED": "1"})
        deadline = time.monotonic() + 200
        while "━" not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.strip() == f"{script}.py: interrupted"
    assert {path.name: path.read_text() for path in output.iterdir()} == {
        f"{script}_losses.csv": "earlier"
    }

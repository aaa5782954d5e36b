"""The command line, as a person uses it: in a process of its own, with files."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import nelder as nd

PROGRAM = [sys.executable, "-m", "nelder"]
FORMULA = "incidents ~ type + C(built) + C(period) + offset(log(service))"


def nelder(*arguments, code=0, folder=None):
    """Run a command; nothing it prints into a pipe may hold control characters."""
    words = [str(each) for each in arguments]
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr)
    return done


def refused(*arguments, folder=None):
    """The one line that a refused command says."""
    done = nelder(*arguments, code=2, folder=folder)
    assert done.stdout == ""
    assert done.stderr.startswith("nelder: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def ships(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ships")
    table = nd.datasets.ships().to_dict()
    pyarrow.parquet.write_table(pa.table(table), folder / "ships.parquet")
    with (folder / "ships.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    return folder


@pytest.fixture
def saved(ships, tmp_path):
    path = tmp_path / "fit.json"
    nelder("fit", ships / "ships.csv", FORMULA, "--family", "poisson", "--save", path)
    return path


def reference(**options):
    return nd.glm(FORMULA, nd.datasets.ships(), "poisson", **options)


def same_but_for_steps(text):
    return [" ".join(line.split()) for line in text.strip().splitlines()]


# Fitting


@pytest.mark.parametrize("name", ["ships.csv", "ships.parquet"])
def test_fit_prints_the_summary(ships, name):
    done = nelder("fit", ships / name, FORMULA, "--family", "poisson")
    assert same_but_for_steps(done.stdout) == same_but_for_steps(str(reference().summary()))
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["folder", "pattern"])
def test_fit_takes_folders_and_patterns(ships, tmp_path, kind):
    table = pa.parquet.read_table(ships / "ships.parquet")
    for place in range(2):
        pa.parquet.write_table(table.slice(place * 20, 20), tmp_path / f"{place}.parquet")
    given = {"folder": tmp_path, "pattern": tmp_path / "[01].parquet"}[kind]
    done = nelder("fit", given, FORMULA, "--family", "poisson")
    assert same_but_for_steps(done.stdout) == same_but_for_steps(str(reference().summary()))


def test_fit_is_gaussian_unless_told(ships):
    printed = nelder("fit", ships / "ships.csv", "incidents ~ service").stdout
    assert printed.strip() == str(nd.glm("incidents ~ service", nd.datasets.ships()).summary()).strip()


def test_fit_takes_every_option(ships, tmp_path):
    path = tmp_path / "fit.json"
    done = nelder(
        "fit", ships / "ships.csv", "incidents ~ type",
        "--family", "quasipoisson", "--link", "sqrt", "--offset", "sqrt(service) / 100", "--weights", "period",
        "--solver", "irls", "--missing", "error", "--level", "0.9", "--trace", "--save", path,
    )  # fmt: skip
    fit = nd.glm(
        "incidents ~ type",
        nd.datasets.ships(),
        family="quasipoisson",
        link="sqrt",
        weights="period",
        offset="sqrt(service) / 100",
        solver="irls",
    )
    assert str(fit.summary(0.9)) in done.stdout
    assert "irls, step by step" in done.stdout
    assert f"Saved to {path}" in done.stdout
    assert np.array_equal(nd.load(path).coef, fit.coef)


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs", "gradient_descent", "gradient_descent(epochs=5000)"])
def test_solvers_give_the_same_table(ships, solver):
    printed = nelder(
        "fit", ships / "ships.csv", "incidents ~ C(period)", "--family", "poisson", "--solver", solver
    ).stdout
    expected = nd.glm("incidents ~ C(period)", nd.datasets.ships(), "poisson").coef["Intercept"]
    assert float(re.search(r"^Intercept +(\S+)", printed, re.M)[1]) == pytest.approx(expected, rel=1e-3)


def test_a_fit_that_does_not_converge_has_exit_code_1(ships):
    done = nelder(
        "fit", ships / "ships.csv", FORMULA, "--family", "poisson", "--solver", "gradient_descent(epochs=2)", code=1
    )
    assert "NOT CONVERGED" in done.stdout
    assert "Warning: gradient_descent did not converge in 2 steps" in done.stdout


def test_dropped_rows_are_told(tmp_path):
    (tmp_path / "gaps.csv").write_text("y,x\n1,1\n2,\n4,3\n3,NA\n7,5\n")
    printed = nelder("fit", "gaps.csv", "y ~ x", folder=tmp_path).stdout
    assert "Note: 2 of 5 rows left out for missing values" in printed
    message = refused("fit", "gaps.csv", "y ~ x", "--missing", "error", folder=tmp_path)
    assert "column 'x' has missing values at rows 1, 3" in message


# Predicting


@pytest.mark.parametrize("name", ["ships.csv", "ships.parquet"])
def test_predict_prints_a_table(ships, saved, name):
    done = nelder("predict", saved, ships / name)
    rows = list(csv.reader(done.stdout.splitlines()))
    assert rows[0] == ["fit"]
    assert np.array_equal([float(row[0]) for row in rows[1:]], reference().predict(nd.datasets.ships()))
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["response", "link"])
def test_predict_writes_a_file_with_intervals(ships, saved, tmp_path, kind):
    output = tmp_path / "out.csv"
    done = nelder(
        "predict", saved, ships / "ships.csv", "--kind", kind, "--interval", "--level", "0.9", "--output", output
    )
    assert done.stdout == f"34 predictions written to {output}\n"
    expected = reference().predict(nd.datasets.ships(), kind, "confidence", 0.9)
    with output.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["fit", "se", "lower", "upper"]
    for name in rows[0]:
        assert np.array_equal([float(row[name]) for row in rows], expected[name])


def test_rows_with_missing_values_have_empty_predictions(ships, saved, tmp_path):
    text = (ships / "ships.csv").read_text().splitlines()
    (tmp_path / "gaps.csv").write_text("\n".join([text[0], text[1], ",60,60,1,1", text[2]]))
    lines = nelder("predict", saved, tmp_path / "gaps.csv").stdout.splitlines()
    assert len(lines) == 4
    assert lines[2] in ("", '""')
    assert float(lines[1]) > 0 and float(lines[3]) > 0


def test_output_can_be_piped_and_cut_short(ships, saved):
    words = " ".join(f"'{each}'" for each in [*PROGRAM, "predict", str(saved), str(ships / "ships.csv")])
    done = subprocess.run(f"{words} | head -n 1", shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "fit\n"
    assert "Traceback" not in done.stderr


def shell(line, folder):
    """What a line of a shell prints, and what it complains of; output is buffered as it is for a person."""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = " ".join(f"'{each}'" for each in PROGRAM)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("nelder", command, 1)],
        capture_output=True, text=True, timeout=60, cwd=folder, check=False, env=plain,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("words", [["fit", "--help"], ["demo"], ["fit", "ships.csv", FORMULA, "--family", "poisson",
                                                                "--check"]], ids=["help", "demo", "check"])  # fmt: skip
def test_letters_that_the_output_has_not_are_written_by_their_codes(ships, encoding, words):
    done = subprocess.run(
        [*PROGRAM, *words], capture_output=True, timeout=60, cwd=ships, check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr.decode(encoding) == ""
    wide = subprocess.run(
        [*PROGRAM, *words], capture_output=True, timeout=60, cwd=ships, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    ).stdout.decode()  # fmt: skip
    assert done.stdout == wide.encode(encoding, "backslashreplace")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("end", ["| true", ">&-", "> /dev/full"])
def test_an_output_that_takes_nothing_ends_quietly_and_costs_no_file(ships, saved, tmp_path, end):
    full = "nelder: output: No space left on device\n"
    code, said = {"| true": (141, ""), ">&-": (0, ""), "> /dev/full": (2, full)}[end]
    done = shell(f"nelder fit {ships / 'ships.csv'} incidents~type --trace --save kept.json {end}", tmp_path)
    assert (done.stdout, done.stderr) == ("", said) and done.returncode == code
    assert np.array_equal(nd.load(tmp_path / "kept.json").coef, nd.glm("incidents ~ type", ships / "ships.csv").coef)
    done = shell(f"nelder predict {saved} {ships / 'ships.csv'} {end}", tmp_path)
    assert (done.stdout, done.stderr) == ("", said) and done.returncode == code


def test_a_warning_of_predictions_is_one_line(tmp_path):
    (tmp_path / "d.csv").write_text("y,x,z\n1,1,2\n2,2,4\n4,3,6\n3,4,8\n")
    (tmp_path / "new.csv").write_text("x,z\n1,2\n1,7\n")
    nelder("fit", "d.csv", "y ~ x + z", "--save", "fit.json", folder=tmp_path)
    for more in ([], ["-o", "out.csv"], ["-o", "out.PARQUET"]):
        done = nelder("predict", "fit.json", "new.csv", *more, folder=tmp_path)
        assert (
            done.stderr.startswith("nelder: warning: 1 of the new rows break the pattern")
            and done.stderr.count("\n") == 1
        )
    assert pyarrow.parquet.read_table(tmp_path / "out.PARQUET").num_rows == 2


def test_names_of_a_strange_file_command_no_terminal_and_break_no_table(tmp_path):
    rows = "".join(f'{y},{y % 3},"{level}"\n' for y, level in enumerate(["a\x1b[31m", "b\nc", "d\r"] * 4))
    (tmp_path / "d.csv").write_text('y,\x1b[2Jx,"g\nh"\n' + rows, newline="")
    formula = "y ~ `\x1b[2Jx` + `g\nh`"
    done = nelder("fit", "d.csv", formula, "--trace", "--explain", "--check", "--anova", "1", folder=tmp_path)
    assert "\ng?h[T.b?c]  " in done.stdout and "\n?[2Jx  " in done.stdout


# Errors


BAD_FITS = {
    "missing file": (["none.csv", "y ~ x"], "'none.csv': there is no such file"),
    "unknown ending": (["table.txt", "y ~ x"], ".csv, .tsv and .parquet"),
    "bad formula": (["good.csv", "y ~ x +* z"], "cannot read the formula"),
    "no response": (["good.csv", "x"], "no response"),
    "nothing on the right": (["good.csv", "y ~ "], "nothing on the right of ~"),
    "two weights": (["good.csv", "y ~ 1", "--weights", "x", "--frequency", "x"], "both weigh the rows"),
    "unknown column": (["good.csv", "y ~ xx"], "unknown column 'xx': did you mean 'x'?"),
    "hostile formula": (["good.csv", "y ~ open('marker', 'w')"], "unknown function 'open'"),
    "hostile weights": (["good.csv", "y ~ x", "--weights", "open('marker', 'w')"], "unknown function 'open'"),
    "unknown weights": (["good.csv", "y ~ x", "--weights", "ww"], "unknown column 'ww'"),
    "unknown offset": (["good.csv", "y ~ x", "--offset", "log(o)"], "unknown column 'o'"),
    "unknown family": (["good.csv", "y ~ x", "--family", "poison"], "did you mean 'poisson'?"),
    "unknown link": (["good.csv", "y ~ x", "--link", "lgo"], "did you mean 'log'?"),
    "unknown solver": (["good.csv", "y ~ x", "--solver", "newtn"], "did you mean 'newton'?"),
    "bad option": (["good.csv", "y ~ x", "--family", "negative_binomial(a)"], "negative_binomial"),
    "bad missing": (["good.csv", "y ~ x", "--missing", "dorp"], "did you mean 'drop'?"),
    "bad level": (["good.csv", "y ~ x", "--level", "95"], "level=95"),
    "bad type": (["good.csv", "y ~ x", "--anova", "4"], "nelder: --anova='4': give 1 "),
    "bad covariance": (["good.csv", "y ~ x", "--covariance", "HC9"], "covariance"),
    "two in one": (["good.csv", "y ~ x", "--save", "a", "--report", "./a"], "are one file: name two"),
    "save nowhere": (["good.csv", "y ~ x", "--save", ""], "is not the name of a file"),
    "bad response": (["good.csv", "x ~ y", "--family", "binomial"], "binomial needs a response"),
    "text response": (["good.csv", "a ~ y"], "categorical"),
    "empty file": (["empty.csv", "y ~ x"], "empty.csv"),
    "header only": (["header.csv", "y ~ x"], "no rows"),
    "ragged file": (["ragged.csv", "y ~ x"], "'ragged.csv' cannot be read as CSV"),
    "binary CSV": (["binary.csv", "y ~ x"], "binary.csv"),
    "binary Parquet": (["binary.parquet", "y ~ x"], "'binary.parquet' cannot be read as Parquet"),
    "CSV as Parquet": (["text.parquet", "y ~ x"], "'text.parquet' cannot be read as Parquet"),
    "directory": (["folder.csv", "y ~ x"], "folder.csv"),
    "unwritable": (["good.csv", "y ~ x", "--save", "none/fit.json"], "fit.json"),
    "save to a directory": (["good.csv", "y ~ x", "--save", "folder.csv"], "folder.csv"),
    "null byte": (["good.csv", "y ~ x\ny"], "formula"),
}


@pytest.fixture
def folder(tmp_path):
    good = "y,x,a\n1,1,u\n2,2,v\n4,3,u\n3,4,v\n7,5,u\n"
    (tmp_path / "good.csv").write_text(good)
    (tmp_path / "table.txt").write_text(good)
    (tmp_path / "text.parquet").write_text(good)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("y,x,a\n")
    (tmp_path / "ragged.csv").write_text("y,x\n1,2\n3\n4,5,6\n")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "binary.parquet").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


@pytest.mark.parametrize("problem", list(BAD_FITS))
def test_a_bad_fit_is_one_line(folder, problem):
    arguments, words = BAD_FITS[problem]
    done = nelder("fit", *arguments, code=2, folder=folder)
    assert words in done.stderr
    assert done.stderr.startswith("nelder: ") and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not (folder / "marker").exists()
    assert not list(folder.glob("*.partial"))
    assert done.stdout == ""


BAD_PREDICTIONS = {
    "missing fit": (["none.json", "good.csv"], "none.json"),
    "a table as fit": (["good.csv", "good.csv"], "good.csv"),
    "binary fit": (["binary.parquet", "good.csv"], "binary.parquet"),
    "directory as fit": (["folder.csv", "good.csv"], "folder.csv"),
    "missing table": (["fit.json", "none.csv"], "'none.csv': there is no such file"),
    "missing column": (["fit.json", "short.csv"], "unknown column 'a'"),
    "unseen level": (["fit.json", "unseen.csv"], "column 'a' has level 'w' at row 1"),
    "binary table": (["fit.json", "binary.csv"], "binary.csv"),
    "bad kind": (["fit.json", "good.csv", "--kind", "respons"], "did you mean 'response'?"),
    "bad level": (["fit.json", "good.csv", "--interval", "--level", "2"], "level=2"),
    "bad level alone": (["fit.json", "good.csv", "--level", "5"], "level=5"),
    "unwritable": (["fit.json", "good.csv", "-o", "none/out.csv"], "there is no folder 'none'"),
    "no name": (["fit.json", "good.csv", "-o", ""], "is not the name of a file"),
    "output is a directory": (["fit.json", "good.csv", "-o", "folder.csv"], "folder.csv"),
}


@pytest.mark.parametrize("problem", list(BAD_PREDICTIONS))
def test_a_bad_prediction_is_one_line(folder, problem):
    nd.glm("y ~ a", str(folder / "good.csv")).save(folder / "fit.json")
    (folder / "short.csv").write_text("y,x\n1,2\n")
    (folder / "unseen.csv").write_text("a\nu\nw\n")
    arguments, words = BAD_PREDICTIONS[problem]
    assert words in refused("predict", *arguments, folder=folder)


def test_an_unreadable_file_is_one_line(folder):
    os.chmod(folder / "good.csv", 0)
    if os.access(folder / "good.csv", os.R_OK):
        pytest.skip("this user may read every file")
    assert "good.csv" in refused("fit", "good.csv", "y ~ x", folder=folder)


@pytest.mark.parametrize("arguments", [["fit"], ["fit", "a.csv"], ["predict", "a.json"], ["nonsense"], ["--nonsense"],
                                       ["fit", "a.csv", "y ~ x", "--level", "high"]])  # fmt: skip
def test_wrong_words_show_the_usage(arguments):
    done = nelder(*arguments, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("usage: nelder")
    assert "Traceback" not in done.stderr


# Ctrl-C


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_ends_a_long_fit_promptly(tmp_path):
    random = np.random.default_rng(0)
    n = 20_000
    table = {f"x{j}": random.normal(size=n) * 10.0**j for j in range(5)}
    table["y"] = random.poisson(1.0, n)
    pyarrow.parquet.write_table(pa.table(table), tmp_path / "long.parquet")
    formula = "y ~ x0 + x1 + x2 + x3 + x4"
    solver = "gradient_descent(rate=1e-13, epochs=100000000)"
    process = subprocess.Popen(
        [*PROGRAM, "fit", str(tmp_path / "long.parquet"), formula, "--family", "poisson", "--solver", solver],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)  # reading and starting take about one second
    assert process.poll() is None
    interrupted = time.perf_counter()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.perf_counter() - interrupted < 5
    assert "Traceback" not in out + err
    # the best step so far is shown, and it is not the optimum
    assert process.returncode in (1, 130)
    assert "interrupted" in out + err


# Help


def test_alone_it_prints_its_help():
    done = nelder(code=2)
    assert done.stdout.startswith("usage: nelder")
    assert "fit | explain | predict | demo" in done.stdout
    for command in ("fit", "explain", "predict", "demo"):
        assert f"usage: nelder {command}" in nelder(command, "--help").stdout


def test_version():
    assert nelder("--version").stdout == f"nelder {nd.__version__}\n"


def test_the_installed_command_is_the_same_program(ships):
    command = os.path.join(os.path.dirname(sys.executable), "nelder")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"nelder {nd.__version__}\n"


def test_demo_prints_both_fits():
    done = nelder("demo")
    assert str(reference().summary()).splitlines()[-1] in done.stdout
    assert done.stdout.count("Generalized linear model: poisson with link log") >= 1
    assert "newton, step by step" in done.stdout
    assert "gradient_descent, step by step" in done.stdout
    assert "diverged" in done.stdout
    assert done.stderr == ""


def test_what_is_read_is_not_written_over(tmp_path):
    data, saved = tmp_path / "d.csv", tmp_path / "f.json"
    data.write_text("y,x\n1,1\n2,2\n4,3\n3,4\n")
    before = data.read_text()
    for option in ("--save", "--report"):
        assert "d.csv' is read here" in refused("fit", "d.csv", "y ~ x", option, data, folder=tmp_path)
    nelder("fit", data, "y ~ x", "--save", saved)
    assert "d.csv' is read here" in refused("predict", saved, data, "-o", "d.csv", folder=tmp_path)
    assert "f.json' is read here" in refused("predict", saved, data, "-o", saved)
    assert data.read_text() == before and nd.load(saved).converged


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "t.csv", "y ~ x", "--familly", "poisson"), "arguments: --familly poisson; did you mean --family?"),
        (("fit", "t.csv", "y ~ x", "--famly=poisson"), "did you mean --family?"),
        (("predict", "fit.json", "t.csv", "--intervall"), "did you mean --interval?"),
        (("fit", "t.csv", "y ~ x", "z.csv"), "unrecognized arguments: z.csv"),
        (("--versoin",), "did you mean --version?"),
    ],
)
def test_a_word_that_is_no_option_is_named_with_the_nearest(words, said):
    done = nelder(*words, code=2)
    assert done.stdout == ""
    assert done.stderr.rstrip().endswith(said)

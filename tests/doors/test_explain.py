"""Explanations on the command line, and of fits in every shape they come in."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import nelder as nd

PROGRAM = [sys.executable, "-m", "nelder.cli"]
SHIPS = "incidents ~ type + built + period + offset(log(service))"


def nelder(*arguments, code=0):
    words = [str(each) for each in arguments]
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def ships(tmp_path_factory):
    path = tmp_path_factory.mktemp("ships") / "ships.csv"
    table = nd.datasets.ships().to_dict()
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    return path


def reference():
    return nd.glm(SHIPS, nd.datasets.ships(), "poisson")


def test_a_file_and_a_formula_are_explained(ships):
    done = nelder("explain", ships, SHIPS, "--family", "poisson")
    assert done.stdout == f"{reference().explain()}\n"
    assert done.stderr == ""


def test_options_are_those_of_fit(ships):
    done = nelder("explain", ships, SHIPS, "--family", "poisson", "--solver", "gradient_descent(rate=1e-3)", code=1)
    assert "The rate is too large [grave]" in done.stdout
    assert "Try: fit.update(solver=" in done.stdout


def test_fit_explains_after_the_summary(ships):
    printed = nelder("fit", ships, SHIPS, "--family", "poisson", "--explain").stdout
    assert printed == f"{reference().summary()}\n\n{reference().explain()}\n"


def test_a_saved_fit_is_explained_without_its_data(ships, tmp_path):
    path = tmp_path / "fit.json"
    reference().save(path)
    printed = nelder("explain", path).stdout
    assert "loaded without its data" in printed
    assert "Try: nd.glm('incidents ~" in printed


def test_a_file_without_a_formula_is_refused_in_one_line(ships):
    done = nelder("explain", ships, code=2)
    assert re.fullmatch(r"nelder: explain .* needs a formula, such as .*\n", done.stderr)


def test_what_is_not_a_fit_is_refused_in_one_line(tmp_path):
    (tmp_path / "no.json").write_text("[1, 2]")
    assert nelder("explain", tmp_path / "no.json", code=2).stderr.count("\n") == 1
    assert nelder("explain", tmp_path / "none.json", code=2).stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_explains_where_the_fit_stands(tmp_path):
    random = np.random.default_rng(0)
    x, y = 100 * random.normal(size=3000), random.poisson(1.0, 3000)
    path = tmp_path / "long.csv"
    path.write_text("x,y\n" + "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True)))
    solver = "gradient_descent(rate=1e-14, epochs=100000000)"
    process = subprocess.Popen(
        [*PROGRAM, "explain", str(path), "y ~ x", "--family", "poisson", "--solver", solver],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in out + err
    assert process.returncode in (1, 130)
    if process.returncode == 1:
        assert "The fit was interrupted [grave]" in out


# Fits in every shape


def quiet(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return make()


RANDOM = np.random.default_rng(3)
X, COUNTS = np.column_stack([np.ones(90), RANDOM.normal(size=(90, 2))]), RANDOM.poisson(2.0, 90)
STRANGE = "<b>größe $x_1$ 100%</b>"

SHAPES = {
    "one row": lambda: nd.glm_fit([[1.0]], [2.0], "poisson"),
    "one column": lambda: nd.glm_fit(np.ones((20, 1)), np.arange(20) % 4, "poisson"),
    "as many columns as rows": lambda: nd.glm_fit(X[:3], COUNTS[:3] + 1, "poisson"),
    "nothing but zeros": lambda: nd.glm_fit(X, np.zeros(90), "poisson"),
    "ridge": lambda: nd.glm_fit(X, COUNTS, "poisson", penalty=nd.Ridge(1.0)),
    "firth": lambda: nd.glm_fit(X, COUNTS, "poisson", penalty="firth"),
    "ridge by descent": lambda: nd.glm_fit(X, COUNTS, "poisson", penalty=nd.Ridge(1.0), solver="gradient_descent"),
    "frequencies": lambda: nd.glm_fit(X, COUNTS, "poisson", weights=nd.frequency(np.arange(90) % 3)),
    "sampling weights": lambda: nd.glm_fit(X, COUNTS, "poisson", weights=nd.sampling(1.0 + np.arange(90))),
    "weights and offset": lambda: nd.glm_fit(X, COUNTS, "quasipoisson", weights=np.full(90, 0.5), offset=X[:, 1]),
    "zero weights": lambda: nd.glm_fit(X, COUNTS, "poisson", weights=(np.arange(90) > 50) * 1.0),
    "aliased arrays": lambda: nd.glm_fit(np.column_stack([X, X[:, 1] * 2]), COUNTS, "poisson"),
    "separated arrays": lambda: nd.glm_fit(X, X[:, 1] > 0, "binomial"),
    "strange names": lambda: nd.glm_fit(X, COUNTS + 0.5, "poisson", names=["c", STRANGE, "x" * 300]),
    "mini-batches": lambda: nd.glm_fit(
        X, COUNTS, "poisson", solver=nd.StochasticGradientDescent(rate=0.01, anchored=False, epochs=9)
    ),
    "mini-batches that diverge": lambda: nd.glm_fit(
        X, COUNTS, "poisson", solver=nd.StochasticGradientDescent(rate=1.0, epochs=9)
    ),
    "robust errors": lambda: nd.glm_fit(X, COUNTS, "poisson").with_covariance("HC3"),
    "given dispersion": lambda: nd.glm_fit(X, COUNTS, "quasipoisson").with_dispersion(2.0),
    "estimated power": lambda: nd.glm_fit(X, COUNTS * 1.5, "tweedie"),
    "trials": lambda: nd.glm_fit(X, np.column_stack([COUNTS, 9 + COUNTS]), "binomial"),
    "no intercept by descent": lambda: nd.glm_fit(X[:, 1:] * [1, 1e4], COUNTS, "poisson", solver="gradient_descent"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fit_of_any_shape_is_explained_and_its_calls_run(shape):
    fit = quiet(SHAPES[shape])
    explanation = fit.explain()
    assert explanation.reasons
    for reason in explanation.reasons:
        quiet(lambda call=reason.call: str(eval(call, {"nd": nd, "fit": fit})))
        assert "None" not in reason.words


@pytest.mark.parametrize("shape", SHAPES)
def test_a_loaded_fit_of_any_shape_is_explained(shape, tmp_path):
    fit = quiet(SHAPES[shape])
    fit.save(tmp_path / "fit.json")
    loaded = nd.load(tmp_path / "fit.json")
    explanation = loaded.explain()
    assert explanation.reasons and "loaded without its data" in str(explanation)
    for reason in explanation.reasons:
        assert str(eval(reason.call, {"nd": nd, "fit": loaded}))


def test_a_wide_sparse_fit_is_explained():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(400, 6000, density=0.01, random_state=0, format="csr")
    fit = quiet(lambda: nd.glm_fit(matrix, np.arange(400) % 3, "poisson", penalty=nd.Ridge(1.0)))
    assert [reason.rule for reason in fit.explain().reasons] == ["well"]
    assert "The model itself was not checked" in fit.explain().notes[0]


def test_a_penalised_fit_says_that_it_was_hardly_checked():
    notes = quiet(SHAPES["ridge"]).explain().notes
    assert len(notes) == 1 and notes[0].startswith("The model itself was hardly checked: every test supposes")


def test_names_and_formulas_are_escaped():
    table = {STRANGE: X[:, 1], "w": 2 * X[:, 1], "y": COUNTS}
    fit = quiet(lambda: nd.glm(f"y ~ `{STRANGE}` + w", table, "poisson"))
    page = fit.explain()._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    reason = fit.explain()["aliased"]
    assert eval(reason.call, {"nd": nd, "fit": fit}).names == ("Intercept", STRANGE)


def test_many_rows_are_looked_at_in_a_sample_and_it_is_said():
    random = np.random.default_rng(0)
    n = 300_000
    wide = np.column_stack([np.ones(n), random.normal(size=(n, 9))])
    y = random.poisson(np.exp(0.3 + 0.1 * wide[:, 1]) * random.gamma(1.0, 1.0, n))
    fit = nd.glm_fit(wide, y, "poisson")
    began = time.perf_counter()
    explanation = fit.explain()
    assert time.perf_counter() - began < 60
    assert re.search(r"a sample of(?: 9\d,| 100,)\d{3} of the 300,000 rows", " ".join(str(explanation).split()))
    assert "dispersion" in explanation


def test_rows_of_a_sample_have_their_numbers_in_the_table():
    random = np.random.default_rng(0)
    n = 150_000
    wide = np.column_stack([np.ones(n), random.normal(size=(n, 9))])
    y = wide[:, 1] + random.normal(size=n)
    wide[90_000:90_005, 2], y[90_000:90_005] = 3000.0, -9000.0
    named = [int(row) for row in re.findall(r"Row (\d+) ", nd.glm_fit(wide, y).explain()["influential"].words)]
    assert named and all(90_000 <= row < 90_005 for row in named)

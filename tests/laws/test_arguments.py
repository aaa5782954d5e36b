"""Every door of a fit and every option, called with what it cannot mean: an answer, or an error of nelder's own."""

import inspect
import warnings

import numpy as np
import pytest

import nelder as nd
from nelder.plots.door import Plots

ODD = [
    *(None, True, 0, -1, 3, 1.5, np.float64(1), float("nan"), float("inf"), 10**30, 1j),
    *("", "x", "g", "foo", "0.95", "x = 0", "y ~ x", "a\0b", b"x"),
    *([], ["x"], ["foo"], [0], (1, 2), {}, {"x": 1}, {"x": [1]}, {"x"}, range(3), slice(3)),
    *(np.zeros(3), np.zeros((2, 2)), np.array([]), object(), nd),
]
ELSEWHERE = {"plot", "update"}  # pictures are many doors, and update is glm
FIRST = {"new": "table", "data": "table", "other": "fit", "against": "fit"}


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path, monkeypatch):
    """Some of these are names of files to write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    return {"y": random.poisson(2, 60).astype(float), "x": random.normal(size=60), "g": list("abc") * 20}


@pytest.fixture(scope="module")
def fit(table):
    return nd.glm("y ~ x + g", table, family="poisson")


def doors():
    names = [name for name, _ in inspect.getmembers(nd.Fit, callable) if not name.startswith("_")]
    return sorted(set(names) - ELSEWHERE)


def answers(call, *given, **named):
    """What it says, or an error of nelder's; any other goes on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        try:
            return str(call(*given, **named))
        except nd.NelderError as problem:
            return str(problem)


@pytest.mark.parametrize("door", doors())
def test_a_door_answers_or_says_in_words_why_not(door, fit, table):
    call = getattr(fit, door)
    parameters = list(inspect.signature(call).parameters.values())
    there = {"table": table, "fit": fit}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            for odd in ODD:
                assert answers(call, odd)
            continue
        others = [each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
        rest = {each.name: there.get(FIRST.get(each.name), "x") for each in others if each is not parameter}
        for odd in ODD:
            assert answers(call, **rest, **{parameter.name: odd})


def pictures():
    return sorted(name for name, _ in inspect.getmembers(Plots, callable) if not name.startswith("_"))


@pytest.mark.parametrize("picture", pictures())
def test_a_picture_is_drawn_or_says_in_words_why_not(picture, fit):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    draw = getattr(fit.plot, picture)
    parameters = [each for each in inspect.signature(draw).parameters.values() if each.name != "ax"]
    for parameter in parameters:
        rest = {each.name: {} if each.name == "others" else "x" for each in parameters if each.default is each.empty}
        for odd in ODD:
            assert answers(draw, **{**rest, parameter.name: odd})
            pyplot.close("all")


OPTIONS = [
    *(nd.Newton, nd.IRLS, nd.LBFGS, nd.GradientDescent, nd.StochasticGradientDescent, nd.ClosedForm),
    *(nd.Ridge, nd.Firth, nd.Jeffreys, nd.MedianBias, nd.Clustered, nd.HAC, nd.Threads),
    *(nd.NegativeBinomial, nd.Tweedie, nd.Quasi, nd.Binomial, nd.Power, nd.Population),
    *(nd.frequency, nd.sampling, nd.quasibinomial, nd.datasets.motor, nd.datasets.line),
]
NEEDED = {"groups": "g", "power": 1.5, "weights": np.ones(60), "variance": "mu", "variance_function": "mu"}
KINDS = (("solver", nd.Newton.__base__), ("penalty", nd.Ridge.__base__), ("family", nd.Family), ("link", nd.Link))


def places(option):
    """The arguments of an option."""
    return [(option, name) for name in inspect.signature(option).parameters]


@pytest.mark.parametrize(("option", "argument"), [pair for option in OPTIONS for pair in places(option)])
def test_an_option_takes_it_or_says_in_words_why_not(option, argument, table):
    """And a fit with it, or of it, fits or says in words why not."""
    needed = [each for each in inspect.signature(option).parameters.values() if each.default is each.empty]
    rest = {each.name: NEEDED[each.name] for each in needed if each.name != argument}
    for odd in ODD:
        try:
            taken = option(**rest, **{argument: odd})
        except nd.NelderError:
            continue
        keyword = next((k for k, kind in KINDS if isinstance(taken, kind)), None)
        if keyword is not None:
            assert answers(nd.glm, **{"formula": "y ~ x", "data": table, "family": "poisson", keyword: taken})


@pytest.mark.parametrize("argument", [name for name in inspect.signature(nd.glm).parameters if name != "watch"])
def test_glm_fits_or_says_in_words_why_not(argument, table):
    given = {"formula": "y ~ x + g", "data": table, "family": "poisson"}
    for odd in ODD:
        assert answers(nd.glm, **{**given, argument: odd})


@pytest.mark.parametrize("argument", [name for name in inspect.signature(nd.glm_fit).parameters if name != "watch"])
def test_glm_fit_fits_or_says_in_words_why_not(argument, table):
    X = np.column_stack([np.ones(60), table["x"]])
    given = {"X": X, "y": table["y"], "family": "poisson"}
    for odd in ODD:
        assert answers(nd.glm_fit, **{**given, argument: odd})


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        *((nd.simulate, name) for name in inspect.signature(nd.simulate).parameters),
        *((nd.load, name) for name in inspect.signature(nd.load).parameters),
        *((nd.sql, name) for name in inspect.signature(nd.sql).parameters),
        *((nd.spill, name) for name in inspect.signature(nd.spill).parameters),
    ],
)
def test_other_doors_answer_or_say_in_words_why_not(call, argument):
    given = {
        nd.simulate: {"X": np.ones((5, 1)), "beta": [0.5], "family": "poisson"},
        nd.load: {"path": "fit.json"},
        nd.sql: {"query": "select 1 as y"},
        nd.spill: {"reader": iter(())},
    }[call]
    for odd in ODD:
        assert answers(call, **{**given, argument: odd})

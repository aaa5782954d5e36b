"""Warnings point at the line of the caller, whichever door it came through."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.formula.transforms import OutsideError

X = np.arange(12.0)
DATA = {"x": X, "twice": 2 * X, "y": X % 3, "g": list("abc") * 4, "h": list("uuuvvv") * 2}


def aliased():
    with warnings.catch_warnings(action="ignore"):
        return nd.glm("y ~ x + twice", DATA, "poisson")


def crossed():
    return nd.glm("y ~ g*h", DATA | {"y": X % 5 + 1.0}, "poisson")


CALLS = {
    "glm": lambda: nd.glm("y ~ x + twice", DATA, "poisson"),
    "glm_fit": lambda: nd.glm_fit(np.column_stack([X, 2 * X]), DATA["y"] + 1.0, "poisson"),
    "predict": lambda: aliased().predict({"x": [1.0], "twice": [7.0]}),
    "confidence": lambda: aliased().predict({"x": [1.0], "twice": [7.0]}, interval="confidence"),
    "anova": lambda: crossed().anova(3),
    "standard errors": lambda: nd.glm("y ~ x", {"x": [0, 0, 0, 1], "y": [1, 2, 4, 3]}).with_covariance("HC1"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warning_points_at_the_line_that_called(name):
    with pytest.warns(nd.NelderWarning) as said:
        CALLS[name]()
    assert {Path(each.filename).name for each in said} == {Path(__file__).name}


def test_a_second_line_that_goes_wrong_is_warned_of_as_well():
    fit = aliased()
    with warnings.catch_warnings(record=True, action="default") as said:
        fit.predict({"x": [1.0], "twice": [7.0]})
        fit.predict({"x": [1.0], "twice": [7.0]})
    assert len({each.lineno for each in said}) == 2


def test_tests_of_a_coding_have_a_warning_of_their_own():
    with pytest.warns(nd.errors.CodingWarning, match="base level of g, h"):
        crossed().anova(3)


def test_an_error_of_a_transform_comes_back_from_a_worker_as_it_is():
    told = pickle.loads(pickle.dumps(OutsideError("is outside", np.array([3, 5]))))
    assert told.finding == "is outside" and told.places.tolist() == [3, 5]

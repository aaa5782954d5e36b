"""Analysis of deviance, comparison and selection of models against R's stats, car and MASS: see make/anova.R."""

import functools
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.inference.comparisons.anova import anova
from nelder.inference.comparisons.comparison import compare
from nelder.inference.comparisons.selection import add1, drop1
from nelder.inference.comparisons.stepwise import step

HERE = Path(__file__).parent
RECORDS = json.loads((HERE / "anova.json").read_text(encoding="utf-8"))
BY_ID = {record["id"]: record for record in RECORDS if record["what"] != "versions"}
TOLERANCE = 1e-8
TESTS = {"F": "F", "Chisq": "chisq", "LR": "chisq", "Rao": "rao", "Wald": "wald"}


def these(*kinds):
    return pytest.mark.parametrize("name", [name for name, record in BY_ID.items() if record["what"] in kinds])


@functools.cache
def fitted(name, formula=None):
    record = BY_ID[name]
    theta = record.get("theta")
    family = nd.NegativeBinomial(theta) if theta else record["family"]
    table = str(HERE / "tables" / f"{record['table']}.csv")
    return nd.glm(formula or record["formula"], table, family, record["link"], weights=record.get("weights"))


def assert_near(ours, theirs, scale=0.0):
    """Each to 1e-8 of itself, or of `scale` where it is a difference of numbers of that size."""
    ours, theirs = (np.array([np.nan if v is None else v for v in values], dtype=float) for values in (ours, theirs))
    assert ours.shape == theirs.shape
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    there = ~np.isnan(theirs)
    assert np.all(np.abs(ours - theirs)[there] <= TOLERANCE * np.maximum(np.abs(theirs[there]), scale))


def assert_p_near(ours, theirs):
    """A relative error of 1e-8 in a statistic is one of 1e-8 times its size in a p-value that is small."""
    for p, reference in zip(ours, theirs, strict=True):
        size = max(1.0, -np.log(reference)) if reference else 1.0
        assert (p is None or np.isnan(p)) if reference is None else abs(p - reference) <= TOLERANCE * size * reference


def without_spaces(names):
    return [name.replace(" ", "") for name in names]


def assert_like(table, record):
    """The columns that both have; statistics are in the column that the table has for them."""
    statistic = "F" if "F" in table else "chi2"
    for column in ("df", "deviance", "resid_df", "resid_deviance", "loglik"):
        if column in record and column in table:
            # R has nothing to say of the first fit, ours is that it gains 0
            first = [0.0 if column in ("df", "deviance") and value is None else value for value in record[column]]
            assert_near(table[column][-len(first) :], first)
    assert_near(table[statistic][-len(record["statistic"]) :], record["statistic"])
    assert_p_near(table["p"][-len(record["p"]) :].tolist(), record["p"])


@these("anova")
def test_terms(name):
    record = BY_ID[name]
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        fit = fitted(name)
        if "covariance" in record:
            fit = fit.with_covariance(record["covariance"])
        table = anova(fit, record["type"], TESTS[record["test"]])
    assert without_spaces(table["term"]) == without_spaces(record["terms"])
    assert_like(table, record)


@these("compare")
def test_fits_side_by_side(name):
    record = BY_ID[name]
    fits = [fitted(name, formula) for formula in record["formulas"]]
    table = compare(fits[-1], fits[:-1], TESTS[record["test"]])
    assert list(table["model"]) == record["formulas"]
    assert_like(table, record)
    if "theta_estimates" in record:  # which R leaves at 1e-4 of a Newton step
        np.testing.assert_allclose(table["theta"], record["theta_estimates"], rtol=1e-6)
    for column in ("aic", "bic"):
        assert (column in table) == (column in record)
        if column in record:
            assert_near(table[column], record[column])


@these("drop1", "add1")
def test_one_term_less_or_more(name):
    record = BY_ID[name]
    test = TESTS[record["test"]]
    table = drop1(fitted(name), None, test) if record["what"] == "drop1" else add1(fitted(name), record["scope"], test)
    assert without_spaces(table["term"][1:]) == without_spaces(record["terms"])
    assert_like(table, record)
    assert ("aic" in table) == ("aic" in record)
    if "aic" in record:
        assert_near(table["aic"], record["aic"])


@these("step")
def test_stepwise_selection(name):
    """R's BIC does not count φ, so that criteria are compared by how much they fall."""
    record = BY_ID[name]
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        steps = step(fitted(name), record.get("scope"), record["criterion"], record["direction"])
    table = steps.table()
    assert without_spaces(table["change"]) == without_spaces(record["changes"])
    assert_near(table["resid_df"], record["resid_df"])
    assert_near(table["resid_deviance"], record["resid_deviance"])
    value = table[record["criterion"]]
    assert_near(value - value[0], np.array(record["value"]) - record["value"][0], scale=abs(value[0]))

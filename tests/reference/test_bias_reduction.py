"""Bias-reduced fits against brglm2, against the definition of their adjusted scores, and intervals: all to 1e-8."""

import functools
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.inference.likelihood.penalised_intervals import penalised_confint
from nelder.penalties import Jeffreys

HERE = Path(__file__).parent
RECORDS = json.loads((HERE / "bias_reduction.json").read_text(encoding="utf-8"))[1:]
BY_NAME = {f"{r['id']}-{r['penalty']}-{r.get('power', 0.5)}": r for r in RECORDS}
SEVERAL = ("mtcars-probit-separated-jeffreys-0.5",)  # has two maxima of the penalised likelihood, 0.02 apart


def made_by(*makers):
    names = [name for name, record in BY_NAME.items() if record["made_by"] in makers]
    return pytest.mark.parametrize("name", names)


@functools.cache
def fitted(name):
    record = BY_NAME[name]
    table = HERE / "tables" / f"{record['table']}.csv"
    family = nd.NegativeBinomial(record["theta"]) if record.get("theta") else record["family"]
    penalty = Jeffreys(record.get("power", 0.5)) if record["penalty"] == "jeffreys" else record["penalty"]
    formula = record["formula"].replace("factor(", "C(")
    if name not in SEVERAL:  # any warning is an error
        return nd.glm(formula, table, family, record["link"], weights=record.get("weights"), penalty=penalty)
    with warnings.catch_warnings(action="ignore", category=nd.SeveralMinimaWarning):
        return nd.glm(formula, table, family, record["link"], penalty=penalty)


def assert_each_near(ours, theirs):
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    assert ours.shape == theirs.shape
    wrong = ~(np.abs(ours - theirs) <= 1e-8 * np.abs(theirs))
    assert not wrong.any(), (ours[wrong], theirs[wrong])


def as_in_r(name):
    """Our name of a coefficient in R's spelling: C(cyl)[T.6] is factor(cyl)6."""
    spelled = "(Intercept)" if name == "Intercept" else re.sub(r"\[T\.([^\[\]]*)\]", r"\1", name)
    return spelled.replace("C(", "factor(").replace(" ", "")


def test_there_are_more_than_a_hundred_records_of_every_kind():
    kinds = {(record["made_by"], record["penalty"]) for record in RECORDS}
    assert len(RECORDS) == len(BY_NAME) > 100
    assert {("brglm2", penalty) for penalty in ("firth", "jeffreys", "median_bias")} <= kinds
    assert {maker for maker, _ in kinds} == {"brglm2", "definition", "intervals"}


@made_by("brglm2", "definition", "intervals")
def test_coefficients_have_their_names_and_numbers(name):
    record, fit = BY_NAME[name], fitted(name)
    theirs = [each.replace(" ", "").removesuffix("TRUE") for each in record["r_names"]]  # R's logical columns end so
    assert [as_in_r(each) for each in fit.names] == theirs
    assert fit.converged
    assert_each_near(fit.coef, record["coefficients"])


@made_by("brglm2", "definition")
def test_standard_errors_and_likelihood(name):
    record, fit = BY_NAME[name], fitted(name)
    assert_each_near(fit.se, record["se"])
    assert_each_near(fit.loglik, record["loglik"])


@made_by("brglm2")
def test_dispersion_deviance_and_aic(name):
    record, fit = BY_NAME[name], fitted(name)
    assert_each_near(fit.dispersion, record["dispersion"])
    assert_each_near([fit.deviance, fit.aic], [record["deviance"], record["aic"]])


@made_by("intervals")
def test_intervals(name):
    record, interval = BY_NAME[name], penalised_confint(fitted(name))
    assert_each_near(interval["lower"], record["lower"])
    assert_each_near(interval["upper"], record["upper"])
    assert interval.notes[0].startswith("profile" if record["profile"] else "intervals of what the adjusted score")


@pytest.mark.parametrize("name", SEVERAL)
def test_where_there_are_several_roots_it_says_so(name):
    (finding,) = fitted(name).warnings
    assert "several roots" in finding.sentence

"""θ, the Tweedie power and the dispersion against MASS's glm.nb, gamma.shape and gamma.dispersion, and against mgcv's
Tweedie densities: see make/shapes.R.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.inference.comparisons.anova import anova
from nelder.inference.dispersions import dispersions, gamma_shape, with_dispersion
from nelder.submodels import deviance_lost, with_terms

HERE = Path(__file__).parent
RECORDS = json.loads((HERE / "shapes.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-8


def of(*kinds):
    chosen = [record for record in RECORDS if record["kind"] in kinds]
    return pytest.mark.parametrize("record", chosen, ids=[record["id"] for record in chosen])


@cache
def table(name):
    return pd.read_csv(HERE / "tables" / f"{name}.csv")


@cache
def fitted(identity):
    record = next(record for record in RECORDS if record["id"] == identity)
    family = "negative_binomial" if record["kind"] == "nested" else record["kind"]
    weights = record.get("weights")
    return nd.glm(record["formula"], table(record["table"]), family, record.get("link", "log"), weights=weights)


def assert_near(ours, theirs, tolerance=TOLERANCE):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.max(np.abs(ours - theirs) / np.abs(theirs)) <= tolerance, (ours, theirs)


def test_there_are_more_than_twenty_fits():
    assert len(RECORDS) == 25
    assert all("MASS" in record["packages"] for record in RECORDS)


@of("negative_binomial")
def test_theta_and_its_standard_error_are_those_of_glm_nb(record):
    shape = fitted(record["id"]).shape
    assert (shape.name, shape.estimated) == ("theta", True)
    assert_near(shape.value, record["theta"])
    assert_near(shape.se, record["theta_se"])


@of("negative_binomial")
def test_coefficients_and_their_standard_errors_are_those_of_glm_nb(record):
    fit = fitted(record["id"])
    assert fit.converged and fit.warnings == ()
    assert_near(fit.coef, record["coefficients"])
    assert_near(fit.se, record["se"])


@of("negative_binomial")
def test_likelihood_deviances_and_criteria_are_those_of_glm_nb(record):
    fit = fitted(record["id"])
    assert_near(2 * fit.loglik, record["twologlik"])
    assert_near([fit.deviance, fit.aic, fit.bic], [record["deviance"], record["aic"], record["bic"]])
    if record["null_deviance"] is not None:
        assert_near(fit.null_deviance, record["null_deviance"])


@of("nested")
def test_the_likelihood_ratio_of_two_fits_with_their_own_theta_is_that_of_anova(record):
    larger = fitted(record["id"])
    smaller = nd.glm(record["smaller"], table(record["table"]), "negative_binomial")
    # R's two likelihoods are those of an alternation, which stops at six digits of theta
    assert_near(2 * (larger.loglik - smaller.loglik), record["statistic"])
    assert deviance_lost(larger, smaller) == 2 * (larger.loglik - smaller.loglik)
    assert larger.statistics.rank - smaller.statistics.rank == record["df"]


@of("gamma")
def test_the_shape_of_a_gamma_fit_is_that_of_gamma_shape(record):
    found = gamma_shape(fitted(record["id"]))
    assert_near(found["alpha"], [record["alpha"]])
    assert_near(found["se"], [record["alpha_se"]])


@of("gamma")
def test_dispersions_of_a_gamma_fit(record):
    found = dispersions(fitted(record["id"]))
    assert found["method"].tolist() == ["pearson", "deviance", "ml"]
    assert_near(found["estimate"], [record["pearson"], record["deviance"], record["dispersion"]])


@of("gamma")
def test_a_given_dispersion_scales_as_in_summary(record):
    fit = with_dispersion(fitted(record["id"]), record["dispersion"])
    tests = fit.table()
    assert_near(tests["se"], record["se"])
    assert_near(tests["z"], record["z"])
    ours, theirs = tests["p"], np.array(record["p"])
    assert np.array_equal(ours == 0, theirs == 0)
    assert_near(np.log(ours[ours > 0]), np.log(theirs[ours > 0]))  # far out a p-value has fewer digits than its z


@of("tweedie")
def test_the_power_is_that_of_highest_likelihood(record):
    fit = fitted(record["id"])
    assert fit.warnings == ()
    assert_near(fit.shape.value, record["power"])
    assert_near(fit.shape.se, record["power_se"])
    assert_near([fit.loglik, fit.aic, fit.deviance], [record["loglik"], record["aic"], record["deviance"]])
    assert_near(fit.coef, record["coefficients"])
    assert_near(dispersions(fit)["estimate"][2], record["phi"])


def test_terms_are_tested_with_theta_estimated_in_each_model():
    fit = fitted("nested-quine")
    smaller = with_terms(fit, ["Intercept", "Eth", "Age"])
    assert smaller.shape.estimated and smaller.shape.value != fit.shape.value
    assert_near(smaller.loglik, nd.glm("Days ~ Eth + Age", table("quine"), "negative_binomial").loglik, 1e-12)
    by_type = anova(fit, type=3)
    without = nd.glm("Days ~ Sex + Age + Lrn", table("quine"), "negative_binomial")
    row = by_type["term"].tolist().index("Eth")
    assert_near(by_type["chi2"][row], 2 * (fit.loglik - without.loglik))

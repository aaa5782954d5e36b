"""Every fit of fits.json against R's glm: each number to 1e-8, as make/README.md describes the records."""

import functools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.families import FAMILIES

HERE = Path(__file__).parent
RECORDS = json.loads((HERE / "fits.json").read_text(encoding="utf-8"))
BY_ID = {record["id"]: record for record in RECORDS}
TOLERANCE = 1e-8

every_fit = pytest.mark.parametrize("name", list(BY_ID))


def family_of(record):
    options = record["family_options"]
    match record["family"]:
        case "quasi":
            return nd.Quasi(options["variance"])
        case "negative_binomial":
            return nd.NegativeBinomial(options["theta"])
        case "tweedie":
            return nd.Tweedie(options["power"])
        case name:
            return name


def link_of(record):
    link = record["link"]
    return nd.Power(link["power"]) if isinstance(link, dict) else link


@functools.cache
def fitted(name):
    record = BY_ID[name]
    table = HERE / "tables" / f"{record['table']}.csv"
    return nd.glm(record["formula"], table, family_of(record), link_of(record), weights=record["weights"])


def assert_each_near(ours, theirs):
    """Every entry to 1e-8 of itself; R writes an underflown p-value as 0, and so do we."""
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    assert ours.shape == theirs.shape
    wrong = ~(np.abs(ours - theirs) <= TOLERANCE * np.abs(theirs))
    assert not wrong.any(), (ours[wrong], theirs[wrong])


def as_in_r(name):
    """Our name of a coefficient in R's spelling, without spaces."""
    if name == "Intercept":
        return "(Intercept)"
    name = re.sub(r"\[(?:T\.)?([^\[\]]*)\](?=:|$)", r"\1", name)  # wool[T.B] is woolB, poly(x, 2)[1] is poly(x, 2)1
    return name.replace(" ", "").replace("**", "^")


def without_spaces(name):
    return name.replace(" ", "").replace("factor(", "C(")


def test_the_records_cover_at_least_fifteen_tables_and_every_family():
    assert len(RECORDS) == len(BY_ID) == 94
    assert len({record["table"] for record in RECORDS}) >= 15
    assert {record["family"] for record in RECORDS} == set(FAMILIES)


@every_fit
def test_names_map_to_those_of_r_one_to_one_and_in_order(name):
    record, fit = BY_ID[name], fitted(name)
    theirs = [without_spaces(each) for each in record["r_names"]]
    if "contr.sum" in record["formula"]:  # R numbers the columns, we name the level
        theirs = ["(Intercept)", "C(group,contr.sum)S.ctrl", "C(group,contr.sum)S.trt1"]
    assert [as_in_r(each) for each in fit.names] == theirs
    assert len(set(fit.names)) == len(fit.names)


@every_fit
def test_it_converges_without_a_warning(name):
    fit = fitted(name)  # a warning would be an error
    assert fit.converged
    assert fit.warnings == ()
    assert not fit.aliased.any()


@every_fit
def test_coefficients_and_standard_errors(name):
    record, fit = BY_ID[name], fitted(name)
    assert_each_near(fit.coef, record["coefficients"])
    assert_each_near(fit.se, record["se"])


@every_fit
def test_covariance(name):
    """Relative to the two standard errors: covariances of orthogonal columns, as of poly(), are rounding around 0."""
    fit, theirs = fitted(name), np.array(BY_ID[name]["cov_unscaled"])
    size = np.sqrt(np.outer(np.diagonal(theirs), np.diagonal(theirs)))
    assert fit.covariance_unscaled.shape == theirs.shape
    assert np.max(np.abs(fit.covariance_unscaled - theirs) / size) <= TOLERANCE
    assert_each_near(np.diagonal(fit.covariance_unscaled), np.diagonal(theirs))
    assert np.array_equal(fit.covariance(), fit.dispersion * fit.covariance_unscaled)


@every_fit
def test_wald_tests(name):
    record, table = BY_ID[name], fitted(name).table()
    assert list(table) == ["term", "estimate", "se", record["test"], "p", "lower", "upper"]
    assert_each_near(table[record["test"]], record["statistic"])
    assert_each_near(table["p"], record["p"])


@every_fit
def test_wald_intervals(name):
    """R's confint.default takes normal quantiles; where φ was estimated ours are Student's, so ends are rescaled."""
    record, fit = BY_ID[name], fitted(name)
    interval = fit.confint(0.95)
    ours, coef = np.column_stack([interval["lower"], interval["upper"]]), np.asarray(fit.coef)[:, None]
    normal = stats.norm.ppf(0.975)
    used = stats.t.ppf(0.975, record["df_resid"]) if record["test"] == "t" else normal
    size = np.abs(coef) + normal * np.array(record["se"])[:, None]  # an end may cancel to nearly zero
    assert np.max(np.abs(coef + (ours - coef) * normal / used - np.array(record["confint"])) / size) <= TOLERANCE


@every_fit
def test_deviances_and_dispersion(name):
    record, fit = BY_ID[name], fitted(name)
    assert_each_near(fit.deviance, record["deviance"])
    assert_each_near(fit.dispersion, record["dispersion"])
    assert_each_near(fit.statistics.pearson, record["pearson"])
    if record["null_deviance"] is None:  # infinite: no intercept, and a mean of zero cannot give these counts
        assert fit.null_deviance == np.inf
    else:
        assert_each_near(fit.null_deviance, record["null_deviance"])


@every_fit
def test_degrees_of_freedom(name):
    record, fit = BY_ID[name], fitted(name)
    assert (fit.statistics.n, fit.df_resid, fit.df_null) == (record["n"], record["df_resid"], record["df_null"])


@every_fit
def test_likelihood(name):
    record, fit = BY_ID[name], fitted(name)
    if record["family"].startswith("quasi"):
        assert record["loglik"] is record["aic"] is record["bic"] is None
        assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
    elif record["family"] == "tweedie":  # R's statmod has none; ours exists below a power of 2
        assert record["loglik"] is record["aic"] is record["bic"] is None
        assert np.isfinite(fit.loglik) == (record["family_options"]["power"] < 2)
    else:
        assert_each_near([fit.loglik, fit.aic, fit.bic], [record["loglik"], record["aic"], record["bic"]])


@every_fit
def test_rows(name):
    """The linear predictor is held relative to its largest entry: single ones may cancel to nearly zero."""
    record, fit = BY_ID[name], fitted(name)
    shown = len(record["fitted"])
    predicted = fit.predict(kind="link", interval="confidence")
    eta = np.array(record["linear_predictor"])
    assert fit.fitted.shape == (record["n"],)
    assert_each_near(fit.fitted[:shown], record["fitted"])
    assert np.max(np.abs(predicted["fit"][:shown] - eta)) <= TOLERANCE * np.max(np.abs(eta))
    assert_each_near(predicted["se"][:shown], record["linear_predictor_se"])

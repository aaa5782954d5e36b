"""Covariances, joint tests, functions of coefficients and samples against sandwich, lmtest, car and survey."""

import functools
import json
import re
import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest

import nelder as nd
from nelder.inference.covariances.clustered import Clustered
from nelder.inference.covariances.covariance import covariance, with_covariance
from nelder.inference.covariances.serial import HAC
from nelder.inference.hypotheses.delta import delta
from nelder.inference.hypotheses.linear import wald_test
from nelder.observations import sampling

HERE = Path(__file__).parent
RECORDS = {record["id"]: record for record in json.loads((HERE / "covariance.json").read_text(encoding="utf-8"))}
FITS = {name: record for name, record in RECORDS.items() if "matrices" in record}
SAMPLES = {name: record for name, record in RECORDS.items() if "matrices" not in record}
TOLERANCE = 1e-8
DIGITS_LOST = 1e-6  # by R, to the condition of longley's columns: see the test in exact arithmetic

MATRICES = [(name, kind) for name, record in FITS.items() for kind in record["matrices"]]
TESTS = [(name, k) for name, record in FITS.items() for k in record["tests"]]
FUNCTIONS = [(name, k) for name, record in FITS.items() for k in record["functions"]]


def near(ours, theirs, tolerance=TOLERANCE):
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.all(np.abs(ours - theirs) <= tolerance * np.abs(theirs)), (ours, theirs)


@functools.cache
def fitted(name):
    record = FITS[name]
    table = HERE / "tables" / f"{record['table']}.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.AliasedWarning)
        fit = nd.glm(record["formula"], table, record["family"], record["link"], weights=record["weights"])
    assert fit.converged
    return fit


def kind_of(name, words):
    """The kind of covariance that a name of the records means."""
    clusters = FITS[name]["clusters"]
    match = re.fullmatch(r"(plainly )?clustered (\w+)", words)
    if match:
        ways = clusters if match[2] == "both" else [match[2]]
        return Clustered(*ways, correction=match[1] is None)
    match = re.fullmatch(r"(prewhitened )?HAC (\d)", words)
    if match:
        return HAC(int(match[2]), prewhiten=match[1] is not None, correction=match[1] is None)
    return words


def estimated(fit):
    return np.ix_(~fit.aliased, ~fit.aliased)


def test_the_records_cover_what_they_should():
    assert len(MATRICES) == 183 and len(TESTS) == 14 and len(FUNCTIONS) == 10 and len(SAMPLES) == 9
    assert {record["family"].partition("(")[0] for record in FITS.values()} >= {
        *("gaussian", "binomial", "poisson", "gamma", "inverse_gaussian", "negative_binomial"),
        *("quasipoisson", "quasibinomial"),
    }


@pytest.mark.parametrize("name", list(FITS))
def test_the_coefficients_are_those_of_r(name):
    near(np.asarray(fitted(name).coef)[~fitted(name).aliased], FITS[name]["coefficients"])
    assert np.flatnonzero(~fitted(name).aliased).tolist() == FITS[name]["estimated"]


@pytest.mark.parametrize(("name", "kind"), MATRICES)
def test_covariances(name, kind):
    """Relative to the two standard errors."""
    fit, theirs = fitted(name), np.array(FITS[name]["matrices"][kind])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "two-way|.*without some one of the clusters", nd.NelderWarning)
        ours = covariance(fit, kind_of(name, kind))[estimated(fit)]
    size = np.sqrt(np.outer(np.diagonal(theirs), np.diagonal(theirs)))
    assert np.max(np.abs(ours - theirs) / size) <= (DIGITS_LOST if name == "longley" else TOLERANCE)


def test_digits_that_r_loses_are_kept():
    """Longley's columns against 50 digits of the same sums."""
    mpmath.mp.dps = 50
    block = fitted("longley").objective.design.handles[0]
    X, y = mpmath.matrix(block.dense().tolist()), mpmath.matrix(block.y.tolist())
    inverse = (X.T * X) ** -1
    residual, hat = y - X * (inverse * (X.T * y)), X * inverse * X.T
    for name, power in {"HC0": 0, "HC2": 1, "HC3": 2}.items():
        squares = [residual[i] ** 2 / (1 - hat[i, i]) ** power for i in range(len(y))]
        truth = np.array((inverse * (X.T * mpmath.diag(squares) * X) * inverse).tolist(), dtype=float)
        size = np.sqrt(np.outer(np.diagonal(truth), np.diagonal(truth)))
        assert np.max(np.abs(covariance(fitted("longley"), name) - truth) / size) < 1e-10


@pytest.mark.parametrize("kind", ["expected", "HC3"])
@pytest.mark.parametrize(("name", "k"), TESTS)
def test_joint_tests(name, k, kind):
    record = FITS[name]["tests"][k]
    fit, theirs = with_covariance(fitted(name), kind), record[kind]
    if record["known"] != fit.family.dispersion_known:  # car takes F for families that it does not know
        pytest.skip("another reference distribution")
    found = wald_test(fit, record["given"])
    near(found["chi2" if record["known"] else "F"][0], theirs["statistic"])
    near(found["p"][0], theirs["p"])
    assert found["df"][0] == theirs["df"]


@pytest.mark.parametrize(("name", "k"), FUNCTIONS)
def test_functions_of_coefficients(name, k):
    record, fit = FITS[name]["functions"][k], fitted(name)
    plain, robust = delta(fit, record["given"]), delta(with_covariance(fit, "HC1"), record["given"])
    near([plain["estimate"][0], plain["se"][0]], [record["estimate"], record["se"]])
    near(robust["se"][0], record["robust_se"])


@functools.cache
def sample(name):
    record = SAMPLES[name]
    table = HERE / "tables" / f"{record['table']}.csv"
    weights = {"week_weight": "1 + week/2"}.get(record["weights"], record["weights"])
    fit = nd.glm(record["formula"], table, record["family"], record["link"], weights=sampling(weights))
    return fit if record["cluster"] is None else with_covariance(fit, Clustered(record["cluster"]))


@pytest.mark.parametrize("name", list(SAMPLES))
def test_samples(name):
    record, fit = SAMPLES[name], sample(name)
    table, theirs = fit.table(), np.array(record["matrix"])
    size = np.sqrt(np.outer(np.diagonal(theirs), np.diagonal(theirs)))
    assert np.max(np.abs(fit.covariance() - theirs) / size) <= TOLERANCE
    near(fit.coef, record["coefficients"])
    near([fit.deviance, fit.null_deviance], [record["deviance"], record["null_deviance"]])
    assert fit.df_reference == record["df"]
    near(table["t"], record["t"])
    if record["df"] > 0:
        near(table["p"], record["p"])
        width = table["upper"] - table["lower"]
        near(width, np.array(record["upper"]) - np.array(record["lower"]))
    assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
    if record["test"] is not None:
        found = wald_test(fit, record["test"]["term"])
        near(found["F"][0], record["test"]["F"])
        near(found["p"][0], record["test"]["p"])
        assert (found["df"][0], found["df_residual"][0]) == (record["test"]["df"], record["test"]["df_residual"])

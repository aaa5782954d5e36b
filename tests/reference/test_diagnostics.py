"""Residuals, influence, prediction intervals, distributions and bootstrap intervals against R, statmod and boot."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.diagnostics.influence import influence
from nelder.diagnostics.residuals import residuals
from nelder.families import FAMILIES
from nelder.inference.predictions.prediction import prediction_interval
from nelder.inference.resamples.bootstrap import Bootstrap, Resampling, bootstrap
from nelder.links import Identity
from nelder.mean import Mean
from nelder.table import Named

HERE = Path(__file__).parent
RECORDS = {record["id"]: record for record in json.loads((HERE / "diagnostics.json").read_text(encoding="utf-8"))}
FITS = [name for name, record in RECORDS.items() if "leverage" in record]
LAWS = [name for name in RECORDS if name.startswith("law-")]
TOLERANCE = 1e-8

every_fit = pytest.mark.parametrize("name", FITS)
every_law = pytest.mark.parametrize("name", LAWS)


@functools.cache
def fitted(name):
    record = RECORDS[name]
    family = record["family"] if record["option"] is None else FAMILIES[record["family"]](record["option"])
    formula = record["formula"].replace("factor(", "C(")
    table = HERE / "tables" / f"{record['table']}.csv"
    return nd.glm(formula, table, family, record["link"], weights=record["weights"])


@functools.cache
def measured(name):
    return influence(fitted(name))


def assert_near(ours, theirs):
    """Each entry to 1e-8 of itself or, where it is small beside the largest of its column, of that."""
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    ours = ours[: len(theirs)]
    assert ours.shape == theirs.shape
    size = np.maximum(np.abs(theirs), 1e-2 * np.nanmax(np.abs(theirs), axis=0, initial=0.0))
    wrong = ~((np.abs(ours - theirs) <= TOLERANCE * size) | (np.isnan(ours) & np.isnan(theirs)))
    assert not wrong.any(), (ours[wrong], theirs[wrong])


def test_there_are_fits_of_every_family_with_weights_and_offsets():
    assert len(FITS) == 36
    assert {RECORDS[name]["family"] for name in FITS} >= set(FAMILIES) - {"quasi"}
    assert sum(RECORDS[name]["weights"] is not None for name in FITS) >= 7


@every_fit
@pytest.mark.parametrize("kind", ["standardised", "standardised_pearson", "studentised", "anscombe"])
def test_residuals(name, kind):
    assert_near(residuals(fitted(name), kind), RECORDS[name][kind])


@every_fit
def test_partial_residuals(name):
    assert_near(residuals(fitted(name), "partial"), RECORDS[name]["partial"])


@every_fit
def test_quantile_residuals_of_continuous_families_are_those_of_statmod(name):
    theirs = RECORDS[name]["quantile"]
    if theirs is not None:
        first, second = (residuals(fitted(name), "quantile", seed=seed) for seed in (1, 2))
        assert np.array_equal(first, second)
        assert_near(first, theirs)


@every_fit
@pytest.mark.parametrize("measure", ["leverage", "sigma", "cook", "dffits", "covratio"])
def test_influence_of_a_row(name, measure):
    assert_near(getattr(measured(name), measure), RECORDS[name][measure])


@every_fit
def test_influence_on_each_coefficient(name):
    """R's have the wrong sign where the link falls; the script turns them."""
    assert_near(measured(name).dfbeta, RECORDS[name]["dfbeta"])
    assert_near(measured(name).dfbetas, RECORDS[name]["dfbetas"])


@every_fit
def test_likelihood_displacement(name):
    theirs = np.array(RECORDS[name]["displacement"], dtype=float)
    ours = measured(name).displacement[: len(theirs)]
    known = np.isfinite(theirs)  # R says nothing of means that are not allowed
    assert np.isinf(ours[~known]).all()
    # a difference of two deviances in R
    size = np.abs(theirs) + 1e-6 * fitted(name).deviance / fitted(name).dispersion
    assert np.max(np.abs(ours - theirs)[known] / size[known], initial=0.0) <= 1e-7


@every_fit
def test_rows_that_stand_out_are_those_that_r_marks(name):
    theirs = RECORDS[name]["influential"]
    if theirs is not None:
        assert measured(name).influential[: len(theirs)].tolist() == theirs


@pytest.mark.parametrize("name", [name for name in FITS if RECORDS[name]["interval"] is not None])
def test_intervals_for_a_new_observation_are_those_of_predict_lm(name):
    fit, theirs = fitted(name), RECORDS[name]["interval"]
    for weights, key in ((None, "own"), (1.0, "one"), (2.5, "heavy")):
        made = prediction_interval(fit, level=0.9, weights=weights)
        assert_near(np.column_stack([made["fit"], made["lower"], made["upper"]]), theirs[key])


@every_law
def test_both_tails_of_a_distribution_far_out(name):
    """Logarithms of probabilities: those near 0 are probabilities near 1, and follow from the other tail."""
    record = RECORDS[name]
    mu, y, option = np.array(record["mu"]), np.array(record["y"]), record["option"]
    takes_option = record["family"] == "negative_binomial"
    family = FAMILIES[record["family"]](option) if takes_option else FAMILIES[record["family"]]()
    phi = 1.0 if family.dispersion_known else option
    weight = np.full_like(y, option if record["family"] == "binomial" else 1.0)
    with np.errstate(all="ignore"):
        tails = family.log_tails(y, Mean(Identity(), mu), phi, weight)
    for ours, given in ((tails.lower, record["lower"]), (tails.upper, record["upper"])):
        theirs = np.array(given, dtype=float)
        far = np.isnan(theirs)  # R writes minus infinity as null
        assert (ours[far] < -600).all()
        wrong = ~(np.abs(ours - theirs) <= 1e-11 * np.abs(theirs) + 1e-14) & ~far
        assert not wrong.any(), (y[wrong], mu[wrong], ours[wrong], theirs[wrong])


@pytest.mark.parametrize("level", ["0.5", "0.9", "0.95"])
def test_intervals_from_draws_are_those_of_boot(level):
    record = RECORDS["boot-ratio"]
    draws = np.array(record["draws"])[:, None]
    made = Bootstrap(draws, Named([record["estimate"]], ["ratio"]), "pairs", {}, np.array([record["acceleration"]]))
    for interval in ("basic", "percentile", "bca"):
        table = made.table(float(level), interval)
        assert_near([table["lower"][0], table["upper"][0]], record["ends"][level][interval])


def test_the_acceleration_of_a_mean_is_that_of_boot():
    record = RECORDS["boot-mean"]
    fit = nd.glm("x ~ 1", {"x": np.array(record["x"])})
    assert_near(bootstrap(fit, Resampling(2, "pairs", seed=0)).acceleration, [record["acceleration"]])

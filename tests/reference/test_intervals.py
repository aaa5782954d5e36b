"""Profile and score intervals, profiles, likelihood-ratio and score tests against R: intervals.json.

The ends were found by uniroot on deviances and scores of glm.fit with the coefficient in an offset. R's own confint
interpolates by a spline, and takes the normal quantile where φ is estimated too; it is held to what that allows.
"""

import contextlib
import functools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.inference.hypotheses.linear import wald_test
from nelder.inference.intervals import confint
from nelder.inference.likelihood.profile import profile
from nelder.inference.likelihood.score import score_of, score_test
from nelder.inference.likelihood.tests import likelihood_ratio

HERE = Path(__file__).parent
VERSIONS, *RECORDS = json.loads((HERE / "intervals.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-8
SPLINE = 5e-4  # of the width of an interval


def those(*fields):
    """The records that have these fields, by id."""
    return {record["id"]: record for record in RECORDS if all(field in record for field in fields)}


INTERVALS, PROFILES = those("score", "mass"), those("par_vals")
TESTS, COLUMNS, PROPORTIONS = those("rao"), those("columns", "z"), those("trials")


@functools.cache
def fitted(name):
    record = next(record for record in RECORDS if record["id"] == name)
    table = HERE / "tables" / f"{record['table']}.csv"
    return nd.glm(record["formula"], table, record["family"], record["link"], weights=record["weights"])


def assert_near(ours, theirs, scale=0.0):
    """Every entry to 1e-8 of the larger of itself and a scale."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    far = np.abs(ours - theirs) / np.maximum(np.abs(theirs), scale)
    assert far.max() <= TOLERANCE, (far.max(), ours, theirs)


def ends(table):
    return np.column_stack([table["lower"], table["upper"]])


def test_the_records_are_all_used():
    assert set(VERSIONS) == {"id", "R", "MASS", "statmod"}
    kinds = (INTERVALS, PROFILES, TESTS, COLUMNS, PROPORTIONS)
    assert [len(kind) for kind in kinds] == [22, 5, 10, 4, 4]
    assert sum(map(len, kinds)) == len(RECORDS)


@pytest.mark.parametrize("kind", ["profile", "score"])
@pytest.mark.parametrize("name", INTERVALS)
def test_intervals_end_where_deviance_and_score_say(name, kind):
    record, fit = INTERVALS[name], fitted(name)
    assert_near([fit.dispersion, fit.df_resid], [record["dispersion"], record["df_resid"]])
    theirs = np.array(record[kind])
    assert_near(ends(confint(fit, kind=kind)), theirs, scale=np.diff(theirs) / 2)


@pytest.mark.parametrize("name", [name for name, record in INTERVALS.items() if record["mass"]])
def test_profile_intervals_are_near_those_that_a_spline_gives(name):
    record, fit = INTERVALS[name], fitted(name)
    # the level at which our quantile is the normal one at 0.95
    level = 0.95 if np.isinf(fit.df_reference) else 2 * stats.t.cdf(stats.norm.ppf(0.975), fit.df_reference) - 1
    theirs = np.array(record["mass"])
    assert np.max(np.abs(ends(confint(fit, level, "profile")) - theirs) / np.diff(theirs)) <= SPLINE


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_have_the_roots_and_coefficients_of_r(name):
    record, fit = PROFILES[name], fitted(name)
    theirs, j = np.array(record["par_vals"]), record["column"] - 1
    ours = profile(fit, fit.names[j], theirs[:, j])
    # R stops where deviances stand still, and a root of their difference has half their digits at the estimate
    assert np.max(np.abs(ours.root**2 - np.array(record["root"]) ** 2)) <= 1e-8
    assert np.array_equal(np.sign(np.round(ours.root, 6)), np.sign(np.round(record["root"], 6)))
    assert np.max(np.abs(ours.coefficients - theirs) / np.asarray(fit.se)) <= 1e-6


@pytest.mark.parametrize("name", TESTS)
def test_likelihood_ratio_and_score_tests_are_those_of_anova(name):
    record, fit = TESTS[name], fitted(name)
    ratio, score = (test(fit, record["hypothesis"]) for test in (likelihood_ratio, score_test))
    column = "chi2" if record["test"] == "Chisq" else "F"
    assert ratio["df"][0] == score["df"][0] == record["df"]
    assert_near([ratio[column][0], ratio["p"][0]], [record["statistic"], record["p"]])
    # R takes φ as known in the score test: its statistic is df · F, and its p that of χ²
    chi2 = score[column][0] * (record["df"] if column == "F" else 1.0)
    assert_near([chi2, stats.chi2.sf(chi2, record["df"])], [record["rao"], record["rao_p"]])
    if column == "F":
        assert ratio["df_residual"][0] == record["df_resid"]
        assert_near(score["p"][0], stats.f.sf(score["F"][0], record["df"], record["df_resid"]))


@pytest.mark.parametrize("name", COLUMNS)
def test_scores_of_columns_are_those_of_glm_scoretest(name):
    record, fit = COLUMNS[name], fitted(name)
    columns = np.column_stack([numbers(record["table"], column) for column in record["columns"]])
    made = score_of(fit, columns, record["columns"])
    assert_near(made["z" if np.isinf(fit.df_reference) else "t"], record["z"])
    assert list(made["term"]) == record["columns"]


def numbers(table, column):
    """A column of a table of reference, whole."""
    lines = (HERE / "tables" / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    place = [name.strip('"') for name in lines[0].split(",")].index(column)
    return np.array([float(line.split(",")[place]) for line in lines[1:]])


@pytest.mark.parametrize("name", PROPORTIONS)
def test_the_score_test_of_proportions_is_that_of_prop_test(name):
    record = PROPORTIONS[name]
    successes, trials = np.array(record["successes"], float), np.array(record["trials"], float)
    counts = np.column_stack([successes, trials - successes])
    cells = np.eye(len(trials))
    cells[:, 0] = 1.0
    with nd_warnings_of_separation(successes, trials):
        fit = nd.glm_fit(cells, counts, "binomial")
    if len(trials) == 1:
        made = score_test(fit, "x1 = 0")
        shares = 1 / (1 + np.exp(-ends(confint(fit, kind="score"))))
        assert_near(shares[0], record["interval"], scale=1e-8)
    else:
        made = score_test(fit, [f"x{j} = 0" for j in range(2, len(trials) + 1)])
    assert_near([made["chi2"][0], made["p"][0]], [record["chi2"], record["p"]])
    assert made["df"][0] == record["df"]


def nd_warnings_of_separation(successes, trials):
    """What to expect of a fit to these: a word where one proportion is 0 or 1."""
    return pytest.warns(nd.BoundaryWarning) if (successes % trials == 0).any() else contextlib.nullcontext()


def test_in_least_squares_all_three_tests_are_one():
    fit = fitted("gaussian-identity-mtcars")
    tests = [test(fit, "wt = -3, hp = 0") for test in (likelihood_ratio, score_test, wald_test)]
    assert_near([made["F"][0] for made in tests], [tests[0]["F"][0]] * 3)
    for kind in ("profile", "score"):
        assert_near(ends(confint(fit, kind=kind)), ends(confint(fit)))

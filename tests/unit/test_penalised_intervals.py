"""Intervals of fits under a score adjustment: what they are, that they follow the data in any form, and refusals."""

import numpy as np
import pytest
from scipy import optimize, stats

import nelder as nd
from nelder.estimate import Uncertainty
from nelder.inference.likelihood.adjusted_paths import AdjustedPath
from nelder.inference.likelihood.penalised_intervals import penalised_confint
from nelder.penalties import Jeffreys

RANDOM = np.random.default_rng(3)
x = RANDOM.normal(size=30)
X = np.column_stack([np.ones(30), x])
APART = (x > 0).astype(float)
AMOUNTS = np.exp(0.4 * x) * RANDOM.gamma(5.0, 0.2, 30)
CLOSE = {"xatol": 1e-9, "fatol": 1e-12}
NEAR = APART.copy()
NEAR[np.argsort(np.abs(x))[:6]] = [1, 0, 0, 1, 0, 1]


def ends(fit, level=0.95):
    table = penalised_confint(fit, level)
    return np.column_stack([table["lower"], table["upper"]])


def log_posterior(beta):
    """The logarithm of the likelihood of one proportion, 0 of 6, times √information."""
    p = 1 / (1 + np.exp(-beta))
    return 6 * np.log1p(-p) + 0.5 * np.log(6 * p * (1 - p))


def test_one_proportion_is_profiled_as_its_penalised_likelihood_says():
    fit = nd.glm_fit(np.ones((1, 1)), [0.0], "binomial", weights=[6.0], penalty="firth")
    lower, upper = ends(fit)[0]
    drop = 2 * (log_posterior(fit.coef[0]) - log_posterior(np.array([lower, upper])))
    assert drop == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-9)
    assert lower < fit.coef[0] < upper


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_an_adjusted_score_statistic_is_at_its_quantile_at_both_ends(link):
    """With one coefficient there is nothing else to hold: U²/I itself, for 2 of 9 under the mean-bias adjustment."""
    fit = nd.glm_fit(np.ones((1, 1)), [2 / 9], "binomial", link, weights=[9.0], penalty="firth")
    table = penalised_confint(fit, 0.9)
    assert table.notes[0] == "intervals of what the adjusted score statistic of penalty 'firth' does not reject"
    for end in (table["lower"][0], table["upper"][0]):
        mean = nd.Mean(fit.link, np.array([end]))
        information = 9 * fit.family.expected_weight(mean)
        score = 9 * fit.family.score(np.array([2 / 9]), mean) + 0.5 * mean.curvature
        assert (score**2 / information)[0] == pytest.approx(stats.chi2.ppf(0.9, 1), rel=1e-8)


@pytest.mark.parametrize("penalty", ["firth", "median_bias", "jeffreys"])
def test_least_squares_has_the_interval_of_student(penalty):
    """Where the adjustment of the coefficients is zero, profile and Wald are one; φ is each penalty's own."""
    fit = nd.glm_fit(X, AMOUNTS, penalty=penalty)
    wald = fit.confint()
    assert ends(fit) == pytest.approx(np.column_stack([wald["lower"], wald["upper"]]), rel=1e-9)


@pytest.mark.parametrize("penalty", ["firth", "median_bias"])
def test_separated_data_have_finite_intervals_that_lean_away_from_zero(penalty):
    fit = nd.glm_fit(X, APART, "binomial", penalty=penalty)
    lower, upper = ends(fit)[1]
    assert 0 < lower < fit.coef[1] < upper < np.inf
    assert upper - fit.coef[1] > 1.3 * (fit.coef[1] - lower)


def test_the_highest_of_several_maxima_counts():
    """Near a slope of 37 the intercept has two: the threshold may lie close to either row that it separates."""
    fit = nd.glm_fit(X, APART, "binomial", penalty="firth")
    grid = np.linspace(-20.0, 20.0, 8001)

    def profile(slope):
        eta = grid[:, None] + slope * x
        p = 1 / (1 + np.exp(-eta))
        information = np.einsum("gi,ij,ik->gjk", p * (1 - p), X, X)
        return (
            0.5 * np.linalg.slogdet(information)[1] - np.logaddexp(0, eta * np.where(APART, -1, 1)).sum(axis=1)
        ).max()

    upper = ends(fit)[1, 1]
    slopes = np.array([*fit.coef[1:], 37.4275, upper])
    drop = 2 * (profile(slopes[0]) - np.array([profile(slope) for slope in slopes[1:]]))
    assert drop == pytest.approx([3.59, stats.chi2.ppf(0.95, 1)], abs=0.01)


@pytest.mark.parametrize("penalty", ["firth", "median_bias", Jeffreys(0.25)])
def test_repeated_rows_units_and_bases_give_the_same_intervals(penalty):
    counts = np.random.default_rng(8).integers(1, 4, 30)
    rows, units = np.repeat(np.arange(30), counts), np.array([1.0, 1e-6])
    folded = ends(nd.glm_fit(X, NEAR, "binomial", weights=nd.frequency(counts), penalty=penalty))
    repeated = ends(nd.glm_fit(X[rows] * units, NEAR[rows], "binomial", penalty=penalty))
    assert repeated * units[:, None] == pytest.approx(folded, rel=1e-8)


def test_with_many_rows_all_intervals_are_one():
    random = np.random.default_rng(4)
    columns = np.column_stack([np.ones(4000), random.normal(size=4000)])
    y = random.poisson(np.exp(columns @ [1.0, 0.2])).astype(float)
    for penalty in ("firth", "median_bias", "jeffreys"):
        fit = nd.glm_fit(columns, y, "poisson", penalty=penalty)
        wald = fit.confint()
        assert ends(fit) == pytest.approx(np.column_stack([wald["lower"], wald["upper"]]), abs=0.02 * fit.se.max())


def test_an_estimated_dispersion_is_held_and_said():
    fit = nd.glm_fit(X, AMOUNTS, "gamma", "log", penalty="jeffreys")
    table = penalised_confint(fit)
    assert table.notes == (
        "profile intervals of the likelihood times |information|^0.5, with the dispersion held at its estimate",
    )
    assert (table["lower"] < fit.coef).all() and (fit.coef < table["upper"]).all()


def test_aliased_columns_have_none():
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm_fit(np.column_stack([X, 2 * x]), NEAR, "binomial", penalty="firth")
    table = penalised_confint(fit)
    assert np.isnan(table["lower"]).tolist() == [False, False, True] and len(table.notes) == 1
    assert ends(fit)[:2] == pytest.approx(ends(nd.glm_fit(X, NEAR, "binomial", penalty="firth")), rel=1e-9)


def test_an_end_beyond_the_domain_is_said():
    """Two events in a group of six, under the identity link: below a mean of zero there is no likelihood."""
    group = np.column_stack([np.repeat([1.0, 0.0], 6), np.repeat([0.0, 1.0], 6)])
    y = np.array([0, 1, 0, 0, 0, 1, 4, 6, 3, 5, 4, 7.0])
    fit = nd.glm_fit(group, y, "poisson", "identity", penalty="median_bias", names=["few", "many"])
    table = penalised_confint(fit, 1 - 1e-9)
    lost = [name for name, low in zip(fit.names, table["lower"], strict=True) if np.isnan(low)]
    assert all(name in table.notes[1] for name in lost) if lost else len(table.notes) == 1
    assert np.isfinite(table["upper"]).all()


def test_an_end_that_a_flat_statistic_cannot_reach_is_given_up_early(monkeypatch):
    """Beyond an intercept of −2.65 the others have no root, and up to there the statistic creeps to 1.76."""
    random = np.random.default_rng(0)
    a, b, sex = np.round(random.normal(size=24), 1), random.normal(size=24), np.tile([0.0, 1.0], 12)
    fit = nd.glm_fit(np.column_stack([np.ones(24), a, b, sex]), a > 0, "binomial", penalty="median_bias")
    looks, plain = [], AdjustedPath.at

    def counted(self, value, near):
        looks.append(plain(self, value, near))
        return looks[-1]

    monkeypatch.setattr(AdjustedPath, "at", counted)
    table = penalised_confint(fit)
    assert np.isnan(table["lower"]).tolist() == [True, False, False, False] and np.isfinite(table["upper"]).all()
    assert sum(each is None for each in looks) <= 5


# refusals


def test_other_fits_are_refused():
    for penalty in ("unpenalised", nd.Ridge(1.0)):
        with pytest.raises(nd.CapabilityError, match="fits whose score was adjusted"):
            penalised_confint(nd.glm_fit(X, NEAR, "binomial", penalty=penalty))


def test_fits_without_their_data_are_refused(tmp_path):
    nd.glm_fit(X, NEAR, "binomial", penalty="firth").save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        penalised_confint(nd.load(tmp_path / "fit.json"))


def test_another_covariance_is_refused():
    from dataclasses import replace

    fit = nd.glm_fit(X, NEAR, "binomial", penalty="firth")
    robust = replace(fit, uncertainty=Uncertainty("HC3", np.eye(2), np.inf))
    with pytest.raises(nd.CapabilityError, match="do not use the covariance 'HC3'"):
        penalised_confint(robust)


def test_fits_that_did_not_converge_are_refused():
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm_fit(X, APART, "quasibinomial", penalty="firth")
    with pytest.raises(nd.CapabilityError, match="did not converge"):
        penalised_confint(fit)


@pytest.mark.parametrize("penalty", ["firth", "median_bias", "jeffreys"])
def test_perfect_fits_are_refused_as_such(penalty):
    random = np.random.default_rng(0)
    a, b = np.round(random.normal(size=24), 1), random.normal(size=24)
    for y, family, link in ((2 + 3 * a, "gaussian", "identity"), (np.full(24, 2.0), "gamma", "log")):
        with pytest.warns(nd.NelderWarning):
            fit = nd.glm("y ~ a + b", {"a": a, "b": b, "y": y}, family, link, penalty=penalty)
        with pytest.raises(nd.CapabilityError, match="this fit is perfect, so that φ is nothing but rounding"):
            penalised_confint(fit)
        known = ends(fit.with_dispersion(1.0))
        assert (known[:, 0] < fit.coef).all() and (fit.coef < known[:, 1]).all()


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_levels_that_mean_nothing_are_refused(level):
    with pytest.raises(nd.InputError, match="a confidence level lies strictly between 0 and 1"):
        penalised_confint(nd.glm_fit(X, NEAR, "binomial", penalty="firth"), level)


def test_an_interval_ends_on_the_highest_of_maxima_that_lie_far_apart():
    # at -2.116, where it ended, another maximum of the other coefficients is higher, next to the estimate's
    X = np.array([[1.0, 2, 0], [1, 1, 0], [1, 1, 0], [1, 0, 2], [1, 2, 1], [1, 1, 0], [1, 0, 2], [1, 0, 2]])
    trials = np.array([2.0, 1, 2, 2, 1, 3, 1, 1])
    offset = np.array(
        [-0.3655281, 1.98612993, 0.30932624, -1.33591757, -0.55319304, -2.47936178, 0.76400933, 0.86906433]
    )
    fit = nd.glm_fit(X, np.zeros(8), "binomial", weights=trials, offset=offset, penalty="firth")

    def lost(beta):
        eta = X @ beta + offset
        weight = trials * np.exp(-np.logaddexp(0, eta) - np.logaddexp(0, -eta))
        return 2 * trials @ np.logaddexp(0, eta) - np.linalg.slogdet((X.T * weight) @ X)[1]

    low = ends(fit)[2, 0]
    others = [
        optimize.minimize(lambda free: lost(np.array([*free, low])), start, method="Nelder-Mead", options=CLOSE).fun
        for start in ([-5.8, 2.7], [-0.2, -1.5], [-3.0, 0.5])
    ]
    assert np.isclose(min(others) - lost(np.asarray(fit.coef)), stats.chi2.ppf(0.95, 1), rtol=1e-7)

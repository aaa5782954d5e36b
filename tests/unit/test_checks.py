"""Checks of a model: laws, brute force on small cases, and every way to ask for what cannot be had."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.diagnostics.calibration import brier_score, calibration, wilson
from nelder.diagnostics.collinearity import condition_indices, vif
from nelder.diagnostics.discrimination import area, compare_roc, roc
from nelder.diagnostics.dispersion_tests import dispersion_tests
from nelder.diagnostics.fitted_rows import bands_of, settled
from nelder.diagnostics.goodness_of_fit import goodness_of_fit, moments_kernel, pearson_moments
from nelder.diagnostics.hosmer_lemeshow import hosmer_lemeshow
from nelder.diagnostics.lift import lift
from nelder.diagnostics.link_test import link_test
from nelder.diagnostics.normality import normality
from nelder.diagnostics.outliers import outliers
from nelder.diagnostics.pseudo_r_squared import pseudo_r_squared
from nelder.diagnostics.spread import spread_test
from nelder.diagnostics.zero_inflation import zero_inflation
from nelder.inference.covariances.covariance import with_covariance
from nelder.mean import Mean
from nelder.observations import sampling

TABLES = {
    "goodness_of_fit": goodness_of_fit,
    "dispersion_tests": dispersion_tests,
    "zero_inflation": zero_inflation,
    "hosmer_lemeshow": lambda fit: hosmer_lemeshow(fit).table(),
    "link_test": link_test,
    "spread_test": spread_test,
    "normality": normality,
    "vif": vif,
    "condition_indices": condition_indices,
    "calibration": lambda fit: calibration(fit, 6).table(),
    "recalibration": lambda fit: calibration(fit, 6, predicted=0.9 * fit.fitted).recalibration,
    "brier_score": brier_score,
    "lift": lambda fit: lift(fit, 5).table(),
    "roc": lambda fit: roc(fit).table(),
    "pseudo_r_squared": pseudo_r_squared,
}
FAMILIES = {
    "gaussian": ("gaussian", "identity"),
    "binomial": ("binomial", "logit"),
    "probit": ("binomial", "probit"),
    "poisson": ("poisson", "log"),
    "poisson sqrt": ("poisson", "sqrt"),
    "negative binomial": (nd.NegativeBinomial(2.0), "log"),
    "gamma": ("gamma", "log"),
    "tweedie": (nd.Tweedie(1.5), "log"),
    "quasipoisson": ("quasipoisson", "log"),
}
ABLE = {
    "goodness_of_fit": {"binomial", "probit", "poisson", "poisson sqrt", "negative binomial"},
    "dispersion_tests": {"poisson", "poisson sqrt", "negative binomial"},
    "zero_inflation": {"poisson", "poisson sqrt", "negative binomial"},
    "hosmer_lemeshow": {"binomial", "probit"},
    "brier_score": {"binomial", "probit"},
    "roc": {"binomial", "probit"},
    "normality": {"gaussian", "gamma"},  # others draw a random number a row
    "lift": set(FAMILIES) - {"gaussian"},
}
PAIRS = [(check, name) for check in TABLES for name in sorted(ABLE.get(check, FAMILIES))]


def drawn(name, n=60, seed=1):
    """X (n, 3) and a response that the family can give."""
    random = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), random.normal(size=n), random.uniform(-1, 1, n)])
    family, link = FAMILIES[name]
    beta = [2.0, 0.3, -0.2] if link == "sqrt" else [0.3, 0.7, -0.5]
    truth = "poisson" if name == "quasipoisson" else family
    return X, nd.simulate(X, beta, truth, link, nd.Draw(seed=seed + 100, phi=1.0 if name == "gaussian" else 0.4))


def same(one, other, tolerance=1e-9):
    """Two tables hold the same numbers, relative to the largest of each column."""
    assert list(one) == list(other)
    for name in one:
        if one[name].dtype.kind in "OU":
            assert one[name].tolist() == other[name].tolist(), name
            continue
        ours, theirs = (np.asarray(table[name], dtype=float) for table in (one, other))
        size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1e-6)
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, tolerance, tolerance * size, equal_nan=True), (name, ours, theirs)


# ---- laws --------------------------------------------------------------------


@pytest.mark.parametrize(("check", "name"), PAIRS)
def test_a_frequency_is_so_many_rows(check, name):
    X, y = drawn(name)
    times = np.random.default_rng(5).integers(1, 4, len(y))
    family, link = FAMILIES[name]
    folded = nd.glm_fit(X, y, family, link, weights=nd.frequency(times))
    rows = nd.glm_fit(np.repeat(X, times, axis=0), np.repeat(y, times), family, link)
    same(TABLES[check](folded), TABLES[check](rows))


@pytest.mark.parametrize("check", ["hosmer_lemeshow", "calibration", "recalibration", "brier_score", "roc", "lift"])
def test_a_row_of_trials_is_so_many_zeros_and_ones(check):
    X, _ = drawn("binomial")
    random = np.random.default_rng(2)
    trials = random.integers(1, 6, len(X))
    yes = random.binomial(trials, 1 / (1 + np.exp(-X @ [0.3, 0.7, -0.5])))
    folded = nd.glm_fit(X, np.column_stack([yes, trials - yes]), "binomial")
    ones = np.concatenate([np.repeat([1.0, 0.0], [a, m - a]) for a, m in zip(yes, trials, strict=True)])
    rows = nd.glm_fit(np.repeat(X, trials, axis=0), ones, "binomial")
    same(TABLES[check](folded), TABLES[check](rows), 1e-8)


@pytest.mark.parametrize(("check", "name"), PAIRS[::3])
def test_rows_may_be_in_any_order_and_columns_of_any_size(check, name):
    X, y = drawn(name)
    family, link = FAMILIES[name]
    order = np.random.default_rng(3).permutation(len(y))
    plain = nd.glm_fit(X, y, family, link)
    turned = nd.glm_fit(X[order] * [1.0, 1e4, 1e-3], y[order], family, link)
    if check == "recalibration":
        assert np.isfinite(TABLES[check](turned)["estimate"]).all()
    same(TABLES[check](turned), TABLES[check](plain), 1e-8)


@pytest.mark.parametrize("name", ["gaussian", "gamma"])
@pytest.mark.parametrize("check", ["link_test", "spread_test", "normality", "vif", "condition_indices"])
def test_the_unit_of_the_response_does_not_matter_to_p_values(check, name):
    X, y = drawn(name)
    family, link = FAMILIES[name]
    one, other = (TABLES[check](nd.glm_fit(X, scale * y, family, link)) for scale in (1.0, 1e6))
    for column in ("p", "vif", "index"):
        if column in one and not (check == "link_test" and name == "gamma"):
            pick = slice(2, 3) if check == "link_test" else slice(None)
            assert np.allclose(one[column][pick], other[column][pick], rtol=1e-7)


def test_blocks_of_rows_make_no_difference():
    random = np.random.default_rng(4)
    n = 70_000  # more than one block
    levels = np.array(list("abcd"))[random.integers(0, 4, n)]
    x = random.normal(size=n)
    y = random.poisson(np.exp(0.2 + 0.3 * x + 0.2 * (levels == "b"))).astype(float)
    fit = nd.glm("y ~ x + g", {"y": y, "x": x, "g": levels}, "poisson")
    assert len(fit.objective.design.handles) > 1
    mu = fit.fitted
    table = dispersion_tests(fit)
    excess = (y - mu) ** 2 - y
    assert np.isclose(table["statistic"][3], excess.sum() / np.sqrt(2 * (mu**2).sum()), rtol=1e-9)
    X = np.column_stack([np.ones(n), x, *(levels == each for each in "bcd")])
    inverse, none = np.linalg.inv((X.T * mu) @ X), np.exp(-mu)
    reach, line = np.einsum("ij,ij->i", X @ inverse, X), -X @ inverse @ (X.T @ (none * mu))
    shift = 0.5 * (mu * reach * line - none * (mu**2 - mu) * reach).sum()
    assert np.isclose(zero_inflation(fit)["expected"][0], none.sum() + shift, rtol=1e-12)
    assert np.isclose(link_test(fit)["estimate"][1], 1.0, atol=0.2)
    assert lift(fit, 4).table()["exposure"].sum() == n


# ---- by brute force ----------------------------------------------------------


@pytest.mark.parametrize("link", ["log", "sqrt"])
@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_the_variance_of_pearsons_statistic_is_that_of_the_distribution(name, link):
    mu = np.array([0.2, 1.0, 3.5, 40.0])
    theta = 1.7
    family = "poisson" if name == "poisson" else nd.NegativeBinomial(theta)
    X = np.eye(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = nd.glm_fit(X, mu, family, link)  # means are the responses themselves
    count = np.arange(3000)
    expected = 0.0
    for m in mu:
        share = (
            stats.poisson.pmf(count, m) if name == "poisson" else stats.nbinom.pmf(count, theta, theta / (theta + m))
        )
        variance = m if name == "poisson" else m + m**2 / theta
        pearson = (count - m) ** 2 / variance
        expected += share @ pearson**2 - (share @ pearson) ** 2
    objective = fit.objective
    sums = moments_kernel(objective.design.handles[0], np.asarray(fit.coef), objective.loss)
    assert np.isclose(sums[0], expected, rtol=1e-9)


def test_the_variance_of_pearsons_statistic_for_trials():
    trials, p = 10, 0.3
    yes = np.arange(trials + 1)
    share = stats.binom.pmf(yes, trials, p)
    pearson = (yes - trials * p) ** 2 / (trials * p * (1 - p))
    fit = nd.glm_fit(np.ones((2, 1)), [0.3, 0.3], "binomial", "probit", weights=[10, 10])
    sums = moments_kernel(fit.objective.design.handles[0], np.asarray(fit.coef), fit.objective.loss)
    assert np.isclose(sums[0], 2 * (share @ pearson**2 - (share @ pearson) ** 2), rtol=1e-9)


def test_tests_of_dispersion_keep_their_level():
    random = np.random.default_rng(8)
    X = np.column_stack([np.ones(80), random.normal(size=80)])
    p = []
    for seed in range(150):
        y = nd.simulate(X, [0.5, 0.4], "poisson", None, nd.Draw(seed=seed))
        fit = nd.glm_fit(X, y, "poisson")
        tails = pearson_moments(fit).tails
        p.append([*dispersion_tests(fit)["p"], zero_inflation(fit)["p"][0], tails[1], goodness_of_fit(fit)["p"][2]])
    share = (np.array(p) < 0.1).mean(axis=0)
    assert np.all(share < 0.2) and np.all(np.delete(share, [1, 2]) > 0.03)  # Cameron & Trivedi's are cautious


@pytest.mark.parametrize("slope", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("link", ["logit", "cauchit"])
def test_pearsons_statistic_of_zeros_and_ones_keeps_its_level(link, slope):
    """Its mean is not n − k there: taken for it, nearly all right models would be rejected where slopes are small."""
    random = np.random.default_rng(21)
    X = np.column_stack([np.ones(300), random.normal(size=(300, 3))])
    p = []
    for seed in range(100):
        y = nd.simulate(X, [-0.3, slope, slope, -slope], "binomial", link, nd.Draw(seed=seed))
        p.append(goodness_of_fit(nd.glm_fit(X, y, "binomial", link))["p"][2])
    assert 0.02 < (np.array(p) < 0.1).mean() < 0.2


def test_checks_beside_an_estimated_shape_keep_their_level():
    """Taken for known, θ leaves a standard deviation of about a half, and the tests see nothing."""
    random = np.random.default_rng(31)
    X = np.column_stack([np.ones(300), random.normal(size=(300, 2))])
    z = []
    for seed in range(100):
        y = nd.simulate(X, [0.8, 0.3, -0.2], nd.NegativeBinomial(2.0), None, nd.Draw(seed=seed))
        fit = nd.glm_fit(X, y, "negative_binomial")
        zeros = zero_inflation(fit)
        sign = np.sign(zeros["observed"][0] - zeros["expected"][0])
        z.append([pearson_moments(fit).z, sign * np.sqrt(zeros["chi2"][0]), sign * np.sqrt(zeros["chi2"][1])])
    spread = np.std(z, axis=0)
    assert np.all((spread > 0.8) & (spread < 1.25)) and np.all(np.abs(np.mean(z, axis=0)) < 0.4)


@pytest.mark.parametrize(("level", "shown"), [(1.5, False), (6.0, False), (200.0, True)])
def test_the_deviance_is_held_against_chi_square_where_that_has_its_mean(level, shown):
    """Each count adds about 1/6μ to it, which many rows do not forgive: χ² would reject nearly all right models."""
    X = np.column_stack([np.ones(4000), np.tile([-0.1, 0.1], 2000)])
    y = nd.simulate(X, [np.log(level), 0.0], "poisson", None, nd.Draw(seed=5))
    fit = nd.glm_fit(X, y, "poisson")
    count = np.arange(1000.0)
    unit = fit.family.unit_deviance(count, Mean(nd.Log(), np.full(1000, np.log(level))))
    more = 4000 * (stats.poisson.pmf(count, level) @ unit - 1)
    table = goodness_of_fit(fit)
    assert np.isfinite(table["p"]).tolist() == [True, shown, True]
    assert shown == (more < 0.3 * np.sqrt(2 * 3998)) and (shown or "not for this deviance" in table.notes[0])


def test_pearsons_statistic_that_cannot_vary_says_nothing():
    random = np.random.default_rng(3)
    data = {"y": random.integers(0, 2, 90), "g": random.choice(list("abc"), 90)}
    table = goodness_of_fit(nd.glm("y ~ g", data, "binomial"))
    assert np.isclose(table["chi2"][0], 90) and np.isnan(table["p"]).all() and "tells nothing" in table.notes[-1]


def test_area_and_its_variance_are_those_of_all_pairs():
    random = np.random.default_rng(9)
    yes, no = random.integers(1, 4, 5).astype(float), random.integers(1, 4, 5).astype(float)
    cases, controls = np.repeat(np.arange(5), yes.astype(int)), np.repeat(np.arange(5), no.astype(int))
    wins = (cases[:, None] > controls) + 0.5 * (cases[:, None] == controls)
    variance = wins.mean(axis=1).var(ddof=1) / len(cases) + wins.mean(axis=0).var(ddof=1) / len(controls)
    assert np.allclose(area(yes, no), [wins.mean(), np.sqrt(variance)], rtol=1e-12)


def test_gini_of_zeros_and_ones_is_that_of_the_roc_curve():
    X, y = drawn("binomial")
    fit = nd.glm_fit(X, y, "binomial")
    assert np.isclose(lift(fit).gini, (2 * roc(fit).auc - 1) * (1 - y.mean()), rtol=1e-12)
    assert np.isclose(lift(fit).gini_best, 1 - y.mean(), rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 3, 10, 60])
def test_the_brier_score_is_the_sum_of_its_parts(groups):
    X, y = drawn("binomial")
    table = brier_score(nd.glm_fit(X, y, "binomial"), groups)
    part = dict(zip(table["component"].tolist(), table["value"].tolist(), strict=True))
    whole = part["reliability"] - part["resolution"] + part["uncertainty"]
    assert np.isclose(part["brier"], whole + part["within_variance"] - part["within_covariance"], rtol=1e-12)


def test_the_link_test_is_a_refit_to_eta_and_its_square():
    X, y = drawn("poisson")
    fit = nd.glm_fit(X, y, "poisson")
    eta = fit.predict(kind="link")
    again = nd.glm_fit(np.column_stack([np.ones(len(y)), eta, eta**2]), y, "poisson")
    table = link_test(fit)
    assert np.allclose(table["estimate"], again.coef, rtol=1e-8)
    assert np.allclose(table["se"], again.se, rtol=1e-8)


def test_the_link_test_keeps_its_digits_far_from_zero():
    random = np.random.default_rng(11)
    x = random.normal(size=50)
    X, noise = np.column_stack([np.ones(50), x]), random.normal(size=50)
    near, far = (link_test(nd.glm_fit(X, level + x + noise)) for level in (0.0, 1e7))
    assert np.isclose(far["p"][2], near["p"][2], rtol=1e-5)


def test_normality_is_that_of_scipy():
    X, y = drawn("gaussian")
    fit = nd.glm_fit(X, y)
    table, residual = normality(fit), y - fit.fitted
    theirs = [stats.skewtest(residual), stats.kurtosistest(residual), stats.normaltest(residual)]
    assert np.allclose(table["chi2"], [theirs[0].statistic ** 2, theirs[1].statistic ** 2, theirs[2].statistic])
    assert np.allclose(table["p"], [each.pvalue for each in theirs])


@pytest.mark.parametrize("name", ["binomial", "probit", "poisson", "negative binomial", "tweedie"])
def test_quantile_residuals_in_steps_are_drawn_for_each_observation_of_a_row(name):
    X, y = drawn(name)
    y[::6] = 0.0
    family, link = FAMILIES[name]
    times = np.random.default_rng(5).integers(1, 30, len(y))
    folded = nd.glm_fit(X, y, family, link, weights=nd.frequency(times))
    rows = nd.glm_fit(np.repeat(X, times, axis=0), np.repeat(y, times), family, link)
    same(normality(folded, seed=3), normality(rows, seed=3), 1e-6)


def test_normality_of_rows_that_were_counted_is_seldom_doubted_where_the_model_is_true():
    random = np.random.default_rng(8)
    x, y = random.integers(0, 4, 3_000), random.random(3_000)
    (cells, times) = np.unique(np.column_stack([x, y < 0.3 + 0.1 * x]), axis=0, return_counts=True)
    fit = nd.glm_fit(np.column_stack([np.ones(8), cells[:, 0]]), cells[:, 1], "binomial", weights=nd.frequency(times))
    p = np.array([normality(fit, seed=seed)["p"][2] for seed in range(40)])
    assert p.min() > 1e-4 and 0.25 < np.mean(p) < 0.75
    assert normality(fit, seed=1)["p"][2] == p[1]


@pytest.mark.parametrize("exact", [True, False])
def test_quantile_residuals_of_very_many_observations_are_those_of_some(monkeypatch, exact):
    monkeypatch.setattr("nelder.diagnostics.residuals.MOST", 5_000)
    monkeypatch.setattr("nelder.diagnostics.residuals.EXACT", 10**9 if exact else 1)
    random = np.random.default_rng(8)
    x, y = np.repeat(np.arange(4.0), 9), np.tile(np.arange(9.0), 4)
    times = np.round(1e6 * stats.poisson.pmf(y, np.exp(0.2 * x)))
    fit = nd.glm_fit(np.column_stack([np.ones(36), x]), y, "poisson", weights=nd.frequency(times))
    found = [normality(fit, seed=seed) for seed in random.integers(0, 1000, 30)]
    assert found[0].notes == (f"Quantile residuals are those of 5,000 of {times.sum():,.0f} observations, by chance.",)
    assert 0.25 < np.mean([table["p"][2] for table in found]) < 0.75
    gaussian = nd.glm_fit(np.column_stack([np.ones(36), x]), y, weights=nd.frequency(times))
    assert normality(gaussian).notes == ()


def test_normality_of_parts_of_observations_is_refused():
    random = np.random.default_rng(0)
    trials, w = random.integers(1, 6, 60), np.repeat([0.5, 1.0, 2.25], 20)
    s, x = random.binomial(trials, 0.4), random.normal(size=60)
    fit = nd.glm("cbind(s, f) ~ x", {"s": s, "f": trials - s, "x": x, "w": w}, "binomial", weights="w")
    with pytest.raises(nd.CapabilityError, match="have a number of successes that is not whole"):
        normality(fit)


def test_variance_inflation_of_two_columns_is_one_over_what_is_their_own():
    X, y = drawn("gaussian")
    share = np.corrcoef(X[:, 1], X[:, 2])[0, 1] ** 2
    table = vif(nd.glm_fit(X, y, names=["one", "a", "b"]))
    assert table["term"].tolist() == ["a", "b"]
    assert np.allclose(table["gvif"], 1 / (1 - share), rtol=1e-10)


def test_condition_indices_find_the_pair_that_is_nearly_the_same():
    X, y = drawn("gaussian")
    close = np.column_stack([X, X[:, 1] + 1e-4 * np.random.default_rng(0).normal(size=len(y))])
    table = condition_indices(nd.glm_fit(close, y, names=["one", "a", "b", "c"]))
    assert table["index"][-1] > 1000
    assert table["a"][-1] > 0.99 and table["c"][-1] > 0.99 and table["b"][-1] < 0.5


def test_wilsons_interval_holds_where_the_share_is_at_an_end():
    lower, upper = wilson(np.array([0.0, 1.0]), np.array([10.0, 10.0]), 0.95)
    assert lower[0] == 0 and upper[1] == 1 and 0 < upper[0] < 0.3 and np.isclose(lower[1], 1 - upper[0])


# ---- bands -------------------------------------------------------------------


def test_bands_are_those_of_quantiles_and_never_part_equal_scores():
    random = np.random.default_rng(12)
    score = np.round(random.normal(size=200), 1)
    band = bands_of(score, np.ones(200), 10)
    assert all(len(set(band[score == value])) == 1 for value in set(score))
    assert sorted(set(band)) == list(range(band.max() + 1))
    breaks = np.quantile(score, np.arange(1, 10) / 10)
    assert np.array_equal(band, np.searchsorted(np.unique(breaks), score, side="left"))


def test_bands_of_weighted_rows_are_those_of_repeated_rows():
    random = np.random.default_rng(13)
    score, times = random.normal(size=50), random.integers(1, 9, 50)
    assert np.array_equal(
        np.repeat(bands_of(score, times * 1.0, 7), times), bands_of(np.repeat(score, times), np.ones(times.sum()), 7)
    )


def test_what_rounding_parts_is_put_together_again():
    values = np.array([1.0, 1.0 + 2e-16, 2.0, 0.1 + 0.2, 0.3, np.inf, np.inf, -np.inf])
    together = settled(values, np.full(8, 1e-13))
    assert len(np.unique(together)) == 5


def test_rows_with_the_same_mean_are_one_point_of_the_curve_and_one_band():
    group = np.repeat(["a", "b", "c", "d"], 25)
    y = np.concatenate([np.arange(25) < many for many in (8, 12, 15, 20)])
    fit = nd.glm("y ~ g", {"y": y, "g": group}, "binomial")
    assert roc(fit).table().rows == 5
    found = hosmer_lemeshow(fit)
    assert found.bands.rows == 4 and found.df == 2 and found.chi2 < 1e-12


# ---- words -------------------------------------------------------------------


def test_a_chi_square_that_does_not_apply_is_not_shown():
    X, y = drawn("binomial")
    table = goodness_of_fit(nd.glm_fit(X, y, "binomial"))
    assert np.isnan(table["p"][:2]).all() and np.isfinite(table["p"][2])
    assert "far from normal" in table.notes[0]
    X, y = drawn("poisson sqrt")
    assert "rough" in goodness_of_fit(nd.glm_fit(X, y, "poisson", "sqrt")).notes[0]
    y = np.random.default_rng(1).poisson(50, len(y))
    assert goodness_of_fit(nd.glm_fit(X, y, "poisson")).notes == ()


def test_a_saturated_model_has_no_goodness_of_fit():
    data = {"y": [3, 5, 9, 4], "g": list("abcd")}
    fit = nd.glm("y ~ g", data, "poisson")
    table = goodness_of_fit(fit)
    assert np.isnan(table["p"]).all() and "as many coefficients" in table.notes[0]
    with pytest.raises(nd.DataError, match="no degrees of freedom"):
        dispersion_tests(fit)


def test_where_no_row_can_be_zero_there_is_no_test_of_zeros():
    fit = nd.glm("y ~ x", {"y": [3000, 5000, 9000, 4000], "x": [1, 2, 3, 1]}, "poisson")
    table = zero_inflation(fit)
    assert np.isnan(table["p"]).all() and np.isnan(table["ratio"]).all() and "nan where" in table.notes[0]


def test_what_does_not_apply_to_a_family_is_refused_with_a_word():
    X, y = drawn("gamma")
    gamma = nd.glm_fit(X, y, "gamma", "log")
    for of, word in ((goodness_of_fit, "fixes φ"), (dispersion_tests, "estimates φ"), (zero_inflation, "counts")):
        with pytest.raises(nd.CapabilityError, match=word):
            of(gamma)
    for of in (hosmer_lemeshow, roc, brier_score):
        with pytest.raises(nd.CapabilityError, match="between no and yes"):
            of(gamma)
    gaussian = nd.glm_fit(X, y)
    with pytest.raises(nd.CapabilityError, match="not negative"):
        lift(gaussian)
    quasi = nd.glm_fit(X, np.round(y), "quasipoisson")
    for of in (normality, outliers):
        with pytest.raises(nd.CapabilityError, match="no distribution"):
            of(quasi)
    ones = nd.glm_fit(X, y > 1, "binomial")
    with pytest.raises(nd.CapabilityError, match="zeros and ones"):
        dispersion_tests(ones)
    with pytest.raises(nd.CapabilityError, match="supposes φ = 1"):
        hosmer_lemeshow(nd.glm_fit(X, y > 1, "quasibinomial"))


def test_an_unknown_alternative_is_named():
    X, y = drawn("poisson")
    with pytest.raises(nd.UnknownNameError, match="two_sided"):
        dispersion_tests(nd.glm_fit(X, y, "poisson"), "two sided")


def test_alternatives_share_the_statistic_and_turn_the_tail():
    X, y = drawn("poisson")
    fit = nd.glm_fit(X, y, "poisson")
    more, less, either = (dispersion_tests(fit, name)["p"] for name in ("greater", "less", "two_sided"))
    assert np.allclose(more + less, 1) and np.allclose(either, 2 * np.minimum(more, less))


@pytest.mark.filterwarnings("ignore::nelder.errors.NelderWarning")
def test_separated_and_penalised_fits_are_refused_by_every_test():
    X, y = drawn("binomial")
    separated = nd.glm_fit(np.column_stack([X, y]), y, "binomial")
    held = nd.glm_fit(X, y, "binomial", penalty=nd.Ridge(1.0))
    for of in (goodness_of_fit, hosmer_lemeshow, link_test, condition_indices, outliers, spread_test):
        with pytest.raises(nd.CapabilityError, match="finite coefficients"):
            of(separated)
        with pytest.raises(nd.CapabilityError, match="penalised"):
            of(held)
    with pytest.raises(nd.CapabilityError, match="penalised"):
        vif(held)


@pytest.mark.filterwarnings("ignore::nelder.errors.NelderWarning")
def test_means_at_an_edge_and_perfect_fits_leave_nothing_to_test():
    data = {"y": np.array([0, 0, 0, 2, 9, 20]), "x": np.arange(6.0)}
    edge = nd.glm("y ~ x", data, "poisson", "identity")
    perfect = nd.glm("y ~ x", {"y": 1 + 2 * np.arange(30.0), "x": np.arange(30.0)})
    for of in (link_test, spread_test, outliers, condition_indices):
        with pytest.raises(nd.CapabilityError, match="at its edge"):
            of(edge)
        with pytest.raises(nd.CapabilityError, match="perfect"):
            of(perfect)
    for of in (goodness_of_fit, dispersion_tests, zero_inflation):
        with pytest.raises(nd.CapabilityError, match="at its edge"):
            of(edge)
    found = calibration(edge)
    assert (found.table()["lower"] >= 0).all() and "in_the_large cannot be had" in found.recalibration.notes[0]


@pytest.mark.filterwarnings("ignore::nelder.errors.NelderWarning")
def test_what_can_be_said_of_a_separated_fit_is_said():
    y = np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 1, 0])
    fit = nd.glm("y ~ g", {"y": y, "g": list("aabbccadbb")}, "binomial")
    found = calibration(fit, 3)
    assert np.isfinite(found.table()["observed"]).all()
    assert np.isnan(found.recalibration["estimate"]).all() and "at a limit" in found.recalibration.notes[0]
    assert 0.5 < roc(fit).auc <= 1 and np.isfinite(brier_score(fit)["value"]).all()
    shown = lift(fit, 10)
    assert np.isfinite(shown.gini) and "nothing was predicted" in shown.bands.notes[1]
    table = pseudo_r_squared(fit)
    assert np.isfinite(table["value"]).all() and "limit" in table.notes[0]
    inflation = vif(nd.glm("y ~ g + x", {"y": y, "g": list("aabbccadbb"), "x": np.arange(10.0) % 4}, "binomial"))
    assert "no variance" in inflation.notes[0] and np.isfinite(inflation["gvif"]).all()


def test_loaded_fits_say_what_needs_the_rows(tmp_path):
    X, y = drawn("binomial")
    data = {"y": y, "a": X[:, 1], "b": X[:, 2]}
    fit = nd.glm("y ~ a + b", data, "binomial")
    fit.save(tmp_path / "fit.json")
    loaded = nd.load(tmp_path / "fit.json")
    for of in (goodness_of_fit, hosmer_lemeshow, link_test, roc, calibration, lift, brier_score, condition_indices):
        with pytest.raises(nd.DataError, match="without its data"):
            of(loaded)
    same(vif(loaded), vif(fit))
    table = pseudo_r_squared(loaded)
    assert np.isfinite(table["value"][-2:]).all() and np.isnan(table["value"][:5]).all()
    assert "without its data" in table["meaning"][0]
    nd.glm_fit(X, y, "binomial").save(tmp_path / "arrays.json")
    with pytest.raises(nd.DataError, match="without its data"):
        vif(nd.load(tmp_path / "arrays.json"))


def test_a_robust_covariance_plays_no_part_and_the_table_says_so():
    X, y = drawn("poisson")
    fit = nd.glm_fit(X, y, "poisson")
    robust = with_covariance(fit, "HC1")
    for check in ("goodness_of_fit", "dispersion_tests", "zero_inflation", "link_test", "spread_test"):
        table = TABLES[check](robust)
        same(table, TABLES[check](fit))
        assert any("HC1" in note for note in table.notes)
    same(vif(robust), vif(fit))


def test_sampling_weights_have_no_standard_errors_here():
    X, y = drawn("binomial")
    fit = nd.glm_fit(X, y, "binomial", weights=sampling(np.arange(1.0, len(y) + 1)))
    with pytest.raises(nd.CapabilityError, match="sampling weights"):
        goodness_of_fit(fit)
    found = calibration(fit, 4)
    assert np.isnan(found.table()["lower"]).all() and "sampling weights" in found.table().notes[0]
    assert np.isnan(roc(fit).se) and "sampling" in str(roc(fit)) and np.isfinite(roc(fit).auc)
    assert "sampling weights" in pseudo_r_squared(fit)["meaning"][0]


def test_counts_that_are_not_whole_are_no_counts():
    X, y = drawn("poisson")
    with pytest.warns(nd.ResponseWarning):
        fit = nd.glm_fit(X, y + 0.5, "poisson")
    for of in (dispersion_tests, zero_inflation):
        with pytest.raises(nd.DataError, match="not a whole number"):
            of(fit)
    with pytest.raises(nd.DataError, match="not a whole number"):
        dispersion_tests(nd.glm_fit(X, y, "poisson", weights=np.full(len(y), 0.3)))


def test_a_rate_with_its_exposure_as_weight_is_a_count():
    X, y = drawn("poisson")
    exposure = np.random.default_rng(0).integers(1, 5, len(y)).astype(float)
    rate = nd.glm_fit(X, y / exposure, "quasipoisson", weights=exposure)
    with pytest.raises(nd.CapabilityError):
        dispersion_tests(rate)
    with pytest.warns(nd.ResponseWarning):
        rate = nd.glm_fit(X, y / exposure, "poisson", weights=exposure)
    count = nd.glm_fit(X, y, "poisson", offset=np.log(exposure))
    same(dispersion_tests(rate), dispersion_tests(count), 1e-8)
    same(zero_inflation(rate), zero_inflation(count), 1e-8)
    assert np.allclose(goodness_of_fit(rate)["chi2"], goodness_of_fit(count)["chi2"])
    assert np.allclose(lift(rate, 4).table()["observed"], lift(count, 4).table()["observed"])


def test_the_link_test_needs_three_different_means():
    data = {"y": [1, 0, 1, 1, 0, 0], "g": list("ababab")}
    with pytest.raises(nd.CapabilityError, match="three different"):
        link_test(nd.glm("y ~ g", data, "binomial"))
    with pytest.raises(nd.DataError, match="three or more"):
        hosmer_lemeshow(nd.glm("y ~ g", data, "binomial"))
    constant = nd.glm("y ~ 1", data, "gaussian")
    with pytest.raises(nd.CapabilityError, match="all means are the same"):
        spread_test(constant)
    with pytest.raises(nd.CapabilityError, match="nothing but an intercept"):
        vif(constant)
    with pytest.raises(nd.DataError, match="too few"):
        normality(constant)


def test_intercepts_are_left_out_of_inflation_and_missed_where_there_is_none():
    X, y = drawn("gaussian")
    data = {"y": y, "a": X[:, 1] + 3, "b": X[:, 2] + 3}
    assert vif(nd.glm("y ~ a + b", data)).notes == ()
    assert "Without an intercept" in vif(nd.glm("y ~ 0 + a + b", data)).notes[0]


@pytest.mark.filterwarnings("ignore::nelder.errors.NelderWarning")
def test_aliased_columns_are_left_out_of_inflation_with_a_word():
    X, y = drawn("gaussian")
    data = {"y": y, "a": X[:, 1], "b": X[:, 2], "c": X[:, 1] + X[:, 2]}
    table = vif(nd.glm("y ~ a + b + c", data))
    assert table["term"].tolist() == ["a", "b"] and "c" in table.notes[0]
    assert condition_indices(nd.glm("y ~ a + b + c", data)).rows == 3


def test_measures_that_do_not_apply_say_why():
    X, y = drawn("gamma")
    table = pseudo_r_squared(nd.glm_fit(X, y, "gamma", "log"))
    shown = dict(zip(table["measure"].tolist(), zip(table["value"], table["meaning"], strict=True), strict=True))
    assert np.isnan(shown["mcfadden"][0]) and "density" in shown["mcfadden"][1]
    assert np.isnan(shown["cox_snell"][0]) and "maximum likelihood" in shown["cox_snell"][1]
    assert np.isnan(shown["tjur"][0]) and 0 < shown["d2"][0] < 1
    quasi = pseudo_r_squared(nd.glm_fit(X, np.round(y), "quasipoisson"))
    assert "no likelihood" in quasi["meaning"][0]
    held = pseudo_r_squared(nd.glm_fit(X, np.round(y), "poisson", penalty=nd.Ridge(1.0)))
    assert "penalised" in held.notes[0]


def test_without_an_intercept_the_null_model_is_the_offset_alone():
    X, y = drawn("gaussian")
    table = pseudo_r_squared(nd.glm_fit(X[:, 1:], y))
    row = table["measure"].tolist().index("d2")
    fit = nd.glm_fit(X[:, 1:], y)
    assert np.isclose(table["value"][row], 1 - fit.deviance / (y @ y), rtol=1e-12)
    assert np.isclose(table["value"][2], table["value"][row], rtol=1e-10)  # Cox & Snell's is R² too


def test_exposure_is_what_the_offset_multiplies_the_mean_by():
    X, y = drawn("poisson")
    exposure = np.random.default_rng(1).uniform(0.2, 2.0, len(y))
    fit = nd.glm_fit(X, y, "poisson", offset=np.log(exposure))
    found = lift(fit, 4)
    assert np.isclose(found.table()["exposure"].sum(), exposure.sum()) and "offset multiplies" in found.bands.notes[0]
    same(
        lift(nd.glm_fit(X, y, "poisson"), 4, exposure=np.ones(len(y))).table(),
        lift(nd.glm_fit(X, y, "poisson"), 4).table(),
    )
    given = lift(fit, 4, exposure=exposure)
    same(given.table(), found.table())
    assert given.bands.notes[0] == "Exposure as given."
    added = nd.glm_fit(np.abs(X), y + 1, "poisson", "identity", offset=np.full(len(y), 0.5))
    assert "does not multiply" in lift(added, 4).bands.notes[0]
    with pytest.raises(nd.DataError, match="exposure is not positive at row 0:"):
        lift(fit, exposure=np.where(np.arange(len(y)) > 0, exposure, 0.0))


def test_an_order_upside_down_has_a_negative_gini():
    y = np.array([0.0, 0, 1, 1, 5, 9])
    fit = nd.glm_fit(np.ones((6, 1)), y, "poisson")
    assert np.isclose(lift(fit).gini, 0.0, atol=1e-15)
    assert lift(fit, predicted=1.0 + y).gini == lift(fit).gini_best > 0 > lift(fit, predicted=10.0 - y).gini
    with pytest.raises(nd.DataError, match="every response is zero"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lift(nd.glm_fit(np.ones((4, 1)), np.zeros(4), "poisson"))


def test_other_means_go_by_the_rows_of_the_fit_or_of_the_table():
    X, y = drawn("binomial")
    data = {"y": y, "a": X[:, 1].copy()}
    data["a"][[3, 7]] = np.nan
    fit = nd.glm("y ~ a", data, "binomial")
    means = np.linspace(0.1, 0.9, len(y))
    assert roc(fit, predicted=means).auc == roc(fit, predicted=np.delete(means, [3, 7])).auc
    with pytest.raises(nd.DataError, match="predicted has shape"):
        roc(fit, predicted=means[:5])
    with pytest.raises(nd.DataError, match="outside"):
        roc(fit, predicted=means + 0.5)


def test_a_slope_below_one_says_that_predictions_are_too_extreme():
    X, _ = drawn("binomial", n=2000)
    y = nd.simulate(X, [0.3, 0.7, -0.5], "binomial", None, nd.Draw(seed=3))
    fit = nd.glm_fit(X, y, "binomial")
    wild = 1 / (1 + np.exp(-2 * fit.predict(kind="link")))
    table = calibration(fit, predicted=wild).recalibration
    assert np.isclose(table["estimate"][1], 0.5, atol=1e-6) and table["upper"][1] < 1
    own = calibration(fit).recalibration
    assert np.allclose(own["estimate"], [0, 1], atol=1e-9)
    same_for_all = calibration(fit, predicted=np.full(2000, 0.5)).recalibration
    assert np.isnan(same_for_all["estimate"][1]) and "no slope" in same_for_all.notes[0]


def test_one_kind_of_response_has_no_roc_curve():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = nd.glm_fit(np.ones((5, 1)), np.ones(5), "binomial")
    with pytest.raises(nd.DataError, match="every response is yes"):
        roc(fit)
    one = nd.glm_fit(np.ones((5, 1)), [1.0, 0, 0, 0, 0], "binomial")
    assert np.isnan(roc(one).se) and "two of each" in str(roc(one)) and roc(one).auc == 0.5


def test_zeros_are_found_to_be_too_many_and_too_few():
    X, y = drawn("poisson", n=400)
    y = np.random.default_rng(3).poisson(np.exp(X @ [0.3, 0.7, -0.5])).astype(float)
    holes = np.where(np.random.default_rng(4).random(400) < 0.3, 0.0, y)
    assert (zero_inflation(nd.glm_fit(X, y, "poisson"))["p"] > 0.01).all()
    many = zero_inflation(nd.glm_fit(X, holes, "poisson"))
    assert (many["p"] < 1e-6).all() and (many["ratio"] > 1.2).all()
    few = zero_inflation(nd.glm_fit(X, np.where(y == 0, 1, y), "poisson"))
    assert (few["p"] < 1e-5).all() and (few["ratio"] == 0).all()


def test_spread_is_seen_growing_and_shrinking():
    random = np.random.default_rng(6)
    x = random.normal(size=500)
    X = np.column_stack([np.ones(500), x])
    for sign in (1, -1):
        table = spread_test(nd.glm_fit(X, x + np.exp(0.5 * sign * x) * random.normal(size=500)))
        assert table["p"][0] < 1e-4 and table["p"][1] < 0.01 and (np.sign(table["slope"]) == sign).all()


def test_the_least_likely_response_is_named_by_its_row_in_the_table():
    X, y = drawn("poisson")
    data = {"y": y.copy(), "a": X[:, 1].copy()}
    data["a"][2], data["y"][10] = np.nan, 40
    table = outliers(nd.glm("y ~ a", data, "poisson"), 3)
    assert table["row"][0] == 10 and table["y"][0] == 40 and table["p_adjusted"][0] < 1e-6
    assert np.all(np.diff(table["p"]) >= 0) and table.rows == 3
    for bad, error in itertools.product((0, -1, 2.5), (nd.InputError,)):
        with pytest.raises(error):
            outliers(nd.glm("y ~ a", data, "poisson"), bad)


@pytest.mark.parametrize("bad", [0, 1.5, "ten", None])
def test_numbers_of_bands_and_levels_are_checked(bad):
    X, y = drawn("binomial")
    fit = nd.glm_fit(X, y, "binomial")
    for of, argument in ((hosmer_lemeshow, "groups"), (calibration, "bands"), (lift, "bands"), (brier_score, "bands")):
        with pytest.raises((nd.InputError, nd.InputTypeError), match=argument):
            of(fit, bad)
    for of in (roc, link_test):
        with pytest.raises((nd.InputError, nd.InputTypeError), match="level"):
            of(fit, bad)


def test_pages_print():
    X, y = drawn("binomial")
    fit = nd.glm_fit(X, y, "binomial")
    for shown in (hosmer_lemeshow(fit), calibration(fit), roc(fit), lift(fit)):
        assert "nan" not in str(shown) and len(str(shown)) > 60
    assert "area under the ROC curve" in roc(fit).table().notes[0]
    assert "<table" in calibration(fit)._repr_html_()


def test_a_model_that_is_certain_of_every_response_gains_nothing():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x", {"y": np.zeros(9), "x": np.arange(9.0)}, "poisson")
    made = fit.pseudo_r_squared()
    found = dict(zip(made["measure"], made["value"], strict=True))
    assert found["cox_snell"] == 0 and np.isnan(found["mcfadden"]) and np.isnan(found["nagelkerke"])
    assert "certain of every response" in made["meaning"][0]


def test_a_perfect_ranking_has_no_standard_error():
    with pytest.warns(nd.BoundaryWarning):
        curve = nd.glm("y ~ x", {"y": [0, 0, 1, 1], "x": [1.0, 2, 3, 4]}, "binomial").roc()
    assert curve.auc == 1.0 and np.isnan([curve.se, curve.lower, curve.upper]).all()
    assert "every yes is ranked above every no" in str(curve)


def test_inflation_of_separated_fits_is_not_blamed_on_a_penalty():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x + z", {"y": [0, 0, 1, 1], "x": [1.0, 2, 3, 4], "z": [1.0, -1, 0, 3]}, "binomial")
    with pytest.raises(nd.CapabilityError, match="no coefficient is finite"):
        fit.vif()


def test_link_and_calibration_estimate_a_shape_again():
    random = np.random.default_rng(3)
    x = random.normal(size=150)
    y = random.negative_binomial(1.5, 1.5 / (1.5 + np.exp(1 + 0.5 * x + 0.4 * x**2)))
    fit = nd.glm("y ~ x", {"y": y, "x": x}, "negative_binomial")
    eta = fit.predict(kind="link")
    again = nd.glm("y ~ eta + I(eta**2)", {"y": y, "eta": eta}, "negative_binomial")
    assert again.shape.value != pytest.approx(fit.shape.value, rel=1e-2)
    assert fit.link_test()["estimate"] == pytest.approx(np.asarray(again.coef), rel=1e-6)
    assert fit.link_test()["se"] == pytest.approx(np.asarray(again.se), rel=1e-6)


def test_two_rankings_are_compared_on_the_same_rows():
    random = np.random.default_rng(8)
    x, z, often = random.normal(size=120), random.normal(size=120), random.integers(0, 3, 120)
    y = (random.random(120) < 1 / (1 + np.exp(-x - 0.5 * z))).astype(float)
    data = {"x": x, "z": z, "y": y}
    by_x, by_z = (nd.glm(f"y ~ {name}", data, "binomial") for name in "xz")
    made, turned = compare_roc(by_x, by_z), compare_roc(by_z, by_x)
    assert made["estimate"] == pytest.approx(by_x.roc().auc - by_z.roc().auc) == -turned["estimate"]
    assert made["p"] == pytest.approx(turned["p"]) and compare_roc(by_x, by_z.fitted)["p"] == pytest.approx(made["p"])
    alike = compare_roc(by_x, nd.glm("y ~ x", data, "binomial", "probit"))
    assert alike["estimate"] == 0 and np.isnan(alike["p"]) and "rank the rows alike" in alike.notes[0]
    longer = {name: np.repeat(values, often) for name, values in data.items()}
    folded, repeated = (
        compare_roc(*(nd.glm(f"y ~ {name}", table, "binomial", weights=weights) for name in "xz"))
        for table, weights in ((data, nd.frequency(often)), (longer, None))
    )
    assert folded["se"] == pytest.approx(repeated["se"]) and folded["estimate"] == pytest.approx(repeated["estimate"])
    with pytest.raises(nd.DataError, match="different responses"):
        compare_roc(by_x, nd.glm("y ~ x", data | {"y": 1 - y}, "binomial"))
    with pytest.raises(nd.CapabilityError, match="supposes independent trials"):
        compare_roc(nd.glm("y ~ x", data, "binomial", weights=nd.sampling(often + 1)), by_z.fitted)

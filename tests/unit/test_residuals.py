"""Residuals of every kind: what each is, what it is under weights, limits and rows that a coefficient has to itself."""

import functools
import warnings

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.diagnostics.residuals import KINDS, partial_residuals, residuals
from nelder.diagnostics.single_rows import leverages

N = 60


def table(seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=N)
    return {"x": x, "g": np.resize(list("uvw"), N), "t": random.normal(size=N)}


@functools.cache
def fit_of(family, link=None, weights=None, seed=0):
    data, drawn = table(seed), nd.Draw(phi=0.3, seed=seed + 1)
    X = np.column_stack([np.ones(N), data["x"], data["t"]])
    if family == "binomial":
        drawn = nd.Draw(weights=np.full(N, 6.0), seed=seed + 1)
    data["y"] = (
        nd.simulate(X, [0.8, 0.3, 0.0], family, link or "log", drawn)
        if family != "binomial"
        else nd.simulate(X, [0.2, 0.6, 0.0], family, "logit", drawn)
    )
    given = np.full(N, 6.0) if family == "binomial" and weights is None else weights
    return nd.glm("y ~ x + g", data, family, link, weights=given), data


FAMILIES = ["gaussian", "binomial", "poisson", "gamma", "inverse_gaussian", nd.NegativeBinomial(3.0), nd.Tweedie(1.5)]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=str)


@each_family
@pytest.mark.parametrize("kind", KINDS)
def test_there_is_one_for_each_row_and_none_is_missing(family, kind):
    fit, _ = fit_of(family, None if family in ("gaussian", "binomial") else "log")
    found = residuals(fit, kind, seed=1)
    assert found.shape == ((N, 2) if kind == "partial" else (N,))
    assert np.isfinite(found).all()


@each_family
def test_most_kinds_agree_on_the_side_and_nearly_on_the_size(family):
    fit, _ = fit_of(family, None if family in ("gaussian", "binomial") else "log")
    side = np.sign(residuals(fit, "response"))
    kinds = ("anscombe", "deviance", "pearson", "standardised", "standardised_pearson", "studentised", "working")
    for kind in kinds:
        assert np.array_equal(np.sign(residuals(fit, kind)), side)
    standard, anscombe = residuals(fit, "standardised"), residuals(fit, "anscombe") / np.sqrt(fit.dispersion)
    assert np.corrcoef(standard, anscombe)[0, 1] > 0.98
    assert 0.7 < standard.std() < 1.4 and 0.7 < anscombe.std() < 1.4


def test_gaussian_residuals_are_those_of_least_squares():
    fit, data = fit_of("gaussian")
    X = np.column_stack([np.ones(N), data["x"], data["g"] == "v", data["g"] == "w"])
    hat = X @ np.linalg.solve(X.T @ X, X.T)
    left = data["y"] - hat @ data["y"]
    sigma = np.sqrt(left @ left / (N - 4))
    h = np.diagonal(hat)
    assert np.allclose(leverages(fit), h, rtol=1e-12)
    assert np.allclose(residuals(fit, "standardised"), left / sigma / np.sqrt(1 - h), rtol=1e-10)
    assert np.allclose(residuals(fit, "quantile"), left / sigma, rtol=1e-10, atol=1e-13)
    without = [np.delete(np.arange(N), i) for i in range(N)]
    deleted = [np.linalg.lstsq(X[rows], data["y"][rows], rcond=None)[1][0] / (N - 5) for rows in without]
    assert np.allclose(residuals(fit, "studentised"), left / np.sqrt(np.array(deleted) * (1 - h)), rtol=1e-8)


@each_family
def test_quantile_residuals_are_standard_normal_where_the_model_is_true(family):
    random = np.random.default_rng(7)
    n = 3000
    X = np.column_stack([np.ones(n), random.normal(size=n)])
    link = "logit" if family == "binomial" else "log"
    trials = np.full(n, 2.0)
    y = nd.simulate(X, [0.1, 0.5], family, link, nd.Draw(phi=0.5, weights=trials, seed=8))
    with warnings.catch_warnings(action="ignore", category=nd.ResponseWarning):  # means of two counts
        score = residuals(nd.glm_fit(X, y, family, link, weights=trials), "quantile", seed=9)
    assert stats.kstest(score, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(score, X[:, 1])[0, 1]) < 4 / np.sqrt(n)


@pytest.mark.parametrize("family", ["binomial", "poisson", nd.NegativeBinomial(3.0), nd.Tweedie(1.5)], ids=str)
def test_quantile_residuals_lie_between_the_ends_of_their_step(family):
    fit, data = fit_of(family, None if family == "binomial" else "log")
    weight = np.full(N, 6.0 if family == "binomial" else 1.0)
    mean = nd.Mean(fit.link, fit.predict(kind="link"))
    with np.errstate(all="ignore"):
        ends = [
            fit.family.log_tails(y, mean, fit.dispersion, weight).normal_score
            for y in (fit.family.before(data["y"], weight), data["y"])
        ]
    drawn = np.array([residuals(fit, "quantile", seed=seed) for seed in range(40)])
    assert (ends[0] - 1e-9 <= drawn).all() and (drawn <= ends[1] + 1e-9).all()
    steps = ends[1] > ends[0]
    assert (np.ptp(drawn, axis=0) > 0).tolist() == steps.tolist()
    assert np.array_equal(drawn[3], residuals(fit, "quantile", seed=3))


def test_a_quantile_residual_far_out_is_large_and_finite():
    x = np.linspace(-1, 1, 50)
    y = np.random.default_rng(0).poisson(np.exp(1 + x)).astype(float)
    fit = nd.glm_fit(np.column_stack([np.ones(50), x]), y, "poisson")
    y = np.where(np.arange(50) == 7, 900.0, y)
    far = residuals(nd.glm_fit(np.ones((50, 1)), y, "poisson"), "quantile", seed=0)
    assert np.isfinite(far).all() and far[7] > 30
    assert np.abs(residuals(fit, "quantile", seed=0)).max() < 5


def test_quantile_residuals_refuse_what_has_no_distribution():
    data = table()
    data["y"] = np.abs(data["t"]) + 0.5
    quasi = nd.glm("y ~ x", data, nd.Quasi("mu"), "log")
    with pytest.raises(nd.CapabilityError, match=r"quasi\(mu\) has no distribution"):
        residuals(quasi, "quantile")
    with pytest.raises(nd.CapabilityError, match=r"tweedie\(2.5\) has no distribution"):
        residuals(nd.glm("y ~ x", data, nd.Tweedie(2.5)), "quantile")
    with pytest.warns(nd.ResponseWarning):
        odd = nd.glm("y ~ x", data, "poisson")
    with pytest.raises(nd.CapabilityError, match="not a whole number"):
        residuals(odd, "quantile")
    with pytest.raises(nd.InputError, match="seed"):
        residuals(nd.glm("y ~ x", data, "gamma"), "quantile", seed=-1)


def test_a_residual_has_no_scale_where_no_dispersion_is_known():
    X = np.column_stack([np.ones(3), [0.0, 1, 2], [0.0, 1, 4]])
    with pytest.warns(nd.ResponseWarning):
        saturated = nd.glm_fit(X, [1.0, 3.0, 2.0])
    for kind in ("standardised", "studentised", "quantile"):
        with pytest.raises(nd.DataError, match="no degrees of freedom"):
            residuals(saturated, kind)
    with pytest.warns(nd.ResponseWarning):
        perfect = nd.glm_fit(X[:, :2], [1.0, 2.0, 3.0])
    with pytest.raises(nd.DataError, match="perfect"):
        residuals(perfect, "standardised")
    one_left = nd.glm_fit(X[:, :2], [1.0, 2.0, 4.0])
    assert np.isfinite(residuals(one_left, "standardised")).all()
    with pytest.raises(nd.DataError, match="more than one residual degree of freedom"):
        residuals(one_left, "studentised")


def test_a_row_with_a_coefficient_of_its_own_is_nan_without_a_warning():
    data = table()
    data["y"] = data["t"] + 3
    data["g"] = np.where(np.arange(N) == 11, "alone", data["g"])
    for family, link in (("gaussian", None), ("gamma", "log")):
        fit = nd.glm("y ~ x + g", data | {"y": np.abs(data["y"]) + 0.1}, family, link)
        assert leverages(fit)[11] == 1.0 and (leverages(fit) < 1).sum() == N - 1
        for kind in ("standardised", "standardised_pearson", "studentised"):
            found = residuals(fit, kind)
            assert np.isnan(found[11]) and np.isfinite(np.delete(found, 11)).all()
        assert np.isfinite(residuals(fit, "quantile")).all()


@pytest.mark.parametrize("family", ["gaussian", "poisson", "gamma"])
def test_a_row_of_frequency_two_has_the_residuals_of_one_of_two_rows(family):
    fit, data = fit_of(family, "log")
    counts = np.random.default_rng(3).integers(1, 4, N)
    once = nd.glm("y ~ x + g", data, family, "log", weights=nd.frequency(counts))
    repeated = {name: np.repeat(values, counts) for name, values in data.items()}
    often = nd.glm("y ~ x + g", repeated, family, "log")
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    for kind in ("standardised", "standardised_pearson", "studentised", "partial", "response", "working"):
        assert np.allclose(residuals(once, kind), residuals(often, kind)[first], rtol=1e-7, atol=1e-9)
    if family != "poisson":
        assert np.allclose(residuals(once, "quantile"), residuals(often, "quantile")[first], rtol=1e-7, atol=1e-9)
    for kind in ("deviance", "pearson", "anscombe"):
        shown = residuals(often, kind)[first] * np.sqrt(counts)
        assert np.allclose(residuals(once, kind), shown, rtol=1e-7, atol=1e-9)
    assert fit.statistics.n == N


def test_rows_of_weight_zero_are_left_out():
    _, data = fit_of("gaussian")
    weights = np.where(np.arange(N) % 5 == 0, 0.0, 1.0)
    fit = nd.glm("y ~ x + g", data, weights=weights)
    alone = nd.glm("y ~ x + g", {name: values[weights > 0] for name, values in data.items()})
    for kind in KINDS:
        assert np.allclose(residuals(fit, kind, seed=1), residuals(alone, kind, seed=1), rtol=1e-9, atol=1e-12)


def test_the_unit_of_the_response_and_of_precision_does_not_matter():
    fit, data = fit_of("gamma", "log")
    thousand = nd.glm("y ~ x + g", data | {"y": 1000 * data["y"]}, "gamma", "log")
    heavy = nd.glm("y ~ x + g", data, "gamma", "log", weights=np.full(N, 5.0))
    for kind in ("standardised", "studentised", "quantile"):
        assert np.allclose(residuals(fit, kind), residuals(thousand, kind), rtol=1e-7, atol=1e-9)
        assert np.allclose(residuals(fit, kind), residuals(heavy, kind), rtol=1e-7, atol=1e-9)


def test_partial_residuals_are_named_by_term_and_slope_as_the_coefficient():
    data = table()
    data["y"] = 2 * data["x"] + np.exp(data["t"])
    fit = nd.glm("y ~ x + g + poly(t, 2)", data)
    shown = partial_residuals(fit)
    assert list(shown) == ["x", "g", "poly(t, 2)"]
    x = data["x"] - data["x"].mean()
    assert x @ shown["x"] / (x @ x) == pytest.approx(fit.coef["x"], rel=1e-10)
    assert np.allclose(shown["x"] - residuals(fit, "working"), fit.coef["x"] * x, atol=1e-10)
    through_zero = partial_residuals(nd.glm("y ~ 0 + x", data))
    assert np.allclose(through_zero["x"], data["y"], rtol=1e-12)
    assert partial_residuals(nd.glm("y ~ 1", data)).rows == 0


def test_partial_residuals_of_aliased_columns_have_no_share():
    data = table()
    data |= {"y": data["t"], "twice": 2 * data["x"]}
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + twice", data)
    shown = partial_residuals(fit)
    assert np.allclose(shown["twice"], residuals(fit, "working"))
    assert np.allclose(shown["x"], partial_residuals(nd.glm("y ~ x", data))["x"], rtol=1e-9, atol=1e-12)


def separated():
    group = np.repeat(["a", "b"], 20)
    y = np.r_[np.tile([0.0, 1.0], 10), np.ones(20)]
    with pytest.warns(nd.BoundaryWarning):
        return nd.glm("y ~ g", {"g": group, "y": y}, "binomial")


def test_at_a_limit_the_other_rows_are_a_fit_of_their_own():
    fit = separated()
    alone = nd.glm("y ~ 1", {"y": np.tile([0.0, 1.0], 10)}, "binomial")
    for kind in ("anscombe", "deviance", "pearson", "standardised", "standardised_pearson", "studentised"):
        found = residuals(fit, kind)
        assert np.allclose(found[:20], residuals(alone, kind), rtol=1e-10)
        assert (found[20:] == 0).all()
    assert np.allclose(leverages(fit), np.r_[np.full(20, 0.05), np.zeros(20)], rtol=1e-10)
    assert np.isfinite(residuals(fit, "quantile", seed=1)).all()
    with pytest.raises(nd.CapabilityError, match="finite coefficients"):
        residuals(fit, "partial")


def test_what_needs_a_plain_fit_says_so(tmp_path):
    fit, data = fit_of("gaussian")
    ridge = nd.glm("y ~ x + g", data, penalty=nd.Ridge(1.0))
    for kind in ("standardised", "standardised_pearson", "studentised"):
        with pytest.raises(nd.CapabilityError, match="penalised"):
            residuals(ridge, kind)
        with pytest.raises(nd.CapabilityError, match="sampling weights"):
            residuals(nd.glm("y ~ x + g", data, weights=nd.sampling(np.arange(1.0, N + 1))), kind)
    assert np.isfinite(residuals(ridge, "quantile")).all()
    arrays = nd.glm_fit(np.ones((N, 1)), data["y"])
    with pytest.raises(nd.CapabilityError, match="columns but no terms"):
        residuals(arrays, "partial")
    with pytest.raises(nd.UnknownNameError, match="did you mean 'studentised'"):
        residuals(fit, "studentized")
    fit.save(tmp_path / "fit.json")
    loaded = nd.load(tmp_path / "fit.json")
    for kind in KINDS:
        with pytest.raises(nd.DataError, match="without its data"):
            residuals(loaded, kind)


def test_blocks_do_not_show():
    """More rows than a block holds: the same numbers as those of the two halves, joined."""
    n = 70_000
    random = np.random.default_rng(5)
    X = np.column_stack([np.ones(n), random.normal(size=n)])
    fit = nd.glm_fit(X, random.poisson(np.exp(X @ [0.2, 0.1])).astype(float), "poisson")
    weight = fit.fitted
    h = weight * np.einsum("ij,ij->i", X @ np.linalg.inv((X.T * weight) @ X), X)
    assert np.allclose(leverages(fit), h, rtol=1e-9)
    assert leverages(fit).sum() == pytest.approx(2.0, rel=1e-10)
    assert np.isfinite(residuals(fit, "quantile", seed=0)).all()


def test_a_model_without_terms_has_no_partial_residuals():
    fit = nd.glm("y ~ 1", {"y": [1.0, 2, 4]})
    assert fit.residuals("partial").shape == (3, 0)

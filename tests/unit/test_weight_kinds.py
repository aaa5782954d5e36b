"""What weights mean: prior weights, frequencies and sampling weights against replicated rows, rescaling and truth."""

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.inference.covariances.clustered import Clustered
from nelder.inference.covariances.covariance import covariance, with_covariance
from nelder.inference.hypotheses.linear import hypotheses, wald_test
from nelder.observations import frequency, sampling
from nelder.submodels import with_columns, with_terms

N = 40
ARGUMENTS = {"negative_binomial": 2.0, "quasi": "mu", "tweedie": 1.5}
each_family = pytest.mark.parametrize("name", list(FAMILIES))


def data_of(name, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=N)
    y = np.exp(0.3 * x - 1) * random.gamma(2.0, 0.5, N)
    if name in ("poisson", "negative_binomial"):
        y = np.round(5 * y)
    if name in ("binomial", "quasibinomial"):
        y = (y > 0.3).astype(float)
    return {"x": x, "y": y, "w": random.integers(1, 5, N).astype(float), "g": np.arange(N) // 4}


def family_of(name):
    return FAMILIES[name](*[ARGUMENTS[name]] if name in ARGUMENTS else [])


def fit_of(name, weights, data=None):
    family = family_of(name)
    link = "logit" if name in ("binomial", "quasibinomial") else "log"
    return nd.glm("y ~ x", data or data_of(name), family, link, weights=weights)


@each_family
def test_all_kinds_have_the_same_estimates(name):
    fits = [fit_of(name, kind("w") if kind else "w") for kind in (None, frequency, sampling)]
    for fit in fits[1:]:
        assert np.allclose(fit.coef, fits[0].coef, rtol=1e-9)
        assert np.allclose(fit.fitted, fits[0].fitted, rtol=1e-9)


@each_family
def test_the_unit_of_sampling_weights_does_not_matter(name):
    data = data_of(name)
    first = fit_of(name, sampling(data["w"]))
    for unit in (1e-200, 7.0, 1e200):
        again = fit_of(name, sampling(unit * data["w"]))
        assert np.allclose(again.coef, first.coef, rtol=1e-12)
        assert np.allclose(again.se, first.se, rtol=1e-12)
        assert again.deviance == pytest.approx(first.deviance, rel=1e-12)
        assert again.dispersion == pytest.approx(first.dispersion, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in FAMILIES if not family_of(name).dispersion_known])
def test_the_unit_of_prior_weights_matters_to_the_dispersion_alone(name):
    data = data_of(name)
    first, again = fit_of(name, data["w"]), fit_of(name, 9 * data["w"])
    assert np.allclose(again.se, first.se, rtol=1e-9)
    assert again.dispersion == pytest.approx(9 * first.dispersion, rel=1e-9)


def test_where_the_dispersion_is_known_prior_weights_are_precision():
    data = data_of("poisson")
    first, again = fit_of("poisson", data["w"]), fit_of("poisson", 9 * data["w"])
    assert np.allclose(again.se, np.asarray(first.se) / 3, rtol=1e-9)
    assert again.dispersion == first.dispersion == 1.0


def test_the_unit_of_frequencies_is_the_number_of_observations():
    data = data_of("gaussian")
    once, twice = fit_of("gaussian", frequency(data["w"])), fit_of("gaussian", frequency(2 * data["w"]))
    assert twice.statistics.n == 2 * once.statistics.n
    ratio = (once.df_resid / twice.df_resid) ** 0.5
    assert np.allclose(twice.se, np.asarray(once.se) * ratio, rtol=1e-9)


@each_family
def test_the_table_of_kinds(name):
    """What the guide on weights says of degrees of freedom, φ, likelihood and standard errors."""
    data = data_of(name)
    prior, counted, drawn = fit_of(name, "w"), fit_of(name, frequency("w")), fit_of(name, sampling("w"))
    total = data["w"].sum()
    assert (prior.df_resid, counted.df_resid, drawn.df_resid) == (N - 2, total - 2, N - 2)
    if not prior.family.dispersion_known:
        assert prior.dispersion == pytest.approx(prior.statistics.pearson / (N - 2))
        assert counted.dispersion == pytest.approx(prior.statistics.pearson / (total - 2), rel=1e-7)
        assert drawn.dispersion == pytest.approx(prior.statistics.pearson * N / total / (N - 2), rel=1e-7)
    assert np.isnan([drawn.loglik, drawn.aic, drawn.bic]).all()
    assert np.isfinite(counted.loglik) == counted.family.has_likelihood
    known = prior.family.dispersion_known
    assert prior.df_reference == (np.inf if known else N - 2)
    assert counted.df_reference == (np.inf if known else total - 2)
    assert drawn.df_reference == N - 2


@each_family
def test_standard_errors_of_a_sample_are_those_of_linearisation(name):
    fit = fit_of(name, sampling("w"))
    plain = fit_of(name, "w")  # the same estimating equations, whose squares are those of HC0
    assert np.allclose(fit.covariance(), N / (N - 1) * covariance(plain, "HC0"), rtol=1e-9)
    clusters = np.arange(N) // 4
    in_clusters = 10 / 9 * covariance(plain, Clustered(clusters, correction=False))
    assert np.allclose(covariance(fit, Clustered("g")), in_clusters, rtol=1e-9)
    assert with_covariance(fit, Clustered(clusters)).df_reference == 10 - 2
    assert np.allclose(covariance(fit, Clustered(np.arange(N))), fit.covariance(), rtol=1e-9)


def test_a_sample_with_equal_weights_is_nearly_hc1():
    fit, plain = fit_of("poisson", sampling(np.full(N, 3.0))), fit_of("poisson", None)
    assert np.allclose(fit.coef, plain.coef, rtol=1e-10)
    assert np.allclose(fit.covariance(), covariance(plain, "HC1") * (N - 2) / (N - 1), rtol=1e-9)


def test_weights_drawn_with_the_response_are_put_right():
    """A sample that takes cases more often: estimates and standard errors against the truth that made it."""
    random = np.random.default_rng(1)
    truth, n, rounds = np.array([-1.0, 0.7]), 200, 80
    estimates, variances = [], []
    for _ in range(rounds):
        x = random.normal(size=3 * n)
        y = (random.random(3 * n) < 1 / (1 + np.exp(-truth[0] - truth[1] * x))).astype(float)
        chance = np.where(y == 1, 0.7, 0.2)
        taken = random.random(3 * n) < chance
        X = np.c_[np.ones(taken.sum()), x[taken]]
        fit = nd.glm_fit(X, y[taken], "binomial", weights=sampling(1 / chance[taken]))
        estimates.append(np.asarray(fit.coef))
        variances.append(np.asarray(fit.se) ** 2)
    spread = np.var(estimates, axis=0)
    assert np.all(np.abs(np.mean(estimates, axis=0) - truth) < 4 * np.sqrt(spread / rounds) + 0.02)
    assert np.all(np.abs(np.mean(variances, axis=0) / spread - 1) < 0.4)


def test_a_robust_standard_error_is_right_where_the_variance_is_not():
    random = np.random.default_rng(2)
    x = random.normal(size=200)
    X, mu = np.c_[np.ones(200), x], np.exp(1 + 0.3 * x)
    slopes, robust, model = [], [], []
    for _ in range(80):
        y = random.poisson(mu * random.gamma(1 / np.exp(x), np.exp(x)))
        fit = nd.glm_fit(X, y, "poisson")
        slopes.append(fit.coef["x2"])
        robust.append(covariance(fit, "HC3")[1, 1])
        model.append(fit.se["x2"] ** 2)
    assert abs(np.mean(robust) / np.var(slopes) - 1) < 0.5
    assert np.mean(model) / np.var(slopes) < 0.4


def test_two_columns_of_counts_may_be_sampled():
    data = {
        "s": [1, 5, 3, 8, 6, 2],
        "f": [9, 5, 6, 2, 1, 7],
        "x": [0.0, 1.0, 2.0, 3.0, 4.0, 1.5],
        "w": [1, 2, 3, 1, 2, 4],
    }
    pair = nd.glm("cbind(s, f) ~ x", data, "binomial", weights=sampling("w"))
    trials = np.add(data["s"], data["f"])
    share = nd.glm("p ~ x", data | {"p": data["s"] / trials}, "binomial", weights=trials * data["w"])
    assert np.allclose(pair.coef, share.coef, rtol=1e-10)
    assert np.allclose(pair.covariance(), 6 / 5 * covariance(share, "HC0"), rtol=1e-9)


def test_prior_weights_beside_two_columns_of_counts_are_part_of_one_observation():
    data = {"s": [1, 5, 3, 8, 6, 2, 7, 4], "u": [9, 5, 6, 2, 1, 7, 4, 3], "x": [0, 1, 2, 3, 4, 1.5, 2.5, 0.5]}
    data |= {"w": [2, 0.5, 3, 1, 1.5, 2, 1, 4], "g": list("abababab")}
    fit = nd.glm("cbind(s, u) ~ x", data, "binomial", weights="w")
    # R 4.2.2 with sandwich 3.0-2
    hc0, hc3 = [0.708402713633, 0.280784032373], [1.152682634888, 0.454118844493]
    clustered, hac = [0.993960669764, 0.351640013586], [0.818220070624, 0.317940925400]
    for kind, se in (("HC0", hc0), ("HC3", hc3), (Clustered("g"), clustered), (nd.HAC(1), hac)):
        assert np.allclose(with_covariance(fit, kind).se, se, rtol=1e-9)
    influence = fit.influence()
    assert np.allclose(influence.leverage[:3], [0.3868223927980, 0.0508931423111, 0.2670329779276], rtol=1e-9)
    assert np.allclose(influence.cook[:3], [1.2172886713491, 0.0106795823647, 0.7891058478181], rtol=1e-9)
    assert np.allclose(fit.residuals("studentised")[:2], [-2.085477627360, 0.620255335425], rtol=1e-9)
    assert np.allclose(fit.residuals("standardised")[:2], [-2.158318355672, 0.619666723927], rtol=1e-9)
    assert np.isclose(fit.aic, 60.0356682832, rtol=1e-11)
    assert np.isclose(fit.predictions().table()["estimate"][0], 0.479368933571, rtol=1e-9)
    means = nd.glm("cbind(s, u) ~ x + g", data, "binomial", weights="w").emmeans("g")
    assert np.allclose(means.table()["estimate"], [-0.509677548072, 0.413269400218], rtol=1e-9)


def test_missing_rows_and_weights_of_zero_are_no_part_of_the_sample():
    data = data_of("poisson")
    data["y"][3], data["w"][7] = np.nan, 0.0
    rest = np.setdiff1d(np.arange(N), [3, 7])
    fit = nd.glm("y ~ x", data, "poisson", weights=sampling("w"))
    alone = nd.glm("y ~ x", {name: values[rest] for name, values in data.items()}, "poisson", weights=sampling("w"))
    assert fit.statistics.n == N - 2
    assert np.allclose(fit.covariance(), alone.covariance(), rtol=1e-12)


def test_a_sample_says_what_it_is():
    fit = fit_of("poisson", sampling("w"))
    text = str(fit.summary())
    assert "sampling" in fit.uncertainty.name
    assert "a sample has no log-likelihood, so no AIC or BIC" in text
    assert "t" in fit.table() and "z" not in fit.table()
    assert "F" in wald_test(fit, "x")


def test_kinds_of_covariance_that_a_sample_does_not_have():
    fit = fit_of("poisson", sampling("w"))
    for kind in ("expected", "observed", "HC0", "HC3", "HAC"):
        with pytest.raises(nd.CapabilityError, match="does not go with sampling weights"):
            with_covariance(fit, kind)
    assert np.array_equal(covariance(with_covariance(fit, Clustered("g")), "sampling"), fit.covariance())
    with pytest.raises(nd.DataError, match="a sample of 2 clusters leaves no degrees of freedom for 2 coefficients"):
        with_covariance(fit, Clustered(np.arange(N) % 2))


def test_smaller_models_of_a_sample_never_take_the_model_s_standard_errors():
    fit = fit_of("poisson", sampling("w"))
    for small in (
        with_terms(fit, [name for name, _ in fit.terms.schema.spans][:1]),
        with_columns(fit, np.array([True, False])),
    ):
        assert np.isnan(small.se).all() and small.uncertainty is not None
        assert np.isnan([small.loglik, small.aic]).all()


def test_a_sample_without_degrees_of_freedom_or_with_a_penalty_has_no_standard_errors_and_says_so():
    saturated = nd.glm_fit(np.eye(3), [2.0, 3.0, 4.0], "poisson", weights=sampling([1, 2, 3]))
    assert np.isnan(saturated.se).all()
    assert any("no standard errors" in note and "0 degrees of freedom" in note for note in saturated.notes)
    with pytest.raises(nd.DataError, match="0 degrees of freedom"):
        hypotheses(saturated, "x1")
    data = data_of("poisson")
    held = nd.glm("y ~ x", data, "poisson", weights=sampling("w"), penalty=nd.Ridge(1.0))
    assert np.isnan(held.se).all()
    assert any("no standard errors" in note and "penalty" in note for note in held.notes)


def test_separated_and_aliased_samples():
    x = np.linspace(-1, 1, 30)
    data = {"x": x, "g": list("aab") * 10, "y": (np.sin(9 * x) > 0).astype(float), "w": np.arange(30) % 3 + 1.0}
    data["y"][2::3] = 1.0
    with pytest.warns(nd.BoundaryWarning):
        limit = nd.glm("y ~ x + g", data, "binomial", weights=sampling("w"))
    rest = np.array(data["g"]) == "a"
    alone = nd.glm("y ~ x", {name: np.asarray(v)[rest] for name, v in data.items()}, "binomial", weights=sampling("w"))
    scale = (30 / 29) / (20 / 19)
    assert np.isinf(limit.coef["g[T.b]"])
    assert limit.se["x"] ** 2 == pytest.approx(scale * alone.se["x"] ** 2, rel=1e-6)
    with pytest.warns(nd.AliasedWarning):
        aliased = nd.glm("y ~ x + I(2*x)", data, "gaussian", weights=sampling("w"))
    assert aliased.se["x"] == pytest.approx(nd.glm("y ~ x", data, weights=sampling("w")).se["x"], rel=1e-9)


def test_responses_drawn_from_a_sample_are_those_of_single_observations():
    fit = fit_of("gaussian", sampling("w"))
    drawn = fit.simulate(4000, seed=0)
    assert np.allclose(drawn.var(axis=0), fit.dispersion, rtol=0.2)


@pytest.mark.parametrize("kind", [frequency, sampling])
def test_weights_with_another_index_are_refused(kind):
    data = pd.DataFrame(data_of("poisson"))
    with pytest.raises(nd.DataError, match="index of weights"):
        nd.glm("y ~ x", data, "poisson", weights=kind(data["w"].iloc[::-1]))


@pytest.mark.parametrize("kind", [frequency, sampling])
def test_weights_that_mean_nothing_are_refused(kind):
    data = data_of("poisson")
    for weights, words in [
        (-data["w"], "weights are negative"),
        (0 * data["w"], "all weights are zero"),
        (data["w"][:5], "weights has 5 values for 40 rows"),
        (np.where(data["w"] > 1, np.inf, 1.0), "weights has nan or infinite values"),
        ("v", "unknown column 'v'"),
    ]:
        with pytest.raises(nd.InputError, match=words):
            nd.glm("y ~ x", data, "poisson", weights=kind(weights))
    for nothing in (None, frequency(data["w"])):
        with pytest.raises(nd.InputTypeError, match=f"nd.{kind.__name__} takes one number a row or an expression"):
            nd.glm_fit(np.ones((N, 1)), data["y"], "poisson", weights=kind(nothing))


@pytest.mark.parametrize("family", ["poisson", nd.NegativeBinomial(3.0)], ids=str)
def test_a_mean_of_counts_has_the_distribution_of_their_sum(family):
    """w y counts with mean w μ: what is drawn or unlikely of a rate is that of the count."""
    random, n, trials = np.random.default_rng(2), 300, 4.0
    x = random.normal(size=n)
    counts = nd.simulate(np.column_stack([np.ones(n), x]), [2.0, 0.3], family, options=nd.Draw(seed=3))
    counts[7] = 60.0
    summed = family if family == "poisson" else nd.NegativeBinomial(trials * family.theta)
    with pytest.warns(nd.ResponseWarning):
        rate = nd.glm_fit(np.column_stack([np.ones(n), x]), counts / trials, family, weights=np.full(n, trials))
    count = nd.glm_fit(np.column_stack([np.ones(n), x]), counts, summed, offset=np.full(n, np.log(trials)))
    np.testing.assert_allclose(rate.se, count.se, rtol=1e-9)
    quantile = [fit.residuals("quantile", seed=1) for fit in (rate, count)]
    np.testing.assert_allclose(*quantile, rtol=1e-7, atol=1e-9)
    unlikely = [fit.outliers(3) for fit in (rate, count)]
    assert np.array_equal(unlikely[0]["row"], unlikely[1]["row"])
    np.testing.assert_allclose(unlikely[0]["p"], unlikely[1]["p"], rtol=1e-6)
    near = [fit.predict(interval="prediction") for fit in (rate, count)]
    np.testing.assert_allclose(trials * near[0]["upper"], near[1]["upper"], rtol=1e-9)
    np.testing.assert_allclose(trials * near[0]["lower"], near[1]["lower"], rtol=1e-9)
    drawn = rate.simulate(4000, seed=1)
    squares = (drawn.var(axis=0) * trials / rate.family.variance(nd.Mean(rate.link, rate.predict(kind="link")))).mean()
    assert squares == pytest.approx(1.0, abs=0.02)
    again = rate.bootstrap(200, seed=1).table()["se"]
    np.testing.assert_allclose(again, rate.se, rtol=0.2)


def test_a_count_that_its_weight_cannot_have_produced_has_no_quantile():
    y = np.array([0.0, 1, 3, 2, 1, 0, 2, 4])
    fit = nd.glm_fit(np.ones((8, 1)), y, "poisson", weights=np.linspace(0.6, 1.3, 8))
    with pytest.raises(nd.CapabilityError, match="no whole number"):
        fit.residuals("quantile")
    assert np.isfinite(fit.residuals("standardised")).all()

"""The bootstrap: samples drawn as they should be, refits that are those of the sample, and words on those that fail."""

import itertools

import numpy as np
import pytest

import nelder as nd
from nelder.inference.resamples.bootstrap import Bootstrap, Resampling, bootstrap
from nelder.inference.resamples.resampled_intervals import Draws, basic, bca, order_statistic, percentile
from nelder.inference.resamples.resampling import frequencies, pairs, parametric
from nelder.simulation import random_stream
from nelder.table import Named

N = 120
CASES = [
    ("gaussian", "identity"),
    ("poisson", "log"),
    ("binomial", "logit"),
    ("gamma", "inverse"),
    (nd.NegativeBinomial(3.0), "log"),
    (nd.Tweedie(1.5), "log"),
]


def table(family, link, n=N, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    beta = [1.0, 0.15] if link == "inverse" else [0.5, 0.4]
    drawn = nd.Draw(phi=0.2, weights=np.full(n, 5.0) if family == "binomial" else None, seed=seed + 1)
    y = nd.simulate(np.column_stack([np.ones(n), x]), beta, family, link, drawn)
    return {"x": x, "y": y, "g": np.resize(list("uvw"), n)}


def fit_of(family, link, n=N, seed=0, formula="y ~ x"):
    weights = np.full(n, 5.0) if family == "binomial" else None
    return nd.glm(formula, table(family, link, n, seed), family, link, weights=weights)


@pytest.mark.parametrize("kind", ["parametric", "pairs"])
@pytest.mark.parametrize(("family", "link"), CASES, ids=str)
def test_standard_errors_are_near_those_of_the_model_where_it_is_true(family, link, kind):
    fit = fit_of(family, link, n=400)
    made = bootstrap(fit, Resampling(50, kind, seed=1))
    assert made.failures == {} and made.draws.shape == (50, 2)
    assert np.allclose(made.se / fit.se, 1.0, atol=0.45)
    assert (np.abs(made.bias) < 4 * np.asarray(made.se) / np.sqrt(50) + 0.1 * np.asarray(made.se)).all()
    near = made.table()
    wald = fit.confint()
    assert np.allclose(near["lower"], wald["lower"], atol=1.5 * fit.se.max())
    assert np.allclose(np.sqrt(np.diagonal(made.covariance)), made.se, rtol=1e-12)


@pytest.mark.parametrize(("family", "link"), CASES, ids=str)
def test_a_draw_is_the_fit_to_its_sample(family, link):
    fit = fit_of(family, link)
    data = table(family, link)
    weights = np.full(N, 5.0 if family == "binomial" else 1.0)
    for kind in ("pairs", "parametric"):
        made = bootstrap(fit, Resampling(3, kind, seed=5))
        stream = random_stream(5, 2)
        samples = pairs(fit.objective, None, stream) if kind == "pairs" else parametric(fit, fit.objective, stream)
        for draw, sample in zip(made.draws, itertools.islice(samples, 3), strict=True):
            block = sample.design.handles[0]
            assert sample.design.n == N
            if kind == "parametric":
                again = nd.glm("y ~ x", data | {"y": block.y}, family, link, weights=weights)
            else:
                count = (block.weight / block.precision).astype(int)
                assert count.sum() == N
                X, y = np.repeat(block.dense(), count, axis=0), np.repeat(block.y, count)
                again = nd.glm_fit(X, y, family, link, weights=np.repeat(block.precision, count))
            assert np.allclose(draw, again.coef, rtol=1e-7)


def test_the_same_seed_gives_the_same_draws_and_not_those_of_the_data():
    fit = fit_of("poisson", "log")
    for kind in ("parametric", "pairs"):
        first, again, other = (bootstrap(fit, Resampling(5, kind, seed)).draws for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.array_equal(first, other)
    noise = np.random.default_rng(4).normal(size=N)
    gaussian = nd.glm_fit(np.ones((N, 1)), noise)
    stream = next(parametric(gaussian, gaussian.objective, random_stream(4, 2)))
    assert abs(np.corrcoef(stream.design.handles[0].y, noise)[0, 1]) < 0.5


def test_a_row_of_frequency_two_is_two_observations():
    data = table("poisson", "log")
    counts = np.random.default_rng(3).integers(1, 4, N)
    fit = nd.glm("y ~ x", data, "poisson", weights=nd.frequency(counts))
    assert np.array_equal(frequencies(fit.objective), counts)
    for sample in itertools.islice(pairs(fit.objective, None, np.random.default_rng(0)), 5):
        assert sample.design.n == sum(block.weight.sum() for block in sample.design.handles) == counts.sum()
    drawn = next(parametric(fit, fit.objective, np.random.default_rng(0))).design.handles[0]
    assert drawn.n == counts.sum() and (drawn.weight == 1).all()
    assert np.array_equal(np.unique(drawn.dense()[:, 1]).size, N)
    repeated = nd.glm("y ~ x", {name: np.repeat(values, counts) for name, values in data.items()}, "poisson")
    for kind in ("parametric", "pairs"):
        ours, theirs = (bootstrap(each, Resampling(100, kind, seed=2)).se for each in (fit, repeated))
        assert np.allclose(ours / theirs, 1.0, atol=0.4)
        if kind == "parametric":
            assert np.allclose(ours, theirs, rtol=1e-8)
    once, often = (bootstrap(each, Resampling(2, "pairs", seed=2)).acceleration for each in (fit, repeated))
    assert np.allclose(once, often, rtol=1e-6)


def test_a_frequency_is_drawn_in_proportion():
    fit = nd.glm("y ~ 1", {"y": np.array([0.0, 1.0])}, weights=nd.frequency([30, 10]))
    made = bootstrap(fit, Resampling(500, "pairs", seed=1))
    assert made.draws.mean() == pytest.approx(0.25, abs=0.02)
    assert made.draws.std() == pytest.approx(np.sqrt(0.25 * 0.75 / 40), rel=0.15)


def test_groups_are_drawn_as_wholes():
    random = np.random.default_rng(6)
    clusters = np.repeat(np.arange(30), 4)
    data = table("gaussian", "identity")
    data["y"] = data["y"] + random.normal(size=30)[clusters]
    data["c"] = clusters
    fit = nd.glm("y ~ x", data)
    sample = next(pairs(fit.objective, clusters, np.random.default_rng(0)))
    drawn = np.concatenate([np.round(block.dense()[:, 1], 9) for block in sample.design.handles])
    inside = np.isin(np.round(data["x"], 9), drawn)
    assert set(np.bincount(clusters[inside], minlength=30)) == {0, 4}
    together = bootstrap(fit, Resampling(80, "pairs", seed=1, groups=clusters))
    alone = bootstrap(fit, Resampling(80, "pairs", seed=1))
    assert together.se["Intercept"] > 1.2 * alone.se["Intercept"]
    by_name = bootstrap(fit, Resampling(80, "pairs", seed=1, groups="c"))
    assert np.array_equal(by_name.draws, together.draws)
    robust = fit.with_covariance(nd.Clustered("c"))
    assert np.allclose(together.se / robust.se, 1.0, atol=0.4)


def test_prior_weights_go_with_their_rows():
    data = table("gaussian", "identity")
    w = np.random.default_rng(7).uniform(0.2, 5.0, N)
    fit = nd.glm("y ~ x", data, weights=w)
    assert (frequencies(fit.objective) == 1).all()
    for kind in ("parametric", "pairs"):
        assert np.allclose(bootstrap(fit, Resampling(80, kind, seed=1)).se / fit.se, 1.0, atol=0.4)


def test_sampling_weights_go_with_their_rows():
    data = table("poisson", "log")
    fit = nd.glm("y ~ x", data, "poisson", weights=nd.sampling(np.random.default_rng(7).uniform(0.2, 5.0, N)))
    made = bootstrap(fit, Resampling(80, "pairs", seed=1))
    assert np.allclose(made.se / fit.se, 1.0, atol=0.4)
    with pytest.raises(nd.CapabilityError, match="kind='pairs'"):
        bootstrap(fit, Resampling(5, "parametric"))


def test_offsets_stay():
    data = table("poisson", "log")
    data["e"] = np.random.default_rng(8).uniform(1, 100, N)
    data["y"] = np.random.default_rng(9).poisson(data["e"] * np.exp(0.3 * data["x"])).astype(float)
    fit = nd.glm("y ~ x + offset(log(e))", data, "poisson")
    for kind in ("parametric", "pairs"):
        assert np.allclose(bootstrap(fit, Resampling(60, kind, seed=1)).se / fit.se, 1.0, atol=0.4)


# What goes wrong


def rare():
    x = np.repeat([0.0, 1.0], 20)
    return nd.glm("y ~ x", {"x": x, "y": np.r_[np.tile([0.0, 1.0], 10), [0.0, 0.0], np.ones(18)]}, "binomial")


def test_separation_in_a_sample_is_counted_and_its_coefficients_are_infinite():
    made = bootstrap(rare(), Resampling(100, "pairs", seed=2))
    infinite = np.isinf(made.draws[:, 1])
    assert 3 < infinite.sum() < 35 and (made.draws[infinite, 1] > 0).all()
    assert np.isfinite(made.draws[:, 0]).all()  # the others are known all the same
    assert list(made.failures.values()) == [infinite.sum()]
    assert np.isnan(made.se["x"]) and np.isfinite(made.se["Intercept"])
    table = made.table()
    assert table["upper"][1] == np.inf and np.isfinite(table["lower"][1])
    assert "infinite (separation): counted as infinite" in str(table) and "no standard error" in str(made)


def test_a_level_that_was_not_drawn_is_counted():
    data = {"y": np.arange(12.0) ** 1.3, "g": ["a"] * 9 + ["b"] * 3}
    made = bootstrap(nd.glm("y ~ g", data), Resampling(200, "pairs", seed=3))
    lost = np.isnan(made.draws).any(axis=1)
    assert 0 < lost.sum() < 30 and list(made.failures.values()) == [lost.sum()]
    assert "combinations of others" in str(made) and "left out" in str(made)
    assert np.isfinite(np.asarray(made.se)).all() and np.isfinite(made.covariance).all()


def test_a_fit_without_an_optimum_is_not_bootstrapped(tmp_path):
    with pytest.warns(nd.BoundaryWarning):
        separated = nd.glm("y ~ x", {"x": [0.0, 0, 1, 1], "y": [0.0, 1, 1, 1]}, "binomial")
    with pytest.raises(nd.CapabilityError, match="optimum with finite coefficients"):
        bootstrap(separated)
    data = table("poisson", "log")
    with pytest.warns(nd.NotConvergedWarning):
        early = nd.glm("y ~ x", data, "poisson", solver=nd.GradientDescent(rate=1e-5, epochs=2))
    with pytest.raises(nd.CapabilityError, match="optimum"):
        bootstrap(early)
    nd.glm("y ~ x", data, "poisson").save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="without its data"):
        bootstrap(nd.load(tmp_path / "fit.json"))


def test_quasi_families_are_resampled_only():
    fit = nd.glm("y ~ x", table("poisson", "log"), "quasipoisson")
    assert bootstrap(fit, Resampling(5, "pairs", seed=1)).failures == {}
    with pytest.raises(nd.CapabilityError, match="quasipoisson has no distribution"):
        bootstrap(fit, Resampling(5, "parametric"))


def test_penalties_are_kept():
    data = table("poisson", "log")
    for penalty in (nd.Ridge(50.0), "firth"):
        fit = nd.glm("y ~ x", data, "poisson", penalty=penalty)
        made = bootstrap(fit, Resampling(60, "parametric", seed=1))
        assert made.failures == {} and abs(made.draws.mean(axis=0) - fit.coef).max() < 0.1
        with pytest.raises(nd.CapabilityError, match="bca"):
            bootstrap(fit, Resampling(5, "pairs", seed=1)).table(interval="bca")


def test_aliased_coefficients_stay_nan():
    data = table("poisson", "log")
    data["twice"] = 2 * data["x"]
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + twice", data, "poisson")
    made = bootstrap(fit, Resampling(20, "pairs", seed=1))
    assert np.isnan(made.draws[:, 2]).all() and np.isfinite(made.draws[:, :2]).all() and made.failures == {}
    assert np.isnan(made.table()["lower"][2])
    with pytest.raises(nd.CapabilityError, match="aliased"):
        bootstrap(fit, Resampling(20, statistic=lambda fit: fit.deviance))


def test_a_bad_request_is_refused():
    fit = fit_of("poisson", "log")
    for given, error, match in (
        ({"draws": 0}, nd.InputError, "1 or more"),
        ({"draws": 1}, nd.InputError, "at least 2"),
        ({"draws": 2.5}, nd.InputError, "whole number"),
        ({"kind": "pair"}, nd.UnknownNameError, "did you mean 'pairs'"),
        ({"seed": -1}, nd.InputError, "seed"),
        ({"statistic": "x"}, nd.InputTypeError, "function of a fit"),
        ({"groups": [1]}, nd.CapabilityError, "kind='pairs'"),
    ):
        with pytest.raises(error, match=match):
            Resampling(**given)
    with pytest.raises(nd.InputError, match="one group"):
        bootstrap(fit, Resampling(5, "pairs", groups=np.zeros(N)))
    with pytest.raises(nd.DataError, match="groups"):
        bootstrap(fit, Resampling(5, "pairs", groups=np.zeros(3)))
    with pytest.raises(nd.DataError, match="shape"):
        bootstrap(fit, Resampling(5, statistic=lambda fit: np.zeros((2, 2))))
    with pytest.raises(nd.UnknownNameError, match="did you mean 'percentile'"):
        bootstrap(fit, Resampling(5, seed=1)).table(interval="percent")
    with pytest.raises(nd.InputError, match="between 0 and 1"):
        bootstrap(fit, Resampling(5, seed=1)).table(95)


# Statistics and intervals


def test_a_statistic_of_the_whole_fit():
    fit = fit_of("gamma", "inverse")
    made = bootstrap(fit, Resampling(100, "parametric", 1, lambda fit: fit.predict({"x": [0.0, 1.0]})))
    assert made.names == ("statistic[1]", "statistic[2]")
    assert np.array_equal(made.estimate, fit.predict({"x": [0.0, 1.0]}))
    se = fit.predict({"x": [0.0, 1.0]}, interval="confidence")["se"] * fit.predict({"x": [0.0, 1.0]}) ** 2
    assert np.allclose(made.se / se, 1.0, atol=0.4)
    ratio = bootstrap(fit, Resampling(5, "pairs", 1, lambda fit: fit.coef["x"] / fit.coef["Intercept"]))
    assert ratio.names == ("statistic",)
    coefficients = bootstrap(fit, Resampling(5, "pairs", 1))
    same = bootstrap(fit, Resampling(5, "pairs", 1, lambda fit: fit.coef))
    assert same.names == fit.names and np.allclose(same.draws, coefficients.draws, rtol=1e-8)
    with pytest.raises(nd.CapabilityError, match="bca"):
        same.table(interval="bca")


def test_a_statistic_sees_separated_samples_too():
    made = bootstrap(rare(), Resampling(60, "pairs", 2, lambda fit: fit.predict({"x": [0.0, 1.0]})))
    assert np.isfinite(made.draws).all() and made.draws[:, 1].max() == 1.0
    assert 1 < sum(made.failures.values()) < 25


def test_ends_are_order_statistics():
    draws = np.arange(1.0, 100.0)  # 99 draws: the 0.05 (99 + 1)th is 5
    assert order_statistic(draws, 0.05) == 5.0
    assert 5.0 < order_statistic(draws, 0.054) < 6.0
    assert (order_statistic(draws, 1e-4), order_statistic(draws, 0.9999)) == (1.0, 99.0)
    assert np.isnan(order_statistic(np.zeros(0), 0.5))
    far = np.r_[-np.inf, np.arange(1.0, 97.0), np.inf, np.inf]
    assert (order_statistic(far, 0.015), order_statistic(far, 0.975), order_statistic(far, 0.9)) == (
        -np.inf,
        np.inf,
        89.0,
    )
    assert percentile(Draws(draws, 40.0), 0.9) == (5.0, 95.0)
    assert basic(Draws(draws, 40.0), 0.9) == (-15.0, 75.0)


def test_bca_without_bias_and_skewness_is_percentile():
    draws = np.arange(1.0, 100.0)
    assert np.allclose(bca(Draws(draws, 50.0, 0.0), 0.9), percentile(Draws(draws, 50.0), 0.9), atol=0.6)
    up = bca(Draws(draws, 60.0, 0.0), 0.9)
    assert up[0] > 5.0 and up[1] > 95.0
    assert np.isnan(bca(Draws(draws, 1000.0, 0.0), 0.9)).all()


def test_bca_covers_better_where_the_estimate_is_skewed():
    """The mean of an exponential response: the interval leans to the right."""
    y = np.random.default_rng(3).exponential(size=25)
    made = bootstrap(nd.glm("y ~ 1", {"y": y}), Resampling(500, "pairs", seed=1))
    left = made.table(0.9, "percentile"), made.table(0.9, "bca")
    assert left[1]["lower"][0] > left[0]["lower"][0] and left[1]["upper"][0] > left[0]["upper"][0]
    away = y - y.mean()
    assert made.acceleration[0] == pytest.approx(np.sum(away**3) / (6 * np.sum(away**2) ** 1.5), rel=1e-9)


def test_what_a_table_says():
    made = Bootstrap(np.array([[1.0], [2.0], [np.nan], [3.0]]), Named([2.5], ["x"]), "pairs", {"of a reason": 1})
    table = made.table()
    assert list(table) == ["term", "estimate", "bias", "se", "lower", "upper"]
    assert table.title == "4 pairs bootstrap draws, percentile intervals at 0.95"
    assert table["bias"][0] == -0.5 and table["se"][0] == 1.0
    assert table.notes == (
        "In 1 of 4 draws of a reason: left out.",
        "4 draws are too few for intervals at 0.95: the outermost draws are shown.",
    )
    assert str(made) == str(table) == repr(made)
    nothing = Bootstrap(np.full((3, 1), np.nan), Named([1.0], ["x"]), "pairs", {"of a reason": 3})
    assert np.isnan(nothing.table()["lower"]).all() and np.isnan(nothing.covariance).all()


def test_a_shape_that_was_estimated_is_estimated_again():
    data = table(nd.NegativeBinomial(3.0), "log")
    fit = nd.glm("y ~ x", data, "negative_binomial")
    held = nd.glm("y ~ x", data, nd.NegativeBinomial(fit.shape.value))
    shapes = bootstrap(fit, Resampling(5, "pairs", 1, lambda fit: fit.shape.value)).draws
    assert np.ptp(shapes) > 0.05
    again, still = (bootstrap(each, Resampling(5, "pairs", 1)).draws for each in (fit, held))
    assert np.allclose(again, still, atol=0.05) and not np.array_equal(again, still)


def test_separated_fits_are_sent_to_reduced_bias():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x", {"y": [0, 0, 1, 1], "x": [1.0, 2, 3, 4]}, "binomial")
    with pytest.raises(nd.CapabilityError, match="refit with penalty='firth'"):
        fit.bootstrap(10)

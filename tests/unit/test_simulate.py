"""Drawing responses: distributions, seeds, and means that cannot be drawn from."""

import numpy as np
import pytest

import nelder as nd
from nelder.families import FAMILIES

N = 40_000
MEANS = {"binomial": 0.3}
OPTIONS = {"negative_binomial": nd.NegativeBinomial(2.5), "tweedie": nd.Tweedie(1.5)}
KNOWN = {"binomial", "poisson", "negative_binomial"}
DRAWN = [name for name in FAMILIES if "quasi" not in name]


def variance(name, mu, phi):
    power = {"gaussian": 0, "poisson": 1, "tweedie": 1.5, "gamma": 2, "inverse_gaussian": 3}
    if name == "binomial":
        return mu * (1 - mu)
    if name == "negative_binomial":
        return mu + mu**2 / 2.5
    return phi * mu ** power[name]


@pytest.mark.parametrize("weight", [1.0, 4.0])
@pytest.mark.parametrize("name", DRAWN)
def test_mean_and_variance_are_those_of_the_family(name, weight):
    mu, phi = MEANS.get(name, 2.0), 1.0 if name in KNOWN else 0.3
    if name in ("poisson", "negative_binomial"):
        weight = 1.0
    drawn = nd.Draw(phi=phi, weights=np.full(N, weight), seed=1)
    y = nd.simulate(np.ones((N, 1)), [np.log(mu)], OPTIONS.get(name, name), "log", drawn)
    expected = variance(name, mu, phi) / weight
    assert y.shape == (N,)
    assert abs(y.mean() - mu) < 5 * np.sqrt(expected / N)
    kurtosis = np.mean((y - y.mean()) ** 4) / y.var() ** 2
    assert abs(y.var() / expected - 1) < 5 * np.sqrt((kurtosis - 1) / N)


@pytest.mark.parametrize("name", DRAWN)
def test_draws_are_in_the_support(name):
    family = OPTIONS.get(name, name)
    y = nd.simulate(np.ones((1000, 1)), [-0.5], family, "log", nd.Draw(seed=3))
    assert nd.glm_fit(np.ones((1000, 1)), y, family, "log").converged


def test_the_same_seed_gives_the_same_draws():
    X, beta = np.ones((50, 1)), [0.5]
    first, again, other = (nd.simulate(X, beta, "poisson", options=nd.Draw(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_offsets_move_the_mean():
    offset = np.log(np.repeat([1.0, 10.0], N // 2))
    y = nd.simulate(np.ones((N, 1)), [0.0], "poisson", options=nd.Draw(offset=offset, seed=5))
    assert abs(y[: N // 2].mean() - 1) < 5 * np.sqrt(1 / (N / 2))
    assert abs(y[N // 2 :].mean() - 10) < 5 * np.sqrt(10 / (N / 2))


@pytest.fixture(scope="module")
def fit():
    return nd.glm("deaths ~ corps", nd.datasets.horse_kicks(), "poisson")


def test_a_fit_draws_at_its_means(fit):
    draws = fit.simulate(2000, seed=1)
    assert draws.shape == (2000, 280)
    error = (draws.mean(axis=0) - fit.fitted) / np.sqrt(fit.fitted / 2000)
    assert np.max(np.abs(error)) < 5
    assert fit.simulate().shape == (1, 280)


def test_a_fit_draws_the_same_for_a_seed(fit):
    assert np.array_equal(fit.simulate(3, seed=9), fit.simulate(3, seed=9))
    assert not np.array_equal(fit.simulate(3, seed=9), fit.simulate(3, seed=10))
    assert not np.array_equal(fit.simulate(3), fit.simulate(3))


def test_proportions_are_drawn_with_their_trials():
    trials = np.array([1.0, 5, 20, 100])
    both = np.column_stack([[1, 2, 8, 50], trials - [1, 2, 8, 50]])
    fit = nd.glm_fit(np.ones((4, 1)), both, "binomial")
    draws = fit.simulate(500, seed=1)
    assert np.allclose(draws * trials, np.round(draws * trials), atol=1e-9)
    p = fit.fitted[0]
    assert np.allclose(draws.var(axis=0), p * (1 - p) / trials, rtol=0.35)


@pytest.mark.parametrize("draws", [0, -1])
def test_draws_must_be_positive(fit, draws):
    with pytest.raises(nd.InputError, match=f"draws={draws}"):
        fit.simulate(draws)


# What cannot be drawn


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("eta", [40.0, 50.0, 700.0, 800.0])
def test_a_mean_too_large_names_row_and_mean(name, eta):
    X = np.ones((5, 1))
    X[3] = eta
    with pytest.raises(nd.DataError, match=r"row 3 has .*mean (inf|[\d.]+e\+\d+)"):
        nd.simulate(X, [1.0], OPTIONS.get(name, name), options=nd.Draw(seed=1))


@pytest.mark.parametrize(
    ("name", "link", "eta"),
    [
        ("poisson", "identity", -2.0),
        ("poisson", "identity", 0.0),
        ("gamma", "identity", -1.0),
        ("gamma", "inverse", -1.0),
        ("inverse_gaussian", "inverse_squared", -0.5),
        ("binomial", "identity", 1.5),
        ("binomial", "log", 0.5),
        ("gaussian", "log", 800.0),
        ("tweedie", "identity", -1.0),
    ],
)
def test_a_mean_outside_the_domain_names_row_and_mean(name, link, eta):
    X = np.full((5, 1), -0.5 if link == "log" else 0.5)
    X[2] = eta
    with pytest.raises(nd.DataError, match=rf"row 2 has linear predictor {eta:g} and mean"):
        nd.simulate(X, [1.0], OPTIONS.get(name, name), link)


@pytest.mark.parametrize("name", ["quasi", "quasipoisson", "quasibinomial", "tweedie(2.5)"])
def test_a_quasi_family_has_nothing_to_draw_from(name):
    with pytest.raises(nd.CapabilityError, match="quasi family"):
        nd.simulate(np.ones((3, 1)), [0.5], name)


BAD = {
    "X": lambda: nd.simulate([["a"]], [1.0]),
    "X not finite": lambda: nd.simulate([[np.nan]], [1.0]),
    "beta": lambda: nd.simulate(np.ones((3, 2)), [1.0]),
    "beta not finite": lambda: nd.simulate(np.ones((3, 1)), [np.inf]),
    "phi": lambda: nd.Draw(phi=-1.0),
    "phi not finite": lambda: nd.Draw(phi=np.nan),
    "weights": lambda: nd.simulate(np.ones((3, 1)), [1.0], options=nd.Draw(weights=[1, 2])),
    "weights zero": lambda: nd.simulate(np.ones((3, 1)), [1.0], options=nd.Draw(weights=[1, 0, 2])),
    "offset": lambda: nd.simulate(np.ones((3, 1)), [1.0], options=nd.Draw(offset=[1, 2])),
    "family": lambda: nd.simulate(np.ones((3, 1)), [1.0], "poison"),
    "link": lambda: nd.simulate(np.ones((3, 1)), [1.0], "poisson", "lgo"),
    "draws": lambda: nd.glm_fit(np.ones((3, 1)), [1, 2, 3]).simulate(1.5),
    "seed": lambda: nd.simulate(np.ones((3, 1)), [1.0], options=nd.Draw(seed="seed")),
    "seed negative": lambda: nd.simulate(np.ones((3, 1)), [1.0], options=nd.Draw(seed=-1)),
}


@pytest.mark.parametrize("problem", list(BAD))
def test_bad_input_is_a_nelder_error_that_names_the_argument(problem):
    with pytest.raises(nd.NelderError, match=problem.split()[0]):
        BAD[problem]()


def test_weights_of_a_binomial_are_trials_and_trials_are_whole():
    with pytest.raises(nd.NelderError, match="weights"):
        nd.simulate(np.ones((3, 1)), [0.0], "binomial", options=nd.Draw(weights=[2.5, 1, 3]))

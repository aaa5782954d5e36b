"""Intervals for a new observation: against brute force, quantiles of the family, coverage, and bad requests."""

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.families.tails import Tails
from nelder.inference.predictions.prediction import Request, prediction_interval
from nelder.inference.predictions.prediction_intervals import Predictive, observation_interval, scales
from nelder.inference.predictions.roots import increasing_root
from nelder.links import Identity, Log, Logit
from nelder.loss import Loss
from nelder.mean import Mean

CASES = [
    ("gaussian", "log", 0.5),
    ("poisson", "log", 1.0),
    ("binomial", "logit", 1.0),
    (nd.NegativeBinomial(2.0), "log", 1.0),
    ("gamma", "log", 0.3),
    ("gamma", "inverse", 0.1),
    ("inverse_gaussian", "log", 0.2),
    (nd.Tweedie(1.5), "log", 0.5),
]


@pytest.fixture(autouse=True)
def quiet():
    """Families run as kernels run them: overflow to inf is an answer, not a warning."""
    with np.errstate(all="ignore"):
        yield


each_case = pytest.mark.parametrize(("family", "link", "phi"), CASES, ids=str)


def data_of(family, link, phi, n, seed):
    random = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), random.uniform(-1, 1, n)])
    beta = [0.8, 0.2] if link == "inverse" else [0.5, 0.6]
    weights = np.full(n, 8.0) if family == "binomial" else None
    y = nd.simulate(X, beta, family, link, nd.Draw(phi=phi, weights=weights, seed=seed + 1))
    return X, y, weights


def fit_of(family, link, phi, n=25, seed=3):
    X, y, weights = data_of(family, link, phi, n, seed)
    return nd.glm_fit(X, y, family, link, weights=weights)


@each_case
def test_it_is_what_drawing_coefficients_dispersion_and_response_gives(family, link, phi):
    """At the ends, a million draws leave the stated probability on either side."""
    fit = fit_of(family, link, phi)
    new, many, random = np.array([[1.0, 0.9]]), 200_000, np.random.default_rng(11)
    weight = 8.0 if family == "binomial" else 1.0
    made = prediction_interval(fit, new, level=0.8, weights=weight)
    eta, se = fit.predict(new, "link"), made["se"]
    known = fit.family.dispersion_known
    scale = np.ones(many) if known else fit.df_resid / random.chisquare(fit.df_resid, many)
    drawn = eta + se * np.sqrt(scale) * random.normal(size=many)
    mean = Mean(fit.link, np.clip(drawn, *Loss(fit.family, fit.link).bounds))
    y = fit.family.sample(random, mean, fit.dispersion * scale, np.full(many, weight))
    below, above = np.mean(y < made["lower"]), np.mean(y > made["upper"])
    noise = 5 * np.sqrt(0.1 * 0.9 / many)
    if fit.family.spacing(np.ones(1))[0]:
        assert below <= 0.1 + noise and above <= 0.1 + noise  # and a step further in it would be more
        step = 1 / weight
        assert np.mean(y <= made["lower"]) > 0.1 - noise and np.mean(y >= made["upper"]) > 0.1 - noise
        assert made["lower"] % step < 1e-9 and (made["upper"] + 1e-12) % step < 1e-9
    else:
        assert abs(below - 0.1) < noise and abs(above - 0.1) < noise


@each_case
def test_without_uncertainty_it_is_that_of_the_family(family, link, phi):
    fit = fit_of(family, link, phi, n=1000)
    weight = np.full(3, 8.0 if family == "binomial" else 1.0)
    eta = fit.predict([[1.0, -0.5], [1.0, 0.0], [1.0, 0.5]], "link")
    lower, upper = observation_interval(fit, eta, np.zeros(3), weight, 0.9)
    mean = Mean(fit.link, eta)
    below, upto = (fit.family.log_tails(y, mean, fit.dispersion, weight) for y in (lower, upper))
    if fit.family.spacing(weight)[0]:
        assert (fit.family.cdf_below(lower, mean, fit.dispersion, weight) <= 0.05).all() and (below.cdf > 0.05).all()
        assert (upto.survival <= 0.05).all()
        assert (1 - fit.family.cdf_below(upper, mean, fit.dispersion, weight) > 0.05).all()
    else:
        assert np.allclose(below.cdf, 0.05, rtol=1e-2) and np.allclose(upto.survival, 0.05, rtol=1e-2)


@pytest.mark.parametrize(("family", "link", "phi"), [CASES[1], CASES[2], CASES[4]], ids=str)
def test_it_covers_new_observations(family, link, phi):
    """Over 15 small samples, each with 12 new observations."""
    inside, many = 0, 0
    for seed in range(15):
        X, y, weights = data_of(family, link, phi, 14, 100 * seed)
        fit = nd.glm_fit(X, y, family, link, weights=weights)
        Z, new, _ = data_of(family, link, phi, 12, 100 * seed + 50)
        made = prediction_interval(fit, Z, level=0.8, weights=8.0 if family == "binomial" else None)
        inside += int(np.sum((made["lower"] <= new) & (new <= made["upper"])))
        many += len(new)
    share, noise = inside / many, 4 * np.sqrt(0.8 * 0.2 / many)
    assert share > 0.8 - noise
    assert share < 0.8 + noise or fit.family.spacing(np.ones(1))[0]


@pytest.mark.parametrize("df", [1, 2, 5, 30])
def test_the_numerical_average_is_students_t_where_that_is_known(df):
    class Stub:
        family = nd.Gaussian()
        df_reference = df_resid = df

    share, stretch = scales(Stub())
    se, phi = np.array([0.0, 0.3, 4.0]), 2.0
    new = Predictive(Loss(nd.Gaussian(), Identity()), np.ones(3), se, np.ones(3), phi * stretch**2, share, stretch)
    for z in (-3.0, 0.0, 0.5, 2.5):
        y = 1.0 + z * np.sqrt(phi + se**2)
        assert np.allclose(new.log_tails(y).cdf, stats.t.cdf(z, df), rtol=1e-5)


@pytest.mark.parametrize("se", [1e-9, 1e-3, 0.1, 1.0, 3.0])
@pytest.mark.parametrize(("family", "phi"), [(nd.Poisson(), 1.0), (nd.Gamma(), 1e-6), (nd.Gamma(), 0.5)], ids=str)
def test_a_step_however_steep_is_found(family, phi, se):
    """The response may vary far less than its mean is uncertain; against an even grid of ten thousand."""
    z = np.linspace(-7, 7, 10_001)
    weight = np.exp(-0.5 * z * z)
    weight /= weight.sum()
    for mu in (0.3, 50.0):
        y = np.array([0.0, 1.0, 45.0, 400.0])
        one = np.ones(4)
        new = Predictive(Loss(family, Log()), np.log(mu) * one, se * one, one, np.array([phi]), one[:1], one[:1])
        ours = new.log_tails(y).cdf
        for k, each in enumerate(y):
            tails = family.log_tails(np.full_like(z, each), Mean(Log(), np.log(mu) + se * z), phi, np.ones_like(z))
            assert ours[k] == pytest.approx(float(weight @ tails.cdf), abs=6e-4)


def test_weights_are_those_of_the_fit_at_its_own_rows_and_one_at_new_ones():
    random = np.random.default_rng(5)
    x, w = random.normal(size=30), random.uniform(0.5, 4.0, 30)
    fit = nd.glm("y ~ x", {"x": x, "y": x + random.normal(size=30) / np.sqrt(w)}, weights=w)
    own, new = prediction_interval(fit), prediction_interval(fit, {"x": x})
    assert np.allclose(own["upper"], prediction_interval(fit, weights=w)["upper"], rtol=1e-12)
    assert np.allclose(new["upper"], prediction_interval(fit, weights=1)["upper"], rtol=1e-12)
    assert not np.allclose(own["upper"], new["upper"])
    counted = nd.glm("y ~ x", {"x": x, "y": x**2}, weights=nd.frequency(np.ceil(w)))
    again = prediction_interval(counted, {"x": x})
    assert np.allclose(prediction_interval(counted)["upper"], again["upper"], rtol=1e-12)


def test_the_door_of_predict_gives_the_same():
    fit = fit_of("gamma", "log", 0.3)
    by_door = fit.predict([[1.0, 0.3]], interval="prediction", level=0.9)
    assert list(by_door) == ["fit", "se", "lower", "upper"]
    assert by_door.to_dict() == prediction_interval(fit, [[1.0, 0.3]], level=0.9).to_dict()
    wide, narrow = prediction_interval(fit, level=0.95), fit.predict(interval="confidence")
    assert (wide["lower"] < narrow["lower"]).all() and (narrow["upper"] < wide["upper"]).all()


def test_a_higher_level_is_wider():
    for family, link, phi in CASES:
        fit = fit_of(family, link, phi)
        inner, outer = (prediction_interval(fit, [[1.0, 0.2]], level=level) for level in (0.5, 0.999))
        assert outer["lower"][0] <= inner["lower"][0] <= inner["upper"][0] <= outer["upper"][0]
        assert np.isfinite(outer["upper"][0])


def test_rows_without_a_mean_have_no_interval():
    x = np.linspace(0, 1, 50)
    y = np.random.default_rng(3).gamma(5.0, 1 / (5 * (3 - 2 * x)))
    fit = nd.glm("y ~ x", {"y": y, "x": x}, "gamma")
    made = prediction_interval(fit, {"x": [0.5, np.nan]})
    assert np.isfinite(made["lower"][0]) and np.isnan(made["lower"][1]) and np.isnan(made["upper"][1])
    with pytest.warns(nd.BoundaryWarning, match="outside"):
        assert np.isnan(prediction_interval(fit, {"x": [30.0]})["upper"][0])


def test_at_a_limit_nothing_is_known():
    group, y = np.repeat(["a", "b"], 20), np.r_[np.tile([0.0, 1.0], 10), np.ones(20)]
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g", {"g": group, "y": y}, "binomial")
    made = prediction_interval(fit, {"g": ["a", "b"]}, weights=10)
    assert 0 < made["lower"][0] < made["upper"][0] < 1
    assert (made["lower"][1], made["upper"][1]) == (0.0, 1.0)


def test_a_compound_poisson_may_begin_at_zero():
    fit = nd.glm_fit(np.ones((40, 1)), np.r_[np.zeros(20), np.linspace(0.2, 5, 20)], nd.Tweedie(1.5))
    made = prediction_interval(fit, [[1.0]], level=0.8)
    assert made["lower"][0] == 0.0 and made["upper"][0] > 2


def test_another_covariance_is_used():
    random = np.random.default_rng(8)
    x = random.normal(size=60)
    fit = nd.glm(
        "y ~ x", {"x": x, "y": random.poisson(np.exp(0.5 * x + random.normal(size=60))).astype(float)}, "poisson"
    )
    robust = fit.with_covariance("HC3")
    plain, wide = prediction_interval(fit, {"x": [2.5]}), prediction_interval(robust, {"x": [2.5]})
    assert wide["se"][0] > plain["se"][0] and wide["upper"][0] > plain["upper"][0]


def test_what_has_no_interval_says_why():
    random = np.random.default_rng(9)
    data = {"x": random.normal(size=20), "y": random.gamma(3.0, size=20)}
    with pytest.raises(nd.CapabilityError, match=r"quasi\(mu\) has no distribution"):
        prediction_interval(nd.glm("y ~ x", data, nd.Quasi("mu"), "log"))
    with pytest.raises(nd.CapabilityError, match="penalised"):
        prediction_interval(nd.glm("y ~ x", data, "gamma", "log", penalty=nd.Ridge(1.0)))
    fit = nd.glm("y ~ x", data, "gamma", "log")
    with pytest.raises(nd.InputError, match="between 0 and 1"):
        prediction_interval(fit, level=95)
    with pytest.raises(nd.DataError, match="must be positive: row 1"):
        prediction_interval(fit, {"x": [0.0, 1.0]}, weights=[1.0, 0.0])
    with pytest.raises(nd.DataError, match="weights has 3 values for 2 rows"):
        prediction_interval(fit, {"x": [0.0, 1.0]}, weights=[1.0, 1.0, 1.0])
    with pytest.raises(nd.DataError, match="must be positive"):
        prediction_interval(fit, weights=-2)
    with pytest.raises(nd.CapabilityError, match="not an η"):
        fit.predict(kind="link", interval="prediction")
    with pytest.raises(nd.UnknownNameError, match="did you mean 'prediction'"):
        Request(interval="predicted")
    binary = nd.glm_fit(np.ones((20, 1)), np.arange(20.0) % 2, "binomial")
    with pytest.raises(nd.InputError, match="whole numbers"):
        prediction_interval(binary, weights=2.5)
    assert prediction_interval(binary, [[1.0]])["upper"][0] == 1.0
    with pytest.warns(nd.ResponseWarning):
        perfect = nd.glm_fit(np.column_stack([np.ones(4), np.arange(4.0)]), np.arange(4.0))
    with pytest.raises(nd.DataError, match="perfect"):
        prediction_interval(perfect)


def test_roots_are_found_one_an_entry():
    where = np.array([-3.0, 0.0, 1e-8, 40.0, 1e6])
    found = increasing_root(lambda t: np.arctan(t - where), np.zeros(5), np.ones(5))
    assert np.allclose(found, where, rtol=1e-9, atol=1e-9)
    steep = increasing_root(lambda t: np.sign(t - where) * np.abs(t - where) ** 0.2, np.zeros(5), np.ones(5))
    assert np.allclose(steep, where, rtol=1e-9, atol=1e-9)
    none = increasing_root(lambda t: np.array([1.0, -1.0]) + 0 * t, np.zeros(2), np.ones(2))
    assert none.tolist() == [-np.inf, np.inf]


def test_tails_between_two_are_a_mixture():
    a, b = (Tails(np.log(np.array([p])), np.log(np.array([1 - p]))) for p in (0.2, 0.7))
    half = a.between(b, np.array([0.5]))
    assert half.cdf[0] == pytest.approx(0.45) and half.survival[0] == pytest.approx(0.55)
    assert half.normal_score[0] == pytest.approx(stats.norm.ppf(0.45))
    assert Logit().increasing


@pytest.mark.parametrize(
    ("family", "link"), [("gamma", "inverse"), ("gamma", "log"), ("inverse_gaussian", "inverse_squared")], ids=str
)
def test_the_unit_of_the_response_does_not_matter(family, link):
    """With two degrees of freedom left φ may be anything, and with an inverse link η may reach its end."""
    y = np.array([1.0, 2.0, 1.5])
    base = prediction_interval(nd.glm("y ~ 1", {"y": y}, family, link))
    for unit in (1e-9, 1e8):
        scaled = prediction_interval(nd.glm("y ~ 1", {"y": unit * y}, family, link))
        for end in ("fit", "lower", "upper"):
            assert np.allclose(scaled[end] / unit, base[end], rtol=1e-6)


@pytest.mark.parametrize(
    "family", ["gamma", "inverse_gaussian", pytest.param(nd.Tweedie(1.5), marks=pytest.mark.slow)], ids=str
)
def test_hardly_any_degrees_of_freedom_leave_an_interval(family):
    made = prediction_interval(nd.glm("y ~ 1", {"y": [1.0, 2.0, 4.0]}, family, "log"), level=0.99)
    assert 0 <= made["lower"][0] < 1 and 4 < made["upper"][0] < np.inf

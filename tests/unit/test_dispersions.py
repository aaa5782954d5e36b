"""The dispersion by several estimators, and fits that take another than Pearson's."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import optimize, stats

import nelder as nd
from nelder.dispersion import slope
from nelder.families import FAMILIES
from nelder.inference.dispersions import METHODS, dispersions, gamma_shape, with_dispersion
from nelder.mean import Mean
from nelder.saving import load, save

RANDOM = np.random.default_rng(30)
N, P = 60, 2
X = np.column_stack([np.ones(N), RANDOM.uniform(-1, 1, N)])
MU = np.exp(X @ [1.0, 0.5])
COUNTS = RANDOM.poisson(MU).astype(float)
AMOUNTS = RANDOM.gamma(2.0, MU / 2.0)
WEIGHTS = RANDOM.uniform(0.5, 3.0, N)
ESTIMATED = {"gaussian": "identity", "gamma": "log", "inverse_gaussian": "log", "tweedie(1.5)": "log"}
estimated = pytest.mark.parametrize("family", ESTIMATED)


def fitted(family, weights=None, y=AMOUNTS):
    return nd.glm_fit(X, y, family, ESTIMATED.get(family, "log"), weights=weights)


def likeliest_by_search(fit, weights=None):
    """φ that maximises Σ log f where the weight divides the variance."""
    w, mean = np.ones(N) if weights is None else weights, Mean(fit.link, X @ fit.coef)

    def loss(log_phi):
        return -np.sum(fit.family.log_density(AMOUNTS, mean, np.exp(log_phi) / w, np.ones(N)))

    found = optimize.minimize_scalar(loss, bracket=(-3, 0), options={"xtol": 1e-12})
    h = 1e-3
    curvature = (loss(found.x + h) - 2 * loss(found.x) + loss(found.x - h)) / h**2
    return np.exp(found.x), np.exp(found.x) / np.sqrt(curvature)


@estimated
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_each_estimator_is_what_it_is_called(family, weights):
    fit = fitted(family, weights)
    found = dispersions(fit)
    assert found["method"].tolist() == list(METHODS)
    pearson, deviance, ml = found["estimate"]
    assert pearson == pytest.approx(fit.dispersion, rel=1e-15)
    assert deviance == pytest.approx(fit.deviance / fit.df_resid, rel=1e-15)
    phi, se = likeliest_by_search(fit, weights)
    assert ml == pytest.approx(phi, rel=1e-6)
    assert found["se"][2] == pytest.approx(se, rel=1e-4)


@pytest.mark.parametrize("family", ["gaussian", "inverse_gaussian"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_likeliest_dispersion_is_deviance_over_n_where_that_is_known(family, weights):
    fit = fitted(family, weights)
    found = dispersions(fit)
    assert found["estimate"][2] == pytest.approx(fit.deviance / N, rel=1e-13)
    assert found["se"][2] == pytest.approx(fit.deviance / N * np.sqrt(2 / N), rel=1e-9)


def test_the_standard_error_of_a_residual_variance_is_exact():
    found = dispersions(fitted("gaussian"))
    assert found["se"][:2] == pytest.approx(found["estimate"][:2] * np.sqrt(2 / (N - P)), rel=1e-14)
    assert np.isnan(dispersions(fitted("gamma"))["se"][:2]).all()


@estimated
def test_frequencies_are_repeated_rows(family):
    counts = RANDOM.integers(1, 4, N)
    short = dispersions(fitted(family, nd.frequency(counts)))
    long = dispersions(nd.glm_fit(np.repeat(X, counts, axis=0), np.repeat(AMOUNTS, counts), family, ESTIMATED[family]))
    assert short["estimate"] == pytest.approx(long["estimate"], rel=1e-10)
    assert short["se"] == pytest.approx(long["se"], rel=1e-8, nan_ok=True)


@pytest.mark.parametrize("unit", [1e-8, 1e7])
def test_the_dispersion_of_a_gamma_does_not_depend_on_the_unit(unit):
    plain, other = dispersions(fitted("gamma")), dispersions(fitted("gamma", y=unit * AMOUNTS))
    assert other["estimate"] == pytest.approx(plain["estimate"], rel=1e-9)


@pytest.mark.parametrize("family", ["poisson", "negative_binomial(2)", "binomial"])
def test_where_it_is_known_the_ratios_say_how_responses_vary_beside_it(family):
    y = np.minimum(COUNTS, 1) if family == "binomial" else COUNTS
    fit = nd.glm_fit(X, y, family)
    found = dispersions(fit)
    assert found["method"].tolist() == ["pearson", "deviance"]
    assert found["estimate"] == pytest.approx(np.array([fit.statistics.pearson, fit.deviance]) / fit.df_resid)
    assert "is 1: these say" in str(found)
    with pytest.raises(nd.CapabilityError, match="quasi family, such as 'quasipoisson'"):
        with_dispersion(fit, 2.0)
    with pytest.raises(nd.CapabilityError, match="quasi family"):
        with_dispersion(fit, "pearson")


@pytest.mark.parametrize("family", ["quasipoisson", "quasi(mu^2)", "tweedie(2.5)"])
def test_quasi_families_have_no_likeliest_dispersion(family):
    fit = nd.glm_fit(X, AMOUNTS if family.startswith("tw") else COUNTS + 1, family, "log")
    found = dispersions(fit)
    assert found["method"].tolist() == ["pearson", "deviance"]
    assert "no likelihood" in str(found)
    with pytest.raises(nd.CapabilityError, match="no likelihood: use 'pearson' or 'deviance'"):
        with_dispersion(fit, "ml")
    assert with_dispersion(fit, "deviance").dispersion == pytest.approx(fit.deviance / fit.df_resid)


@estimated
@pytest.mark.parametrize("method", METHODS)
def test_standard_errors_tests_and_intervals_follow_an_estimate(family, method):
    fit = fitted(family)
    other = with_dispersion(fit, method)
    phi = dispersions(fit)["estimate"][list(METHODS).index(method)]
    assert other.dispersion == phi
    assert other.se == pytest.approx(fit.se * np.sqrt(phi / fit.dispersion), rel=1e-13)
    assert other.df_reference == fit.df_reference == N - P
    tests = other.table()
    assert tests["t"] == pytest.approx(other.coef / other.se, rel=1e-13)
    reach = stats.t.ppf(0.975, N - P) * np.asarray(other.se)
    assert tests["upper"] - tests["lower"] == pytest.approx(2 * reach, rel=1e-12)
    shown = other.predict(X[:2], interval="confidence")
    assert shown["se"] == pytest.approx(
        fit.predict(X[:2], interval="confidence")["se"] * np.sqrt(phi / fit.dispersion), rel=1e-12
    )
    assert [other.loglik, other.aic, other.bic, other.deviance] == [fit.loglik, fit.aic, fit.bic, fit.deviance]


def test_a_number_is_taken_as_known_so_that_tests_are_normal():
    fit = fitted("gamma")
    other = with_dispersion(fit, 0.25)
    assert (other.dispersion, other.df_reference, other.dispersion_by) == (0.25, np.inf, "given")
    tests = other.table()
    assert tests["p"] == pytest.approx(2 * stats.norm.sf(np.abs(other.coef / other.se)), rel=1e-10)
    assert with_dispersion(other, "pearson").se == pytest.approx(fit.se, rel=1e-14)
    assert with_dispersion(fit, 4).dispersion == 4.0


def test_another_dispersion_is_saved(tmp_path):
    fit = with_dispersion(fitted("gamma"), 0.25)
    save(fit, tmp_path / "fit.json")
    again = load(tmp_path / "fit.json")
    assert (again.dispersion, again.dispersion_by, again.df_reference) == (0.25, "given", np.inf)
    assert np.array_equal(again.se, fit.se)
    found = dispersions(again)
    assert found["method"].tolist() == ["pearson", "deviance"]
    assert "needs the rows" in str(found)
    with pytest.raises(nd.DataError, match="loaded without its data"):
        with_dispersion(again, "ml")
    text = (tmp_path / "fit.json").read_text(encoding="utf-8")
    (tmp_path / "fit.json").write_text(text.replace('"given"', '"guessed"'), encoding="utf-8")
    with pytest.raises(nd.SavedFitError, match="'guessed' stands where one of pearson, deviance, ml, given should"):
        load(tmp_path / "fit.json")


@pytest.mark.parametrize(
    ("dispersion", "error", "words"),
    [
        (0.0, nd.InputError, "positive number, or one of pearson"),
        (-1.0, nd.InputError, "positive number"),
        (np.inf, nd.InputError, "positive number"),
        (np.nan, nd.InputError, "positive number"),
        ("mle", nd.UnknownNameError, "ml"),
        ("moments", nd.UnknownNameError, "pearson"),
        (None, nd.InputTypeError, "the dispersion must be a number"),
        ([1.0], nd.InputTypeError, "the dispersion must be a number"),
    ],
)
def test_what_is_no_dispersion_is_refused_in_words(dispersion, error, words):
    with pytest.raises(error, match=words):
        with_dispersion(fitted("gamma"), dispersion)


def test_nothing_is_estimated_from_a_perfect_or_a_saturated_fit():
    with pytest.warns(nd.ResponseWarning):
        perfect = nd.glm_fit(X, X @ [1.0, 2.0], "gaussian")
    with pytest.warns(nd.NelderWarning):
        saturated = nd.glm_fit(X[:2], AMOUNTS[:2], "gamma", "log")
    assert np.isnan(dispersions(saturated)["estimate"][:2]).all()
    with pytest.raises(nd.DataError, match="no residual degrees of freedom are left"):
        with_dispersion(saturated, "pearson")
    assert with_dispersion(perfect, 2.0).se == pytest.approx(np.sqrt(2 * np.diag(np.linalg.inv(X.T @ X))), rel=1e-9)
    assert dispersions(perfect)["estimate"][2] < 1e-25


def test_a_covariance_that_is_not_made_from_the_dispersion_keeps_it_out():
    from nelder.inference.covariances.covariance import with_covariance

    robust = with_covariance(fitted("gamma"), "HC0")
    with pytest.raises(nd.CapabilityError, match="is not made from φ"):
        with_dispersion(robust, 2.0)
    first = with_covariance(with_dispersion(fitted("gamma"), 2.0), "HC0")
    assert first.se == pytest.approx(robust.se, rel=1e-12)


def test_the_shape_of_a_gamma_is_one_over_its_likeliest_dispersion():
    fit = fitted("gamma")
    found, phi = gamma_shape(fit), dispersions(fit)
    assert found["alpha"] == pytest.approx(1 / phi["estimate"][2], rel=1e-14)
    assert found["se"] == pytest.approx(phi["se"][2] / phi["estimate"][2] ** 2, rel=1e-14)
    for other in ("gaussian", "inverse_gaussian", "tweedie(1.5)"):
        with pytest.raises(nd.CapabilityError, match="about gamma distributions"):
            gamma_shape(fitted(other))


def test_the_shape_of_a_gamma_has_the_digits_of_its_equation():
    """n (log α − ψ(α)) = D/2, from α of a millionth to many millions."""
    from scipy.special import digamma

    for alpha in (0.05, 1.0, 300.0):
        y = np.random.default_rng(1).gamma(alpha, 1 / alpha, 400)
        fit = nd.glm_fit(np.ones((400, 1)), y, "gamma", "log")
        found = gamma_shape(fit)["alpha"][0]
        assert np.log(found) - digamma(found) == pytest.approx(fit.deviance / 800, rel=1e-9)
        assert abs(found - alpha) < 4 * gamma_shape(fit)["se"][0]


def test_a_separated_fit_has_the_dispersions_of_its_limit():
    y, groups = np.where(np.arange(N) < N // 2, AMOUNTS, 0.0), np.repeat([0.0, 1.0], N // 2)
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm_fit(np.column_stack([np.ones(N), groups]), y, "tweedie(1.5)")
    found = dispersions(fit)["estimate"]
    assert np.isfinite(found).all() and found[1] == pytest.approx(fit.deviance / fit.df_resid)
    rest = nd.glm_fit(np.ones((N // 2, 1)), y[: N // 2], "tweedie(1.5)")
    assert found[2] == pytest.approx(dispersions(rest)["estimate"][2], rel=1e-9)


@dataclass(frozen=True)
class Laplace(nd.Family):
    """A family of one's own, with φ as variance of a normal density: its score is by difference."""

    name = "homemade"
    default_link = nd.Identity()

    def log_variance(self, mean):
        return np.zeros_like(mean.mu)

    def unit_deviance(self, y, mean):
        return (y - mean.mu) ** 2

    def log_saturated(self, y, phi, weight):
        return -0.5 * (np.log(2 * np.pi * phi) - np.log(weight))


def test_a_family_of_ones_own_needs_no_score():
    ours, theirs = (dispersions(nd.glm_fit(X, AMOUNTS, family)) for family in (Laplace(), "gaussian"))
    assert ours["estimate"] == pytest.approx(theirs["estimate"], rel=1e-8)
    assert ours["se"][2] == pytest.approx(theirs["se"][2], rel=1e-5)


@pytest.mark.parametrize("family", [name for name, made in FAMILIES.items() if not made().has_likelihood])
def test_no_quasi_family_shows_a_likelihood(family):
    y = np.minimum(COUNTS, 1) if family == "quasibinomial" else COUNTS
    fit = nd.glm_fit(X, y, family)
    assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
    assert "none: a quasi family has no likelihood, so no AIC" in str(fit)


def test_a_sample_has_no_likeliest_dispersion():
    fit = fitted("gamma", nd.sampling(WEIGHTS))
    assert dispersions(fit)["method"].tolist() == ["pearson", "deviance"]
    with pytest.raises(nd.CapabilityError):
        with_dispersion(fit, "ml")
    with pytest.raises(nd.CapabilityError, match="a sample with sampling weights has no likelihood"):
        gamma_shape(fit)


def test_derivatives_by_differences_keep_to_their_side():
    def cubed(move):
        assert move >= -0.1
        return np.array([np.exp(move), move**3])

    for step in (0.03, 0.05):
        assert slope(cubed, step, -0.1) == pytest.approx([1.0, 0.0], rel=1e-8, abs=1e-14)

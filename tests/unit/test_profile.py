"""Intervals by profiles and inverted score tests: each end is certified by a fit with the coefficient in an offset, and
obeys the laws that intervals of a likelihood have.
"""

import contextlib
import functools
import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import nelder as nd
from nelder.families import FAMILIES
from nelder.inference.intervals import confint
from nelder.inference.likelihood.profile import profile
from nelder.inference.likelihood.score import score_of
from nelder.links import LINKS
from nelder.mean import Mean

N = 40
ARGUMENTS = {"negative_binomial": (2.0,), "quasi": ("mu^2",), "tweedie": (1.5,), "power": (0.5,)}
MEMBERS = {name: FAMILIES[name](*ARGUMENTS.get(name, ())) for name in FAMILIES}
# beside the usual link of each family, which is the canonical one for most
OF_SHARES = [name for name in LINKS if name in ("logit", "probit", "cloglog", "loglog", "cauchit")]
ELSEWHERE = {
    "binomial": OF_SHARES,
    "quasibinomial": [],
    "poisson": ["identity", "sqrt"],
    "gaussian": ["inverse"],
}
KINDS = ("profile", "score")


def is_share(family):
    return family.mean_interval == (0.0, 1.0)


LOSSES = [
    (name, link)
    for name, family in MEMBERS.items()
    for link in dict.fromkeys([family.default_link.label(), *ELSEWHERE.get(name, ["log"])])
]


@functools.cache
def drawn(name, link, seed=3):
    """X (n, 3), y (n,) and trials (n,), with means well inside what family and link allow."""
    random, family = np.random.default_rng(seed), MEMBERS[name]
    X = np.column_stack([np.ones(N), random.uniform(-1, 1, (N, 2))])
    inside = (0.35, 0.65) if is_share(family) else (0.9, 2.5)
    low, high = sorted(float(LINKS[link]().link(np.float64(mu))) for mu in inside)
    mean = Mean(LINKS[link](), (low + high) / 2 + (high - low) * (X @ [0.0, 0.25, -0.2]))
    like = getattr(family, "like", family)
    phi, trials = (1.0 if like.dispersion_known else 0.05), np.full(N, 10.0 if is_share(family) else 1.0)
    return X, like.sample(random, mean, phi, trials), trials


def fitted(name, link, rows=slice(None), scale=1.0, **options):
    X, y, trials = drawn(name, link)
    return nd.glm_fit(X[rows] * scale, y[rows], MEMBERS[name], link, weights=trials[rows], **options)


def ends(fit, kind="profile", level=0.95, **options):
    made = confint(fit, level, kind, **options)
    return np.column_stack([made["lower"], made["upper"]])


def quantile(fit, level=0.95):
    return stats.t.ppf(0.5 + level / 2, fit.df_reference)  # the normal where that is infinite


@contextlib.contextmanager
def silence():
    """For fits of which all that is asked is a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        yield


def held_at(fit, j, value):
    """The fit with coefficient j at a value, from the caller's side of the library: an offset and one column fewer."""
    block = fit.objective.design.handles[0]
    X = block.dense()
    with np.errstate(all="ignore"), silence():
        return nd.glm_fit(
            np.delete(X, j, axis=1),
            block.y,
            fit.family,
            fit.link,
            weights=block.weight,
            offset=block.offset + value * X[:, j],
        )


def statistic(fit, j, value, kind):
    """The squared distance of a value from the estimate, in units of φ."""
    other = held_at(fit, j, value)
    if kind == "profile":
        return (other.deviance - fit.deviance) / fit.dispersion
    tested = score_of(other, fit.objective.design.handles[0].dense()[:, j])
    z = tested["z" if np.isinf(other.df_reference) else "t"][0]
    return z**2 * other.dispersion / fit.dispersion


def assert_certified(fit, kind="profile", level=0.95, tolerance=1e-8):
    found = ends(fit, kind, level)
    for j, side in itertools.product(range(len(found)), range(2)):
        if np.isfinite(found[j, side]):
            assert statistic(fit, j, found[j, side], kind) == pytest.approx(quantile(fit, level) ** 2, rel=tolerance)
    return found


# certificates


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "link"), LOSSES)
def test_a_fit_with_the_coefficient_held_at_an_end_is_at_the_quantile(name, link, kind):
    fit = fitted(name, link)
    found = assert_certified(fit, kind)
    estimates = np.asarray(fit.coef)
    assert (found[:, 0] < estimates).all() and (estimates < found[:, 1]).all()
    assert np.isfinite(found).sum() >= 5  # a mean may end before the interval does


@pytest.mark.parametrize("level", [1e-6, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_ends_are_certified_at_any_level(kind, level):
    for name, link in (("gamma", "inverse"), ("binomial", "cloglog")):
        # near the estimate the deviance has half its digits left
        assert_certified(fitted(name, link), kind, level, 1e-8 if level > 0.1 else 1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MEMBERS)
def test_intervals_of_a_higher_level_hold_those_of_a_lower(name, kind):
    fit = fitted(name, MEMBERS[name].default_link.label())
    inner, outer = (ends(fit, kind, level) for level in (0.5, 0.9))
    assert (outer[:, 0] < inner[:, 0]).all() and (inner[:, 1] < outer[:, 1]).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_profile_is_the_deviance_of_fits_with_the_coefficient_held(name):
    fit = fitted(name, MEMBERS[name].default_link.label())
    made = profile(fit, "x2", 7)
    others = [held_at(fit, 1, value) for value in made.values]
    assert made.deviance == pytest.approx(np.array([other.deviance for other in others]), rel=1e-10)
    assert np.delete(made.coefficients, 1, axis=1) == pytest.approx(np.array([o.coef for o in others]), rel=1e-7)
    assert np.array_equal(made.coefficients[:, 1], made.values)
    assert made.root**2 == pytest.approx((made.deviance - fit.deviance) / fit.dispersion, rel=1e-8, abs=1e-10)
    assert (np.diff(made.root) > 0).all() and np.array_equal(np.sign(made.root), np.sign(made.values - fit.coef["x2"]))
    # over the interval of 99 %, at evenly spaced values
    assert made.root[[0, -1]] == pytest.approx(quantile(fit, 0.99) * np.array([-1, 1]), rel=1e-6)
    assert np.diff(made.values) == pytest.approx(np.diff(made.values).mean(), rel=1e-9)


def test_a_profile_passes_through_the_estimate():
    fit = fitted("gamma", "log")
    made = profile(fit, "x3", [fit.coef["x3"]])
    assert made.root == pytest.approx([0], abs=1e-6) and made.deviance == pytest.approx([fit.deviance], rel=1e-14)
    assert made.coefficients[0] == pytest.approx(np.asarray(fit.coef), rel=1e-9)


def test_a_profile_may_be_asked_at_points_in_any_order_and_twice():
    fit = fitted("poisson", "log")
    order = [2, 0, 1, 1, 3]
    points = np.array([-0.5, 0.1, 0.4, 1.2])
    straight, mixed = profile(fit, "x2", points), profile(fit, "x2", points[order])
    assert mixed.deviance == pytest.approx(straight.deviance[order], rel=1e-12)
    assert mixed.coefficients == pytest.approx(straight.coefficients[order], rel=1e-8)


def test_one_coefficient_alone_has_closed_forms():
    """20 counts of mean m under the log link: D(b) = 2 n (m (log m − b) − m + eᵇ), and the score is n (m − eᵇ)."""
    y = np.arange(20) % 5.0
    fit = nd.glm_fit(np.ones((20, 1)), y, "poisson")
    z, m, n = stats.norm.ppf(0.975), y.mean(), 20
    for b in ends(fit)[0]:
        assert 2 * n * (m * (np.log(m) - b) - m + np.exp(b)) == pytest.approx(z**2, rel=1e-10)
    middle, half = m + z**2 / (2 * n), z * np.sqrt(m / n + z**2 / (4 * n**2))
    assert np.exp(ends(fit, "score")[0]) == pytest.approx([middle - half, middle + half], rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_least_squares_has_the_interval_of_student(kind):
    fit = fitted("gaussian", "identity")
    assert ends(fit, kind) == pytest.approx(ends(fit, "wald"), rel=1e-9)


# laws


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["binomial", "gamma", "negative_binomial"])
def test_ends_follow_the_units_of_columns(name, kind):
    link, scale = MEMBERS[name].default_link.label(), np.array([1.0, 1e-7, -1e5])
    fit, other = fitted(name, link), fitted(name, link, scale=scale)
    turned = ends(other, kind) * scale[:, None]
    assert np.sort(turned, axis=1) == pytest.approx(ends(fit, kind), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["binomial", "inverse_gaussian", "poisson"])
def test_a_coefficient_keeps_its_interval_when_the_others_are_written_anew(name, kind):
    X, y, trials = drawn(name, MEMBERS[name].default_link.label())
    mixed = X @ np.array([[1.0, 0, 3], [0, 1, 0], [2, 0, -1]])
    fits = [nd.glm_fit(columns, y, MEMBERS[name], weights=trials) for columns in (X, mixed)]
    assert ends(fits[1], kind)[1] == pytest.approx(ends(fits[0], kind)[1], rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_of_the_offset_moves_the_intercept_alone(kind):
    X, y, _ = drawn("poisson", "log")
    fit, other = (nd.glm_fit(X, y, "poisson", offset=np.full(N, shift)) for shift in (0.0, 0.7))
    assert ends(other, kind) + np.array([[0.7], [0], [0]]) == pytest.approx(ends(fit, kind), rel=1e-8)
    along, back = (nd.glm_fit(X, y, "poisson", offset=share * X[:, 1]) for share in (0.0, 0.4))
    assert ends(back, kind) + np.array([[0], [0.4], [0]]) == pytest.approx(ends(along, kind), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["poisson", "gamma", "quasipoisson", "tweedie"])
def test_frequencies_are_repeated_rows(name, kind):
    link = MEMBERS[name].default_link.label()
    X, y, _ = drawn(name, link)
    counts = np.arange(N) % 3
    folded = nd.glm_fit(X, y, MEMBERS[name], link, weights=nd.frequency(counts))
    repeated = fitted(name, link, np.repeat(np.arange(N), counts))
    assert ends(folded, kind) == pytest.approx(ends(repeated, kind), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_matter(kind):
    rows = np.random.default_rng(1).permutation(N)
    assert ends(fitted("gamma", "log", rows), kind) == pytest.approx(ends(fitted("gamma", "log"), kind), rel=1e-9)


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_every_solver_leads_to_the_same_intervals(solver):
    for name, link in (("poisson", "log"), ("gamma", "inverse")):
        for kind in KINDS:
            one, other = fitted(name, link), fitted(name, link, solver=solver)
            assert ends(other, kind) == pytest.approx(ends(one, kind), rel=1e-8)


def test_a_monotone_change_of_a_response_of_zeros_and_ones_mirrors_the_interval():
    X, _, _ = drawn("binomial", "logit")
    y = (X[:, 1] + np.sin(np.arange(N)) > 0).astype(float)
    fit, mirrored = nd.glm_fit(X, y, "binomial"), nd.glm_fit(X, 1 - y, "binomial")
    for kind in KINDS:
        assert ends(mirrored, kind)[:, ::-1] == pytest.approx(-ends(fit, kind), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_dispersion_takes_the_normal_quantile_and_an_estimated_one_student(kind):
    fit = fitted("gamma", "log")
    given = fit.with_dispersion(fit.dispersion)
    assert np.isfinite(fit.df_reference) and np.isinf(given.df_reference)
    level = 2 * stats.norm.cdf(quantile(fit)) - 1
    assert ends(given, kind, level) == pytest.approx(ends(fit, kind), rel=1e-8)
    assert confint(fit, kind=kind).notes == ("Student's t on 37 degrees of freedom, at the φ of the fit",)
    assert confint(given, kind=kind).notes == ()
    four = fit.with_dispersion(4 * fit.dispersion)  # twice the distance at half the quantile
    half = 2 * stats.norm.cdf(stats.norm.ppf(0.975) / 2) - 1
    assert ends(four, kind, half) == pytest.approx(ends(given, kind), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_quasi_families_stretch_the_intervals_of_those_they_are_like(kind):
    X, y, _ = drawn("poisson", "log")
    plain, quasi = (nd.glm_fit(X, y, family) for family in ("poisson", "quasipoisson"))
    assert ends(quasi.with_dispersion(1.0), kind) == pytest.approx(ends(plain, kind), rel=1e-9)
    assert_certified(quasi, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adjust", ["bonferroni", "sidak"])
def test_adjusted_intervals_are_those_of_another_level(kind, adjust):
    fit = fitted("poisson", "log")
    level = 1 - 0.05 / 3 if adjust == "bonferroni" else 0.95 ** (1 / 3)
    assert ends(fit, kind, adjust=adjust) == pytest.approx(ends(fit, kind, level), rel=1e-9)
    assert any("adjusted for 3 estimates" in note for note in confint(fit, kind=kind, adjust=adjust).notes)
    alone = confint(fit, kind=kind, adjust=adjust, terms="x2")
    assert [alone["lower"][0], alone["upper"][0]] == pytest.approx(ends(fit, kind)[1], rel=1e-9)


# shapes of the family that were estimated


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", [nd.NegativeBinomial(), nd.Tweedie()], ids=["theta", "power"])
def test_an_estimated_shape_is_held_and_said(family, kind):
    random = np.random.default_rng(8)
    X = drawn("poisson", "log")[0]
    y = random.poisson(random.gamma(2.0, 1.0, N)) * random.gamma(2.0, 0.5, N)
    fit = nd.glm_fit(X, np.round(y) if family.label().startswith("negative") else y, family)
    assert fit.shape.estimated
    assert_certified(replace(fit, family=fit.objective.loss.family), kind)
    notes = confint(fit, kind=kind).notes
    assert notes[0].startswith(f"{fit.shape.name} is held at its estimate, ")
    assert notes[0] in profile(fit, "x2", 3).notes and notes[0] in str(profile(fit, "x2", 3))


# separation

CELLS = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
ONES = np.r_[np.tile([0.0, 1.0], 5), np.ones(10)]
ALONG = np.column_stack([np.ones(20), np.arange(20) - 9.5])


def separated(*arguments, **options):
    with pytest.warns(nd.BoundaryWarning):
        return nd.glm_fit(*arguments, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("link", OF_SHARES)
def test_an_infinite_estimate_has_an_interval_with_one_certified_end(link, kind):
    fit = separated(CELLS, ONES, "binomial", link)
    found = assert_certified(fit, kind)
    assert np.isfinite(found[1, 0]) and found[1, 1] == np.inf
    # the intercept is that of the ten rows that stay
    alone = nd.glm_fit(np.ones((10, 1)), ONES[:10], "binomial", link)
    assert found[0] == pytest.approx(ends(alone, kind)[0], rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_count_of_zero_has_the_interval_of_its_closed_form(kind):
    """n zeros: D(b) = 2 n eᵇ, and the score statistic is n eᵇ."""
    fit = separated(np.ones((20, 1)), np.zeros(20), "poisson")
    share = 2 if kind == "profile" else 1
    assert ends(fit, kind)[0] == pytest.approx([-np.inf, np.log(stats.chi2.ppf(0.95, 1) / (20 * share))], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_data_that_separate_completely_leave_the_slope_one_end_and_the_intercept_none(kind):
    fit = separated(ALONG, (ALONG[:, 1] > 0) * 1.0, "binomial")
    found = assert_certified(fit, kind)
    assert found[0].tolist() == [-np.inf, np.inf] and 0 < found[1, 0] < np.inf and found[1, 1] == np.inf
    assert confint(fit, kind=kind).notes == ("x1: the data separate and say nothing about it",)
    with pytest.raises(nd.CapabilityError, match="the data say nothing about 'x1'"):
        profile(fit, "x1")


def test_the_profile_of_an_infinite_estimate_ends_where_it_is_flat():
    fit = separated(CELLS, ONES, "binomial")
    made = profile(fit, "x2", 5)
    assert (made.root < 0).all() and (np.diff(made.root) > 0).all()
    assert made.root[0] == pytest.approx(-quantile(fit, 0.99), rel=1e-6)
    assert made.root[-1] == pytest.approx(-0.1 * quantile(fit, 0.99), rel=1e-6)
    for value, deviance in zip(made.values, made.deviance, strict=True):
        assert held_at(fit, 1, value).deviance == pytest.approx(deviance, rel=1e-10)
    far = profile(fit, "x2", [1e3, 1e300])
    assert far.deviance == pytest.approx(fit.deviance, rel=1e-13)
    other = profile(fit, "x1", 3)
    assert (other.coefficients[:, 1] == np.inf).all() and np.isfinite(other.deviance).all()


@pytest.mark.parametrize("kind", KINDS)
def test_separated_ends_follow_units_frequencies_and_solvers(kind):
    found, scale = ends(separated(CELLS, ONES, "binomial"), kind), np.array([1.0, 1e6])
    scaled = ends(separated(CELLS * scale, ONES, "binomial"), kind) * scale[:, None]
    assert scaled == pytest.approx(found, rel=1e-8, abs=1e-9)
    counts = np.arange(20) % 2 + 1
    folded = separated(CELLS, ONES, "binomial", weights=nd.frequency(counts))
    rows = np.repeat(np.arange(20), counts)
    assert ends(folded, kind) == pytest.approx(ends(separated(CELLS[rows], ONES[rows], "binomial"), kind), rel=1e-8)
    for solver in ("irls", "lbfgs"):
        assert ends(separated(CELLS, ONES, "binomial", solver=solver), kind) == pytest.approx(found, rel=1e-8, abs=1e-9)


# edges of the domain


def at_the_edge(*arguments):
    with pytest.warns(nd.BoundaryWarning):
        return nd.glm_fit(*arguments)


@pytest.mark.parametrize(
    ("y", "family", "link"),
    [
        (np.r_[np.zeros(10), np.tile([0.0, 1, 2, 3, 4], 2)], "poisson", "identity"),
        (ONES, "binomial", "log"),
    ],
)
def test_a_fit_at_the_edge_of_its_means_has_certified_profile_ends(y, family, link):
    fit = at_the_edge(CELLS, y, family, link)
    made = confint(fit, kind="profile", terms="x2")
    assert made["lower"][0] < fit.coef["x2"] < made["upper"][0]
    for end, where in ((made["lower"][0], "below"), (made["upper"][0], "above")):
        try:
            gained = statistic(fit, 1, end, "profile")
        except nd.DataError:  # the wall itself
            gained = np.nan
        walled = f"x2: no value {where} gives every row a mean that is allowed" in made.notes
        assert walled or gained == pytest.approx(quantile(fit) ** 2, rel=1e-6), where


def test_a_coefficient_whose_standard_error_is_rounding_has_finite_ends():
    """The edge holds the last coefficient at zero, and what rounding leaves of its error says nothing of its interval.

    The ends were had by brute force, with the others on a grid inside the means allowed.
    """
    slope = np.array([0.0, 0, 0, 2, 1, 2, 2, -1])
    extra, y = np.array([1.0, 0, 0, 1, 0, 0, 0, 1]), np.array([0.0, 1, 0, 0, 1, 0, 0, 1])
    fit = at_the_edge(np.column_stack([np.ones(8), slope, extra]), y, "poisson", "identity")
    lower, upper = ends(fit, terms="x3")[0]
    intercepts, slopes = np.meshgrid(np.linspace(0, 2.5, 251), np.linspace(-1.25, 1, 226), indexing="ij")

    def lowest(value):
        mean = intercepts[..., None] + slopes[..., None] * slope + value * extra
        with np.errstate(all="ignore"):
            each = np.where(y > 0, y * np.log(y / mean) - y, 0.0) + mean
        return 2 * np.where((mean >= -1e-12).all(axis=-1), each.sum(axis=-1), np.inf).min()

    gained = np.array([lowest(lower), lowest(upper)]) - fit.deviance
    assert gained == pytest.approx([quantile(fit) ** 2] * 2, abs=0.05)


def test_zeros_alone_under_the_log_of_a_share_have_one_end():
    """n zeros: D(b) = −2 n log(1 − eᵇ), which is infinite where the search might begin, at b = 0."""
    fit = separated(np.ones((20, 1)), np.zeros(20), "binomial", "log")
    expected = np.log(-np.expm1(-stats.chi2.ppf(0.95, 1) / 40))
    assert ends(fit)[0] == pytest.approx([-np.inf, expected], rel=1e-8)
    assert ends(fit, "score")[0] == pytest.approx([-np.inf, -np.log1p(20 / stats.chi2.ppf(0.95, 1))], rel=1e-8)


def test_zeros_alone_under_the_identity_have_the_interval_from_zero_to_that_of_their_count():
    fit = at_the_edge(np.ones((20, 1)), np.zeros(20), "poisson", "identity")
    made = confint(fit, kind="profile")
    assert made["lower"][0] == pytest.approx(0, abs=1e-9)
    assert made["upper"][0] == pytest.approx(stats.chi2.ppf(0.95, 1) / 40, rel=1e-7)
    assert made.notes == ("x1: no value below gives every row a mean that is allowed",)
    made = profile(fit, "x1", [-1.0, 1.0])
    assert made.deviance.tolist() == pytest.approx([np.inf, 40.0]) and np.isnan(made.coefficients[0, 1:]).all()


def test_beyond_the_domain_a_profile_is_infinite_and_has_no_coefficients():
    fit = nd.glm_fit(CELLS, np.r_[np.ones(10), np.arange(10.0)], "poisson", "identity")
    made = profile(fit, "x2", [-50.0, 1.0])
    assert made.deviance[0] > made.deviance[1] and made.root[0] < 0
    alone = nd.glm_fit(np.ones((10, 1)), np.arange(10.0), "poisson", "identity")
    outside = profile(alone, "x1", [-1.0, 4.0])
    assert outside.deviance[0] == np.inf and outside.root[0] == -np.inf and outside.deviance[1] < np.inf


@pytest.mark.parametrize("seed", [1, 2])
def test_an_end_that_is_not_found_at_an_edge_speaks_of_no_start_that_was_not_given(seed):
    random = np.random.default_rng(seed)
    n = random.integers(5, 8)
    X = np.column_stack([np.ones(n), np.round(random.normal(size=n), 1), random.random(n) < 0.5])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm_fit(X, np.ones(n), "binomial", "log")
    assert "start=" not in str(confint(fit, kind="profile"))


def test_means_that_vanish_are_not_blamed_on_the_design_alone():
    X = np.column_stack([np.ones(7), [-0.8, 0.1, 1.1, -1.6, -1.5, 0.9, -1.3], [1, 0, 1, 1, 0, 0, 0]])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm_fit(X, [0, 2, 0, 0, 1, 1, 3], "poisson", "sqrt", names=["one", "x", "z"])
    with pytest.raises(nd.InputError, match="or means vanish at the optimum"):
        fit.likelihood_ratio("x = 0")


def test_scores_are_not_inverted_at_an_edge():
    fit = at_the_edge(CELLS, ONES, "binomial", "log")
    with pytest.raises(nd.CapabilityError, match=r"at the edge of the means allowed.*use kind='profile'"):
        confint(fit, kind="score")


# what has no interval, and what is said of it


def test_aliased_columns_have_none_and_leave_the_others_theirs():
    X, y, _ = drawn("poisson", "log")
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm_fit(np.column_stack([X[:, :2], 2 * X[:, 1], X[:, 2]]), y, "poisson")
    whole, kept = fitted("poisson", "log"), [0, 1, 3]
    for kind in ("wald", *KINDS):
        assert ends(fit, kind)[kept] == pytest.approx(ends(whole, kind), rel=1e-9)
        assert np.isnan(ends(fit, kind)[2]).all()
        assert confint(fit, kind=kind).notes == ("aliased, and so without intervals: x3",)
        adjusted = confint(fit, kind=kind, adjust="bonferroni")
        assert adjusted["upper"][kept] == pytest.approx(ends(whole, kind, adjust="bonferroni")[:, 1], rel=1e-9)
    made = profile(fit, "x4", 3)
    assert np.isnan(made.coefficients[:, 2]).all() and np.isfinite(np.delete(made.coefficients, 2, axis=1)).all()
    alone = confint(fit, kind="profile", terms="x3", adjust="bonferroni")
    assert np.isnan(alone["lower"][0]) and alone.notes == ("aliased, and so without intervals: x3",)
    with pytest.raises(nd.CapabilityError, match="'x3' is aliased"):
        profile(fit, "x3")


def test_an_end_that_was_not_found_is_said_and_leaves_the_other():
    """Means of counts held below 1 by a link of probabilities: the score redescends where the means reach that."""
    random = np.random.default_rng(3)
    X = np.column_stack([np.ones(N), random.uniform(-1, 1, (N, 2))])
    y = random.poisson(0.8, N).astype(float)
    fit = nd.glm_fit(X, y, "poisson", "logit")
    made = confint(fit, kind="score")
    for name, low, high in zip(made["term"], made["lower"], made["upper"], strict=True):
        said = [note for note in made.notes if note.startswith(f"{name}: ")]
        for value, where in ((low, "below"), (high, "above")):
            assert np.isfinite(value) or any(where in note for note in said), (name, where)


def test_wald_intervals_that_are_nan_have_a_word():
    X, y, _ = drawn("poisson", "log")
    ridge = confint(nd.glm_fit(X, y, "poisson", penalty=nd.Ridge(1.0)))
    assert np.isnan(ridge["lower"]).all() and ridge.notes == ("no standard errors: the fit is penalised (ridge)",)
    infinite = confint(separated(CELLS, ONES, "binomial"))
    assert infinite.notes == ("Wald's interval has no meaning where an estimate is infinite (x2): kind='profile'",)
    complete = confint(separated(ALONG, (ALONG[:, 1] > 0) * 1.0, "binomial"))
    assert complete.notes[1] == "the data separate and say nothing about x1"
    edge = confint(at_the_edge(np.ones((20, 1)), np.zeros(20), "poisson", "identity"))
    assert edge.notes == ("held at the edge of the means allowed, and so without a standard error: x1; kind='profile'",)
    with silence():
        none = confint(nd.glm_fit(X[:3], [1.0, 2.0, 4.0]))
    assert np.isnan(none["upper"]).all()
    assert none.notes == ("no standard errors: 0 degrees of freedom are left for them",)


def test_wald_intervals_of_a_perfect_fit_have_no_width():
    X = drawn("poisson", "log")[0]
    with silence():
        fit = nd.glm_fit(X[:, :1], np.full(N, 2.0))
    assert ends(fit, "wald").tolist() == [[2.0, 2.0]] and confint(fit).notes == ()


@pytest.mark.parametrize("adjust", ["none", "bonferroni", "holm", "sidak", "scheffe"])
def test_wald_intervals_are_those_of_the_estimates_with_their_joint_covariance(adjust):
    from nelder.inference.estimates import Estimates

    fit = fitted("gamma", "log")
    made = Estimates({"term": fit.names}, np.asarray(fit.coef), fit.covariance_in_use, fit.df_reference)
    table, own = made.table(0.9, adjust), confint(fit, 0.9, adjust=adjust)
    assert np.array_equal(own["lower"], table["lower"]) and np.array_equal(own["upper"], table["upper"])
    assert own.notes == table.notes


# refusals


@pytest.fixture(scope="module")
def fit():
    return fitted("poisson", "log")


@pytest.mark.parametrize("kind", ["likelihood", None, ["profile"], 3])
def test_unknown_kinds_are_refused(fit, kind):
    with pytest.raises(nd.UnknownNameError, match=r"unknown kind of interval .*: .*profile, score, wald"):
        confint(fit, kind=kind)


@pytest.mark.parametrize("kind", ["wald", *KINDS])
@pytest.mark.parametrize("level", [0, 1, 95, -0.1, np.nan, np.inf])
def test_levels_that_mean_nothing_are_refused(fit, kind, level):
    with pytest.raises(nd.InputError, match="a confidence level lies strictly between 0 and 1, such as"):
        confint(fit, level, kind)


@pytest.mark.parametrize("level", ["a", None, True, [0.95]])
def test_levels_that_are_no_numbers_are_refused(fit, level):
    with pytest.raises(nd.InputTypeError, match="level must be a number"):
        confint(fit, level, "profile")


@pytest.mark.parametrize("adjust", ["bogus", None])
@pytest.mark.parametrize("penalty", ["unpenalised", "firth"])
def test_unknown_adjustments_are_refused(penalty, adjust):
    other = fitted("poisson", "log", penalty=penalty)
    with pytest.raises(nd.UnknownNameError, match="unknown adjustment"):
        confint(other, kind="profile", adjust=adjust)


def test_adjustments_that_do_not_fit_are_refused(fit):
    firth = fitted("poisson", "log", penalty="firth")
    with pytest.raises(nd.CapabilityError, match=r"give the level that .*, such as level=0\.9833"):
        confint(firth, kind="profile", adjust="bonferroni")
    with pytest.raises(nd.InputError, match="these are 2 estimates"):
        confint(fit, kind="profile", adjust="tukey", terms=["x1", "x2"])


@pytest.mark.parametrize(
    ("terms", "error", "words"),
    [
        ("nope", nd.UnknownNameError, "unknown coefficient or term 'nope'"),
        (["x1", 3], nd.UnknownNameError, "unknown coefficient or term 3: did you mean 'x3'"),
        ([["x1"]], nd.UnknownNameError, "unknown coefficient or term"),
        (3, nd.InputTypeError, "terms must be names of coefficients or terms, not int"),
        ([], nd.InputError, "terms names nothing"),
    ],
)
def test_terms_that_do_not_exist_are_refused(fit, terms, error, words):
    for kind in ("wald", "profile"):
        with pytest.raises(error, match=words):
            confint(fit, kind=kind, terms=terms)


def test_terms_are_kept_in_the_order_asked_for_and_once(fit):
    every = ends(fit)
    assert confint(fit, kind="profile", terms=["x3", "x1", "x3"])["term"].tolist() == ["x3", "x1"]
    assert ends(fit, terms=["x3", "x1"]) == pytest.approx(every[[2, 0]], rel=1e-12)


def test_terms_of_a_formula_stand_for_their_coefficients():
    X, y, _ = drawn("poisson", "log")
    table = {"y": y, "x": X[:, 1], "g": np.array(list("abcd") * 10)}
    fit = nd.glm("y ~ x + g", table, "poisson")
    made = confint(fit, kind="profile", terms=["g", "x"])
    assert made["term"].tolist() == ["g[b]", "g[c]", "g[d]", "x"] or len(made["term"]) == 4
    assert made["lower"][-1] == pytest.approx(confint(fit, kind="profile", terms="x")["lower"][0], rel=1e-12)


@pytest.mark.parametrize("name", ["nope", 3, ["x1"], None, np.array(["x1", "x2"])])
def test_profiles_of_unknown_coefficients_are_refused(fit, name):
    with pytest.raises(nd.UnknownNameError, match="unknown coefficient"):
        profile(fit, name)


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        (0, nd.InputError, "points=0: give a whole number, 1 or more"),
        (2.5, nd.InputError, "give a whole number"),
        ("a", nd.InputTypeError, "points must be a number"),
        (None, nd.InputTypeError, "points must be a number"),
        (True, nd.InputTypeError, "points must be a number"),
        ([], nd.InputError, "points is empty: give their number, or values of 'x2'"),
        ([0.1, np.nan], nd.DataError, "nan or infinite"),
        ([np.inf], nd.DataError, "nan or infinite"),
    ],
)
def test_points_that_are_none_are_refused(fit, points, error, words):
    with pytest.raises(error, match=words):
        profile(fit, "x2", points)


def test_a_profile_shows_itself_as_its_table(fit):
    made = profile(fit, "x2", 3)
    assert list(made.table()) == ["x2", "signed root", "deviance", "x1", "x3"]
    assert str(made) == repr(made) == str(made.table()) and "Profile of x2" in str(made)
    assert "<table" in made._repr_html_()


def test_a_coefficient_that_is_called_deviance_does_not_hide_it():
    X, y, _ = drawn("poisson", "log")
    made = profile(nd.glm_fit(X, y, "poisson", names=["one", "x", "deviance"]), "x", 3)
    assert list(made.table()) == ["x", "signed root", "deviance", "one", "coefficient deviance"]
    assert np.array_equal(made.table()["deviance"], made.deviance)


def steep_shares():
    """Few zeros and ones that x nearly parts: under cauchit the deviance has several valleys."""
    x = "-0.05 -0.02 -0.08 -0.71 -0.98 -0.78 0.24 -0.29 -0.71 -0.84 0.72 0.09 0.68 0.26"
    z = "0.08 0.43 0.31 0.4 -0.05 -0.98 -1.93 0.8 1.01 0.38 0.27 0.33 0.71 1.73"
    y = "1 1 1 1 1 1 0 1 0 1 0 1 0 0"
    return {name: np.array(text.split(), dtype=float) for name, text in (("x", x), ("z", z), ("y", y))}


def test_an_interval_stays_in_the_lowest_valley():
    # with z held at -15 these coefficients lose less than 3.84: nothing that is not rejected may be left out
    data = steep_shares()
    fit = nd.glm("y ~ x + z", data, "binomial", "cauchit")
    chance = 0.5 + np.arctan(32.9 - 277.0 * data["x"] - 15.0 * data["z"]) / np.pi
    deviance = -2.0 * np.sum(np.log(np.where(data["y"] == 1, chance, 1.0 - chance)))
    assert deviance - fit.deviance < stats.chi2.ppf(0.95, 1)
    found = confint(fit, kind="profile", terms="z")
    assert (found["lower"][0], found["upper"][0]) == pytest.approx((-18.2575130, 29.1120754), rel=1e-8)
    assert profile(fit, "z", [-15.0]).deviance[0] <= deviance
    # the score at the lowest deviance with z held, by its own formula
    assert confint(fit, kind="score", terms="z")["lower"][0] == pytest.approx(-2.5219534, rel=1e-7)


def test_a_test_under_a_hypothesis_finds_the_valley_that_the_profile_walks():
    # started near zero, the fit with z held stands at a deviance of 13.742, and the test would be 3.83
    fit = nd.glm("y ~ x + z", steep_shares(), "binomial", "cauchit")
    lost = profile(fit, "z", [-2.5]).deviance[0] - fit.deviance
    assert lost == pytest.approx(1.22285, abs=1e-5)
    assert fit.likelihood_ratio("z = -2.5")["chi2"][0] == pytest.approx(lost, rel=1e-9)


@pytest.mark.parametrize("family", ["poisson", "binomial"])
@pytest.mark.parametrize("each", [1e9, 1e12, 1e15])
def test_profiles_over_billions_of_rows_have_ends(family, each):
    # the deviance rises there by less than its own rounding, and no end was found
    x = np.arange(8.0) / 4
    y = np.array([0.0, 1, 0, 1, 1, 0, 1, 1]) if family == "binomial" else np.array([1.0, 2, 2, 4, 3, 6, 7, 7])

    def beyond_wald(weight):
        fit = nd.glm_fit(np.column_stack([np.ones(8), x]), y, family, weights=np.full(8, weight))
        ends, wald = fit.confint(kind="profile"), fit.confint()
        return np.array([(ends[side] - wald[side]) / np.asarray(fit.se) for side in ("lower", "upper")])

    # how much an interval leans to a side falls with the root of the rows
    assert np.allclose(beyond_wald(each), beyond_wald(1e6) * np.sqrt(1e6 / each), rtol=0.02, atol=1e-7)


@pytest.mark.parametrize("unit", [1e-140, 1.0, 1e140])
def test_profiles_of_responses_in_any_unit_are_the_same(unit):
    x = np.arange(12.0)
    ends = nd.glm_fit(np.column_stack([np.ones(12), x]), unit * (x + np.sin(x)), "gaussian").confint(kind="profile")
    wald = nd.glm_fit(np.column_stack([np.ones(12), x]), x + np.sin(x), "gaussian").confint()
    for side in ("lower", "upper"):
        assert np.allclose(ends[side] / unit, wald[side], rtol=1e-10)


@pytest.mark.parametrize("weight", [1.0, 1e-4, 1e-6, 1e-8])
def test_ends_so_far_away_that_a_step_to_them_overflows_are_found(weight):
    random = np.random.default_rng(0)
    x = random.normal(size=20)
    y = random.poisson(np.exp(0.5 + 0.3 * x)).astype(float)
    fit = nd.glm_fit(np.column_stack([np.ones(20), x]), y, "poisson", weights=np.full(20, weight))

    def profile(b):
        eta = np.log(y.sum()) - logsumexp(b * x) + b * x  # the best intercept is known
        return weight * (y @ eta - y.sum())

    [lower], [upper] = (fit.confint(kind="profile", terms="x2")[end] for end in ("lower", "upper"))
    for end in (lower, upper):
        assert np.isclose(2 * (profile(fit.coef["x2"]) - profile(end)), stats.chi2.ppf(0.95, 1), rtol=1e-6)

"""Fits under a score adjustment: closed forms, exact bias over all outcomes, separation, edges, and what is refused."""

import itertools
import warnings
from dataclasses import replace

import mpmath
import numpy as np
import pytest

import nelder as nd
from nelder.design import split
from nelder.families.base import logarithm_slopes
from nelder.linalg import triangular_solve
from nelder.observations import sampling
from nelder.penalties import Firth, Jeffreys, MedianBias
from nelder.reduction import adjusted

ALL = ("firth", "median_bias", "jeffreys")
each = pytest.mark.parametrize("penalty", ALL)
RANDOM = np.random.default_rng(3)
x = RANDOM.normal(size=30)
X = np.column_stack([np.ones(30), x])
APART = (x > 0).astype(float)
COUNTS = RANDOM.poisson(2.0, 30).astype(float)
AMOUNTS = np.exp(0.4 * x) * RANDOM.gamma(5.0, 0.2, 30)


def one(successes, trials, penalty):
    return nd.glm_fit(np.ones((1, 1)), [successes / trials], "binomial", weights=[trials], penalty=penalty).fitted[0]


# closed forms


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 8), (3, 7), (20, 20), (1, 1000)])
def test_one_proportion(successes, trials):
    """A half, or a sixth, is added to successes and to failures."""
    assert one(successes, trials, "firth") == pytest.approx((successes + 1 / 2) / (trials + 1), rel=1e-11)
    assert one(successes, trials, "median_bias") == pytest.approx((successes + 1 / 6) / (trials + 1 / 3), rel=1e-11)
    given = one(successes, trials, Jeffreys(2.0))
    assert given == pytest.approx((successes + 2.0) / (trials + 4.0), rel=1e-11)


def test_a_saturated_table_has_a_half_added_to_every_cell():
    successes, trials = np.array([0.0, 5.0, 2.0, 4.0]), np.array([5.0, 5.0, 9.0, 1000.0])
    cells = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]])
    fit = nd.glm_fit(cells, np.column_stack([successes, trials - successes]), "binomial", penalty="firth")
    assert fit.fitted == pytest.approx((successes + 0.5) / (trials + 1), rel=1e-10)
    half = np.column_stack([successes + 0.5, trials - successes + 0.5])
    with pytest.warns(nd.ResponseWarning):
        added = nd.glm_fit(cells, half, "binomial")
    assert fit.coef == pytest.approx(np.asarray(added.coef), rel=1e-9)


def test_one_rate():
    fit = nd.glm_fit(np.ones((30, 1)), COUNTS, "poisson", penalty="firth")
    assert 30 * fit.fitted[0] == pytest.approx(COUNTS.sum() + 1 / 2, rel=1e-12)
    fit = nd.glm_fit(np.ones((30, 1)), COUNTS, "poisson", penalty="median_bias")
    assert 30 * fit.fitted[0] == pytest.approx(COUNTS.sum() + 1 / 6, rel=1e-12)


@pytest.mark.parametrize(
    ("penalty", "df"),
    [("firth", 28), (Firth("median"), 28 - 2 / 3), ("median_bias", 28 - 2 / 3), ("jeffreys", 34), (Jeffreys(0.25), 32)],
)
def test_least_squares_stays_and_its_dispersion_has_another_divisor(penalty, df):
    """Of the sum of squares: n − p, n − p − 2/3 for the median, n + 2a (p + 2) for the mode under Jeffreys' prior."""
    plain, fit = nd.glm_fit(X, AMOUNTS), nd.glm_fit(X, AMOUNTS, penalty=penalty)
    assert fit.coef == pytest.approx(np.asarray(plain.coef), rel=1e-12)
    assert fit.dispersion == pytest.approx(plain.deviance / df, rel=1e-12)
    assert fit.loglik == pytest.approx(plain.loglik, rel=1e-12) and fit.aic == pytest.approx(plain.aic, rel=1e-12)
    assert fit.df_reference == 28


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_with_the_canonical_link_firth_is_jeffreys(family):
    y = APART if family == "binomial" else COUNTS
    firth, jeffreys = (nd.glm_fit(X, y, family, penalty=penalty) for penalty in ("firth", "jeffreys"))
    assert firth.coef == pytest.approx(np.asarray(jeffreys.coef), rel=1e-11)


# what they are for


def outcomes(penalty):
    """The true slope of three groups of three trials, and each outcome's probability and estimate of it."""
    dose, truth, ways = np.array([-1.0, 0.0, 1.0]), 0.8, np.array([1.0, 3.0, 3.0, 1.0])
    p, counts = 1 / (1 + np.exp(-truth * dose)), np.array(list(itertools.product(range(4), repeat=3)))
    probability = np.prod(ways[counts] * p**counts * (1 - p) ** (3 - counts), axis=1)
    columns, trials = np.column_stack([np.ones(3), dose]), np.full(3, 3.0)
    fits = [nd.glm_fit(columns, y / 3, "binomial", weights=trials, penalty=penalty) for y in counts]
    assert all(fit.converged for fit in fits) and probability.sum() == pytest.approx(1.0)
    return truth, probability, np.array([fit.coef[1] for fit in fits])


def test_the_mean_over_all_outcomes_is_nearly_the_truth():
    """Maximum likelihood has no mean at all: some outcomes separate."""
    truth, probability, slopes = outcomes("firth")
    assert abs(probability @ slopes - truth) < 0.03


def test_too_high_is_nearly_as_likely_as_too_low():
    truth, probability, slopes = outcomes("median_bias")
    assert probability @ (slopes > truth) == pytest.approx(0.5, abs=0.1)
    # and the mean, which it does not aim at, is further out than that of mean bias reduction
    assert probability @ slopes > truth + 0.1


@each
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_separated_data_have_finite_estimates(penalty, link):
    with pytest.warns(nd.BoundaryWarning, match=r"or fit with penalty='firth', whose estimates are finite"):
        assert np.isinf(nd.glm_fit(X, APART, "binomial", link).coef).any()
    with warnings.catch_warnings(action="ignore", category=nd.SeveralMinimaWarning):
        fit = nd.glm_fit(X, APART, "binomial", link, penalty=penalty)
    assert fit.converged
    assert np.isfinite(fit.coef).all() and (fit.se > 0).all()
    assert np.isfinite(fit.predict(X, interval="confidence")["upper"]).all()


@pytest.mark.parametrize("seed", range(8))
def test_many_columns_that_separate_completely(seed):
    random = np.random.default_rng(seed)
    wide = np.column_stack([np.ones(24), random.normal(size=(24, 11))])
    y = (wide @ random.normal(size=12) > 0).astype(float)
    for penalty in ALL:
        with warnings.catch_warnings(action="ignore", category=nd.SeveralMinimaWarning):
            fit = nd.glm_fit(wide, y, "binomial", penalty=penalty)
        assert fit.converged and np.abs(fit.coef).max() < 100


@each
def test_a_cell_without_events_has_a_finite_rate(penalty):
    group = np.repeat([0.0, 1.0], 5)
    y = np.r_[np.zeros(5), [2.0, 3.0, 1.0, 4.0, 2.0]]
    fit = nd.glm_fit(np.column_stack([np.ones(10), group]), y, "poisson", penalty=penalty)
    assert fit.converged and fit.fitted[0] == pytest.approx({"median_bias": 1 / 30}.get(penalty, 0.1), rel=1e-10)


# the same data in other forms


@each
@pytest.mark.parametrize("family", ["binomial", "poisson", "gaussian", "gamma", "inverse_gaussian"])
def test_frequencies_are_repeated_rows(family, penalty):
    counts = np.random.default_rng(8).integers(1, 5, 30)
    y, link = (APART, "probit") if family == "binomial" else (COUNTS + 0.5 if family == "gamma" else AMOUNTS, "log")
    y = COUNTS if family == "poisson" else y
    rows = np.repeat(np.arange(30), counts)
    folded = nd.glm_fit(X, y, family, link, weights=nd.frequency(counts), penalty=penalty)
    repeated = nd.glm_fit(X[rows], y[rows], family, link, penalty=penalty)
    for number in ("coef", "se", "dispersion", "loglik", "aic", "df_resid"):
        assert getattr(folded, number) == pytest.approx(np.asarray(getattr(repeated, number)), rel=1e-10)


def test_firth_follows_any_change_of_basis_and_the_median_only_one_of_units():
    turn = np.array([[1.0, 3.0], [0.5, -2.0]])
    plain, turned = (nd.glm_fit(columns, APART, "binomial", "probit", penalty="firth") for columns in (X, X @ turn))
    assert turn @ turned.coef == pytest.approx(np.asarray(plain.coef), rel=1e-9)
    plain, moved = (
        nd.glm_fit(np.column_stack([np.ones(30), x + shift]), APART, "binomial", penalty="median_bias")
        for shift in (0.0, 5.0)
    )
    assert abs(moved.coef[1] / plain.coef[1] - 1) > 1e-3


@each
def test_blocks_of_rows_add_up(penalty):
    objective = nd.glm_fit(X, APART, "binomial", penalty=penalty).objective
    (block,) = objective.design.handles
    small = replace(objective, design=replace(objective.design, handles=split(block, 7)))
    beta = np.array([0.3, 1.2])
    whole, parts = (adjusted(each, objective.penalty, beta) for each in (objective, small))
    assert parts.score == pytest.approx(whole.score, rel=1e-13)
    assert parts.log_determinant == pytest.approx(whole.log_determinant, rel=1e-13)


def test_columns_far_from_zero_keep_their_slopes():
    """By the triangle of a QR, and with products to more digits; every number of `moved` is exact."""
    near = np.round(x * 1024) / 1024
    y = (near > 0).astype(float)
    plain, moved = (
        nd.glm_fit(np.column_stack([np.ones(30), near + shift]), y, "binomial", penalty="firth")
        for shift in (0.0, 2.0**20)
    )
    assert (plain.solved.form, moved.solved.form) == ("Gram", "Triangle")
    assert moved.coef[1] == pytest.approx(plain.coef[1], rel=1e-8)
    assert moved.se[1] == pytest.approx(plain.se[1], rel=1e-8)


@each
def test_aliased_columns_are_left_out_first(penalty):
    with pytest.warns(nd.AliasedWarning, match="x3 = 2 x2"):
        fit = nd.glm_fit(np.column_stack([X, 2 * x]), APART, "binomial", penalty=penalty)
    plain = nd.glm_fit(X, APART, "binomial", penalty=penalty)
    assert np.isnan(fit.coef[2]) and fit.coef[:2] == pytest.approx(np.asarray(plain.coef), rel=1e-12)


def test_an_offset_is_a_coefficient_that_is_given():
    """With the canonical link, where the leverages are those of the columns: the slope is three less."""
    fit = nd.glm_fit(X, APART, "binomial", offset=3 * x, penalty="firth")
    plain = nd.glm_fit(X, APART, "binomial", penalty="firth")
    assert fit.coef == pytest.approx(plain.coef - [0.0, 3.0], rel=1e-9)


def test_categories_and_blocks_of_weights_through_a_formula():
    table = {"y": [0, 0, 3, 4], "n": [5, 6, 3, 9], "g": ["a", "b", "c", "d"]}
    fit = nd.glm("cbind(y, n - y) ~ g", table, "binomial", penalty="firth")
    assert fit.fitted == pytest.approx([0.5 / 6, 0.5 / 7, 3.5 / 4, 4.5 / 10], rel=1e-10)


# what is said


def test_a_fit_says_how_it_was_made():
    fit = nd.glm_fit(X, APART, "binomial", penalty="firth")
    assert fit.solved.penalty == "firth" and fit.solved.solver == "adjusted_scoring"
    assert fit.notes == ("estimates with reduced mean bias (Firth 1993)",)
    assert "reduced mean bias" in str(fit.summary())
    for penalty, word in [("median_bias", "median bias"), (Jeffreys(0.25), "|information|^0.25")]:
        assert word in nd.glm_fit(X, APART, "binomial", penalty=penalty).notes[0]


def test_steps_are_watched_and_counted():
    seen = []
    fit = nd.glm_fit(X, APART, "binomial", penalty="median_bias", watch=seen.append)
    assert [record.step for record in seen] == list(range(fit.steps + 1))
    assert seen[-1].beta == pytest.approx(np.asarray(fit.coef), rel=1e-15)
    assert seen[-1].decrement < 1e-20 < seen[0].decrement
    assert len(fit.trace) == len(seen)


def test_an_interrupted_search_says_where_it_stands():
    def stop(record):
        if record.step == 2:
            raise KeyboardInterrupt

    with pytest.warns(nd.NotConvergedWarning, match=r"penalty 'firth' did not converge in 2 steps: interrupted"):
        fit = nd.glm_fit(X, APART, "binomial", penalty="firth", watch=stop)
    assert not fit.converged and fit.reason == "interrupted"


@each
def test_a_fit_is_saved_and_loaded(penalty, tmp_path):
    fit = nd.glm_fit(X, AMOUNTS, "gamma", "log", penalty=penalty)
    fit.save(tmp_path / "fit.json")
    again = nd.load(tmp_path / "fit.json")
    assert again.dispersion == fit.dispersion and np.array_equal(again.coef, fit.coef)
    assert again.notes == fit.notes and again.solved.penalty == penalty


def test_a_score_that_does_not_vanish_inside_the_domain_is_not_called_a_root():
    """Under the identity link the adjustment is zero, and a group of zeros is likeliest at the edge."""
    group = np.column_stack([np.ones(6), np.repeat([0.0, 1.0], 3)])
    with pytest.warns(nd.NotConvergedWarning, match="it leads to the edge of the means allowed"):
        fit = nd.glm_fit(group, [0, 0, 0, 3, 4, 5], "poisson", "identity", penalty="firth")
    assert not fit.converged
    with pytest.warns(nd.NotConvergedWarning, match=r"standard errors: use the family's own link or another penalty"):
        assert not nd.glm_fit(group, [0, 0, 0, 3, 4, 5], "poisson", "identity", penalty="jeffreys").converged
    fit = nd.glm_fit(group, [0, 0, 0, 3, 4, 5], "poisson", "identity", penalty="median_bias")
    assert fit.converged and fit.fitted[0] == pytest.approx(1 / 18, rel=1e-9)


def test_several_roots_are_said():
    """Poisson without an event, in two columns: the penalised likelihood has more than one maximum."""
    with pytest.warns(
        nd.SeveralMinimaWarning, match=r"several roots: the one of highest penalised likelihood is taken"
    ):
        fit = nd.glm_fit(X, np.zeros(30), "poisson", penalty="firth")
    (finding,) = fit.warnings
    assert fit.converged and len(finding.others) == 1
    score = X.T @ (-fit.fitted + 0.5 * np.diag(X @ fit.covariance() @ X.T) * fit.fitted)
    assert score == pytest.approx([0.0, 0.0], abs=1e-10)


def test_nearly_dependent_columns_are_said():
    close = np.column_stack([X, x + 1e-12 * COUNTS])
    with pytest.warns(nd.IllConditionedWarning):
        nd.glm_fit(close, COUNTS, "poisson", penalty="firth")


def test_a_perfect_fit_is_said():
    with pytest.warns(nd.ResponseWarning, match="perfect to rounding"):
        fit = nd.glm_fit(X, X @ [1.0, 2.0], penalty="firth")
    assert fit.coef == pytest.approx([1.0, 2.0], rel=1e-12)


# what is refused


@pytest.mark.parametrize("penalty", ["median_bias", "jeffreys"])
def test_a_quasi_family_has_no_third_moment_and_no_prior(penalty):
    with pytest.raises(nd.CapabilityError, match=r"quasipoisson has only mean and variance: use penalty='firth'"):
        nd.glm_fit(X, COUNTS, "quasipoisson", penalty=penalty)


def test_a_quasi_family_that_separates_has_nothing_to_hold_it():
    """Its dispersion goes to zero with the residuals, and the adjustment with it."""
    with pytest.warns(nd.NotConvergedWarning, match="did not converge"):
        assert not nd.glm_fit(X, APART, "quasibinomial", penalty="firth").converged


@pytest.mark.parametrize(("family", "link", "end"), [("quasibinomial", "logit", 0.0), ("quasipoisson", "probit", 3.0)])
def test_a_step_that_takes_the_dispersion_out_of_range_is_not_taken(family, link, end):
    """Means that leave for a limit on the way take Pearson's dispersion beyond 1e160, whose square is no number."""
    x = np.random.default_rng(12).normal(size=(3, 30))[2]
    group = np.repeat([0.0, 1.0], 15)
    y = np.where(group == 1, end, 0.3 + 0.2 * np.sin(x) if end == 0 else np.arange(30) % 2 * 0.6)
    fit = nd.glm_fit(np.column_stack([np.ones(30), group]), y, family, link, penalty="firth")
    assert fit.converged and np.isfinite(fit.coef).all() and np.isfinite(fit.se).all()


@each
def test_sampling_weights_are_refused(penalty):
    with pytest.raises(nd.CapabilityError, match="which sampling weights do without"):
        nd.glm_fit(X, COUNTS, "poisson", weights=sampling(np.ones(30)), penalty=penalty)


@each
def test_a_dispersion_needs_rows_of_its_own(penalty):
    with pytest.raises(nd.DataError, match="6 rows leave none to estimate beside 6 coefficients"):
        nd.glm_fit(np.vander(np.arange(6.0)), AMOUNTS[:6], "gamma", "log", penalty=penalty)


@pytest.mark.parametrize(
    ("penalty", "says"),
    [
        ("jeffreys(-1)", "power must be a positive number"),
        ("jeffreys(0)", "power must be a positive number"),
        ("firth(dispersion=mode)", "unknown dispersion of firth 'mode'"),
        ("frith", "did you mean 'firth'"),
    ],
)
def test_penalties_that_mean_nothing_are_refused(penalty, says):
    with pytest.raises(nd.InputError, match=says):
        nd.glm_fit(X, APART, "binomial", penalty=penalty)


def test_options_are_written_into_the_name():
    fit = nd.glm_fit(X, APART, "binomial", penalty="jeffreys(power=0.25)")
    assert fit.objective.penalty == Jeffreys(0.25)
    assert nd.glm_fit(X, AMOUNTS, "gamma", "log", penalty="firth(median)").objective.penalty == Firth("median")
    assert nd.glm_fit(X, APART, "binomial", penalty=MedianBias()).solved.penalty == "median_bias"


# the parts


@pytest.mark.parametrize("nu", [1e-6, 0.1, 1.0, 5.0, 31.9, 32.1, 1e3, 1e9])
def test_the_slopes_of_the_normaliser_of_gamma(nu):
    """g(ν) = 2 (ν log ν − ν − log Γ(ν)), differentiated in fifty digits."""
    with mpmath.workdps(50):
        digits = [mpmath.log(nu) - mpmath.digamma(nu), 1 / mpmath.mpf(nu), -1 / mpmath.mpf(nu) ** 2]
        exact = [2 * digits[0], *(2 * (digits[k] - mpmath.polygamma(k, nu)) for k in (1, 2))]
    slopes = nd.Gamma().normaliser_slopes(np.array([nu]))
    assert [float(slope[0]) for slope in slopes] == pytest.approx([float(value) for value in exact], rel=1e-13)


@pytest.mark.parametrize("family", [nd.Gaussian(), nd.Gamma(), nd.InverseGaussian()])
def test_the_slope_of_the_normaliser_is_that_of_the_likelihood_in_the_dispersion(family):
    """∂/∂ν of log f = ½ g′ − ½ d, at one observation of weight one."""
    fit = nd.glm_fit(X, AMOUNTS, family, "log")
    step, nu = 1e-5, 3.7
    deviance = fit.objective.totals(fit.point).deviance
    ahead, behind = (fit.objective.loglik(deviance, 1 / (nu + side * step)) for side in (1, -1))
    expected = 0.5 * (30 * family.normaliser_slopes(np.array([nu]))[0][0] - fit.deviance)
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("family", [nd.Gamma(), nd.Gaussian()])
def test_slopes_of_the_normaliser_follow_one_from_another(family):
    nu, step = np.array([0.4, 2.0, 60.0]), 1e-5
    _, second, third = family.normaliser_slopes(nu)
    ahead, behind = (family.normaliser_slopes(nu * (1 + side * step)) for side in (1, -1))
    assert (ahead[0] - behind[0]) / (2 * step * nu) == pytest.approx(second, rel=1e-7)
    assert (ahead[1] - behind[1]) / (2 * step * nu) == pytest.approx(third, rel=1e-7)


def test_families_without_such_a_density_have_no_slopes():
    one = np.ones(1)
    assert all(made.normaliser_slopes(one) is None for made in (nd.Tweedie(1.5), nd.Quasi("mu"), nd.Poisson()))
    assert [slope[0] for slope in logarithm_slopes(2 * one)] == [0.5, -0.25, 0.25]


def test_a_triangle_is_solved_for_one_column_and_for_many():
    upper, right = np.triu(RANDOM.normal(size=(4, 4))) + 3 * np.eye(4), RANDOM.normal(size=(4, 3))
    for transposed in (False, True):
        exact = np.linalg.solve(upper.T if transposed else upper, right)
        assert triangular_solve(upper, right, transposed) == pytest.approx(exact, rel=1e-12)
        assert triangular_solve(upper, right[:, 0], transposed) == pytest.approx(exact[:, 0], rel=1e-12)

"""Likelihood-ratio and score tests: what they are by their definitions, the laws they obey, and what they refuse."""

import functools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.families import FAMILIES
from nelder.inference.hypotheses.linear import wald_test
from nelder.inference.intervals import confint
from nelder.inference.likelihood.profile import profile
from nelder.inference.likelihood.score import score_of, score_test
from nelder.inference.likelihood.tests import deviance_at, likelihood_ratio
from nelder.mean import Mean

N = 40
ARGUMENTS = {"negative_binomial": (2.0,), "quasi": ("mu^2",), "tweedie": (1.5,)}
MEMBERS = {name: FAMILIES[name](*ARGUMENTS.get(name, ())) for name in FAMILIES}
TESTS = {"ratio": likelihood_ratio, "score": score_test}
each_member = pytest.mark.parametrize("name", MEMBERS)
each_test = pytest.mark.parametrize("test", TESTS.values(), ids=TESTS)


@functools.cache
def drawn(name, seed=5):
    """X (n, 3), y (n,) and trials (n,), with means well inside through the default link."""
    random, family = np.random.default_rng(seed), MEMBERS[name]
    X = np.column_stack([np.ones(N), random.uniform(-1, 1, (N, 2))])
    share = family.mean_interval == (0.0, 1.0)
    inside = (0.35, 0.65) if share else (0.9, 2.5)
    low, high = sorted(float(family.default_link.link(np.float64(mu))) for mu in inside)
    mean = Mean(family.default_link, (low + high) / 2 + (high - low) * (X @ [0.0, 0.2, -0.15]))
    like = getattr(family, "like", family)
    phi, trials = (1.0 if like.dispersion_known else 0.05), np.full(N, 10.0 if share else 1.0)
    return X, like.sample(random, mean, phi, trials), trials


def fitted(name, columns=(0, 1, 2), **options):
    X, y, trials = drawn(name)
    return nd.glm_fit(X[:, list(columns)], y, MEMBERS[name], weights=trials, **options)


def chi2(fit, made):
    """The statistic in units of φ, whatever it is called."""
    return made["chi2"][0] if np.isinf(fit.df_reference) else made["F"][0] * made["df"][0]


def separated(*arguments, **options):
    with pytest.warns(nd.BoundaryWarning):
        return nd.glm_fit(*arguments, **options)


# what they are


@each_member
def test_the_ratio_is_the_deviance_that_dropping_the_columns_costs(name):
    fit, small = fitted(name), fitted(name, (0,))
    made = likelihood_ratio(fit, "x2 = 0, x3 = 0")
    statistic = (small.deviance - fit.deviance) / fit.dispersion
    assert chi2(fit, made) == pytest.approx(statistic, rel=1e-8) and made["df"][0] == 2
    if np.isinf(fit.df_reference):
        assert made["p"][0] == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-8)
    else:
        assert made["p"][0] == pytest.approx(stats.f.sf(statistic / 2, 2, fit.df_resid), rel=1e-8)
    kind = "Likelihood-ratio" if fit.family.has_likelihood else "Quasi-likelihood-ratio"
    assert made.title == f"{kind} test of x2 = 0, x3 = 0"


@each_member
def test_the_score_statistic_is_the_gradient_measured_by_the_information(name):
    """U' I⁻¹ U from the sums themselves, at the smaller model's estimate and the larger one's φ."""
    X, y, trials = drawn(name)
    fit, small = fitted(name), fitted(name, (0, 1))
    mean = Mean(fit.link, X[:, :2] @ np.asarray(small.coef))
    score = X.T @ (trials * fit.family.score(y, mean))
    information = (X * (trials * fit.family.expected_weight(mean))[:, None]).T @ X
    statistic = score @ np.linalg.solve(information, score) / fit.dispersion
    assert chi2(fit, score_test(fit, "x3 = 0")) == pytest.approx(statistic, rel=1e-7)
    # the same without ever fitting the larger model, but for φ
    z = score_of(small, X[:, 2], ["x3"])
    root = z["z" if np.isinf(fit.df_reference) else "t"][0]
    assert root**2 * small.dispersion == pytest.approx(statistic * fit.dispersion, rel=1e-7)
    assert np.sign(root) == np.sign(fit.coef["x3"])


@each_member
@each_test
def test_intervals_and_tests_agree_about_what_is_rejected(name, test):
    kind = "profile" if test is likelihood_ratio else "score"
    fit = fitted(name)
    made = confint(fit, 0.9, kind, terms="x2")
    for end in (made["lower"][0], made["upper"][0]):
        assert not np.isfinite(end) or test(fit, f"x2 = {float(end)!r}")["p"][0] == pytest.approx(0.1, rel=1e-6)


@each_test
def test_in_least_squares_all_tests_are_one(test):
    fit = fitted("gaussian")
    for hypothesis in ("x2 = 0", "x2 = x3, x1 = 1", "2*x1 - x2 = 0.3"):
        assert test(fit, hypothesis)["F"][0] == pytest.approx(wald_test(fit, hypothesis)["F"][0], rel=1e-9)


@each_test
def test_what_the_estimate_meets_costs_nothing(test):
    fit = fitted("poisson")
    made = test(fit, f"x2 = {float(fit.coef['x2'])!r}")
    assert made["chi2"][0] == pytest.approx(0, abs=1e-10) and made["p"][0] == pytest.approx(1, abs=1e-5)


@each_test
def test_one_coefficient_alone_is_tested_by_its_closed_form(test):
    y = np.arange(20) % 5.0
    fit = nd.glm_fit(np.ones((20, 1)), y, "poisson")
    m, n, b = y.mean(), 20, 0.3
    ratio, score = 2 * n * (m * (np.log(m) - b) - m + np.exp(b)), n * (m - np.exp(b)) ** 2 / np.exp(b)
    assert test(fit, "x1 = 0.3")["chi2"][0] == pytest.approx(ratio if test is likelihood_ratio else score, rel=1e-12)


def test_the_deviance_elsewhere_is_that_of_an_offset():
    for name in ("poisson", "gamma", "binomial"):
        fit = fitted(name)
        betas = np.asarray(fit.coef) + np.array([[0.0, 0, 0], [0.05, -0.02, 0.01]])
        values = deviance_at(fit, betas)
        assert values[0] == pytest.approx(fit.deviance, rel=1e-12) and values[1] > values[0]
        assert deviance_at(fit, betas[1]) == pytest.approx(values[1], rel=1e-14)
    outside = deviance_at(nd.glm_fit(np.ones((3, 1)), [1.0, 2, 3], "poisson", "identity"), [-1.0])
    assert outside == np.inf


# laws


@each_test
@each_member
def test_another_way_to_write_the_hypothesis_or_the_columns_changes_nothing(name, test):
    fit, (X, y, trials) = fitted(name), drawn(name)
    statistic = chi2(fit, test(fit, "x2 = x3"))
    assert chi2(fit, test(fit, "-10*x3 + 10*x2 = 0")) == pytest.approx(statistic, rel=1e-7)
    assert chi2(fit, test(fit, np.array([[0.0, 1.0, -1.0]]))) == pytest.approx(statistic, rel=1e-9)
    scaled = nd.glm_fit(X * [1, 1e4, 1e-4], y, MEMBERS[name], weights=trials)
    assert chi2(scaled, test(scaled, "1e4*x2 = 1e-4*x3")) == pytest.approx(statistic, rel=1e-7)
    summed = nd.glm_fit(np.column_stack([X[:, 0], X[:, 1], X[:, 1] + X[:, 2]]), y, MEMBERS[name], weights=trials)
    assert chi2(summed, test(summed, "x2 = 0")) == pytest.approx(statistic, rel=1e-7)


@each_test
def test_frequencies_are_repeated_rows_and_solvers_and_order_do_not_matter(test):
    X, y, _ = drawn("gamma")
    counts, hypothesis = np.arange(N) % 3, "x2 = 0.2, x3 = 0"
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(N), counts))
    folded = test(nd.glm_fit(X, y, "gamma", weights=nd.frequency(counts)), hypothesis)
    for solver in ("newton", "irls", "lbfgs"):
        repeated = test(nd.glm_fit(X[rows], y[rows], "gamma", solver=solver), hypothesis)
        assert [repeated["F"][0], repeated["p"][0]] == pytest.approx([folded["F"][0], folded["p"][0]], rel=1e-8)
        assert repeated["df_residual"][0] == folded["df_residual"][0]


@each_test
def test_an_offset_moves_the_hypothesis(test):
    X, y, _ = drawn("poisson")
    moved = nd.glm_fit(X, y, "poisson", offset=0.4 * X[:, 1])
    assert test(moved, "x2 = 0.1")["chi2"][0] == pytest.approx(test(fitted("poisson"), "x2 = 0.5")["chi2"][0], rel=1e-8)


@each_test
def test_a_given_dispersion_divides_the_statistic_and_takes_chi2(test):
    fit = fitted("gamma")
    made = test(fit.with_dispersion(0.2), "x2 = 0")
    assert made["chi2"][0] * 0.2 == pytest.approx(test(fit, "x2 = 0")["F"][0] * fit.dispersion, rel=1e-9)
    assert made["p"][0] == pytest.approx(stats.chi2.sf(made["chi2"][0], 1), rel=1e-10)


def test_columns_one_by_one_and_jointly_are_scored_as_in_the_larger_model():
    X, y, _ = drawn("poisson")
    small = fitted("poisson", (0,))
    more = X[:, 1:]
    fit = fitted("poisson")
    assert score_of(small, more, joint=True)["chi2"][0] == pytest.approx(
        score_test(fit, "x2 = 0, x3 = 0")["chi2"][0], rel=1e-9
    )
    table = score_of(small, more)
    assert table["term"].tolist() == ["column 1", "column 2"]
    for j in (0, 1):
        alone = nd.glm_fit(X[:, [0, j + 1]], y, "poisson")
        assert table["z"][j] ** 2 == pytest.approx(score_test(alone, "x2 = 0")["chi2"][0], rel=1e-9)
    # units and shifts by the model's own columns change nothing
    again = score_of(small, more * [1e6, -1e-6] + 3.0)
    assert again["z"] == pytest.approx(table["z"] * [1, -1], rel=1e-7)


def test_a_combination_of_the_columns_has_no_score_and_a_word():
    fit = fitted("poisson")
    X = drawn("poisson")[0]
    made = score_of(fit, np.column_stack([X[:, 1] + 2, X[:, 1] ** 2]), ["shifted", "square"])
    assert np.isnan(made["z"]).tolist() == [True, False]
    assert made.notes == ("a combination of the columns of the model: shifted",)
    with pytest.raises(nd.DataError, match="one is a combination of the others and of those in the model; test"):
        score_of(fit, np.column_stack([X[:, 1] + 2, X[:, 1] ** 2]), joint=True)


def overdispersed(family):
    random = np.random.default_rng(8)
    X, y = drawn("poisson")[0], random.poisson(random.gamma(2.0, 1.0, N)).astype(float)
    return X, y if family.label().startswith("negative") else y * random.gamma(2.0, 0.5, N)


each_shape = pytest.mark.parametrize("family", [nd.NegativeBinomial(), nd.Tweedie()], ids=["theta", "power"])


@each_shape
def test_an_estimated_shape_is_held_by_the_score_test_and_said(family):
    X, y = overdispersed(family)
    fit = nd.glm_fit(X, y, family)
    made, fixed = score_test(fit, "x2 = 0"), nd.glm_fit(X, y, fit.objective.loss.family)
    same = fixed if fixed.family.dispersion_known else fixed.with_dispersion(fit.dispersion)
    assert chi2(fit, made) == pytest.approx(chi2(same, score_test(same, "x2 = 0")), rel=1e-7)
    assert made.notes[0].startswith(f"{fit.shape.name} is held at its estimate, ")
    assert made.notes[0] in score_of(fit, X[:, 1] ** 2).notes


@each_shape
def test_an_estimated_shape_is_estimated_anew_by_the_likelihood_ratio(family):
    X, y = overdispersed(family)
    fit, smaller = nd.glm_fit(X, y, family), nd.glm_fit(np.delete(X, 1, axis=1), y, family)
    made = likelihood_ratio(fit, "x2 = 0")
    assert made["chi2"] == pytest.approx(2 * (fit.loglik - smaller.loglik), rel=1e-6)
    assert made["p"][0] == pytest.approx(smaller.compare(fit)["p"][1], rel=1e-6)
    assert not made.notes


# separation

STAYING = np.vstack([np.tile([1.0, 0, 0], (10, 1)), np.tile([0.0, 1, -1], (10, 1)), np.tile([0.1, 0.3, -0.3], (10, 1))])
RUNNING = np.tile([0.0, 1.0, 1.0], (10, 1))
MIXED = np.r_[np.tile([0, 1], 4), 1, 1, np.tile([0, 0, 1, 0, 1], 2), np.tile([0, 0, 1, 1, 1], 2)].astype(float)


@pytest.mark.parametrize("size", [1.0, 0.1, 0.7, 1 / 3])
@each_test
def test_rows_that_stay_under_a_hypothesis_are_told_from_those_that_run_away(test, size):
    """All rows but the running ones see β2 − β3 alone, which is one column: the test is that of the rows without them.

    The direction moves x2 and x3 alike, and the hypothesis ties x1 to their difference, which rounding may not move.
    """
    scale = np.array([1.0, size, size])
    fit = separated(np.vstack([STAYING, RUNNING]) * scale, np.r_[MIXED, np.ones(10)], "binomial")
    alone = nd.glm_fit((STAYING * scale)[:, :2], MIXED, "binomial")
    made = test(fit, f"x1 = {1 / size!r}*x2 - {1 / size!r}*x3")
    assert made["chi2"][0] == pytest.approx(test(alone, f"x1 = {1 / size!r}*x2")["chi2"][0], rel=1e-8)


@each_test
def test_a_hypothesis_about_an_infinite_coefficient_is_tested(test):
    cells = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    y = np.r_[np.tile([0.0, 1.0], 5), np.ones(10)]
    fit = separated(cells, y, "binomial")
    made = test(fit, "x2 = 0")
    small = nd.glm_fit(cells[:, :1], y, "binomial")
    shares = np.asarray(small.fitted)
    ratio = small.deviance - fit.deviance
    pearson = 2 * (5 - 7.5) ** 2 / (10 * shares[0] * (1 - shares[0]))  # of the table of two by two
    assert made["chi2"][0] == pytest.approx(ratio if test is likelihood_ratio else pearson, rel=1e-10)


@each_test
def test_where_all_rows_are_at_their_limits_nothing_is_lost_and_nothing_is_printed(test, capfd):
    x = np.arange(20.0) - 9.5
    fit = separated(np.column_stack([np.ones(20), x, x**3]), (x > 0) * 1.0, "binomial")
    made = test(fit, "x3 = 0")
    assert made["chi2"][0] == 0 and made["p"][0] == 1
    assert capfd.readouterr() == ("", "")


def test_columns_beside_data_that_separate_are_scored_in_the_rows_that_stay(capfd):
    cells = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    y, more = np.r_[np.tile([0.0, 1.0], 5), np.ones(10)], np.cos(np.arange(20.0))
    fit, alone = separated(cells, y, "binomial"), nd.glm_fit(np.ones((10, 1)), y[:10], "binomial")
    assert score_of(fit, more)["z"][0] == pytest.approx(score_of(alone, more[:10])["z"][0], rel=1e-9)
    only = score_of(fit, np.r_[np.zeros(10), more[10:]])
    words = "a combination of the columns of the model, in the rows whose means are not at their limits"
    assert np.isnan(only["z"][0]) and only.notes == (f"{words}: column 1",)
    whole = separated(np.column_stack([np.ones(20), np.arange(20) - 9.5]), cells[:, 1], "binomial")
    assert np.isnan(score_of(whole, more)["z"][0]) and words in score_of(whole, more).notes[0]
    with pytest.raises(nd.DataError, match="not at their limits; test them one by one"):
        score_of(whole, more, joint=True)
    assert capfd.readouterr().err == ""


# edges of the domain


def test_score_tests_at_an_edge_are_refused_and_ratios_are_not():
    cells = np.column_stack([np.ones(20), np.repeat([0.0, 1.0], 10)])
    y = np.r_[np.zeros(10), np.arange(10.0)]
    fit = separated(cells, y, "poisson", "identity")
    with pytest.raises(nd.CapabilityError, match=r"at the edge of the means allowed.*fit the larger model"):
        score_of(fit, np.arange(20.0))
    larger = separated(np.column_stack([cells, np.arange(20) % 2]), y, "poisson", "identity")
    hypothesis = "x3 = 0"
    with pytest.raises(nd.CapabilityError, match=r"under x3 = 0 the fit lies at the edge.*use likelihood_ratio"):
        score_test(larger, hypothesis)
    made = likelihood_ratio(larger, hypothesis)
    assert made["chi2"][0] == pytest.approx(fit.deviance - larger.deviance, rel=1e-6, abs=1e-7)


def test_what_is_odd_about_the_fit_under_a_hypothesis_is_said():
    """With a slope of 3 the best intercept is zero, the mean of the first row, which has no event."""
    x, y = np.arange(10.0), np.array([0, 1, 2, 1, 3, 2, 4, 3, 5, 4.0])
    fit = nd.glm_fit(np.column_stack([np.ones(10), x]), y, "poisson", "identity")
    made = likelihood_ratio(fit, "x2 = 3")
    mean = 3 * x[1:]
    lowest = 2 * np.sum(y[1:] * np.log(y[1:] / mean) - y[1:] + mean)
    assert made["chi2"][0] == pytest.approx(lowest - fit.deviance, rel=1e-7)
    [note] = made.notes
    assert note.startswith("under the hypothesis: the optimum lies at the edge of the means allowed")


@each_test
def test_a_hypothesis_under_which_no_mean_is_allowed_is_refused(test):
    fit = nd.glm_fit(np.column_stack([np.ones(10), np.arange(10) % 2]), np.arange(10.0), "poisson", "identity")
    with pytest.raises(nd.DataError, match="under x1 = -1 no fit was found: no coefficients give every row a mean"):
        test(fit, "x1 = -1")


@each_test
def test_zeros_alone_under_the_identity_have_closed_forms(test):
    """20 zeros: D(b) = 40 b, and the score statistic at b is 20 b."""
    fit = separated(np.ones((20, 1)), np.zeros(20), "poisson", "identity")
    for value in (1e-12, 1e-3, 1.0):
        expected = (40 if test is likelihood_ratio else 20) * value
        assert test(fit, f"x1 = {value!r}")["chi2"][0] == pytest.approx(expected, rel=1e-6, abs=1e-9)


# refusals

DOORS = {
    "an interval of kind 'profile'": lambda fit: confint(fit, kind="profile"),
    "an interval of kind 'score'": lambda fit: confint(fit, kind="score"),
    "a profile": lambda fit: profile(fit, "x2"),
    "a likelihood-ratio test": lambda fit: likelihood_ratio(fit, "x2 = 0"),
    "a score test": lambda fit: score_test(fit, "x2 = 0"),
    "a score test ": lambda fit: score_of(fit, np.arange(N) ** 2.0),
}
each_door = pytest.mark.parametrize("what", DOORS)


def refused(fit, what, error, words):
    with pytest.raises(error, match=words) as caught:
        DOORS[what](fit)
    assert what.strip() in str(caught.value) or "loaded without its data" in str(caught.value)


@each_door
def test_another_covariance_is_refused(what):
    robust = fitted("poisson").with_covariance("HC3")
    refused(robust, what, nd.CapabilityError, r"knows nothing of the covariance in use \(HC3\): use kind='wald'")


@each_door
def test_fits_without_their_data_are_refused(what, tmp_path):
    fitted("poisson").save(tmp_path / "fit.json")
    refused(nd.load(tmp_path / "fit.json"), what, nd.DataError, "loaded without its data: .* needs the rows")


def test_the_deviance_elsewhere_needs_rows_and_coefficients(tmp_path):
    fit = fitted("poisson")
    fit.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="the deviance elsewhere needs the rows"):
        deviance_at(nd.load(tmp_path / "fit.json"), fit.coef)
    for wrong in ([1.0], np.zeros((2, 4)), np.zeros((1, 1, 3))):
        with pytest.raises(nd.DataError, match="it needs 3 coefficients in each row"):
            deviance_at(fit, wrong)


@each_door
def test_penalised_fits_are_refused(what):
    ridge = fitted("poisson", penalty=nd.Ridge(1.0))
    refused(ridge, what, nd.CapabilityError, r"held away from it by a penalty \(ridge\)")
    if what != "an interval of kind 'profile'":  # which has its own for these
        firth = fitted("poisson", penalty="firth")
        refused(firth, what, nd.CapabilityError, r"held away from it by a penalty \(firth\)")


@each_door
def test_fits_that_did_not_converge_are_refused(what):
    with pytest.warns(nd.NotConvergedWarning):
        fit = fitted("poisson", solver=nd.GradientDescent(epochs=2))
    refused(fit, what, nd.InputError, "this fit did not converge .*: take more steps, or use solver='newton'")


def without_dispersion():
    """A perfect fit, and one without degrees of freedom."""
    X = drawn("gaussian")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return nd.glm_fit(X, X @ [1.0, 2, 3]), nd.glm_fit(X[:3], [1.0, 2, 4])


@each_door
def test_fits_that_leave_no_dispersion_are_refused(what):
    perfect, full = without_dispersion()
    refused(perfect, what, nd.CapabilityError, "this fit is perfect, so that φ is nothing but rounding")
    refused(full, what, nd.DataError, "0 residual degrees of freedom are left to estimate it")


@pytest.mark.parametrize("kind", ["profile", "score"])
def test_a_given_dispersion_is_enough(kind):
    for fit in without_dispersion():
        given = fit.with_dispersion(1.0)
        wald, other = confint(given), confint(given, kind=kind)
        assert other["lower"] == pytest.approx(wald["lower"], rel=1e-8)
        assert other["upper"] == pytest.approx(wald["upper"], rel=1e-8)


@each_door
def test_fits_that_ran_away_are_refused(what):
    """A probit mean stays in (0, 1): responses of ±40 send it to its limits, and two of one half object."""
    x = np.linspace(-1, 1, 12)
    y = np.where(x > 0, 40.0, -40.0)
    y[5:7] = 0.5
    fit = separated(np.column_stack([np.ones(12), x]), y, "gaussian", "probit")
    refused(fit, what, nd.CapabilityError, "lies at infinity though some rows object to it: use a link that can reach")


@each_test
def test_hypotheses_that_mean_nothing_are_refused(test):
    fit = fitted("poisson")
    with pytest.raises(nd.UnknownNameError, match="nope"):
        test(fit, "nope = 0")
    with pytest.raises(nd.InputError, match="contradict each other"):
        test(fit, "x2 = 0, x2 = 1")
    with pytest.raises(nd.InputError, match="follows from those before it"):
        test(fit, "x2 = 0, 2*x2 = 0")
    with pytest.raises(nd.DataError, match="it needs rows of 3 numbers"):
        test(fit, np.ones((1, 2)))
    X, y, _ = drawn("poisson")
    with pytest.warns(nd.AliasedWarning):
        aliased = nd.glm_fit(np.column_stack([X, X[:, 1]]), y, "poisson")
    with pytest.raises(nd.InputError, match="'x4', which is aliased"):
        test(aliased, "x4 = 0")
    assert test(aliased, "x3 = 0")["chi2"][0] == pytest.approx(test(fit, "x3 = 0")["chi2"][0], rel=1e-9)


@each_test
def test_a_better_fit_under_the_hypothesis_is_an_error_that_says_where_to_start(test):
    """A fit that claims another point than its own minimum stands for one at a local minimum."""
    from nelder.table import Named

    fit = fitted("gamma")
    off = replace(fit, coef=Named(np.asarray(fit.coef) * 1.5, fit.names))
    off = replace(off, statistics=replace(fit.statistics, deviance=float(deviance_at(fit, off.coef))))
    with pytest.raises(nd.InputError, match=r"a minimum which is not the lowest; fit it again from solver"):
        test(off, f"x2 = {float(fit.coef['x2'])!r}")


@pytest.mark.parametrize(
    ("columns", "names", "words"),
    [
        (np.ones(7), None, "7"),
        (np.ones((N, 2)), ["one"], "names has 1 names for 2 columns"),
        (np.full(N, np.nan), None, "nan"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, names, words):
    with pytest.raises(nd.NelderError, match=words):
        score_of(fitted("poisson"), columns, names)

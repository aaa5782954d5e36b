"""Newton's method that begins on a sample: the answer of all rows, whatever the sample says."""

from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.endings.judging import further
from nelder.engines import Threads
from nelder.families import FAMILIES
from nelder.links import LINKS
from nelder.mean import Mean
from nelder.solvers import SampledNewton, solve
from nelder.solvers import automatic as chosen
from nelder.solvers.sampled_newton import from_sample, sample_of

N = 9000
PAIRS = [("binomial", "logit"), ("binomial", "cloglog"), ("poisson", "log"), ("gamma", "log"), ("quasipoisson", "log")]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids="-".join)


def drawn(family, link, rows=N):
    """X (n, 4) and a response of this family with this link."""
    random, made = np.random.default_rng(5), FAMILIES[family]()
    X = np.column_stack([np.ones(rows), random.normal(size=(rows, 2)), random.uniform(0, 2, rows)])
    mean = Mean(LINKS[link](), X @ [-0.5, 0.3, -0.2, 0.4])
    like = getattr(made, "like", made)
    return X, like.sample(random, mean, 1.0 if like.dispersion_known else 0.5, np.ones(rows))


def same(fit, reference, errors=1e-8):
    assert fit.converged and fit.solved.solver == "sampled_newton"
    assert np.abs((fit.coef - reference.coef) / reference.se).max() < 1e-9
    assert np.asarray(fit.se) == pytest.approx(np.asarray(reference.se), rel=errors)
    assert fit.deviance == pytest.approx(reference.deviance, rel=1e-13)
    assert fit.loglik == pytest.approx(reference.loglik, rel=1e-13, nan_ok=True)
    assert fit.statistics.pearson == pytest.approx(reference.statistics.pearson, rel=1e-10)


@each_pair
def test_a_fit_from_a_sample_is_that_of_all_rows(pair):
    X, y = drawn(*pair)
    same(nd.glm_fit(X, y, *pair, solver="sampled_newton"), nd.glm_fit(X, y, *pair, solver="irls"))


@each_pair
def test_sorted_rows_do_not_mislead(pair):
    X, y = drawn(*pair)
    order = np.lexsort((X[:, 1], y))
    fit = nd.glm_fit(X[order], y[order], *pair, solver="sampled_newton")
    same(fit, nd.glm_fit(X, y, *pair, solver="irls"))


def test_a_few_rows_that_carry_everything_are_found_by_all():
    """A column that is zero in all but thirty rows: a sample may not see it at all."""
    X, y = drawn("poisson", "log", 200_000)
    X[:, 3] = 0.0
    X[np.random.default_rng(1).choice(len(X), 30, replace=False), 3] = 2.0
    same(nd.glm_fit(X, y, "poisson", solver="sampled_newton"), nd.glm_fit(X, y, "poisson", solver="irls"))


def with_far_response(X, y):
    y[777] = 1e7


def with_far_column(X, y):
    X[777, 2] = 1e4


def with_far_means(X, y):
    likeliest = np.argsort(X @ [-0.5, 0.3, -0.2, 0.4])[-50:]
    X[likeliest, 1], y[likeliest] = 20 * X[likeliest, 1], 0.0


FAR = [
    (("gamma", "log"), with_far_response),
    (("gamma", "log"), with_far_column),
    (("binomial", "cloglog"), with_far_means),
    (("binomial", "probit"), with_far_column),
]


@pytest.mark.parametrize(("pair", "spoil"), FAR, ids=["-".join((*pair, spoil.__name__)) for pair, spoil in FAR])
def test_rows_far_from_all_others_do_not_stall_a_fit(pair, spoil):
    """There the expected information, or the optimum of a sample without such a row, leads hardly any nearer."""
    X, y = drawn(*pair, 200_000)
    spoil(X, y)
    fit, reference = (nd.glm_fit(X, y, *pair, solver=solver, compress=False) for solver in ("auto", "newton"))
    same(fit, reference)
    assert fit.steps <= reference.steps + 10


def test_a_start_that_a_single_row_makes_poor_is_given_up():
    random = np.random.default_rng(5)
    X = np.column_stack([np.ones(100_000), random.uniform(size=(100_000, 5))])
    y = random.gamma(2.0, 0.5 / (X @ [1.0, 0.5, 0.2, 0.1, 0.3, 0.4]))
    y[777] = 1e9
    same(*(nd.glm_fit(X, y, "gamma", "inverse", solver=solver, compress=False) for solver in ("auto", "newton")))


def test_separation_is_found_though_the_sample_has_an_optimum():
    X, y = drawn("binomial", "logit")
    X[:, 3] = 0.0
    X[:4, 3], y[:4] = 1.0, 1.0
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm_fit(X, y, "binomial", solver="sampled_newton")
    assert fit.coef["x4"] == np.inf
    with pytest.warns(nd.BoundaryWarning):
        reference = nd.glm_fit(X, y, "binomial")
    assert fit.deviance == pytest.approx(reference.deviance, rel=1e-12)


def test_weights_and_offsets_are_those_of_the_rows():
    X, y = drawn("poisson", "log")
    random = np.random.default_rng(2)
    given = {"weights": random.uniform(0.1, 3, N), "offset": random.normal(size=N)}
    same(
        nd.glm_fit(X, y, "poisson", solver="sampled_newton", **given),
        nd.glm_fit(X, y, "poisson", solver="irls", **given),
    )


def test_many_rows_are_begun_on_a_sample_and_few_are_not():
    X, y = drawn("binomial", "logit", 60_000)
    assert nd.glm_fit(X[:20_000], y[:20_000], "binomial").solved.solver == "newton"
    many = nd.glm_fit(X, y, "binomial")
    same(many, nd.glm_fit(X, y, "binomial", solver="irls"))
    assert isinstance(chosen(many.objective), SampledNewton)


def test_factors_are_sampled_too_and_a_rare_level_is_no_matter():
    X, y = drawn("poisson", "log", 80_000)
    random = np.random.default_rng(4)
    table = {"y": y, "x": X[:, 1], "f": random.choice(list("abcdef"), len(y)), "expo": random.uniform(0.1, 1, len(y))}
    table["rare"] = np.where(np.arange(len(y)) < 5, "rare", table["f"])
    for formula in ("y ~ x + f + offset(log(expo))", "y ~ x + rare"):
        fit, reference = (nd.glm(formula, table, "poisson", solver=solver) for solver in ("auto", "irls"))
        assert np.abs((fit.coef - reference.coef) / reference.se).max() < 1e-9
        assert np.asarray(fit.se) == pytest.approx(np.asarray(reference.se), rel=1e-8)
        assert fit.deviance == pytest.approx(reference.deviance, rel=1e-13)
        assert fit.statistics.null_deviance == pytest.approx(reference.statistics.null_deviance, rel=1e-12)


def test_the_number_of_threads_does_not_change_a_digit():
    X, y = drawn("binomial", "logit", 150_000)
    objective = nd.glm_fit(X, y, "binomial").objective
    beta = np.array([-0.4, 0.3, -0.2, 0.4])
    models = [replace(objective, engine=Threads(workers)).quadratic(beta) for workers in (1, 2, 3)]
    for model in models[1:]:
        assert model.value == models[0].value
        assert np.array_equal(model.gradient, models[0].gradient)
        assert np.array_equal(model.information, models[0].information)


@pytest.mark.parametrize("share", [0.001, 0.004, 0.02])
def test_levels_without_an_event_in_the_sample_do_not_mislead(share):
    """Claims are so rare that a sample has levels without any: there it is separated, and all rows are not."""
    random, n = np.random.default_rng(9), 70_000
    codes = random.choice(25, n, p=np.r_[np.full(24, share), 1 - 24 * share])
    table = {"f": np.array([f"level {k}" for k in range(25)])[codes], "x": random.normal(size=n)}
    table["y"] = random.poisson(np.exp(-1.5 + 0.2 * table["x"])).astype(float)
    fit, reference = (nd.glm("y ~ x + f", table, "poisson", solver=solver) for solver in ("auto", "irls"))
    assert fit.converged and np.abs((fit.coef - reference.coef) / reference.se).max() < 1e-9
    assert np.asarray(fit.se) == pytest.approx(np.asarray(reference.se), rel=1e-8)


def test_rows_that_are_alike_round_alike_and_do_not_stop_the_search():
    random = np.random.default_rng(1)
    n = 200_000
    years, region = random.uniform(0.1, 1.0, n), random.choice(["north", "east", "south", "west"], n)
    count = random.poisson(years * np.exp(-1.5 + 0.3 * (region == "south")))
    table = {"count": count, "region": region}
    fit = nd.glm("count ~ region", table, "poisson", compress=False)
    assert fit.solved.solver == "sampled_newton" and fit.converged and not fit.warnings
    means = [count[region == name].mean() for name in ("east", "north", "south", "west")]
    np.testing.assert_allclose(np.exp(fit.coef[0] + np.append(0.0, fit.coef[1:])), means, rtol=1e-13)


def objective_of(pair, scale=1.0):
    X, y = drawn(*pair)
    return nd.glm_fit(X, scale * y, *pair, compress=False).objective


@each_pair
def test_in_natural_form_an_objective_has_the_same_values_and_slopes(pair):
    plain, betas = objective_of(pair), np.array([[-0.5, 0.3, -0.2, 0.4], [-0.4, 0.2, 0.0, 0.1]])
    natural = plain.in_natural_form()
    assert type(natural.loss).__name__ == "NaturalLoss" and (natural.lacking != 0) == (pair[0] != "binomial")
    assert natural.values(betas) == pytest.approx(plain.values(betas), rel=1e-13)
    for beta in betas:
        model, other = plain.quadratic(beta), natural.quadratic(beta)
        assert np.array_equal(model.matrix, other.matrix) and np.array_equal(model.gradient, other.gradient)
        assert other.value == pytest.approx(model.value, rel=1e-13) and other.blur >= model.blur
        for closing in (False, True):
            slope, same_slope = plain.slope(beta, closing), natural.slope(beta, closing)
            assert np.array_equal(slope.gradient, same_slope.gradient)
            assert same_slope.value == pytest.approx(slope.value, rel=1e-13)
            assert abs(same_slope.value - slope.value) <= same_slope.blur + 1e-13 * slope.value


def test_deviances_that_would_drown_keep_their_form():
    random = np.random.default_rng(3)
    x = random.normal(size=4000)
    y = np.round(1e12 * np.exp(0.1 * x) + 1e6 * random.normal(size=4000))
    X = np.column_stack([np.ones(4000), x])
    fit = nd.glm_fit(X, y, "poisson", solver="sampled_newton")
    assert fit.objective.in_natural_form() is fit.objective
    reference = nd.glm_fit(X, y, "poisson", solver="irls")  # a rounding of the intercept is 2e-7 standard errors
    assert fit.converged and np.asarray(fit.coef) == pytest.approx(np.asarray(reference.coef), rel=1e-14)
    assert np.asarray(fit.se) == pytest.approx(np.asarray(reference.se), rel=1e-8)


def test_a_sample_takes_no_more_memory_than_it_may(monkeypatch):
    monkeypatch.setattr("nelder.solvers.sampled_newton.MOST", 2_000)
    X, y = drawn("poisson", "log")
    fit = nd.glm_fit(X, y, "poisson", solver="sampled_newton")
    assert 450 <= sample_of(fit.objective, 0.08).design.rows <= 500
    same(fit, nd.glm_fit(X, y, "poisson", solver="irls"))


def test_a_fit_goes_on_from_where_it_stands():
    """Not from the optimum of the sample once more, which all rows have left behind."""
    objective = nd.glm_fit(*drawn("binomial", "logit", 60_000), "binomial").objective
    solver = from_sample(objective)
    first = solve(objective, solver)
    more = further(objective, solver, first)
    assert first.steps > 2 and more.converged and more.steps - first.steps <= 1
    np.testing.assert_allclose(more.step.beta, first.step.beta, rtol=1e-12)

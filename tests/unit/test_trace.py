"""The trace of a fit: what each step says, and how little it costs to keep."""

import math
import sys

import numpy as np
import pytest

import nelder as nd
from nelder.mean import Mean
from nelder.solvers import Step
from nelder.trace import FEWEST, MOST, NUMBERS, Recorder

SHIPS = "incidents ~ type + C(built) + C(period) + offset(log(service))"


def table(n=300, seed=0):
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, n))
    mean = np.exp(0.5 + 0.4 * x - 0.2 * z)
    return {"x": x, "z": z, "count": random.poisson(mean), "y": mean + random.normal(size=n),
            "amount": random.gamma(2.0, mean / 2.0), "yes": (random.random(n) < mean / (1 + mean)) * 1.0}  # fmt: skip


RESPONSES = {
    "poisson": "count", "binomial": "yes", "gaussian": "y", "gamma": "amount", "inverse_gaussian": "amount",
    "negative_binomial(2)": "count", "negative_binomial": "count", "tweedie(1.5)": "count",
}  # fmt: skip


@pytest.mark.parametrize("family", RESPONSES)
def test_the_last_step_has_the_log_likelihood_of_the_fit(family):
    fit = nd.glm(f"{RESPONSES[family]} ~ x + z", table(), family, link="log" if family != "binomial" else None)
    assert fit.trace.loglik[-1] == pytest.approx(fit.loglik, rel=1e-10)


@pytest.mark.parametrize("family", ["poisson", "binomial", "negative_binomial(2)"])
def test_where_the_dispersion_is_known_each_step_has_the_log_likelihood_of_its_coefficients(family):
    data = table()
    fit = nd.glm(f"{RESPONSES[family]} ~ x + z", data, family, solver=nd.GradientDescent(start=[0, 0, 0], epochs=5000))
    y, X = data[RESPONSES[family]], np.column_stack([np.ones(300), data["x"], data["z"]])
    for k in (0, 1, len(fit.trace) - 1):
        mean = Mean(fit.link, X @ fit.trace.beta[k])
        density = fit.family.log_density(1.0 * y, mean, 1.0, np.ones(300))
        assert fit.trace.loglik[k] == pytest.approx(density.sum(), rel=1e-9)


def test_the_normal_log_likelihood_is_taken_at_the_dispersion_of_the_fit():
    data = table()
    fit = nd.glm("y ~ x + z", data, solver=nd.GradientDescent(start=[0, 0, 0]))
    phi = fit.deviance / 300  # the maximum-likelihood one, as in fit.loglik
    expected = -150 * math.log(2 * math.pi * phi) - float(np.sum(data["y"] ** 2)) / (2 * phi)
    assert fit.trace.loglik[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("family", ["quasipoisson", "quasibinomial"])
def test_a_quasi_family_has_no_log_likelihood_at_any_step(family):
    fit = nd.glm(f"{'count' if 'poisson' in family else 'yes'} ~ x", table(), family)
    assert np.isnan(fit.trace.loglik).all()


def test_a_perfect_fit_has_no_log_likelihood_at_any_step():
    with pytest.warns(nd.ResponseWarning):
        fit = nd.glm("y ~ x", {"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})
    assert np.isnan(fit.trace.loglik).all()


def test_the_distance_is_the_newton_step_in_standard_errors():
    fit = nd.glm(SHIPS, nd.datasets.ships(), "poisson")
    assert fit.trace.column("distance") == pytest.approx(np.sqrt(fit.trace.column("decrement")))
    gap = np.asarray(fit.coef) - fit.trace.beta[2]
    exact = math.sqrt(gap @ np.linalg.inv(fit.covariance_unscaled) @ gap)
    assert fit.trace.column("distance")[2] == pytest.approx(exact, rel=0.05)


def test_distances_of_unknown_dispersion_are_in_units_of_the_dispersion_at_the_optimum():
    fit = nd.glm("y ~ x + z", table(), solver=nd.GradientDescent(start=[5, 5, 5]))
    gap = np.asarray(fit.coef) - 5.0
    exact = math.sqrt(gap @ np.linalg.inv(fit.covariance_unscaled) @ gap / (fit.deviance / 300))
    assert fit.trace.column("distance")[0] == pytest.approx(exact, rel=1e-6)


# Passes


def passes(**options):
    return nd.glm("count ~ x + z", table(), "poisson", **options).trace.passes


def test_a_newton_step_is_one_pass():
    assert np.diff(passes(solver="newton")).tolist() == [1.0] * (len(passes(solver="newton")) - 1)


def test_an_epoch_of_gradient_descent_is_one_pass_and_one_more_where_it_is_judged():
    steps = np.diff(passes(solver=nd.GradientDescent(rate=1e-3)))
    assert set(steps[:100].tolist()) == {1.0, 2.0}
    assert (steps[:100] == 2.0).sum() < 10  # after 1, 2, 4, 8, … steps


def test_an_epoch_of_mini_batches_is_one_pass_and_one_for_its_gradient():
    steps = np.diff(passes(solver=nd.StochasticGradientDescent(epochs=30)))
    assert set(steps.tolist()) == {2.0, 3.0} and np.median(steps) == 2.0


def test_counting_leaves_no_mark_on_the_fit():
    fit = nd.glm("count ~ x", table(), "poisson")
    assert type(fit.objective.engine) is nd.Threads


def test_solved_on_cells_passes_are_over_the_cells():
    data = nd.datasets.motor(20_000)
    cells = nd.glm(nd.datasets.MOTOR_FREQUENCY_FORMULA, data, "poisson")
    rows = nd.glm(nd.datasets.MOTOR_FREQUENCY_FORMULA, data, "poisson", compress=False)
    assert cells.trace.passes[-1] < 15 and rows.trace.passes[-1] < 15
    assert cells.trace.loglik[-1] == pytest.approx(rows.trace.loglik[-1], rel=1e-12)


# The table


def test_the_table_has_every_number_of_a_step():
    fit = nd.glm(SHIPS, nd.datasets.ships(), "poisson")
    made = fit.trace.table()
    assert list(made)[:10] == ["step", "deviance", "loglik", "gradient", "decrement", "distance", "size", "halvings",
                               "passes", "seconds"]  # fmt: skip
    assert list(made)[10:] == list(fit.names)
    assert made.rows == fit.steps + 1


def test_a_coefficient_that_is_called_size_does_not_hide_the_size_of_the_steps():
    data = table()
    fit = nd.glm("count ~ size + step", {"count": data["count"], "size": data["x"], "step": data["z"]}, "poisson")
    made = fit.trace.table()
    assert (made["size"] == 1.0).all()
    assert made["step"].tolist() == list(range(len(fit.trace)))
    assert made["beta[size]"][-1] == fit.coef["size"]
    assert "beta[step]" in str(fit.trace)


def test_aliased_columns_are_nan_in_every_step():
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm_fit(np.column_stack([np.ones(9), np.arange(9.0), 2 * np.arange(9.0)]), np.arange(9) % 4, "poisson")
    assert np.isnan(fit.trace.beta[:, 2]).all() and np.isfinite(fit.trace.beta[:, :2]).all()


# Memory


def kept_of(p, steps):
    recorder = Recorder([f"x{j}" for j in range(p)])
    beta = np.zeros(p)
    for number in range(steps):
        recorder(number, Step(beta, 1.0, beta), 1.0)
    return recorder.records.kept


def test_a_long_fit_keeps_no_more_than_so_many_records():
    assert MOST / 2 <= len(kept_of(2, 10 * MOST)) <= MOST


def test_a_wide_fit_keeps_fewer():
    p = 20_000
    assert len(kept_of(p, 1000)) * p <= NUMBERS
    assert len(kept_of(NUMBERS, 100)) >= FEWEST / 2


def test_a_record_is_of_few_bytes_beside_its_coefficients():
    record = kept_of(2, 1)[0]
    assert sum(sys.getsizeof(value) for value in vars(record).values()) < 1000

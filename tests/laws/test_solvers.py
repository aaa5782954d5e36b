"""All solvers end at the same coefficients, or say why they cannot start."""

from dataclasses import dataclass

import numpy as np
import pytest

import nelder as nd
from nelder.engines import Threads
from nelder.errors import CapabilityError
from nelder.families import FAMILIES
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.penalties import PENALTIES
from nelder.solvers import SOLVERS, Reason, Solver
from nelder.solvers.base import Step

N = 200
PAIRS = [
    ("gaussian", (), "identity"),
    ("gaussian", (), "log"),
    ("binomial", (), "logit"),
    ("binomial", (), "cloglog"),
    ("binomial", (), "cauchit"),
    ("poisson", (), "log"),
    ("poisson", (), "sqrt"),
    ("gamma", (), "log"),
    ("gamma", (), "inverse"),
    ("inverse_gaussian", (), "log"),
    ("negative_binomial", (2.0,), "log"),
    ("quasipoisson", (), "identity"),
    ("tweedie", (1.5,), "log"),
]
LOSSES = [Loss(FAMILIES[name](*given), LINKS[link]()) for name, given, link in PAIRS]
each_pair = pytest.mark.parametrize("loss", LOSSES, ids=[f"{p[0]}-{p[2]}" for p in PAIRS])
# those that adjust a score are solved in a way of their own: see test_score_adjustments.py
each_penalty = pytest.mark.parametrize("penalty", [name for name in PENALTIES if PENALTIES[name]().adjustment is None])


@pytest.fixture(scope="module")
def drawn():
    """X (n, 3) and a response of each kind with means between ½ and 3, or ¼ and ¾."""

    def draw(family, link):
        random = np.random.default_rng(7)
        inside = (0.25, 0.75) if family.name == "binomial" else (0.5, 3.0)
        X = np.column_stack([np.ones(N), random.uniform(-1, 1, N), random.integers(0, 2, N)])
        low, high = sorted(float(link.link(np.float64(mu))) for mu in inside)
        like = getattr(family, "like", family)
        eta = low + (high - low) * (0.4 + X @ [0.0, 0.3, 0.25])
        return X, like.sample(random, Mean(link, eta), 1.0 if like.dispersion_known else 0.1, np.ones(N))

    return draw


@pytest.mark.parametrize("solver", SOLVERS)
@each_penalty
@each_pair
def test_every_solver_reaches_the_same_coefficients(loss, penalty, solver, drawn):
    family, link = loss.family, loss.link
    X, y = drawn(family, link)
    if solver == "closed_form" and not (family.name == "gaussian" and link.name == "identity"):
        with pytest.raises(CapabilityError, match="closed_form") as error:
            nd.glm_fit(X, y, family, link, solver=solver, penalty=penalty)
        assert family.label() in str(error.value) and link.label() in str(error.value)
        return
    reference = nd.glm_fit(X, y, family, link, solver="newton", penalty=penalty)
    se = np.asarray(nd.glm_fit(X, y, family, link).se)
    fit = nd.glm_fit(X, y, family, link, solver=solver, penalty=penalty)
    assert fit.converged and fit.solved.solver == solver
    assert np.all(np.abs(fit.coef - reference.coef) <= 1e-7 * se)
    assert fit.deviance == pytest.approx(reference.deviance, rel=1e-12, abs=0)


@each_penalty
@each_pair
def test_the_answer_is_stationary(loss, penalty, drawn):
    """X'(score) = the gradient of the penalty, by its own formula ½ α Σ β² without the intercept."""
    family, link = loss.family, loss.link
    X, y = drawn(family, link)
    fit = nd.glm_fit(X, y, family, link, penalty=penalty)
    alpha = {"ridge": 1.0, "unpenalised": 0.0}[penalty]
    terms = X * family.score(y, Mean(link, X @ fit.coef))[:, None]
    held = alpha * np.array([0.0, 1.0, 1.0]) * np.asarray(fit.coef)
    assert np.all(np.abs(terms.sum(axis=0) - held) <= 1e-9 * np.abs(terms).sum(axis=0))


def test_a_fixed_rate_below_the_limit_converges_too(drawn):
    family, link = FAMILIES["poisson"](), LINKS["log"]()
    X, y = drawn(family, link)
    reference = nd.glm_fit(X, y, family)
    rate = 1.0 / np.linalg.eigvalsh(np.linalg.inv(reference.covariance_unscaled))[-1]
    fit = nd.glm_fit(X, y, family, solver=nd.GradientDescent(rate=rate))
    assert fit.converged
    assert np.all(np.abs(fit.coef - reference.coef) <= 1e-7 * reference.se)


def test_a_fixed_rate_above_the_limit_diverges_and_says_the_limit(drawn):
    family, link = FAMILIES["poisson"](), LINKS["log"]()
    X, y = drawn(family, link)
    limit = 2.0 / np.linalg.eigvalsh(np.linalg.inv(nd.glm_fit(X, y, family).covariance_unscaled))[-1]
    with pytest.warns(nd.DivergedWarning, match=f"{limit:.3g}"):
        fit = nd.glm_fit(X, y, family, solver=nd.GradientDescent(rate=50 * limit))
    assert not fit.converged


@dataclass(frozen=True)
class Upward(Solver):
    """Steps that rise for ever, as those of a method that has arrived may by rounding."""

    name = "upward"

    def steps(self, objective, beta):
        while True:
            slope = objective.slope(beta)
            yield Step(beta, slope.value, slope.gradient)
            beta = beta + 1e-3


def test_a_rate_is_too_large_only_where_there_is_one(drawn):
    X, y = drawn(FAMILIES["poisson"](), LINKS["log"]())
    start = (np.asarray(nd.glm_fit(X, y, "poisson").coef) + 0.01).tolist()
    with pytest.warns(nd.NelderWarning, match="step limit"):
        fit = nd.glm_fit(X, y, "poisson", solver=Upward(start=start, max_steps=20))
    assert fit.solved.steps == 20 and fit.reason == Reason.LIMIT.value


def test_too_few_steps_are_loud(drawn):
    X, y = drawn(FAMILIES["poisson"](), LINKS["log"]())
    with pytest.warns(nd.NotConvergedWarning, match="newton did not converge in 1 steps"):
        fit = nd.glm_fit(X, y, "poisson", solver=nd.Newton(max_steps=1))
    assert not fit.converged


@pytest.mark.parametrize("name", SOLVERS)
def test_what_a_solver_is_resumed_by_is_public_and_begins_where_it_is_told(name):
    assert getattr(nd, SOLVERS[name]().resumed_by)(start=[1.0, 2.0]).start == [1.0, 2.0]


class Elsewhere(Threads):
    """Rows that are not in this process."""

    name = "elsewhere"
    holds_rows = False


def test_solvers_that_need_rows_refuse_engines_without(drawn):
    from dataclasses import replace

    fit = nd.glm_fit(*drawn(FAMILIES["poisson"](), LINKS["log"]()), "poisson")
    objective = replace(fit.objective, engine=Elsewhere(1))
    refusals = {name: SOLVERS[name]().refusal(objective) for name in SOLVERS}
    refusals.pop("closed_form")
    refused = refusals.pop("stochastic_gradient_descent")
    assert "stochastic_gradient_descent" in refused and "elsewhere" in refused
    assert set(refusals.values()) == {None}

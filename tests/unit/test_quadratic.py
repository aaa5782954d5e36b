"""The two local models: parts add up to the whole, and both take the same step."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.engines import merge
from nelder.linalg import triangle
from nelder.penalties import PENALTIES, Ridge
from nelder.quadratic import Gram, Triangle

ROWS, P = 30, 3


def model_of(form, X, weight, score, value=1.0):
    """The local model of some rows from its definition: weighted rows, and −score as the gradient."""
    gradient, noise = -X.T @ score, float(weight.sum()) * 1e-32
    if form is Gram:
        return Gram(value, gradient, X.T @ (weight[:, None] * X), noise)
    return Triangle(value, gradient, triangle(np.sqrt(weight)[:, None] * X), noise)


def rows(seed, n=ROWS, scale=(1.0, 1.0, 1.0)):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, P)) * scale, random.uniform(0.5, 2.0, n), random.normal(size=n)


def cut(data, at):
    ends = [0, *sorted(at), ROWS]
    return [tuple(each[a:b] for each in data) for a, b in pairwise(ends) if b > a]


@pytest.mark.parametrize("form", [Gram, Triangle])
@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), at=st.lists(st.integers(0, ROWS), max_size=6))
def test_parts_add_up_to_the_whole(form, seed, at):
    data = rows(seed)
    parts = cut(data, at)
    whole, merged = model_of(form, *data), merge([model_of(form, *part) for part in parts])
    assert merged.value == len(parts)
    assert merged.noise == pytest.approx(whole.noise, rel=1e-12, abs=0)
    assert merged.gradient == pytest.approx(whole.gradient, rel=1e-12, abs=1e-12)
    assert merged.information == pytest.approx(whole.information, rel=1e-12, abs=1e-12)
    assert merged.newton().delta == pytest.approx(whole.newton().delta, rel=1e-10, abs=1e-12)
    assert merged.newton().decrement == pytest.approx(whole.newton().decrement, rel=1e-10, abs=0)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), powers=st.lists(st.integers(-40, 40), min_size=P, max_size=P))
def test_both_models_take_the_newton_step(seed, powers):
    scale = np.ldexp(1.0, powers)
    X, weight, score = rows(seed)
    expected = np.linalg.solve(X.T @ (weight[:, None] * X), X.T @ score)
    for form in (Gram, Triangle):
        direction = model_of(form, X * scale, weight, score).newton()
        assert scale * direction.delta == pytest.approx(expected, rel=1e-9, abs=1e-11)
        assert direction.decrement == pytest.approx(expected @ X.T @ score, rel=1e-9, abs=0)


@pytest.mark.parametrize("form", [Gram, Triangle])
def test_factored_is_the_inverse_information(form):
    X, weight, score = rows(5)
    inverse = model_of(form, X, weight, score).factored.inverse()
    assert inverse == pytest.approx(np.linalg.inv(X.T @ (weight[:, None] * X)), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("form", [Gram, Triangle])
def test_a_singular_model_has_no_step(form):
    X, weight, score = rows(1)
    X[:, 2] = 0.0
    model = model_of(form, X, weight, score)
    assert model.newton() is None and model.factored is None


def test_a_gram_knows_when_it_is_unsafe_and_a_triangle_still_leads_to_the_answer():
    """Condition 1e7 in X: a Gram is left with two digits or none; steps of a Triangle come ever nearer."""
    X, weight, _ = rows(2)
    X[:, 2] = X[:, 1] + 1e-7 * X[:, 2]
    beta = np.array([1.0, -2.0, 3.0])
    score = weight * (X @ beta)
    assert model_of(Gram, *rows(2)).safe
    assert not model_of(Gram, X, weight, score).safe
    at = np.zeros(P)
    for _ in range(8):
        at = at + model_of(Triangle, X, weight, weight * (X @ (beta - at))).newton().delta
    # rounding of the score is worth 1e-16 × 1e7
    assert at == pytest.approx(beta, rel=1e-8)


@pytest.mark.parametrize("form", [Gram, Triangle])
def test_the_smallest_eigenvalue_decides_not_the_smallest_row(form):
    """Fewer rows than columns are no obstacle to merging."""
    data = rows(9)
    single = [model_of(form, *part) for part in cut(data, range(ROWS))]
    assert len(single) == ROWS
    assert merge(single).newton().delta == pytest.approx(model_of(form, *data).newton().delta, rel=1e-9)


@pytest.mark.parametrize("form", [Gram, Triangle])
@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_is_added_to_either_model(form, name):
    X, weight, score = rows(4)
    penalty, beta, free = PENALTIES[name](), np.array([0.5, -1.0, 2.0]), np.array([0.0, 1.0, 1.0])
    model = penalty.added_to(model_of(form, X, weight, score), beta, free)
    strength = penalty.strength(free)
    assert model.value == pytest.approx(1.0 + 0.5 * np.sum(strength * beta**2), rel=1e-15)
    assert model.gradient == pytest.approx(-X.T @ score + strength * beta, rel=1e-13)
    information = X.T @ (weight[:, None] * X) + np.diag(strength)
    assert model.information == pytest.approx(information, rel=1e-12, abs=1e-13)
    assert model.newton().delta == pytest.approx(-np.linalg.solve(information, model.gradient), rel=1e-11)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_has_the_gradient_of_its_value(name):
    penalty, beta, free = PENALTIES[name](), np.array([0.5, -1.0, 2.0]), np.array([0.0, 1.0, 1.0])
    # a parabola: its central difference is exact
    numeric = [(penalty.value(beta + e, free) - penalty.value(beta - e, free)) / 2 for e in np.eye(3)]
    assert penalty.gradient(beta, free) == pytest.approx(numeric, rel=1e-14, abs=1e-15)
    assert penalty.gradient(beta, free)[0] == 0 and penalty.value(beta, np.zeros(3)) == 0


def test_a_ridge_of_any_strength_is_a_ridge():
    assert Ridge(2.5).strength(np.array([0.0, 1.0])).tolist() == [0.0, 2.5]

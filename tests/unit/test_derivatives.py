"""The derivative of an expression of a formula: every function, every operator and every transform."""

import ast

import numpy as np
import pytest

import nelder as nd
from nelder.formula import parse
from nelder.formula.allowed import FUNCTIONS, OPERATORS
from nelder.formula.transforms import TRANSFORMS
from nelder.inference.effects.derivatives import derivative
from nelder.inference.effects.slopes import slopes
from nelder.inference.partials import FUNCTION_PARTIALS, OPERATOR_PARTIALS
from nelder.sources import Labels, Numbers

X = np.array([0.11, 0.2, 0.35, 0.48, 0.62, 0.77, 0.9])
Z = np.array([1.3, 0.7, 2.1, 0.4, 1.9, 1.1, 0.8])
CHUNK = {"x": Numbers(X), "z": Numbers(Z), "g": Labels(np.array([0, 1, 0, 1, 0, 1, 0]), ("a", "b"))}
ROWS = np.arange(len(X))

SMOOTH = [
    *(f"{name}(x)" for name in ("abs", "absolute", "arccos", "arcsin", "arctan", "cbrt", "cos", "cosh", "degrees")),
    *(f"{name}(x)" for name in ("exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "radians", "sin", "sinh")),
    *(f"{name}(x)" for name in ("sqrt", "square", "tan", "tanh", "I")),
    *(f"{name}(x, z)" for name in ("arctan2", "hypot", "logaddexp", "maximum", "minimum", "fmax", "fmin", "power")),
    *(f"{name}(z, x)" for name in ("arctan2", "hypot", "logaddexp", "power")),
    *("clip(x, 0.3, 0.7)", "where(z > 1, x, x**2)", "where(x, z, 1)", "np.log(x)"),
    *("x + z", "z - x", "x * z", "x / z", "z / x", "x**3", "x**z", "2**x", "x**-1", "-x", "+x"),
    *("log(x * z + 1) / (1 + exp(-x))", "x * x * x", "sqrt(x**2 + z**2)", "(g == 'a') * x", "x * (x > 0.4)"),
]
STEPS = [
    *(f"{name}(10 * x)" for name in ("ceil", "floor", "rint", "sign", "trunc", "isfinite")),
    *("x // 0.3", "x > 0.4", "(x > 0.4) & (z > 1)", "(x > 0.4) | (z > 1)", "~x", "z", "z + 1", "g == 'a'", "3"),
]


def value(text, x):
    return parse(text).evaluate({**CHUNK, "x": Numbers(x)}, {}, ROWS)


def by_differences(text, h=1e-3):
    """To the eighth order, which leaves rounding."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return sum(w * (value(text, X + k * h) - value(text, X - k * h)) / h for k, w in weights.items())


@pytest.mark.parametrize("text", SMOOTH)
def test_it_is_the_limit_of_differences(text):
    found = derivative(parse(text), "x", CHUNK, {}, 1.0)
    assert np.broadcast_to(found, X.shape) == pytest.approx(by_differences(text), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("text", STEPS)
def test_steps_and_other_columns_do_not_slope(text):
    assert not np.any(derivative(parse(text), "x", CHUNK, {}, 1.0))


def test_a_remainder_slopes_between_its_jumps():
    assert derivative(parse("x % 0.3"), "x", CHUNK, {}, 1.0) == pytest.approx(np.ones(7))
    assert derivative(parse("z % x"), "x", CHUNK, {}, 1.0) == pytest.approx(-np.floor(Z / X))


def test_every_function_and_operator_has_its_derivative():
    assert set(FUNCTION_PARTIALS) == set(FUNCTIONS)
    comparisons = {ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE}
    assert set(OPERATOR_PARTIALS) == set(OPERATORS) - comparisons
    tested = " ".join([*SMOOTH, *STEPS])
    assert all(f"{name}(" in tested for name in FUNCTIONS)
    assert set(TRANSFORMS) == {"C", "bs", "cc", "center", "cr", "cs", "poly", "scale"}


def learned(text, x):
    states = {}
    expression = parse(text)
    expression.evaluate({"x": Numbers(x)}, states, np.arange(len(x)), learn=True)
    return expression, states


def basis(expression, states, x):
    made = expression.evaluate({"x": Numbers(x)}, states, np.arange(len(x)))
    return made.values if hasattr(made, "values") else made[:, None]


TRANSFORMED = [
    *("bs(x, df=6)", "bs(x, df=5, degree=2)", "bs(x, knots=[30, 60], degree=5)", "cr(x, df=5)", "cs(x, df=4)"),
    *("cc(x, df=5)", "poly(x, 4)", "poly(x, 6)", "poly(x, 2, raw=True)", "scale(x)", "center(x)", "bs(log(x), df=5)"),
    "bs(x, df=5, include_intercept=True)",
]


@pytest.mark.parametrize("text", TRANSFORMED)
def test_a_transform_has_the_slope_of_its_polynomials(text):
    x = np.linspace(1.0, 100.0, 41)
    expression, states = learned(text, x)
    inside = np.linspace(1.7, 99.1, 57)
    h = 1e-3
    near, far = (basis(expression, states, inside + k * h) - basis(expression, states, inside - k * h) for k in (1, 2))
    wanted = (8 * near - far) / (12 * h)
    found = derivative(expression, "x", {"x": Numbers(inside)}, states, 10.0)
    assert np.broadcast_to(found.reshape(-1, wanted.shape[1]), wanted.shape) == pytest.approx(
        wanted, rel=1e-6, abs=1e-8
    )


def test_splines_agree_with_scipy_at_knots_and_ends():
    from scipy.interpolate import BSpline

    x = np.linspace(2.0, 9.0, 30)
    expression, states = learned("bs(x, df=6)", x)
    knots = np.array(next(iter(states.values()))["knots"])
    points = np.unique(np.r_[knots, 3.3])
    ours = derivative(expression, "x", {"x": Numbers(points)}, states, 1.0)
    every = [BSpline(knots, np.eye(len(knots) - 4)[k], 3).derivative()(points) for k in range(1, len(knots) - 4)]
    assert ours == pytest.approx(np.array(every).T, rel=1e-12, abs=1e-13)


def test_a_cyclic_spline_slopes_alike_a_period_apart():
    x = np.linspace(0.0, 24.0, 30)
    expression, states = learned("cc(x, df=5, extrapolation='extend')", x)
    near, far = (derivative(expression, "x", {"x": Numbers(p + np.array([3.0, 11.0]))}, states, 1.0) for p in (0, 48))
    assert near == pytest.approx(far, rel=1e-10)


def test_a_spline_goes_on_beyond_its_ends_as_it_was_told():
    x = np.linspace(0.0, 10.0, 30)
    beyond = {"x": Numbers(np.array([-2.0, 12.0]))}
    expression, states = learned("bs(x, df=4, extrapolation='clip')", x)
    assert np.abs(derivative(expression, "x", beyond, states, 1.0)).max() < 1e-14
    expression, states = learned("bs(x, df=4, extrapolation='extend')", x)
    h = 1e-3
    points = beyond["x"].values
    near, far = (basis(expression, states, points + k * h) - basis(expression, states, points - k * h) for k in (1, 2))
    assert derivative(expression, "x", beyond, states, 1.0) == pytest.approx((8 * near - far) / (12 * h), rel=1e-7)


def test_a_column_far_from_zero_keeps_its_digits():
    """A polynomial in calendar years is the same curve as in years since 2000, where nothing cancels."""
    random = np.random.default_rng(5)
    years = np.arange(1990.0, 2021.0)
    data = {"year": years, "since": years - 2000, "y": random.poisson(np.exp(1 + 0.02 * (years - 2000)))}
    far = nd.glm("y ~ poly(year, 3)", data, "poisson")
    near = nd.glm("y ~ since + I(since**2) + I(since**3)", data, "poisson")
    a, b = slopes(far), slopes(near)
    assert a.values == pytest.approx(b.values, rel=1e-8)
    assert a.se == pytest.approx(b.se, rel=1e-8)


def test_a_steep_place_that_does_not_move_adds_nothing():
    chunk = {"x": Numbers(np.array([1.0, 2.0])), "z": Numbers(np.array([0.0, 0.0]))}
    assert derivative(parse("sqrt(z) * x"), "x", chunk, {}, 1.0) == pytest.approx([0.0, 0.0])
    assert derivative(parse("x**2"), "x", {"x": Numbers(np.array([0.0, -3.0]))}, {}, 1.0) == pytest.approx([0.0, -6.0])

"""Functions of the coefficients: their derivatives, and what an expression may not hold."""

import math

import mpmath
import numpy as np
import pytest

import nelder as nd
from nelder.inference.covariances.covariance import with_covariance
from nelder.inference.hypotheses.delta import delta, delta_estimates
from nelder.inference.hypotheses.dual import FUNCTIONS, PARTIALS
from nelder.inference.hypotheses.linear import hypotheses

N = 50


def fit_of(**options):
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=N), "z": random.normal(size=N), "g": random.choice(["a", "b - 2"], N)}
    mu = np.exp(0.5 + 0.4 * data["x"] - 0.3 * data["z"])
    return nd.glm(
        "y ~ x + z + g + log(w)",
        data | {"y": random.gamma(2.0, mu / 2), "w": random.random(N) + 0.5},
        "gamma",
        "log",
        **options,
    )


FIT = fit_of()
VALUES = dict(zip(("i", "x", "z", "g", "w"), np.asarray(FIT.coef).tolist(), strict=True))


def by_hand(function):
    """Value and standard error by derivatives to thirty digits, with mpmath."""
    mpmath.mp.dps = 40
    at = [mpmath.mpf(value) for value in VALUES.values()]
    value = function(*at)
    gradient = [mpmath.diff(function, tuple(at), tuple(int(i == j) for i in range(5))) for j in range(5)]
    covariance = FIT.covariance()
    variance = sum(gradient[i] * gradient[j] * covariance[i, j] for i in range(5) for j in range(5))
    return float(value), float(mpmath.sqrt(variance))


EXPRESSIONS = {
    "exp(x)": lambda i, x, z, g, w: mpmath.exp(x),
    "x / z": lambda i, x, z, g, w: x / z,
    "(Intercept + x) / z - 1": lambda i, x, z, g, w: (i + x) / z - 1,
    "(Intercept) * 2": lambda i, x, z, g, w: 2 * i,
    "x**2 + Intercept^2 / 3": lambda i, x, z, g, w: x**2 + i**2 / 3,
    "Intercept**x": lambda i, x, z, g, w: i**x,
    "2**-z": lambda i, x, z, g, w: mpmath.mpf(2) ** -z,
    "z**3 * g[T.b - 2]": lambda i, x, z, g, w: z**3 * g,
    "log(w) * log(x**2)": lambda i, x, z, g, w: w * mpmath.log(x**2),
    "np.exp(`log(w)`)": lambda i, x, z, g, w: mpmath.exp(w),
    "expit(Intercept) - logit(x)": lambda i, x, z, g, w: 1 / (1 + mpmath.exp(-i)) - mpmath.log(x / (1 - x)),
    "sqrt(exp(x) + 1) * 1e-3": lambda i, x, z, g, w: mpmath.sqrt(mpmath.exp(x) + 1) / 1000,
    "-x": lambda i, x, z, g, w: -x,
    "+abs(z)": lambda i, x, z, g, w: abs(z),
}


@pytest.mark.parametrize("text", list(EXPRESSIONS))
def test_expressions_have_exact_derivatives(text):
    found = delta(FIT, text)
    assert found["function"].tolist() == [text]
    assert [found["estimate"][0], found["se"][0]] == pytest.approx(by_hand(EXPRESSIONS[text]), rel=1e-12)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_function_has_its_derivative(name):
    function, slope = FUNCTIONS[name], lambda x: PARTIALS[name](x)[0]
    mpmath.mp.dps = 30
    theirs = {"arctan": mpmath.atan, "arcsin": mpmath.asin, "arccos": mpmath.acos, "exp2": lambda x: 2**x}
    theirs |= {"abs": abs, "absolute": abs, "I": lambda x: x, "square": lambda x: x**2, "sqrt": mpmath.sqrt}
    theirs |= {"expit": lambda x: 1 / (1 + mpmath.exp(-x))}
    theirs |= {"log2": lambda x: mpmath.log(x, 2), "logit": lambda x: mpmath.log(x / (1 - x))}
    truth = theirs.get(name) or getattr(mpmath, name)
    for x in (0.02, 0.37, 0.93):
        assert function(x) == pytest.approx(float(truth(mpmath.mpf(x))), rel=1e-14)
        assert slope(x) == pytest.approx(float(mpmath.diff(truth, mpmath.mpf(x))), rel=1e-12)
    if name == "expit":
        assert (function(-800.0), slope(-800.0), function(800.0), slope(800.0)) == (0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("text", ["exp(x)", "x / z", "(Intercept + x) / z - 1", "sqrt(exp(x) + 1) * 1e-3"])
def test_a_python_function_gives_what_its_expression_gives(text):
    scope = {"exp": np.exp, "sqrt": np.sqrt}

    def function(beta):
        return eval(text, scope, {"x": beta["x"], "z": beta["z"], "Intercept": beta["Intercept"]})

    ours, theirs = delta(FIT, function), delta(FIT, text)
    assert ours["function"][0] == "function"
    assert ours["estimate"][0] == theirs["estimate"][0]
    assert ours["se"][0] == pytest.approx(theirs["se"][0], rel=1e-8)


def test_a_function_may_give_a_vector():
    made = delta_estimates(FIT, lambda beta: np.array([beta["x"] / beta["z"], 1e6 * np.exp(beta["x"]), beta["z"]]))
    direct = delta_estimates(FIT, ["x / z", "1e6 * exp(x)", "z"])
    assert np.allclose(made.covariance, direct.covariance, rtol=1e-7)
    assert list(made.labels["function"]) == ["<lambda>[1]", "<lambda>[2]", "<lambda>[3]"]


def test_a_linear_function_is_a_hypothesis():
    ours, theirs = delta(FIT, "2*x - z"), hypotheses(FIT, "2*x - z")
    for column in ("estimate", "se", "lower", "upper"):
        assert ours[column][0] == pytest.approx(theirs[column][0], rel=1e-12)


def test_the_level_and_the_covariance_in_use_are_taken():
    robust = with_covariance(FIT, "HC3")
    assert delta(robust, "x")["se"][0] == pytest.approx(robust.se["x"], rel=1e-12)
    wide, narrow = delta(FIT, "x / z", 0.99), delta(FIT, "x / z", 0.5)
    assert wide["upper"][0] - wide["lower"][0] > 3 * (narrow["upper"][0] - narrow["lower"][0])
    assert wide["upper"][0] - wide["lower"][0] == pytest.approx(2 * wide["se"][0] * 2.689585019, rel=1e-6)  # t on 45 df


REFUSED = {
    "exp(u)": ("UnknownNameError", "unknown coefficient or function 'u'"),
    "expp(x)": ("UnknownNameError", r"unknown coefficient or function 'expp\(x\)': did you mean"),
    "g[T.c]": ("UnknownNameError", r"unknown coefficient or function 'g\[T.c\]': did you mean 'g\[T.b - 2\]'"),
    "x.real": ("UnknownNameError", "unknown coefficient or function 'x.real'"),
    "__import__('os')": ("UnknownNameError", "unknown coefficient or function"),
    "g": ("InputError", "'g' in 'g' is a term with the coefficients"),
    "x = 1": ("InputError", "cannot read the expression"),
    "x if z else 1": ("UnknownNameError", "unknown"),
    "x z": ("UnknownNameError", "unknown coefficient or function 'x z'"),
    "2 x": ("InputError", "cannot read the expression"),
    "(x": ("InputError", "cannot read the expression"),
    "": ("InputError", "cannot read the expression"),
    "x, z": ("InputError", "give them as a list"),
    "[x]": ("InputError", "list in the expression"),
    "x < 1": ("UnknownNameError", "unknown"),
    "x // z": ("InputError", "floordiv in the expression"),
    "~x": ("InputError", "invert in the expression"),
    "'a' + x": ("UnknownNameError", "unknown"),
    "exp(x, z)": ("InputError", "takes one argument"),
    "exp()": ("InputError", "takes one argument"),
    "1 + 2": ("InputError", "does not depend on any coefficient"),
    "x - x": ("InputError", "does not depend on any coefficient"),
    "x / 0": ("InputError", "has no value at the coefficients"),
    "log(-Intercept)": ("InputError", "has no value at the coefficients"),
    "(-Intercept)**0.5": ("InputError", "has no value at the coefficients"),
    "exp(1e9 * Intercept)": ("InputError", "has no value at the coefficients"),
    "10**10**10 * x": ("InputError", "has no value at the coefficients"),
    "2j * x": ("UnknownNameError", "unknown coefficient or function 'j'"),
    "-" * 3000 + "x": ("InputError", "nested too deeply|cannot read"),
    "x" + " + x" * 5000: ("InputError", "too long"),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items(), ids=[text[:20] or "empty" for text in REFUSED])
def test_what_is_not_allowed_is_refused_in_words(text, expected):
    with pytest.raises(nd.InputError, match=expected[1]) as raised:
        delta(FIT, text)
    assert raised.type.__name__ in expected[0].split("|")


def test_where_a_function_has_no_slope_it_has_no_standard_error():
    zero = nd.glm_fit(np.ones((4, 1)), [1.0, -1.0, 2.0, -2.0])
    assert zero.coef["x1"] == 0.0
    for text in ("sqrt(x1)", "abs(x1)", "x1**0.5"):
        with pytest.raises(nd.InputError, match="has no derivative at the coefficients"):
            delta(zero, text)
    for text in ("log(x1)", "1 / x1", "x1**-1"):
        with pytest.raises(nd.InputError, match="has no value at the coefficients"):
            delta(zero, text)
    for flat in ("x1**2", "cos(x1)", "x1**0"):
        with pytest.raises(nd.InputError, match="to first order"):
            delta(zero, flat)
    assert delta(zero, "exp(x1)")["se"][0] == pytest.approx(zero.se["x1"], rel=1e-14)


def test_things_that_are_no_functions_are_refused():
    for given in (None, 3, {"x": 1}, [], ["x", 1]):
        with pytest.raises(nd.InputTypeError, match="a function of the coefficients is a text"):
            delta(FIT, given)
    with pytest.raises(nd.DataError, match="it must give a number or a vector"):
        delta(FIT, lambda beta: np.ones((2, 2)))
    with pytest.raises(nd.InputError, match="is nan at the coefficients"):
        delta(FIT, lambda beta: np.log(-beta["Intercept"]))
    with pytest.raises(nd.InputError, match="does not depend on any coefficient"):
        delta(FIT, lambda beta: 3.0)
    with pytest.raises(nd.UnknownNameError, match="unknown name 'u'"):
        delta(FIT, lambda beta: beta["u"])


def test_a_function_with_a_jump_has_no_derivative():
    edge = FIT.coef["x"]
    with pytest.raises(nd.InputError, match="no derivative that differences can find"):
        delta(FIT, lambda beta: math.copysign(1.0, beta["x"] - edge))


def test_aliased_and_infinite_coefficients_have_no_standard_error():
    x = np.linspace(0, 1, 20)
    with pytest.warns(nd.AliasedWarning):
        aliased = nd.glm("y ~ x + I(2*x)", {"y": x**2, "x": x})
    with pytest.raises(nd.InputError, match=r"names 'I\(2 \* x\)', which is aliased"):
        delta(aliased, "x / I(2*x)")
    with pytest.raises(nd.InputError, match="leave out those that are aliased or infinite"):
        delta(aliased, lambda beta: beta["x"] / beta["I(2 * x)"])
    assert np.isfinite(delta(aliased, "exp(x)")["se"][0])
    with pytest.warns(nd.BoundaryWarning):
        limit = nd.glm("y ~ g", {"y": [0, 1, 0, 1, 1, 1], "g": list("aaaabb")}, "binomial")
    with pytest.raises(nd.InputError, match="which is not finite"):
        delta(limit, "exp(g[T.b])")
    assert delta(limit, "expit(Intercept)")["estimate"][0] == pytest.approx(0.5)
    assert delta(limit, "expit(Intercept)")["se"][0] == pytest.approx(0.25, rel=1e-9)


def test_penalised_fits_have_none():
    with pytest.raises(nd.CapabilityError, match="penalised"):
        delta(fit_of(penalty=nd.Ridge(1.0)), "exp(x)")


def test_a_loaded_fit_answers_too(tmp_path):
    FIT.save(tmp_path / "fit.json")
    assert delta(nd.load(tmp_path / "fit.json"), "x / z")["se"][0] == pytest.approx(
        delta(FIT, "x / z")["se"][0], rel=1e-9
    )

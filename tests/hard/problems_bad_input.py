"""What cannot be fitted has to be refused, by the name of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from problem import Problem, Verdict
from truth import refused

import nelder as nd

X = np.column_stack([np.ones(8), np.arange(8.0)])
Y = np.array([1.0, 0, 2, 1, 3, 2, 5, 4])
NAN, INF = float("nan"), float("inf")
# each problem is this one with something wrong in it
SOUND = Problem("", refused, X, Y, "poisson", "log", expected=Verdict.HONEST)


def problems() -> Iterator[Problem]:
    """All of this group."""
    yield from of_responses()
    yield from of_designs()
    yield from of_weights_and_offsets()
    yield from of_models()
    yield from of_domains()
    yield from of_formulas()


def at(value: float, row: int = 3, values: np.ndarray = Y) -> np.ndarray:
    """The values with another in one row."""
    return np.where(np.arange(len(values)) == row, value, values)


def of_responses() -> Iterator[Problem]:
    """Responses no family can have produced."""
    yield replace(SOUND, name="y with nan", says="row 3", y=at(NAN))
    yield replace(SOUND, name="y with inf", says="row 3", y=at(INF))
    yield replace(SOUND, name="a negative count", says="row 3", y=at(-1))
    yield replace(SOUND, name="a negative count, theta 2", says="row 3", y=at(-1), family="negative_binomial(2)")
    yield replace(SOUND, name="a negative claim", says="row 3", y=at(-1e-300), family="tweedie(1.5)")
    yield replace(SOUND, name="gamma of zero", says="positive", family="gamma")
    yield replace(SOUND, name="inverse Gaussian of zero", says="positive", family="inverse_gaussian")
    yield replace(SOUND, name="Tweedie of power 3 of zero", says="positive", family="tweedie(3)")
    yield replace(SOUND, name="a proportion above one", says="[0, 1]", y=Y / 3, family="binomial", link="logit")
    yield replace(SOUND, name="counts for proportions", says="trials", family="binomial", link="logit")
    yield replace(
        SOUND, name="ones and twos for a logit", says="[0, 1]", y=1 + (Y > 2), family="binomial", link="logit"
    )
    yield replace(SOUND, name="a y of 1e200", says="1e+200", y=at(1e200), family="gaussian", link="identity")
    yield replace(SOUND, name="y of 1e-200", says="e-200", y=1e-200 * (1 + Y), family="gamma")
    yield replace(SOUND, name="strings", says="strings", y=np.array(list("abcdefgh")))
    yield replace(SOUND, name="numbers as strings", says="strings", y=np.array([str(v) for v in Y]))
    yield replace(SOUND, name="complex numbers", says="complex", y=Y + 1j)
    yield replace(SOUND, name="dates", says="dates", y=np.arange("2020-01-01", "2020-01-09", dtype="M8[D]"))
    yield replace(SOUND, name="y that is too short", says="7 values for 8 rows", y=Y[:7])
    yield replace(SOUND, name="y of three columns", says="shape (8, 3)", y=np.ones((8, 3)))
    yield replace(SOUND, name="two columns for Poisson", says="successes", y=np.column_stack([Y, Y]))
    yield replace(
        SOUND, name="negative failures", says="negative", y=np.column_stack([Y, Y - 3]), family="binomial", link="logit"
    )
    yield replace(SOUND, name="no trials at all", says="zero", y=np.zeros((8, 2)), family="binomial", link="logit")
    yield replace(SOUND, name="y of None", says="rows 0", y=[None] * 8)
    yield replace(SOUND, name="y a number", says="8 rows", y=3.0)


def of_designs() -> Iterator[Problem]:
    """Designs that are none."""
    yield replace(SOUND, name="X with nan", says="row 3", X=np.column_stack([np.ones(8), at(NAN)]))
    yield replace(SOUND, name="X with inf", says="row 3", X=np.column_stack([np.ones(8), at(-INF)]))
    yield replace(SOUND, name="X of strings", says="strings", X=np.array([["a", "b"]] * 8))
    yield replace(SOUND, name="X that is ragged", says="ragged", X=[[1.0, 2.0], [1.0]] * 4)
    yield replace(SOUND, name="X of three dimensions", says="dimensions", X=np.ones((8, 2, 2)))
    yield replace(SOUND, name="no columns", says="columns", X=np.ones((8, 0)))
    yield replace(SOUND, name="no rows", says="rows", X=np.ones((0, 2)), y=np.ones(0))
    yield replace(SOUND, name="a column of zeros alone", says="zero", X=np.zeros((8, 1)))
    yield replace(SOUND, name="a column of 1e200", says="x2", X=X * [1, 1e200])
    yield replace(SOUND, name="a column of 1e-200", says="x2", X=X * [1, 1e-200])
    yield replace(SOUND, name="a column of 1e200 in one row", says="x2", X=np.column_stack([np.ones(8), at(1e200)]))
    yield replace(SOUND, name="objects", says="X", X=np.array([[object(), 1.0]] * 8))
    yield replace(SOUND, name="None in X", says="X", X=np.array([[1.0, None]] * 8, dtype=object))
    yield replace(SOUND, name="whole numbers beyond 1e308", says="X", X=[[1, 10**400]] * 8)


def of_weights_and_offsets() -> Iterator[Problem]:
    """Weights and offsets that mean nothing."""
    yield replace(SOUND, name="a negative weight", says="weights", weights=at(-1.0, values=np.ones(8)))
    yield replace(SOUND, name="a weight of nan", says="weights", weights=at(NAN, values=np.ones(8)))
    yield replace(SOUND, name="a weight of inf", says="weights", weights=at(INF, values=np.ones(8)))
    yield replace(SOUND, name="weights of zero", says="weights", weights=np.zeros(8))
    yield replace(SOUND, name="weights that are too few", says="weights", weights=np.ones(5))
    yield replace(SOUND, name="weights in a table", says="weights", weights=np.ones((8, 2)))
    yield replace(SOUND, name="frequencies of a half", says="whole", weights=nd.frequency(np.full(8, 0.5)))
    yield replace(SOUND, name="frequencies below zero", says="weights", weights=nd.frequency(-np.ones(8)))
    yield replace(SOUND, name="an offset of nan", says="offset", offset=at(NAN))
    yield replace(SOUND, name="an offset of minus infinity", says="offset", offset=at(-INF))
    yield replace(SOUND, name="an offset that is too long", says="offset", offset=np.zeros(9))
    yield replace(SOUND, name="an offset of strings", says="offset", offset=np.array(list("abcdefgh")))


def of_models() -> Iterator[Problem]:
    """Families and links that do not exist."""
    yield replace(SOUND, name="an unknown family", says="poisson", family="poison")
    yield replace(SOUND, name="statsmodels' name of a link", says="link", family="poisson", link="ln")
    yield replace(SOUND, name="a power of a half", says="power", family="tweedie(0.5)")
    yield replace(SOUND, name="a power of one", says="poisson", family="tweedie(1)")
    yield replace(SOUND, name="a theta of zero", says="theta", family="negative_binomial(0)")
    yield replace(SOUND, name="a theta below zero", says="theta", family="negative_binomial(-1)")
    yield replace(SOUND, name="a theta of nan", says="theta", family="negative_binomial(nan)")
    yield replace(SOUND, name="a link to the power of zero", says="power", family="gamma", link="power(0)")
    yield replace(SOUND, name="an unknown quasi-variance", says="mu", family="quasi(mu^5)")
    yield replace(SOUND, name="a family that is a number", says="family", family=3)  # type: ignore[arg-type]


def of_domains() -> Iterator[Problem]:
    """No coefficients give every row a mean that is allowed."""
    around = np.arange(8.0)[:, None] - 3.5
    yield replace(
        SOUND, name="identity-Poisson without an intercept", says="mean", X=around, family="poisson", link="identity"
    )
    yield replace(
        SOUND, name="inverse gamma without an intercept", says="mean", X=around, y=1 + Y, family="gamma", link="inverse"
    )
    yield replace(SOUND, name="square roots without an intercept", says="mean", X=around, family="poisson", link="sqrt")
    events, ones = (Y > 1) + 0.0, np.ones(8)
    yield replace(
        SOUND,
        name="log-binomial at an offset of one",
        says="mean",
        X=around,
        y=events,
        family="binomial",
        link="log",
        offset=ones,
    )
    yield replace(
        SOUND,
        name="a row of zeros, identity",
        says="mean",
        X=np.arange(8.0)[:, None],
        y=1 + Y,
        family="gamma",
        link="identity",
    )
    yield replace(
        SOUND,
        name="offsets below every mean",
        says="mean",
        X=around,
        y=1 + Y,
        family="gamma",
        link="identity",
        offset=-ones,
    )


def of_formulas() -> Iterator[Problem]:
    """Formulas and tables that do not go together."""
    table = {"y": Y, "x": np.arange(8.0), "g": np.array(list("aabbccdd")), "constant": np.array(["k"] * 8)}
    for name, formula, says in (
        ("a column that does not exist", "y ~ z", "z"),
        ("a response that does not exist", "claims ~ x", "claims"),
        ("a formula without a response", "~ x", "response"),
        ("a formula that ends too soon", "y ~ x +", "y ~ x +"),
        ("logarithms of zero", "y ~ log(x)", "log(x)"),
        ("a function that is not known", "y ~ eval(x)", "eval"),
        ("an attribute", "y ~ x.__class__", "x.__class__"),
        ("a response of categories", "g ~ x", "g"),
        ("nothing to fit", "y ~ 0", "columns"),
        ("one level only", "y ~ constant", "constant"),
    ):
        yield replace(SOUND, name=name, says=says, formula=formula, table=table)
    yield replace(
        SOUND,
        name="a table with columns of two lengths",
        says="length",
        formula="y ~ x",
        table={**table, "x": np.arange(7.0)},
    )
    empty = {"y": np.full(8, NAN), "x": np.arange(8.0)}
    yield replace(SOUND, name="a table without a complete row", says="none", formula="y ~ x", table=empty)

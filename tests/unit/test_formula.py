"""Formulas: what they may hold, what they learn, and what they say about rows they cannot use."""

import contextlib
import re
import resource
import subprocess
import sys
import time
import warnings
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder as nd
from nelder.formula.elsewhere import ELSEWHERE
from nelder.sources import source_of

N = 12


@pytest.fixture
def data():
    return {
        "y": np.array([1.0, 2, 4, 3, 6, 7, 5, 8, 2, 9, 4, 6]),
        "x": np.array([1.0, 2, 3, 4, 5, 6, 7, 9, 8, 2, 4, 3]),
        "z": np.array([0.5, 2, 1, 4, 2, 2, 7, 1, 3, 3, 5, 1]),
        "a": list("uvwuvwuvwuvw"),
        "long name": np.array([1.0, 3, 2, 4, 5, 2, 1, 2, 4, 4, 1, 3]),
        "f": np.array([0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0]),
    }


def matrix_fit(columns, y):
    return nd.glm_fit(np.column_stack([np.ones(len(y)), *columns]), y)


def assert_same_fit(formula_fit, arrays_fit):
    assert np.allclose(formula_fit.coef, arrays_fit.coef, rtol=1e-10, atol=1e-12)
    assert np.isclose(formula_fit.deviance, arrays_fit.deviance, rtol=1e-10)


# The allow-list


HOSTILE = [
    "__import__('os').system('touch {marker}')",
    "__import__('os')",
    "x.__class__",
    "x.__class__.__mro__[1].__subclasses__()",
    "().__class__",
    "lambda: x",
    "(lambda: x)()",
    "[i for i in x]",
    "(i for i in x)",
    "{{i for i in x}}",
    "(q := x)",
    "f'{{x}}'",
    "x[0]",
    "x[::2]",
    "I(*x)",
    "np.log(**x)",
    "np.log(x=1, **z)",
    "np.linalg.norm(x)",
    "np.load('{marker}')",
    "np.save('{marker}', x)",
    "x.tofile('{marker}')",
    "np.x.tofile('{marker}')",
    'exec(\'open("{marker}", "w")\')',
    "eval('1')",
    "compile('1', '', 'eval')",
    "open('{marker}', 'w')",
    "getattr(x, 'tofile')('{marker}')",
    "globals()",
    "vars()",
    "print(x)",
    "C(__import__('os'))",
    "C(open('{marker}', 'w'))",
    "C(x, open('{marker}', 'w'))",
    "C(a, levels=open('{marker}', 'w'))",
    "C(a, contr.__class__)",
    "C(a, contr.sum.__class__)",
    "C(a, contr.open('{marker}', 'w'))",
    "bs(x, df=open('{marker}', 'w'))",
    "bs(x.__class__, df=4)",
    "poly(x, (lambda: 2)())",
    "I(x.__class__)",
    "I(open('{marker}', 'w'))",
    "{{x.__class__}}",
    "{{open('{marker}', 'w')}}",
    "{{__import__('os')}}",
    "`x`.__class__",
    "{{`x`.__class__}}",
    "{{`x`.tofile('{marker}')}}",
    "`open`('{marker}', 'w')",
    "{{`open`('{marker}', 'w')}}",
    "I(`a`b`)",
    "I(``)",
    "I(`)",
    "offset(open('{marker}', 'w'))",
    "offset(x.__class__)",
    "offset(exec('1'))",
    "hashed(x, levels=3)",
    "Q('x')",
    "I(x if z else y)",
    "I(x and z)",
    "I(x is z)",
    "I(x in z)",
    "I(x @ z)",
    "I(x << 2)",
    "I(await x)",
    "I(yield)",
    "I(...)",
    "I(b'x')",
    "I(1j)",
    "I('x' * 9999999999)",
    "I([1] * 9999999999)",
    "C(a, levels=['u'] * 9999999999)",
    "I(9**9**9**9)",
    "I(2**100000)",
    "{{10**400}}",
    "9**9**9**9",
    "I(" + "+".join(["x"] * 3000) + ")",
    "I(" + "-" * 5000 + "x)",
    "(" * 5000 + "x",
    "I(" * 500 + "x" + ")" * 500,
    "[" * 500 + "]" * 500,
    "x\x00",
    "I(x\x00)",
    "I(ｅval('1'))",
    "ｏpen('{marker}', 'w')",
    "x․__class__",
    "x; import os",
    "I(x); I(z)",
    "I(import os)",
    "I(x = 3)",
    "I(np)",
    "I(__builtins__)",
    "`__builtins__`",
    "__builtins__",
    "x**(-1)",
    "x**1.5",
    "x**z",
    "x ~ z ~ y",
    "x | z",
    "%s",
    "\\",
]


def assert_refused(marker, call):
    started = time.perf_counter()
    with pytest.raises(nd.NelderError) as raised:
        call()
    assert isinstance(raised.value, nd.InputError)
    assert len(str(raised.value)) < 20_000
    assert time.perf_counter() - started < 2
    assert not marker.exists()


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_terms_are_refused(hostile, data, tmp_path):
    marker = tmp_path / "marker"
    term = hostile.format(marker=marker)
    assert_refused(marker, lambda: nd.glm(f"y ~ {term}", data))
    assert_refused(marker, lambda: nd.glm(f"y ~ x + a*{term}", data))


EXPRESSIONS = [
    "__import__('os').system('touch {marker}')",
    "open('{marker}', 'w')",
    'exec(\'open("{marker}", "w")\')',
    "x.__class__",
    "x.tofile('{marker}')",
    "lambda: x",
    "[i for i in x]",
    "(q := x)",
    "f'{{x}}'",
    "x[0]",
    "np.linalg.norm(x)",
    "np.save('{marker}', x)",
    "`x`.tofile('{marker}')",
    "I(" * 500 + "x" + ")" * 500,
    "x\x00",
    "9**9**9**9",
    "cbind(open('{marker}', 'w'), x)",
    "",
    " ",
    "``",
]


@pytest.mark.parametrize("hostile", EXPRESSIONS, ids=lambda text: ascii(text[:40]))
@pytest.mark.parametrize("place", ["weights", "offset", "frequency", "response", "braces", "cbind"])
def test_hostile_expressions_are_refused_wherever_they_stand(hostile, place, data, tmp_path):
    marker = tmp_path / "marker"
    text = hostile.format(marker=marker)
    calls = {
        "weights": lambda: nd.glm("y ~ x", data, weights=text),
        "offset": lambda: nd.glm("y ~ x", data, offset=text),
        "frequency": lambda: nd.glm("y ~ x", data, weights=nd.frequency(text)),
        "response": lambda: nd.glm(f"{text} ~ x", data),
        "braces": lambda: nd.glm(f"{{{text}}} ~ x", data),
        "cbind": lambda: nd.glm(f"cbind({text}, z) ~ x", data),
    }
    assert_refused(marker, calls[place])


@given(st.text(alphabet="xyza`{}()[]~+-*/:^%|.,'\"0159=<>&#\\ \n\x00é", max_size=25))
def test_no_text_gives_anything_but_a_fit_or_a_nelder_error(text):
    table = {"y": [1.0, 2, 4, 3, 6], "x": [1.0, 2, 3, 4, 6], "z": [0.5, 2, 1, 4, 2], "a": list("uvuvu")}
    with contextlib.suppress(nd.NelderError), warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        assert nd.glm(f"y ~ {text}", table).names


ENORMOUS = [
    "bs(x, df=1000000000)",
    "poly(x, 1000000000)",
    "bs(x, degree=1000000)",
    "cr(x, df=1000000)",
    "(x + z)**40",
    "(x + z)**999999999",
    " + ".join(["x"] * 100_000),
]


@pytest.mark.parametrize("enormous", ENORMOUS, ids=lambda text: text[:30])
def test_what_would_take_all_memory_or_time_is_refused_or_harmless(enormous, tmp_path):
    """In a process of its own, with 4 GB and 10 seconds: a formula may come from a web form or a saved file."""
    program = tmp_path / "program.py"
    program.write_text(
        "import nelder as nd\n"
        "data = {'y': [1.0, 2, 4, 3, 6, 7], 'x': [1.0, 2, 3, 4, 6, 5], 'z': [0.5, 2, 1, 4, 2, 1]}\n"
        "try:\n"
        f"    nd.glm({'y ~ ' + enormous!r}, data)\n"
        "except nd.NelderError:\n"
        "    pass\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30)),
    )
    assert done.returncode == 0, done.stderr[-500:]


# What works


WORKING = {
    "np.log(x)": lambda d: [np.log(d["x"])],
    "log(x)": lambda d: [np.log(d["x"])],
    "sqrt(x) + np.exp(-z)": lambda d: [np.sqrt(d["x"]), np.exp(-d["z"])],
    "I(x**2)": lambda d: [d["x"] ** 2],
    "I(x + z)": lambda d: [d["x"] + d["z"]],
    "{x + z}": lambda d: [d["x"] + d["z"]],
    "{x * z - 1}": lambda d: [d["x"] * d["z"] - 1],
    "{x // 2} + {z % 2}": lambda d: [d["x"] // 2, d["z"] % 2],
    "`long name`": lambda d: [d["long name"]],
    "log(`long name`)": lambda d: [np.log(d["long name"])],
    "{`long name` + x}": lambda d: [d["long name"] + d["x"]],
    "x:z": lambda d: [d["x"] * d["z"]],
    "x*z": lambda d: [d["x"], d["z"], d["x"] * d["z"]],
    "x**2": lambda d: [d["x"]],
    "(x + z)^2": lambda d: [d["x"], d["z"], d["x"] * d["z"]],
    '{a == "u"}': lambda d: [np.array(d["a"]) == "u"],
    "{a != 'u'}": lambda d: [np.array(d["a"]) != "u"],
    '{a == "u"}:x': lambda d: [(np.array(d["a"]) == "u") * d["x"]],
    "{x > 3}": lambda d: [d["x"] > 3],
    "{1 < x <= 5}": lambda d: [(d["x"] > 1) & (d["x"] <= 5)],
    "{(a == 'u') & (x > 3)}": lambda d: [(np.array(d["a"]) == "u") & (d["x"] > 3)],
    "{(a == 'u') | (x > 3)}": lambda d: [(np.array(d["a"]) == "u") | (d["x"] > 3)],
    "where(x > 3, x, 0)": lambda d: [np.where(d["x"] > 3, d["x"], 0)],
    "maximum(x, z)": lambda d: [np.maximum(d["x"], d["z"])],
    "clip(x, 2, 5)": lambda d: [np.clip(d["x"], 2, 5)],
    "center(x)": lambda d: [d["x"] - d["x"].mean()],
    "2:x": lambda d: [2 * d["x"]],
    "a": lambda d: [np.array(d["a"]) == "v", np.array(d["a"]) == "w"],
    "C(f)": lambda d: [d["f"]],
    "C(a, levels=['w', 'v', 'u'])": lambda d: [np.array(d["a"]) == "v", np.array(d["a"]) == "u"],
    "C(a, contr.treatment('v'))": lambda d: [np.array(d["a"]) == "u", np.array(d["a"]) == "w"],
    "x - 1 + 1": lambda d: [d["x"]],
    "1": lambda d: [],
}


@pytest.mark.parametrize("formula", list(WORKING))
def test_expressions_compute_what_they_say(formula, data):
    assert_same_fit(nd.glm(f"y ~ {formula}", data), matrix_fit(WORKING[formula](data), data["y"]))


@pytest.mark.parametrize("formula", ["y~", "y ~ ", "log(y) ~\t"])
def test_nothing_on_the_right_is_no_model(formula, data):
    with pytest.raises(nd.FormulaError, match="nothing on the right of ~: write the terms there, or 1"):
        nd.glm(formula, data)


RESPONSES = {
    "log(y)": lambda d: np.log(d["y"]),
    "{y + z}": lambda d: d["y"] + d["z"],
    "I(y * 2)": lambda d: d["y"] * 2,
    "`long name`": lambda d: d["long name"],
    '{a == "u"}': lambda d: (np.array(d["a"]) == "u").astype(float),
    "f": lambda d: d["f"].astype(float),
}


@pytest.mark.parametrize("response", list(RESPONSES))
def test_responses_compute_what_they_say(response, data):
    assert_same_fit(nd.glm(f"{response} ~ x", data), matrix_fit([data["x"]], RESPONSES[response](data)))


def test_the_dot_is_every_column_not_otherwise_used(data):
    del data["a"]
    fit = nd.glm("y ~ .", data)
    assert sorted(fit.names) == ["Intercept", "f", "long name", "x", "z"]
    assert sorted(nd.glm("y ~ . - f", data).names) == ["Intercept", "long name", "x", "z"]
    assert sorted(nd.glm("log(y) ~ .", data).names) == ["Intercept", "f", "long name", "x", "z"]


def test_offsets_in_and_beside_the_formula_add_up(data):
    inside = nd.glm("y ~ x + offset(log(z)) + offset(x)", data, "poisson")
    beside = nd.glm("y ~ x", data, "poisson", offset="log(z) + x")
    array = nd.glm("y ~ x + offset(x)", data, "poisson", offset=np.log(data["z"]))
    assert np.allclose(inside.coef, beside.coef, rtol=1e-10)
    assert np.allclose(inside.coef, array.coef, rtol=1e-10)


def test_a_function_of_one_argument_does_not_write_into_another_column(data):
    """NumPy's log(x, z) means "write log(x) into z": it must not be understood so."""
    with pytest.raises(nd.FormulaError, match="log"):
        nd.glm("y ~ log(x, z) + z", data)


@pytest.mark.parametrize("response", ["1", "y - 1", "y + 0"])
def test_a_response_is_a_column_or_an_expression(response, data):
    with pytest.raises(nd.FormulaError, match="response"):
        nd.glm(f"{response} ~ x", data)


@pytest.mark.parametrize(
    "formula", ["y ~ x + y", "y ~ x*y", "y ~ x + offset(y)", "log(y) ~ x + log(y)", "cbind(k, n - k) ~ k"]
)
def test_a_response_does_not_explain_itself(formula, data):
    with pytest.raises(nd.FormulaError, match="would explain itself"):
        nd.glm(formula, data)


@pytest.mark.parametrize("empty", ["{}", "``"])
def test_empty_quotes_are_no_term(empty, data):
    with pytest.raises(nd.FormulaError):
        nd.glm(f"y ~ {empty}", data)


@pytest.mark.parametrize("formula", ["x", "~ x", " ~ x", "", "~"])
def test_a_formula_needs_a_response(formula, data):
    with pytest.raises(nd.FormulaError, match="no response"):
        nd.glm(formula, data)


@pytest.mark.parametrize("formula", [None, 3, b"y ~ x", ["y ~ x"]])
def test_a_formula_is_a_text(formula, data):
    with pytest.raises(nd.InputTypeError, match="a formula is a text"):
        nd.glm(formula, data)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ log(a)", "log"),
        ("a ~ x", "a"),
        ("y ~ {a < x}", "a"),
        ("y ~ {a == 'q'}", "unknown level"),
        ("y ~ C(a, contr.treatment('q'))", "base level"),
        ("y ~ C(a, levels=['u'])", "level"),
        ("y ~ C(f, 'a')", "C"),
        ("y ~ C(f, [[1], [2], [3]])", "one row for each of its 2 levels"),
        ("y ~ C(f, x)", "'x' is no contrast: known: contr.treatment"),
        ("y ~ C(f, levels=x)", "'x' is no contrast"),
        ("y ~ C(a, levels=3)", r"a list of levels, as in levels=\['low', 'high'\], not 3"),
        ("y ~ C(a, levels='uv')", "a list of levels"),
        ("y ~ C(a, levels=[['u'], ['v']])", "a list of levels"),
        ("y ~ factor(a)", r"there is no factor here: write C\(g\)"),
        ("y ~ as.factor(a)", r"there is no as.factor here: write C\(g\)"),
        ("y ~ I(x^2)", r"there is no \^ here: write I\(x\*\*2\)"),
        ("y ~ C(f, Sum)", r"there is no Sum here: write C\(g, contr.sum\)"),
        ("y ~ C(a, Treatment('u'))", "there is no Treatment here: write"),
        ("y ~ bs(a, df=4)", "numeric"),
        ("y ~ bs(x, df=4.5)", "bs"),
        ("y ~ bs(x, foo=4)", "bs"),
        ("y ~ bs(x, df=1)", "bs"),
        ("y ~ poly(x, 2, raw=x)", "poly"),
        ("y ~ log()", "log"),
        ("y ~ cbind(x, z)", "cbind"),
        ("cbind(y) ~ x", "cbind"),
        ("cbind(y, x, z) ~ x", "cbind"),
        ("y:x ~ z", "response"),
        ("y ~ offset(x):z", "offset"),
        ("y ~ 'text'", "text"),
        ("y ~ bs(bs(x, df=4), df=4)", "bs"),
    ],
)
def test_what_cannot_be_meant_is_named(formula, words, data):
    with pytest.raises(nd.InputError, match=words):
        nd.glm(formula, data)


@pytest.mark.parametrize("written", sorted(set(ELSEWHERE.values())))
def test_what_errors_advise_to_write_can_be_fitted(written):
    """What functions of R, mgcv and Patsy are called here."""
    random = np.random.default_rng(5)
    data = {name: random.normal(size=30) for name in ("y", "x", "a name")}
    data["x"] = np.exp(data["x"])
    data |= {"g": list("abc") * 10, "a": list("ab") * 15, "b": list("uvw") * 10}
    assert nd.glm(f"y ~ {written}", data).converged


def test_a_natural_spline_has_the_fit_of_ns_in_r():
    """lm(y ~ splines::ns(x, 3)) of R 4.2.2 has this deviance on the same rows."""
    x = np.arange(1, 25) ** 1.5
    fit = nd.glm("y ~ cr(x, df=3, constraints='center')", {"x": x, "y": np.sin(x / 20) + np.arange(24) % 3})
    np.testing.assert_allclose(fit.deviance, 16.350537812285, rtol=1e-12)


# Names and levels


@pytest.mark.parametrize("given_name", ["xx", "X1", "long nme"])
def test_an_unknown_column_is_repeated_with_the_nearest(given_name, data):
    data = {"x1": data["x"], "y": data["y"], "long name": data["z"], "xy": data["z"]}
    with pytest.raises(nd.UnknownNameError, match=rf"unknown column '{given_name}': did you mean '.*'\?"):
        nd.glm(f"y ~ `{given_name}`", data)


@pytest.mark.parametrize("place", ["weights", "offset"])
def test_an_unknown_column_beside_the_formula_is_named(place, data):
    with pytest.raises(nd.UnknownNameError, match="unknown column 'long nam': did you mean 'long name'"):
        nd.glm("y ~ x", data, **{place: "`long nam`"})


@pytest.mark.parametrize("formula", ["y ~ a", "y ~ a*x", "y ~ C(a, contr.sum)", "y ~ 0 + a"])
def test_an_unseen_level_is_named_with_its_column_and_row(formula, data):
    fit = nd.glm(formula, data)
    new = {"a": ["u", None, "v", "spam", "egg"], "x": [1.0, 2, 3, 4, 5]}
    with pytest.raises(nd.LevelError, match=r"'?a.*has level '(spam|egg)' at row (3|4)\b") as raised:
        fit.predict(new)
    assert ("'spam' at row 3" in str(raised.value)) or ("'egg' at row 4" in str(raised.value))
    assert "'u', 'v', 'w'" in str(raised.value)


def test_an_unseen_number_as_category_is_named(data):
    with pytest.raises(nd.LevelError, match=r"has level 7.* at row 1"):
        nd.glm("y ~ C(f)", data).predict({"f": [0, 7]})


def test_a_column_that_changes_its_kind_is_named(data):
    fit = nd.glm("y ~ a + x", data)
    with pytest.raises(nd.DataError, match="'a' was categorical when the model was fitted"):
        fit.predict({"a": [1.0], "x": [1.0]})
    with pytest.raises(nd.DataError, match="'x' was numeric when the model was fitted"):
        fit.predict({"a": ["u"], "x": ["u"]})


def test_one_level_leaves_nothing_to_compare(data):
    constant = {**data, "a": ["u"] * N}
    for formula in ("y ~ a", "y ~ a*x", "y ~ C(a, contr.sum)"):
        with pytest.raises(nd.DataError, match=r"'.*a.*' has only the level 'u'.*leave it out"):
            nd.glm(formula, constant)
    assert nd.glm("y ~ 0 + a", constant).names == ("a[u]",)
    assert np.isclose(nd.glm("y ~ 0 + a", constant).coef["a[u]"], np.mean(data["y"]), rtol=1e-14)


def frames_with_levels(values, levels):
    """The same categories in their given order; the first values are not in that order."""
    y = np.arange(float(len(values)))
    return {
        "pandas": pd.DataFrame({"y": y, "g": pd.Categorical(values, categories=levels)}),
        "pandas, ordered": pd.DataFrame({"y": y, "g": pd.Categorical(values, categories=levels, ordered=True)}),
        "polars": pl.DataFrame({"y": y, "g": pl.Series(values, dtype=pl.Enum(levels))}),
    }


@pytest.mark.parametrize("kind", ["pandas", "pandas, ordered", "polars"])
def test_the_order_of_levels_is_kept_and_unused_levels_are_dropped(kind):
    frame = frames_with_levels(["a", "c", "b", "a", "b", "c"], ["unused", "c", "b", "a"])[kind]
    assert nd.glm("y ~ g", frame).names == ("Intercept", "g[T.b]", "g[T.a]")
    assert nd.glm("y ~ 0 + g", frame).names == ("g[c]", "g[b]", "g[a]")


@pytest.mark.parametrize("kind", ["pandas", "pandas, ordered", "polars"])
def test_levels_that_occur_only_in_dropped_rows_are_dropped(kind):
    frame = frames_with_levels(["a", "c", "b", "a", "b", "a"], ["c", "b", "a"])[kind]
    table = {"y": [1.0, None, 3, 4, 5, 6], "g": frame["g"].to_list()}
    frame = (
        pd.DataFrame(table).assign(g=frame["g"]) if "pandas" in kind else frame.with_columns(y=pl.Series(table["y"]))
    )
    assert nd.glm("y ~ g", frame).names == ("Intercept", "g[T.a]")


def test_numeric_categories_of_pandas_are_levels():
    frame = pd.DataFrame({"y": [1.0, 2, 4, 3], "g": pd.Categorical([10, 2, 10, 2])})
    fit = nd.glm("y ~ g", frame)
    assert fit.names == ("Intercept", "g[T.10]")
    assert np.allclose(fit.coef, [2.5, 0.0], atol=1e-14)


@pytest.mark.parametrize("first", [0.0, -0.0])
def test_a_level_of_nothing_has_no_sign(first):
    fit = nd.glm("y ~ 0 + C(x)", {"y": [1, 2, 3, 4, 3], "x": [first, 0.0, -0.0, 1.0, 1.0]}, "poisson")
    assert fit.names == ("C(x)[0.0]", "C(x)[1.0]")


def test_strings_are_categories_with_sorted_levels(data):
    data["a"] = ["v", "w", "u"] * 4
    assert nd.glm("y ~ a", data).names == ("Intercept", "a[T.v]", "a[T.w]")


# Rows


@pytest.fixture
def with_gaps(data):
    """Rows 1 and 4 have gaps; row numbers after them show whether they are those of the table."""
    data["x"] = data["x"].copy()
    data["x"][[1, 4]] = np.nan
    data["a"] = [None if row == 1 else level for row, level in enumerate(data["a"])]
    return data


def test_rows_with_missing_values_are_dropped_and_counted(with_gaps):
    fit = nd.glm("y ~ x + a", with_gaps)
    kept = [row for row in range(N) if row not in (1, 4)]
    alone = nd.glm("y ~ x + a", {name: [values[row] for row in kept] for name, values in with_gaps.items()})
    assert fit.notes == ("2 of 12 rows left out for missing values",)
    assert "2 of 12 rows left out for missing values" in str(fit.summary())
    assert np.array_equal(fit.coef, alone.coef)
    assert fit.df_resid == alone.df_resid == N - 2 - 4
    assert alone.notes == ()


def test_only_columns_that_are_used_count_as_missing(with_gaps):
    assert nd.glm("y ~ z", with_gaps).notes == ()
    assert nd.glm("y ~ z", with_gaps, weights="x").notes == ("2 of 12 rows left out for missing values",)
    assert nd.glm("y ~ z", with_gaps, offset="x").notes == ("2 of 12 rows left out for missing values",)
    assert nd.glm("y ~ z + offset(x)", with_gaps).notes == ("2 of 12 rows left out for missing values",)


def test_missing_error_names_column_and_rows(with_gaps):
    with pytest.raises(nd.DataError, match="column 'x' has missing values at rows 1, 4"):
        nd.glm("y ~ x + a", with_gaps, missing="error")
    with pytest.raises(nd.DataError, match="column 'a' has missing values at row 1:"):
        nd.glm("y ~ a", with_gaps, missing="error")
    assert nd.glm("y ~ z", with_gaps, missing="error").converged


@pytest.mark.parametrize("missing", ["dorp", None, 3])
def test_missing_takes_two_words(missing, data):
    with pytest.raises(nd.UnknownNameError, match="missing="):
        nd.glm("y ~ x", data, missing=missing)


def test_no_complete_row_is_said(data):
    with pytest.raises(nd.DataError, match="of 12 rows none has a value in every column of y, x"):
        nd.glm("y ~ x", {**data, "x": np.full(N, np.nan)})


PLACES = {
    "'log(z)'": lambda d: nd.glm("y ~ x + log(z)", d),
    "'offset log(z)'": lambda d: nd.glm("y ~ x + offset(log(z))", d),
    "'response log(z)'": lambda d: nd.glm("log(z) ~ x", d),
    "'weights log(z)'": lambda d: nd.glm("y ~ x", d, weights="log(z)"),
    "'I(1 / z)'": lambda d: nd.glm("y ~ x + I(1/z)", d),
}


@pytest.mark.parametrize("term", list(PLACES))
def test_an_expression_that_is_not_finite_names_term_and_rows_of_the_table(term, with_gaps):
    with_gaps["z"] = with_gaps["z"].copy() + 1
    with_gaps["z"][[6, 9]] = 0.0
    with pytest.raises(nd.DataError) as raised:
        PLACES[term](with_gaps)
    assert str(raised.value).startswith(f"{term} is not finite (")
    assert "at rows 6, 9:" in str(raised.value)


def changed(values, row, value):
    values = np.array(values, dtype=float)
    values[row] = value
    return values


OF_THE_TABLE = {
    "weights negative": lambda d: nd.glm("y ~ x", d, weights=changed(np.ones(N), 6, -1)),
    "weights negative, by expression": lambda d: nd.glm("y ~ x", d | {"w": changed(np.ones(N), 6, -1)}, weights="w"),
    "weights not finite": lambda d: nd.glm("y ~ x", d, weights=changed(np.ones(N), 6, np.inf)),
    "offset not finite": lambda d: nd.glm("y ~ x", d, offset=changed(np.ones(N), 6, np.nan)),
    "counts not whole": lambda d: nd.glm("y ~ x", d, weights=nd.frequency(changed(np.ones(N), 6, 1.5))),
    "response outside": lambda d: nd.glm("y ~ x", d | {"y": changed(d["y"], 6, -1)}, "poisson"),
    "successes negative": lambda d: nd.glm("cbind(y, z) ~ x", d | {"y": changed(d["y"], 6, -1)}, "binomial"),
    "level outside levels": lambda d: nd.glm("y ~ x + C(z, levels=[0.5, 1, 2, 3, 4, 5])", d),
}


@pytest.mark.parametrize("problem", list(OF_THE_TABLE))
def test_row_numbers_are_those_of_the_table(problem, with_gaps):
    """Row 6 of the table is the fifth complete one."""
    with pytest.raises(nd.InputError, match=r"\brow 6\b"):
        OF_THE_TABLE[problem](with_gaps)


def test_the_rows_of_a_response_outside_count_rows_of_weight_zero():
    y = np.array([1.0, 2, 3, -1, 4])
    with pytest.raises(nd.SupportError, match=r"\brow 3\b"):
        nd.glm_fit(np.ones((5, 1)), y, "poisson", weights=[1, 0, 1, 1, 1])


def test_the_weight_of_a_dropped_row_is_not_looked_at(with_gaps):
    fit = nd.glm("y ~ x", with_gaps, offset=changed(np.zeros(N), 1, 5.0), weights=changed(np.ones(N), 4, 7.0))
    assert np.allclose(fit.coef, nd.glm("y ~ x", with_gaps).coef, rtol=1e-12)


@pytest.mark.parametrize("transform", ["bs(x, df=4)", "0 + cr(x, df=4)", "0 + cs(x, df=4)"])
def test_a_spline_outside_its_range_names_rows_and_remedy(transform, data):
    fit = nd.glm(f"y ~ {transform}", data)
    with pytest.raises(nd.DataError) as raised:
        fit.predict({"x": [2.0, 3.0, 100.0, 4.0, -3.0]})
    assert "rows 2, 4" in str(raised.value)
    assert "extrapolation='extend'" in str(raised.value)


def test_a_spline_outside_its_range_names_rows_of_the_table(data):
    fit = nd.glm("y ~ bs(x, df=4)", data)
    with pytest.raises(nd.DataError, match=r"\brows 3, 5\b"):
        fit.predict({"x": [2.0, None, 3.0, 100.0, 4.0, -3.0]})


@pytest.mark.parametrize("how", ["clip", "extend", "zero", "na"])
def test_a_spline_with_extrapolation_says_what_happens_outside(how, data):
    fit = nd.glm(f"y ~ bs(x, df=4, extrapolation='{how}')", data)
    inside = nd.glm("y ~ bs(x, df=4)", data)
    assert np.allclose(fit.coef, inside.coef, rtol=1e-10)
    if how == "clip":
        assert np.allclose(fit.predict({"x": [50.0, -50.0]}), fit.predict({"x": [9.0, 1.0]}), rtol=1e-12)
    if how == "zero":
        assert np.allclose(fit.predict({"x": [50.0]}), fit.coef["Intercept"], rtol=1e-12)


def test_rows_with_missing_values_predict_nan(data):
    predicted = nd.glm("y ~ x + a", data).predict({"x": [1.0, None, 3.0], "a": ["u", "v", None]})
    assert np.isfinite(predicted[0]) and np.isnan(predicted[1:]).all()


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + a", "y ~ bs(x, df=4)", "y ~ x + offset(z)"])
def test_no_rows_give_no_predictions(formula, data):
    frame = pl.DataFrame({"x": data["x"], "a": data["a"], "z": data["z"]})
    assert nd.glm(formula, data).predict(frame.head(0)).shape == (0,)


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + a", "y ~ bs(x, df=4)"])
def test_rows_that_are_all_incomplete_predict_nan(formula, data):
    predicted = nd.glm(formula, data).predict({"x": [None, np.nan], "a": ["u", "v"]})
    assert predicted.shape == (2,)
    assert np.isnan(predicted).all()


# What was learned is replayed


@pytest.mark.parametrize(
    "formula",
    [
        "center(x)",
        "scale(x)",
        "poly(x, 2)",
        "bs(x, df=5)",
        "0 + cr(x, df=4)",
        "0 + cc(x, df=4)",
        "C(f)",
        "a*x",
        "log(x)*a",
    ],
)
@given(rows=st.lists(st.integers(0, N - 1), min_size=1, max_size=8))
def test_predictions_at_any_rows_are_those_of_the_fit(formula, rows):
    table = {
        "y": np.array([1.0, 2, 4, 3, 6, 7, 5, 8, 2, 9, 4, 6]),
        "x": np.array([1.0, 2, 3, 4, 5, 6, 7, 9, 8, 2, 4, 3]),
        "a": np.array(list("uvwuvwuvwuvw")),
        "f": np.array([0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0]),
    }
    fit = nd.glm(f"y ~ {formula}", table)
    some = fit.predict({name: values[rows] for name, values in table.items()})
    assert np.allclose(some, fit.fitted[rows], rtol=1e-12, atol=1e-12)


# Tables that are none


@pytest.mark.parametrize("table", [None, 5, [1, 2], np.ones((3, 2)), "y"])
def test_what_is_not_a_table_is_refused(table):
    with pytest.raises(nd.NelderError):
        nd.glm("y ~ x", table)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.array(["2020-01-01"] * 3, dtype="M8[D]"), "'x' holds datetime64"),
        ([1j, 2, 3], "'x' holds complex"),
        ([date(2024, 1, 1)] * 3, "'x' holds date; a column holds numbers"),
        ([1, "a", 2], "'x' mixes values of type int, str"),
        ([[1], [2], [3]], "'x' has 2 dimensions"),
        ([1, [2], 3], "'x'"),
        ([object()] * 3, "'x'"),
        (5.0, "'x'"),
        ([1.0, 2.0], "the same length"),
        ([10**400, 1, 2], "'x'"),
        ([b"u", b"v", b"u"], "'x'"),
        (np.array([1.0, np.inf, 2.0]), "'x' is not finite"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(column, words):
    with pytest.raises(nd.NelderError, match=words):
        nd.glm("y ~ x", {"y": [1.0, 2.0, 4.0], "x": column})


@pytest.mark.parametrize("kind", [object, "str", "string", "category"])
def test_texts_of_a_frame_have_the_levels_of_a_list(kind):
    texts = ["é", "a", "Z", "", "a", "ß", "Z", "10", "9", "é", "", "9", "10", "ß"]
    y = np.arange(14.0) ** 1.5
    fit, other = (
        nd.glm("y ~ g", table)
        for table in (pd.DataFrame({"y": y, "g": pd.Series(texts, dtype=kind)}), {"y": y, "g": texts})
    )
    assert fit.names == other.names == ("Intercept", *(f"g[T.{level}]" for level in sorted(set(texts))[1:]))
    assert fit.deviance == other.deviance


def test_a_missing_text_of_a_frame_is_missing():
    table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5], "g": ["b", None, "a", "b", "a"]})
    assert nd.glm("y ~ g", table).statistics.n == 4


def test_a_column_of_half_precision_is_one_of_numbers():
    y, x = np.array([1.0, 2, 3, 5]), np.array([1.0, 3, 2, 4])
    assert nd.glm("y ~ x", {"y": y, "x": x.astype(np.float16)}).deviance == nd.glm("y ~ x", {"y": y, "x": x}).deviance


def test_a_masked_column_has_missing_values():
    table = {"y": np.array([1.0, 2, 3, 5]), "x": np.ma.masked_array([1.0, 2, 99, 4], [0, 0, 1, 0])}
    fit = nd.glm("y ~ x", table)
    assert fit.notes == ("1 of 4 rows left out for missing values",)


def test_csv_reads_the_same_without_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text('n,x,g\n1,0.5,"a, b"\n2,NA,c\n3,1e3,\n4,-2,c\n')
    with_pyarrow = next(source_of(str(path)).read(["n", "x", "g"]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    without = next(source_of(str(path)).read(["n", "x", "g"]))
    for name in ("n", "x"):
        assert np.array_equal(with_pyarrow[name].values, without[name].values, equal_nan=True)
    assert with_pyarrow["g"].levels == without["g"].levels
    assert np.array_equal(with_pyarrow["g"].codes, without["g"].codes)
    (tmp_path / "table.parquet").touch()
    with pytest.raises(nd.MissingExtraError, match="files"):
        nd.glm("y ~ x", tmp_path / "table.parquet")


@pytest.mark.parametrize("name", ["answer", "yes or no", 'a<b>"c"'])
def test_the_comparison_that_a_categorical_response_is_told_to_be_can_be_written(data, name):
    table = {**data, name: list("nynynnyynyny")}
    with pytest.raises(nd.DataError, match="must be numeric") as refused:
        nd.glm(f"`{name}` ~ x", table, family="binomial")
    advised = re.search(r"such as (\{.*\}) in place", str(refused.value))[1]
    fit = nd.glm(f"{advised} ~ x", table, family="binomial")
    assert np.isclose(fit.fitted.mean(), 0.5)


def test_a_column_of_truth_values_takes_no_other_numbers_at_prediction(tmp_path):
    data = {"y": [1, 2, 3, 4, 0, 2], "b": [True, False, True, True, False, False], "x": [1.0, 2, 3, 4, 5, 7]}
    fit = nd.glm("y ~ b + x", data, family="poisson")
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        with pytest.raises(nd.DataError, match=r"column 'b' was true or false .* is 3 at rows 1, 2: give True"):
            each.predict({"b": [1, 3, 0.5], "x": [1, 2, 3]})
        assert (each.predict({"b": [1, 0], "x": [1, 2]}) == each.predict({"b": [True, False], "x": [1, 2]})).all()


def test_a_table_without_columns_is_said_to_have_none():
    with pytest.raises(nd.UnknownNameError, match=r"^unknown column 'y': there is none$"):
        nd.glm("y ~ x", {})

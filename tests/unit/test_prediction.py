"""Predictions where they could go wrong without a word."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import nelder as nd


def test_backticked_columns_keep_their_own_state():
    random = np.random.default_rng(0)
    first, second = random.normal(5, 1, 50), random.normal(100, 30, 50)
    y = first + second / 30 + random.normal(size=50)
    plain = nd.glm("y ~ scale(a) + bs(b, df=4)", {"y": y, "a": first, "b": second})
    quoted = nd.glm("y ~ scale(`a a`) + bs(`b b`, df=4)", {"y": y, "a a": first, "b b": second})
    assert np.array_equal(plain.coef, quoted.coef)
    new = {"a a": first[:5], "b b": second[:5]}
    assert np.array_equal(quoted.predict(new), plain.predict({"a": first[:5], "b": second[:5]}))


def test_a_comparison_with_a_level_means_the_same_on_new_rows():
    data = {"y": np.arange(6.0), "g": list("abcabc"), "x": np.array([1.0, 4, 2, 7, 5, 3])}
    fit = nd.glm("y ~ {g == 'b'} + x", data)
    alone = fit.predict({"g": ["c"], "x": [2.0]})
    assert np.allclose(alone, fit.predict({"g": ["b", "c"], "x": [1.0, 2.0]})[1])
    with pytest.raises(nd.FormulaError, match="levels have no order"):
        nd.glm("y ~ {g < 'b'}", data)
    with pytest.raises(nd.UnknownNameError, match="level"):
        nd.glm("y ~ {g == 'z'}", data)


def test_columns_of_a_frame_are_found_by_name():
    random = np.random.default_rng(1)
    X = pd.DataFrame({"one": np.ones(30), "a": random.normal(size=30), "b": random.normal(size=30)})
    fit = nd.glm_fit(X, random.normal(size=30))
    assert np.array_equal(fit.predict(X[["b", "one", "a"]]), fit.fitted)
    with pytest.raises(nd.DataError, match="no column 'a'"):
        fit.predict(X.rename(columns={"a": "c"}))


def test_columns_of_an_arrow_table_are_found_by_name():
    table = pa.table({"one": np.ones(5), "a": np.arange(5.0), "columns": [1.0, 0.0, 2.0, 0.0, 1.0]})
    fit = nd.glm_fit(table, [1.0, 2.0, 4.0, 3.0, 5.0])
    assert fit.names == ("one", "a", "columns")
    assert np.array_equal(fit.predict(table.select(["columns", "a", "one"])), fit.fitted)


NO_VALUES = {
    "pandas": lambda folder: pd.DataFrame({"x": [None, None], "g": ["a", "b"], "e": [1.0, 2.0]}),
    "polars": lambda folder: pl.DataFrame({"x": [None, None], "g": ["a", "b"], "e": [1.0, 2.0]}),
    "arrow": lambda folder: pa.table({"x": pa.nulls(2), "g": ["a", "b"], "e": [1.0, 2.0]}),
    "no level": lambda folder: {"x": [1.0, 2.0], "g": [None, None], "e": [1.0, 2.0]},
    "no offset": lambda folder: pd.DataFrame({"x": [1.0, 2.0], "g": ["a", "b"], "e": [None, None]}),
    "csv": lambda folder: written(folder / "new.csv", "x,g,e\n,a,1\n,b,2\n"),
    "no rows": lambda folder: {"x": [], "g": [], "e": []},
    "header": lambda folder: written(folder / "new.csv", "x,g,e\n"),
}


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", NO_VALUES)
@pytest.mark.parametrize("formula", ["y ~ x + g + offset(e)", "y ~ log(x) + C(g) + offset(log(e))"])
def test_a_column_without_any_value_is_a_missing_one_of_any_type(tmp_path, case, formula):
    data = {"y": [1.0, 2, 4, 3, 5, 7], "x": [1.0, 2, 3, 4, 5, 7], "g": list("ababab"), "e": [1.0, 2, 1, 2, 1, 2]}
    predicted = nd.glm(formula, data).predict(NO_VALUES[case](tmp_path))
    assert len(predicted) == (0 if case in ("no rows", "header") else 2) and np.isnan(predicted).all()


def test_rows_off_the_pattern_of_aliased_columns_are_not_predicted(tmp_path):
    t = np.arange(10.0)
    X = np.column_stack([np.ones(10), t, 2 * t])
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm_fit(X, t**2)
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        with pytest.warns(nd.AliasedWarning, match="1 of the new rows break the pattern"):
            predicted = each.predict([[1.0, 2.0, 4.0], [1.0, 2.0, 40.0]], interval="confidence")
        assert np.isfinite(predicted["fit"][0]) and np.isnan(predicted["fit"][1]) and np.isnan(predicted["lower"][1])
    assert str(nd.load(tmp_path / "fit.json").summary()) == str(fit.summary())


def test_an_empty_cell_of_an_interaction_is_not_predicted():
    a, b = list("uuuvvv") * 3, list("ppqppp") * 3
    y = np.random.default_rng(2).normal(size=18)
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ a*b", {"y": y, "a": a, "b": b})
    with pytest.warns(nd.AliasedWarning):
        assert np.isnan(fit.predict({"a": ["v"], "b": ["q"]})).all()


def test_a_predictor_beyond_the_link_has_no_mean():
    x = np.linspace(0, 1, 50)
    y = np.random.default_rng(3).gamma(5.0, 1 / (5 * (3 - 2 * x)))
    fit = nd.glm("y ~ x", {"y": y, "x": x}, "gamma")
    with pytest.warns(nd.BoundaryWarning, match="1 rows have a linear predictor outside"):
        predicted = fit.predict({"x": [0.5, 30.0]}, interval="confidence")
    assert np.isfinite(predicted["fit"][0]) and np.isnan(predicted["fit"][1])


def test_two_columns_of_one_name_are_refused():
    data = {"y": np.arange(6.0), "g": list("xyxyxy"), "g[T.y]": np.array([1.0, 4, 2, 7, 5, 3])}
    with pytest.raises(nd.FormulaError, match="both be called"):
        nd.glm("y ~ g + `g[T.y]`", data)


def test_an_offset_expression_may_learn_from_the_rows_of_the_fit():
    random = np.random.default_rng(4)
    data = {"y": random.poisson(3.0, 40).astype(float), "x": random.normal(size=40), "c": random.normal(7, 1, 40)}
    beside, inside = (
        nd.glm("y ~ x", data, "poisson", offset="center(c)"),
        nd.glm("y ~ x + offset(center(c))", data, "poisson"),
    )
    assert np.array_equal(beside.coef, inside.coef)
    new = {"x": [0.1], "c": [8.0]}
    assert np.array_equal(beside.predict(new), inside.predict(new))
    assert np.isclose(beside.predict(new, kind="link")[0], beside.coef @ [1, 0.1] + 8.0 - data["c"].mean())


def test_whole_numbers_that_floats_cannot_tell_apart_are_refused():
    big = [2**53, 2**53 + 1] * 10
    with pytest.raises(nd.DataError, match=r"beyond 2\*\*53"):
        nd.glm("y ~ C(i)", {"y": np.arange(20.0), "i": big})


def test_a_perfect_fit_is_said_to_be_one():
    t = np.arange(5.0)
    with pytest.warns(nd.ResponseWarning, match="perfect to rounding"):
        fit = nd.glm("y ~ t", {"y": 1 + 2 * t, "t": t})
    assert fit.loglik == np.inf


@pytest.mark.parametrize("link", ["cloglog", "loglog"])
def test_a_far_outlier_does_not_overflow_a_double_exponential(link):
    random = np.random.default_rng(5)
    x = random.normal(size=300)
    sign = 1.0 if link == "cloglog" else -1.0
    y = nd.simulate(np.column_stack([np.ones(300), x]), [0.1, sign], "binomial", link, nd.Draw(seed=6))
    x[0], y[0] = 3000.0, 1.0 if link == "cloglog" else 0.0
    fit = nd.glm_fit(np.column_stack([np.ones(300), x]), y, "binomial", link)
    without = nd.glm_fit(np.column_stack([np.ones(299), x[1:]]), y[1:], "binomial", link)
    assert fit.converged and np.allclose(fit.coef, without.coef, rtol=1e-8)


def test_a_column_with_the_name_of_a_stand_in_is_itself():
    data = {
        "y": np.array([1.0, 2, 4, 3, 6]),
        "quoted0name": np.array([1.0, 2, 3, 4, 6]),
        "a a": np.array([9.0, 1, 5, 2, 2]),
    }
    fit = nd.glm("y ~ I(quoted0name + 0*`a a`)", data)
    assert np.allclose(fit.coef, nd.glm("y ~ quoted0name", data).coef, rtol=1e-12)

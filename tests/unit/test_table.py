"""Tables and named vectors."""

import html
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder as nd
from nelder.table import Named, Table, count, number, numbers, p_value

HOSTILE = "<script>alert('x')</script>&\"<b>"


@pytest.fixture
def table():
    return nd.Table({"term": np.array(["one", "two"]), "estimate": np.array([1.5, -2.0]), "n": np.array([3, 4])})


def test_a_table_is_a_mapping_of_columns(table):
    assert list(table) == ["term", "estimate", "n"]
    assert len(table) == 3
    assert table.rows == 2
    assert table["estimate"].tolist() == [1.5, -2.0]
    assert table.to_dict() == {"term": ["one", "two"], "estimate": [1.5, -2.0], "n": [3, 4]}


def test_an_unknown_column_is_repeated_with_the_nearest(table):
    with pytest.raises(nd.UnknownNameError, match=r"'estimat': did you mean 'estimate'\?"):
        table["estimat"]


def test_conversions_keep_names_values_and_kinds(table):
    pandas, polars, arrow = table.to_pandas(), table.to_polars(), table.to_arrow()
    assert (type(pandas), type(polars), type(arrow)) == (pd.DataFrame, pl.DataFrame, pa.Table)
    assert pandas.to_dict("list") == polars.to_dict(as_series=False) == arrow.to_pydict() == table.to_dict()
    assert pandas["estimate"].dtype == np.float64 and pandas["n"].dtype.kind == "i"
    assert polars.schema == {"term": pl.String, "estimate": pl.Float64, "n": pl.Int64}
    assert [str(field.type) for field in arrow.schema] == ["string", "double", "int64"]


def test_results_of_a_fit_convert():
    fit = nd.glm("y ~ a", {"y": [1.0, 2, 4, 3], "a": list("uvuv")})
    for shown in (fit.table(), fit.confint(), fit.predict(interval="confidence"), fit.trace.table()):
        assert shown.to_pandas().shape == shown.to_polars().shape == shown.to_arrow().shape == (shown.rows, len(shown))


def test_text_has_a_line_a_row(table):
    lines = str(table).splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["term", "estimate", "n"]
    assert lines[2].split() == ["two", "-2.0000", "4"]
    assert str(nd.Table({"x": np.arange(3)}, "A title")).splitlines()[0] == "A title"


def test_a_long_table_is_cut_in_the_middle_but_keeps_all_rows():
    table = nd.Table({"x": np.arange(1000)})
    lines = str(table).splitlines()
    assert len(lines) == 62
    assert (lines[1].strip(), lines[-1].strip()) == ("0", "999")
    assert "…" in lines[31]
    assert table.to_pandas().shape == (1000, 1)


def test_a_table_without_rows_shows_its_header():
    assert str(nd.Table({"x": np.array([]), "y": np.array([], dtype=str)})).split() == ["x", "y"]


def tags(page):
    return set(re.findall(r"</?([a-zA-Z0-9]+)", page))


def test_html_of_a_table_escapes_everything():
    table = nd.Table({HOSTILE: np.array([HOSTILE, "b"])}, HOSTILE)
    page = table._repr_html_()
    assert page.count(html.escape(HOSTILE)) == 3
    assert HOSTILE not in page
    assert tags(page) == {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_html_of_a_summary_escapes_columns_levels_and_notes():
    column = HOSTILE.replace("'", "")
    data = {
        "y": [1.0, 2, 4, 3, 5, 6, None],
        column: [HOSTILE, "v", "w"] * 2 + ["v"],
        "two": [1.0, 0, 0] * 2 + [1.0],
        "<i>x</i>": [1.0, 2, 1, 2, 2, 1, 3],
    }
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm(f"y ~ `{column}` + two + `<i>x</i>`", data, offset="`<i>x</i>`")
    page = fit.summary()._repr_html_()
    assert html.escape(column) in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert not tags(page) & {"script", "b", "i"}
    assert fit._repr_html_() == page
    assert not tags(fit.table()._repr_html_()) & {"script", "b", "i"}


@given(st.text(max_size=30))
def test_html_of_any_text_reads_back_as_that_text(text):
    page = nd.Table({"x": np.array([text], dtype=object)})._repr_html_()
    cell = re.search(r"<td[^>]*>(.*)</td>", page, re.DOTALL)[1]
    assert html.unescape(cell) == html.unescape(html.escape(text)) == text
    assert not re.search(r"[<>]", cell)


# Named vectors


@pytest.fixture
def named():
    return Named([1.0, 2.0, -3.5], ["a", "b", "long name"])


def test_a_named_vector_is_indexed_by_name_and_place(named):
    assert named["b"] == named[1] == 2.0
    assert type(named["b"]) is float
    assert named[:2].tolist() == [1.0, 2.0]
    assert named.to_dict() == {"a": 1.0, "b": 2.0, "long name": -3.5}


def test_an_unknown_name_is_repeated_with_the_nearest(named):
    with pytest.raises(nd.UnknownNameError, match=r"'long nam': did you mean 'long name'\?"):
        named["long nam"]


def test_arithmetic_with_named_vectors_gives_plain_arrays(named):
    for made in (named + 1, np.exp(named), named[named > 0], named @ np.ones((3, 2))):
        assert type(made) is np.ndarray
    assert named.sum() == -0.5
    assert (named @ named).item() == 17.25


def test_a_named_vector_shows_names_and_values(named):
    assert [line.split()[-1] for line in repr(named).splitlines()] == ["1.00000", "2.00000", "-3.50000"]
    assert [line[:9].strip() for line in repr(named).splitlines()] == ["a", "b", "long name"]


# Numbers as text


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_numbers_are_right_to_five_digits(value):
    assert abs(float(number(value)) - value) <= 5.0001e-5 * abs(value)


@given(st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), max_size=6))
def test_every_number_of_a_column_keeps_three_digits(values):
    for value, text in zip(values, numbers(np.array(values)), strict=True):
        assert abs(float(text) - value) <= 5.001e-3 * abs(value)


def test_a_slope_on_milliseconds_does_not_show_as_zero():
    assert numbers(np.array([-19.814, 1.3e-11])) == ["-19.814", "1.3000e-11"]
    assert numbers(np.array([5.0, 6e-4])) == ["5.000000", "0.000600"]
    assert numbers(np.array([1.1e-4, 0.0, -1.1e-8])) == ["0.00011000", "0", "-1.1000e-08"]


def test_a_large_dispersion_has_no_more_digits_than_are_known():
    assert [count(value) for value in (34.0, 2.5, 2.3456789e20, np.inf)] == ["34", "2.5000", "2.3457e+20", "inf"]


def test_special_numbers_have_names():
    assert [number(v) for v in (np.nan, np.inf, -np.inf, 0.0)] == ["nan", "inf", "-inf", "0"]


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_p_value_is_never_a_bare_zero(p):
    text = p_value(p)
    assert text.startswith("< ") if p < 1e-300 else abs(float(text) - p) <= 5.0001e-3 * p


@pytest.mark.parametrize("name", ["p", "z", "t", "F", "chi2", "statistic"])
def test_a_column_of_the_users_is_printed_as_numbers_whatever_it_is_called(name):
    random = np.random.default_rng(0)
    data = {name: random.normal(0.0, 1e-3, 60), "x": random.normal(size=60)}
    fit = nd.glm(f"y ~ {name} + x", data | {"y": 5 - 2e3 * data[name] + random.normal(size=60)})
    effects = fit.predictions(at={name: [-1e-4, 0.0, 2e-4]}).table()
    steps, held = fit.trace.table(), fit.profile(name, 5).table()
    tables = (effects, steps, held, fit.condition_indices(), fit.augment())
    for made in tables:
        shown = [float(cell) for cell in next(column for column in made.texts(99) if column[0] == name)[1:]]
        np.testing.assert_allclose(shown, made[name], rtol=5.1e-3, atol=1e-2 * np.abs(made[name]).min())
    assert "< 1e-300" not in f"{fit.trace}{held}"


@pytest.mark.parametrize("name", ["p", "z", "estimate", "se", "lower"])
def test_a_variable_called_as_a_measure_keeps_its_column(name):
    data = {"x": np.arange(40.0), name: np.repeat(["a", "b"], 20)}
    made = nd.glm(f"y ~ x * {name}", data | {"y": np.arange(40) % 7}, family="poisson")
    found = made.slopes("x", by=name).table()
    assert found[f"variable {name}"].tolist() == ["a", "b"]
    plain = nd.glm("y ~ x * g", {"x": data["x"], "g": data[name], "y": np.arange(40) % 7}, family="poisson")
    same = plain.slopes("x", by="g").table()
    for column in ("estimate", "se", "z", "p", "lower", "upper"):
        assert np.array_equal(found[column], same[column])


def test_a_profile_of_a_coefficient_called_deviance_keeps_both():
    x = np.arange(20.0)
    made = nd.glm("y ~ deviance + x", {"deviance": np.cos(x), "x": x, "y": x % 5}).profile("deviance", 5)
    table = made.table()
    assert np.array_equal(table["coefficient deviance"], made.values) and np.array_equal(
        table["deviance"], made.deviance
    )


def test_a_zero_has_no_sign():
    assert numbers(np.array([-0.0, 1.0, -2.0])) == ["0.0000", "1.0000", "-2.0000"]


def test_what_a_base_cannot_have_shows_as_a_dash_and_stays_nan():
    made = Table({"level": ["a", "b"], "ratio": [1.0, np.nan], "se": [np.nan, np.nan]}, bases=[0])
    assert str(made).splitlines()[1:] == ["a      1.0000    -", "b         nan  nan"]
    assert "1.0000 & - " in made.to_latex() and made._repr_html_().count(">-<") == 1
    assert np.isnan(made["se"]).all() and made.to_pandas()["se"].isna().all()
    long = Table({"row": np.arange(200), "se": np.full(200, np.nan)}, bases=[0, 199])
    assert [line.split()[1] for line in str(long).splitlines()[1:]].count("-") == 2


@pytest.mark.parametrize("word", ["東京", "e\u0301te\u0301", "\x1b[2J", "plain"])
def test_columns_stand_below_each_other_whatever_the_script(word):
    places = {"東京": 4, "e\u0301te\u0301": 3, "\x1b[2J": 4, "plain": 5}[word]
    lines = [*str(Table({"name": np.array([word, "xyzzyxy"]), "n": np.array([1, 2])})).splitlines()[1:]]
    assert lines[0].endswith(" " * (7 - places) + "  1") and lines[1] == "xyzzyxy  2"
    lines = str(Named([1.5, 2.5], [word, "xyzzyxy"])).splitlines()
    assert lines[0].endswith(" " * (7 - places) + "  1.50000") and lines[1] == "xyzzyxy  2.50000"
    assert "\x1b" not in "".join(lines)

"""Saved fits: the same to the last digit, without the data, and safe to open from anyone."""

import copy
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.inference.effects.averaging import Averaging
from nelder.inference.effects.cases import Population
from nelder.inference.effects.predictions import predictions

SENTINEL = 7.654321012345


def table():
    random = np.random.default_rng(1)
    n = 60
    x = random.normal(size=n).round(3)
    x[17] = SENTINEL / 10
    return {
        "x": x,
        "z": random.uniform(1, 9, n).round(3),
        "a": np.array(list("uvw"))[np.arange(n) % 3],
        "g": np.array(["yes", "no"])[(np.arange(n) // 7) % 2],
        "f": np.arange(n) % 4,
        "long name": random.normal(size=n).round(3),
        "e": random.integers(1, 5, n) / 2,
        "y": random.poisson(np.exp(1 + 0.3 * x)).astype(float),
        "m": random.integers(1, 6, n).astype(float),
        "p": random.gamma(2.0, np.exp(0.2 * x)).round(4) + SENTINEL,
    }


RIGHT = """x | log(z) | I(x**2) | poly(x, 2) | poly(x, 3, raw=True) | bs(x, df=5) | bs(x, df=4, extrapolation='clip')
| bs(log(z), df=4) | 0 + cr(x, df=4) | 0 + cs(x, df=4) | 0 + cc(x, df=4) | scale(x) | center(x)*a | a | a*g | a:g | a*x
| a:x | a/x | a*g*x | 0 + a | C(f) | C(a, contr.sum) | C(a, contr.helmert)*x | C(f, contr.poly) | C(a, contr.diff)
| C(a, contr.treatment('v')) | C(a, contr.SAS) | C(a, levels=['w', 'v', 'u']) | C(a, [[1, 0], [0, 1], [-1, -1]])
| `long name` | log(z):`long name` | {a == 'u'}:x | {x > 0} | 2:x | where(x > 0, x, 0) | poly(x, 2):a | bs(x, df=4):g
| bs(x, df=4)*a | scale(x) + C(f)"""
FORMULAS = [f"y ~ {right.strip()}" for right in RIGHT.replace("\n", " ").split(" | ")]

MAKERS = {
    **{formula: lambda d, formula=formula: nd.glm(formula, d, "poisson") for formula in FORMULAS},
    "offset in formula": lambda d: nd.glm("y ~ x + a + offset(log(e)) + offset(scale(z))", d, "poisson"),
    "offset by expression": lambda d: nd.glm("y ~ x", d, "poisson", offset="log(e)"),
    "weights": lambda d: nd.glm("p ~ x + a", d, "gamma", "log", weights="e"),
    "frequency": lambda d: nd.glm("y ~ x", d, "poisson", weights=nd.frequency("m")),
    "cbind": lambda d: nd.glm("cbind(y, m) ~ x*a", d, "binomial", "probit"),
    "response by expression": lambda d: nd.glm("log(p) ~ x", d),
    "dot": lambda d: nd.glm("y ~ . - p - m", d, "quasipoisson"),
    "negative binomial": lambda d: nd.glm("y ~ x", d, "negative_binomial(1.3)"),
    "tweedie": lambda d: nd.glm("y ~ x", d, "tweedie(1.45)"),
    "quasi": lambda d: nd.glm("p ~ x", d, nd.Quasi("mu^2"), nd.Power(1 / 3)),
    "quasibinomial": lambda d: nd.glm("cbind(y, m) ~ x", d, "quasibinomial", "cloglog"),
    "inverse gaussian": lambda d: nd.glm("p ~ a", d, "inverse_gaussian"),
    "missing values": lambda d: nd.glm("y ~ x", d | {"x": np.where(d["e"] > 1.5, np.nan, d["x"])}, "poisson"),
    "ridge": lambda d: nd.glm("y ~ x + z", d, "poisson", penalty="ridge(2)"),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.json"


def again(fit, path):
    fit.save(path)
    return nd.load(path)


def without_trace_of_rows(text):
    """A summary's lines; a loaded fit tells warnings as notes."""
    return [line.removeprefix("Warning: ").removeprefix("Note: ") for line in text.splitlines()]


def assert_same(loaded, fit, new, offset=None):
    assert loaded.names == fit.names
    assert (loaded.family, loaded.link, loaded.solved) == (fit.family, fit.link, fit.solved)
    ours, theirs = (list(dataclasses.asdict(f.statistics).values()) for f in (loaded, fit))
    assert np.array_equal(ours, theirs, equal_nan=True)
    for ours, theirs in ((loaded.coef, fit.coef), (loaded.covariance_unscaled, fit.covariance_unscaled)):
        assert np.array_equal(ours, theirs, equal_nan=True)
    assert sorted(without_trace_of_rows(str(loaded.summary()))) == sorted(without_trace_of_rows(str(fit.summary())))
    for kind in ("response", "link"):
        ours, theirs = (f.predict(new, kind, "confidence", 0.9, offset).to_dict() for f in (loaded, fit))
        assert np.array_equal(list(ours.values()), list(theirs.values()), equal_nan=True)
        assert np.isfinite(ours["fit"]).all()
    for end in ("lower", "upper"):
        assert np.array_equal(loaded.confint(0.8)[end], fit.confint(0.8)[end], equal_nan=True)


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_formula_fit_comes_back_to_the_last_digit(name, path):
    data = table()
    fit = MAKERS[name](data)
    some = {column: values[5:30] for column, values in data.items()}
    assert_same(again(fit, path), fit, some)


def test_an_arrays_fit_comes_back_to_the_last_digit(path):
    data = table()
    X = np.column_stack([np.ones(60), data["x"], data["z"]])
    fit = nd.glm_fit(X, data["y"], "poisson", names=["one", "x", "z"])
    assert_same(again(fit, path), fit, X[:7])


def test_an_array_offset_is_demanded_after_loading_too(path):
    data = table()
    by_arrays = nd.glm_fit(data["x"][:, None], data["y"], "poisson", offset=np.log(data["e"]))
    by_formula = nd.glm("y ~ x", data, "poisson", offset=np.log(data["e"]))
    for fit, new in ((by_arrays, data["x"][:5, None]), (by_formula, {"x": data["x"][:5]})):
        loaded = again(fit, path)
        with pytest.raises(nd.DataError, match="give offset="):
            loaded.predict(new)
        assert_same(loaded, fit, new, offset=np.arange(5))


def test_aliased_coefficients_come_back(path):
    data = table()
    data["twice"] = 2 * data["x"]
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + twice + a", data, "poisson")
    loaded = again(fit, path)
    assert loaded.aliased.tolist() == fit.aliased.tolist()
    assert_same(loaded, fit, {name: values[:9] for name, values in data.items()})
    assert "twice = 2 x" in str(loaded.summary())


def test_aliased_columns_of_any_unit_predict_after_loading_too(path):
    # the share of z in w is 1e-13, which is not rounding where z is of the size of 1e13
    random = np.random.default_rng(0)
    x, z = random.normal(size=50), 1e13 * random.normal(size=50)
    data = {"x": x, "z": z, "w": x + 1e-13 * z, "y": random.poisson(np.exp(0.3 * x)).astype(float)}
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + z + w", data, "poisson")
    assert np.isfinite(fit.predict(data)).all()
    np.testing.assert_array_equal(again(fit, path).predict(data), fit.predict(data))


@pytest.mark.parametrize("start", [1000.0, 100_000.0])
def test_standard_errors_that_cancel_in_the_covariance_keep_their_digits_after_loading(start, path):
    # those of year ** 2: they came back as nan, as the covariance alone has lost them
    rng = np.random.default_rng(1)
    year = start + 10 * rng.random(60)
    data = {"year": year, "y": rng.poisson(np.exp(0.3 + 0.1 * (year - start))).astype(float)}
    fit, new = nd.glm("y ~ year + I(year**2)", data, "poisson"), {"year": start + np.arange(0.0, 11.0)}
    loaded = again(fit, path)
    expected = fit.predict(new, interval="confidence")
    assert np.isfinite(expected["se"]).all()
    for kept in (loaded, again(loaded, path)):
        assert np.allclose(kept.predict(new, interval="confidence")["se"], expected["se"], rtol=1e-12)
        assert np.allclose(
            kept.wald_test(["year", "I(year ** 2)"])["chi2"], fit.wald_test(["year", "I(year ** 2)"])["chi2"]
        )
    centred = nd.glm("y ~ x + I(x**2)", {"x": year - start, "y": data["y"]}, "poisson")
    exact = centred.predict({"x": np.arange(0.0, 11.0)}, interval="confidence")
    assert np.allclose(loaded.predict(new, interval="confidence")["se"], exact["se"], rtol=1e-4)


def test_a_root_that_is_not_one_of_the_covariance_is_refused(path):
    x = np.arange(30.0)
    fit = nd.glm("y ~ year + I(year**2)", {"year": 2000 + x, "y": np.sin(x)})
    fit.save(path)
    parts = json.loads(path.read_text())
    assert parts["root"] is not None
    parts["root"][1] = [1.001 * number for number in parts["root"][1]]
    path.write_text(json.dumps(parts))
    with pytest.raises(nd.SavedFitError, match="root"):
        nd.load(path)
    del parts["root"]  # as in files of before it was kept
    path.write_text(json.dumps(parts))
    assert nd.load(path).root is None


def test_a_mean_that_separated_data_cannot_tell_is_not_told_after_loading_either(path):
    # a and b each turn all responses to 1: how far from each other, nobody knows, and so not the mean at b − a
    random = np.random.default_rng(0)
    a, b, z = np.repeat([0.0, 1, 0], 20), np.repeat([0.0, 0, 1], 20), random.normal(size=60)
    y = np.append(np.tile([0.0, 1], 10), np.ones(40))
    with pytest.warns(nd.BoundaryWarning, match="separation"):
        fit = nd.glm("y ~ a + b + z", {"a": a, "b": b, "z": z, "y": y}, "binomial")
    new = {"a": [0.0, -1.0], "b": [0.0, 1], "z": [0.5, 0.5]}
    for each in (fit, again(fit, path), again(again(fit, path), path)):
        with pytest.warns(nd.BoundaryWarning, match="cannot be told"):
            told = each.predict(new)
        np.testing.assert_array_equal(told, [fit.predict({"a": [0.0], "b": [0.0], "z": [0.5]})[0], np.nan])
        assert np.isnan(predictions(each, Averaging(others=Population(new))).values).all()


def test_a_fit_that_did_not_converge_comes_back_as_such(path):
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm("y ~ x", table(), "poisson", solver=nd.GradientDescent(rate=1e-6, epochs=3))
    loaded = again(fit, path)
    assert not loaded.converged
    assert loaded.reason == fit.reason
    assert "NOT CONVERGED" in str(loaded.summary())


def test_saving_a_loaded_fit_writes_the_same_file(path, tmp_path):
    first = again(MAKERS["y ~ bs(x, df=5)"](table()), path)
    second = tmp_path / "again.json"
    first.save(second)
    assert json.loads(second.read_text()) == json.loads(path.read_text())


@pytest.mark.parametrize("family", ["poisson", "binomial"])
def test_a_family_of_ones_own_must_be_given_to_load(family, path):
    own = {"poisson": nd.Poisson, "binomial": nd.Binomial}[family]

    class Own(own):
        name = "own"

    data = table()
    fit = nd.glm("{y > 2} ~ x", data, Own())
    fit.save(path)
    with pytest.raises(nd.SavedFitError, match=r"it needs the family 'own'.*family="):
        nd.load(path)
    assert_same(nd.load(path, family=fit.family), fit, data)


@pytest.mark.parametrize("family", ["gaussian", nd.Tweedie(1.6), nd.NegativeBinomial(2.0)])
def test_another_family_or_link_than_the_fits_own_is_refused(tmp_path, family):
    fit = nd.glm("m ~ x", table(), nd.Tweedie(1.5), nd.Power(0.5))
    fit.save(path := tmp_path / "fit.json")
    given = nd.Gaussian() if family == "gaussian" else family
    with pytest.raises(nd.SavedFitError, match=r"its family is 'tweedie' with power 1\.5.*family= is"):
        nd.load(path, family=given)
    for link in (nd.Log(), nd.Power(0.25)):
        with pytest.raises(nd.SavedFitError, match=r"its link is 'power' with .*link= is"):
            nd.load(path, link=link)
    assert nd.load(path, family=nd.Tweedie(1.5), link=nd.Power(0.5)).aic == fit.aic


def test_a_link_of_ones_own_must_be_given_to_load(path):
    class Own(nd.Log):
        name = "own"

    data = table()
    fit = nd.glm("y ~ x", data, "poisson", Own())
    fit.save(path)
    with pytest.raises(nd.SavedFitError, match=r"it needs the link 'own'.*link="):
        nd.load(path)
    assert_same(nd.load(path, link=fit.link), fit, data)


# No data in the file


@pytest.mark.parametrize("formula", ["p ~ a + g", "p ~ z*a", "p ~ scale(z)", "p ~ center(log(z)):a"])
def test_no_value_of_the_data_is_in_the_file(formula, path):
    data = table()
    nd.glm(formula, data, "gamma", "log").save(path)
    text = path.read_text()
    assert str(SENTINEL)[:9] not in text
    values = {repr(float(value)) for name in ("p", "z", "x") for value in data[name]}
    numbers = {repr(number) for number in leaves(json.loads(text)) if isinstance(number, float)}
    assert not values & numbers
    assert len(text) < 40 * len(data["p"]) + 8000


def test_the_file_does_not_grow_with_the_rows(tmp_path):
    sizes = []
    for n in (100, 10_000):
        random = np.random.default_rng(2)
        nd.glm("y ~ bs(x, df=4)", {"x": random.random(n), "y": random.random(n)}).save(tmp_path / f"{n}.json")
        sizes.append((tmp_path / f"{n}.json").stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 200


def leaves(node):
    if isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from leaves(item)
    else:
        yield node


@pytest.mark.parametrize("kind", ["residuals", "simulate", "fitted"])
def test_what_needs_the_rows_says_so_after_loading(kind, path):
    loaded = again(MAKERS["y ~ x"](table()), path)
    with pytest.raises(nd.DataError, match="loaded without its data"):
        {"residuals": loaded.residuals, "simulate": loaded.simulate, "fitted": lambda: loaded.fitted}[kind]()


# Files


def test_saving_replaces_a_file_only_when_whole(path):
    fit = MAKERS["y ~ x"](table())
    path.write_text("old")
    fit.save(path)
    assert nd.load(path).names == fit.names
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("place", ["missing/fit.json", "."])
def test_saving_where_nothing_can_be_written_leaves_nothing_behind(place, tmp_path):
    with pytest.raises(nd.SavedFitError, match="cannot be written"):
        MAKERS["y ~ x"](table()).save(tmp_path / place)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(path):
    MAKERS["y ~ x"](table()).save(path)
    return path


def assert_refused(path, words=None):
    with pytest.raises(nd.SavedFitError, match=words) as raised:
        nd.load(path)
    assert str(path) in str(raised.value)


JUNK = {
    "empty": b"",
    "blank": b"  \n",
    "binary": bytes(range(256)),
    "pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    "not UTF-8": b'{"format": "\xff\xfe"}',
    "UTF-16": '{"format": "nelder-fit"}'.encode("utf-16"),
    "a number": b"3",
    "null": b"null",
    "a list": b"[]",
    "an empty dictionary": b"{}",
    "another format": b'{"format": "sklearn", "version": 1}',
    "only the format": b'{"format": "nelder-fit"}',
    "only format and version": b'{"format": "nelder-fit", "version": 1}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep dictionaries": b'{"format":' * 100_000 + b"1" + b"}" * 100_000,
    "a long number": b'{"format": "nelder-fit", "version": ' + b"1" * 10_000 + b"}",
    "two values": b"{} {}",
}


@pytest.mark.parametrize("junk", list(JUNK))
def test_junk_is_refused(junk, path):
    path.write_bytes(JUNK[junk])
    assert_refused(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    assert_refused(tmp_path / "none.json")
    assert_refused(tmp_path)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(part, saved):
    text = saved.read_text().rstrip()
    saved.write_text(text[: int(part * len(text))])
    assert_refused(saved)


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5, [1]])
def test_another_version_is_refused_and_named(version, saved):
    fit = json.loads(saved.read_text())
    saved.write_text(json.dumps(fit | {"version": version}))
    assert_refused(saved, "version")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("part", ["coef", "covariance_unscaled", "statistics"])
def test_numbers_that_are_none_are_refused(constant, part, saved):
    fit = json.loads(saved.read_text())
    if part == "statistics":
        fit[part]["deviance"] = "HERE"
    else:
        fit[part][0] = "HERE" if part == "coef" else ["HERE", *fit[part][0][1:]]
    saved.write_text(json.dumps(fit).replace('"HERE"', constant))
    assert_refused(saved)


@pytest.mark.parametrize("key", ["names", "coef", "covariance_unscaled", "family", "link", "statistics", "solved",
                                 "response", "offset_given", "schema", "warnings"])  # fmt: skip
def test_a_missing_part_is_refused(key, saved):
    fit = json.loads(saved.read_text())
    del fit[key]
    saved.write_text(json.dumps(fit))
    assert_refused(saved)


HOSTILE = [
    "__import__('os').system('touch {marker}')",
    "open('{marker}', 'w')",
    "x.tofile('{marker}')",
    "np.save('{marker}', x)",
    "I(x.__class__)",
    "(lambda: x)()",
    "[x for x in y]",
    "C(x, open('{marker}', 'w'))",
    "I(" * 2000 + "x" + ")" * 2000,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:30])
@pytest.mark.parametrize("part", ["formula", "offset in formula", "response in formula"])
def test_a_hostile_expression_in_a_file_is_refused(hostile, part, path, tmp_path):
    data = table()
    marker = tmp_path / "marker"
    text = hostile.format(marker=marker)
    nd.glm("y ~ x", data, "poisson", offset="log(e)").save(path)
    fit = json.loads(path.read_text())
    if part == "response in formula":
        fit["schema"]["formula"] = f"{text} ~ x"
    else:
        term = f"offset({text})" if part == "offset in formula" else text
        fit["schema"]["formula"] = f"y ~ x + {term}"
        if part == "formula":
            fit["schema"]["factors"][term] = {"columns": [term]}
            fit["names"] = [*fit["names"], term]
            fit["coef"].append(1.0)
            fit["covariance_unscaled"] = np.eye(3).tolist()
    path.write_text(json.dumps(fit))
    assert_refused(path)
    assert not marker.exists()


WRONG = [
    ("names", ["a", "a"]),
    ("names", ["x"]),
    ("coef", [1.0]),
    ("coef", [[1.0, 2.0]]),
    ("coef", ["1", "2"]),
    ("coef", [True, False]),
    ("covariance_unscaled", [[1.0]]),
    ("covariance_unscaled", [[-1.0, 0.0], [0.0, 1.0]]),
    ("covariance_unscaled", [[1.0, 2.0], [0.0, 1.0]]),
    ("covariance_unscaled", [[1.0, 5.0], [5.0, 1.0]]),
    ("family", {"name": "poison"}),
    ("family", {"name": "poisson", "theta": 3}),
    ("family", {"name": "negative_binomial", "theta": -1}),
    ("family", {"name": "negative_binomial", "theta": "a"}),
    ("family", "poisson"),
    ("link", {"name": "lgo"}),
    ("link", {"name": "power", "exponent": "a"}),
    ("offset_given", "yes"),
    ("schema", []),
    ("schema", {"formula": "y ~ x"}),
    ("statistics", {"n": 60}),
    ("statistics", []),
    ("solved", None),
    ("warnings", "text"),
    ("response", 3),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_part_that_does_not_fit_is_refused(key, value, saved):
    fit = json.loads(saved.read_text())
    saved.write_text(json.dumps(fit | {key: value}))
    assert_refused(saved)


def places(node, here=()):
    """The way to every node of a JSON value."""
    yield here
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*here, key))


def with_change(document, place, value):
    if not place:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return changed


SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["x", "a", "u", "y ~ x", "log(x)", "nan", "poisson", "logit", "1e5", "Intercept"]),
)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "number", "levels", "kept", "columns", "0", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
DOCUMENTS = ["y ~ x", "y ~ bs(x, df=4)*a", "y ~ poly(x, 2)", "y ~ C(a, contr.sum)", "y ~ scale(x) + C(f)",
             "offset in formula", "offset by expression", "quasi", "negative binomial"]  # fmt: skip


@pytest.mark.filterwarnings("ignore::nelder.NelderWarning")  # a changed file may well give rows without a mean
@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_a_file_changed_anywhere_is_refused_or_usable(name, path, choice):
    """Nothing but SavedFitError from load; nothing but a result or a NelderError from what was loaded."""
    data = table()
    MAKERS[name](data).save(path)
    document = json.loads(path.read_text())
    place = choice.draw(st.sampled_from(list(places(document))))
    path.write_text(json.dumps(with_change(document, place, choice.draw(VALUES))))
    loaded = loaded_or_none(path)
    if loaded is None:
        return
    new = {column: values[:4] for column, values in data.items()}
    assert is_result_or_refusal(lambda: loaded.predict(new, interval="confidence")["fit"].shape == (4,))
    assert is_result_or_refusal(lambda: bool(str(loaded.summary())))
    assert is_result_or_refusal(lambda: bool(loaded.table().to_dict()))


def loaded_or_none(path):
    try:
        return nd.load(path)
    except nd.SavedFitError:
        return None


def is_result_or_refusal(call):
    try:
        return call()
    except nd.NelderError:
        return True


def test_a_saved_fit_that_is_not_there_is_said_to_be_none():
    with pytest.raises(nd.SavedFitError, match=r"^'none\.json': there is no such file$"):
        nd.load("none.json")

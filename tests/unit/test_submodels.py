"""Fits of smaller models to the rows of a fit: they are those that glm would make, and say what they find."""

import numpy as np
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.submodels import (
    constrained,
    objective_of,
    refit,
    schema_of,
    with_columns,
    with_table_columns,
    with_terms,
    without_term,
)

N = 40
ARGUMENTS = {"negative_binomial": (2.0,), "quasi": ("mu",), "tweedie": (1.5,)}


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(17)
    x, z = random.normal(size=(2, N))
    made = {"x": x, "z": z, "g": np.array(list("abcd") * 10), "h": np.repeat(["u", "v"], N // 2)}
    made["count"] = 1.0 + random.poisson(np.exp(1 + 0.3 * x))
    made["share"] = np.minimum(made["count"], 19.0) / 20
    return made


def same(ours, theirs):
    """Every number of the fit as a whole, and the coefficients."""
    assert ours.names == theirs.names
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=1e-7, atol=1e-9)
    for name in ("deviance", "null_deviance", "loglik", "dispersion", "df_resid", "df_null", "aic"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9, nan_ok=True), name


@pytest.mark.parametrize("name", FAMILIES)
def test_terms_are_fitted_as_by_a_formula_of_their_own(name, table):
    family = FAMILIES[name](*ARGUMENTS.get(name, ()))
    share = family.mean_interval == (0.0, 1.0)
    left, weights = ("share", np.full(N, 20.0)) if share else ("count", None)
    fit = nd.glm(f"{left} ~ x*g + h", table, family, weights=weights)
    same(with_terms(fit, ["Intercept", "g", "x:g"]), nd.glm(f"{left} ~ g + x:g", table, family, weights=weights))
    same(with_terms(fit, ["h"]), nd.glm(f"{left} ~ 0 + h", table, family, weights=weights))


def test_weights_offsets_and_dropped_rows_stay(table):
    data = {**table, "z": np.where(np.arange(N) == 5, np.nan, table["z"])}
    weights = nd.frequency(np.arange(N) % 3)
    fit = nd.glm("count ~ x + z + g + offset(z)", data, "poisson", weights=weights)
    small = with_terms(fit, ["Intercept", "x"])
    complete = {name: np.delete(values, 5) for name, values in data.items()}
    direct = nd.glm("count ~ x + offset(z)", complete, "poisson", weights=nd.frequency(np.delete(np.arange(N) % 3, 5)))
    same(small, direct)
    assert small.notes == fit.notes and small.kept.rows.tolist() == fit.kept.rows.tolist() and 5 not in small.kept.rows


def test_findings_name_rows_of_the_table():
    """The first two rows have weight zero: what separates is counted in the caller's numbers all the same."""
    data = {
        "x": np.r_[0, 0, np.repeat([0, 1], 10)],
        "y": np.r_[0, 0, np.tile([0, 1], 5), np.ones(10)],
        "z": np.arange(22.0),
    }
    weights = np.r_[0, 0, np.ones(20)]
    with pytest.warns(nd.BoundaryWarning):
        direct = nd.glm("y ~ x", data, "binomial", weights=weights)
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x + z", data, "binomial", weights=weights)
    for small in (with_terms(fit, ["Intercept", "x"]), with_columns(fit, np.array([True, True, False]))):
        assert small.limit is not None and [str(f) for f in small.warnings] == [str(f) for f in direct.warnings]


def test_nothing_is_announced_and_numpy_is_silent(table):
    """Warnings are errors here: a model of huge means is judged without a word from NumPy."""
    data = {**table, "huge": np.where(np.arange(N) == 0, 1e4, table["x"])}
    fit = nd.glm("count ~ x + huge", data, "poisson")
    same(with_columns(fit, np.array([True, False, True])), nd.glm("count ~ huge", data, "poisson"))


def test_without_a_term_the_other_columns_stay_as_they_are(table):
    fit = nd.glm("count ~ C(g, contr.sum)*C(h, contr.sum)", table, "poisson")
    small = without_term(fit, "C(g, contr.sum)")
    assert small.names == tuple(name for name in fit.names if ":" in name or "C(g" not in name)
    chosen = np.array([name in small.names for name in fit.names])
    same(small, with_columns(fit, chosen))


def test_an_aliased_column_returns_where_what_it_repeats_has_gone(table):
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("count ~ x + twice", {**table, "twice": 2 * table["x"]}, "poisson")
    small = without_term(fit, "x")
    assert small.names == ("Intercept", "twice") and small.deviance == pytest.approx(fit.deviance, rel=1e-12)
    assert objective_of(fit, schema_of(fit)).design.names == fit.names


def test_without_columns_the_offset_is_the_model(table):
    fit = nd.glm("count ~ 0 + x + offset(z)", table, "poisson")
    bare = with_terms(fit, [])
    assert bare.deviance == pytest.approx(fit.null_deviance, rel=1e-12) and bare.df_resid == N and bare.names == ()
    np.testing.assert_allclose(bare.fitted, np.exp(table["z"]))


def test_without_columns_a_perfect_offset_has_no_dispersion(table):
    from dataclasses import replace

    fit = nd.glm("z ~ 0 + x", table)
    handles = [replace(block, offset=block.y) for block in fit.objective.design.handles]
    perfect = replace(fit.objective, design=replace(fit.objective.design, handles=handles))
    bare = with_columns(replace(fit, objective=perfect), np.array([False]))
    assert (bare.deviance, bare.dispersion, bare.loglik) == (0.0, 0.0, np.inf)
    assert "perfect to rounding" in str(bare.warnings[0])


def test_columns_of_the_table_are_read_when_they_are_needed(table):
    fit = nd.glm("count ~ x", table, "poisson")
    assert with_table_columns(fit, ["x"]) is fit
    wide = with_table_columns(fit, ["z", "h", "z"])
    assert set(wide.kept.chunk) == {"count", "x", "z", "h"} and set(fit.kept.chunk) == {"count", "x"}
    with pytest.raises(nd.UnknownNameError, match="unknown column 'nowhere'"):
        with_table_columns(fit, ["nowhere"])
    arrays = nd.glm_fit(np.ones((N, 1)), table["z"])
    for call in (lambda: with_table_columns(arrays, ["z"]), lambda: schema_of(arrays)):
        with pytest.raises(nd.CapabilityError, match="fit by formula"):
            call()


def test_names_of_terms_are_checked(table):
    with pytest.raises(nd.UnknownNameError, match="unknown term 'X': known: Intercept, x"):
        with_terms(nd.glm("count ~ x", table, "poisson"), ["X"])


def test_constraints_and_columns_agree(table):
    fit = nd.glm("count ~ x + z + g", table, "poisson")
    held = constrained(fit, np.eye(len(fit.names))[[2]], np.zeros(1))
    same(held.fit, with_columns(fit, np.arange(len(fit.names)) != 2))
    assert held.beta[2] == 0
    again = refit(fit, fit.objective)
    assert again.deviance == pytest.approx(fit.deviance, rel=1e-12)

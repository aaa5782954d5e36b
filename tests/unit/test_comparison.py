"""Comparison of nested fits: what it says, what it refuses, and the algebra beneath it."""

import json
from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.fit import Uncertainty
from nelder.inference.comparisons.comparison import compare
from nelder.inference.comparisons.nesting import beyond, nesting
from nelder.inference.dispersions import with_dispersion


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(20)
    n = 60
    x, z = random.normal(size=(2, n))
    return {
        "x": x,
        "z": z,
        "g": np.array(list("abc") * 20),
        "h": np.repeat(["u", "v"], 30),
        "count": random.poisson(np.exp(1 + 0.3 * x)).astype(float),
        "y": random.normal(3 + x, 1.0),
    }


def poisson(formula, table, **options):
    return nd.glm(formula, table, "poisson", **options)


def test_fits_stand_in_order_of_size_whatever_the_order_given(table):
    fits = [poisson(f"count ~ {right}", table) for right in ("1", "x", "x + g", "x*g")]
    straight, shuffled = compare(fits[0], fits[1:]), compare(fits[2], [fits[0], fits[3], fits[1]])
    assert str(straight) == str(shuffled)
    assert straight["resid_df"].tolist() == [59, 58, 56, 54]
    assert straight["df"].tolist() == [0, 1, 2, 2] and np.isnan(straight["p"]).tolist() == [True, False, False, False]


def test_where_dispersion_is_known_the_statistic_is_twice_the_gain_in_loglikelihood(table):
    small, large = poisson("count ~ 1", table), poisson("count ~ x*g", table)
    row = compare(large, small)
    assert row["chi2"][1] == pytest.approx(2 * (large.loglik - small.loglik), rel=1e-10)
    assert row["aic"].tolist() == [small.aic, large.aic] and row["bic"].tolist() == [small.bic, large.bic]


def test_dispersion_is_that_of_the_largest_fit(table):
    fits = [nd.glm(f"y ~ {right}", table) for right in ("1", "x", "x*g")]
    made = compare(fits[0], fits[1:])
    assert made["F"][1] == pytest.approx((fits[0].deviance - fits[1].deviance) / fits[2].dispersion, rel=1e-12)
    assert "φ = " in str(made) and "on 54 residual degrees of freedom" in str(made)
    assert compare(fits[0], fits[1:], "chisq")["chi2"][1] == pytest.approx(made["F"][1], rel=1e-12)


def test_least_squares_has_one_statistic_by_deviance_and_by_score(table):
    """A parabola is its own local model."""
    small, large = nd.glm("y ~ x", table), nd.glm("y ~ x*g", table)
    assert compare(large, small, "rao")["chi2"][1] == pytest.approx(
        compare(large, small, "chisq")["chi2"][1], rel=1e-10
    )


def test_quasi_families_have_no_aic(table):
    fits = [nd.glm(f"count ~ {right}", table, "quasipoisson") for right in ("1", "x")]
    assert "aic" not in compare(*fits) and "F" in compare(*fits)


def test_models_nest_by_what_their_columns_span(table):
    spline = nd.glm("y ~ poly(x, 3)", table)
    made = compare(spline, [nd.glm("y ~ I(x**2) + scale(x)", table), nd.glm("y ~ center(x)", table)])
    assert made["df"].tolist()[1:] == [1, 1]
    recoded = nd.glm("y ~ 0 + g:h", table)
    assert compare(recoded, nd.glm("y ~ g + h", table))["df"][1] == 2


def test_years_and_their_powers_nest_though_they_nearly_cancel():
    random = np.random.default_rng(4)
    year = np.arange(1950.0, 2010.0)
    data = {"year": year, "y": random.normal(size=60)}
    large = nd.glm("y ~ poly(year, 3)", data)
    small = nd.glm("y ~ year + I(year**2)", data)
    assert compare(large, small)["df"][1] == 1
    with pytest.raises(nd.InputError, match="not nested"):
        compare(nd.glm("y ~ poly(year, 2)", data), nd.glm("y ~ year + I(year**3)", data))


def test_a_small_part_outside_is_seen(table):
    near = {**table, "almost": table["x"] + 1e-7 * table["z"]}
    with pytest.raises(nd.InputError, match="'x' of the former is no combination"):
        compare(nd.glm("y ~ x", near), nd.glm("y ~ 1 + almost + g", near))


def test_offsets_nest_where_the_larger_model_can_make_up_their_difference(table):
    large, fixed = poisson("count ~ x + z", table), poisson("count ~ z + offset(0.3*x)", table)
    assert compare(large, fixed)["df"][1] == 1
    same = [poisson(f"count ~ {right} + offset(z)", table) for right in ("1", "x")]
    assert compare(*same)["df"][1] == 1
    with pytest.raises(nd.InputError, match="'offset' of the former is no combination"):
        compare(poisson("count ~ x", table), poisson("count ~ 1 + offset(z)", table))


def test_the_same_model_twice_is_said_to_be_that(table):
    made = compare(nd.glm("y ~ x", table), nd.glm("y ~ scale(x)", table))
    assert made["df"][1] == 0 and np.isnan(made["F"][1])
    assert "no degrees of freedom at y ~ scale(x): the same model as the one above it" in made.notes


def test_fits_from_arrays_are_compared_too(table):
    ones = np.ones(60)
    small = nd.glm_fit(np.column_stack([ones, table["x"]]), table["y"])
    large = nd.glm_fit(np.column_stack([ones, table["x"], table["z"]]), table["y"], names=["one", "x", "z"])
    made = compare(large, small)
    assert made["model"].tolist() == ["y ~ x1 + x2", "y ~ one + x + z"]
    assert made["F"][1] == pytest.approx(compare(nd.glm("y ~ x", table), nd.glm("y ~ x + z", table))["F"][1], rel=1e-10)


def test_blocks_of_rows_are_merged():
    random = np.random.default_rng(3)
    n = 70_000
    x, y = random.normal(size=n), random.poisson(2.0, n).astype(float)
    small, large = (nd.glm(f"y ~ {right}", {"x": x, "y": y}, "poisson") for right in ("1", "x"))
    assert large.objective is not None and len(large.objective.design.handles) == 2
    assert compare(large, small)["df"][1] == 1


def test_repeated_rows_are_frequency_weights(table):
    times = np.random.default_rng(8).integers(0, 4, 60)
    repeated = {name: np.repeat(values, times) for name, values in table.items()}
    ours = [nd.glm(f"y ~ {right}", table, weights=nd.frequency(times)) for right in ("1", "x", "x*h")]
    theirs = [nd.glm(f"y ~ {right}", repeated) for right in ("1", "x", "x*h")]
    for test in ("F", "chisq", "rao"):
        a, b = compare(ours[0], ours[1:], test), compare(theirs[0], theirs[1:], test)
        for column in set(a) - {"model"}:
            np.testing.assert_allclose(a[column], b[column], rtol=1e-9)


def test_weights_of_one_are_no_weights(table):
    assert compare(poisson("count ~ x", table), poisson("count ~ 1", table, weights=nd.frequency(np.ones(60))))["df"][1]


def test_a_separated_fit_is_compared_at_its_limit_and_said_to_be_separated():
    data = {"cured": np.r_[np.tile([0, 1], 10), np.ones(20)], "g": np.repeat(["c", "t"], 20)}
    small = nd.glm("cured ~ 1", data, "binomial")
    with pytest.warns(nd.BoundaryWarning):
        large = nd.glm("cured ~ g", data, "binomial")
    made = compare(large, small)
    # the treated fit perfectly, the others are ten of twenty: 40 (h(3/4) − ½ h(1/2)) with h the entropy
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert made["chi2"][1] == pytest.approx(2 * 40 * (entropy - 0.5 * np.log(2)), rel=1e-10)
    assert any(note.startswith("cured ~ g: separation") for note in made.notes)


def test_the_score_at_an_infinite_estimate_is_that_of_the_rows_not_at_their_limits():
    random = np.random.default_rng(2)
    data = {"cured": np.r_[np.tile([0, 1], 10), np.ones(20)], "g": np.repeat(["c", "t"], 20)}
    data["x"] = random.normal(size=40)
    with pytest.warns(nd.BoundaryWarning):
        fits = [nd.glm(f"cured ~ {right}", data, "binomial") for right in ("g", "g + x")]
    rest = {name: values[:20] for name, values in data.items()}
    among = [nd.glm(f"cured ~ {right}", rest, "binomial") for right in ("1", "x")]
    for test in ("rao", "chisq"):
        assert compare(*fits, test)["chi2"][1] == pytest.approx(compare(*among, test)["chi2"][1], rel=1e-9)


def test_no_score_at_an_edge_of_the_means():
    days = np.arange(6.0)
    data = {"days": days, "events": np.array([0.0, 0, 0, 2, 9, 20]), "x": np.array([1.0, 0, 1, 0, 2, 1])}
    with pytest.warns(nd.BoundaryWarning):
        fits = [nd.glm(f"events ~ {right}", data, "poisson", "identity") for right in ("days", "days + x")]
    made = compare(*fits, "rao")
    assert np.isnan(made["chi2"][1]) and any("lies at an edge of the means" in note for note in made.notes)


def test_shapes_that_were_estimated_are_compared_by_likelihood(table):
    random = np.random.default_rng(1)
    data = {**table, "wild": random.negative_binomial(2, 0.3, 60).astype(float)}
    fits = [nd.glm(f"wild ~ {right}", data, "negative_binomial") for right in ("1", "x", "x + g")]
    made = compare(fits[2], fits[:2])
    assert list(made)[:6] == ["model", "resid_df", "theta", "loglik", "df", "chi2"]
    np.testing.assert_allclose(made["chi2"][1:], 2 * np.diff([fit.loglik for fit in fits]), rtol=1e-9)
    assert made["theta"].tolist() == [fit.shape.value for fit in fits]
    assert "theta is estimated in each model" in made.notes[0]
    with pytest.raises(nd.InputError, match="known to be 1"):
        compare(fits[2], fits[:2], "F")
    with pytest.raises(nd.CapabilityError, match="theta of negative_binomial is estimated in each"):
        compare(fits[2], fits[:2], "rao")
    with pytest.raises(nd.InputError, match="neither contains the other"):
        compare(fits[2], nd.glm("wild ~ x", data, nd.NegativeBinomial(2.0)))


def test_a_dispersion_of_ones_own_is_taken(table):
    small, large = nd.glm("y ~ 1", table), nd.glm("y ~ x", table)
    given = compare(with_dispersion(large, 2.0), small)
    assert given["chi2"][1] == pytest.approx((small.deviance - large.deviance) / 2, rel=1e-12)
    with pytest.raises(nd.InputError, match="known to be 2"):
        compare(with_dispersion(large, 2.0), small, "F")
    likeliest = compare(with_dispersion(large, "ml"), small)
    assert likeliest["F"][1] == pytest.approx((small.deviance - large.deviance) / (large.deviance / 60), rel=1e-9)


def test_a_perfect_fit_leaves_nothing_to_test_against():
    t = np.arange(6.0)
    data = {"y": 1 + 2 * t, "t": t}
    with pytest.warns(nd.ResponseWarning):
        large = nd.glm("y ~ t", data)
    made = compare(large, nd.glm("y ~ 1", data))
    assert np.isnan(made["F"][1]) and any("nothing to test against" in note for note in made.notes)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (("count ~ x", "poisson", {}), ("count ~ 1", "quasipoisson", {}), "neither contains the other"),
        (
            ("count ~ x", "poisson", {}),
            ("count ~ 1", "poisson", {"link": "sqrt"}),
            "link sqrt and poisson with link log",
        ),
        (("count ~ x", "poisson", {}), ("{count + 1} ~ 1", "poisson", {}), "different responses"),
        (("y ~ x", "gaussian", {}), ("y ~ 1", "gaussian", {"weights": "count + 1"}), "different weights"),
        (
            ("y ~ x", "gaussian", {}),
            ("y ~ 1", "gaussian", {"weights": nd.frequency(np.full(60, 2))}),
            "different weights",
        ),
        (("y ~ x", "gaussian", {}), ("y ~ z", "gaussian", {}), "'x' of the former is no combination"),
        (("y ~ x + z", "gaussian", {}), ("y ~ g", "gaussian", {}), "'x', 'z' of the former are no combinations"),
    ],
)
def test_fits_that_no_test_compares_are_refused(table, one, other, words):
    fits = [nd.glm(formula, table, family, **options) for formula, family, options in (one, other)]
    with pytest.raises(nd.InputError, match=words):
        compare(*fits)


def test_fits_of_other_rows_are_refused_by_name(table):
    holes = {**table, "z": np.where(np.arange(60) % 20 == 3, np.nan, table["z"])}
    with pytest.raises(nd.DataError, match="rows 3, 23, 43 of the table are in one of them only"):
        compare(nd.glm("y ~ x + z", holes), nd.glm("y ~ x", holes))
    with pytest.raises(nd.DataError, match="tables with 59 and 60 rows"):
        compare(nd.glm("y ~ x", table), nd.glm("y ~ 1", {name: values[1:] for name, values in table.items()}))


def test_fits_whose_deviance_is_no_measure_are_refused(table, tmp_path):
    fit, small = poisson("count ~ x", table), poisson("count ~ 1", table)
    fit.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        compare(nd.load(tmp_path / "fit.json"), small)
    with pytest.raises(nd.CapabilityError, match=r"penalty \(ridge\)"):
        compare(poisson("count ~ x", table, penalty=nd.Ridge(1.0)), small)
    assert compare(poisson("count ~ x", table, penalty=nd.Ridge(0.0)), small)["df"][1] == 1
    robust = replace(fit, uncertainty=Uncertainty("HC3", fit.covariance_unscaled, np.inf))
    with pytest.raises(nd.CapabilityError, match=r"know nothing of the covariance in use \(HC3\)"):
        compare(robust, small)
    with pytest.warns(nd.NotConvergedWarning):
        unfinished = poisson("count ~ x", table, solver=nd.Newton(max_steps=1))
    with pytest.raises(nd.InputError, match="did not converge"):
        compare(unfinished, small)


def test_what_is_no_fit_and_what_is_no_test_are_refused(table):
    fit, small = poisson("count ~ x", table), poisson("count ~ 1", table)
    with pytest.raises(nd.InputTypeError, match=r"compare takes fits, .*, not str"):
        compare(fit, ["count ~ 1"])
    with pytest.raises(nd.InputTypeError, match="not int"):
        compare(fit, 3)
    with pytest.raises(nd.InputError, match="two fits or more"):
        compare(fit, [])
    with pytest.raises(nd.UnknownNameError, match="did you mean 'chisq'"):
        compare(fit, small, "chi")
    with pytest.raises(nd.InputError, match="known to be 1"):
        compare(fit, small, "F")
    assert compare(fit, small, "LR")["p"][1] == compare(fit, small)["p"][1]


@pytest.mark.parametrize("seed", range(5))
def test_nesting_finds_the_combinations(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(40, 5)) * 10.0 ** random.integers(-3, 4, 5)
    basis, shift = random.normal(size=(5, 2)), random.normal(size=5) / np.abs(X).max(axis=0)
    y = random.normal(size=40)
    large, small = nd.glm_fit(X, y), nd.glm_fit(X @ basis, y, offset=X @ shift)
    found = nesting(large.objective, small.objective)
    assert found.outside == ()
    np.testing.assert_allclose(found.basis, basis, rtol=1e-8, atol=1e-10 * np.abs(basis).max())
    np.testing.assert_allclose(found.origin, shift, rtol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_combinations_beyond_a_model_add_up(seed):
    """The Wald statistic of everything that is zero in the smaller model is that of what is zero in both, and more."""
    random = np.random.default_rng(seed)
    root, beta = random.normal(size=(6, 6)), random.normal(size=6)
    covariance, larger = root @ root.T, random.normal(size=(6, 4))
    smaller = larger @ random.normal(size=(4, 2))

    def statistic(weights):
        gap = weights @ beta
        return gap @ np.linalg.solve(weights @ covariance @ weights.T, gap)

    both, every = (np.linalg.svd(basis.T)[2][basis.shape[1] :] for basis in (larger, smaller))
    found = beyond(covariance, larger, smaller)
    assert found.shape == (2, 6)
    assert statistic(found) == pytest.approx(statistic(every) - statistic(both), rel=1e-8)
    assert statistic(beyond(covariance, np.eye(6), smaller)) == pytest.approx(statistic(every), rel=1e-10)


def test_the_table_can_be_handed_on(table):
    made = compare(nd.glm("y ~ x", table), nd.glm("y ~ 1", table))
    assert json.dumps(made.to_dict()) and list(made.to_pandas()["model"]) == ["y ~ 1", "y ~ x"]

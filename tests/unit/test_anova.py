"""Analysis of deviance by terms: the laws its tables obey, for every family, and what it says and refuses."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.fit import Uncertainty
from nelder.inference.comparisons.anova import anova
from nelder.inference.comparisons.comparison import compare
from nelder.inference.comparisons.selection import drop1

N = 90
ARGUMENTS = {"negative_binomial": (2.0,), "quasi": ("mu",), "tweedie": (1.5,)}
EVERY_FAMILY = [make(*ARGUMENTS.get(name, ())) for name, make in FAMILIES.items()]
each_family = pytest.mark.parametrize("family", EVERY_FAMILY, ids=lambda family: family.label())


@pytest.fixture(scope="module")
def table():
    """An unbalanced table; `count` suits every family, as a share of 20 those that end at 1."""
    random = np.random.default_rng(11)
    g, h = random.choice(list("abc"), N, p=[0.5, 0.3, 0.2]), random.choice(["u", "v"], N)
    x = random.uniform(-1, 1, N)
    count = 1.0 + random.binomial(17, 1 / (1 + np.exp(-(0.3 * x + 0.4 * (g == "b") - 0.3 * (h == "v")))))
    return {"x": x, "z": random.normal(size=N), "g": g, "h": h, "count": count, "share": count / 20}


def fitted(family, right, table):
    if family.mean_interval == (0.0, 1.0):
        return nd.glm(f"share ~ {right}", table, family, weights=np.full(N, 20.0))
    return nd.glm(f"count ~ {right}", table, family)


def same(ours, theirs, columns, rtol=1e-8):
    for column in columns:
        np.testing.assert_allclose(ours[column], theirs[column], rtol=rtol, atol=1e-10, err_msg=column)


@each_family
def test_sequential_deviances_add_up_to_what_the_model_explains(family, table):
    fit = fitted(family, "g*h + x", table)
    made = anova(fit, 1)
    assert made["term"].tolist() == ["g", "h", "x", "g:h"] and made["df"].tolist() == [2, 1, 1, 2]
    assert made["deviance"].sum() == pytest.approx(fit.null_deviance - fit.deviance, rel=1e-9)
    assert made["resid_deviance"][-1] == fit.deviance and made["resid_df"].tolist() == [N - 3, N - 4, N - 5, N - 7]


@each_family
def test_the_largest_term_has_one_test(family, table):
    """In order, beside the others, after all others, dropped, and side by side it is the same comparison."""
    fit, small = fitted(family, "x + g*h", table), fitted(family, "x + g + h", table)
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        tables = [anova(fit, kind) for kind in (1, 2, 3)] + [drop1(fit, ["g:h"]), compare(fit, small)]
    statistic = "F" if "F" in tables[0] else "chi2"
    for made in tables[1:]:
        for column in ("df", "deviance", statistic, "p"):
            assert made[column][-1] == pytest.approx(tables[0][column][-1], rel=1e-8)


@each_family
def test_types_one_and_two_do_not_depend_on_coding(family, table):
    plain, summed = fitted(family, "g*h + x", table), fitted(family, "C(g, contr.sum)*C(h, contr.helmert) + x", table)
    for kind, test in ((2, "rao"), (1, "wald")):
        a, b = anova(plain, kind, test), anova(summed, kind, test)
        same(a, b, ["df", "F" if "F" in a else "chi2", "p"], 1e-7)


def test_the_largest_term_has_one_score_test(table):
    fit, small = (nd.glm(f"count ~ {right}", table, "gamma") for right in ("x + g*h", "x + g + h"))
    tables = [anova(fit, 1, "rao"), anova(fit, 2, "rao"), drop1(fit, ["g:h"], "rao"), compare(fit, small, "rao")]
    assert [made["chi2"][-1] for made in tables] == pytest.approx([tables[0]["chi2"][-1]] * 4, rel=1e-8)


def test_without_interactions_types_two_and_three_are_the_same(table):
    fit = nd.glm("count ~ g + h + x", table, "poisson")
    for test in ("chisq", "rao", "wald"):
        a, b = anova(fit, 2, test), anova(fit, 3, test)
        same(a, b, ["df", "chi2", "p"])
    assert anova(fit, 3).notes == ("each term after all others",)


def test_balanced_designs_have_one_analysis_of_variance():
    random = np.random.default_rng(6)
    cells = np.array([(g, h) for g in "abc" for h in "uv" for _ in range(4)])
    data = {"g": cells[:, 0], "h": cells[:, 1], "y": random.normal(size=24)}
    fit = nd.glm("y ~ C(g, contr.sum)*C(h, contr.sum)", data)
    first = anova(fit, 1)
    for kind in (2, 3):
        same(first, anova(fit, kind), ["df", "deviance", "F", "p"])
    # sums of squares by hand: those of the means of g about the mean, eight a level
    means = np.array([data["y"][data["g"] == level].mean() for level in "abc"])
    assert first["deviance"][0] == pytest.approx(8 * np.sum((means - data["y"].mean()) ** 2), rel=1e-10)


def test_in_least_squares_every_test_is_the_f_test(table):
    fit = nd.glm("z ~ g*h + x", table)
    for kind in (1, 2):
        exact = anova(fit, kind)
        same(exact, anova(fit, kind, "wald"), ["df", "F", "p"])
        same(anova(fit, kind, "chisq"), anova(fit, kind, "rao"), ["df", "chi2", "p"])
        np.testing.assert_allclose(anova(fit, kind, "chisq")["chi2"], exact["F"] * exact["df"], rtol=1e-10)


def test_scales_of_columns_do_not_matter(table):
    scaled = {**table, "x": 1e6 * table["x"] + 3e6}
    for test in ("chisq", "rao", "wald"):
        a, b = (anova(nd.glm("count ~ x + z + g", data, "poisson"), 2, test) for data in (table, scaled))
        same(a, b, ["df", "chi2", "p"])


def test_repeated_rows_are_frequency_weights(table):
    times = np.random.default_rng(8).integers(0, 4, N)
    repeated = {name: np.repeat(values, times) for name, values in table.items()}
    for family, test in (("poisson", "rao"), ("gamma", "F"), ("gamma", "wald")):
        ours = nd.glm("count ~ g*h + x", table, family, weights=nd.frequency(times))
        theirs = nd.glm("count ~ g*h + x", repeated, family)
        a, b = anova(ours, 2, test), anova(theirs, 2, test)
        same(a, b, set(a) - {"term"})


def test_aliased_columns_take_no_degrees_of_freedom(table):
    doubled = {**table, "twice": 2 * table["x"]}
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("count ~ x + twice + g", doubled, "poisson")
    first, second, third = (anova(fit, kind) for kind in (1, 2, 3))
    assert first["df"].tolist() == [1, 0, 2] and second["df"].tolist() == third["df"].tolist() == [0, 0, 2]
    assert np.isnan(second["p"][:2]).all()
    assert "no degrees of freedom at x, twice: the columns are combinations of the others" in second.notes
    wald = anova(fit, 3, "wald")
    assert wald["df"].tolist() == [0, 0, 2]
    assert wald["chi2"][2] == pytest.approx(anova(nd.glm("count ~ x + g", table, "poisson"), 2, "wald")["chi2"][1])


def test_an_empty_cell_takes_a_degree_of_freedom_from_the_interaction(table):
    keep = ~((table["g"] == "c") & (table["h"] == "v"))
    holed = {name: values[keep] for name, values in table.items()}
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("count ~ g*h", holed, "poisson")
    made = anova(fit, 2)
    assert made["df"].tolist() == [2, 1, 1] and np.isfinite(made["p"]).all()


def test_without_an_intercept_factors_are_coded_anew(table):
    """g is tested for equal means beside h, as with an intercept; in order, for means of zero."""
    bare, usual = nd.glm("z ~ 0 + g + h", table), nd.glm("z ~ g + h", table)
    same(anova(bare, 2), anova(usual, 2), ["df", "deviance", "F", "p"])
    same(anova(bare, 2, "wald"), anova(usual, 2, "wald"), ["df", "F", "p"])
    first = anova(bare, 1)
    assert first["df"].tolist() == [3, 1] and any("means of zero" in note for note in first.notes)
    assert first["deviance"].sum() == pytest.approx(bare.null_deviance - bare.deviance, rel=1e-10)


def test_offsets_and_weights_stay_in_smaller_models(table):
    fit = nd.glm("count ~ x + g + offset(0.5*z)", table, "poisson", weights="1 + (h == 'u')")
    small = nd.glm("count ~ g + offset(0.5*z)", table, "poisson", weights="1 + (h == 'u')")
    assert anova(fit)["deviance"][0] == pytest.approx(small.deviance - fit.deviance, rel=1e-9)
    given = nd.glm("count ~ x + g", table, "poisson", weights="1 + (h == 'u')", offset=0.5 * table["z"])
    same(anova(fit), anova(given), ["df", "deviance", "chi2", "p"], 1e-10)


def test_type_three_warns_of_base_levels(table):
    fit = nd.glm("count ~ g*h + x", table, "poisson")
    with pytest.warns(nd.NelderWarning, match="at the base level of g, h, whose coding does not sum to zero"):
        made = anova(fit, "III")
    assert any("type 3 depends on how factors are coded" in note for note in made.notes)
    half = nd.glm("count ~ C(g, contr.sum)*C(h)", table, "poisson")
    with pytest.warns(nd.NelderWarning, match=r"at the base level of C\(h\), whose .* write C\(h, contr.sum\), or"):
        anova(half, 3)
    quiet = anova(nd.glm("count ~ C(g, contr.sum)*C(h, contr.helmert) + x", table, "poisson"), 3)
    assert len(quiet.notes) == 2
    slopes = anova(nd.glm("count ~ x*C(g, contr.sum)", table, "poisson"), 3)
    assert "where numeric columns of interactions are zero" in slopes.notes[1]


def test_a_robust_covariance_is_used_by_wald_tests_and_by_no_other(table):
    fit = nd.glm("count ~ g*h + x", table, "poisson")
    doubled = replace(fit, uncertainty=Uncertainty("HC3", 2 * fit.covariance_unscaled, np.inf))
    plain, robust = anova(fit, 2, "wald"), anova(doubled)
    np.testing.assert_allclose(robust["chi2"], plain["chi2"] / 2, rtol=1e-7)
    assert "covariance: HC3" in robust.notes
    few = replace(fit, uncertainty=Uncertainty("cluster", 2 * fit.covariance_unscaled, 4.0))
    made = anova(few)
    np.testing.assert_allclose(made["F"] * made["df"], robust["chi2"], rtol=1e-7)
    assert "F on 4 degrees of freedom" in made.notes
    for test in ("chisq", "rao", "LR"):
        with pytest.raises(nd.CapabilityError, match=r"know nothing of the covariance in use \(HC3\)"):
            anova(doubled, 2, test)


def test_a_covariance_of_too_low_a_rank_tests_what_it_can(table):
    fit = nd.glm("count ~ g + x", table, "poisson")
    length = np.array([0.1, 0.2, -0.1, 0.3])
    made = anova(replace(fit, uncertainty=Uncertainty("cluster", np.outer(length, length), np.inf)))
    assert np.isnan(made["p"][0]) and made["chi2"][1] == pytest.approx((fit.coef["x"] / 0.3) ** 2)
    assert any(note.startswith("no statistic for g: ") and "rank is too low" in note for note in made.notes)


def test_separation_is_tested_at_the_limit_and_said():
    random = np.random.default_rng(5)
    data = {
        "cured": np.r_[np.tile([0, 1], 10), np.ones(20)],
        "g": np.repeat(["c", "t"], 20),
        "x": random.normal(size=40),
    }
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("cured ~ g + x", data, "binomial")
    made = anova(fit)
    assert made["deviance"][0] == pytest.approx(nd.glm("cured ~ x", data, "binomial").deviance - fit.deviance)
    assert sum("separation" in note for note in made.notes) == 1  # of the fit, and not again of the model of g
    wald = anova(fit, 2, "wald")
    assert np.isnan(wald["p"]).tolist() == [True, False]
    assert "no statistic for g: a coefficient is not finite, or has no standard error" in wald.notes


def test_a_smaller_model_that_separates_otherwise_is_named():
    random = np.random.default_rng(9)
    x = np.linspace(-2, 2, 30)
    data = {"x": x, "y": (x > 0).astype(float), "z": random.normal(size=30)}
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x + z", data, "binomial")
    made = anova(fit, 1)
    assert made["resid_deviance"].tolist() == [0, 0]
    assert any(note.startswith("~ x: separation") for note in made.notes)


def test_a_model_that_cannot_be_fitted_is_nan_with_a_word(table):
    fit = nd.glm("count ~ 0 + h", table, "gamma", "inverse")
    made = anova(fit, 1)
    assert np.isnan(made["p"][0]) and any("~ 0: a model without columns" in note for note in made.notes)


def test_nothing_left_over_is_said():
    data = {"y": np.array([1.0, 3, 2, 5]), "t": np.arange(4.0), "u": np.arange(4.0) ** 2}
    with pytest.warns(nd.ResponseWarning):
        fit = nd.glm("y ~ t + u + I(t**3)", data)
    for test in ("F", "chisq", "wald"):
        made = anova(fit, 2, test)
        assert np.isnan(made["p"]).all() and any("nothing is left over" in note for note in made.notes)


def test_no_terms_make_an_empty_table(table):
    made = anova(nd.glm("count ~ 1", table, "poisson"))
    assert made.rows == 0 and made.notes == ("the formula has no terms beside the intercept",)


def test_names_that_must_be_quoted_are_terms_like_others(table):
    odd = {"y": table["z"], "a b": table["x"], "g g": table["g"], "w": table["count"]}
    plain = {"y": table["z"], "a": table["x"], "g": table["g"], "w": table["count"]}
    ours = anova(nd.glm("y ~ scale(`a b`)*`g g` + {w > 9}", odd))
    theirs = anova(nd.glm("y ~ scale(a)*g + {w > 9}", plain))
    assert ours["term"].tolist() == ["scale(`a b`)", "g g", "w > 9", "scale(`a b`):g g"]
    same(ours, theirs, ["df", "deviance", "F", "p"])


@pytest.mark.parametrize("given", [0, 4, "IV", True, None, 2.5])
def test_another_type_is_refused(table, given):
    with pytest.raises(nd.InputError, match="give 1 "):
        anova(nd.glm("count ~ x", table, "poisson"), given)


def test_fits_that_have_no_such_analysis_are_refused(table, tmp_path):
    fit = nd.glm("count ~ x", table, "poisson")
    with pytest.raises(nd.UnknownNameError, match="known: F, chisq, rao, wald"):
        anova(fit, 2, "likelihood")
    with pytest.raises(nd.InputError, match="known to be 1"):
        anova(fit, 2, "F")
    with pytest.raises(nd.CapabilityError, match="made from arrays"):
        anova(nd.glm_fit(np.column_stack([np.ones(N), table["x"]]), table["count"], "poisson"))
    for penalty in (nd.Ridge(1.0), "firth"):
        held = nd.glm("count ~ x", table, "poisson", penalty=penalty)
        for test in (None, "wald"):
            with pytest.raises(nd.CapabilityError, match="penalty"):
                anova(held, 2, test)
    fit.save(tmp_path / "fit.json")
    for test in (None, "wald"):
        with pytest.raises(nd.DataError, match="loaded without its data"):
            anova(nd.load(tmp_path / "fit.json"), 2, test)
    with pytest.warns(nd.NotConvergedWarning):
        unfinished = nd.glm("count ~ x", table, "poisson", solver=nd.Newton(max_steps=1))
    for test in (None, "wald"):
        with pytest.raises(nd.InputError, match="did not converge"):
            anova(unfinished, 2, test)


def test_responses_of_nothing_but_zeros_leave_nothing_to_test_where_the_power_is_estimated():
    # a division by the φ of 0 broke off
    data = {"y": np.zeros(12), "x": np.arange(12.0), "g": np.array(list("abc" * 4))}
    with pytest.warns(nd.NelderWarning):
        fit, smaller = nd.glm("y ~ x + g", data, "tweedie"), nd.glm("y ~ x", data, "tweedie")
        tables = [fit.anova(1), fit.anova(2), fit.anova(3), fit.drop1(), compare(fit, [smaller])]
    for made in tables:
        assert np.isnan(made["p"]).all()
        said = " ".join(made.notes)
        assert "no φ can be estimated, as nothing is left over" in said
        assert "lower deviance" not in said

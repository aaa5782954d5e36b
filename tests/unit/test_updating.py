"""fit.update(): the same rows again with something changed."""

import numpy as np
import pytest

import nelder as nd

FORMULA = "incidents ~ type + period + offset(log(service))"


def ships(**options):
    return nd.glm(FORMULA, nd.datasets.ships(), "poisson", **options)


def same(updated, fitted):
    assert np.asarray(updated.coef) == pytest.approx(np.asarray(fitted.coef), rel=1e-8, abs=1e-10)
    assert updated.names == fitted.names
    assert np.asarray(updated.se) == pytest.approx(np.asarray(fitted.se), rel=1e-8)
    assert updated.loglik == pytest.approx(fitted.loglik, rel=1e-10, nan_ok=True)
    assert (updated.family, updated.link, updated.df_resid) == (fitted.family, fitted.link, fitted.df_resid)


@pytest.mark.parametrize("options", [{}, {"weights": "period"}, {"weights": nd.frequency("period")}])
@pytest.mark.parametrize("family", ["quasipoisson", "negative_binomial(3)", "tweedie(1.5)"])
def test_another_family_is_the_fit_anew_with_weights_and_offset(family, options):
    same(ships(**options).update(family=family), nd.glm(FORMULA, nd.datasets.ships(), family, **options))


def test_an_offset_that_was_an_array_stays():
    data = nd.datasets.ships()
    offset = np.log(np.maximum(data["service"], 1.0))
    fit = nd.glm("incidents ~ type", data, "poisson", offset=offset)
    same(fit.update("incidents ~ period"), nd.glm("incidents ~ period", data, "poisson", offset=offset))


def test_another_formula_may_use_other_columns_of_the_table():
    updated = ships().update("incidents ~ scale(built) + offset(log(service))")
    same(updated, nd.glm("incidents ~ scale(built) + offset(log(service))", nd.datasets.ships(), "poisson"))
    assert updated.predict(nd.datasets.ships()) == pytest.approx(updated.fitted)


def test_a_link_alone_keeps_the_family_and_a_family_brings_its_own_link():
    fit = nd.glm("incidents ~ period", nd.datasets.ships(), "poisson", link="sqrt")
    assert fit.update().link.name == "sqrt"
    assert fit.update(family="quasipoisson").link.name == "log"
    assert fit.update(family="quasipoisson", link="sqrt").link.name == "sqrt"
    assert fit.update(link="log").family.name == "poisson"


def test_a_solver_gives_the_same_answer():
    assert ships().update(solver="irls").solved.solver == "irls"
    same(ships().update(solver=nd.IRLS()), ships())


def test_a_penalty_comes_and_goes_with_its_note():
    firth = ships().update(penalty="firth")
    same(firth, ships(penalty="firth"))
    assert any("Firth" in note for note in firth.notes)
    plain = firth.update(penalty="unpenalised")
    same(plain, ships())
    assert not any("Firth" in note for note in plain.notes)


def test_a_shape_that_was_estimated_is_estimated_anew():
    random = np.random.default_rng(0)
    x = random.normal(size=300)
    y = random.poisson(np.exp(1 + 0.5 * x) * random.gamma(2.0, 0.5, 300))
    data = {"x": x, "z": random.normal(size=300), "y": y}
    updated = nd.glm("y ~ x", data, "negative_binomial").update("y ~ z")
    same(updated, nd.glm("y ~ z", data, "negative_binomial"))
    assert updated.shape.estimated
    same(
        nd.glm("y ~ x", data, "poisson").update(family="negative_binomial"), nd.glm("y ~ x", data, "negative_binomial")
    )


def test_the_design_of_a_sample_keeps_its_standard_errors():
    weights = nd.sampling(1.0 + np.arange(34))
    same(ships(weights=weights).update(family="quasipoisson"), ships(weights=weights).update(family="quasipoisson"))
    assert np.isfinite(ships(weights=weights).update("incidents ~ type + offset(log(service))").se).all()


@pytest.mark.parametrize(
    "kind", ["HC0", "HC3", "observed", nd.Clustered("built"), nd.Clustered(np.arange(34) % 9), nd.HAC(2)], ids=str
)
def test_a_covariance_that_was_chosen_is_chosen_again(kind):
    robust = ships().with_covariance(kind)
    for updated, plain in (
        (robust.update("incidents ~ period + offset(log(service))"), "incidents ~ period + offset(log(service))"),
        (
            robust.update().update("incidents ~ built + offset(log(service))"),
            "incidents ~ built + offset(log(service))",
        ),
    ):
        anew = nd.glm(plain, nd.datasets.ships(), "poisson").with_covariance(kind)
        assert np.asarray(updated.se) == pytest.approx(np.asarray(anew.se), rel=1e-8)
        assert updated.uncertainty.name == anew.uncertainty.name and updated.df_reference == anew.df_reference
    assert robust.with_covariance("expected").update().uncertainty is None


def test_a_covariance_that_does_not_go_with_the_change_is_told():
    updated = ships().with_covariance("HC3").update(penalty=nd.Ridge(1.0))
    assert updated.uncertainty is None
    assert "without the covariance chosen before (HC3): covariance 'HC3' does not go with penalty" in updated.notes[-1]
    assert "without the covariance chosen before (HC3)" in str(updated.summary())


@pytest.mark.parametrize("method", ["deviance", 0.3])
def test_a_dispersion_that_was_chosen_is_chosen_again(method):
    fit = ships().update(family="quasipoisson").with_dispersion(method)
    anew = nd.glm("incidents ~ type", nd.datasets.ships(), "quasipoisson").with_dispersion(method)
    updated = fit.with_covariance("HC1").update("incidents ~ type + offset(log(service))").with_covariance("expected")
    assert (updated.dispersion_by, updated.df_reference) == (anew.dispersion_by, anew.df_reference)
    same(fit.update("incidents ~ type + offset(log(service))"), updated)
    assert (
        fit.update(family="poisson").notes[-1].startswith(f"without the dispersion chosen before ({fit.dispersion_by})")
    )


def test_a_number_for_the_dispersion_is_that_of_its_family():
    updated = ships().update(family="quasipoisson").with_dispersion(0.3).update(family="tweedie(1.5)")
    assert updated.dispersion_by == "pearson" and updated.dispersion != 0.3
    assert "it was given for quasipoisson, and another family has its own" in updated.notes[-1]


def test_rows_that_were_dropped_stay_dropped_and_are_told():
    data = {"x": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0], "z": np.arange(6.0) ** 2, "y": [1, 2, 3, 4, 6, 5]}
    updated = nd.glm("y ~ x + z", data, "poisson").update("y ~ z")
    assert updated.df_resid == 3
    assert "1 of 6 rows left out for missing values" in updated.notes


def test_aliased_columns_may_come_back():
    data = nd.datasets.ships()
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("incidents ~ period + I(2 * period)", data, "poisson")
    same(fit.update("incidents ~ period"), nd.glm("incidents ~ period", data, "poisson"))
    with pytest.warns(nd.AliasedWarning):
        assert fit.update(solver="irls").aliased.tolist() == fit.aliased.tolist()


def test_an_update_warns_as_a_fit_does():
    with pytest.warns(nd.NotConvergedWarning):
        ships().update(solver=nd.GradientDescent(epochs=1))
    fit = nd.glm_fit(np.ones((5, 1)), [0.5, 1.5, 2.0, 3.0, 1.0])
    with pytest.warns(nd.ResponseWarning, match="does not look poisson"):
        fit.update(family="poisson")


BAD = {
    "another response": (
        {"formula": "period ~ type + offset(log(service))"},
        "another response than the fit .incidents",
    ),
    "another offset": ({"formula": "incidents ~ type"}, r"another offset than the fit .log\(service\)"),
    "an unknown column": ({"formula": "incidents ~ tpye + offset(log(service))"}, "unknown column 'tpye'"),
    "an unknown family": ({"family": "poison"}, "did you mean 'poisson'"),
    "an unknown link": ({"link": "lgo"}, "did you mean 'log'"),
    "an unknown solver": ({"solver": "newtn"}, "did you mean 'newton'"),
    "a family without this response": ({"family": "binomial"}, "binomial needs a response"),
}


@pytest.mark.parametrize("problem", BAD)
def test_a_change_that_makes_no_sense_is_refused(problem):
    changes, words = BAD[problem]
    with pytest.raises(nd.InputError, match=words):
        ships().update(**changes)


def test_fits_of_arrays_have_no_formula_to_change():
    fit = nd.glm_fit(np.ones((5, 1)), np.arange(5.0))
    with pytest.raises(nd.CapabilityError, match="made from arrays"):
        fit.update("y ~ x")


def test_a_fit_without_its_data_cannot_be_fitted_again(tmp_path):
    ships().save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        nd.load(tmp_path / "fit.json").update(family="quasipoisson")


def test_rows_of_weight_zero_stay_out():
    weights = (np.arange(34) % 3 > 0) * 1.0
    same(ships(weights=weights).update(family="quasipoisson"),
         nd.glm(FORMULA, nd.datasets.ships(), "quasipoisson", weights=weights))  # fmt: skip


DOTS = {
    ". ~ . + built - type": "incidents ~ period + built + offset(log(service))",
    "~ . + type:period": "incidents ~ type + period + type:period + offset(log(service))",
    "incidents ~ .": "incidents ~ type + period + offset(log(service))",
    ". ~ .^2": "incidents ~ type * period + offset(log(service))",
    ". ~ . - 1": "incidents ~ 0 + type + period + offset(log(service))",
    ". ~ built + offset(log(service))": "incidents ~ built + offset(log(service))",
}


@pytest.mark.parametrize("dotted", DOTS)
def test_a_dot_stands_for_what_the_fit_has_on_that_side(dotted):
    data = nd.datasets.ships()
    fit = nd.glm("incidents ~ type + period + offset(log(service))", data, "poisson")
    same(fit.update(dotted), nd.glm(DOTS[dotted], data, "poisson"))


def test_a_dot_keeps_a_model_without_an_intercept_and_two_columns_of_responses():
    random = np.random.default_rng(4)
    data = {"s": random.integers(0, 5, 60), "f": random.integers(1, 5, 60), "x": random.random(60), "a.b": np.ones(60)}
    data["z"] = random.normal(size=60)
    fit = nd.glm("cbind(s, f) ~ 0 + x", data, "binomial")
    same(fit.update(". ~ . + `a.b` + I(z ** 2)"), nd.glm("cbind(s, f) ~ 0 + x + `a.b` + I(z ** 2)", data, "binomial"))
    same(fit.update("~ 1"), nd.glm("cbind(s, f) ~ 1", data, "binomial"))

"""One term less or more, and stepwise selection: what is tried, what is chosen, and what is said with it."""

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.inference.comparisons.anova import anova
from nelder.inference.comparisons.comparison import compare
from nelder.inference.comparisons.scopes import addable, droppable, terms_of
from nelder.inference.comparisons.selection import add1, drop1
from nelder.inference.comparisons.stepwise import step
from nelder.inference.dispersions import with_dispersion
from nelder.submodels import schema_of

N = 80


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(31)
    x, z, noise = random.normal(size=(3, N))
    g = np.array(list("abcd") * 20)
    count = random.poisson(np.exp(1 + 0.5 * x + 0.4 * (g == "b"))).astype(float)
    h = np.repeat(["u", "v"], N // 2)
    return {"x": x, "z": z, "noise": noise, "g": g, "h": h, "count": count, "y": random.normal(2 + x, 1.0)}


@pytest.fixture
def poisson(table):
    return nd.glm("count ~ x*g + z", table, "poisson")


def names(terms):
    return [term.name for term in terms]


def test_a_term_that_another_contains_stays(poisson, table):
    assert names(droppable(schema_of(poisson).formula.terms)) == ["z", "x:g"]
    made = drop1(poisson)
    assert made["term"].tolist() == ["(none)", "z", "x:g"] and made["df"].tolist() == [0, 1, 3]
    small = nd.glm("count ~ x*g", table, "poisson")
    assert made["resid_deviance"].tolist() == pytest.approx(
        [poisson.deviance, small.deviance, made["resid_deviance"][2]]
    )
    assert made["aic"][:2] == pytest.approx([poisson.aic, small.aic])
    assert made["chi2"][1] == pytest.approx(compare(poisson, small)["chi2"][1])
    for scope in (["x"], "~ x + z", "x"):
        with pytest.raises(nd.InputError, match=r"'x' is part of 'x:g': .* anova\(type=3\)"):
            drop1(poisson, scope)
    assert drop1(poisson, "~ g:x")["term"].tolist() == ["(none)", "x:g"]
    with pytest.raises(nd.UnknownNameError, match="unknown term 'noise'"):
        drop1(poisson, ["noise"])


def test_a_term_enters_after_those_of_the_scope_that_it_contains(poisson, table):
    fit = nd.glm("count ~ x", table, "poisson")
    terms = schema_of(fit).formula.terms
    assert names(addable(terms, terms_of(fit, "~ .*g*z"))) == ["g", "z"]
    assert names(addable(terms, terms_of(fit, ["x:g"]))) == ["x:g"]  # g itself is not on offer
    made = add1(fit, "~ . + g*z + log(noise**2) + x:g")
    assert made["term"].tolist() == ["(none)", "g", "z", "log(noise ** 2)"]
    assert made["df"].tolist() == [0, 3, 1, 1]
    large = nd.glm("count ~ x + g", table, "poisson")
    assert made["chi2"][1] == pytest.approx(fit.deviance - large.deviance) and made["aic"][1] == pytest.approx(
        large.aic
    )


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("~ .", ["x", "g", "z", "x:g"]),
        ("~ . + noise", ["x", "g", "z", "noise", "x:g"]),
        ("~ . - x:g", ["x", "g", "z"]),
        ("~ (.)**2", ["x", "g", "z", "x:g", "x:z", "g:z", "z:x:g"]),
        ("~ .*noise - noise", ["x", "g", "z", "x:g", "x:noise", "g:noise", "z:noise", "x:g:noise"]),
        ("~ {x > .5} + I(z*1.5) + g:x", ["x > 0.5", "I(z * 1.5)", "x:g"]),
        ("count ~ z", ["z"]),
        ("noise:z", ["noise:z"]),
        (["noise", "z:x"], ["noise", "z:x"]),
        ([], []),
    ],
)
def test_scopes_are_formulas_or_names(poisson, scope, found):
    assert names(terms_of(poisson, scope)) == found


@pytest.mark.parametrize(
    ("scope", "error", "words"),
    [
        (3, nd.InputTypeError, "must be a formula such as"),
        (None, nd.InputTypeError, "not None"),
        (["x", 3], nd.InputTypeError, "must be a formula such as"),
        ("~ . + offset(z)", nd.InputError, "has an offset"),
        ("~ . +", nd.FormulaError, "cannot read"),
        ("~ . + open('x')", nd.FormulaError, "open"),
        ("~ . + nowhere", nd.UnknownNameError, "unknown column 'nowhere'"),
        ("~ .", nd.InputError, "has no term that 'count ~ x\\*g \\+ z' does not have already"),
        (["g:x"], nd.InputError, "has no term that"),
        (["log(z)"], nd.DataError, r"'log\(z\)' is not finite"),
    ],
)
def test_scopes_that_cannot_be_read_are_refused(poisson, scope, error, words):
    with pytest.raises(error, match=words):
        add1(poisson, scope)


def test_columns_that_the_fit_did_not_read_come_from_its_table(table, tmp_path):
    import pandas as pd

    frame = pd.DataFrame(table)
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    made = [add1(nd.glm("y ~ x", data), ["z", "g:h"]) for data in (table, frame, str(path))]
    assert len({str(each) for each in made}) == 1


def test_only_rows_of_the_fit_matter(table):
    """The fit left rows out; a column may be missing there."""
    holes = np.arange(N) % 10 == 0
    data = {**table, "x": np.where(holes, np.nan, table["x"]), "z": np.where(holes, np.nan, table["z"])}
    fit = nd.glm("y ~ x", data)
    larger = nd.glm("y ~ x + z", data)
    assert add1(fit, ["z"])["resid_deviance"][1] == pytest.approx(larger.deviance, rel=1e-12)
    data = {**table, "z": np.where(holes, np.nan, table["z"])}
    for call in (lambda fit: add1(fit, ["z"]), lambda fit: step(fit, ["z"])):
        with pytest.raises(nd.DataError, match="number of rows would change: column 'z' is missing at rows 0, 10, 20"):
            call(nd.glm("y ~ x", data))
    shorter = dict(table)
    fit = nd.glm("y ~ x", shorter)
    shorter.update({name: values[1:] for name, values in table.items()})
    with pytest.raises(nd.DataError, match="79 rows now and had 80"):
        add1(fit, ["z"])


@pytest.mark.parametrize("change", ["gone", "other rows", "fewer rows"])
def test_a_file_that_is_read_again_is_that_of_the_fit_or_refused(change, tmp_path):
    def written(seed, n):
        random = np.random.default_rng(seed)
        columns = {"x": random.normal(size=n), "z": random.normal(size=n), "y": random.poisson(2.0, n)}
        pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)

    written(0, 2_000)
    fit = nd.glm("y ~ x + z", tmp_path / "a.csv", "poisson", engine=nd.Threads(memory=1), compress=False)
    assert np.isfinite(drop1(fit)["p"][1:]).all() and fit.update("y ~ x").df_resid == 1998
    if change == "gone":
        (tmp_path / "a.csv").unlink()
    else:
        written(1, 2_000 if change == "other rows" else 1_000)
    for call in (drop1, anova, step, lambda fit: add1(fit, ["x:z"]), lambda fit: fit.update("y ~ x")):
        with pytest.raises(nd.DataError, match=r"changed since|cannot be read"):
            call(fit)


def test_a_table_that_was_sorted_since_is_noticed(table):
    for column in ("x", "g"):
        data = {name: values.copy() for name, values in table.items()}
        fit = nd.glm(f"y ~ {column}", data)
        data[column] = data[column][::-1]
        with pytest.raises(nd.DataError, match=f"changed since the model was fitted, in column '{column}'"):
            add1(fit, ["z"])
        del data[column]
        with pytest.raises(nd.DataError, match="changed since"):
            add1(fit, ["z"])


def test_what_was_learned_stays_learned(table):
    """Rows of weight zero took part in the mean of scale(), and a new term learns from the rows of the fit."""
    weights = (np.arange(N) % 4 > 0).astype(float)
    fit = nd.glm("y ~ bs(x, df=5)", table, weights=weights)
    larger = nd.glm("y ~ bs(x, df=5) + z", table, weights=weights)
    assert add1(fit, ["z"])["resid_deviance"][1] == pytest.approx(larger.deviance, rel=1e-12)


def test_each_larger_model_has_a_dispersion(table):
    fit, larger = nd.glm("y ~ z", table), nd.glm("y ~ z + x", table)
    made = add1(fit, ["x", "g"])
    assert made["F"][1] == pytest.approx((fit.deviance - larger.deviance) / larger.dispersion, rel=1e-12)
    assert made.notes == ("φ is that of each larger model",)
    given = add1(with_dispersion(fit, 0.5), ["x", "g"])
    assert given["chi2"][1] == pytest.approx((fit.deviance - larger.deviance) / 0.5, rel=1e-12)
    likeliest = add1(with_dispersion(fit, "ml"), ["x"])
    assert likeliest["F"][1] == pytest.approx((fit.deviance - larger.deviance) / (larger.deviance / N), rel=1e-9)


def test_a_factor_with_one_level_adds_nothing(table):
    made = add1(nd.glm("y ~ x", {**table, "one": np.full(N, "k")}), ["one", "z"])
    assert made["df"].tolist() == [0, 0, 1] and np.isnan(made["p"][1])
    assert "no degrees of freedom at one: the columns are combinations of the others" in made.notes


def test_what_cannot_be_fitted_is_nan_with_a_word(table):
    made = drop1(nd.glm("{count + 1} ~ 0 + g", table, "gamma", "inverse"))
    assert np.isnan(made["resid_deviance"][1]) and any("~ 0: a model without columns" in note for note in made.notes)


def test_quasi_families_have_tests_and_no_aic(table):
    fit = nd.glm("count ~ x + g", table, "quasipoisson")
    assert "aic" not in drop1(fit) and "F" in drop1(fit) and "aic" not in add1(fit, ["z"])
    with pytest.raises(nd.CapabilityError, match="quasipoisson has no likelihood; use drop1 and add1"):
        step(fit)


def test_shapes_are_estimated_in_each_model(table):
    data = {**table, "wild": np.random.default_rng(1).negative_binomial(2, 0.3, N).astype(float)}
    fit = nd.glm("wild ~ x + g", data, "negative_binomial")
    made, small = drop1(fit), nd.glm("wild ~ g", data, "negative_binomial")
    assert made["chi2"][1] == pytest.approx(2 * (fit.loglik - small.loglik), rel=1e-8)
    assert made["theta"][1] == pytest.approx(small.shape.value, rel=1e-6) and "deviance" not in made
    path = step(fit).table()
    assert {"theta", "loglik", "aic"} < set(path) and "deviance" not in path


def test_steps_end_where_no_neighbour_is_better(poisson):
    steps = step(poisson, "~ . + noise + h")
    value = steps.fit.aic
    assert (drop1(steps.fit)["aic"] >= value - 1e-7).all()
    assert (add1(steps.fit, "~ x*g + z + noise + h")["aic"] >= value - 1e-7).all()
    falling = steps.table()["aic"]
    assert (np.diff(falling) < 0).all() and falling[0] == poisson.aic and falling[-1] == value
    assert steps.path[-1].fit is steps.fit


def test_the_chosen_fit_is_one_like_any_other(table, tmp_path):
    steps = step(nd.glm("y ~ 1", table), "~ scale(x) + z + noise", direction="forward")
    assert [move.change for move in steps.path] == ["start", "+ scale(x)"]
    direct = nd.glm("y ~ scale(x)", table)
    np.testing.assert_allclose(steps.fit.coef, direct.coef, rtol=1e-12)
    new = {name: values[:3] for name, values in table.items()}
    np.testing.assert_allclose(steps.fit.predict(new), direct.predict(new), rtol=1e-12)
    assert add1(steps.fit, ["z"]).rows == 2  # it still has its table
    steps.fit.save(tmp_path / "fit.json")
    caution = "p-values, intervals and standard errors of the chosen model do not know of the choice and do not hold"
    assert caution in str(steps.fit.summary()) and caution in str(steps) and caution in steps._repr_html_()
    assert caution in str(nd.load(tmp_path / "fit.json").summary())


def test_bic_chooses_smaller_models(table):
    fit = nd.glm("y ~ x + z + noise + g + h", table)
    small, large = (step(fit, criterion=name).fit for name in ("bic", "aic"))
    assert set(schema_of(small).formula.terms) <= set(schema_of(large).formula.terms)
    assert "bic" in step(fit, criterion="bic").table() and small.bic <= large.bic


def test_terms_that_must_stay_stay(table):
    fit = nd.glm("y ~ x + noise + g", table)
    free, held = (step(fit, {"lower": lower, "upper": "~ . + z"}, "bic").fit for lower in (None, ["noise"]))
    assert names(schema_of(free).formula.terms) == ["Intercept", "x"]
    assert names(schema_of(held).formula.terms) == ["Intercept", "x", "noise"]
    forward = step(fit, ["z"], direction="forward")
    assert {"x", "noise", "g"} <= set(names(schema_of(forward.fit).formula.terms))
    back = step(fit, ["h", "z"], direction="backward")
    assert all(move.change == "start" or move.change[0] == "-" for move in back.path)


def test_aliased_terms_leave_first(table):
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + twice + z", {**table, "twice": 2 * table["x"]})
    steps = step(fit)
    assert steps.path[1].change == "- twice" and steps.table()["df"][1] == 0
    assert not steps.fit.aliased.any()


def test_separation_on_the_way_is_told_once():
    random = np.random.default_rng(4)
    x = random.normal(size=40)
    data = {"x": x, "z": random.normal(size=40), "w": random.normal(size=40)}
    data["cured"] = (random.random(40) < 0.5).astype(float)
    data["all"] = np.where(np.arange(40) < 5, data["cured"].mean() > 2, data["cured"])
    with pytest.warns(nd.BoundaryWarning):
        steps = step(nd.glm("cured ~ x + w", data, "binomial"), ["z", "all"])
    assert steps.fit.limit is not None and np.isfinite(steps.fit.aic)
    assert sum("separation" in note for note in steps.notes) >= 1


def test_nothing_to_choose_from_is_said(table):
    steps = step(nd.glm("y ~ 1", table))
    assert steps.notes == ("there was no other model to choose",) and len(steps.path) == 1


def test_searches_that_make_no_sense_are_refused(poisson, table):
    with pytest.raises(nd.UnknownNameError, match="did you mean 'aic'"):
        step(poisson, criterion="aicc")
    with pytest.raises(nd.UnknownNameError, match="unknown direction 'up'"):
        step(poisson, direction="up")
    with pytest.raises(nd.UnknownNameError, match="did you mean 'upper'"):
        step(poisson, {"uper": "~ ."})
    with pytest.raises(nd.UnknownNameError, match="unknown term of the lower scope 'noise'"):
        step(poisson, {"lower": ["noise"]})
    with pytest.raises(nd.InputError, match="direction='forward' needs terms to add"):
        step(poisson, direction="forward")
    t = np.arange(6.0)
    with pytest.warns(nd.ResponseWarning):
        perfect = nd.glm("y ~ t", {"y": 1 + 2 * t, "t": t})
    with pytest.raises(nd.CapabilityError, match="perfect to rounding"):
        step(perfect)


@pytest.mark.parametrize("call", [drop1, lambda fit: add1(fit, ["z"]), step], ids=["drop1", "add1", "step"])
def test_fits_whose_deviance_is_no_measure_are_refused(call, table, tmp_path):
    fit = nd.glm("count ~ x", table, "poisson")
    fit.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        call(nd.load(tmp_path / "fit.json"))
    with pytest.raises(nd.CapabilityError, match="made from arrays"):
        call(nd.glm_fit(np.column_stack([np.ones(N), table["x"]]), table["count"], "poisson"))
    for penalty in (nd.Ridge(1.0), "firth"):
        with pytest.raises(nd.CapabilityError, match="penalty"):
            call(nd.glm("count ~ x", table, "poisson", penalty=penalty))
    with pytest.warns(nd.NotConvergedWarning):
        unfinished = nd.glm("count ~ x", table, "poisson", solver=nd.Newton(max_steps=1))
    with pytest.raises(nd.InputError, match="did not converge"):
        call(unfinished)


def test_score_tests_and_quoted_names(table):
    odd = {"y": table["count"], "a b": table["x"], "g g": table["g"], "z": table["z"]}
    plain = {"y": table["count"], "a": table["x"], "g": table["g"], "z": table["z"]}
    ours = add1(nd.glm("y ~ scale(`a b`) + {z > 0}", odd, "poisson"), "~ .*`g g`", "rao")
    theirs = add1(nd.glm("y ~ scale(a) + {z > 0}", plain, "poisson"), "~ .*g", "rao")
    assert ours["term"].tolist() == ["(none)", "g g"]
    np.testing.assert_allclose(ours["chi2"][1:], theirs["chi2"][1:], rtol=1e-10)
    assert "score tests" in ours.title


def test_a_search_among_models_that_estimate_a_shape_says_what_it_compares():
    random = np.random.default_rng(1)
    x, z = random.normal(size=(2, 150))
    y = random.negative_binomial(1.5, 1.5 / (1.5 + np.exp(1 + 0.5 * x)))
    steps = step(nd.glm("y ~ x + z", {"y": y, "x": x, "z": z}, "negative_binomial"))
    made = steps.table()
    assert "deviance" not in made and list(made["theta"]) == [move.fit.shape.value for move in steps.path]
    assert "theta is estimated in each model, so that log-likelihoods are compared and not deviances" in steps.notes

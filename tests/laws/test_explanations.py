"""Laws of the rules of explanation: each fires on a table made for it, is silent on healthy fits, and its call runs."""

import math
import re
import warnings

import numpy as np
import pytest

import nelder as nd
from nelder.explanation import RULES, Gravity
from nelder.families import FAMILIES


def random(seed=0):
    return np.random.default_rng(seed)


def poisson(n=400, seed=1, **more):
    draw = random(seed)
    x, z = draw.normal(size=(2, n))
    return {"x": x, "z": z, "y": draw.poisson(np.exp(1.0 + 0.4 * x - 0.3 * z)), **more}


def descent(**options):
    return nd.GradientDescent(start=[0.0, 0.0, 0.0], **options)


def interrupted():
    def stop(record):
        if record.step == 20:
            raise KeyboardInterrupt

    data = poisson()
    return nd.glm("y ~ x + z", data, "poisson", solver=descent(rate=1e-6), watch=stop), data


def diverged():
    data = poisson()
    return nd.glm("y ~ x + z", data, "poisson", solver=descent(rate=0.05)), data


def not_converged():
    data = poisson()
    return nd.glm("y ~ x + z", data, "poisson", solver=nd.Newton(max_steps=1, start=[0, 0, 0])), data


def separated():
    data = {"g": ["a"] * 20 + ["b"] * 20, "y": [0, 1] * 10 + [1] * 20}
    return nd.glm("y ~ g", data, "binomial"), data


def perfect():
    data = {"x": np.arange(8.0), "y": 2.0 + 3.0 * np.arange(8.0)}
    return nd.glm("y ~ x", data), data


def boundary():
    data = {"x": np.arange(6.0), "y": [0, 0, 0, 2, 9, 20]}
    return nd.glm("y ~ x", data, "poisson", link="identity"), data


def several_minima():
    draw = random(7)
    data = {"x": draw.normal(size=15), "y": draw.gamma(0.4, 5.0, 15) + 1e-3}
    return nd.glm("y ~ x", data, "inverse_gaussian", link="log"), data


def shape():
    draw = random(3)
    x = draw.normal(size=200)
    data = {"x": x, "y": draw.binomial(10, 1 / (1 + np.exp(-x)))}  # counts that vary less than Poisson's
    return nd.glm("y ~ x", data, "negative_binomial"), data


def precision():
    x = np.linspace(0.0, 1.0, 40)
    data = {"x": x, "w": x + 1e-11 * random().normal(size=40), "y": np.sin(9 * x)}
    return nd.glm("y ~ x + w", data), data


def slow():
    data = poisson()
    return nd.glm("y ~ x + z", data, "poisson", solver=descent(rate=2e-5, epochs=300)), data


def column_scales():
    data = poisson()
    data |= {"year": 2000.0 + 5.0 * data["z"]}
    solver = nd.GradientDescent(epochs=50)
    return nd.glm("y ~ x + year", data, "poisson", solver=solver), data


def odd_response():
    data = poisson()
    return nd.glm("y ~ x", {**data, "y": data["y"] + 0.5}, "poisson"), {**data, "y": data["y"] + 0.5}


def yes_or_no():
    draw = random(4)
    x = draw.normal(size=300)
    data = {"x": x, "y": (draw.random(300) < 1 / (1 + np.exp(-2 * x))).astype(int)}
    return nd.glm("y ~ x", data), data


def counted():
    data = poisson(600)
    return nd.glm("y ~ x + z", data), data


def overdispersed():
    draw = random(5)
    x = draw.normal(size=400)
    mean = np.exp(1.0 + 0.4 * x) * draw.gamma(1.0, 1.0, 400)
    data = {"x": x, "y": draw.poisson(mean), "t": draw.integers(1, 4, 400)}
    return nd.glm("y ~ x", data, "poisson", weights="t"), data


def zeros():
    data = poisson(600)
    data["y"] = np.where(random(6).random(600) < 0.3, 0, data["y"])
    return nd.glm("y ~ x + z", data, "poisson"), data


def influential():
    draw = random(8)
    x = draw.normal(size=60)
    y = 1.0 + 0.5 * x + draw.normal(size=60)
    x[17], y[17] = 12.0, -20.0
    data = {"x": x, "y": y}
    return nd.glm("y ~ x", data), data


def outlying():
    data = poisson()
    data["y"][31] = 90
    return nd.glm("y ~ x + z", data, "poisson"), data


def few_data():
    draw = random(9)
    data = {f"x{j}": draw.normal(size=30) for j in range(4)} | {"y": (np.arange(30) % 4 == 0).astype(int)}
    return nd.glm("y ~ x0 + x1 + x2 + x3", data, "binomial"), data


def bent():
    draw = random(10)
    x = draw.normal(size=800)
    data = {"x": x, "y": 1.0 + x + x**2 + draw.normal(size=800)}
    return nd.glm("y ~ x", data), data


def miscalibrated():
    draw = random(11)
    x = draw.normal(size=3000)
    data = {"x": x, "y": (draw.random(3000) < 1 / (1 + np.exp(1 - x - 0.8 * x**2))).astype(int)}
    return nd.glm("y ~ x", data, "binomial"), data


def spread():
    draw = random(12)
    x = draw.uniform(0.0, 3.0, 500)
    data = {"x": x, "y": 1.0 + 2.0 * x + (0.2 + x) * draw.normal(size=500)}
    return nd.glm("y ~ x", data), data


def aliased():
    data = poisson()
    data |= {"w": data["x"] + data["z"]}
    return nd.glm("y ~ x + z + w", data, "poisson"), data


def collinear():
    data = poisson()
    data |= {"w": data["x"] + 0.05 * random(13).normal(size=400)}
    return nd.glm("y ~ x + w + z", data, "poisson"), data


def distribution():
    draw = random(14)
    x = draw.normal(size=500)
    data = {"x": x, "y": 1.0 + x + draw.exponential(size=500) ** 1.5}
    return nd.glm("y ~ x", data), data


def said():
    return nd.load(SAVED["path"]), separated()[1]


def well():
    data = poisson()
    return nd.glm("y ~ x + z", data, "poisson"), data


# a table and a fit on which each rule speaks: to add a rule, add one here
CASES = {
    "interrupted": interrupted, "diverged": diverged, "not_converged": not_converged, "separated": separated,
    "perfect": perfect, "boundary": boundary, "several_minima": several_minima, "shape": shape,
    "precision": precision, "slow": slow, "column_scales": column_scales, "odd_response": odd_response,
    "yes_or_no": yes_or_no, "counted": counted, "dispersion": overdispersed, "zeros": zeros,
    "influential": influential, "outlying": outlying, "few_data": few_data, "bent": bent,
    "miscalibrated": miscalibrated, "spread": spread, "aliased": aliased, "collinear": collinear,
    "distribution": distribution, "said": said, "well": well,
}  # fmt: skip
SAVED = {}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """{rule: (explanation, fit, data)}, each computed when it is first asked for."""
    SAVED["path"] = tmp_path_factory.mktemp("saved") / "fit.json"
    known = {}

    def of(rule):
        if rule not in known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", nd.NelderWarning)
                separated()[0].save(SAVED["path"])
                fit, data = CASES[rule]()
                known[rule] = fit.explain(), fit, data
        return known[rule]

    return of


def test_every_rule_has_a_table_that_it_speaks_on():
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_speaks_on_the_table_made_for_it(rule, told):
    reason = told(rule)[0][rule]
    assert reason.title == RULES[rule].title
    assert len(reason.words) > 40 and re.search(r"\d", reason.words)
    assert reason.words.endswith((".", "?", ")"))
    assert "None" not in reason.words
    assert rule == "aliased" or "nan" not in reason.words  # which says that coefficients are


@pytest.mark.parametrize("rule", RULES)
def test_every_call_of_an_explanation_runs(rule, told):
    explanation, fit, data = told(rule)
    for reason in explanation.reasons:
        code = compile(reason.call, f"call of {reason.rule}", "eval")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nd.NelderWarning)
            assert str(eval(code, {"nd": nd, "fit": fit, "data": data}))


@pytest.mark.parametrize("rule", RULES)
def test_reasons_are_told_the_gravest_first_and_shown_in_every_way(rule, told):
    explanation = told(rule)[0]
    gravities = [reason.gravity for reason in explanation.reasons]
    assert gravities == sorted(gravities, reverse=True)
    table = explanation.table()
    assert list(table) == ["rule", "gravity", "title", "words", "call"] and table.rows == len(gravities)
    text, page = str(explanation), explanation._repr_html_()
    for reason in explanation.reasons:
        assert reason.call in text and reason.title in text
        assert reason.title in page
    assert max(len(line) for line in text.splitlines() if "Try: " not in line) <= 100


# Healthy fits


def healthy(family, n=400, seed=21):
    """A table drawn from a family with its own link, with coefficients of ordinary size."""
    draw = random(seed)
    x, z = draw.uniform(-1, 1, size=(2, n))
    X = np.column_stack([np.ones(n), x, z])
    made = DRAWN.get(family, family)
    beta = {"inverse_gaussian": [2.0, 0.5, -0.4], "gamma": [2.0, 0.5, -0.4]}.get(family, [0.8, 0.5, -0.4])
    phi = 0.3 if family in ("gamma", "inverse_gaussian", "tweedie") else 1.0
    options = nd.Draw(phi, seed=seed + 1000)  # not the numbers that x and z were drawn with
    y = nd.simulate(X, beta, family=made, options=options)
    return {"x": x, "z": z, "y": y}


DRAWN = {
    "quasi": "gaussian", "quasipoisson": "poisson", "quasibinomial": "binomial",
    "negative_binomial": "negative_binomial(2)", "tweedie": "tweedie(1.5)",
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_rule_is_silent_on_a_healthy_fit(family):
    data = healthy(family)
    explanation = nd.glm("y ~ x + z", data, family).explain()
    assert [reason.rule for reason in explanation.reasons] == ["well"], str(explanation)
    assert explanation.well and "all is well" in str(explanation)


def test_nothing_is_called_well_that_could_not_be_looked_at(tmp_path):
    nd.glm("y ~ x + z", healthy("poisson"), "poisson").save(tmp_path / "fit.json")
    page = str(nd.load(tmp_path / "fit.json").explain())
    assert page.startswith("poisson with link log by newton: nothing found in what could be looked at")
    assert "loaded without its data" in page and "all is well" not in page


@pytest.mark.parametrize("family", FAMILIES)
def test_healthy_fits_of_arrays_are_well_too(family):
    data = healthy(family, seed=24)
    X = np.column_stack([np.ones(400), data["x"], data["z"]])
    assert nd.glm_fit(X, data["y"], family).explain().well


# The numbers in the words


def numbers_after(words, what):
    """The first number after some words."""
    return float(
        re.search(re.escape(what) + r"[^\d]*?(\d[\d,.]*(?:e[+-]?\d+)?)", words)[1].rstrip(".,").replace(",", "")
    )


def eigenvalues(fit, data):
    best = nd.glm("y ~ x + z", data, "poisson")
    X = np.column_stack([np.ones(400), data["x"], data["z"]])
    return np.linalg.eigvalsh(X.T @ (best.fitted[:, None] * X))


def test_the_largest_rate_is_that_of_an_eigenvalue_computation(told):
    explanation, fit, data = told("diverged")
    words = explanation["diverged"].words
    assert numbers_after(words, "2/λmax =") == pytest.approx(2 / eigenvalues(fit, data)[-1], rel=0.01)
    assert f"epoch {fit.steps}" in words
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = eval(explanation["diverged"].call, {"nd": nd, "fit": fit, "data": data})
    assert again.converged


def test_a_slow_descent_is_told_its_condition_and_its_best_rate(told):
    explanation, fit, data = told("slow")
    words, sizes = explanation["slow"].words, eigenvalues(fit, data)
    assert numbers_after(words, "condition number") == pytest.approx(sizes[-1] / sizes[0], rel=0.01)
    assert numbers_after(words, "2/(λmin + λmax) =") == pytest.approx(2 / (sizes[0] + sizes[-1]), rel=0.01)
    assert numbers_after(words, "an epoch leaves") == pytest.approx(1 - 2e-5 * sizes[0], rel=1e-4)


def test_the_epochs_still_needed_are_those_that_it_takes(told):
    explanation, fit, data = told("slow")
    promised = numbers_after(explanation["slow"].words, "at this pace")
    long = nd.glm("y ~ x + z", data, "poisson", solver=descent(rate=2e-5, epochs=100_000))
    assert long.converged
    assert promised == pytest.approx(long.steps - fit.steps, rel=0.15)


def test_the_best_rate_takes_as_many_epochs_as_is_said(told):
    explanation, _, data = told("slow")
    words = explanation["slow"].words
    rate, promised = numbers_after(words, "2/(λmin + λmax) ="), numbers_after(words, "would take about")
    best = nd.glm("y ~ x + z", data, "poisson", solver=nd.GradientDescent(rate=rate))
    assert best.converged and promised == pytest.approx(best.steps, rel=0.3)


def test_a_slow_descent_that_arrived_is_only_noted():
    data = poisson()
    fit = nd.glm("y ~ x + z", data, "poisson", solver=descent(rate=1e-4))
    reason = fit.explain()["slow"]
    assert fit.converged and reason.gravity is Gravity.NOTE and f"{fit.steps:,} epochs" in reason.words


def test_standardised_columns_have_the_condition_that_is_said(told):
    explanation, fit, data = told("column_scales")
    best = nd.glm("y ~ x + year", data, "poisson")
    weight = best.fitted  # of a poisson with link log
    Z = np.column_stack([data["x"], data["year"]])
    Z = Z - np.average(Z, axis=0, weights=weight)
    Z = np.column_stack([np.ones(400), Z / np.sqrt(np.average(Z**2, axis=0, weights=weight))])
    sizes = np.linalg.eigvalsh(Z.T @ (weight[:, None] * Z))
    said = numbers_after(explanation["column_scales"].words, "standardised")
    assert said == pytest.approx(sizes[-1] / sizes[0], rel=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaled = eval(explanation["column_scales"].call, {"nd": nd, "fit": fit})
    assert scaled.converged and scaled.steps < 200


def test_an_influential_row_is_named_with_what_it_does(told):
    explanation, fit, data = told("influential")
    words = explanation["influential"].words
    assert "Row 17 " in words
    without = nd.glm("y ~ x", {name: np.delete(column, 17) for name, column in data.items()})
    name = re.search(r"without it (\S+) goes", words)[1]
    assert numbers_after(words, " goes from") == pytest.approx(abs(fit.coef[name]), rel=1e-3)
    assert float(re.search(r" to (-?[\d.]+), by", words)[1]) == pytest.approx(without.coef[name], rel=1e-3)
    shift = abs(without.coef[name] - fit.coef[name]) / fit.se[name]
    assert numbers_after(words, ", by") == pytest.approx(shift, rel=0.06)


def test_overdispersion_is_told_with_the_factor_of_the_standard_errors(told):
    explanation, fit, _ = told("dispersion")
    phi = fit.statistics.pearson / fit.df_resid
    told_factor = numbers_after(explanation["dispersion"].words, "Standard errors are about")
    assert told_factor == pytest.approx(math.sqrt(phi), rel=0.01)
    quasi = eval(explanation["dispersion"].call, {"nd": nd, "fit": fit})
    assert quasi.se["x"] == pytest.approx(fit.se["x"] * math.sqrt(phi), rel=1e-9)  # weights were kept


def test_separation_names_the_column_and_firth_is_finite(told):
    explanation, fit, _ = told("separated")
    assert "g[T.b]" in explanation["separated"].words
    assert np.isfinite(eval(explanation["separated"].call, {"nd": nd, "fit": fit}).coef).all()


def test_the_interrupted_fit_goes_on_from_where_it_was(told):
    explanation, fit, _ = told("interrupted")
    assert explanation["interrupted"].gravity is Gravity.GRAVE
    assert "after 20 steps" in explanation["interrupted"].words
    assert eval(explanation["interrupted"].call, {"nd": nd, "fit": fit}).deviance < fit.deviance


def test_aliased_columns_are_taken_out_of_the_formula(told):
    explanation, fit, _ = told("aliased")
    without = eval(explanation["aliased"].call, {"nd": nd, "fit": fit})
    assert not without.aliased.any() and without.deviance == pytest.approx(fit.deviance, rel=1e-12)


def test_asking_for_a_rule_that_found_nothing_names_those_that_did(told):
    with pytest.raises(KeyError, match=r"unknown rule that found something 'separated': .*known: well"):
        told("well")[0]["separated"]


def test_mini_batches_at_a_fixed_rate_are_told_of_their_cloud():
    data = poisson()
    solver = nd.StochasticGradientDescent(rate=5e-4, anchored=False, epochs=200)
    with pytest.warns(nd.NotConvergedWarning):
        reason = nd.glm("y ~ x + z", data, "poisson", solver=solver).explain()["slow"]
    assert "come no nearer" in reason.words and "cloud around the optimum" in reason.words

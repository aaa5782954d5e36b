"""Predictions, slopes and comparisons averaged over rows: laws, edges, and what they say where they cannot."""

import json
from dataclasses import replace

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.fit import Uncertainty
from nelder.inference.effects.averaging import EACH_ROW, Averaging
from nelder.inference.effects.cases import Population
from nelder.inference.effects.comparisons import comparisons
from nelder.inference.effects.predictions import eta_of, predictions
from nelder.inference.effects.slopes import slopes
from nelder.links import LINKS
from nelder.mean import UNIT, Mean

RANDOM = np.random.default_rng(8)
N = 120
DATA = pd.DataFrame(
    {
        "x": RANDOM.normal(1.0, 1.0, N),
        "z": RANDOM.uniform(1.0, 9.0, N),
        "g": pd.Categorical(RANDOM.choice(list("pqr"), N), categories=["r", "q", "p", "never"]),
        "b": RANDOM.random(N) < 0.4,
        "k": RANDOM.integers(1, 4, N),
        "w": RANDOM.integers(0, 4, N),
        "site": RANDOM.choice(["north", "south"], N),
    }
)
DATA["y"] = RANDOM.poisson(np.exp(0.3 + 0.3 * DATA.x + 0.2 * DATA.b))
DATA["yes"] = (RANDOM.random(N) < 1 / (1 + np.exp(-DATA.x))).astype(float)
COUNTS = nd.glm("y ~ x*b + log(z) + g + C(k)", DATA, "poisson")
YES = nd.glm("yes ~ x + g", DATA, "binomial")


def same(a, b, rel=1e-9):
    """Two estimates have the same values and standard errors."""
    assert a.values == pytest.approx(b.values, rel=rel, abs=1e-12)
    assert a.se == pytest.approx(b.se, rel=rel)


# ---- closed forms -----------------------------------------------------------


def test_a_canonical_model_predicts_the_average_response():
    for fit, y in ((COUNTS, DATA.y), (YES, DATA.yes)):
        assert predictions(fit).table()["estimate"] == pytest.approx(y.mean(), rel=1e-10)
    by = predictions(COUNTS, Averaging(by="b")).table()
    assert by["b"].tolist() == [False, True]
    assert by["estimate"] == pytest.approx(DATA.groupby("b")["y"].mean().to_numpy(), rel=1e-10)


def test_the_slope_of_a_line_is_its_coefficient():
    fit = nd.glm("z ~ x + log(w + 1)", DATA)
    found = slopes(fit, "x")
    assert found.values == pytest.approx(fit.coef["x"], rel=1e-13)
    assert found.se == pytest.approx(fit.se["x"], rel=1e-12)
    assert found.df == fit.df_resid
    link = slopes(fit, "w", kind="link")
    assert link.values == pytest.approx(fit.coef["log(w + 1)"] * np.mean(1 / (DATA.w + 1)), rel=1e-13)


def test_the_slope_under_a_log_link_is_the_coefficient_times_the_mean():
    fit = nd.glm("y ~ x + z", DATA, "poisson")
    assert slopes(fit, "x").values == pytest.approx(fit.coef["x"] * DATA.y.mean(), rel=1e-9)
    assert slopes(fit, "x", kind="eydx").values == pytest.approx(fit.coef["x"], rel=1e-13)
    assert slopes(fit, "x", kind="eydx").se == pytest.approx(fit.se["x"], rel=1e-12)
    assert slopes(fit, "z", kind="eyex").values == pytest.approx(fit.coef["z"] * DATA.z.mean(), rel=1e-12)
    assert slopes(fit, "z", kind="dyex").values == pytest.approx(
        fit.coef["z"] * np.mean(fit.fitted * DATA.z), rel=1e-12
    )


def test_the_slope_of_a_logistic_curve_in_extended_precision():
    with mp.workdps(30):
        beta = [mp.mpf(float(b)) for b in YES.coef]
        dummies = [[mp.mpf(float(level == each)) for each in ("q", "p")] for level in DATA.g]
        total = mp.mpf(0)
        for x, row in zip(DATA.x, dummies, strict=True):
            eta = beta[0] + beta[1] * mp.mpf(x) + beta[2] * row[0] + beta[3] * row[1]
            mu = 1 / (1 + mp.exp(-eta))
            total += mu * (1 - mu) * beta[1]
        wanted = float(total / N)
    assert slopes(YES, "x").values == pytest.approx(wanted, rel=1e-13)


def test_a_level_has_the_difference_from_the_base():
    found = slopes(COUNTS)
    variables = list(zip(found.labels["variable"], found.labels["contrast"], strict=True))
    assert variables == [
        ("x", "slope"),
        ("b", "True − False"),
        ("z", "slope"),
        ("g", "q − r"),
        ("g", "p − r"),
        ("k", "2 − 1"),
        ("k", "3 − 1"),
    ]
    rows = {level: DATA.assign(g=pd.Categorical([level] * N, categories=list("rqp"))) for level in "rqp"}
    means = {level: np.mean(COUNTS.predict(table)) for level, table in rows.items()}
    assert found.values[3:5] == pytest.approx([means["q"] - means["r"], means["p"] - means["r"]], rel=1e-12)
    linear = slopes(COUNTS, "g", kind="link")
    assert linear.values == pytest.approx([COUNTS.coef["g[T.q]"], COUNTS.coef["g[T.p]"]], rel=1e-12)


def test_another_base_level_is_the_one_of_the_coding():
    fit = nd.glm("y ~ C(site, contr.treatment('south'))", DATA, "poisson")
    assert slopes(fit).labels["contrast"] == ["north − south"]
    summed = nd.glm("y ~ C(site, contr.sum)", DATA, "poisson")
    assert slopes(summed).labels["contrast"] == ["south − north"]
    assert slopes(summed).values == pytest.approx(-slopes(fit).values, rel=1e-9)


def test_one_row_is_that_of_predict():
    values = {"x": 0.5, "z": 2.0, "g": "p", "b": True, "k": 2}
    exact = COUNTS.predict({name: [value] for name, value in values.items()}, interval="confidence")
    found = predictions(COUNTS, Averaging(at=values)).table()
    assert list(found) == ["x", "z", "g", "b", "k", "estimate", "se", "lower", "upper"]
    for ours, theirs in (("estimate", "fit"), ("lower", "lower"), ("upper", "upper")):
        assert found[ours] == pytest.approx(exact[theirs], rel=1e-10)
    linear = predictions(COUNTS, Averaging(at=values), "link").table()
    assert linear["se"] == pytest.approx(exact["se"], rel=1e-10)


def test_means_and_most_frequent_levels():
    row = {"x": DATA.x.mean(), "z": 3.0, "g": DATA.g.mode()[0], "b": bool(DATA.b.mode()[0]), "k": DATA.k.mode()[0]}
    exact = COUNTS.predict({name: [value] for name, value in row.items()})
    assert predictions(COUNTS, Averaging(at={"z": 3}, others="mean")).table()["estimate"] == pytest.approx(exact)
    named = {"x": "mean", "z": 3, "g": "mode", "b": "mode", "k": "mode"}
    assert predictions(COUNTS, Averaging(at=named)).table()["estimate"] == pytest.approx(exact)
    ends = predictions(COUNTS, Averaging(at={"z": ["min", "max"]})).table()
    assert ends["z"] == pytest.approx([DATA.z.min(), DATA.z.max()])


def test_kinds_of_comparison_agree_with_each_other():
    low, high = predictions(YES, Averaging(at={"g": ["r", "p"]})).table()["estimate"]
    found = {kind: comparisons(YES, {"g": ("r", "p")}, kind=kind) for kind in ("ratio", "odds_ratio")}
    assert np.exp(found["ratio"].values) == pytest.approx(high / low, rel=1e-12)
    assert np.exp(found["odds_ratio"].values) == pytest.approx(high / (1 - high) / (low / (1 - low)), rel=1e-12)
    for kind, shown in found.items():
        assert shown.labels["contrast"] == ["p / r"]
        same(shown, comparisons(YES, {"g": ("r", "p")}, kind=f"log_{kind}"))
    linear = comparisons(YES, {"g": ("r", "p")}, kind="link")
    assert linear.values == pytest.approx(YES.coef["g[T.p]"], rel=1e-12)


def test_changes_can_be_said_in_many_ways():
    def contrasts(variables):
        found = comparisons(COUNTS, variables)
        return list(zip(found.labels["variable"], found.labels["contrast"], strict=True))

    assert contrasts({"x": 5, "z": (2, 8)}) == [("x", "+5"), ("z", "8 − 2")]
    assert contrasts({"x": -0.5}) == [("x", "−0.5")]
    assert contrasts({"g": "pairwise"}) == [("g", "q − r"), ("g", "p − r"), ("g", "p − q")]
    assert contrasts({"k": "sequential", "b": None}) == [("k", "2 − 1"), ("k", "3 − 2"), ("b", "True − False")]
    assert contrasts(["x", "b"]) == [("x", "+1"), ("b", "True − False")]
    spread = comparisons(COUNTS, {"x": "sd"})
    same(spread, comparisons(COUNTS, {"x": float(np.std(DATA.x))}))
    same(comparisons(COUNTS, {"z": "minmax"}), comparisons(COUNTS, {"z": (DATA.z.min(), DATA.z.max())}))
    moved = comparisons(COUNTS, {"x": 1}, Averaging(at={"x": 2}))
    same(moved, comparisons(COUNTS, {"x": (2, 3)}))


# ---- invariances ------------------------------------------------------------


def everything(fit, asked=EACH_ROW):
    return (
        predictions(fit, asked),
        slopes(fit, ["x", "z"], asked),
        comparisons(fit, ["x", "g"], asked),
        comparisons(fit, ["g"], asked, "ratio"),
    )


def test_replicated_rows_are_frequencies():
    counts = RANDOM.integers(1, 4, N)
    repeated = DATA.loc[np.repeat(np.arange(N), counts)].reset_index(drop=True)
    formula = "y ~ x*g + log(z)"
    a = nd.glm(formula, DATA, "poisson", weights=nd.frequency(counts))
    b = nd.glm(formula, repeated, "poisson")
    for asked in (Averaging(), Averaging(by="site"), Averaging(others="mean"), Averaging(at={"x": ["mean", 2]})):
        for one, two in zip(everything(a, asked), everything(b, asked), strict=True):
            same(one, two)


def test_sampling_weights_weigh_rows_and_prior_weights_do_not():
    weight = RANDOM.uniform(0.5, 4.0, N)
    fit = nd.glm("y ~ x + g", DATA, "poisson", weights=weight)
    assert predictions(fit).table()["estimate"] == pytest.approx(np.mean(fit.fitted), rel=1e-12)
    asked = Averaging(others=Population(weights=weight))
    assert predictions(fit, asked).table()["estimate"] == pytest.approx(np.average(fit.fitted, weights=weight))
    drawn = nd.glm("y ~ x + g", DATA, "poisson", weights=nd.sampling(weight))
    assert predictions(drawn).table()["estimate"] == pytest.approx(np.average(fit.fitted, weights=weight), rel=1e-9)


def test_trials_do_not_weigh_rows_unless_asked_to():
    trials = RANDOM.integers(1, 20, N)
    data = DATA.assign(s=RANDOM.binomial(trials, 0.3), n=trials)
    pair = nd.glm("cbind(s, n - s) ~ x", data, "binomial")
    share = nd.glm("{s / n} ~ x", data, "binomial", weights="n")
    same(predictions(pair), predictions(share))
    assert predictions(pair).table()["estimate"] == pytest.approx(np.mean(pair.fitted), rel=1e-12)
    asked = Averaging(others=Population(weights="n"))
    assert predictions(pair, asked).table()["estimate"] == pytest.approx(data.s.sum() / trials.sum(), rel=1e-10)


def test_units_of_a_column_do_not_matter():
    rescaled = nd.glm("y ~ x*b + log(z) + g + C(k)", DATA.assign(x=DATA.x * 1e6, z=DATA.z / 1e3), "poisson")
    ours, theirs = slopes(COUNTS, ["x", "z"]), slopes(rescaled, ["x", "z"])
    assert theirs.values * [1e6, 1e-3] == pytest.approx(ours.values, rel=1e-8)
    assert theirs.se * [1e6, 1e-3] == pytest.approx(ours.se, rel=1e-8)
    same(slopes(COUNTS, "z", kind="eyex"), slopes(rescaled, "z", kind="eyex"), 1e-8)


def test_codings_and_solvers_do_not_matter():
    for formula, solver in (
        ("y ~ x*b + log(z) + C(g, contr.sum) + C(k, contr.helmert)", "auto"),
        ("y ~ 0 + C(k) + g + b*x + log(z)", "irls"),
        ("y ~ x*b + log(z) + g + C(k)", "lbfgs"),
    ):
        fit = nd.glm(formula, DATA, "poisson", solver=solver)
        for one, two in zip(everything(COUNTS), everything(fit), strict=True):
            same(one, two, 1e-7)


def test_a_formula_and_its_arrays_say_the_same():
    X = np.column_stack([np.ones(N), DATA.x, DATA.z])
    arrays = nd.glm_fit(X, DATA.y, "poisson", names=["one", "x", "z"])
    formula = nd.glm("y ~ x + z", DATA, "poisson")
    assert slopes(arrays).labels["variable"] == ["x", "z"]  # a constant column is no variable
    same(slopes(arrays), slopes(formula))
    same(comparisons(arrays), comparisons(formula))
    same(predictions(arrays, Averaging(at={"x": [0, 1]})), predictions(formula, Averaging(at={"x": [0, 1]})))
    same(predictions(arrays, Averaging(others="mean")), predictions(formula, Averaging(others="mean")))
    with pytest.raises(nd.UnknownNameError, match="unknown variable 'one'"):
        slopes(arrays, "one")


def test_a_column_of_an_array_moves_alone():
    X = np.column_stack([np.ones(N), DATA.x, DATA.x**2])
    fit = nd.glm_fit(X, DATA.y, "poisson")
    found = slopes(fit)
    assert found.values == pytest.approx([fit.coef["x2"] * DATA.y.mean(), fit.coef["x3"] * DATA.y.mean()], rel=1e-9)


def test_many_blocks_are_as_one():
    n = 70_000
    x = RANDOM.normal(size=n)
    data = {"x": x, "y": RANDOM.poisson(np.exp(0.2 * x)), "g": np.array(list("ab"))[np.arange(n) % 2]}
    fit = nd.glm("y ~ x + g", data, "poisson")
    assert predictions(fit).table()["estimate"] == pytest.approx(np.mean(data["y"]), rel=1e-10)
    by = predictions(fit, Averaging(by="g")).table()["estimate"]
    assert by == pytest.approx([np.mean(data["y"][::2]), np.mean(data["y"][1::2])], rel=1e-10)
    X = np.column_stack([np.ones(n), x, np.arange(n) % 2])
    same(slopes(nd.glm_fit(X, data["y"], "poisson"), "x2"), slopes(fit, "x"))


# ---- offsets, groups and other rows -----------------------------------------


def test_offsets_are_kept_and_can_be_moved():
    inside = nd.glm("y ~ x + offset(log(z))", DATA, "poisson")
    beside = nd.glm("y ~ x", DATA, "poisson", offset=np.log(DATA.z))
    same(predictions(inside), predictions(beside))
    same(slopes(inside), slopes(beside))
    assert slopes(inside).labels["variable"] == ["x"]  # what is only in the offset is left out unless named
    share = slopes(inside, "z")
    assert share.values == pytest.approx(np.mean(inside.fitted / DATA.z), rel=1e-12)
    for one, two in (({"offset": 0}, {"z": 1}), ({"offset": np.log(5)}, {"z": 5})):
        same(predictions(inside, Averaging(at=one)), predictions(inside, Averaging(at=two)))
        same(predictions(beside, Averaging(at=one)), predictions(inside, Averaging(at=two)))
    fixed = slopes(inside, "z", Averaging(at={"offset": 0}))
    assert fixed.values == 0
    both = nd.glm("y ~ x + offset(log(z))", DATA, "poisson", offset=0.1 * DATA.k)
    assert predictions(both).table()["estimate"] == pytest.approx(DATA.y.mean(), rel=1e-10)
    assert predictions(both, Averaging(others="mean")).table()["estimate"] == pytest.approx(
        np.exp(both.coef @ [1, DATA.x.mean()] + np.log(DATA.z.mean()) + 0.1 * DATA.k.mean()), rel=1e-12
    )


def test_groups_need_not_be_in_the_formula():
    found = predictions(YES, Averaging(by="site")).table()
    wanted = pd.Series(YES.fitted).groupby(DATA.site).mean()
    assert found["site"].tolist() == ["north", "south"]
    assert found["estimate"] == pytest.approx(wanted.to_numpy(), rel=1e-12)
    two = predictions(YES, Averaging(by=["site", "g"], at={"x": [0, 1]}))
    assert list(two.labels) == ["x", "site", "g"] and len(two.values) == 12
    assert two.labels["g"][:3] == ["r", "q", "p"]  # the order of the column
    numbers = predictions(YES, Averaging(by="w")).table()
    assert numbers["w"].tolist() == [0, 1, 2, 3]


def test_rows_without_a_group_are_left_out_and_counted():
    fit = nd.glm("yes ~ x", DATA.assign(site=DATA.site.where(DATA.index > 2)), "binomial")
    found = predictions(fit, Averaging(by="site"))
    wanted = pd.Series(fit.fitted[3:]).groupby(DATA.site.to_numpy()[3:]).mean()
    assert found.table()["estimate"] == pytest.approx(wanted.to_numpy(), rel=1e-12)
    assert found.notes == ("left out for want of a value of site: 3 rows",)


def test_rows_dropped_from_the_fit_are_not_averaged_over():
    data = DATA.assign(x=DATA.x.where(DATA.index % 5 > 0))
    fit = nd.glm("yes ~ x", data, "binomial")
    kept = data[data.x.notna()]
    assert predictions(fit).table()["estimate"] == pytest.approx(kept.yes.mean(), rel=1e-10)
    found = predictions(fit, Averaging(by="site", others=Population(weights="w"))).table()["estimate"]
    frame = pd.DataFrame({"f": fit.fitted * kept.w, "w": kept.w, "site": kept.site}).groupby("site").sum()
    assert found == pytest.approx((frame.f / frame.w).to_numpy(), rel=1e-12)


def test_other_rows_are_a_population_to_standardise_to(tmp_path):
    census = DATA.head(30).assign(people=np.arange(30) % 7)
    asked = Averaging(at={"g": ["r", "p"]}, others=Population(census, "people"))
    rows = [census.assign(g=level) for level in "rp"]
    wanted = [np.average(YES.predict(table), weights=census.people) for table in rows]
    assert predictions(YES, asked).table()["estimate"] == pytest.approx(wanted, rel=1e-12)
    YES.save(tmp_path / "fit.json")
    same(predictions(nd.load(tmp_path / "fit.json"), asked), predictions(YES, asked))
    missing = census.assign(x=census.x.where(census.index != 4))
    gone = predictions(YES, Averaging(others=Population(missing)))
    assert gone.title.endswith("averaged over 29 rows")
    X = np.column_stack([np.ones(N), DATA.x])
    arrays = nd.glm_fit(X, DATA.y, "poisson", offset=np.log(DATA.z))
    other = predictions(arrays, Averaging(others=Population(X[:9], offset=np.zeros(9)))).table()["estimate"]
    assert other == pytest.approx(np.mean(arrays.predict(X[:9], offset=np.zeros(9))), rel=1e-12)


# ---- covariances ------------------------------------------------------------


def test_another_covariance_is_used_and_named():
    twice = replace(COUNTS, uncertainty=Uncertainty("HC0", 4 * COUNTS.point_covariance, 7.0))
    for one, two in zip(everything(COUNTS), everything(twice), strict=True):
        assert two.values == pytest.approx(one.values)
        assert two.se == pytest.approx(2 * one.se)
        assert two.df == 7 and two.notes == ("standard errors by the covariance HC0",)
    assert "t" in slopes(twice).table() and "z" in slopes(COUNTS).table()


def test_a_penalised_fit_has_effects_without_errors():
    fit = nd.glm("y ~ x + g", DATA, "poisson", penalty=nd.Ridge(1.0))
    for found in (predictions(fit), slopes(fit), comparisons(fit, kind="ratio")):
        assert np.isfinite(found.values).all() and np.isnan(found.se).all()
        assert "no standard errors: the fit is penalised" in found.notes[0]


def test_a_fit_that_has_not_converged_says_so():
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm("y ~ x + g", DATA, "poisson", solver=nd.IRLS(max_steps=1))
    for found in (predictions(fit), slopes(fit), comparisons(fit)):
        assert "the fit has not converged" in found.notes[0]


def test_without_degrees_of_freedom_there_are_no_errors():
    with pytest.warns(nd.ResponseWarning):
        fit = nd.glm("y ~ x", {"y": [1.0, 3.0], "x": [0.0, 1.0]})
    found = slopes(fit)
    assert found.values == pytest.approx(2.0) and np.isnan(found.se).all()
    assert "0 degrees of freedom" in found.notes[0]


# ---- limits, aliases and edges ----------------------------------------------


@pytest.fixture(scope="module")
def separated():
    data = {"g": np.repeat(["c", "t", "u"], 20), "yes": np.r_[np.tile([0, 1], 10), np.ones(20), np.zeros(20)]}
    with pytest.warns(nd.BoundaryWarning):
        return nd.glm("yes ~ g", data, "binomial")


def test_means_at_a_limit_are_taken_as_known(separated):
    found = predictions(separated, Averaging(at={"g": ["c", "t", "u"]}))
    assert found.table()["estimate"] == pytest.approx([0.5, 1, 0])
    assert np.isfinite(found.se).tolist() == [True, False, False]
    assert "the data separate: in up to 60 rows" in found.notes[0]
    whole = predictions(separated).table()
    assert whole["estimate"] == pytest.approx(0.5)
    assert whole["se"] == pytest.approx(np.sqrt(0.25 / 20) / 3)
    differences = comparisons(separated, {"g": "pairwise"})
    assert differences.values == pytest.approx([0.5, -0.5, -1.0])


def test_two_means_at_the_same_limit_have_no_ratio():
    data = {"g": list("aaabbbccc"), "y": [1, 2, 5, 0, 0, 0, 0, 0, 0]}
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g", data, "poisson")
    found = comparisons(fit, {"g": "pairwise"}, kind="ratio")
    assert np.isnan(found.values).tolist() == [False, False, True]
    assert found.table()["estimate"][:2].tolist() == [0, 0]
    assert "nan where both averages are at the same limit" in found.notes


def test_a_slope_where_the_data_separate_is_infinite_or_none():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x", {"y": [0, 0, 0, 1, 1, 1, 1.0], "x": [0, 0, 1, 1, 1, 2, 2.0]}, "binomial")
    assert slopes(fit).values == np.inf and np.isnan(slopes(fit).se)
    assert predictions(fit, Averaging(at={"x": [0, 1, 2]})).table()["estimate"] == pytest.approx([0, 2 / 3, 1])
    with pytest.warns(nd.BoundaryWarning):
        whole = nd.glm("y ~ x", {"y": [0, 0, 1, 1.0], "x": [0, 1, 2, 3.0]}, "binomial")
    found = predictions(whole, Averaging(at={"x": [0, 1.5, 3]})).table()
    assert found["estimate"][[0, 2]].tolist() == [0, 1] and np.isnan(found["estimate"][1])
    assert slopes(whole).values == 0 and np.isnan(slopes(whole, kind="eyex").values)


def test_a_separated_fit_knows_what_its_rows_settled_after_loading_too(separated, tmp_path):
    path, over = tmp_path / "fit.json", Averaging(others=Population({"g": ["c", "c", "t"]}))
    separated.save(path)
    loaded, there = predictions(nd.load(path), over), predictions(separated, over)
    assert loaded.table()["estimate"] == pytest.approx(2 / 3)
    assert (loaded.values, loaded.se) == (there.values, there.se)
    document = json.loads(path.read_text())
    document["limit"]["settled"] = None
    path.write_text(json.dumps(document))
    with pytest.raises(nd.DataError, match="whose optimum is not finite needs the rows"):
        predictions(nd.load(path), over)


def test_slopes_of_two_splines_that_share_columns_are_known_at_the_last_knot_too():
    # both hold the cubics; where x is largest, the slope of most of their columns is zero but for rounding
    random = np.random.default_rng(19)
    data = pd.DataFrame({"x": random.uniform(-2, 2, 80)})
    data["y"] = random.poisson(np.exp(0.3 * data["x"])).astype(float)
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ bs(x, df=5) + bs(x, knots=[-0.5, 0.4])", data, "poisson")
    x = np.sort(data["x"])[[0, 40, -1]]
    found = slopes(fit, "x", Averaging(at={"x": x.tolist()}))
    inside = np.array([[x[0], x[0] + 1e-6], [x[1] - 1e-6, x[1] + 1e-6], [x[2] - 1e-6, x[2]]])
    means = fit.predict({"x": inside.ravel()}).reshape(3, 2)
    assert found.values == pytest.approx(np.diff(means)[:, 0] / np.diff(inside)[:, 0], rel=1e-4)


def test_aliased_columns_do_not_move_alone():
    X = np.column_stack([np.ones(N), DATA.x, 2 * DATA.x, DATA.z])
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm_fit(X, DATA.y, "poisson")
    found = slopes(fit)
    assert np.isnan(found.values).tolist() == [True, True, False]
    assert "break the pattern of the aliased columns (x3)" in found.notes[0]
    at = predictions(fit, Averaging(at={"x2": 1.0}))
    assert np.isnan(at.values).all() and "not estimable: up to 120 rows" in at.notes[0]
    together = predictions(fit, Averaging(at={"x2": 1.0, "x3": 2.0}))
    plain = nd.glm_fit(X[:, [0, 1, 3]], DATA.y, "poisson")
    same(together, predictions(plain, Averaging(at={"x2": 1.0})))
    same(predictions(fit), predictions(plain))


def test_an_aliased_term_of_a_formula_moves_with_its_column():
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + I(2*x + 1) + z", DATA, "poisson")
    same(slopes(fit), slopes(nd.glm("y ~ x + z", DATA, "poisson")))


def test_rows_of_an_empty_cell_are_not_estimable_and_others_are():
    data = DATA[(DATA.site != "north") | ~DATA.b]
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ site*b", data, "poisson")
    found = predictions(fit, Averaging(at={"site": ["north", "south"]})).table()
    assert np.isnan(found["estimate"]).tolist() == [True, False]
    no, yes = data[data.site == "south"].groupby("b")["y"].mean()
    assert found["estimate"][1] == pytest.approx(np.mean(np.where(data.b, yes, no)), rel=1e-9)


def test_a_mean_that_the_link_does_not_have_is_nan():
    fit = nd.glm("y ~ x", {"y": [3.0, 4, 6, 7, 9], "x": [0.0, 1, 2, 3, 4]}, "poisson", "identity")
    found = predictions(fit, Averaging(at={"x": [1, -50]}))
    assert np.isnan(found.values).tolist() == [False, True] and np.isnan(found.se).tolist() == [False, True]
    assert found.notes == ("nan: in up to 5 rows η is outside (0, inf), where the link has no mean",)
    assert predictions(fit, Averaging(at={"x": -50}), "link").values < 0


def test_groups_of_no_weight_are_nan():
    asked = Averaging(by="w", others=Population(weights="w"))
    found = predictions(YES, asked)
    assert np.isnan(found.values).tolist() == [True, False, False, False]
    assert found.notes == ("nan: without rows of positive weight, 1 of the groups",)


def test_a_variable_that_only_makes_steps_has_no_slope():
    fit = nd.glm("y ~ C(floor(z / 3)) + {x > 1}", DATA, "poisson")
    found = slopes(fit)
    assert (found.values == 0).all()
    assert found.notes == tuple(f"{name} enters only by steps, whose slope is 0: use comparisons" for name in "zx")
    ends = predictions(fit, Averaging(at={"x": [0, 2]})).table()["estimate"]
    assert comparisons(fit, {"x": (0, 2)}).values == pytest.approx(np.diff(ends))


def test_a_level_inside_a_comparison_can_be_set():
    fit = nd.glm("y ~ {g == 'q'} + x", DATA, "poisson")
    found = comparisons(fit, {"g": ("r", "q")}, kind="link")
    assert found.values == pytest.approx(np.asarray(fit.coef)[1], rel=1e-12)


@pytest.mark.parametrize("name", [name for name in LINKS if name != "power"])
def test_the_linear_predictor_of_an_average_keeps_the_digits_of_its_complement(name):
    link = LINKS[name]()
    if link.mean_interval != UNIT:
        mu = np.array([0.3, 2.0])
        assert eta_of(link, mu, 1 - mu) == pytest.approx(link.link(mu))
        return
    eta = np.array([-2.0, -0.1, 0.4, 1.3, 3.0, 3.4])
    far = np.array([1e-17, 1e-40, 1e-200]) if name != "cauchit" else np.array([1e-8, 1e-12, 1e-15])
    with np.errstate(all="ignore"):
        mean = Mean(link, eta)
        assert eta_of(link, mean.mu, mean.complement) == pytest.approx(eta, rel=1e-12)
        back = Mean(link, eta_of(link, 1 - far, far)).log_complement
    assert back == pytest.approx(np.log(far), rel=1e-11)


# ---- errors -----------------------------------------------------------------

NEVER = np.full(N, -1.0)
REFUSED = [
    (dict(at={"q": 1}), nd.UnknownNameError, "unknown variable 'q'"),
    (dict(at={"site": "north"}), nd.UnknownNameError, "unknown variable 'site'"),
    (dict(at={"g": "never"}), nd.LevelError, "variable 'g' has no level 'never': its levels are 'r', 'q', 'p'"),
    (dict(at={"b": 2}), nd.LevelError, "no level 2: its levels are False, True"),
    (dict(at={"k": [1, 9]}), nd.LevelError, "no level 9: its levels are 1, 2, 3"),
    (dict(at={"x": "high"}), nd.UnknownNameError, "unknown value of the numeric variable 'x'"),
    (dict(at={"x": np.nan}), nd.InputError, "give finite numbers"),
    (dict(at={"x": None}), nd.InputTypeError, "a value of 'x' must be a number"),
    (dict(at={"x": []}), nd.InputError, "gives no value for 'x'"),
    (dict(at={"x": np.arange(200.0), "z": np.arange(1, 99.0)}), nd.InputError, "19600 combinations"),
    (dict(at={"x": np.arange(60.0)}, by=["x"]), nd.InputError, "both in at= and in by="),
    (dict(at={"x": np.arange(60.0)}, by=["z"]), nd.InputError, "ask for 7200 averages together"),
    (dict(at="x"), nd.InputTypeError, "at must be a dictionary"),
    (dict(at={1: 2}), nd.InputTypeError, "at must be a dictionary"),
    (dict(at={"offset": "a"}), nd.InputTypeError, "the offset must be a number"),
    (dict(by="q"), nd.UnknownNameError, "unknown column 'q'"),
    (dict(by=3), nd.InputTypeError, "by must be the name of a column"),
    (dict(by="g", at={"g": "p"}), nd.InputError, "both in at= and in by="),
    (dict(by="g", others="mean"), nd.InputError, "leaves only one"),
    (dict(others="median"), nd.UnknownNameError, "unknown value of others"),
    (dict(others=DATA), nd.InputTypeError, "others must be 'observed', 'mean' or an nd.Population, not DataFrame"),
    (dict(others=Population(weights=NEVER)), nd.DataError, "weights are negative at rows 0"),
    (dict(others=Population(weights=0 * NEVER)), nd.DataError, "all weights are zero"),
    (dict(others=Population(weights=NEVER[:7])), nd.DataError, "needs one value for each of the 120 rows"),
    (dict(others=Population(weights="q")), nd.UnknownNameError, "unknown column 'q'"),
    (dict(others=Population(weights="g")), nd.DataError, "the weights 'g' is categorical"),
    (dict(others=Population(offset=NEVER)), nd.DataError, "offset= belongs to other rows"),
    (dict(others=Population(DATA, offset=NEVER)), nd.DataError, "had no offset given as an array"),
    (dict(others=Population(DATA.head(0))), nd.DataError, "there are no rows to average over"),
    (dict(others=Population(DATA[["x"]])), nd.UnknownNameError, "unknown column"),
    (dict(others=Population(DATA.assign(g="s"))), nd.LevelError, "has level 's'"),
]


@pytest.mark.parametrize(("asked", "error", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_it_says_what_it_cannot_do(asked, error, words):
    with pytest.raises(error, match=words):
        predictions(COUNTS, Averaging(**asked))


CHANGES = [
    ({"x": 0}, nd.InputError, "the change of 'x' is 0"),
    ({"x": "big"}, nd.UnknownNameError, "unknown change of 'x'"),
    ({"x": (1, 2, 3)}, nd.InputTypeError, "has 3 values: give a pair"),
    ({"g": "big"}, nd.UnknownNameError, "unknown change of 'g'"),
    ({"g": ["p"]}, nd.InputTypeError, "has 1 values: give a pair"),
    ({"g": ("p", "never")}, nd.LevelError, "no level 'never'"),
    ("q", nd.UnknownNameError, "unknown variable 'q'"),
    (["x", 3], nd.UnknownNameError, "unknown variable 3"),
    ({}, nd.InputError, "names none"),
]


@pytest.mark.parametrize(("variables", "error", "words"), CHANGES, ids=[words for *_, words in CHANGES])
def test_comparisons_say_what_they_cannot_do(variables, error, words):
    with pytest.raises(error, match=words):
        comparisons(COUNTS, variables)


def test_kinds_that_do_not_exist_or_do_not_fit_are_refused():
    with pytest.raises(nd.UnknownNameError, match="unknown kind of comparison"):
        comparisons(COUNTS, kind="zz")
    with pytest.raises(nd.UnknownNameError, match="unknown kind of slope"):
        slopes(COUNTS, kind="zz")
    with pytest.raises(nd.UnknownNameError, match="unknown scale"):
        predictions(COUNTS, scale="zz")
    with pytest.raises(nd.CapabilityError, match="odds are those of a probability"):
        comparisons(COUNTS, kind="odds_ratio")
    with pytest.raises(nd.CapabilityError, match="a ratio needs positive means"):
        comparisons(nd.glm("y ~ x", DATA), kind="ratio")
    with pytest.raises(nd.CapabilityError, match="'g' has levels, and no elasticity"):
        slopes(COUNTS, "g", kind="eyex")
    assert slopes(COUNTS, kind="eyex").labels["variable"] == ["x", "z"]
    with pytest.raises(nd.InputError, match="both compared and held"):
        comparisons(COUNTS, "g", Averaging(at={"g": "p"}))


def test_designs_without_variables_say_so():
    fit = nd.glm("y ~ 1", DATA, "poisson")
    assert predictions(fit).table()["estimate"] == pytest.approx(DATA.y.mean())
    with pytest.raises(nd.CapabilityError, match="no variables"):
        slopes(fit)
    with pytest.raises(nd.CapabilityError, match="no variables"):
        comparisons(fit)
    with pytest.raises(nd.CapabilityError, match="no variables"):
        predictions(fit, Averaging(at={"x": 1}))
    with pytest.raises(nd.CapabilityError, match="no numeric variable"):
        slopes(nd.glm("y ~ g", DATA, "poisson"), kind="eyex")


def test_fits_without_data_say_so(tmp_path):
    YES.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        predictions(nd.load(tmp_path / "fit.json"))
    arrays = nd.glm_fit(np.column_stack([np.ones(N), DATA.x]), DATA.y, "poisson", offset=np.log(DATA.z))
    with pytest.raises(nd.DataError, match="give offset= for these rows too"):
        predictions(arrays, Averaging(others=Population(np.ones((3, 2)))))
    with pytest.raises(nd.DataError, match="data has 3 columns; the fit has 2"):
        predictions(arrays, Averaging(others=Population(np.ones((3, 3)), offset=np.zeros(3))))
    with pytest.raises(nd.UnknownNameError, match="unknown column 'site'"):
        predictions(arrays, Averaging(by="site"))


def test_too_many_groups_are_refused():
    data = {"x": np.arange(1500.0), "y": RANDOM.normal(size=1500)}
    with pytest.raises(nd.InputError, match="1500 combinations of levels, allowed are 1000"):
        predictions(nd.glm("y ~ x", data), Averaging(by="x"))


def test_a_spline_is_not_followed_beyond_its_ends():
    fit = nd.glm("y ~ bs(x, df=4)", DATA, "poisson")
    assert np.isfinite(slopes(fit).values).all() and np.isfinite(slopes(fit).se).all()
    with pytest.raises(nd.DataError, match="was learned on"):
        comparisons(fit, "x")
    with pytest.raises(nd.DataError, match="was learned on"):
        predictions(fit, Averaging(at={"x": 100}))


def test_tables_are_what_is_printed():
    found = comparisons(COUNTS, "g", kind="ratio")
    assert str(found) == repr(found) == str(found.table())
    assert found._repr_html_().startswith("<table>")
    holm = found.table(adjust="holm")
    assert (holm["p"] >= found.table()["p"]).all() and "Holm" in holm.notes[-1]
    wide = found.table(level=0.999)
    assert (wide["lower"] < found.table()["lower"]).all()


@pytest.mark.parametrize("name", ["variable", "contrast"])
def test_a_group_called_as_a_label_keeps_its_levels_beside_that_label(name):
    data = {
        "y": [1, 2, 3, 4, 0, 2, 5, 1],
        "x": [1.0, 2, 3, 4, 5, 7, 8, 9],
        name: list("abababab"),
        "g": list("uuuuvvvv"),
    }
    fit = nd.glm(f"y ~ x + g + {name}", data, family="poisson")
    for table in (fit.slopes("x", by=name).table(), fit.comparisons("x", by=name).table()):
        assert list(table["variable"]) == ["x", "x"]
        assert list(table[f"variable {name}"]) == ["a", "b"]
        assert list(table["contrast"]) in (["slope"] * 2, ["+1"] * 2)
    contrasts = fit.emmeans("g", by=name).pairs().table()
    assert list(contrasts[name if name == "variable" else "variable contrast"]) == ["a", "b"]
    assert len(contrasts["contrast"]) == 2

"""Estimated marginal means: laws, and what they say where the data do not tell them."""

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.inference.effects.marginal_means import Averaged, emmeans

RANDOM = np.random.default_rng(3)
N = 90
DATA = pd.DataFrame(
    {
        "g": RANDOM.choice(list("pqr"), N),
        "h": RANDOM.choice(list("uv"), N),
        "x": RANDOM.normal(2.0, 1.0, N),
        "e": RANDOM.uniform(1.0, 9.0, N),
        "k": RANDOM.integers(1, 4, N),
    }
)
DATA["y"] = RANDOM.poisson(np.exp(0.2 * DATA.x) * DATA.e)
FIT = nd.glm("y ~ g*h + x + offset(log(e))", DATA, "poisson")


def test_balanced_means_are_those_of_the_cells():
    data = {"y": RANDOM.normal(size=24), "a": list("pqr") * 8, "b": list("uv") * 12}
    fit = nd.glm("y ~ a*b", data)
    table = emmeans(fit, "a").table()
    means = pd.DataFrame(data).groupby("a")["y"].mean()
    assert table["a"].tolist() == ["p", "q", "r"]
    assert table["estimate"] == pytest.approx(means.to_numpy(), rel=1e-12)
    assert emmeans(fit).table()["estimate"] == pytest.approx(np.mean(data["y"]), rel=1e-12)


def test_proportional_weights_count_observations_and_not_prior_weights():
    """Level v has 0.3 of the rows, 0.75 of the prior weights and 0.5 of the repeated rows."""
    h, w = np.array(list("uuuuuuuvvv")), np.array([1, 1, 1, 1, 1, 1, 1, 7, 7, 7]) / 3
    data = {"y": RANDOM.normal(size=10), "h": h}
    for weights, share in ((None, 0.3), (w, 0.3), (nd.frequency(np.where(h == "v", 7, 3)), 0.5)):
        fit = nd.glm("y ~ h", data, weights=weights)
        mean = emmeans(fit, None, Averaged(weights="proportional")).table()["estimate"][0]
        assert mean == pytest.approx(fit.coef["Intercept"] + share * fit.coef["h[T.v]"], rel=1e-12)


def test_a_mean_is_that_of_predictions_on_the_grid():
    grid = pd.DataFrame([(g, h) for g in "pqr" for h in "uv"], columns=["g", "h"])
    rows = {**{name: grid[name].to_numpy() for name in grid}, "x": np.full(6, DATA.x.mean()), "e": np.ones(6)}
    eta = FIT.predict(rows, kind="link") + np.log(DATA.e).mean()
    assert emmeans(FIT, "g").table()["estimate"] == pytest.approx(eta.reshape(3, 2).mean(axis=1), rel=1e-12)
    counts = DATA.h.value_counts().sort_index().to_numpy()
    proportional = emmeans(FIT, "g", Averaged(weights="proportional")).table()["estimate"]
    assert proportional == pytest.approx(eta.reshape(3, 2) @ counts / N, rel=1e-12)
    cells = DATA.groupby(["g", "h"]).size().to_numpy().reshape(3, 2)
    by_cell = emmeans(FIT, "g", Averaged(weights="cells")).table()["estimate"]
    assert by_cell == pytest.approx((eta.reshape(3, 2) * cells).sum(axis=1) / cells.sum(axis=1), rel=1e-12)


def test_outer_weights_take_the_others_for_independent():
    data = {
        "a": list("pq") * 10,
        "b": list("uuuvv") * 4,
        "c": list("ssttssttttsstttttstt"),
        "y": RANDOM.normal(size=20),
    }
    fit = nd.glm("y ~ a + b*c", data)
    grid = {"a": list("pppp"), "b": list("uuvv"), "c": list("stst")}
    eta = fit.predict(grid).reshape(2, 2)
    counts = pd.DataFrame(data).groupby(["b", "c"]).size().to_numpy().reshape(2, 2) / 20
    outer, proportional = (
        emmeans(fit, "a", Averaged(weights=w)).table()["estimate"] for w in ("outer", "proportional")
    )
    assert proportional[0] == pytest.approx((counts * eta).sum(), rel=1e-12)
    assert outer[0] == pytest.approx(counts.sum(axis=1) @ eta @ counts.sum(axis=0), rel=1e-12)
    assert abs(outer[0] - proportional[0]) > 1e-6


def test_the_offset_is_its_mean_unless_it_is_given():
    mean = np.log(DATA.e).mean()
    plain = emmeans(FIT, "g").table()["estimate"]
    assert emmeans(FIT, "g", Averaged(at={"offset": 0})).table()["estimate"] == pytest.approx(plain - mean, rel=1e-12)
    at_three = emmeans(FIT, "g", Averaged(at={"e": 3})).table()["estimate"]
    assert at_three == pytest.approx(plain - mean + np.log(3), rel=1e-12)
    beside = nd.glm("y ~ g*h + x", DATA, "poisson", offset=np.log(DATA.e))
    assert emmeans(beside, "g").table()["estimate"] == pytest.approx(plain, rel=1e-9)
    named = emmeans(FIT, "e", Averaged(at={"e": [1, 9]})).table()
    assert named["e"].tolist() == [1, 9]
    assert np.diff(named["estimate"]) == pytest.approx(np.log(9), rel=1e-12)
    alone = emmeans(FIT, "e").table()["estimate"]
    assert alone == pytest.approx(emmeans(FIT, None, Averaged(at={"e": DATA.e.mean()})).table()["estimate"], rel=1e-12)


def test_numbers_are_at_their_mean_or_both_their_values():
    data = {"y": RANDOM.normal(size=40), "two": [0, 1, 1, 1] * 10, "b": [True, False] * 20, "x": RANDOM.normal(size=40)}
    fit = nd.glm("y ~ two + b + log(x + 9)", data)
    beta = np.asarray(fit.coef)
    half = beta[0] + 0.5 * beta[1] + 0.5 * beta[2] + beta[3] * np.log(np.mean(data["x"]) + 9)
    assert emmeans(fit).table()["estimate"] == pytest.approx(half, rel=1e-12)
    assert emmeans(fit, "b").table()["b"].tolist() == [False, True]
    three_quarters = emmeans(fit, None, Averaged(weights="proportional")).table()["estimate"]
    assert three_quarters == pytest.approx(half + 0.25 * beta[1], rel=1e-12)


def test_replicated_rows_are_frequencies():
    counts = RANDOM.integers(1, 4, N)
    repeated = DATA.loc[np.repeat(np.arange(N), counts)].reset_index(drop=True)
    a = nd.glm("y ~ g*h + x + offset(log(e))", DATA, "poisson", weights=nd.frequency(counts))
    b = nd.glm("y ~ g*h + x + offset(log(e))", repeated, "poisson")
    for weights in ("equal", "proportional", "cells", "outer"):
        asked = Averaged(weights=weights)
        one, two = emmeans(a, "g", asked).table(), emmeans(b, "g", asked).table()
        assert one["estimate"] == pytest.approx(two["estimate"], rel=1e-9)
        assert one["se"] == pytest.approx(two["se"], rel=1e-9)


def test_contrasts_add_up():
    means = emmeans(FIT, "g")
    values = means.estimates().values
    pairs, control, steps = (means.contrast(method) for method in ("pairwise", "control", "consecutive"))
    assert pairs.values == pytest.approx([values[0] - values[1], values[0] - values[2], values[1] - values[2]])
    assert control.values == pytest.approx([values[1] - values[0], values[2] - values[0]])
    assert steps.values == pytest.approx([values[1] - values[0], values[2] - values[1]])
    assert means.contrast("effects").values.sum() == pytest.approx(0, abs=1e-12)
    rest = means.contrast({"p vs rest": [1, -0.5, -0.5]})
    assert rest.values == pytest.approx(values[0] - (values[1] + values[2]) / 2)
    assert not any("sum to 0" in note for note in rest.notes)
    assert pairs.labels["contrast"] == ["p − q", "p − r", "q − r"]


def test_differences_on_a_logarithm_are_shown_as_ratios():
    link, response = emmeans(FIT, "g").pairs().table(), emmeans(FIT, "g", scale="response").pairs().table()
    assert response["contrast"].tolist() == ["p / q", "p / r", "q / r"]
    for column in ("estimate", "lower", "upper"):
        assert response[column] == pytest.approx(np.exp(link[column]), rel=1e-12)
    assert response["se"] == pytest.approx(response["estimate"] * link["se"], rel=1e-12)
    assert response["p"] == pytest.approx(link["p"])
    probit = nd.glm("{y > 5} ~ g", DATA, "binomial", "probit")
    assert emmeans(probit, "g", scale="response").pairs().table()["contrast"][0] == "p − q"  # no ratio has a name there


def test_differences_of_the_means_themselves():
    means = emmeans(FIT, "g", scale="response")
    found, shown = means.contrast("pairwise", of="response"), means.table()["estimate"]
    assert found.values == pytest.approx([shown[0] - shown[1], shown[0] - shown[2], shown[1] - shown[2]], rel=1e-12)
    joint = means.estimates().covariance
    variance = shown[0] ** 2 * joint[0, 0] + shown[1] ** 2 * joint[1, 1] - 2 * shown[0] * shown[1] * joint[0, 1]
    assert found.se[0] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_adjustments_are_within_each_group():
    inside = emmeans(FIT, "g", Averaged(by="h")).pairs("tukey").table()
    for h in "uv":
        rows = inside["h"] == h
        alone = emmeans(FIT, "g", Averaged(at={"h": h})).pairs("tukey").table()
        for column in ("estimate", "se", "p", "lower", "upper"):
            assert inside[column][rows] == pytest.approx(alone[column], rel=1e-9)
    assert "within each h" in inside.notes[-1]
    assert list(inside)[:2] == ["contrast", "h"]


def test_tukey_is_for_all_pairs_only():
    means = emmeans(FIT, "g")
    for method in ("effects", "control", {"a": [1, -1, 0]}):
        with pytest.raises(nd.InputError, match="pairwise differences of means, which these are not"):
            means.contrast(method, "tukey").table()
    with pytest.raises(nd.InputError, match="which these are not"):
        means.pairs().select([0]).table()
    assert means.pairs().select([0, 1, 2]).table()["p"] == pytest.approx(means.pairs().table()["p"])


def test_empty_cells_are_not_estimable_and_what_avoids_them_is():
    data = DATA[(DATA.g != "p") | (DATA.h != "u")]
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("x ~ g*h", data)
    table = emmeans(fit, "g", Averaged(by="h")).table()
    assert np.isnan(table["estimate"]).tolist() == [True, False, False, False, False, False]
    cells = data.groupby(["h", "g"])["x"].mean().to_numpy()
    assert table["estimate"][1:] == pytest.approx(cells, rel=1e-9)
    assert "nan where not estimable, 1 of 6" in table.notes[0] and "aliased" in table.notes[0]
    margins = emmeans(fit, "g").table()
    assert np.isnan(margins["estimate"]).tolist() == [True, False, False]
    pairs = emmeans(fit, "g", Averaged(by="h")).pairs().table()
    assert np.isnan(pairs["estimate"]).tolist() == [True, True, False, False, False, False]
    occurring = emmeans(fit, "g", Averaged(weights="cells")).table()["estimate"]
    assert occurring == pytest.approx(data.groupby("g")["x"].mean().to_numpy(), rel=1e-9)


def test_a_redundant_covariate_leaves_contrasts_estimable():
    """Means along x = 2z cannot be told off that line, but the groups still differ by what they differ."""
    data = DATA.assign(z=2 * DATA.x)
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ g + x + z", data, "poisson")
    plain = nd.glm("y ~ g + x", data, "poisson")
    off = emmeans(fit, "g", Averaged(at={"x": 0.0}))
    assert np.isnan(off.table()["estimate"]).all()
    assert off.pairs().values == pytest.approx(emmeans(plain, "g").pairs().values, rel=1e-9)
    assert off.pairs().se == pytest.approx(emmeans(plain, "g").pairs().se, rel=1e-9)
    assert emmeans(fit, "g").table()["estimate"] == pytest.approx(emmeans(plain, "g").table()["estimate"], rel=1e-9)


def test_cells_that_do_not_occur_have_no_weights():
    data = DATA[(DATA.g != "p") | (DATA.h != "u")]
    fit = nd.glm("x ~ g + h", data)
    table = emmeans(fit, ["g", "h"], Averaged(weights="cells")).table()
    assert np.isnan(table["estimate"]).tolist() == [True, False, False, False, False, False]
    assert "no row has the levels" in table.notes[0]
    pairs = emmeans(fit, "g", Averaged(by="h", weights="cells")).pairs().table()
    assert np.isnan(pairs["estimate"]).tolist() == [True, True, False, False, False, False]


def test_separated_groups_are_infinite_and_not_compared_with_each_other():
    data = {"g": list("aaabbbccc"), "y": [1, 2, 5, 0, 0, 0, 0, 0, 0]}
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g", data, "poisson")
    means = emmeans(fit, "g")
    assert means.table()["estimate"].tolist()[1:] == [-np.inf, -np.inf]
    assert "infinite, 2 of 3" in means.table().notes[0]
    pairs = means.pairs()
    assert pairs.values[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(pairs.values[2]) and "only by rows whose mean is at its limit" in pairs.notes[0]
    shown = emmeans(fit, "g", scale="response").table()
    assert shown["estimate"] == pytest.approx([8 / 3, 0, 0])
    assert np.isfinite(shown["se"]).tolist() == [True, False, False]
    differences = means.contrast("pairwise", of="response")
    assert differences.values == pytest.approx([8 / 3, 8 / 3, 0])


def test_a_linear_predictor_without_a_mean_is_nan_on_the_response_scale():
    fit = nd.glm("y ~ x", {"y": [3.0, 4, 6, 7, 9], "x": [0.0, 1, 2, 3, 4]}, "poisson", "identity")
    asked = Averaged(at={"x": [1, -50]})
    table = emmeans(fit, "x", asked, "response").table()
    assert np.isnan(table["estimate"]).tolist() == [False, True] and np.isnan(table["se"][1])
    assert "outside (0, inf)" in table.notes[0]
    assert emmeans(fit, "x", asked).table()["estimate"][1] < 0
    assert np.isnan(emmeans(fit, "x", asked, "response").contrast("pairwise", of="response").values[0])


def test_numbers_in_labels_carry_the_name_of_their_variable():
    fit = nd.glm("y ~ C(k) + x", DATA, "poisson")
    assert emmeans(fit, "k").pairs().labels["contrast"] == ["k 1 − k 2", "k 1 − k 3", "k 2 − k 3"]
    assert emmeans(fit, "k").contrast("control", reference="k 2").labels["contrast"] == ["k 1 − k 2", "k 3 − k 2"]
    both = emmeans(fit, ["x", "k"], Averaged(at={"x": [1, 2], "k": [1, 3]}))
    assert both.contrast("consecutive").labels["contrast"][0] == "x 2 k 1 − x 1 k 1"
    assert str(both) == repr(both) == str(both.table())
    assert both._repr_html_().startswith("<table>")


def test_braces_in_the_name_of_a_contrast_are_kept():
    found = emmeans(FIT, "g").contrast({"{p} vs {}": [1, -0.5, -0.5]})
    assert found.labels["contrast"] == ["{p} vs {}"]


REFUSED = [
    (dict(specs="zz"), nd.UnknownNameError, "unknown variable 'zz'"),
    (dict(specs=3), nd.UnknownNameError, "unknown variable 3"),
    (dict(specs="g", by="zz"), nd.UnknownNameError, "unknown variable 'zz'"),
    (dict(specs="g", weights="zz"), nd.UnknownNameError, "unknown weights 'zz'"),
    (dict(specs="g", scale="zz"), nd.UnknownNameError, "unknown scale 'zz'"),
    (dict(specs="g", at={"zz": 1}), nd.UnknownNameError, "unknown variable 'zz'"),
    (dict(specs="g", at={"g": "zz"}), nd.LevelError, "no level 'zz': its levels are 'p', 'q', 'r'"),
    (dict(specs="g", at={"x": []}), nd.InputError, "gives no value for 'x'"),
    (dict(specs="g", at={"x": np.inf}), nd.InputError, "give finite numbers"),
    (dict(specs="g", at={"offset": [0, 1]}), nd.InputError, "one value for the offset"),
    (dict(specs="g", at=[1]), nd.InputTypeError, "at must be a dictionary"),
    (dict(specs="x", at={"x": np.arange(2e5)}), nd.InputError, "the reference grid has 1200000 rows"),
    (dict(specs="x", at={"x": np.arange(6e3)}), nd.InputError, "x have 6000 combinations, allowed are 5000 means"),
]


@pytest.mark.parametrize(("asked", "error", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_it_says_what_it_cannot_do(asked, error, words):
    given = Averaged(asked.get("by"), asked.get("at"), asked.get("weights", "equal"))
    with pytest.raises(error, match=words):
        emmeans(FIT, asked["specs"], given, asked.get("scale", "link"))


CONTRASTS_REFUSED = [
    (dict(method="zz"), nd.UnknownNameError, "unknown contrast 'zz'"),
    (dict(method=3), nd.UnknownNameError, "unknown contrast 3"),
    (dict(method={}), nd.InputError, "dictionary of contrasts is empty"),
    (dict(method={"a": [1, -1]}), nd.DataError, "2 weights for 3 means: p, q, r"),
    (dict(method={"a": [0, 0, 0]}), nd.DataError, "no weight that is not 0"),
    (dict(method={"a": ["1", "2", "3"]}), nd.InputTypeError, "must be numeric"),
    (dict(method="control", reference="zz"), nd.UnknownNameError, "unknown mean as reference 'zz'"),
    (dict(method="pairwise", reference="p"), nd.InputError, "belongs to the contrast 'control'"),
    (dict(method="pairwise", of="zz"), nd.UnknownNameError, "unknown scale 'zz'"),
]


@pytest.mark.parametrize(("asked", "error", "words"), CONTRASTS_REFUSED, ids=[words for *_, words in CONTRASTS_REFUSED])
def test_contrasts_say_what_they_cannot_do(asked, error, words):
    with pytest.raises(error, match=words):
        emmeans(FIT, "g").contrast(**asked)


def test_one_mean_has_nothing_to_be_compared_with():
    with pytest.raises(nd.InputError, match="one mean in each group, 'overall'"):
        emmeans(FIT).pairs()
    with pytest.raises(nd.UnknownNameError, match="unknown adjustment"):
        emmeans(FIT, "g").pairs("zz").table()


def test_weights_that_do_not_sum_to_zero_are_said():
    assert "the weights of 'sum' do not sum to 0" in emmeans(FIT, "g").contrast({"sum": [1, 1, 0]}).notes


def test_fits_that_cannot_have_a_grid_say_so(tmp_path):
    FIT.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        emmeans(nd.load(tmp_path / "fit.json"), "g")
    arrays = nd.glm_fit(np.column_stack([np.ones(N), DATA.x]), DATA.y, "poisson")
    with pytest.raises(nd.CapabilityError, match="made from arrays"):
        emmeans(arrays, "x2")


def test_a_penalised_fit_has_means_without_errors():
    fit = nd.glm("y ~ g + x", DATA, "poisson", penalty=nd.Ridge(1.0))
    table = emmeans(fit, "g").table()
    assert np.isfinite(table["estimate"]).all() and np.isnan(table["se"]).all()
    assert "no standard errors: the fit is penalised" in table.notes[0]


def test_a_perfectly_saturated_fit_has_means_without_errors():
    with pytest.warns(nd.ResponseWarning):
        fit = nd.glm("y ~ g", {"y": [1.0, 2.0], "g": ["a", "b"]})
    table = emmeans(fit, "g").table()
    assert table["estimate"] == pytest.approx([1, 2]) and np.isnan(table["se"]).all()
    assert "0 degrees of freedom" in table.notes[0]


def test_averages_over_what_interacts_say_so():
    data = {
        "y": [1.0, 2, 4, 3, 5, 9, 2, 2],
        "g": list("aabbaabb"),
        "h": list("uuuuvvvv"),
        "x": [1, 2, 3, 4, 4, 3, 2, 0],
    }
    crossed = nd.glm("y ~ C(g)*h + x", data)
    words = "averaged over h beside what interacts with it: by='h' has its levels apart"
    assert words in crossed.emmeans("g").table().notes and words in crossed.emmeans("g").pairs().table().notes
    for quiet in (crossed.emmeans("g", by="h"), nd.glm("y ~ g + h + x", data).emmeans("g")):
        assert not quiet.table().notes

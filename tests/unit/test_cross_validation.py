"""Cross-validation against refits by hand, and what it says when a fold cannot be judged."""

import warnings

import numpy as np
import pytest

import nelder as nd
from nelder.diagnostics.cross_validation import cross_validate
from nelder.diagnostics.discrimination import compare_roc, roc
from nelder.families import FAMILIES

FAMILY = {"negative_binomial": nd.NegativeBinomial(2.0), "tweedie": nd.Tweedie(1.5)}


def table(n=60, seed=1):
    random = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), random.normal(size=n), random.uniform(-1, 1, n)])
    return X, X @ [0.3, 0.6, -0.4], random


@pytest.mark.parametrize("weighted", [False, True])
def test_leaving_one_out_of_least_squares_is_by_leverage(weighted):
    X, eta, random = table()
    y, weight = random.normal(eta), random.uniform(0.5, 2, len(eta)) if weighted else np.ones(len(eta))
    fit = nd.glm_fit(X, y, weights=weight)
    leverage = np.einsum("ij,jk,ik->i", X, np.linalg.inv(X.T @ (weight[:, None] * X)), X) * weight
    left_out = (y - fit.fitted) / (1 - leverage)
    found = cross_validate(fit, len(y))
    assert np.isclose(found.deviance, np.average(left_out**2, weights=weight), rtol=1e-11)
    assert np.allclose(found.predicted, y - left_out, rtol=1e-9)
    assert found.in_sample < found.deviance < found.null_deviance and 0 < found.explained < 1


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_each_fold_is_judged_by_a_refit_to_the_others(name):
    X, eta, random = table()
    chosen = FAMILY.get(name, name)
    mean = np.exp(eta)
    y = {"binomial": eta + random.logistic(size=60) > 0, "gaussian": random.normal(mean)}
    y["quasibinomial"] = y["binomial"]
    response = y.get(name, random.poisson(mean) + 0.0)
    response = random.gamma(2, mean / 2) if name in ("gamma", "inverse_gaussian", "quasi") else response
    fold, offset = np.arange(60) % 4, 0.1 * random.normal(size=60)
    link = "log" if name in ("gamma", "inverse_gaussian", "quasi") else None
    fit = nd.glm_fit(X, response, chosen, link, offset=offset)
    found = cross_validate(fit, fold)
    total = 0.0
    for k in range(4):
        inside = fold == k
        again = nd.glm_fit(X[~inside], response[~inside], chosen, link, offset=offset[~inside])
        assert np.allclose(found.predicted[inside], again.predict(X[inside], offset=offset[inside]), rtol=1e-7)
        same_rows = nd.glm_fit(X[inside], response[inside], chosen, link, offset=offset[inside])
        total += same_rows.deviance_at(np.asarray(again.coef))
        assert np.isclose(found.folds["deviance"][k] * inside.sum(), same_rows.deviance_at(again.coef), rtol=1e-7)
    assert np.isclose(found.deviance, total / 60, rtol=1e-8)
    assert found.notes == () and found.folds["rows"].sum() == 60


def test_a_frequency_is_so_many_rows_in_the_same_fold():
    X, eta, random = table()
    y, times, fold = random.poisson(np.exp(eta)), random.integers(1, 4, 60), np.arange(60) % 5
    folded = cross_validate(nd.glm_fit(X, y, "poisson", weights=nd.frequency(times)), fold)
    rows = cross_validate(nd.glm_fit(np.repeat(X, times, 0), np.repeat(y, times), "poisson"), np.repeat(fold, times))
    assert np.isclose(folded.deviance, rows.deviance, rtol=1e-10)
    assert np.isclose(folded.null_deviance, rows.null_deviance, rtol=1e-10)
    assert np.array_equal(folded.folds["rows"], rows.folds["rows"])


def test_a_penalty_is_kept():
    X, eta, random = table()
    y, fold = random.normal(eta), np.arange(60) % 3
    found = cross_validate(nd.glm_fit(X, y, penalty=nd.Ridge(5.0)), fold)
    again = nd.glm_fit(X[fold != 0], y[fold != 0], penalty=nd.Ridge(5.0))
    assert np.allclose(found.predicted[fold == 0], again.predict(X[fold == 0]), rtol=1e-9)
    firth = nd.glm_fit(X, y > 0, "binomial", penalty="firth")
    again = nd.glm_fit(X[fold != 0], y[fold != 0] > 0, "binomial", penalty="firth")
    assert np.allclose(cross_validate(firth, fold).predicted[fold == 0], again.predict(X[fold == 0]), rtol=1e-7)


def test_rows_are_dealt_by_the_seed_and_evenly():
    X, eta, random = table()
    fit = nd.glm_fit(X, random.normal(eta))
    one, same, other = (cross_validate(fit, 7, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.fold, same.fold) and one.deviance == same.deviance
    assert not np.array_equal(one.fold, other.fold)
    assert set(np.bincount(one.fold)) == {8, 9}


def test_groups_stay_together():
    X, eta, random = table()
    group = np.repeat(np.arange(12), 5)
    fit = nd.glm("y ~ a", {"y": random.normal(eta), "a": X[:, 1]})
    found = cross_validate(fit, 4, groups=group)
    assert all(len(set(found.fold[group == g])) == 1 for g in range(12))
    with pytest.raises(nd.DataError, match="12 groups"):
        cross_validate(fit, 13, groups=group)
    with pytest.raises(nd.InputError, match="leave out groups"):
        cross_validate(fit, group, groups=group)


def test_folds_may_be_named_and_go_by_the_table():
    X, eta, random = table()
    data = {"y": random.normal(eta), "a": X[:, 1].copy()}
    data["a"][4] = np.nan
    names = np.array(["north", "south", "west"])[np.arange(60) % 3]
    found = cross_validate(nd.glm("y ~ a", data), names)
    assert found.folds["fold"].tolist() == ["north", "south", "west"]
    assert found.folds["rows"].tolist() == [20, 19, 20]


def test_a_level_that_the_training_rows_lack_counts_as_zero_and_is_said():
    data = {"y": np.arange(12.0), "g": list("aaabbbbbbbbc"), "x": np.arange(12.0) ** 2}
    found = cross_validate(nd.glm("y ~ g + x", data), np.arange(12) % 4)
    assert "1 rows (fold 3) have a level or a combination" in found.notes[0]
    training = {name: np.asarray(column)[np.arange(12) % 4 != 3] for name, column in data.items()}
    without = nd.glm("y ~ g + x", training)
    assert np.isclose(found.predicted[11], without.predict({"g": ["a"], "x": [121.0]})[0], rtol=1e-8)


def test_training_rows_that_separate_may_make_the_deviance_infinite():
    data = {"y": np.array([1.0, 1, 1, 0, 0, 0, 0, 0]), "g": list("aabbccad")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        fit = nd.glm("y ~ g", data, "binomial")
    found = cross_validate(fit, np.arange(8))
    assert found.deviance == np.inf and found.explained == -np.inf
    assert any("separate" in note for note in found.notes) and any("no chance" in note for note in found.notes)
    assert "explained" not in str(found)


def test_a_mean_outside_its_domain_is_infinitely_wrong_and_said():
    x = np.array([1.0, 2, 3, 4, 5, 60])
    y = np.array([1.0, 1.4, 2.1, 3.5, 9.0, 9.5])
    found = cross_validate(nd.glm("y ~ x", {"y": y, "x": x}, "gamma"), np.arange(6))
    assert found.deviance == np.inf and np.isnan(found.predicted[5])
    assert any("a mean it cannot have" in note for note in found.notes)


def test_rows_in_many_blocks():
    random = np.random.default_rng(2)
    n = 70_000
    x, g = random.normal(size=n), np.array(list("abc"))[random.integers(0, 3, n)]
    y = random.poisson(np.exp(0.1 * x)) + 0.0
    fit = nd.glm("y ~ x + g", {"y": y, "x": x, "g": g}, "poisson")
    begun = fit.objective.design.handles[0].n
    fold = (np.arange(n) >= begun).astype(int)  # the first block by itself
    found = cross_validate(fit, fold)
    first = fold == 0
    assert 0 < begun < n
    again = nd.glm("y ~ x + g", {"y": y[first], "x": x[first], "g": g[first]}, "poisson")
    assert np.allclose(found.predicted[~first], again.predict({"x": x[~first], "g": g[~first]}), rtol=1e-9)


def test_means_of_rows_not_seen_can_be_judged_in_turn():
    X, eta, random = table(200)
    fit = nd.glm_fit(X, eta + random.logistic(size=200) > 0, "binomial")
    found = cross_validate(fit)
    assert roc(fit, predicted=found.predicted).auc < roc(fit).auc


@pytest.mark.parametrize(
    ("folds", "error", "words"),
    [
        (1, nd.DataError, "two folds"),
        (0, nd.InputError, "1 or more"),
        (2.5, nd.InputError, "whole number"),
        ("ten", nd.CapabilityError, "the name of a column, and this fit was made from arrays"),
        (61, nd.DataError, "60 rows"),
        (np.zeros(60), nd.DataError, "two folds"),
        (np.zeros(5), nd.DataError, "folds has shape"),
    ],
)
def test_folds_that_cannot_be(folds, error, words):
    X, eta, random = table()
    with pytest.raises(error, match=words):
        cross_validate(nd.glm_fit(X, random.normal(eta)), folds)


def test_what_else_cannot_be(tmp_path):
    X, eta, random = table()
    fit = nd.glm_fit(X, random.normal(eta))
    with pytest.raises(nd.InputError, match="seed"):
        cross_validate(fit, seed=-1)
    fit.save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="without its data"):
        cross_validate(nd.load(tmp_path / "fit.json"))


def test_a_model_without_an_intercept_is_held_against_its_offset():
    X, eta, random = table()
    y, offset = random.normal(eta), random.normal(size=60)
    found = cross_validate(nd.glm_fit(X[:, 1:], y, offset=offset), 6)
    assert np.isclose(found.null_deviance, np.mean((y - offset) ** 2), rtol=1e-12)


def counts(n=80):
    X, eta, random = table(n)
    return X, random.negative_binomial(1.5, 1.5 / (1.5 + np.exp(eta)))


def test_a_shape_that_was_estimated_is_estimated_without_each_fold_and_judged_by_one_measure():
    X, y = counts()
    fit, fold = nd.glm_fit(X, y, "negative_binomial"), np.arange(80) % 3
    found = cross_validate(fit, fold)
    losses = np.zeros(80)
    for each in range(3):
        again = nd.glm_fit(X[fold != each], y[fold != each], "negative_binomial")
        assert again.shape.value != pytest.approx(fit.shape.value, rel=1e-3)
        mu = again.predict(X[fold == each])
        assert found.predicted[fold == each] == pytest.approx(mu, rel=1e-7)
        losses[fold == each] = unit_deviances(y[fold == each], mu, fit.shape.value)
    assert found.deviance == pytest.approx(losses.mean(), rel=1e-9)


def unit_deviances(y, mu, theta):
    first = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mu), 0.0)
    return 2 * (first - (y + theta) * np.log((y + theta) / (mu + theta)))


def test_a_shape_that_was_given_is_kept():
    X, y = counts()
    fold = np.arange(80) % 3
    found = cross_validate(nd.glm_fit(X, y, nd.NegativeBinomial(0.4)), fold)
    again = nd.glm_fit(X[fold != 0], y[fold != 0], nd.NegativeBinomial(0.4))
    assert found.predicted[fold == 0] == pytest.approx(again.predict(X[fold == 0]), rel=1e-8)


def test_what_separates_is_sent_to_reduced_bias():
    data = {"y": np.array([1.0, 1, 1, 0, 0, 0, 0, 0]), "g": list("aabbccad")}
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        fit = nd.glm("y ~ g", data, "binomial")
    assert any("penalty='firth'" in note for note in cross_validate(fit, np.arange(8)).notes)
    held = nd.glm("y ~ g", data, "binomial", penalty="firth")
    assert np.isfinite(cross_validate(held, np.arange(8) % 4).deviance)


def test_folds_and_groups_may_be_named_by_a_column():
    X, eta, random = table()
    data = {"y": random.normal(eta), "x": X[:, 1], "part": np.array(list("abc") * 20), "who": np.arange(60) // 4}
    data["part"][0] = "b"
    fit = nd.glm("y ~ x", data)
    assert cross_validate(fit, "part").deviance == cross_validate(fit, data["part"]).deviance
    grouped = cross_validate(fit, 3, groups="who")
    assert (grouped.fold == cross_validate(fit, 3, groups=data["who"]).fold).all()
    assert all(len(set(grouped.fold[data["who"] == who])) == 1 for who in range(15))
    with pytest.raises(nd.UnknownNameError, match="unknown column 'whom': did you mean 'who'"):
        cross_validate(fit, 3, groups="whom")
    with pytest.raises(nd.DataError, match="folds is missing at row 0"):
        cross_validate(fit, np.where(np.arange(60) == 0, np.nan, 1.0))


def of_frequency(family="poisson", n=40):
    """A fit of rows that stand for several observations, and that of the observations one by one."""
    X, eta, random = table(n)
    y = {"poisson": random.poisson(np.exp(eta)), "binomial": random.random(n) < 0.5, "gaussian": random.normal(eta)}
    times = random.integers(1, 6, n)
    counted = nd.glm_fit(X, y[family], family, weights=nd.frequency(times))
    return counted, nd.glm_fit(np.repeat(X, times, axis=0), np.repeat(y[family], times), family), times


@pytest.mark.parametrize("family", ["poisson", "binomial", "gaussian"])
def test_observations_of_a_row_are_dealt_like_repeated_rows(family):
    counted, repeated, times = of_frequency(family)
    for seed in (0, 1):
        found, rows = cross_validate(counted, 5, seed), cross_validate(repeated, 5, seed)
        assert found.deviance == pytest.approx(rows.deviance, rel=1e-8)
        assert found.null_deviance == pytest.approx(rows.null_deviance, rel=1e-8)
        assert found.in_sample == pytest.approx(rows.in_sample, rel=1e-8)
        assert found.folds["rows"].tolist() == rows.folds["rows"].tolist()
        np.testing.assert_allclose(found.folds["deviance"], rows.folds["deviance"], rtol=1e-7)
        each = found.portions
        assert (np.bincount(each["row"], each["observations"]) == times).all()
        expanded = {(row, fold): mu for row, fold, mu in zip(each["row"], each["fold"], each["predicted"], strict=True)}
        row_of = np.repeat(np.arange(len(times)), times)
        theirs = [expanded[row, fold + 1] for row, fold in zip(row_of, rows.fold, strict=True)]
        np.testing.assert_allclose(theirs, rows.predicted, rtol=1e-7)


def test_as_many_folds_as_observations_leave_one_of_them_out():
    counted, repeated, times = of_frequency("gaussian")
    left_out = repeated.residuals("response") / (1 - repeated.influence().leverage)
    found = cross_validate(counted, int(times.sum()))
    assert found.deviance == pytest.approx(np.mean(left_out**2), rel=1e-9)
    with pytest.raises(nd.DataError, match=f"for {times.sum()} observations: at most"):
        cross_validate(counted, int(times.sum()) + 1)


def test_observations_of_a_row_stay_together_where_folds_or_groups_say_so():
    counted, _, times = of_frequency()
    for options in ({"folds": np.arange(40) % 4}, {"folds": 4, "groups": np.arange(40) // 2}):
        found = cross_validate(counted, **options)
        assert found.portions["observations"].tolist() == times.tolist()
        assert found.fold.min() == 0 and np.array_equal(found.portions["predicted"], found.predicted)


def test_a_row_in_several_folds_has_no_mean_of_its_own():
    counted, _, _ = of_frequency()
    found = cross_validate(counted, 5)
    parted = np.bincount(found.portions["row"]) > 1
    assert parted.any() and not parted.all()
    assert (np.isnan(found.predicted) == parted).all() and ((found.fold == -1) == parted).all()
    with pytest.raises(nd.DataError, match=r"give the whole, as predicted=fit.cross_validate\(\)"):
        counted.calibration(predicted=found.predicted)


JUDGES = {
    "roc": lambda fit, unseen: fit.roc(predicted=unseen).auc,
    "calibration": lambda fit, unseen: fit.calibration(bands=4, predicted=unseen).bands["observed"],
    "recalibration": lambda fit, unseen: fit.calibration(predicted=unseen).recalibration["estimate"],
    "brier_score": lambda fit, unseen: fit.brier_score(predicted=unseen)["value"],
    "lift": lambda fit, unseen: fit.lift(bands=4, predicted=unseen).bands["observed"],
    "compare_roc": lambda fit, unseen: compare_roc(fit, unseen)["p"],
}


@pytest.mark.parametrize("judge", JUDGES)
def test_means_of_observations_not_seen_are_judged_like_those_of_repeated_rows(judge):
    counted, repeated, _ = of_frequency("binomial")
    judged = [JUDGES[judge](fit, cross_validate(fit, 5)) for fit in (counted, repeated)]
    np.testing.assert_allclose(*judged, rtol=1e-6)
    whole = cross_validate(repeated, 5)
    np.testing.assert_array_equal(JUDGES[judge](repeated, whole), JUDGES[judge](repeated, whole.predicted))


def test_an_exposure_goes_with_the_rows_that_a_cross_validation_has_parted():
    counted, repeated, times = of_frequency()
    exposure = np.linspace(1, 2, 40)
    found = counted.lift(4, exposure, cross_validate(counted, 5))
    rows = repeated.lift(4, np.repeat(exposure, times), cross_validate(repeated, 5))
    assert found.gini == pytest.approx(rows.gini, rel=1e-6)


def test_means_of_another_cross_validation_are_refused():
    counted, _, _ = of_frequency()
    other, _, _ = of_frequency(n=30)
    with pytest.raises(nd.DataError, match="a cross-validation of 30 rows, and the fit has 40"):
        counted.calibration(predicted=cross_validate(other, 5))


def test_very_many_observations_take_folds_one_by_one(monkeypatch):
    X, eta, random = table(40)
    times = 10_000 * random.integers(1, 6, 40)
    many = nd.glm_fit(X, random.poisson(np.exp(eta)), "poisson", weights=nd.frequency(times))
    monkeypatch.setattr("nelder.diagnostics.cross_validation.DEALT", 1_000)
    monkeypatch.setattr("nelder.diagnostics.cross_validation.CELLS", 50)
    found = cross_validate(many, 5)
    assert (np.bincount(found.portions["row"], found.portions["observations"]) == times).all()
    np.testing.assert_allclose(found.folds["rows"], times.sum() / 5, rtol=0.02)
    assert found.deviance == pytest.approx(found.in_sample, rel=1e-3)
    assert cross_validate(many, 5).deviance == found.deviance != cross_validate(many, 5, seed=1).deviance


def test_observations_off_the_pattern_of_the_others_are_counted_one_by_one():
    data = {"y": np.arange(6.0), "g": list("aabbbc"), "n": [5, 5, 5, 5, 5, 1]}
    found = cross_validate(nd.glm("y ~ g", data, weights=nd.frequency("n")), 4)
    assert "1 observations (fold" in found.notes[0]


def test_rows_of_trials_whose_weights_are_not_whole_are_dealt_as_rows():
    random = np.random.default_rng(0)
    trials, x = random.integers(1, 6, 60), random.normal(size=60)
    data = {"s": random.binomial(trials, 0.4), "x": x, "w": random.uniform(0.5, 2, 60)}
    found = cross_validate(nd.glm("cbind(s, f) ~ x", data | {"f": trials - data["s"]}, "binomial", weights="w"), 6)
    assert np.bincount(found.fold).tolist() == [10] * 6 and np.isfinite(found.predicted).all()

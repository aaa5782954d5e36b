"""Influence of one observation: against fits without it, under weights, limits, aliasing, and in bad cases."""

import numpy as np
import pytest

import nelder as nd
from nelder.diagnostics.influence import influence

N = 30
MEASURES = ("leverage", "sigma", "cook", "dffits", "covratio", "dfbeta", "dfbetas", "displacement")


def table(seed=0):
    random = np.random.default_rng(seed)
    return {"x": random.normal(size=N), "g": np.resize(list("uvw"), N)}


def drawn(family, link, seed=0):
    data = table(seed)
    X = np.column_stack([np.ones(N), data["x"]])
    beta = [0.8, 0.3] if link != "inverse" else [0.8, 0.1]
    data["y"] = nd.simulate(X, beta, family, link, nd.Draw(phi=0.2, seed=seed + 1))
    return data


def without_each(data, family, link):
    """Coefficients (n, p) of the fits without each row."""
    return np.array(
        [
            np.asarray(nd.glm("y ~ x + g", {k: np.delete(v, i) for k, v in data.items()}, family, link).coef)
            for i in range(len(data["y"]))
        ]
    )


def test_for_least_squares_every_measure_is_exact():
    data = drawn("gaussian", "identity")
    fit = nd.glm("y ~ x + g", data)
    found, others = influence(fit), without_each(data, "gaussian", "identity")
    X = np.column_stack([np.ones(N), data["x"], data["g"] == "v", data["g"] == "w"])
    moved = np.asarray(fit.coef) - others
    assert np.allclose(found.dfbeta, moved, rtol=1e-8, atol=1e-11)
    shift = moved @ X.T
    assert np.allclose(found.cook, np.sum(shift**2, axis=1) / (4 * fit.dispersion), rtol=1e-7)
    assert np.allclose(found.displacement, np.sum(shift**2, axis=1) / fit.dispersion, rtol=1e-6)
    own = np.diagonal(shift)
    assert np.allclose(found.dffits, own / (found.sigma * np.sqrt(found.leverage)), rtol=1e-7)
    for i in (0, 7, 21):
        rows = np.delete(np.arange(N), i)
        left = data["y"][rows] - X[rows] @ others[i]
        assert found.sigma[i] == pytest.approx(np.sqrt(left @ left / (N - 5)), rel=1e-9)
        ratio = np.linalg.det(found.sigma[i] ** 2 * np.linalg.inv(X[rows].T @ X[rows])) / np.linalg.det(
            fit.covariance()
        )
        assert found.covratio[i] == pytest.approx(ratio, rel=1e-7)


@pytest.mark.parametrize(
    ("family", "link"),
    [("poisson", "log"), ("gamma", "inverse"), ("inverse_gaussian", "log")],
)
def test_what_an_observation_adds_to_a_coefficient_has_the_right_sign_and_size(family, link):
    """With an inverse link R's have the wrong sign."""
    data = drawn(family, link)
    fit = nd.glm("y ~ x + g", data, family, link)
    found, moved = influence(fit), np.asarray(fit.coef) - without_each(data, family, link)
    for j in range(4):
        assert np.corrcoef(found.dfbeta[:, j], moved[:, j])[0, 1] > 0.9  # one step, with expected weights
        assert 0.7 < found.dfbeta[:, j].std() / moved[:, j].std() < 1.4
    exact = (fit.deviance_at(np.asarray(fit.coef) - moved) - fit.deviance) / fit.dispersion
    assert np.corrcoef(found.displacement, exact)[0, 1] > 0.95


@pytest.mark.parametrize("family", ["gaussian", "poisson", "gamma"])
def test_a_row_of_frequency_two_has_the_influence_of_one_of_two_rows(family):
    data = drawn(family, "log")
    counts = np.random.default_rng(2).integers(1, 4, N)
    once = influence(nd.glm("y ~ x + g", data, family, "log", weights=nd.frequency(counts)))
    repeated = {name: np.repeat(values, counts) for name, values in data.items()}
    often = influence(nd.glm("y ~ x + g", repeated, family, "log"))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    for measure in MEASURES:
        assert np.allclose(getattr(once, measure), getattr(often, measure)[first], rtol=1e-6, atol=1e-9), measure
    for name, marks in once.marks.items():
        assert np.array_equal(marks, often.marks[name][first])


def test_units_do_not_matter():
    data = drawn("gamma", "log")
    fit = influence(nd.glm("y ~ x + g", data, "gamma", "log"))
    other = influence(nd.glm("y ~ x + g", data | {"y": 1e5 * data["y"], "x": 1e-6 * data["x"]}, "gamma", "log"))
    for measure in set(MEASURES) - {"dfbeta"}:
        assert np.allclose(getattr(fit, measure), getattr(other, measure), rtol=1e-5, atol=1e-8), measure


def test_leverages_sum_to_the_rank_and_lie_between_zero_and_one():
    for family, link in (("poisson", "log"), ("gamma", "inverse"), ("inverse_gaussian", "log")):
        h = influence(nd.glm("y ~ x + g", drawn(family, link), family, link)).leverage
        assert h.sum() == pytest.approx(4.0, rel=1e-10) and (h > 0).all() and (h < 1).all()


def test_rows_are_those_of_the_callers_table():
    data = drawn("poisson", "log")
    data["x"][3] = np.nan
    weights = np.where(np.arange(N) == 10, 0.0, 1.0)
    found = influence(nd.glm("y ~ x + g", data, "poisson", weights=weights))
    assert found.rows.tolist() == [row for row in range(N) if row not in (3, 10)]
    assert found.table()["row"].tolist() == found.rows.tolist()


def test_a_planted_outlier_stands_out_and_is_named():
    data = drawn("gaussian", "identity")
    data["x"][17], data["y"][17] = 6.0, -30.0
    found = influence(nd.glm("y ~ x", data))
    assert found.influential[17] and int(np.argmax(found.cook)) == 17
    shown = found.table(outstanding=True)
    assert 17 in shown["row"] and shown.rows < N
    words = dict(zip(shown["row"].tolist(), shown["stands_out"].tolist(), strict=True))[17]
    assert words == "dfbetas, dffits, covratio, cook, leverage"
    assert "rows stand out" in str(found) and "17" in str(found)
    assert repr(found) == str(found)
    assert list(found.table()) == ["row", "leverage", "cook", "dffits", "covratio", "stands_out"]


def test_nothing_stands_out_of_a_balanced_table():
    data = {"y": np.array([1.0, 2, 1, 2, 1.5, 1.4, 1.6, 1.5]), "g": list("uuuuvvvv")}
    assert str(influence(nd.glm("y ~ g", data))) == "None of 8 rows stands out."


def test_a_row_with_a_coefficient_of_its_own_is_nan_and_named():
    data = drawn("poisson", "log")
    data["g"] = np.where(np.arange(N) == 5, "alone", data["g"])
    found = influence(nd.glm("y ~ x + g", data, "poisson"))
    for measure in set(MEASURES) - {"leverage", "sigma"}:
        assert np.isnan(getattr(found, measure)[5]).all(), measure
        assert np.isfinite(np.delete(getattr(found, measure), 5, axis=0)).all(), measure
    assert found.leverage[5] == 1.0 and found.marks["leverage"][5]
    assert "fits row 5 exactly" in str(found)


def test_aliased_coefficients_are_nan():
    data = drawn("poisson", "log")
    data["twice"] = 2 * data["x"]
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ x + twice", data, "poisson")
    found, plain = influence(fit), influence(nd.glm("y ~ x", data, "poisson"))
    assert np.isnan(found.dfbetas[:, 2]).all()
    assert np.allclose(found.dfbetas[:, :2], plain.dfbetas, rtol=1e-8, atol=1e-10)
    assert np.allclose(found.cook, plain.cook, rtol=1e-8)
    assert np.array_equal(found.influential, plain.influential)


def test_at_a_limit_the_other_rows_are_a_fit_of_their_own():
    y = np.r_[np.random.default_rng(1).integers(0, 2, 30), np.ones(10)].astype(float)
    x = np.random.default_rng(2).normal(size=40)
    g = np.repeat(["a", "b"], [30, 10])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x + g", {"y": y, "x": x, "g": g}, "binomial")
    found, alone = influence(fit), influence(nd.glm("y ~ x", {"y": y[:30], "x": x[:30]}, "binomial"))
    for measure in ("leverage", "sigma", "cook", "dffits", "covratio", "displacement"):
        assert np.allclose(getattr(found, measure)[:30], getattr(alone, measure), rtol=1e-7), measure
    assert np.allclose(found.dfbetas[:30, :2], alone.dfbetas, rtol=1e-7)
    assert np.isnan(found.dfbetas[:, 2]).all()
    assert (found.leverage[30:] == 0).all() and (found.cook[30:] == 0).all()
    assert "at a limit" in str(found)


def test_few_degrees_of_freedom_are_said():
    X = np.column_stack([np.ones(3), [0.0, 1, 2], [0.0, 1, 4]])
    one_left = influence(nd.glm_fit(X[:, :2], [1.0, 2.0, 4.0]))
    assert np.isnan(one_left.dffits).all() and np.isfinite(one_left.cook).all()
    assert any("dffits and covratio are nan" in note for note in one_left.notes)
    with pytest.warns(nd.ResponseWarning):
        saturated = nd.glm_fit(X, [1.0, 3.0, 2.0])
    with pytest.raises(nd.DataError, match="no degrees of freedom"):
        influence(saturated)
    full = influence(nd.glm_fit(X, [1.0, 3.0, 2.0], "poisson"))
    assert (full.leverage == 1).all() and np.isnan(full.cook).all()
    assert "rows 0, 1, 2 exactly" in str(full)


def test_what_has_no_influence_says_so(tmp_path):
    data = drawn("gaussian", "identity")
    with pytest.raises(nd.CapabilityError, match="penalised"):
        influence(nd.glm("y ~ x", data, penalty=nd.Ridge(1.0)))
    with pytest.raises(nd.CapabilityError, match="sampling weights"):
        influence(nd.glm("y ~ x", data, weights=nd.sampling(np.arange(1.0, N + 1))))
    nd.glm("y ~ x", data).save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="without its data"):
        influence(nd.load(tmp_path / "fit.json"))


def test_an_ill_conditioned_design_keeps_its_leverages():
    x = np.linspace(1000, 1001, N)
    y = np.random.default_rng(3).poisson(5.0, N).astype(float)
    raw = influence(nd.glm_fit(np.column_stack([np.ones(N), x, x**2]), y, "poisson"))
    centred = influence(nd.glm_fit(np.column_stack([np.ones(N), x - 1000.5, (x - 1000.5) ** 2]), y, "poisson"))
    assert np.allclose(raw.leverage, centred.leverage, rtol=1e-5)
    assert np.allclose(raw.cook, centred.cook, rtol=1e-4)


def test_a_row_held_at_the_edge_of_the_means_has_no_leverage():
    days, events = np.arange(6.0), np.array([0.0, 0, 0, 2, 9, 20])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("events ~ days", {"days": days, "events": events}, "poisson", "identity")
    found = influence(fit)
    assert found.leverage[0] == 0.0 and found.leverage[1:].sum() == pytest.approx(1.0, rel=1e-6)
    assert np.isfinite(found.cook).all()


def test_where_every_row_is_at_a_limit_nothing_is_left_to_influence():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ 1", {"y": np.zeros(3)}, "poisson")
    found = influence(fit)
    assert (found.leverage == 0).all() and not found.influential.any()


def test_rows_stand_out_without_a_number_for_each_coefficient_of_each(monkeypatch):
    random, n = np.random.default_rng(12), 9_000
    data = {"y": random.poisson(2.0, n).astype(float), "x": random.normal(size=n), "g": random.integers(0, 40, n)}
    data["y"][[5, 8_000]], data["x"][[5, 8_000]] = 60.0, 9.0
    found = nd.glm("y ~ x + C(g)", data, "poisson").influence()
    far = (np.abs(found.dfbetas) > 1.0).any(axis=1)
    assert far[[5, 8_000]].all() and np.array_equal(found.marks["dfbetas"], far)
    again = nd.glm("y ~ x + C(g)", data, "poisson").influence()
    monkeypatch.setattr(type(again), "_moves", None)  # which makes them all
    assert np.array_equal(again.influential, found.influential) and "stand out" in str(again)

"""How fits end, on small problems whose ends are known: at an edge, at infinity, in one of several minima, or early."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import kl_div

import nelder as nd
from nelder.diagnosis import (
    Aliased,
    Boundary,
    Diagnosis,
    Diverged,
    Imprecise,
    NotConverged,
    NumbersAsText,
    OddResponse,
    PerfectFit,
    Runaway,
    Separated,
    SeveralMinima,
)
from nelder.families import Poisson
from nelder.links import Identity
from nelder.loss import Loss

Finding = TypeVar("Finding", bound=Diagnosis)
DAYS = np.arange(6.0)
EVENTS = np.array([0.0, 0, 0, 2, 9, 20])
SIDES = np.array([-3.0, -2, -1, 1, 2, 3])
CELL = np.repeat([0.0, 1.0], 10)
HALF_AND_ALL = np.r_[np.tile([0.0, 1.0], 5), np.ones(10)]  # x = 0: half ones; x = 1: all ones


def heard(make: Callable[[], nd.Fit]) -> tuple[nd.Fit, list[warnings.WarningMessage]]:
    """A fit, and the Python warnings it raised."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        return make(), raised


def quietly(make: Callable[[], nd.Fit]) -> nd.Fit:
    return heard(make)[0]


def found(fit: nd.Fit, kind: type[Finding]) -> Finding:
    """The only finding of its kind."""
    [finding] = [finding for finding in fit.warnings if isinstance(finding, kind)]
    return finding


def held() -> nd.Fit:
    """The count of day 0 is zero, and so is the intercept."""
    return nd.glm("events ~ days", {"days": DAYS, "events": EVENTS}, "poisson", "identity")


def separated() -> nd.Fit:
    return nd.glm("y ~ x", {"x": CELL, "y": HALF_AND_ALL}, "binomial")


def completely_separated() -> nd.Fit:
    return nd.glm("y ~ x", {"x": SIDES, "y": SIDES > 0}, "binomial")


def run_away() -> nd.Fit:
    """A probit mean stays in (0, 1): responses of ±40 send it to its limits, and two of one half object."""
    x = np.linspace(-1, 1, 12)
    y = np.where(x > 0, 40.0, -40.0)
    y[5:7] = 0.5
    return nd.glm("y ~ x", {"x": x, "y": y}, "gaussian", "probit")


def several(seed: int = 6) -> nd.Fit:
    random = np.random.default_rng(seed)
    x = random.normal(size=15)
    return nd.glm("y ~ x", {"x": x, "y": random.gamma(0.4, 5.0, 15) + 1e-3}, "inverse_gaussian", "log")


def nearly_equal(size: float = 3e9) -> nd.Fit:
    """An intercept and two columns that differ from it by a part in so many."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(50, 2))
    return nd.glm_fit(np.column_stack([np.ones(50), size + noise]), noise[:, 0] + random.normal(size=50))


def counts(solver: object, columns: Callable[[np.ndarray], list[np.ndarray]] = lambda x: [x]) -> nd.Fit:
    random = np.random.default_rng(8)
    x = random.normal(size=60)
    y = random.poisson(np.exp(0.5 + 0.4 * x)).astype(float)
    return nd.glm_fit(np.column_stack([np.ones(60), *columns(x)]), y, "poisson", solver=solver)  # type: ignore[arg-type]


def mistyped() -> nd.Fit:
    random = np.random.default_rng(2)
    age = [*map(str, np.tile(np.arange(20, 60), 3)), "n/k", "n/k"]
    return nd.glm("y ~ age", {"y": random.normal(size=122), "age": age})


MAKERS: dict[type[Diagnosis], Callable[[], nd.Fit]] = {
    Aliased: lambda: counts("newton", lambda x: [x, 2 * x]),
    Boundary: held,
    Diverged: lambda: counts(nd.GradientDescent(rate=10.0)),
    Imprecise: nearly_equal,
    NotConverged: lambda: counts(nd.Newton(max_steps=1)),
    NumbersAsText: mistyped,
    OddResponse: lambda: nd.glm_fit(np.ones((4, 1)), [0.5, 1.5, 2.0, 4.0], "poisson"),
    PerfectFit: lambda: nd.glm_fit(np.column_stack([np.ones(6), DAYS]), 1 + 2 * DAYS),
    Runaway: run_away,
    Separated: separated,
    SeveralMinima: several,
}


@pytest.mark.parametrize("kind", list(MAKERS), ids=lambda kind: kind.__name__)
def test_each_finding_is_raised_once_as_a_warning_of_its_category(kind: type[Diagnosis]) -> None:
    fit, raised = heard(MAKERS[kind])
    finding = found(fit, kind)
    assert fit.warnings == (finding,)
    assert [(each.category, str(each.message)) for each in raised] == [(finding.category, finding.sentence)]
    assert issubclass(finding.category, nd.NelderWarning)
    assert finding.sentence in str(fit.summary())


@pytest.mark.parametrize("table", ["memory", "parts"])
def test_a_column_that_is_text_for_a_slip_is_named(table: str, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = [f"{a},{random.normal():.3f}" for a in [*np.tile(np.arange(40), 4), "1 000"]]
    (tmp_path / "t.csv").write_text("\n".join(["age,y", *rows]))
    engine = nd.Threads(memory=1) if table == "parts" else "threads"
    with pytest.warns(nd.ColumnWarning, match=r"column 'age' is text because of '1 000', and so a factor of 41 levels"):
        nd.glm("y ~ age", tmp_path / "t.csv", engine=engine)


@pytest.mark.parametrize("cell", ["{},5", "1,{:03}", "-1,{:03}.25"])
def test_numbers_with_commas_are_named(cell: str) -> None:
    x = [cell.format(k) for k in range(40)]
    data = {"y": np.random.default_rng(3).normal(size=80), "x": x * 2}
    first = ", ".join(map(repr, sorted(x)[:3]))
    named = f"column 'x' is text because of {first}, …, and so a factor of 40 levels: write 2.5 for 2,5"
    with pytest.warns(nd.ColumnWarning, match=re.escape(named)):
        nd.glm("y ~ x", data)
    with pytest.raises(nd.DataError, match=r"response 'x' is categorical.*: write 2\.5 for 2,5 and 1234 for 1,234"):
        nd.glm("x ~ y", data)


@pytest.mark.parametrize("formula", ["y ~ C(age)", "y ~ few", "y ~ code", "y ~ pair"])
def test_a_factor_that_is_meant_is_none(formula: str) -> None:
    random = np.random.default_rng(3)
    data = {
        "y": random.normal(size=160),
        "age": [*map(str, np.tile(np.arange(39), 4)), *["x"] * 4],
        "few": [*map(str, np.tile(np.arange(9), 17)), *["10+"] * 7],
        "pair": [f"{k},{k + 1},1" for k in range(40)] * 4,
        "code": [f"{place % 40}{'ABCDE'[place % 5] if place % 2 else ''}" for place in range(160)],
    }
    assert nd.glm(formula, data).warnings == ()


# At the edge of the means allowed


def test_an_optimum_at_the_edge_is_one_and_says_so() -> None:
    with pytest.warns(nd.BoundaryWarning, match="edge of the means allowed"):
        fit = held()
    assert fit.converged and "edge" in fit.reason
    assert "Warning: the optimum lies at the edge of the means allowed (1 rows, such as 0)" in str(fit.summary())
    # with the intercept at zero the slope is Σ y / Σ x = 31 / 15, its variance slope / Σ x
    assert fit.coef["days"] == pytest.approx(31 / 15, rel=1e-9)
    assert fit.se["days"] == pytest.approx(np.sqrt(31) / 15, rel=1e-6)
    assert fit.coef["Intercept"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("family", "link", "inside"),
    [("poisson", "identity", "log"), ("binomial", "identity", "logit"), ("binomial", "log", "logit")],
)
def test_a_link_that_is_advised_is_not_the_one_that_led_to_the_edge(family: str, link: str, inside: str) -> None:
    yes = np.concatenate([np.arange(10) < many for many in (1, 4, 9, 10)])
    binomial = {"x": np.repeat(np.arange(4.0), 10), "y": yes.astype(float)}
    data = binomial if family == "binomial" else {"x": DAYS, "y": EVENTS}
    with pytest.warns(nd.BoundaryWarning, match=f"; use link='{inside}', which keeps the mean inside$"):
        fit = nd.glm("y ~ x", data, family, link)
    assert fit.explain()["boundary"].call == f'fit.update(link="{inside}")'


def test_no_link_is_advised_where_none_is_known() -> None:
    class Capped(type(Poisson())):  # type: ignore[misc]
        mean_interval = (0.0, 10.0)

    assert Loss(Capped(), Identity()).unbounded_link is None
    assert Boundary(1, (0,)).sentence.endswith("tests mean little")


def test_a_coefficient_that_the_edge_holds_has_no_standard_error() -> None:
    X = np.column_stack([1 - CELL, CELL])
    y = CELL * (1 + np.arange(20) % 4)
    with pytest.warns(nd.BoundaryWarning, match="10 rows, such as 0, 1, 2, 3, 4"):
        fit = nd.glm_fit(X, y, "poisson", "identity", names=["none", "some"])
    assert np.isnan([fit.se["none"], fit.table()["p"][0], fit.confint()["lower"][0]]).all()
    mean = y[10:].mean()
    assert fit.coef["none"] == pytest.approx(0.0, abs=1e-9)
    assert (fit.coef["some"], fit.se["some"]) == pytest.approx((mean, np.sqrt(mean / 10)), rel=1e-9)


def test_no_feasible_neighbour_of_an_optimum_at_the_edge_is_lower() -> None:
    fit = quietly(held)
    around = np.asarray(fit.coef) + np.random.default_rng(0).normal(size=(500, 2)) * [1e-3, 0.1]
    deviances = fit.deviance_at(around[around[:, 0] > 0])
    assert np.all(deviances >= fit.deviance)


@pytest.mark.parametrize("weights", [None, [1, 0, 1, 1, 1, 1, 1, 1]], ids=["missing", "missing and weight zero"])
def test_rows_at_the_edge_have_the_numbers_of_the_table(weights: list[float] | None) -> None:
    data = {"days": np.r_[np.nan, 7.0, DAYS], "events": np.r_[1.0, np.nan if weights is None else 3.0, EVENTS]}
    with pytest.warns(nd.BoundaryWarning, match="such as 2"):
        fit = nd.glm("events ~ days", data, "poisson", "identity", weights=weights)
    assert found(fit, Boundary).first == (2,) and found(fit, Boundary).rows == 1


def test_separated_rows_have_the_numbers_of_the_table() -> None:
    data = {"x": np.r_[np.nan, 0.0, 1.0, CELL], "y": np.r_[1.0, 1.0, 0.0, HALF_AND_ALL]}
    with pytest.warns(nd.BoundaryWarning, match="separation"):
        fit = nd.glm("y ~ x", data, "binomial", weights=np.r_[1, 1, 0, np.ones(20)])
    assert found(fit, Separated).first == (13, 14, 15, 16, 17) and found(fit, Separated).rows == 10


def test_rows_of_weight_zero_count_among_those_of_an_array() -> None:
    X = np.column_stack([np.ones(7), np.r_[0.0, DAYS]])
    with pytest.warns(nd.BoundaryWarning, match="such as 1"):
        fit = nd.glm_fit(X, np.r_[5.0, EVENTS], "poisson", "identity", weights=np.r_[0, np.ones(6)])
    assert found(fit, Boundary).first == (1,)


# At infinity


def test_a_limit_that_no_finite_fit_reaches_is_a_runaway() -> None:
    fit = quietly(run_away)
    # five responses of 40 with mean 1, five of -40 with mean 0, one half fitted, one half a half away
    assert fit.deviance == pytest.approx(5 * 39**2 + 5 * 40**2 + 0.25, rel=1e-12)
    assert not fit.converged and found(fit, Runaway).rows == 11
    grid = np.stack(np.meshgrid(np.linspace(-30, 30, 121), np.geomspace(0.1, 1000, 80)), axis=-1).reshape(-1, 2)
    assert np.all(fit.deviance_at(grid) >= fit.deviance)


def test_a_coefficient_whose_sign_is_open_is_nan() -> None:
    fit = quietly(completely_separated)
    assert np.isnan(fit.coef["Intercept"]) and fit.coef["x"] == np.inf
    assert found(fit, Separated).unsigned == ("Intercept",)


@pytest.mark.parametrize("x", [-0.9, 0.9])
def test_a_new_row_in_the_gap_is_not_predicted_without_a_word(x: float, tmp_path: Path) -> None:
    fit = quietly(completely_separated)
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        with pytest.warns(nd.BoundaryWarning, match="another may say otherwise"):
            each.predict({"x": [x]})


def test_a_new_row_in_the_middle_of_the_gap_is_not_predicted() -> None:
    fit = quietly(completely_separated)
    with pytest.warns(nd.BoundaryWarning, match="some directions .* move them and others do not"):
        assert np.isnan(fit.predict({"x": [0.0]})).all()


@pytest.mark.parametrize("x", [-5.0, -1.0, 1.0, 5.0])
def test_a_new_row_beyond_the_gap_is_predicted_by_the_limit(x: float) -> None:
    fit = quietly(completely_separated)
    with pytest.warns(nd.BoundaryWarning, match="one of several directions"):
        assert fit.predict({"x": [x]}) == pytest.approx([float(x > 0)])


def test_the_only_direction_predicts_new_rows_without_a_word(tmp_path: Path) -> None:
    fit = quietly(separated)
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        assert each.predict({"x": [0.0, 1.0, 2.0]}) == pytest.approx([0.5, 1.0, 1.0], rel=1e-12)
        assert each.limit is not None and each.limit.unique


# Several minima, rounding, too few steps


@pytest.mark.parametrize("seed", [4, 6, 7, 9, 11])
def test_the_minimum_that_is_reported_is_the_lowest_of_a_grid(seed: int) -> None:
    with pytest.warns(nd.SeveralMinimaWarning, match="several minima"):
        fit = several(seed)
    finding = found(fit, SeveralMinima)
    assert fit.converged and fit.deviance == pytest.approx(finding.lowest, rel=1e-10)
    assert all(other > finding.lowest for other in finding.others)
    grid = np.stack(np.meshgrid(np.linspace(-5, 100, 106), np.linspace(-60, 60, 121)), axis=-1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        assert np.nanmin(fit.deviance_at(grid)) >= fit.deviance


def test_columns_that_nearly_cancel_are_said_to_cost_digits() -> None:
    with pytest.warns(nd.IllConditionedWarning, match="rounding alone"):
        fit = nearly_equal()
    centred = nearly_equal(0.0)
    finding = found(fit, Imprecise)
    away = np.abs(np.asarray(fit.coef) - np.asarray(centred.coef))[1:] / np.asarray(centred.se)[1:]
    assert fit.converged and 0 < finding.errors < 1e-2
    # the columns themselves were rounded by parts of 4e-16 of 3e9, which nothing can undo
    assert away.max() < 1e-5


def test_a_halt_at_the_step_limit_comes_with_the_call_that_goes_on() -> None:
    with pytest.warns(nd.NotConvergedWarning, match=r"take more steps, as solver=nd\.Newton\(max_steps=10\)"):
        counts(nd.Newton(max_steps=1))
    assert counts(nd.Newton(max_steps=10)).converged


# Beside the fit

PAIRS = [
    ("gaussian", "identity"),
    ("gaussian", "log"),
    ("poisson", "log"),
    ("poisson", "sqrt"),
    ("poisson", "identity"),
    ("binomial", "cauchit"),
    ("binomial", "log"),
    ("gamma", "inverse"),
    ("gamma", "identity"),
    ("inverse_gaussian", "inverse_squared"),
    ("inverse_gaussian", "log"),
    ("negative_binomial(2)", "log"),
    ("tweedie(1.5)", "log"),
]


@pytest.mark.parametrize(("family", "link"), PAIRS)
def test_the_null_deviance_is_that_of_the_intercept_alone(family: str, link: str) -> None:
    random = np.random.default_rng(2)
    x = random.uniform(size=50)
    y = (random.uniform(size=50) < 0.3 + 0.2 * x).astype(float)
    if family != "binomial":
        y = np.round(random.gamma(4.0, 1 + x), 0) + 1
    data, weights = {"x": x, "y": y}, random.integers(1, 4, 50)
    offset = None if family == "binomial" else 0.01 * x
    whole = quietly(lambda: nd.glm("y ~ x", data, family, link, weights=weights, offset=offset))
    alone = quietly(lambda: nd.glm("y ~ 1", data, family, link, weights=weights, offset=offset))
    assert alone.converged
    assert whole.null_deviance == pytest.approx(alone.deviance, rel=1e-11)
    assert whole.deviance < alone.deviance


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 100.0])
def test_a_ridge_with_more_columns_than_rows_has_its_closed_form(alpha: float) -> None:
    random = np.random.default_rng(1)
    X, y = random.normal(size=(12, 30)), random.normal(size=12)
    fit = nd.glm_fit(np.column_stack([np.ones(12), X]), y, penalty=nd.Ridge(alpha))
    centred, left = X - X.mean(axis=0), y - y.mean()
    slopes = centred.T @ np.linalg.solve(centred @ centred.T + alpha * np.eye(12), left)
    assert fit.converged
    assert np.asarray(fit.coef) == pytest.approx(np.r_[y.mean() - X.mean(axis=0) @ slopes, slopes], rel=1e-9, abs=1e-12)


# What is read from a fit after a special ending


def test_a_log_binomial_model_of_many_rows_does_not_crawl_along_the_edge() -> None:
    random = np.random.default_rng(3)
    X = np.column_stack([np.ones(20_000), random.normal(size=20_000), random.uniform(size=20_000)])
    y = (random.random(20_000) < np.minimum(np.exp(X @ [-1.0, 0.3, 0.6]), 0.999)).astype(float)
    with pytest.warns(nd.BoundaryWarning, match="edge"):
        fit = nd.glm_fit(X, y, "binomial", "log")
    assert fit.converged and fit.steps < 20 and fit.objective is not None
    best = fit.objective.values(np.asarray(fit.coef)[None, :])[0]
    for step in random.normal(size=(500, 3)) * 10.0 ** random.uniform(-6, -1, (500, 1)):
        assert fit.objective.values((np.asarray(fit.coef) + step)[None, :])[0] >= best - 1e-8


@pytest.mark.parametrize("seed", [4, 6])
def test_an_optimum_inside_is_reached_though_edges_cut_the_steps_to_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    X = np.column_stack([np.ones(200_000), random.uniform(size=(200_000, 3))])
    y = random.poisson(X @ [1.0, 0.5, 0.3, 2.0]).astype(float)
    y[17] = 1e6
    fit = nd.glm_fit(X, y, "poisson", "identity", solver="newton")
    mean = X @ np.asarray(fit.coef)
    assert fit.converged and (mean > 0).all()
    gradient, information = X.T @ (y / mean - 1), (X.T * (y / mean**2)) @ X
    assert gradient @ np.linalg.solve(information, gradient) < 1e-18


def test_a_row_that_holds_a_column_alone_may_be_at_the_edge() -> None:
    X = np.column_stack([np.ones(6), [0.3, -0.4, -1.2, -0.6, 0.4, 1.6], [1, 1, 1, 1, 1, 0]])
    shares, trials = np.array([1, 1, 1, 0.75, 0.8, 1]), np.array([2, 1, 5, 4, 5, 3.0])
    with pytest.warns(nd.BoundaryWarning, match="edge"):
        fit = nd.glm_fit(X, shares, "binomial", "identity", weights=trials)
    # rows 2 and 5 have the mean 1, and what is left is one number
    ends = minimize_scalar(
        lambda a: half_deviance(X @ at_ends(X, a), shares, trials), bounds=(1.0, 1.5), method="bounded"
    )
    np.testing.assert_allclose(fit.deviance, 2 * ends.fun, rtol=1e-9)
    np.testing.assert_allclose(np.asarray(fit.coef), at_ends(X, ends.x), rtol=1e-5)


def at_ends(X: np.ndarray, first: float) -> np.ndarray:
    """The coefficients (3,) that give rows 2 and 5 the mean 1, the intercept given."""
    second = (1 - first) / X[5, 1]
    return np.array([first, second, 1 - first - second * X[2, 1]])


def half_deviance(mean: np.ndarray, shares: np.ndarray, trials: np.ndarray) -> float:
    """Of binomial shares."""
    return float(trials @ (kl_div(shares, mean) + kl_div(1 - shares, 1 - np.minimum(mean, 1.0))))


def test_a_start_that_an_offset_makes_poor_is_left() -> None:
    x, z = np.array([-1.3, 0.5, -1.1, -0.7, 0.4, 0.4]), np.array([0, 1, 1, 1, 0, 1.0])
    shares, trials = np.array([0.2, 0, 0, 0, 0, 0.5]), np.array([5, 1, 1, 1, 4, 2.0])
    fit = nd.glm_fit(np.column_stack([np.ones(6), z]), shares, "binomial", "log", weights=trials, offset=-2.26857 * x)
    assert fit.converged
    np.testing.assert_allclose(np.asarray(fit.coef), [-4.57212, 1.23866], rtol=1e-5)


def test_a_ridge_at_the_edge_is_the_constrained_optimum() -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(20), random.uniform(0, 3, (20, 2))])
    y = random.poisson(np.maximum(X @ [-0.8, 1.0, 0.3], 0)).astype(float)
    with pytest.warns(nd.BoundaryWarning, match="edge"):
        fit = nd.glm_fit(X, y, "poisson", "identity", penalty=nd.Ridge(0.3))
    assert fit.converged and fit.objective is not None
    best = fit.objective.values(np.asarray(fit.coef)[None, :])[0]
    for step in random.normal(size=(2000, 3)) * 10.0 ** random.uniform(-5, 0, (2000, 1)):
        assert fit.objective.values((np.asarray(fit.coef) + step)[None, :])[0] >= best - 1e-10


@pytest.mark.parametrize("shift", [1e6, 1e7, 1e8])
def test_standard_errors_of_predictions_do_not_depend_on_where_x_begins(shift: float) -> None:
    x, y = np.arange(12.0), np.random.default_rng(0).normal(size=12)
    plain, shifted = (
        nd.glm_fit(np.column_stack([np.ones(12), x + by]), y).predict(interval="confidence") for by in (0.0, shift)
    )
    assert shifted["se"] == pytest.approx(plain["se"], rel=1e-6)


def test_many_rows_of_an_empty_level_have_a_sign() -> None:
    random = np.random.default_rng(1)
    level = random.integers(0, 4, 4000)
    y = np.where(level == 2, 0, random.integers(0, 2, 4000))
    data = {"level": np.array(list("abcd"))[level], "z": random.normal(size=4000), "y": y}
    with pytest.warns(nd.BoundaryWarning, match=r"level\[T.c\] to -inf"):
        fit = nd.glm("y ~ level + z", data, family="binomial")
    assert fit.coef["level[T.c]"] == -np.inf and np.isfinite(fit.coef["z"])


def test_rows_at_a_limit_have_residuals_of_zero_and_no_draws() -> None:
    fit = quietly(separated)
    assert np.isfinite(fit.residuals("pearson")).all()
    with pytest.raises(nd.DataError, match="means at a limit"):
        fit.simulate()


def test_steps_that_leave_the_range_of_numbers_lead_to_other_units() -> None:
    """A variance of 1e-300 has an inverse, but not one that goes into sums."""
    x, random = np.linspace(0.2, 1.0, 40), np.random.default_rng(5)
    X, y = np.column_stack([np.ones(40), x]), random.gamma(3.0, (1 + x) / 3)
    with pytest.warns(nd.NotConvergedWarning, match=r"range of numbers; give y, or the columns of X, in other units"):
        assert not nd.glm_fit(X, 1e-150 * y, "inverse_gaussian", "identity").converged
    assert nd.glm_fit(X, y, "inverse_gaussian", "identity").converged

"""Pictures: what is drawn are the numbers of the readers, in the Axes that were given, and nothing else is touched."""

import inspect
import warnings

import numpy as np
import pytest

import nelder as nd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from nelder.diagnostics.expected_counts import expected_counts  # noqa: E402
from nelder.diagnostics.term_shares import share_interval, term_share  # noqa: E402
from nelder.plots import PICTURES, Plots, race  # noqa: E402
from nelder.plots.canvas import literal, remark  # noqa: E402
from nelder.plots.clouds import MANY, smooth  # noqa: E402
from nelder.plots.descent import every, gaps  # noqa: E402

N = 120
FORMULA = "y ~ x + z + g + offset(o)"
FAMILIES = {
    "gaussian": ("gaussian", None),
    "gaussian log": ("gaussian", "log"),
    "binomial": ("binomial", None),
    "binomial cauchit": ("binomial", "cauchit"),
    "poisson": ("poisson", None),
    "poisson sqrt": ("poisson", "sqrt"),
    "gamma": ("gamma", "log"),
    "gamma inverse": ("gamma", None),
    "inverse_gaussian": ("inverse_gaussian", "log"),
    "negative_binomial": (nd.NegativeBinomial(2.0), None),
    "tweedie": (nd.Tweedie(1.5), "log"),
    "quasipoisson": ("quasipoisson", None),
    "quasibinomial": ("quasibinomial", None),
}


@pytest.fixture(autouse=True)
def nothing_left():
    """No warning, no figure that is not closed, no setting of Matplotlib changed."""
    before = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", nd.NelderWarning)
        yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def table(seed=0, n=N):
    random = np.random.default_rng(seed)
    x, z = random.uniform(0, 2, n), random.uniform(-1, 1, n)
    return {"x": x, "z": z, "g": np.array(list("abc"))[random.integers(0, 3, n)], "o": np.full(n, 0.1)}, random


def response(family, data, random):
    eta = 0.6 + 0.5 * data["x"] - 0.3 * data["z"]
    mean = np.exp(eta)
    name = family if isinstance(family, str) else family.name
    if name.endswith("binomial") and name != "negative_binomial":
        return (random.random(len(eta)) < 1 / (1 + np.exp(1.5 - eta))).astype(float)
    if name in ("poisson", "quasipoisson", "negative_binomial", "tweedie"):
        return random.poisson(mean).astype(float)
    return mean + random.normal(0, 0.2, len(eta)) if name == "gaussian" else mean * random.gamma(5, 0.2, len(eta))


def fitted(name, solver="auto"):
    family, link = FAMILIES[name]
    data, random = table()
    formula = FORMULA if name != "gamma inverse" else "y ~ x + z + g"
    return nd.glm(formula, {**data, "y": response(family, data, random)}, family=family, link=link, solver=solver)


@pytest.fixture(scope="module")
def fits():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return {name: fitted(name) for name in FAMILIES}


@pytest.fixture(scope="module")
def poisson(fits):
    return fits["poisson"]


@pytest.fixture(scope="module")
def yes(fits):
    return fits["binomial"]


def arguments(name, fit):
    """What a picture needs besides a fit."""
    if name == "truth":
        return {"true": np.zeros(len(fit.names))}
    return {}


def draw(name, fit, ax=None):
    subject = {"one": fit, "two": fit} if name == "race" else fit
    return PICTURES[name](subject, **arguments(name, fit), ax=ax)


def own_axes(name):
    """Axes of a figure that pyplot does not know, as many as the picture has panels."""
    many = {"checks": 4, "steps": 6}.get(name, 1)
    axes = Figure(figsize=(6.0, 4.0)).subplots(1, many)
    return axes


def numbers_of(ax):
    """All numbers that are drawn as lines or points."""
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines()]
    points = [np.asarray(made.get_offsets(), dtype=float)[:, 1] for made in ax.collections if len(made.get_offsets())]
    return [*lines, *points]


def drawn(ax, values):
    """Whether some line or cloud of the Axes has these heights, in this order."""
    wanted = np.asarray(values, dtype=float)
    return any(
        each.shape == wanted.shape and np.allclose(each, wanted, rtol=1e-12, equal_nan=True) for each in numbers_of(ax)
    )


def refused(name, fit):
    """Whether a picture says that it is not for this family."""
    if name == "roc":
        return fit.family.mean_interval != (0.0, 1.0)
    if name == "rootogram":
        return not (fit.family.counts and fit.family.has_distribution)
    return name == "lift" and fit.family.mean_interval[0] < 0


FIRST = ("gaussian log", "binomial", "poisson", "quasipoisson")


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[] if name in FIRST else [pytest.mark.slow]) for name in FAMILIES]
)
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_drawn_where_it_is_told_to_for_every_family_or_says_why_not(name, family, fits):
    fit, ax = fits[family], own_axes(name)
    if refused(name, fit):
        with pytest.raises(nd.CapabilityError):
            draw(name, fit, ax)
        return
    figures = plt.get_fignums()
    made = np.ravel(draw(name, fit, ax))
    assert plt.get_fignums() == figures
    assert all(one is other for one, other in zip(made, np.ravel(ax), strict=False))
    figure = made[0].figure
    assert set(figure.axes) == set(np.ravel(ax))
    figure.canvas.draw()
    for each in made:
        assert each.get_title(loc="left")
        if each.get_subplotspec().is_last_row() and name != "steps":
            assert each.get_xlabel()
        assert np.isfinite([*each.get_xlim(), *each.get_ylim()]).all()
        assert any(len(numbers) for numbers in numbers_of(each)) or each.patches


@pytest.mark.parametrize("name", PICTURES)
def test_without_axes_a_figure_is_made_and_its_axes_returned(name, yes, poisson):
    made = np.ravel(draw(name, poisson if name == "rootogram" else yes))
    assert all(isinstance(each, Axes) for each in made)
    assert len(plt.get_fignums()) == 1
    assert len(made) == {"checks": 4, "steps": min(6, len(yes.trace))}.get(name, 1)


@pytest.mark.parametrize("name", PICTURES)
def test_a_fit_without_its_rows_says_what_is_missing(name, poisson, tmp_path):
    poisson.save(tmp_path / "fit.json")
    fit = nd.load(tmp_path / "fit.json")
    if name in ("forest", "truth"):
        assert draw(name, fit, own_axes(name)) is not None
    elif name == "roc":
        with pytest.raises(nd.CapabilityError):
            draw(name, fit, own_axes(name))
    else:
        with pytest.raises(nd.DataError, match="loaded without"):
            draw(name, fit, own_axes(name))
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", PICTURES)
def test_axes_that_are_none_are_refused(name, yes, poisson):
    with pytest.raises(nd.InputTypeError, match="ax must be Axes"):
        draw(name, poisson if name == "rootogram" else yes, ax="here")


def test_the_door_has_every_picture_with_the_same_arguments(poisson):
    for name in PICTURES.keys() - {"race"}:
        picture = PICTURES[name]
        ours = inspect.signature(getattr(Plots, name)).parameters
        theirs = inspect.signature(picture).parameters
        assert list(ours)[1:] == list(theirs)[1:]
        assert [each.default for each in ours.values()][1:] == [each.default for each in theirs.values()][1:]
    assert all(name in repr(poisson.plot) for name in PICTURES)
    assert {name for name in dir(poisson.plot) if not name.startswith("_")} == {*PICTURES, "fit"}


def test_panels_need_as_many_axes(poisson):
    with pytest.raises(nd.InputError, match="4 panels"):
        poisson.plot(ax=own_axes("loss"))
    assert len(poisson.plot()) == 4


def test_loss_draws_the_gap_to_the_optimum(poisson):
    ax = poisson.plot.loss()
    gap = poisson.trace.deviance - poisson.trace.deviance.min()
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata()[:-1], gap[:-1], rtol=1e-6, atol=1e-12)
    assert ax.get_yscale() == "log" and "converged" in ax.get_title(loc="left")
    higher = poisson.plot.loss(optimum=poisson.deviance - 1.0)
    assert np.min(higher.get_lines()[0].get_ydata()) == pytest.approx(1.0)
    lower = poisson.plot.loss(optimum=poisson.deviance + 1.0)
    assert lower.get_ylabel() == ax.get_ylabel() and drawn(lower, ax.get_lines()[0].get_ydata())
    with pytest.raises(nd.InputTypeError):
        poisson.plot.loss(optimum="newton")


def test_a_run_that_diverges_is_shown_to_have(fits):
    data, random = table()
    X = np.column_stack([np.ones(N), 10 * data["x"]])
    fit = nd.glm_fit(X, random.poisson(20, N), "poisson", solver=nd.GradientDescent(rate=1e-2, start=[0, 0.1]))
    ax = fit.plot.loss()
    assert "not converged" in ax.get_title(loc="left")
    assert any("no finite deviance" in text.get_text() for text in ax.texts)
    assert fit.plot.paths().get_yscale() == "symlog"
    assert np.isfinite(fit.plot.contour().get_xlim()).all()


def test_paths_are_those_of_the_trace(poisson):
    ax = poisson.plot.paths()
    for j in range(len(poisson.names)):
        assert drawn(ax, poisson.trace.beta[:, j])
    assert {text.get_text() for text in ax.texts} >= {"x", "z"}
    one = poisson.plot.paths(terms="x")
    assert len(one.get_lines()) == 1
    with pytest.raises(nd.UnknownNameError):
        poisson.plot.paths(terms="nothing")


def test_a_name_stays_beside_its_path_where_others_are_pushed_apart():
    codes = np.arange(200) % 5
    y = np.where(codes == 2, 0, 2 + np.arange(200) % 3)
    fit = nd.glm("y ~ g", {"g": np.array(list("abcde"))[codes], "y": y}, family="poisson")
    ax = fit.plot.paths()
    place = {text.get_text(): text.get_position()[1] for text in ax.texts}
    lowest = ax.transAxes.inverted().transform(ax.transData.transform((0, fit.trace.beta[-1, 2])))[1]
    assert place["g[T.c]"] == pytest.approx(lowest)
    assert np.diff(sorted(place.values())).min() >= 0.055 - 1e-9 and max(place.values()) <= 1


def test_a_sweep_is_the_log_likelihood(poisson):
    values = np.linspace(0, 1, 7)
    ax = poisson.plot.sweep("x", values)
    betas = np.tile(poisson.coef, (7, 1))
    betas[:, 1] = values
    assert drawn(ax, -0.5 * (poisson.deviance_at(betas) - poisson.deviance))
    for wrong, error in ((["x"], nd.UnknownNameError), ("nothing", nd.UnknownNameError)):
        with pytest.raises(error):
            poisson.plot.sweep(wrong)
    with pytest.raises(nd.InputError):
        poisson.plot.sweep("x", [])


def test_a_contour_has_the_path_of_the_solver(poisson):
    ax = poisson.plot.contour(("x", "z"), points=9)
    assert drawn(ax, poisson.trace.beta[:, 2])
    for wrong in ("x", ("x",), ("x", "x"), ("x", "nothing")):
        with pytest.raises(nd.InputError if wrong != "x" and len(wrong) > 1 else nd.InputTypeError):
            poisson.plot.contour(wrong)


def test_the_legend_of_a_contour_does_not_hide_the_fit():
    x = np.arange(20.0)
    for slope in (2.0, -2.0):
        y = 1.0 + slope * x + 0.01 * np.sin(x)
        ax = nd.glm("y ~ x", {"x": x, "y": y}).plot.contour(("Intercept", "x"))
        ax.figure.canvas.draw()
        star = next(line for line in ax.get_lines() if line.get_marker() == "*").get_xydata()
        assert not ax.get_legend().get_window_extent().contains(*ax.transData.transform(star)[0])


def test_a_profile_is_that_of_the_fit(poisson):
    made = poisson.profile("x", 9)
    assert drawn(poisson.plot.profile("x", points=9), -0.5 * made.root**2)


def test_curves_end_at_the_prediction(poisson):
    ax = poisson.plot.curves("x", frames=3)
    lines = ax.get_lines()
    assert len(lines) == 3
    x, height = lines[-1].get_data()
    shown = poisson.predictions(at={"x": [float(x[0]), float(x[-1])]}, others="mean").table()["estimate"]
    np.testing.assert_allclose(height[[0, -1]], shown, rtol=1e-6)
    with pytest.raises(nd.CapabilityError, match="numeric"):
        poisson.plot.curves("g")
    assert "step 0" in poisson.plot.steps("x", frames=2)[0].get_title(loc="left")
    with pytest.raises(nd.InputError):
        poisson.plot.steps(frames=0)


def test_a_forest_shows_the_table(poisson, yes):
    ax = poisson.plot.forest()
    shown = poisson.table()
    assert [label.get_text() for label in ax.get_yticklabels()] == list(poisson.names)[1:]
    centres = [line.get_xdata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1]
    np.testing.assert_allclose(centres, shown["estimate"][1:])
    ratio = yes.plot.forest(exponentiate=True)
    assert ratio.get_xscale() == "log" and "odds ratio" in ratio.get_xlabel()
    assert len(poisson.plot.forest(terms=["Intercept", "g"]).get_yticklabels()) == 3
    with pytest.raises(nd.CapabilityError):
        nd.glm("y ~ x", {"y": [1.0, 2, 4], "x": [1.0, 2, 3]}).plot.forest(exponentiate=True)


def test_a_forest_with_no_room_for_all_keeps_the_infinite_ones():
    rows = np.arange(600)
    y = np.where(rows < 300, rows % 2, 0)
    data = {"y": y, "only": (rows >= 300) * 1.0, "g": [f"g{k % 75:02d}" for k in rows]}
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ only + g", data, "poisson")
    assert np.isneginf(fit.coef["only"]) and len(fit.names) > 62
    labels = [label.get_text() for label in fit.plot.forest().get_yticklabels()]
    assert len(labels) == 60 and "only" in labels and "Intercept" not in labels


def test_a_constant_column_is_the_intercept_whatever_it_is_called():
    rng = np.random.default_rng(4)
    fit = nd.glm_fit(np.column_stack([np.ones(50), rng.normal(size=(50, 2))]), rng.normal(size=50))
    assert len(fit.plot.forest().get_yticklabels()) == 2
    assert fit.plot.sweep().get_xlabel().startswith(fit.names[1])


def test_a_forest_is_honest_about_what_has_no_number():
    x = np.arange(20.0)
    data = {"x": x, "y": (x > 9.5) * 1.0, "g": np.array(list("ab"))[np.arange(20) % 2], "w": 2 * x}
    ax = nd.glm("y ~ x + g + w", data, family="binomial").plot.forest()
    words = {text.get_text().strip() for text in ax.texts}
    assert words & {"∞", "−∞"} and {"aliased"} <= words
    assert np.isfinite(ax.get_xlim()).all()


def test_truth_counts_the_intervals_that_hold_it(poisson):
    near = np.asarray(poisson.coef) + 0.1 * np.asarray(poisson.se)
    ax = poisson.plot.truth(near)
    assert "5 of 5" in ax.get_title(loc="left")
    assert drawn(ax, poisson.coef)
    assert "0 of 1" in poisson.plot.truth({"x": 99.0}).get_title(loc="left")
    for wrong, error in (([1.0], nd.DataError), ({"u": 1}, nd.UnknownNameError), (None, nd.InputTypeError)):
        with pytest.raises(error):
            poisson.plot.truth(wrong)
    with pytest.raises(nd.DataError):
        poisson.plot.truth({})


@pytest.mark.parametrize("kind", ["deviance", "pearson", "quantile", "studentised"])
def test_residuals_are_those_of_the_reader(poisson, kind):
    values = poisson.residuals(kind, seed=0)
    assert drawn(poisson.plot.residuals(kind), values)
    assert drawn(poisson.plot.scale_location(kind), np.sqrt(np.abs(values)))
    assert drawn(poisson.plot.quantiles(kind), np.sort(values))
    assert drawn(poisson.plot.leverage(), poisson.residuals("standardised_pearson"))


def test_quantile_residuals_of_rows_that_stand_for_several_are_drawn_for_each_observation():
    data, random = table()
    data["y"], times = random.poisson(np.exp(0.4 * data["x"])), random.integers(1, 5, N)
    counted = nd.glm("y ~ x", data, "poisson", weights=nd.frequency(times))
    repeated = nd.glm("y ~ x", {name: np.repeat(column, times) for name, column in data.items()}, "poisson")
    values = repeated.residuals("quantile", seed=0)
    assert drawn(counted.plot.quantiles(), np.sort(values))
    assert drawn(counted.plot.residuals(), values) and drawn(counted.plot.scale_location(), np.sqrt(np.abs(values)))
    assert len(counted.residuals("quantile")) == N


def test_a_picture_says_of_what_and_of_how_many_its_residuals_are(monkeypatch):
    data, random = table()
    data["y"] = random.poisson(np.exp(0.4 * data["x"]))
    fit = nd.glm("y ~ x", data, "poisson", weights=nd.frequency(np.full(N, 50)))
    monkeypatch.setattr("nelder.diagnostics.residuals.MOST", 5_500)
    for draw in (fit.plot.quantiles, fit.plot.residuals):
        words = " ".join(text.get_text() for text in draw().texts)
        assert "5,500 observations" in words and "those of 5,500 of 6,000 observations" in words and "rows" not in words


def test_rows_with_parts_of_successes_have_standardised_residuals():
    data, random = table()
    data |= {"s": random.integers(0, 3, N), "f": random.integers(1, 3, N), "w": random.uniform(0.5, 2, N)}
    fit = nd.glm("cbind(s, f) ~ x", data, "binomial", weights="w")
    assert "standardised" in fit.plot.quantiles().get_ylabel()
    with pytest.raises(nd.CapabilityError, match="have a number of successes that is not whole"):
        fit.plot.quantiles("quantile")


def test_an_envelope_is_only_for_residuals_that_are_standard(poisson, fits):
    assert "standardised" in fits["quasipoisson"].plot.residuals().get_ylabel()
    assert poisson.plot.quantiles().collections and fits["quasipoisson"].plot.quantiles().collections
    raw = poisson.plot.quantiles("deviance")
    assert not raw.collections and raw.get_legend() is None


def test_a_perfect_fit_has_no_residuals_that_ought_to_be_normal(tmp_path):
    x = np.arange(20.0)
    fit = nd.glm("y ~ x", {"x": x, "y": 1 + 2 * x})
    assert 0 < fit.dispersion < 1e-25  # of rounding
    ax = fit.plot.quantiles()
    assert ax.get_ylabel() == "deviance residual" and not ax.collections
    page = fit.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "Normal quantiles of the residuals" not in page and "A deviance residual a row" in page


def test_wrong_kinds_of_residuals_are_refused(poisson):
    with pytest.raises(nd.UnknownNameError):
        poisson.plot.residuals("large")
    with pytest.raises(nd.CapabilityError, match="partial"):
        poisson.plot.residuals("partial")
    with pytest.raises(nd.InputError):
        poisson.plot.quantiles(level=95)


def test_cooks_contours_are_where_cooks_distance_is(poisson):
    ax = poisson.plot.leverage()
    influence, p = poisson.influence(), len(poisson.names)
    h, r = influence.leverage, poisson.residuals("standardised_pearson")
    np.testing.assert_allclose(r**2 / p * h / (1 - h), influence.cook, rtol=1e-9)
    x, y = [line for line in ax.get_lines() if len(line.get_xdata()) == 201][-1].get_data()
    np.testing.assert_allclose(y**2 / p * x / (1 - x), 1.0)
    worst = {str(row) for row in influence.rows[np.argsort(-influence.cook)[:3]]}
    assert {text.get_text() for text in ax.texts} >= worst


def test_cooks_contours_are_not_drawn_where_no_coefficient_is_finite():
    x = np.arange(30.0)
    fit = nd.glm("y ~ x", {"x": x, "y": x > 14.5}, family="binomial")
    assert not np.isfinite(fit.coef).any()
    ax = fit.plot.leverage()
    assert ax.get_legend() is None
    contours = [line.get_ydata() for line in ax.get_lines() if len(line.get_xdata()) == 201]
    assert not np.isfinite(contours).any()


def test_the_envelope_is_that_of_the_order_of_normal_numbers():
    from scipy.special import ndtri

    n = 80
    fit = nd.glm("y ~ 1", {"y": np.random.default_rng(0).normal(size=n)})
    heights = fit.plot.quantiles().collections[0].get_paths()[0].vertices[:, 1]
    lowest = ndtri(1.0 - 0.975 ** (1 / n))  # of the smallest of n: it lies below with probability 2.5 %
    assert heights.min() == pytest.approx(lowest) and heights.max() == pytest.approx(-lowest)
    draws = np.random.default_rng(1).normal(size=(4_000, n)).min(axis=1)
    assert np.mean(draws < lowest) == pytest.approx(0.025, abs=0.01)


def test_partial_residuals_are_those_of_the_reader(poisson):
    found = poisson.residuals("partial")
    for place, term in enumerate(("x", "z", "g")):
        assert drawn(poisson.plot.partial(term), found[:, place])
    with pytest.raises(nd.UnknownNameError):
        poisson.plot.partial("nothing")
    with pytest.raises(nd.CapabilityError, match="arrays"):
        nd.glm_fit(np.ones((4, 1)), [1.0, 2, 3, 5]).plot.partial()


def test_numbers_that_a_term_reads_as_levels_are_drawn_as_levels():
    random = np.random.default_rng(0)
    data = {"k": random.choice([60, 65.0, 75], N), "flag": random.random(N) < 0.5, "y": random.poisson(3, N)}
    fit = nd.glm("y ~ C(k) + flag", data, family="poisson")
    for term, column, names in (("C(k)", "k", ["60", "65", "75"]), ("flag", "flag", ["False", "True"])):
        ax = fit.plot.partial(term)
        assert [label.get_text() for label in ax.get_xticklabels()] == names and not ax.get_lines()
        _, first = np.unique(data[column], return_index=True)
        heights = [line[0, 1] for line in ax.collections[2].get_segments()]
        np.testing.assert_allclose(heights, term_share(fit, term).share[first])


def test_the_band_of_a_term_is_that_of_its_difference_from_the_mean(poisson):
    rows = np.arange(N)
    made = term_share(poisson, "x")
    lower, upper = share_interval(poisson, "x", rows)
    np.testing.assert_allclose((lower + upper) / 2, made.share, atol=1e-12)
    data, _ = table()
    half = 1.959963984540054 * poisson.se["x"] * np.abs(data["x"] - data["x"].mean())
    np.testing.assert_allclose((upper - lower) / 2, half, rtol=1e-7, atol=1e-9)


def test_an_effect_is_the_prediction(poisson):
    ax = poisson.plot.effect("g")
    shown = poisson.predictions(at={"g": ["a", "b", "c"]}, others="mean").table()
    assert drawn(ax, shown["estimate"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert "log scale" in poisson.plot.effect("x", scale="link").get_ylabel()
    with pytest.raises(nd.UnknownNameError):
        poisson.plot.effect("nothing")


@pytest.mark.parametrize("many", [4, 19, 40, 90])
@pytest.mark.parametrize("picture", ["effect", "partial"])
def test_names_of_levels_do_not_touch_and_levels_left_out_are_counted(picture, many):
    codes = np.arange(3 * many) % many
    data = {"g": np.array([f"level {k:02d}" for k in range(many)])[codes], "y": 1.0 + np.arange(3 * many) % 7}
    ax = getattr(nd.glm("y ~ g", data, family="poisson").plot, picture)("g")
    ax.figure.canvas.draw()
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    assert {label.get_text() for label in labels} <= set(data["g"]) and len(labels) >= min(many, 30)
    places = ax.transData.transform([(label.get_position()[0], 0.0) for label in labels])[:, 0]
    lean = np.sin(np.radians(labels[0].get_rotation())) or None
    tall = labels[0].get_fontsize() * ax.figure.dpi / 72
    apart = np.diff(places) * lean if lean else np.diff(places)
    wide = tall if lean else max(label.get_window_extent().width for label in labels)
    assert apart.min() > wide
    said = " ".join(text.get_text() for text in ax.texts)
    assert (f"the first 40 of {many} levels" in said) == (picture == "effect" and many > 40)


def test_bands_are_those_of_the_readers(poisson, yes):
    assert drawn(yes.plot.calibration(5), yes.calibration(5).bands["observed"])
    curve = yes.roc()
    assert drawn(yes.plot.roc(), curve.sensitivity)
    assert drawn(poisson.plot.lift(5), poisson.lift(5).bands["observed"])


def test_a_rootogram_hangs_from_what_is_expected(poisson):
    shown = expected_counts(poisson)
    ax = poisson.plot.rootogram()
    assert drawn(ax, np.sqrt(shown["expected"]))
    np.testing.assert_allclose([-bar.get_height() for bar in ax.patches], np.sqrt(shown["observed"]))


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_expected_counts_are_sums_of_probabilities(fits, family):
    fit = fits[family]
    shown = expected_counts(fit, most=1000)
    assert shown["observed"].sum() == N
    draws = fit.simulate(400, seed=1)
    for count in (0, 2, 5):
        assert shown["expected"][count] == pytest.approx((draws == count).sum() / 400, rel=0.1)
    wide = expected_counts(fit, most=4)
    assert wide.rows <= 4 and wide["observed"].sum() == N
    assert wide["expected"].sum() == pytest.approx(shown["expected"].sum(), abs=0.5)


def test_expected_counts_refuse_what_is_no_count(fits):
    with pytest.raises(nd.CapabilityError, match="quasipoisson"):
        expected_counts(fits["quasipoisson"])
    data, random = table()
    y = random.poisson(2, N)
    with pytest.raises(nd.CapabilityError, match="frequency"):
        expected_counts(nd.glm("y ~ x", {**data, "y": y}, family="poisson", weights=np.full(N, 2.0)))
    twice = nd.glm("y ~ x", {**data, "y": y}, family="poisson", weights=nd.frequency(np.full(N, 2)))
    once = nd.glm("y ~ x", {**data, "y": y}, family="poisson")
    np.testing.assert_allclose(expected_counts(twice)["expected"], 2 * expected_counts(once)["expected"])


def test_a_race_has_one_line_a_solver(poisson, fits):
    runs = {"newton": poisson, "lbfgs": fitted("poisson", "lbfgs"), "_odd $name$": fitted("poisson", "irls")}
    for by in ("step", "pass", "seconds"):
        ax = race(runs, by=by)
        assert len(ax.get_lines()) == len(ax.get_legend().get_texts()) == 3
        assert by in ax.get_xlabel()
    assert len(poisson.plot.race({"lbfgs": runs["lbfgs"]}).get_lines()) == 2
    with pytest.raises(nd.UnknownNameError):
        race(runs, by="day")
    with pytest.raises(nd.DataError, match="not the same problem"):
        race({"one": poisson, "two": fits["binomial"]})
    for wrong in ({}, {"one": 1}, [poisson]):
        with pytest.raises((nd.InputError, nd.InputTypeError)):
            race(wrong)


@pytest.mark.parametrize("penalty", [nd.Ridge(2.0), "firth"])
def test_penalised_fits_have_their_pictures_and_say_which_they_lack(penalty):
    data, random = table()
    y = (random.random(N) < 0.4) * 1.0
    fit = nd.glm("y ~ x + g", {**data, "y": y}, family="binomial", penalty=penalty)
    grid = fit.plot()
    assert "penalised" in " ".join(text.get_text().replace("\n", " ") for text in grid[3].texts)
    for name in ("loss", "paths", "sweep", "contour", "curves", "forest", "effect", "partial", "calibration", "roc"):
        assert draw(name, fit, own_axes(name)) is not None


def test_separated_and_aliased_fits_are_drawn():
    x = np.arange(30.0)
    data = {"x": x, "y": (x > 14.5) * 1.0, "g": np.array(list("ab"))[np.arange(30) % 2]}
    separated = nd.glm("y ~ x + g", data, family="binomial")
    for name in ("loss", "paths", "sweep", "contour", "curves", "checks", "forest", "effect", "roc", "calibration"):
        for each in np.ravel(draw(name, separated, own_axes(name))):
            assert np.isfinite([*each.get_xlim(), *each.get_ylim()]).all()
    rise = separated.plot.sweep("x").get_lines()[0].get_ydata()
    assert (np.diff(rise) >= -1e-9).all()
    aliased = nd.glm("y ~ x + w", {"x": x, "w": 2 * x, "y": np.sqrt(x)})
    with pytest.raises(nd.CapabilityError, match="aliased"):
        aliased.plot.sweep("w")
    with pytest.raises(nd.CapabilityError, match="aliased"):
        aliased.plot.curves("x")
    assert len(aliased.plot.paths().get_lines()) == 2


def test_one_is_not_written_as_several():
    x = np.arange(6.0)
    line = nd.glm("y ~ x", {"x": x, "y": np.sqrt(x)})
    assert line.plot.loss().get_title("left") == "closed form: converged in 1 step"
    assert "(1 step)" in line.plot.race({}).get_legend().get_texts()[0].get_text()
    single = nd.glm("y ~ 1", {"y": [3.0]}, family="poisson")
    assert single.plot.calibration().get_title("left").startswith("Calibration in 1 band,")
    assert "fitted exactly (leverage 1): 1 row" in {text.get_text() for text in single.plot.leverage().texts}


def test_one_row_and_two_are_enough_for_what_has_a_meaning():
    single = nd.glm("y ~ 1", {"y": [3.0]}, family="poisson")
    for name in ("loss", "paths", "forest", "residuals", "quantiles", "sweep", "rootogram"):
        ax = draw(name, single, own_axes(name))
        ax.figure.canvas.draw()
        assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()
    with pytest.raises(nd.CapabilityError):
        single.plot.effect()
    with pytest.raises(nd.CapabilityError):
        single.plot.partial()
    two = nd.glm("y ~ x", {"x": [1.0, 2.0], "y": [3.0, 5.0]})
    for name in ("loss", "curves", "steps", "effect", "residuals", "checks"):
        assert draw(name, two, own_axes(name)) is not None


@pytest.mark.parametrize("name", ["$a_{b}$ 100%", "_leading", "<b>bold</b>", "e$", "ä ß é", "x" * 300, "two\nlines"])
def test_names_are_shown_as_they_are_written(name):
    data, random = table()
    X = np.column_stack([np.ones(N), data["x"]])
    import pandas as pd

    fit = nd.glm_fit(pd.DataFrame(X, columns=["Intercept", name]), random.poisson(2, N), "poisson")
    for picture in ("paths", "sweep", "forest", "curves", "effect", "contour"):
        ax = draw(picture, fit, own_axes(picture))
        ax.figure.canvas.draw()
    assert len(literal(name)) <= 50
    label = literal(name)
    from matplotlib.cbook import is_math_text

    assert not is_math_text(label) or label.replace(r"\$", "").count("$") == 0


def test_pictures_take_the_colours_of_a_dark_style(poisson):
    with plt.style.context("dark_background"):
        ax = poisson.plot.residuals()
        assert ax.xaxis.label.get_color() == "white"
        colours = [made.get_facecolor()[0][:3] for made in ax.collections if len(made.get_facecolor())]
        assert colours and all(max(colour) > 0.4 for colour in colours)


def test_many_points_are_counted_in_cells():
    data, random = table(n=MANY + 1)
    fit = nd.glm("y ~ x", {**data, "y": random.poisson(2, MANY + 1)}, family="poisson")
    ax = fit.plot.residuals()
    assert int(ax.collections[0].get_array().sum()) == MANY + 1
    words = " ".join(text.get_text() for text in ax.texts)
    assert f"{MANY + 1:,} rows in cells" in words and "seed 0" in words


@pytest.mark.slow
def test_a_million_rows_are_drawn_in_bounded_time():
    import time

    data, random = table(n=1_000_000)
    fit = nd.glm("y ~ x + g", {**data, "y": random.poisson(np.exp(0.3 * data["x"]))}, family="poisson")
    for name in ("residuals", "quantiles", "scale_location", "leverage", "partial", "effect", "curves", "rootogram"):
        began = time.perf_counter()
        ax = draw(name, fit, own_axes(name))
        ax.figure.canvas.draw()
        assert time.perf_counter() - began < 60, name


def test_a_smooth_of_a_line_is_the_line_and_weights_count():
    x = np.linspace(0, 1, 200)
    at, height, said = smooth(x, 2 + 3 * x, np.ones(200))
    np.testing.assert_allclose(height, 2 + 3 * at, atol=1e-9)
    assert said == ""
    x, y, weight = x[:40], np.sin(9 * x[:40]), np.tile([1.0, 3.0], 20)
    at, height, _ = smooth(np.repeat(x, weight.astype(int)), np.repeat(y, weight.astype(int)), np.ones(80))
    assert np.isfinite(height).all() and len(at) == 40
    assert len(smooth(x[:2], y[:2], weight[:2])[0]) == 0


def test_frames_are_the_first_the_last_and_some_between(poisson):
    assert every(poisson, 100).tolist() == list(range(len(poisson.trace)))
    assert every(poisson, 2).tolist() == [0, len(poisson.trace) - 1]
    assert gaps(np.array([2.0, 1.0, np.inf]), 1.0)[0] == 1.0


def test_a_remark_on_a_transparent_ground_is_not_painted_black():
    made = plt.subplots()[1]
    made.set_facecolor("none")
    remark(made, "a word")
    assert made.texts[0].get_bbox_patch().get_facecolor()[3] == 0.0


def test_a_long_race_begins_at_the_start():
    data, _ = table()
    y = np.array(data["x"]) + data["z"]
    slow = nd.glm("y ~ x", {**data, "y": y}, solver=nd.GradientDescent(rate=1e-3, epochs=500, start=[9, 9]))
    ax = race({"slow": slow, "newton": nd.glm("y ~ x", {**data, "y": y})})
    assert ax.get_xscale() == "symlog" and -1 < ax.get_xlim()[0] <= 0


def test_thousands_of_coefficients_are_drawn_by_the_furthest():
    from scipy import sparse

    X = sparse.random(200, 6_000, 0.002, random_state=0, format="csr")
    fit = nd.glm_fit(X, np.random.default_rng(0).poisson(1, 200), "poisson", penalty=nd.Ridge(1.0))
    ax = fit.plot.forest(ax=own_axes("forest"))
    assert len(ax.get_yticks()) == 60 and "60 furthest" in ax.get_title(loc="left")
    paths = fit.plot.paths(ax=own_axes("paths"))
    assert len(paths.get_lines()) + len(paths.collections[0].get_segments()) == 6_000

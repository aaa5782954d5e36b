"""The report page: whole, safe, the same each time, and honest about what a fit does not have."""

import base64
import functools
import hashlib
import json
import os
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.sparse
import scipy.special

import nelder as nd
from nelder.diagnostics.normality import normal_order
from nelder.report import drawing
from nelder.report.checks import against_fitted, normal_quantiles, rows_of
from nelder.report.frames import MOST, chosen
from nelder.report.page import page
from nelder.writing import write_whole

VOID = {"meta", "link", "input", "br", "rect", "path", "use"}
HOSTILE = (
    "<script>alert(1)</script>",
    "\"q\" onload='x' & $x^2$ %s {0} \u2028 \u202e",
    "</script></style><img src=x onerror=alert(2)> ]]> <!-- -->",
    "a\x00b\x1b[31m \ud800 " + "long " * 60,
)


class Page(HTMLParser):
    """A page, parsed strictly: every element closed in its order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words, self.data = [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"] and self.elements[-1][1].get("type") == "application/json":
            self.data = json.loads(data)
        elif self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for each, attributes in self.elements if each == tag]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def checked(fit, **options):
    """The page of a fit, after what holds for every page."""
    text = page(fit, **options)
    found = Page(text)
    ids = found.ids()
    assert len(ids) == len(set(ids))
    assert len(text.encode()) < 2_000_000
    assert page(fit, **options) == text  # without a time or a number drawn by chance
    refers = [
        value for _, attributes in found.elements for name, value in attributes.items() if name == "aria-labelledby"
    ]
    refers += [each["href"].removeprefix("#") for tag in ("a", "use") for each in found.all(tag)]
    assert set(" ".join(refers).split()) <= set(ids)
    loaded = [
        value for _, attributes in found.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(value.startswith("#") or value == "data:," for value in loaded)
    assert not any("style" in attributes for _, attributes in found.elements)
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert all(each.get("scope") in ("row", "col") for each in found.all("th"))
    numbers = [value for tag in ("path", "text", "rect") for each in found.all(tag) for value in each.values()]
    assert not any(re.search(r"\b(nan|inf)\b", value or "") for value in numbers)
    return found


def table(n=60, seed=1):
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, n))
    mean = np.exp(0.5 + 0.4 * x)
    return {
        "x": x,
        "z": z,
        "g": np.array(list("abc"))[np.arange(n) % 3],
        "y": 1 + 2 * x + random.normal(size=n),
        "count": random.poisson(mean),
        "positive": mean * random.gamma(2, 0.5, n),
        "yes": (random.random(n) < 1 / (1 + np.exp(-x))).astype(float),
        "share": random.binomial(10, 1 / (1 + np.exp(-x))) / 10,
        "trials": np.full(n, 10.0),
    }


FITS = {
    "gaussian": lambda: nd.glm("y ~ x", table()),
    "several terms": lambda: nd.glm("y ~ x * g + bs(z, df=4)", table()),
    "poisson curve": lambda: nd.glm("count ~ x", table(), "poisson"),
    "poisson spline": lambda: nd.glm("count ~ bs(x, df=4)", table(3000), "poisson"),
    "negative binomial": lambda: nd.glm("count ~ x", table(), nd.NegativeBinomial(2.0)),
    "binomial": lambda: nd.glm("yes ~ x", table(), "binomial"),
    "probit": lambda: nd.glm("yes ~ x + z", table(300), "binomial", "probit"),
    "trials": lambda: nd.glm("share ~ x", table(), "binomial", weights="trials"),
    "gamma": lambda: nd.glm("positive ~ x", table(), "gamma", "log"),
    "inverse gaussian": lambda: nd.glm("positive ~ x", table(), "inverse_gaussian", "log"),
    "tweedie": lambda: nd.glm("positive ~ x", table(), "tweedie(1.5)"),
    "quasi": lambda: nd.glm("count ~ x", table(), "quasipoisson"),
    "offset": lambda: nd.glm("count ~ x + offset(z)", table(), "poisson"),
    "offset array": lambda: nd.glm("count ~ x", table(), "poisson", offset=table()["z"]),
    "frequency": lambda: nd.glm("y ~ x", table(), weights=nd.frequency(np.arange(60) % 3 + 1)),
    "prior weights": lambda: nd.glm("y ~ x", table(), weights=np.arange(60) % 3 + 0.0),
    "sampling": lambda: nd.glm("yes ~ x", table(), "binomial", weights=nd.sampling(np.arange(60) % 3 + 1.0)),
    "arrays": lambda: nd.glm_fit(np.column_stack([np.ones(60), table()["x"]]), table()["y"]),
    "one column": lambda: nd.glm_fit(table()["x"][:, None], table()["y"]),
    "intercept": lambda: nd.glm("count ~ 1", table(), "poisson"),
    "one row": lambda: nd.glm("y ~ 1", {"y": [1.0]}),
    "two rows": lambda: nd.glm("y ~ x", {"y": [1.0, 2.0], "x": [1.0, 2.0]}),
    "perfect": lambda: nd.glm("y ~ x", {"x": np.arange(9.0), "y": 2 * np.arange(9.0)}),
    "constant": lambda: nd.glm("y ~ x", {"x": np.arange(9.0), "y": np.ones(9)}),
    "separated": lambda: nd.glm("y ~ x", {"x": np.arange(9.0), "y": (np.arange(9) > 4).astype(float)}, "binomial"),
    "aliased": lambda: nd.glm("y ~ x + I(2 * x) + g", table()),
    "aliased curve": lambda: nd.glm("y ~ x + I(2 * x)", table()),
    "ridge": lambda: nd.glm("y ~ x + z", table(), penalty=nd.Ridge(2.0)),
    "firth": lambda: nd.glm("yes ~ x", table(), "binomial", penalty="firth"),
    "robust": lambda: nd.glm("y ~ x", table()).with_covariance("HC3"),
    "descent": lambda: nd.glm("y ~ x", table(), solver=nd.GradientDescent(1e-2, epochs=400, start=[0, 0])),
    "diverged": lambda: nd.glm("y ~ x", table(), solver=nd.GradientDescent(10.0, epochs=400, start=[0, 0])),
    "exploded": lambda: nd.glm(
        "count ~ x", table(), "poisson", solver=nd.GradientDescent(1.0, epochs=40, start=[0, 0])
    ),
    "stopped": lambda: nd.glm("yes ~ x", table(), "binomial", solver=nd.Newton(max_steps=1)),
    "lbfgs": lambda: nd.glm("yes ~ x + z + g", table(), "binomial", solver="lbfgs"),
    "huge": lambda: nd.glm("y ~ x", {"x": 1e140 * table()["x"], "y": 1e140 * table()["y"]}),
    "tiny": lambda: nd.glm("y ~ x", {"x": 1e-150 * table()["x"], "y": 1e-150 * table()["y"]}),
}


@functools.cache
def made(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return FITS[name]()


@pytest.mark.parametrize("name", FITS)
def test_every_kind_of_fit_has_a_whole_page(name):
    fit = made(name)
    found = checked(fit)
    assert [each["id"] for each in found.all("section")] == ["verdict", "summary", "coefficients", "checks", "replay"]
    for label, value in [*fit.summary().facts(), *fit.summary().measures()]:
        assert label in found.text and " ".join(value.split()) in found.text
    for column in fit.summary().coefficients().texts(100):
        assert all(cell in found.text for cell in column)
    for finding in fit.warnings:
        assert " ".join(finding.sentence.split()) in found.text
    hold_the_steps(fit.trace, found.data)


def hold_the_steps(trace, found):
    """Frames are the steps of the trace, and what is not a number is not drawn."""
    assert len(trace) <= MOST
    assert found["values"] == [[nd.table.number(float(value), 6) for value in beta] for beta in trace.beta]
    assert len(found["titles"]) == len(found["said"]) == len(found["loss"][0]) == len(trace)
    shown = np.array([np.nan if y is None else y for y in found["loss"][1]])
    np.testing.assert_array_equal(np.isfinite(shown), np.isfinite(trace.deviance))


def test_the_curve_of_the_last_step_is_the_prediction():
    fit = made("poisson curve")
    found = checked(fit)
    curve, x = found.data["curve"], table()["x"]
    grid = np.linspace(x.min(), x.max(), len(curve["x"][0]))
    mean = fit.predict({"x": grid})
    pixel = np.array(curve["y"][-1])
    assert len(curve["y"]) == len(fit.trace) and not curve["dotted"]
    slope, level = np.polyfit(mean, pixel, 1)
    assert slope < 0
    np.testing.assert_allclose(level + slope * mean, pixel, atol=0.11)
    first = np.exp(fit.trace.beta[0] @ np.stack([np.ones_like(grid), grid]))
    inside = (level + slope * first) > 14
    np.testing.assert_allclose((level + slope * first)[inside], np.array(curve["y"][0])[inside], atol=0.2)


def test_dots_of_each_step_are_the_fitted_means_there():
    data = table()
    fit = nd.glm("y ~ x + z", data, solver=nd.GradientDescent(1e-2, epochs=150, start=[0, 0, 0]))
    curve = checked(fit).data["curve"]
    X = np.column_stack([np.ones(60), data["x"], data["z"]])
    assert curve["dotted"] and len(curve["x"]) == len(fit.trace)
    slope, level = np.polyfit(X @ np.asarray(fit.coef), np.array(curve["x"][-1]), 1)
    for beta, pixels in zip(fit.trace.beta, curve["x"], strict=True):
        np.testing.assert_allclose(level + slope * (X @ beta), pixels, atol=0.3)
    slope, level = np.polyfit(data["y"], np.array(curve["y"][0]), 1)
    np.testing.assert_allclose(level + slope * data["y"], curve["y"][0], atol=0.11)


def test_hostile_names_are_shown_and_do_nothing():
    names = [*HOSTILE]
    X = np.column_stack([np.ones(40), np.random.default_rng(0).normal(size=(40, 3))])
    y = X @ [1.0, 2.0, 3.0, 0.0] + np.random.default_rng(1).normal(size=40)
    plain = checked(nd.glm_fit(X, y))
    hostile = checked(nd.glm_fit(X, y, names=names))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert "<script>alert(1)</script>" in hostile.text and "onerror=alert(2)" in hostile.text
    text = page(nd.glm_fit(X, y, names=names))
    assert text.count("<script") == 2 and text.count("</script>") == 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800]", text)


def test_hostile_levels_and_columns_are_shown_and_do_nothing():
    columns = ["<b>x</b>", "re\"sp'onse", "a & b"]
    level = np.array(HOSTILE[:3])[np.arange(60) % 3]
    data = {columns[0]: table()["x"], columns[1]: table()["y"], columns[2]: level}
    fit = nd.glm("`re\"sp'onse` ~ `<b>x</b>` + `a & b`", data)
    found = checked(fit)
    assert not found.all("b") and not found.all("img")
    assert "<b>x</b>" in found.text and "alert(1)" in found.text


def test_only_its_own_script_and_style_may_run():
    text = page(made("gaussian"))
    policy = next(each["content"] for each in Page(text).all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        inside = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "://" not in text


def test_the_verdict_says_what_went_wrong():
    fine, diverged, separated = (checked(made(name)).text for name in ("gaussian", "exploded", "separated"))
    assert "The fit converged. Nothing was found that asks for a look." in fine
    assert "did not converge" in diverged and "Do not rely on its numbers." in diverged
    assert "no finite estimates" in separated and "drop or merge these columns" in separated


def test_infinite_coefficients_have_an_arrow_and_aliased_ones_a_word():
    assert "→ ∞" in checked(made("separated")).text
    assert "not estimated" in checked(made("aliased")).text


def test_exponentials_are_shown_where_they_mean_something():
    fit = made("poisson curve")
    assert "Exponentials exp(β): rate ratio" in checked(fit).text
    assert nd.table.number(float(np.exp(fit.coef["x"])), 4)[:5] in checked(fit).text
    assert "Exponentials" not in checked(made("gaussian")).text


def test_steps_that_are_no_numbers_are_said_and_not_drawn():
    fit = made("exploded")
    assert not np.isfinite(fit.trace.deviance).all()
    found = checked(fit)
    assert "it is not a number, and not drawn" in found.text
    assert None in found.data["loss"][1]


def test_a_curve_outside_the_picture_is_said_to_be():
    fit = nd.glm("y ~ x", table(), solver=nd.GradientDescent(1e-2, epochs=150, start=[1e6, 0]))
    seen = checked(fit).data["curve"]["seen"]
    assert len(seen) == len(fit.trace) and not seen[0] and seen[-1]


def test_a_loaded_fit_says_what_it_lacks(tmp_path):
    made("poisson curve").save(tmp_path / "fit.json")
    found = checked(nd.load(tmp_path / "fit.json"))
    assert "No checks of the model: this fit was loaded without its data" in found.text
    assert "There are no steps to replay" in found.text
    assert not found.data and "Estimates" in found.text and found.all("svg")


def test_long_fits_are_thinned_with_a_word():
    x = table()["x"]
    rate = 1.0 / float(np.sum((x - x.mean()) ** 2)) / 40
    fit = nd.glm("y ~ x", table(), solver=nd.GradientDescent(rate, epochs=2_000, start=[0, 0]))
    found = checked(fit)
    assert len(fit.trace) > 1_000 and len(found.data["titles"]) <= MOST
    assert f"Shown are {len(found.data['titles'])} of {fit.steps + 1:,} steps" in found.text
    assert found.data["titles"][0] == "Start" and found.data["titles"][-1] == f"Step {fit.steps} of {fit.steps}"


@pytest.mark.parametrize("n", [1, 2, 3, 199, 200, 201, 202, 1000, 2004])
def test_chosen_steps_hold_the_first_and_the_last(n):
    found = chosen(n)
    assert found == sorted(set(found)) and len(found) <= MOST
    assert found[0] == 0 and found[-1] == n - 1 and (n <= MOST) == (len(found) == n)


def test_many_coefficients_stay_small():
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(900), random.normal(size=(900, 100))])
    fit = nd.glm_fit(X, X[:, 1] + random.normal(size=900), solver=nd.GradientDescent(5e-4, epochs=300, start=[0] * 101))
    text = page(fit)
    found = Page(text)
    assert len(text) < 1_000_000
    assert len(found.data["values"][0]) == 40
    assert "the 40 of 101 furthest from zero" in found.text and "x100" in found.text


def test_wide_sparse_fits_have_a_page():
    X = scipy.sparse.random(300, 6000, density=0.002, random_state=1, format="csr")
    fit = nd.glm_fit(X, np.random.default_rng(0).normal(size=300), penalty=nd.Ridge(3.0))
    text = page(fit)
    assert len(text) < 1_000_000
    assert "the 600 of 6,000 furthest from zero" in text


def test_many_rows_are_sampled_with_a_word():
    fit = nd.glm(nd.datasets.MOTOR_FREQUENCY_FORMULA, nd.datasets.motor(30_000), "poisson")
    text = page(fit)
    assert len(text) < 400_000
    assert re.search(r"Drawn are [\d,]+ of 30,000 rows", text) and "Made from 20,000 of 30,000 rows" in text


def test_the_report_is_written_whole_and_says_where(tmp_path):
    fit = made("gaussian")
    path = tmp_path / "fit.html"
    assert fit.report(path) == path
    first = path.read_bytes()
    assert fit.report(str(path)) == path and path.read_bytes() == first
    FITS["gaussian"]().report(path)
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["fit.html"]
    assert fit.report(path, level=0.9).read_bytes() != first


@pytest.mark.parametrize("level", [0, 1, 95, "a", None])
def test_a_level_that_is_none_is_refused_and_nothing_written(tmp_path, level):
    with pytest.raises(nd.NelderError):
        made("gaussian").report(tmp_path / "fit.html", level=level)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/such/folder/fit.html", "there is no folder"),
        ("", "not the name of a file"),
        ("a\0b.html", "a null character"),
        ("x" * 300 + ".html", "cannot be written"),
    ],
)
def test_a_bad_path_is_refused_and_nothing_left(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nd.InputError, match=said):
        made("one row").report(name)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "fit.html").mkdir()
    with pytest.raises(nd.InputError, match="cannot be written"):
        made("one row").report(tmp_path / "fit.html")
    assert [each.name for each in tmp_path.iterdir()] == ["fit.html"]


@pytest.mark.parametrize("path", [None, 5, b"fit.html", ["fit.html"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(nd.InputTypeError, match="path"):
        made("one row").report(path)


def test_text_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with pytest.raises(nd.InputError, match="cannot be written"):
        write_whole(path, "\ud800")
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.0, 1.0),
        (-3.0, 7.0),
        (0.0, 1e-12),
        (1e6, 1e6 + 1),
        (-1e300, 1e300),
        (5.0, 5.0),
        (0.99, 1.01),
        (0, 5e-324),
        (0, 1e-300),
    ],
)
def test_axes_have_a_few_round_numbers_inside(low, high):
    made = drawing.axis([low, high], (0.0, 100.0), "")
    ticks = made.ticks()
    assert 2 <= len(ticks) <= 9
    places = made.at(ticks)
    assert (np.diff(places) > 0).all() and places[0] > -1e-6 and places[-1] < 100 + 1e-6


@pytest.mark.parametrize(("low", "high"), [(1.0, 10.0), (0.01, 2e5), (1e-30, 1.0), (2.0, 2.5), (3.0, 3.0)])
def test_logarithmic_axes_have_a_few_round_numbers_inside(low, high):
    made = drawing.axis([low, high, 0.0, -1.0, np.nan], (0.0, 100.0), "", log=True)
    assert made.low > 0 and 2 <= len(made.ticks()) <= 10
    assert np.isnan(made.at([0.0, -1.0, np.inf])).all()


def test_lines_break_where_there_is_no_number():
    plane = drawing.plane("p", ([0, 3], "x", False), ([0, 3], "y", False))
    assert plane.line([0, 1, 2, 3], [0, np.nan, 1, 2]).count("M") == 2
    assert plane.points([0, 1, np.nan], [1, np.inf, 1]).count("h0") == 1
    assert "nan" not in plane.line([np.nan], [1.0])


def test_the_order_of_normal_numbers_is_exact_and_symmetric():
    alone = normal_order(np.array([1.0]), 1.0)
    assert alone["expected"][0] == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose([alone["lower"][0], alone["upper"][0]], [-1.959963984540054, 1.959963984540054])
    many = normal_order(np.arange(1.0, 31.0), 30.0, 0.9)
    np.testing.assert_allclose(many["lower"], -many["upper"][::-1], atol=1e-12)
    # the least of 30 lies below x with probability 1 - (1 - F(x))^30
    least = scipy.special.ndtri(1.0 - np.array([0.95, 0.05]) ** (1 / 30))
    np.testing.assert_allclose([many["lower"][0], many["upper"][0]], least)


def test_a_row_that_counts_three_times_has_the_middle_of_three_places():
    times = np.arange(40) % 3 + 1
    fit = nd.glm("y ~ x", table(40), weights=nd.frequency(times))
    picture = normal_quantiles(fit, rows_of(fit))
    order = np.argsort(fit.residuals("quantile", seed=0))
    share = np.array([times[order[0]], times[order[-1]]]) / 2 / times.sum()
    np.testing.assert_allclose(picture.numbers["normal quantile"][[0, -1]] * [1, -1], scipy.special.ndtri(share))
    trend = against_fitted(fit, rows_of(fit)).numbers
    assert trend["rows"].sum() == times.sum()
    assert trend["rows"] @ trend["fitted mean"] == pytest.approx(times @ fit.fitted)


def test_pictures_of_rows_that_stand_for_several_have_a_residual_for_each_observation(tmp_path):
    data, times = table(40), np.arange(40) % 7 + 1
    data["y"] = np.random.default_rng(1).poisson(2.0, 40)
    fit = nd.glm("y ~ x", data, "poisson", weights=nd.frequency(times))
    repeated = nd.glm("y ~ x", {name: np.repeat(column, times) for name, column in data.items()}, "poisson")
    rows, theirs = rows_of(fit), rows_of(repeated)
    np.testing.assert_allclose(rows.residual, theirs.residual, rtol=1e-6, atol=1e-9)
    assert rows.times.sum() == times.sum() and rows.unit == "observations" and theirs.unit == "rows"
    for picture in (normal_quantiles, against_fitted):
        ours, other = picture(fit, rows).numbers, picture(repeated, theirs).numbers
        for name in ours:
            np.testing.assert_allclose(ours[name], other[name], rtol=1e-6, atol=1e-9)
    fit.report(tmp_path / "page.html")
    assert "A quantile residual an observation" in (tmp_path / "page.html").read_text()


def test_ticks_of_small_numbers_are_not_called_zero():
    assert [drawing.tick(value) for value in (0.0, 1e-20, -2.5, 1e-4, 250000.0, 1e6)] == [
        "0",
        "1e−20",
        "−2.5",
        "0.0001",
        "250000",
        "1e6",
    ]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    (tmp_path / "broken.txt").symlink_to("none.txt")
    assert write_whole(tmp_path / "link.txt", "new") == (tmp_path / "real.txt").resolve()
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
    write_whole(tmp_path / "broken.txt", "new")
    assert (tmp_path / "broken.txt").read_text() == "new" and len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are POSIX")
def test_what_is_no_plain_file_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert write_whole(path, "words") == path
    assert os.read(reader, 99) == b"words" and path.is_fifo()
    os.close(reader)

"""The report in a browser, opened from disk as a reader would: moved, played, printed, in the dark and on a phone."""

import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nelder as nd

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def fits():
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, 80))
    line = {"x": x, "z": z, "y": 1 + 2 * x + random.normal(size=80), "<b>n</b>": random.poisson(np.exp(x + z / 2))}
    descent = nd.GradientDescent(1e-3, epochs=2000, start=[0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return {
            "line": nd.glm("y ~ x", line, solver=descent),
            "counts": nd.glm("`<b>n</b>` ~ x + z", line, "poisson"),
            "exploded": nd.glm(
                "`<b>n</b>` ~ x", line, "poisson", solver=nd.GradientDescent(1.0, epochs=9, start=[0, 0])
            ),
            "separated": nd.glm("y ~ x", {"x": x, "y": (x > 0).astype(float)}, "binomial"),
            "constant": nd.glm("y ~ 1", {"y": [1.0, 2.0, 4.0]}),
        }


@pytest.fixture(scope="module")
def pages(fits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    return {name: fit.report(folder / f"{name}.html").as_uri() for name, fit in fits.items()}


@pytest.fixture
def show(browser, pages):
    """Opens the report of a fit; at the end nothing may have been complained of or asked for but the file itself."""
    said, opened = [], []

    def open_page(name, width=1200, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        page = context.new_page()
        opened.append(context)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url != pages[name] else None)
        page.goto(pages[name])
        return page

    yield open_page
    for context in opened:
        context.close()
    assert not said


def coefficients(page):
    """The coefficients that the replay shows."""
    return [float(cell.inner_text()) for cell in page.locator("td[id^=coef-]").all()]


def drawn(page, name):
    return page.locator(f"#{name}").get_attribute("d")


def step(page):
    """The number of the step that the replay says it shows."""
    said = page.locator("#replay-said").inner_text()
    return 0 if said.startswith("Start") else int(re.match(r"Step (\d+) of", said)[1])


@pytest.mark.parametrize("name", ["line", "counts"])
def test_the_slider_moves_numbers_and_pictures_together(show, fits, name):
    page, trace = show(name), fits[name].trace
    at = {record.step: record.beta for record in trace.records}
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    slider.press("Home")
    seen = []
    for _ in range(5):
        np.testing.assert_allclose(coefficients(page), at[step(page)], rtol=1e-5)
        seen.append((step(page), *(drawn(page, each) for each in ("curve-now", "loss-now", "spark-0"))))
        slider.press("ArrowRight")
    assert [each[0] for each in seen] == list(range(5))
    assert all(len(set(column)) == len(column) for column in zip(*seen, strict=True)) or name == "counts"
    assert len({each[1] for each in seen}) > 1
    slider.press("End")
    assert step(page) == trace.records[-1].step
    np.testing.assert_allclose(coefficients(page), trace.beta[-1], rtol=1e-5)
    assert slider.get_attribute("aria-valuetext").startswith(f"Step {trace.records[-1].step} of")


def test_every_frame_shows_the_coefficients_of_its_step(show, fits):
    page, trace = show("line"), fits["line"].trace
    frames = page.evaluate(
        """() => { const slider = document.getElementById('replay-step'), seen = [];
        for (let k = 0; k <= Number(slider.max); k += 1) {
          slider.value = k;
          slider.dispatchEvent(new Event('input'));
          const cells = [...document.querySelectorAll('td[id^=coef-]')];
          seen.push([slider.getAttribute('aria-valuetext'), ...cells.map(cell => Number(cell.textContent))]);
        }
        return seen; }"""
    )
    shown = {0 if said == "Start" else int(said.split()[1]): beta for said, *beta in frames}
    kept = [record for record in trace.records if record.step in shown]
    assert len(kept) == len(frames) > 100
    np.testing.assert_allclose([shown[record.step] for record in kept], [record.beta for record in kept], rtol=1e-5)


def test_the_buttons_step_and_stop_at_the_ends(show):
    page = show("counts")
    last = step(page)
    back, on = page.get_by_role("button", name="One step back"), page.get_by_role("button", name="One step on")
    on.click()
    assert step(page) == last
    back.click()
    back.click()
    on.click()
    assert step(page) == last - 1


def test_play_runs_to_the_end_and_pauses(show):
    page = show("line")
    play = page.locator("#replay-play")
    play.focus()
    play.press("Enter")
    playwright.expect(page.locator("#replay-said")).to_have_text(re.compile("^Step"))
    assert play.inner_text() == "Pause" and page.locator("#replay-said").get_attribute("aria-live") == "off"
    play.press("Enter")
    paused = step(page)
    assert play.inner_text() == "Play" and page.locator("#replay-said").get_attribute("aria-live") == "polite"
    page.wait_for_timeout(300)
    assert step(page) == paused
    page.locator("#replay-step").evaluate("slider => { slider.value = slider.max - 2; }")
    play.click()
    playwright.expect(play).to_have_text("Play")
    assert step(page) > paused and page.locator("#replay-step").evaluate("slider => slider.value === slider.max")


def test_steps_that_are_no_numbers_leave_no_mark(show, fits):
    page, trace = show("exploded"), fits["exploded"].trace
    assert not np.isfinite(trace.deviance).all()
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    slider.press("Home")
    for record in trace.records:
        assert (drawn(page, "loss-now") != "") == np.isfinite(record.deviance)
        np.testing.assert_allclose(coefficients(page), record.beta, rtol=1e-5)
        slider.press("ArrowRight")


@pytest.mark.parametrize("name", ["line", "counts", "exploded", "separated", "constant"])
@pytest.mark.parametrize("width", [380, 1200])
def test_no_page_scrolls_sideways(show, name, width):
    page = show(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for details in page.locator("details").all():
        details.evaluate("each => { each.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def luminance(colour):
    """The relative luminance of WCAG 2 of `rgb(r, g, b)`."""
    share = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(page, name, attribute, ground="--paper"):
    """The contrast of a part with the page or the panel it stands on, by WCAG 2."""
    paint = page.locator(name).first.evaluate(f"each => getComputedStyle(each).{attribute}")
    hexadecimal = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('{ground}')").strip()
    behind = "rgb({}, {}, {})".format(*(int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)))
    light, dark = sorted([luminance(paint), luminance(behind)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_lines_stand_out_in_light_and_dark(show, scheme):
    page = show("separated", color_scheme=scheme)
    light = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (light > 0.5) == (scheme == "light")
    for name, attribute in (("h1", "color"), (".kind", "color"), ("nav a", "color"), ("thead th", "color")):
        assert contrast(page, name, attribute) >= 4.5
    for name, attribute in (("figure text", "fill"), ("figure .label", "fill")):
        assert contrast(page, name, attribute, "--panel") >= 4.5
    for name in ("#curve-now", "path.point", "path.bar", "path.zero"):
        assert contrast(page, name, "stroke", "--panel") >= 3


def test_on_paper_the_replay_is_its_last_step_and_some_before(show, fits, tmp_path):
    page, last = show("line", color_scheme="dark"), fits["line"].trace.records[-1].step
    page.get_by_role("slider", name="Step").press("Home")
    assert step(page) == 0 and not page.locator(".on-paper").is_visible()
    page.emulate_media(media="print")
    playwright.expect(page.locator("#replay-said")).to_have_text(re.compile("^Step"))
    assert step(page) == last
    assert page.locator(".on-paper svg").count() == 6 and page.locator(".on-paper").is_visible()
    assert not page.locator("#replay-controls").is_visible() and not page.locator("nav").is_visible()
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) == pytest.approx(1.0)
    page.pdf(path=tmp_path / "fit.pdf")
    assert (tmp_path / "fit.pdf").stat().st_size > 10_000
    page.emulate_media(media="screen")
    playwright.expect(page.locator("#replay-said")).to_have_text(re.compile("^Start"))


@pytest.mark.parametrize("name", ["line", "counts", "separated"])
def test_every_picture_and_control_has_a_name(show, name):
    page = show(name)
    for role in ("img", "button", "slider", "link", "table", "region", "figure", "navigation", "group"):
        found = page.get_by_role(role)
        named = page.get_by_role(role, name=re.compile(r"\S"))
        unnamed = {"figure", "group"}  # which their captions and summaries name
        assert found.count() > 0
        assert named.count() == found.count() or role in unnamed, role
    for role in ("banner", "main", "contentinfo", "status"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator("figure").count() == page.locator("figure figcaption").count()
    drawings = page.locator("figure > svg:not(.on-paper svg)")
    assert drawings.count() == page.locator("figure > svg[role=img]:not(.on-paper svg)").count()


def test_the_keyboard_reaches_everything_in_order(show):
    page = show("line")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert reached[0] == "skip"
    places = [reached.index(name) for name in ("replay-back", "replay-play", "replay-on", "replay-step")]
    assert places == sorted(places)
    page.locator(".skip").focus()
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.locator("#replay-play").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_hostile_names_are_words_on_the_page(show):
    page = show("counts")
    assert page.locator("main b").count() == 0
    assert page.get_by_text("<b>n</b>").count() > 0


def test_nothing_else_may_run_or_load(browser, pages):
    page = browser.new_page()
    page.goto(pages["constant"])
    added = (
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; document.body.append(made)"
    )
    assert page.evaluate(f"() => {{ {added}; return window.ran === undefined; }}")
    assert page.evaluate("fetch('https://nelder.invalid/').then(() => false, error => error instanceof TypeError)")
    page.close()


def test_without_script_the_page_shows_the_last_step(browser, pages, fits):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["line"])
    assert not page.locator("#replay-controls").is_visible()
    assert page.locator("#replay-said").inner_text().startswith(f"Step {fits['line'].trace.records[-1].step} of")
    assert drawn(page, "curve-now").startswith("M")
    context.close()


def test_the_command_line_writes_a_report(tmp_path):
    rows = "\n".join(f"{x},{1 + 2 * x + (x % 3)}" for x in range(20))
    (tmp_path / "data.csv").write_text(f"x,y\n{rows}\n")
    words = [sys.executable, "-m", "nelder.cli", "fit", "data.csv", "y ~ x", "--report"]
    done = subprocess.run([*words, "fit.html"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Report written to fit.html\n")
    assert (tmp_path / "fit.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    done = subprocess.run(
        [*words, "no/fit.html"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2 and "there is no folder 'no'" in done.stderr and "Traceback" not in done.stderr

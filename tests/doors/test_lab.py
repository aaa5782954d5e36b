"""The lab as a person uses it: started from a shell, opened in a browser, left by Ctrl-C."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import nelder as nd

pytest.importorskip("marimo", reason="the Python package marimo is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROGRAM = [sys.executable, "-m", "nelder.cli", "lab", "--no-browser"]
SECONDS = 60_000  # milliseconds: the patience of a test on a machine that does other things too


class Lab:
    """A running lab: its process, address and port."""

    def __init__(self, *words, folder):
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, words)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = self.process.stdout.readline()
        match = re.fullmatch(r"nelder lab: (http://127\.0\.0\.1:(\d+)/)\?access_token=(\S+)\n", said)
        assert match, said + self.process.stderr.read()
        assert "Ctrl-C stops it" in self.process.stdout.readline()
        self.home, self.port, self.token = match[1], int(match[2]), match[3]
        deadline = time.monotonic() + 60
        while not listening("127.0.0.1", self.port):
            assert self.process.poll() is None and time.monotonic() < deadline, self.process.stderr.read()
            time.sleep(0.05)

    def leave(self, how=signal.SIGINT):
        """Stop it as Ctrl-C does; what it said on the way."""
        self.process.send_signal(how)
        said, complained = self.process.communicate(timeout=20)
        return self.process.returncode, said, complained


def listening(host, port):
    with socket.socket() as asked:
        asked.settimeout(1.0)
        return asked.connect_ex((host, port)) == 0


def fetched(address):
    """The address and the words that a request without cookies ends at."""
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.url, answer.read().decode()


def children(process):
    """The processes that a process has started and that still run."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process.pid:
            found.append(status.parent.name)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("lab")
    random = np.random.default_rng(5)
    x = random.normal(size=200)
    visits = random.poisson(np.exp(0.5 + 0.4 * x))
    write(made / "visits.csv", {"x": x, "visits": visits, "<b>site</b>": np.where(x > 0, "<i>", "b")})
    write(made / "other.csv", {"dose": np.linspace(0.0, 1.0, 40), "y": 1 + 2 * np.linspace(0.0, 1.0, 40) + x[:40] / 9})
    (made / "broken.csv").write_text("a,b\n1,2\n3\n")
    return made


def write(path, columns):
    rows = "\n".join(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    path.write_text(f"{','.join(columns)}\n{rows}\n")


# From the shell


def test_only_this_machine_and_only_with_the_token(folder):
    lab = Lab("visits.csv", folder=folder)
    try:
        others = [each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for host in {*others, "127.0.0.2"} - {"127.0.0.1"}:
            assert not listening(host, lab.port)
        for address in (lab.home, f"{lab.home}?access_token=wrong"):
            end, words = fetched(address)
            assert "/auth/login" in end and "visits" not in words and "nelder lab" not in words
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetched(f"{lab.home}api/status")
        refused.value.close()
        assert refused.value.code in (401, 403)
        assert lab.token not in Path(f"/proc/{lab.process.pid}/cmdline").read_text()
        busy = subprocess.run(
            [*PROGRAM, "--port", str(lab.port)], capture_output=True, text=True, timeout=60, check=False
        )
        assert busy.returncode == 2 and busy.stderr.startswith(f"nelder: --port {lab.port} cannot be had")
        second = Lab(folder=folder)
        assert second.port != lab.port and second.token != lab.token
        assert second.leave(signal.SIGTERM)[0] in (0, -signal.SIGTERM)
    finally:
        ended = lab.leave()
    assert ended == (0, "", "")
    assert not listening("127.0.0.1", lab.port) and not Path(f"/proc/{lab.process.pid}").exists()


def test_a_file_that_is_not_there_is_said_at_once(folder):
    for name, words in (("nothing.csv", "there is no such file"), ("broken.csv", "cannot be read as CSV")):
        done = subprocess.run([*PROGRAM, name], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and done.stdout == ""
        assert words in done.stderr and done.stderr.count("\n") == 1


# In the browser


@pytest.fixture
def lab(folder):
    begun = Lab("visits.csv", folder=folder)
    yield begun
    if begun.process.poll() is None:
        begun.process.kill()
        begun.process.communicate()


@pytest.fixture
def page(lab):
    """The page of a lab, which may ask nothing of anybody else and may not stumble."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    said = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.set_default_timeout(SECONDS)
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        opened.on("request", lambda asked: said.append(asked.url) if outside(asked.url, lab) else None)
        opened.goto(f"{lab.home}?access_token={lab.token}")
        yield opened
        browser.close()
    assert not said


def outside(address, lab):
    ours = (lab.home, lab.home.replace("http", "ws"), "data:", "blob:", "about:")
    return not address.startswith(ours)


def headline(page, words):
    """Wait until the page says how the fit ended."""
    page.locator(".lab-headline", has_text=words).wait_for()


def view(page, name):
    """The inside of one view of the fit."""
    page.get_by_role("tab", name=name, exact=True).click()
    return page.frame_locator(f"iframe[title={name}]")


def coefficients(page):
    """Those that the replay shows."""
    cells = view(page, "Steps").locator("td[id^=coef-]")
    cells.first.wait_for()
    return [float(each) for each in cells.all_inner_texts()]


@pytest.mark.slow
def test_a_person_fits_a_file_makes_it_explode_and_reads_why(lab, page, folder):
    headline(page, "The fit converged")
    expected = nd.glm("visits ~ x", folder / "visits.csv", "poisson")
    np.testing.assert_allclose(coefficients(page), expected.coef, rtol=1e-5)
    assert page.locator("main b, .lab-choices b, .lab-view i").count() == 0

    slider = view(page, "Steps").get_by_role("slider", name="Step")
    slider.focus()
    slider.press("Home")
    assert coefficients(page) != pytest.approx(list(expected.coef), rel=1e-9)

    page.get_by_label("Solver", exact=True).select_option("gradient_descent")
    page.get_by_label("Rate").fill("0.0001")
    page.get_by_label("Start").fill("0")
    page.get_by_role("button", name="Fit").click()
    headline(page, "gradient_descent")
    page.get_by_label("Rate").fill("0.5")
    page.keyboard.press("Tab")
    page.get_by_text("The fields have changed").wait_for()
    page.get_by_role("button", name="Fit").click()
    headline(page, "The rate is too large")
    why = view(page, "Why").locator("main")
    why.get_by_text("2/λmax =").wait_for()
    limit = float(re.search(r"2/λmax = ([\d.e-]+)", why.inner_text())[1])
    largest = np.linalg.eigvalsh(np.asarray(np.linalg.inv(expected.covariance())))[-1]
    assert limit == pytest.approx(2 / largest, rel=0.01)

    page.get_by_role("tab", name="Code", exact=True).click()
    code = page.locator(".lab-view pre").inner_text()
    assert "nd.GradientDescent(rate=0.5, epochs=1000, start=[0.0] * 2)" in code and '"visits.csv"' in code
    with page.expect_download() as saved:
        page.get_by_text("Save the report").click()
    assert Path(saved.value.path()).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    page.get_by_label("Formula").fill("visits ~ open('x')")
    page.get_by_role("button", name="Fit").click()
    headline(page, "No fit")
    assert "Traceback" not in page.locator("body").inner_text()


@pytest.mark.slow
def test_a_person_drops_a_file_compares_watches_and_leaves(lab, page, folder):
    headline(page, "The fit converged")
    page.locator("input[type=file]").set_input_files(folder / "broken.csv")
    page.get_by_text("'broken.csv' cannot be read as CSV").wait_for()
    page.locator("input[type=file]").set_input_files(folder / "other.csv")
    page.locator(".lab-headline code", has_text="y ~ dose").wait_for()
    expected = nd.glm("y ~ dose", folder / "other.csv")
    np.testing.assert_allclose(coefficients(page), expected.coef, rtol=1e-5)

    page.get_by_role("tab", name="Compare", exact=True).click()
    page.get_by_role("button", name="Compare").click()
    table = page.frame_locator("iframe[title=Compare]").get_by_role("table")
    table.wait_for()
    assert [words for words in ("newton", "irls", "lbfgs", "gradient_descent") if words in table.inner_text()]
    assert page.locator(".lab-picture svg").count() == 1
    page.get_by_role("tab", name="Pictures", exact=True).click()
    page.get_by_label("Picture", exact=True).select_option("Fitted curve at some steps")
    page.locator(".lab-picture svg[aria-label=curves]").wait_for()

    page.set_viewport_size({"width": 380, "height": 900})
    assert page.evaluate("document.querySelector('#App').scrollWidth") <= 380
    page.set_viewport_size({"width": 1200, "height": 900})

    page.get_by_label("Solver", exact=True).select_option("gradient_descent")
    page.get_by_label("Rate").fill("1e-9")
    page.get_by_label("Epochs, at most").fill("1000000")
    page.get_by_role("button", name="Fit").click()
    running = page.locator(".lab-live", has_text="steps/s")
    running.wait_for()
    before = running.inner_text()
    page.wait_for_function("before => document.querySelector('.lab-live').innerText !== before", arg=before)
    page.get_by_role("button", name="Stop").click()
    headline(page, "interrupted")
    page.get_by_role("button", name="Fit").click()
    running.wait_for()
    page.goto("about:blank")

    assert children(lab.process) == []
    assert lab.leave() == (0, "", "")  # while the fit still runs
    assert not listening("127.0.0.1", lab.port) and not os.path.exists(f"/proc/{lab.process.pid}")

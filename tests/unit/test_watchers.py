"""The live line: what it says, where it is quiet, and that Ctrl-C leaves a fit."""

import io
import math
import os
import pty
import signal
import subprocess
import sys

import numpy as np
import pytest

import nelder as nd
from nelder.trace import Record
from nelder.watchers import Line, Moment, PlainLine, Progress, RichLine, duration, line_on, seconds_left, words


class Heard(Line):
    """A line that keeps what it was shown."""

    def __init__(self):
        self.said = []

    def show(self, words):
        self.said.append(words)

    def clear(self):
        self.said.append("")


def record(step, seconds, distance=1.0):
    return Record(step, np.zeros(1), 123.456789, 1.0, distance**2, 1.0, 0, seconds, distance)


def falling(rate, many=20):
    """Moments a second apart, a hundred steps each, the distance falling by a factor of `rate` in a step."""
    return [Moment(100 * k, float(k), rate ** (100 * k)) for k in range(many)]


def test_nothing_is_shown_for_a_fit_that_is_soon_done():
    heard = Heard()
    watcher = Progress(heard)
    for k in range(40):
        watcher(record(k, 0.01 * k))
    watcher.close()
    assert heard.said == []


def test_at_most_ten_lines_are_shown_a_second():
    heard = Heard()
    watcher = Progress(heard)
    for k in range(3000):
        watcher(record(k, 0.001 * k))
    assert 20 <= len(heard.said) <= 30


def test_a_line_has_step_deviance_distance_and_speed():
    line = words(record(1900, 19.0, 0.99**1900), falling(0.99))
    assert line.startswith("step 1,900  deviance 123.45679  5.1e-09 standard errors to go  100 steps/s  about ")


@pytest.mark.parametrize("rate", [0.9, 0.99, 0.999])
def test_the_expected_end_is_when_the_distance_will_be_small_enough(rate):
    seen = falling(rate)
    steps = math.log(seen[-1].distance / 1e-10) / -math.log(rate)
    expected = steps / 100
    assert seconds_left(seen) == (pytest.approx(expected, rel=1e-6) if expected > 0 else None)


@pytest.mark.parametrize("distances", [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 4.0, 8.0], [math.nan] * 4, [1.0, 0.5],
                                       [math.inf, math.inf, 1.0, 0.5], [0.0] * 5])  # fmt: skip
def test_no_end_is_promised_where_none_is_in_sight(distances):
    assert seconds_left([Moment(k, float(k), distance) for k, distance in enumerate(distances)]) is None


def test_no_end_is_promised_that_is_days_away():
    assert seconds_left(falling(1 - 1e-9)) is None


def test_the_expected_end_of_a_real_fit_is_near_the_truth():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3)) * [1.0, 3.0, 9.0]
    y = random.poisson(np.exp(0.2 + x @ [0.1, 0.05, 0.02]))
    seen = []
    fit = nd.glm_fit(np.column_stack([np.ones(400), x]), y, "poisson",
                     solver=nd.GradientDescent(rate=2e-5, start=[0, 0, 0, 0]), watch=seen.append)  # fmt: skip
    assert fit.converged
    # a step a second, so that the number of steps left is what is promised
    half = [Moment(each.step, float(each.step), each.distance) for each in seen[: len(seen) // 2]]
    assert seconds_left(half[-50:]) == pytest.approx(len(seen) - len(half), rel=0.1)


@pytest.mark.parametrize(("seconds", "said"), [(3.4, "3 s"), (99, "99 s"), (150, "2 min"), (7200, "2.0 h")])
def test_times_are_told_in_their_units(seconds, said):
    assert duration(seconds) == said


def test_a_fit_that_begins_anew_is_measured_anew():
    watcher = Progress(Heard())
    for step, seconds in ((100, 1.0), (200, 2.0), (0, 3.0), (100, 4.0)):
        watcher(record(step, seconds))
    assert watcher.line.said[-1].endswith("100 steps/s")


def test_a_pipe_has_no_line():
    assert line_on(io.StringIO()) is None
    assert line_on(None) is None
    watcher = Progress(None)
    watcher(record(1, 100.0))
    watcher.close()


def test_a_watcher_is_closed_with_the_fit_and_can_watch_another():
    heard = Heard()
    watcher = Progress(heard)
    for _ in range(2):
        watcher(record(1, 1.0))
        nd.glm_fit(np.ones((5, 1)), np.arange(5.0), watch=watcher)
        assert heard.said[-1] == "" and not watcher.seen


def test_a_watcher_is_closed_where_the_fit_is_refused():
    heard = Heard()
    watcher = Progress(heard)
    watcher(record(1, 1.0))
    with pytest.raises(nd.DataError):
        nd.glm_fit(np.ones((5, 0)), np.arange(5.0), watch=watcher)
    assert heard.said[-1] == ""


@pytest.mark.parametrize("watch", [True, "yes", 3])
def test_what_cannot_watch_is_refused(watch):
    with pytest.raises(nd.InputTypeError, match=r"watch must be a function .* nd\.progress\(\)"):
        nd.glm_fit(np.ones((5, 1)), np.arange(5.0), watch=watch)


def test_a_plain_line_is_rewritten_and_taken_away():
    stream = io.StringIO()
    line = PlainLine(stream)
    line.show("a long line")
    line.show("short")
    line.clear()
    assert stream.getvalue() == "\ra long line\rshort      \r           \r"


def test_a_line_by_rich_shows_words_with_brackets_as_they_are():
    pytest.importorskip("rich")
    stream = io.StringIO()
    stream.isatty = lambda: True
    line = line_on(stream)
    assert isinstance(line, RichLine)
    line.show("step 1  [bold]deviance[/bold] 2")
    line.clear()
    assert "[bold]deviance[/bold] 2" in stream.getvalue()


LONG = """
import numpy as np, nelder as nd
random = np.random.default_rng(0)
X = np.column_stack([np.ones(2000), random.normal(size=2000), 100 * random.normal(size=2000)])
y = random.poisson(1.0, 2000)
"""
SOME_SECONDS = "nd.GradientDescent(rate=1e-12, epochs=20000)"


def test_on_a_terminal_the_line_is_seen_and_leaves_no_trace():
    program = LONG + f"nd.glm_fit(X, y, 'poisson', solver={SOME_SECONDS}, watch=nd.progress())"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stderr=follower, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 1000):
            seen += chunk
    except OSError:  # what the end of a terminal is on Linux
        pass
    assert process.wait(timeout=30) == 0
    os.close(leader)
    text = seen.decode()
    assert "standard errors to go" in text and "steps/s" in text
    assert "Traceback" not in text


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_returns_the_best_fit_so_far_flagged():
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(500), random.normal(size=500), 100 * random.normal(size=500)])
    y = random.poisson(1.0, 500)

    def press(record):
        if record.step == 1000:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background takes away
    try:
        solver = nd.GradientDescent(rate=1e-12, epochs=100_000, start=[0, 0, 0])
        with pytest.warns(nd.NotConvergedWarning, match="interrupted"):
            fit = nd.glm_fit(X, y, "poisson", solver=solver, watch=press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not fit.converged and fit.reason == "interrupted"
    assert fit.deviance == pytest.approx(fit.trace.deviance[:-1].min(), rel=1e-9)  # the last was not taken any more
    assert np.isfinite(fit.coef).all()


def test_the_line_says_how_far_the_reading_of_a_table_is():
    heard = Heard()
    watcher = Progress(heard)
    watcher.reading(10, 1_000_000, 0.1)  # too soon to be worth a line
    watcher.reading(500_000, 1_000_000, 1.0)
    watcher.reading(510_000, 1_000_000, 1.01)  # too soon after the last
    watcher.reading(600_000, None, 2.0)
    assert heard.said == [
        "read 500,000 of 1,000,000 rows  500,000 rows/s  about 1 s left",
        "read 600,000 rows  300,000 rows/s",
    ]
    watcher.close()
    assert heard.said[-1] == ""


def test_a_watcher_that_listens_hears_of_every_part(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    random = np.random.default_rng(2)
    for k in range(3):
        x = random.normal(size=100)
        parquet.write_table(arrow.table({"y": random.poisson(np.exp(x)), "x": x}), tmp_path / f"{k}.parquet")

    class Listens:
        heard = ()

        def __call__(self, record):
            pass

        def reading(self, rows, total, seconds):
            self.heard += ((rows, total),)

    watcher = Listens()
    nd.glm("y ~ x", tmp_path, "poisson", engine=nd.Threads(memory=1), watch=watcher, compress=False)
    assert watcher.heard == ((100, 300), (200, 300), (300, 300))

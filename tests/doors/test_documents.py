"""Runs every Python block of the README and of docs, and holds each page to the output it prints.

A ```text block right after a ```python block is what that block prints: the same words, and numbers equal to 1e-3 of
themselves, or both below 1e-8 where a page shows rounding. The line `<!-- not run -->` before a block skips it.
"""

import contextlib
import io
import os
import re
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import nelder as nd

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/index.md"] + [
    path.relative_to(ROOT).as_posix()
    for folder in ("tutorials", "guides", "theory")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n```python\n(?P<code>.*?)^```\n(?:\n*```text\n(?P<shown>.*?)^```$)?", re.DOTALL | re.MULTILINE
)
TOKEN = re.compile(r"[^\W\d]\w*|[+\-−]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\S")


@dataclass(frozen=True)
class Example:
    """One block: its code, the line where it starts, and the output that the page shows, if any."""

    code: str
    line: int
    shown: str | None


def examples(text: str) -> list[Example]:
    """The blocks of a page that are run."""
    text = f"\n{text}"
    found = []
    for match in BLOCK.finditer(text):
        if match["before"].strip() != "<!-- not run -->":
            found.append(Example(match["code"], text.count("\n", 0, match.start("code")), match["shown"]))
    return found


def tokens(text: str) -> list[str]:
    """Words, numbers and signs; spaces do not count."""
    return TOKEN.findall(text)


def same(printed: str, shown: str) -> bool:
    """Whether two tokens agree: numbers to 1e-3, or both below 1e-8."""
    try:
        a, b = float(printed.replace("−", "-")), float(shown.replace("−", "-"))
    except ValueError:
        return printed == shown
    close = abs(a - b) <= 1e-3 * abs(b) or max(abs(a), abs(b)) < 1e-8
    return close or printed.lower() == shown.lower()  # nan and inf are words


def difference(printed: str, shown: str) -> str | None:
    """The first place where what was printed differs from what the page shows, or None."""
    ours, theirs = tokens(printed), tokens(shown)
    for k, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if not same(a, b):
            return (
                f"printed {' '.join(ours[max(0, k - 5) : k + 3])!r}, page {' '.join(theirs[max(0, k - 5) : k + 3])!r}"
            )
    if len(ours) != len(theirs):
        return f"{len(ours)} words and numbers printed, {len(theirs)} on the page"
    return None


def close_pictures() -> None:
    """Close what a block drew; pictures have tests of their own."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@dataclass(frozen=True)
class Run:
    """A page after its last block: its variables, and what each block printed."""

    names: dict[str, Any]
    printed: list[tuple[Example, str]]


@cache
def run(page: str) -> Run:
    """Run the blocks of a page in one namespace, in a directory of their own."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = []
    with TemporaryDirectory() as folder, contextlib.chdir(folder), warnings.catch_warnings(action="error"):
        for example in examples((ROOT / page).read_text(encoding="utf-8")):
            output = io.StringIO()
            # blank lines before the code keep the page's line numbers in tracebacks
            code = compile("\n" * (example.line - 1) + example.code, os.fspath(ROOT / page), "exec")
            with contextlib.redirect_stdout(output):
                exec(code, names)
            close_pictures()
            printed.append((example, output.getvalue()))
    return Run(names, printed)


@pytest.mark.parametrize("page", PAGES)
def test_page_prints_what_it_shows(page: str) -> None:
    for example, printed in run(page).printed:
        if example.shown is not None:
            found = difference(printed, example.shown)
            assert found is None, f"{page}, the block at line {example.line}: {found}\n\nprinted:\n{printed}"


def test_the_line_is_the_same_in_numpy_and_nelder() -> None:
    names = run("docs/tutorials/a-line-by-gradient-descent.md").names
    fit, path = names["fit"], np.array(names["path"])
    assert fit.trace.beta.shape == path.shape == (301, 2)
    np.testing.assert_allclose(fit.trace.beta, path, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit.trace.deviance, names["losses"], rtol=1e-12)
    assert fit.deviance == pytest.approx(2.6805, abs=1e-4)
    assert isinstance(names["fit_at"].warnings[0].largest, float)
    assert names["fit_at"].warnings[0].largest == pytest.approx(names["largest"], rel=1e-9)
    np.testing.assert_allclose(names["patient"].coef, names["exact"].coef, atol=1e-9)


def test_irls_by_hand_is_irls() -> None:
    names = run("docs/tutorials/glms-from-scratch.md").names
    for fit, path in ((names["yes"], names["path_yes"]), (names["count"], names["path_count"])):
        assert fit.converged and len(fit.trace) == 5
        np.testing.assert_allclose(fit.trace.beta, path, rtol=0, atol=1e-12)
    truth = names["beta"]
    inside = [
        np.abs(np.asarray(fit.coef) - beta) < 2 * np.asarray(fit.se)
        for fit, beta in ((names["linear"], truth), (names["yes"], truth), (names["count"], truth / 2))
    ]
    assert [int(of.sum()) for of in inside] == [10, 9, 9]


def test_three_and_four_are_found_at_any_size() -> None:
    names = run("docs/tutorials/why-did-it-explode.md").names
    X, huge, y = names["X"], names["huge"], names["y"]
    assert huge.max() > 1e80
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        for solver in ("newton", "irls", "lbfgs"):
            fit = nd.glm_fit(X, huge, family="poisson", solver=solver)
            assert fit.converged
            np.testing.assert_allclose(fit.coef, [3, 4], rtol=0, atol=1e-8)
        limit = names["limit"]
        below, above = (
            nd.glm_fit(X, y, "poisson", solver=nd.GradientDescent(rate=rate, epochs=1500, start=[0.1, 0.1]))
            for rate in (0.99 * limit, 1.01 * limit)
        )
    assert below.converged and not above.converged
    negative = np.where(np.arange(len(y)) == 3, -1.0, y)
    with pytest.raises(nd.SupportError, match="row 3"):
        nd.glm_fit(X, negative, family="poisson")


@pytest.mark.parametrize(
    ("printed", "shown", "agree"),
    [
        ("a  1.0004", "a 1.0000", True),
        ("a 1.01", "a 1.00", False),
        ("x1 -3.2e-12", "x1 4e-10", True),
        ("[1, 2]", "[1, 2, 3]", False),
        ("nan converged", "nan diverged", False),
    ],
)
def test_outputs_are_compared_by_words_and_numbers(printed: str, shown: str, agree: bool) -> None:
    assert (difference(printed, shown) is None) is agree


def test_a_block_is_skipped_only_where_the_page_says_so() -> None:
    page = "<!-- not run -->\n```python\n1 / 0\n```\n\n```python\nprint(2)\n```\n\n```text\n2\n```\n"
    assert examples(page) == [Example("print(2)\n", 7, "2\n")]

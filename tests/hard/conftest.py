"""Counts verdicts by group, with those that were not expected, and prints them at the end of the run."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from problem import Verdict

MISSED = "missed"
TALLY = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """An empty tally."""
    config.stash[TALLY] = defaultdict(Counter)


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> dict[str, Counter[str]]:
    """Verdicts by group, to be added to."""
    return pytestconfig.stash[TALLY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a group: solved, honest, silent, crashed, and how many of them are not as they should be."""
    counted = config.stash[TALLY]
    if not counted:
        return
    terminalreporter.section("hard problems")
    names = [*(verdict.value for verdict in Verdict), MISSED]
    terminalreporter.line(f"{'':32}" + "".join(f"{name:>10}" for name in names))
    total = sum(counted.values(), Counter[str]())
    for group, verdicts in [*counted.items(), ("all", total)]:
        terminalreporter.line(f"{group:32}" + "".join(f"{verdicts[name]:>10}" for name in names))

"""Counts verdicts by group, with those that were not expected, and prints them at the end of the run."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from problem import Verdict

MISSED = "missed"
TALLY = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """An empty tally."""
    config.stash[TALLY] = defaultdict(Counter)
    config.pluginmanager.register(Gathering())


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> dict[str, Counter[str]]:
    """Verdicts by group, to be added to."""
    return pytestconfig.stash[TALLY]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process hands its counts to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        counted = session.config.stash[TALLY]
        session.config.workeroutput["tally"] = {group: dict(verdicts) for group, verdicts in counted.items()}


class Gathering:
    """Adds up what the workers counted."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker is done."""
        for group, verdicts in getattr(node, "workeroutput", {}).get("tally", {}).items():
            node.config.stash[TALLY][group].update(verdicts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a group: solved, honest, silent, crashed, and how many of them are not as they should be."""
    counted = config.stash[TALLY]
    if not counted:
        return
    terminalreporter.section("hard problems")
    names = [*(verdict.value for verdict in Verdict), MISSED]
    terminalreporter.line(f"{'':32}" + "".join(f"{name:>10}" for name in names))
    total = sum(counted.values(), Counter[str]())
    for group, verdicts in [*sorted(counted.items()), ("all", total)]:
        terminalreporter.line(f"{group:32}" + "".join(f"{verdicts[name]:>10}" for name in names))

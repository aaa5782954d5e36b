"""What the figures that were measured would come to for 1e12 rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from at_scale.markdown import table

TARGET = 10**12
MACHINES = 100
CORES = 64  # of a machine
PRICE = 0.05  # dollars a core and hour, about what clouds ask
LINE = 10e9 / 8  # bytes a second into one machine
DISK = 2e9  # bytes a second from and to the disk of one machine
GROUP = 1_000_000  # rows of a partition
COLUMNS = 31
NUMBERS = 17
SHARE = 8  # tasks a core
TOGETHER = 16  # partitions a task, as in engines/dask.py
TASK = 0.2e-3  # seconds that a scheduler takes for a task, as Dask's documentation has it
WORDS = """The merge tree has {levels} levels, so that rounding in the sums grows by that many roundings and not by a
million million: the answer keeps its digits.

What would break first is not the mathematics. It is the one process that everything passes through: a result is small,
but were there one of each partition, a million of them would arrive, and a scheduler would hand out a million tasks a
pass. On Dask a task has {together} partitions that follow one another, and adds up what it finds: that is a node of the
merge tree, so that the sum has the same digits. On Spark each partition is a task.
Next come the disks: {packed:.0f} TB of blocks are {share:.1f} TB a machine, which few have as memory, so that a pass is
bound by the disk and the cores wait for it. On machines that do have it, passes take what processors do, and reading
the files is nearly all. Then the machines themselves: of a hundred, one may fail meanwhile, and what it held is read
again, which engines do and tests kill workers to show.
"""


@dataclass(frozen=True)
class Bill:
    """What 1e12 rows come to, from a fit that was measured."""

    files: float
    """Bytes."""
    core_seconds: float
    passes: float
    packed: float = (8.0 * (NUMBERS + 1) + 1) * TARGET
    """Bytes of blocks: the numbers, the response and a code of both factors a row."""

    @property
    def loading(self) -> float:
        """Seconds: files arrive through the network and blocks are written to disks."""
        return self.files / (MACHINES * LINE) + self.packed / (MACHINES * DISK)

    @property
    def a_pass(self) -> float:
        """Seconds of reading the blocks from disks once."""
        return self.packed / (MACHINES * DISK)

    @property
    def computing(self) -> float:
        """Seconds, were all cores busy."""
        return self.core_seconds / (MACHINES * CORES)

    @property
    def elapsed(self) -> float:
        """Seconds of it all: waiting for bytes, or computing if that takes longer."""
        return max(self.loading + self.passes * self.a_pass, self.computing)

    @property
    def dollars(self) -> float:
        """The price of the machines meanwhile."""
        return self.elapsed / 3600 * MACHINES * CORES * PRICE


def beyond(run: dict[str, Any]) -> str:
    """1e12 rows, from the largest file that was fitted."""
    done = [each for each in run["curve"] if each["jobs"].get("nelder", {}).get("state") == "done"]
    if not done:
        return ""
    most = done[-1]
    fit, cores = most["jobs"]["nelder"], run["machine"]["cores"]
    each = TARGET / most["rows"]
    bill = Bill(most["bytes"] * each, cores * fit["seconds"] * each, fit.get("passes") or 6.0)
    levels = len(bin(TARGET // GROUP)) - 2
    words = WORDS.format(
        levels=levels, together=TOGETHER, packed=bill.packed / 1e12, share=bill.packed / MACHINES / 1e12
    )
    return f"""
## A million million rows

Nothing here was run. These are the figures above, multiplied, for {TARGET:,} rows of the same table on {MACHINES}
machines of {CORES} cores, and {bill.passes:.0f} passes.

{table(bytes_and_hours(bill, f"{cores} cores for {fit['seconds']:.0f} s above") + tasks())}
{words}"""


def bytes_and_hours(bill: Bill, source: str) -> list[list[str]]:
    """The first lines of the table: what is read, what is computed, and the price."""
    return [
        ["what", "how much", "from"],
        ["the files", f"{bill.files / 1e12:.0f} TB", "bytes a row of the largest file above"],
        [
            "blocks, packed",
            f"{bill.packed / 1e12:.0f} TB",
            f"{NUMBERS} numbers, the response and a code of both factors a row",
        ],
        ["work of processors", f"{bill.core_seconds / 3600:,.0f} core hours", source],
        ["the same, all cores busy", minutes(bill.computing), f"{MACHINES * CORES:,} cores"],
        [
            "files in, blocks to disks",
            minutes(bill.loading),
            f"{LINE * 8 / 1e9:.0f} Gbit and {DISK / 1e9:.0f} GB a second a machine",
        ],
        ["a pass over the blocks", minutes(bill.a_pass), "the same disks"],
        [
            "all of it",
            f"{bill.elapsed / 3600:.1f} hours",
            f"{bill.passes:.0f} passes: bytes take longer than processors",
        ],
        ["price", f"{bill.dollars:,.0f} dollars", f"{PRICE} dollars a core and hour, busy or not"],
    ]


def tasks() -> list[list[str]]:
    """The other lines: what one process hands out, and what comes back to it."""
    blocks = TARGET // GROUP
    results = blocks / TOGETHER * 8.0 * COLUMNS**2
    return [
        ["partitions", f"{blocks:,}", f"{GROUP:,} rows each"],
        ["a task loads, and is asked, so many", f"{TOGETHER}", f"for {SHARE} tasks a core"],
        ["tasks of a pass, scheduled", f"{blocks / TOGETHER * TASK:,.0f} s", "a fifth of a millisecond each"],
        ["results of a pass of an information", f"{results / 1e9:.2g} GB", f"{COLUMNS}² numbers a task"],
        ["their way to one machine", f"{results / LINE:.1f} s", f"{LINE * 8 / 1e9:.0f} Gbit a second"],
    ]


def minutes(seconds: float) -> str:
    """As a person would say it."""
    return f"{seconds / 60:.0f} minutes"

"""How much memory there is, and amounts of it in words."""

from __future__ import annotations

import re
from pathlib import Path

from nelder.errors import InputError, InputTypeError

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
UNITS |= {f"{unit[0]}ib": 1024 ** (k + 1) for k, unit in enumerate(("kb", "mb", "gb", "tb"))}
SHARE = 0.5  # of what is free: the rest is for what is made of the rows
LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
USED = Path("/sys/fs/cgroup/memory.current")
FREE = Path("/proc/meminfo")
UNKNOWN = 2 * 10**9  # where a system does not say


def bytes_of(amount: str | int | None) -> int:
    """An amount such as "1GB", "500 MiB" or a number of bytes; None is half of what is free now.

    Raises InputError for anything else.
    """
    if amount is None:
        return int(SHARE * free_memory())
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        raise InputTypeError(f"memory is a number of bytes or a text such as '1GB', not {type(amount).__name__}")
    found = re.fullmatch(r"\s*([0-9.]+)\s*([a-zA-Z]*)\s*", str(amount))
    unit = UNITS.get(found[2].lower()) if found else None
    try:
        size = int(float(found[1]) * unit) if found and unit else 0
    except ValueError:
        size = 0
    if size <= 0:
        raise InputError(f"memory={amount!r}: give a number of bytes, or a text such as '1GB' or '500MB'")
    return size


def free_memory() -> int:
    """Bytes that this process could take: what the system says is available, within the limit of a container."""
    available = UNKNOWN
    if FREE.exists():
        found = re.search(r"MemAvailable:\s*(\d+) kB", FREE.read_text())
        available = int(found[1]) * 1024 if found else UNKNOWN
    try:
        limit, used = LIMIT.read_text().strip(), int(USED.read_text())
        return max(min(available, int(limit) - used), 1) if limit.isdigit() else available
    except (OSError, ValueError):
        return available

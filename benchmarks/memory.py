"""How much memory a process has used at its highest, and a bound on what it may take."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

MEGABYTE = 1e6


def in_use(process: str = "self") -> float | None:
    """Megabytes that are resident now; None where the system does not say."""
    return status(process, "VmRSS")


def highest(process: str = "self") -> float | None:
    """Megabytes that were resident at most, since `forget` or since the start."""
    seen = status(process, "VmHWM")
    if seen is None and process == "self" and sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / MEGABYTE if sys.platform == "darwin" else peak * 1024 / MEGABYTE
    return seen


def forget(process: str = "self") -> None:
    """Let the highest begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/clear_refs").write_text("5")


def status(process: str, line: str) -> float | None:
    """A line of /proc/<process>/status, in megabytes."""
    with contextlib.suppress(OSError):
        for text in Path(f"/proc/{process}/status").read_text().splitlines():
            if text.startswith(line):
                return int(text.split()[1]) * 1024 / MEGABYTE
    return None


def bound(gigabytes: float) -> None:
    """Refuse this process and its children more memory than this, where the system can."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 1e9),) * 2)


def physical() -> float | None:
    """Gigabytes of the machine."""
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return None

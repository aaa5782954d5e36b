"""What a run was made on, in general terms: nothing here names a machine, a user or a path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from typing import Any

from memory import physical

LIBRARIES = ("nelder", "numpy", "scipy", "pandas", "glum", "tabmat", "scikit-learn", "statsmodels", "pyfixest")


def describe() -> dict[str, Any]:
    """Cores, memory, system, BLAS and versions."""
    memory = physical()
    return {
        "cores": cores(),
        "memory_gb": None if memory is None else round(memory),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": blas(),
        "versions": versions(),
        "busy": busy(),
    }


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy() -> float | None:
    """How many cores were at work on other things before the run began, over the last minute."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def blas() -> str:
    """NumPy's BLAS: its make, version, kernels and threads."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    for found in threadpool_info():
        if found["user_api"] == "blas":
            kernels = found.get("architecture", "unknown")
            return f"{found['internal_api']} {found['version']}, {kernels} kernels, {found['num_threads']} threads"
    return "unknown"


def versions() -> dict[str, str]:
    """Of the libraries that are installed, and of R."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if shutil.which("Rscript"):
        asked = ["Rscript", "--vanilla", "-e", "cat(as.character(getRversion()))"]
        found["R"] = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return found

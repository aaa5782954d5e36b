"""How time grows with rows, columns and threads: the exponent of a power fitted to the medians."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from machine import cores
from problems import PROBLEMS
from race import Rules, race

PROBLEM = "logistic_dense"
SHAPES = {
    "full": {
        "rows": [(10_000, 50), (30_000, 50), (100_000, 50), (300_000, 50), (1_000_000, 50)],
        "columns": [(100_000, 10), (100_000, 25), (100_000, 50), (100_000, 100), (100_000, 200)],
        "threads": (1_000_000, 50),
    },
    "quick": {
        "rows": [(3_000, 20), (10_000, 20), (30_000, 20), (100_000, 20)],
        "columns": [(20_000, 10), (20_000, 20), (20_000, 40), (20_000, 80)],
        "threads": (100_000, 20),
    },
    "tiny": {
        "rows": [(1_000, 5), (2_000, 5)],
        "columns": [(1_000, 5), (1_000, 10)],
        "threads": (2_000, 5),
    },
}


def scale(rules: Rules, size: str) -> dict[str, Any]:
    """The curves, by what grows: for each rival its points and exponent."""
    shapes = SHAPES[size]
    points = {
        "rows": [(n, (n, p), rules) for n, p in shapes["rows"]],
        "columns": [(p, (n, p), rules) for n, p in shapes["columns"]],
        "threads": [(count, shapes["threads"], replace(rules, cores=count)) for count in thread_counts()],
    }
    return {what: curve(what, chosen, shapes[what]) for what, chosen in points.items()}


def thread_counts() -> list[int]:
    """1, 2, 4, ... and all cores."""
    counts = [2**k for k in range(10) if 2**k < cores()]
    return [*counts, cores()]


def curve(what: str, points: list[tuple[int, tuple[int, int], Rules]], shapes: Any) -> dict[str, Any]:
    """Times along one curve."""
    rivals: dict[str, dict[str, list]] = {}
    for at, shape, rules in points:
        raced = race(lambda shape=shape: PROBLEMS[PROBLEM].make(*shape), rules)
        for name, result in raced.items():
            line = rivals.setdefault(name, {"at": [], "seconds": [], "without": []})
            if result["state"] == "timed":
                line["at"].append(at)
                line["seconds"].append(result["seconds"])
            else:
                line["without"].append([at, f"{result['state']}: {result.get('why', '')}"])
    for name, line in rivals.items():
        line["exponent"] = exponent(line["at"], line["seconds"])
        fitted = "too few points" if line["exponent"] is None else f"grows as {what} to the {line['exponent']:.2f}"
        times = ", ".join(f"{at:,}: {seconds:.3g} s" for at, seconds in zip(line["at"], line["seconds"], strict=True))
        print(f"{name:24} {fitted}   ({times})", flush=True)
    return {"problem": PROBLEM, "shapes": shapes, "rivals": rivals}


def exponent(at: list[int], seconds: list[float]) -> float | None:
    """The slope of log seconds on log size, by least squares."""
    if len(set(at)) < 2:
        return None
    return float(np.polyfit(np.log(at), np.log(seconds), 1)[0])

"""Every rival on every problem, in alternating rounds; answers compared before any time counts.

    python3 dev.py bench              all problems, 5 rounds
    python3 dev.py bench --rounds 3 --only logistic

Prints times as ratios to nelder's in the same run, and writes benchmarks/results.json.
"""

import argparse
import importlib
import json
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from problems import PROBLEMS

RIVALS = ("nelder", "statsmodels", "glum", "sklearn")
SAME = 1e-6  # of a standard error's size: what counts as the same answer


def adapters():
    """The rivals that are installed."""
    found = {}
    for name in RIVALS:
        try:
            found[name] = importlib.import_module(f"rivals.with_{name}")
        except ImportError:
            print(f"{name} is not installed and is left out")
    return found


def seconds(fit, problem):
    """One timed fit; a fit too short to time is repeated for a tenth of a second."""
    begun, times = time.perf_counter(), 0
    while times == 0 or time.perf_counter() - begun < 0.1:
        fit(problem)
        times += 1
    return (time.perf_counter() - begun) / times


def race(problem, rivals, rounds):
    """Median seconds a rival, and how far its answer is from nelder's in standard errors."""
    reference, errors = (np.asarray(part) for part in rivals["nelder"].fit(problem))
    distance = {}
    for name, rival in rivals.items():
        distance[name] = float(np.max(np.abs(np.asarray(rival.fit(problem)[0]) - reference) / errors))
    taken = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, rival in rivals.items():
            taken[name].append(seconds(rival.fit, problem))
    return {
        name: {"seconds": statistics.median(times), "spread": max(times) - min(times), "distance": distance[name]}
        for name, times in taken.items()
    }


def main():
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="problems whose name contains this")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rivals, results = adapters(), {}
    print(
        "Times are multiples of nelder's in the same run: above 1 slower, below 1 faster.\n"
        "All but sklearn give standard errors too."
    )
    for name, make in PROBLEMS.items():
        if options.only not in name:
            continue
        results[name] = race(make(), rivals, options.rounds)
        ours = results[name]["nelder"]["seconds"]
        print(f"\n{name}: nelder {1000 * ours:.3g} ms")
        for rival, result in results[name].items():
            note = "" if result["distance"] < SAME else f"   other answer: {result['distance']:.1e} SE away"
            print(f"  {rival:12} {result['seconds'] / ours:8.2f} x{note}")
    target = Path(__file__).parent / "results.json"
    target.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

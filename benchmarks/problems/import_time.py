"""Importing each library in a fresh interpreter, without the interpreter's own start."""

import statistics
import subprocess
import sys

TITLE = "Import"
FAIR = (
    "A fresh interpreter each time, the second and later ones with warm disk caches. nelder loads its parts when they "
    "are used, so `nelder, first fit` is there too: the import and a fit of 20 rows."
)
SIZES = {"full": (), "quick": (), "tiny": ()}
GOALS = {"numpy": 1.3}
FIRST_FIT = "import nelder, numpy\nnelder.glm_fit(numpy.ones((20, 1)), numpy.arange(20.0), 'poisson')"
PROGRAMS = {
    "numpy": "import numpy",
    "nelder": "import nelder",
    "nelder, first fit": FIRST_FIT,
    "glum": "from glum import GeneralizedLinearRegressor",
    "sklearn": "import sklearn.linear_model",
    "pyfixest": "from pyfixest import fepois",
    "statsmodels": "import statsmodels.api",
}
CLOCK = """
import sys, time
begun = time.perf_counter()
{program}
print(time.perf_counter() - begun, *({{"scipy.stats", "pandas", "matplotlib"}} & set(sys.modules)))
"""


def measure(rounds: int, wanted: list[str]) -> dict[str, dict]:
    """As `race` reports: seconds of each import in alternating rounds, after one that does not count."""
    chosen = {name: program for name, program in PROGRAMS.items() if name == "numpy" or name.split(",")[0] in wanted}
    results, taken = {}, {name: [] for name in chosen}
    for round_ in range(rounds + 1):
        for name, program in chosen.items():
            if name in results:
                continue
            done = subprocess.run(
                [sys.executable, "-c", CLOCK.format(program=program)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                results[name] = {"state": "not installed", "why": done.stderr.strip().splitlines()[-1][:200]}
            elif round_:
                seconds, *heavy = done.stdout.split()
                taken[name].append((float(seconds), sorted(heavy)))
    for name, seen in taken.items():
        if seen:
            times = [seconds for seconds, _ in seen]
            results[name] = {
                "state": "timed",
                "seconds": statistics.median(times),
                "rounds": times,
                "also_loads": seen[-1][1],
            }
    return {name: results[name] for name in chosen}

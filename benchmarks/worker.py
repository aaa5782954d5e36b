"""One rival on one problem, in a process of its own: `python worker.py RIVAL FOLDER GIGABYTES CORES`.

Reads commands from its input, one JSON a line, and answers each with one line of JSON:
{"do": "fit", "tolerance": t, "before": megabytes} fits once and writes answer-RIVAL.npz; {"do": "time", "at_least": s}
times.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from memory import bound, forget, highest, in_use
from rivals import RIVALS


class Cannot(Exception):
    """What a rival cannot do, and says so itself."""


def main(name: str, folder: str, gigabytes: str, cores: str) -> None:
    """Answer until the input ends."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not reach the channel
    bound(float(gigabytes))
    if int(cores) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    warnings.simplefilter("ignore")

    def reply(act: Any) -> Any:
        """Do it, and say how that went; what it gave, or None."""
        try:
            done, said = act()
        except Cannot as reason:
            done, said = None, {"state": "cannot", "why": str(reason)}
        except ImportError as error:
            done, said = None, {"state": "not installed", "why": shorten(error)}
        except BaseException as error:  # whatever it is, it is to be reported
            done, said = None, {"state": "failed", "why": shorten(error)}
        channel.write(json.dumps(said) + "\n")
        channel.flush()
        return done

    rival = reply(lambda: prepared(name, Path(folder)))
    for line in sys.stdin if rival else ():
        command = json.loads(line)
        act = {"fit": fit_once, "time": time_fits}[command["do"]]
        reply(lambda act=act, command=command: (None, act(rival, command, Path(folder) / f"answer-{slug(name)}.npz")))
    if rival:
        rival.close()


def prepared(name: str, folder: Path) -> tuple[Any, dict]:
    """The rival, ready to fit."""
    from problems.base import load

    module, kind = RIVALS[name].split(":")
    chosen = getattr(importlib.import_module(f"rivals.{module}"), kind)
    problem = load(folder)
    if why := chosen.cannot(problem):
        raise Cannot(why)
    about = {"gives_errors": chosen.gives_errors, "compared": chosen.compared, "options": chosen.options}
    rival = chosen(problem)
    forget(rival.process())
    return rival, {"state": "ready", "tolerances": chosen.tolerances, "before": in_use(rival.process()), **about}


def fit_once(rival: Any, command: dict, target: Path) -> dict:
    """Fit at a tolerance and keep the answer; seconds, and the most megabytes so far beyond those in use before."""
    import numpy as np

    rival.tolerance = command["tolerance"]
    begun = time.perf_counter()
    answer = rival.fit()
    seconds, before, after = time.perf_counter() - begun, command["before"], highest(rival.process())
    if rival.compared:
        errors = {} if answer.errors is None else {"errors": np.asarray(answer.errors, dtype=float)}
        everywhere = np.arange(len(rival.problem.truth))
        where = everywhere if answer.where is None else everywhere[answer.where]
        np.savez(target, beta=np.asarray(answer.beta, dtype=float), where=where, **errors)
    peak = None if before is None or after is None else max(after - before, 0.0)
    return {"state": "fitted", "seconds": seconds, "megabytes": peak}


def time_fits(rival: Any, command: dict, _: Path) -> dict:
    """Seconds a fit, repeated until they are long enough to be timed."""
    times, spent = 1, 0.0
    while True:
        begun = time.perf_counter()
        rival.repeat(times)
        spent = time.perf_counter() - begun
        if spent >= command["at_least"]:
            return {"state": "timed", "seconds": spent / times}
        times = max(2 * times, int(1.2 * times * command["at_least"] / max(spent, 1e-9)))


def shorten(error: BaseException) -> str:
    """The kind of an error and the beginning of what it says."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:240]}" if said else type(error).__name__


def slug(name: str) -> str:
    """A rival's name for a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


if __name__ == "__main__":
    main(*sys.argv[1:])

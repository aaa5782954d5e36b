"""One problem: every rival in a process of its own, answers compared first, then timed in alternating rounds."""

from __future__ import annotations

import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from problems.base import Problem
from reference import Reference, reference
from rivals import OURS, UNIT
from worker import shorten, slug

HERE = Path(__file__).parent
SAME = 1e-6  # standard errors a coefficient may be away, and the share a standard error may be off
COMPARING = 0.6  # of the time for a problem; the rest is for the rounds
LEAST = 5.0  # seconds below which no rival is begun
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Rules:
    """Who runs, how often, and for how long at most."""

    rivals: tuple[str, ...]
    rounds: int = 5
    limit: float = 60.0  # seconds for a rival to reach an agreeing answer, and at most for all its rounds
    gigabytes: float = 8.0
    cores: int = 0  # 0: all
    at_least: float = 0.1  # seconds a timing lasts
    deadline: float = float("inf")  # of time.monotonic, after which no more is begun

    def patience(self) -> float:
        """Seconds that a rival may take now."""
        return min(self.limit, self.deadline - time.monotonic())


class Worker:
    """A rival's process. `ask` sends a command and waits for the answer, or ends the process when time is over."""

    def __init__(self, name: str, folder: Path, rules: Rules) -> None:
        command = [sys.executable, str(HERE / "worker.py"), name, str(folder), str(rules.gigabytes), str(rules.cores)]
        few = dict.fromkeys(THREADS, str(rules.cores)) if rules.cores else {}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **few},
            start_new_session=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Pass on each line, and an empty one at the end."""
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def ask(self, command: dict | None, patience: float) -> dict:
        """The answer to a command; to none, the first one."""
        with suppress(BrokenPipeError):  # a process that has ended has said so, or ends the lines below
            if command is not None:
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
        try:
            line = self.lines.get(timeout=max(patience, 0.0))
        except queue.Empty:
            self.end()
            why = f"no answer within {patience:.0f} s"
            return {"state": "over the time limit", "why": why, "longer_than": patience}
        if line:
            return json.loads(line)
        code = self.process.wait()
        return {"state": "failed", "why": f"its process ended with code {code} (-9: killed, as for want of memory)"}

    def end(self) -> None:
        """End the process, and what it has started."""
        if self.process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, 9)
            else:
                self.process.kill()
        self.process.wait()
        self.listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()


def race(make: Any, rules: Rules) -> dict[str, Any]:
    """What every rival did on a problem, by its name; `make` draws the problem, which is not kept here."""
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        comparing = within(rules, COMPARING * (rules.deadline - time.monotonic()))
        target = prepare(make(), folder)
        results, workers = {}, {}
        for rival in rules.rivals:
            if comparing.patience() < min(rules.limit, LEAST):
                results[rival] = {"state": "not run", "why": "the time for this problem was over"}
                continue
            worker = Worker(rival, folder, rules)
            running.callback(worker.end)
            results[rival] = compare(worker, folder / f"answer-{slug(rival)}.npz", target, comparing)
            if results[rival]["state"] == "agrees":
                workers[rival] = worker
            else:
                results[rival] |= nearest(worker, results[rival], comparing)
                worker.end()
        time_in_rounds(workers, results, rules)
    if results.get(OURS, {}).get("state") in ("failed", "over the time limit"):
        results[OURS]["state"] = "not yet"
    return with_ratios(results)


def prepare(problem: Problem, folder: Path) -> Reference | str:
    """Write the problem down and solve it; the answer, or why there is none."""
    problem.save(folder)
    try:
        return reference(problem)
    except (RuntimeError, ArithmeticError, np.linalg.LinAlgError, MemoryError) as error:
        return shorten(error)


def compare(worker: Worker, file: Path, target: Reference | str, rules: Rules) -> dict[str, Any]:
    """A rival's answer at the loosest of its tolerances at which it agrees, or at the tightest there was time for."""
    said = worker.ask(None, rules.patience())
    if said["state"] != "ready":
        return said
    about = {name: said[name] for name in ("gives_errors", "compared", "options")}
    spent, best = 0.0, said
    for tolerance in said["tolerances"]:
        if spent and spent >= rules.patience():
            break
        command = {"do": "fit", "tolerance": tolerance, "before": said["before"]}
        fitted = worker.ask(command, rules.patience() - spent)
        if fitted["state"] != "fitted":
            best = {**fitted, **best} if best["state"] == "other answer" else fitted
            break
        spent += fitted["seconds"]
        best = {"tolerance": tolerance, "first_seconds": fitted["seconds"], "megabytes": fitted["megabytes"]}
        best |= distances(file, target) if about["compared"] else {"state": "agrees"}
        if best["state"] == "agrees":
            break
    if "distance" in best and best["state"] == "other answer":
        best["why"] += f", at tolerance {best['tolerance']:g}, the tightest there is or was time for"
    return {**about, **best}


def nearest(worker: Worker, result: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """How long a rival takes, once warm, for the nearest answer it has: one that agrees would take it longer."""
    told = "longer_than" in result or "distance" not in result
    if told or 2 * result["first_seconds"] > rules.patience() or worker.process.poll() is not None:
        return {}
    said = worker.ask({"do": "time", "at_least": rules.at_least}, rules.patience())
    return {"longer_than": said["seconds"]} if said["state"] == "timed" else {}


def distances(file: Path, target: Reference | str) -> dict[str, Any]:
    """How far an answer is from the reference: coefficients in standard errors, standard errors relatively."""
    if isinstance(target, str):
        return {"state": "other answer", "why": f"there is no reference answer: {target}"}
    with np.load(file) as answer:
        where, beta = answer["where"], answer["beta"]
        errors = answer["errors"] if "errors" in answer and target.errors is not None else None
    if beta.shape != where.shape:
        return {"state": "other answer", "why": f"{len(beta)} coefficients, where {len(where)} were expected"}
    found = {"distance": float(np.max(np.abs(beta - target.beta[where]) / target.unit[where]))}
    if errors is not None:
        found["error_distance"] = float(np.max(np.abs(errors / target.errors[where] - 1)))
    agrees = all(distance <= SAME for distance in found.values())  # nan does not agree
    words = [f"coefficients up to {found['distance']:.1e} standard errors away"]
    words += [f"standard errors up to {found['error_distance']:.1e} off"] if "error_distance" in found else []
    said = {"state": "agrees"} if agrees else {"state": "other answer", "why": ", ".join(words)}
    return {**{name: value for name, value in found.items() if np.isfinite(value)}, **said}


def time_in_rounds(workers: dict[str, Worker], results: dict[str, dict], rules: Rules) -> None:
    """Time those that agree, one after the other, round by round.

    Each has an equal part of the time. Who is slow takes part in fewer rounds; if in none, the first fit counts.
    """
    taken: dict[str, list[float]] = {name: [] for name in workers}
    each = min(rules.limit, (rules.deadline - time.monotonic()) / max(len(workers), 1))
    for _ in range(rules.rounds):
        for name, worker in workers.items():
            result, seen = results[name], taken[name]
            expected = seen[-1] if seen else result["first_seconds"]
            if result["state"] != "agrees" or sum(seen) + expected > each:
                continue
            said = worker.ask({"do": "time", "at_least": rules.at_least}, 3 * rules.limit)
            if said["state"] == "timed":
                seen.append(said["seconds"])
            else:
                results[name] = {**result, **said}
    for name, times in taken.items():
        if results[name]["state"] != "agrees":
            continue
        counted = times or [results[name]["first_seconds"]]
        results[name] |= {"state": "timed", "seconds": statistics.median(counted), "rounds": counted}


def with_ratios(results: dict[str, dict]) -> dict[str, dict]:
    """Times as ratios to nelder's and to the unit's: the median over the rounds that both took part in."""
    for name, base in (("to_nelder", OURS), ("to_unit", UNIT)):
        theirs = results.get(base, {}).get("rounds")
        for result in results.values():
            if theirs and result.get("rounds"):
                pairs = zip(result["rounds"], theirs, strict=False)
                result[name] = statistics.median(ours / unit for ours, unit in pairs)
    return results


def within(rules: Rules, seconds: float) -> Rules:
    """The same rules, ending so many seconds from now."""
    return replace(rules, deadline=time.monotonic() + seconds)

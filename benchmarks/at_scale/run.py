"""Run the jobs, compare their answers, and print and keep what they took."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from scaling import exponent

from at_scale import __doc__ as about
from at_scale.jobs import family
from at_scale.page import write_page
from at_scale.tables import factors_file, numbers_file

HERE = Path(__file__).parent
CURVE = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 20_000_000)
PEERS = 2_000_000  # rows that every engine and peer is given
RIVALS = ("h2o", "dask_glm")  # which may be installed for another Python
EVERYONE = ("nelder", "nelder_in_memory", "nelder_dask", "nelder_spark", "spark_itself", "statsmodels", *RIVALS)
MEMORY = "400MB"  # that nelder may hold of the rows
ROUNDS = 3  # of decoding and fitting in turns
NEAR = 1e-6  # standard errors by which answers may differ


def main(*words: str) -> None:
    """Measure, or read what was, and write."""
    options = read(words)
    if options.earlier:
        run = json.loads(Path(options.earlier).read_text(encoding="utf-8"))
    else:
        run = measure(options)
        folder = Path(options.results)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{run['date']}-scale.json"
        file.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        print(f"\nKept in {file.name}")
    if options.write_docs:
        print(f"Written: {write_page(run, Path(options.docs))}")


def read(words: tuple[str, ...]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=CURVE[-1], help="the most rows (default 2e7, 3 GB of disk)")
    parser.add_argument("--jobs", nargs="+", default=None, metavar="NAME", help="only these jobs")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one job")
    parser.add_argument("--minutes", type=float, default=28.0, help="for the whole run")
    parser.add_argument("--folder", help="where the tables are kept; by default a temporary folder")
    parser.add_argument(
        "--rivals-python", metavar="PATH", default=sys.executable, help="a Python with nelder[rivals]: h2o and dask-glm"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/scale.md")
    parser.add_argument("--from", dest="earlier", metavar="FILE", help="take the results of an earlier run")
    parser.add_argument("--results", default=str(HERE.parent / "results"), help="where runs are kept")
    parser.add_argument("--docs", default=str(HERE.parents[1] / "docs"), help="where the page is written")
    return parser.parse_args(words)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every job at every size that is wanted."""
    end = time.monotonic() + 60 * options.minutes
    folder = Path(options.folder or tempfile.mkdtemp(prefix="nelder-scale-"))
    run: dict[str, Any] = {"date": date.today().isoformat(), "machine": describe(), "memory": MEMORY}
    run["written"] = min(written(folder) for _ in range(ROUNDS))
    print(f"a gigabyte on its way into a new file takes {run['written']:.2f} s")
    try:
        curve = [rows for rows in CURVE if rows <= options.rows]
        run["curve"] = [middle(rows, options, end, folder) for rows in curve]
        peers = min(PEERS, int(options.rows))
        run["peers"] = at(numbers_file(folder, peers), peers, EVERYONE, options, end)
        most = curve[-1]
        run["counted"] = at(factors_file(folder, most), most, ("nelder_counted",), options, end)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    for what in ("seconds", "peak"):
        points = [(each["rows"], each["jobs"].get("nelder", {}).get(what)) for each in run["curve"]]
        known = [(rows, value) for rows, value in points if value and rows >= 1_000_000]
        run[f"{what}_exponent"] = exponent(*map(list, zip(*known, strict=True))) if len(known) > 1 else None
        print(f"{what} of nelder grow as rows to the power {run[f'{what}_exponent']}, from a million on")
    return run


def written(folder: Path) -> float:
    """Seconds that a gigabyte takes on its way into a new file, where rows go that memory has no room for: by far the
    most of them are the system's, which finds pages for it.
    """
    piece = np.random.default_rng(0).random(2**20).data
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        begun = time.perf_counter()
        for _ in range(10**9 // piece.nbytes):
            file.write(piece)
        return time.perf_counter() - begun


def middle(rows: int, options: argparse.Namespace, end: float, folder: Path) -> dict[str, Any]:
    """Decoding and a fit in turns, several times; of each job the run that took the time in the middle."""
    path = numbers_file(folder, rows)
    rounds = [at(path, rows, ("decode", "nelder"), options, end)["jobs"] for _ in range(ROUNDS)]
    found = {}
    for name in rounds[0]:
        runs = [each[name] for each in rounds]
        done = sorted((each for each in runs if each["state"] == "done"), key=lambda each: each["seconds"])
        found[name] = done[len(done) // 2] if done else runs[0]
    return {"rows": rows, "bytes": path.stat().st_size, "jobs": found}


def at(path: Path, rows: int, jobs: tuple[str, ...], options: argparse.Namespace, end: float) -> dict[str, Any]:
    """The jobs on one file."""
    found: dict[str, Any] = {}
    print(f"\n{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    for name in jobs:
        if options.jobs and name not in options.jobs:
            continue
        limit = min(options.limit, end - time.monotonic())
        python = options.rivals_python if name in RIVALS else sys.executable
        found[name] = judged(one(name, path, limit, python), found.get("nelder"))
        print(f"  {name:18} {words(found[name])}", flush=True)
    return {"rows": rows, "bytes": path.stat().st_size, "jobs": found}


def one(name: str, path: Path, limit: float, python: str) -> dict[str, Any]:
    """One job in a process of its own, of this Python."""
    if limit <= 0:
        return {"state": "not run", "why": "the time was over"}
    command = [python, str(HERE / "jobs.py"), name, str(path), MEMORY]
    begun = time.perf_counter()
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        printed, problems = process.communicate(timeout=limit)
        said = json.loads(printed.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"state": "not yet", "why": f"no answer within {limit:.0f} s"}
    except (IndexError, json.JSONDecodeError):
        return {"state": "failed", "why": (problems.strip().splitlines() or ["no words"])[-1][:200]}
    finally:
        stop(process)
    return {**said, "wall": time.perf_counter() - begun}


def stop(process: subprocess.Popen[str]) -> None:
    """End a job that still runs and all that it has started: a server would live on."""
    if process.poll() is None:
        for each in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each), signal.SIGKILL)
        process.communicate()


def judged(said: dict[str, Any], ours: dict[str, Any] | None) -> dict[str, Any]:
    """What a job said, or that its answer is another."""
    if said["state"] != "done" or not ours or "coef" not in said or "coding" in said or "coef" not in ours:
        return said
    away = np.max(np.abs(np.array(said["coef"]) - ours["coef"]) / np.array(ours["se"]))
    if not away < NEAR:
        return {**said, "state": "other answer", "why": f"{away:.1e} standard errors away"}
    return {**said, "away": float(away)}


def words(said: dict[str, Any]) -> str:
    """One line on a job."""
    if said["state"] != "done":
        return f"{said['state']}: {said.get('why', '')}"
    text = f"{said['seconds']:8.2f} s   peak {said['peak']:7,.0f} MB"
    if said.get("passes"):
        text += f"   {said['passes']:.1f} passes"
    if "overhead" in said:
        text += f"   {1e3 * said['overhead']['seconds']:.1f} ms a pass over {said['overhead']['blocks']} blocks"
    return text + (f"   {said['away']:.0e} SE away" if "away" in said else "")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(*sys.argv[1:])

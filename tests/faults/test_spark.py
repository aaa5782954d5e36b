"""Spark with real processes, broken on purpose: the same digits, or one clear error, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rows_on_engines import fit_on, numbers, parts_of

from nelder.engines import Threads

pytest.importorskip("pyspark")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java", allow_module_level=True)

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
CLUSTER = "local-cluster[2,1,512]"
PATIENCE = 300  # seconds: a session starts in five, unless the machine is busy
WORKER, EXECUTOR = "pyspark.daemon", "CoarseGrainedExecutorBackend"


@contextmanager
def session(what, folder, master="local[2]"):
    """The script that does this in a session, as a process; nothing of it is left in the end."""
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(HERE / "spark_session.py"), master, what, str(folder)]
    environment = {**os.environ, "PYTHONPATH": path, "SPARK_LOCAL_DIRS": str(folder / "disk")}
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        left = below(process.pid)
        process.kill()
        process.communicate()
        for each in left:
            stop(each)


def below(parent):
    """All processes that come from this one, children's children too."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, rest = [], [parent]
    while rest:
        one = rest.pop()
        mine = [child for child, of in parents.items() if of == one]
        found += mine
        rest += mine
    return found


def called(processes, word):
    return [each for each in processes if word in command_of(each)]


def command_of(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(processes):
    """Those that still run; the command line of one that has ended is empty."""
    return [each for each in processes if command_of(each)]


def stop(process):
    if alive([process]):
        os.kill(process, signal.SIGKILL)


def wait_for(met, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


def under_way(process, folder):
    """Wait until the session works on what it was asked."""
    wait_for(lambda: (folder / "under-way").exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()


def last_words(process, seconds=PATIENCE):
    """What a session said, once it has ended by itself and nothing of it runs any longer."""
    family = below(process.pid)
    said, _ = process.communicate(timeout=seconds)
    wait_for(lambda: not alive(family), 60)
    return said.strip().splitlines()


def files_in(folder):
    """The files in which blocks are, on the disk that executors were given."""
    return [path for path in (folder / "disk").glob("**/nelder/*") if path.is_file()]


def numbers_in(lines):
    assert len(lines) == 1, lines
    return np.frombuffer(bytes.fromhex(lines[0]))


def test_executors_and_workers_that_are_killed_change_no_digit(tmp_path):
    with session("digits", tmp_path, CLUSTER) as process:
        under_way(process, tmp_path)
        executors = called(below(process.pid), EXECUTOR)
        assert len(executors) == 2 and len(files_in(tmp_path)) >= 6
        stop(executors[0])
        several = numbers_in(last_words(process))
    assert not files_in(tmp_path)
    (tmp_path / "under-way").unlink()
    with session("digits", tmp_path, "local[1]") as process:
        under_way(process, tmp_path)
        for worker in called(below(process.pid), WORKER):
            stop(worker)
        one = numbers_in(last_words(process))
    assert not files_in(tmp_path)
    assert np.array_equal(one, several)
    assert one == pytest.approx(numbers(fit_on(Threads(), parts_of((300,) * 6), "lbfgs")), rel=1e-12)


def test_a_row_that_no_model_can_have_is_one_line_and_so_is_want_of_memory(tmp_path):
    with session("bad", tmp_path) as process:
        assert last_words(process) == ["DataError: claims.parquet, row group 0: row 7 has y = -1"]
    with session("hungry", tmp_path) as process:
        (line,) = last_words(process)
        assert line.startswith("EngineError: a worker had no memory left (")
    with session("killed", tmp_path) as process:
        (line,) = last_words(process)
        assert line.startswith("EngineError: Spark lost a Python worker or executor several times over the same rows")


def test_ctrl_c_ends_a_pass_at_once(tmp_path):
    with session("endless", tmp_path) as process:
        under_way(process, tmp_path)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert last_words(process) == ["KeyboardInterrupt:"]
        assert time.monotonic() - began < 40
    assert not files_in(tmp_path)


def test_ctrl_c_ends_a_fit_with_the_best_step_so_far(tmp_path):
    with session("interrupted", tmp_path) as process:
        under_way(process, tmp_path)
        process.send_signal(signal.SIGINT)
        assert last_words(process) == ["interrupted True"]


@pytest.mark.parametrize("master", ["local[2]", CLUSTER])
def test_a_process_that_is_killed_leaves_no_files_on_the_executors(master, tmp_path):
    with session("endless", tmp_path, master) as process:
        under_way(process, tmp_path)
        assert len(files_in(tmp_path)) == 6
        family = below(process.pid)
        process.kill()
        wait_for(lambda: not alive(called(family, "java")), 60)
        wait_for(lambda: not files_in(tmp_path), 60)


def test_files_of_blocks_that_are_deleted_in_a_fit_change_no_digit(tmp_path):
    with session("digits", tmp_path, "local[2]") as process:
        under_way(process, tmp_path)
        for path in files_in(tmp_path):
            path.unlink(missing_ok=True)
        again = numbers_in(last_words(process))
    assert again == pytest.approx(numbers(fit_on(Threads(), parts_of((300,) * 6), "lbfgs")), rel=1e-12)

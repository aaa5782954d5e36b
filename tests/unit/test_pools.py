"""Threads that are kept."""

import os
import subprocess
import sys
import threading
import time

import pytest

from nelder.engines.pools import in_threads


def test_results_come_in_order_from_threads_that_are_kept():
    names = set()

    def work(k):
        names.add(threading.current_thread().name)
        time.sleep(0.001 * (k % 3))
        return k * k

    for _ in range(3):
        assert in_threads(2, work, range(12)) == [k * k for k in range(12)]
    assert len(names) <= 2


def test_work_of_one_of_them_is_done_by_itself():
    def outer(k):
        return in_threads(2, lambda j: (threading.current_thread().name, k, j), range(3))

    for k, found in enumerate(in_threads(2, outer, range(4))):
        assert [place[1:] for place in found] == [(k, j) for j in range(3)]
        assert len({place[0] for place in found}) == 1


def test_a_failure_ends_what_has_not_begun_and_waits_for_what_has():
    begun, ended = [], []

    def work(k):
        begun.append(k)
        if k == 0:
            raise ValueError("the first")
        time.sleep(0.02)
        ended.append(k)

    with pytest.raises(ValueError, match="the first"):
        in_threads(2, work, range(200))
    at_once = len(begun)
    assert at_once < 200 and sorted(ended) == sorted(set(begun) - {0})
    time.sleep(0.05)
    assert len(begun) == at_once
    assert in_threads(2, lambda k: k, range(5)) == list(range(5))


def test_many_threads_may_ask_at_once():
    results = {}

    def ask(name):
        results[name] = in_threads(2, lambda k: (name, k), range(50))

    askers = [threading.Thread(target=ask, args=(name,)) for name in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert results == {name: [(name, k) for k in range(50)] for name in range(6)}


FORKED = """
import os, warnings
from nelder.engines.pools import in_threads
warnings.simplefilter("ignore")  # newer Pythons say that a process with threads is forked
print(in_threads(2, abs, [-1, -2, -3]), flush=True)
if not os.fork():
    print(in_threads(2, abs, [-4, -5]), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_threads_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["[1, 2, 3]", "[4, 5]"]

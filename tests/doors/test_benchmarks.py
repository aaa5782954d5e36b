"""The benchmarks, run small and with nelder alone: what is compared, kept and printed; never how long it takes."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from problems import PROBLEMS
from problems.base import Factor, load
from race import Rules, distances, race, with_ratios
from reference import Arrow, Reference, Square, reference
from rivals.with_nelder import Nelder
from words import goals, lines

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DRAWN = {name: module for name, module in PROBLEMS.items() if hasattr(module, "make")}
RIVALS = {"nelder": {"state": "timed", "seconds": 2.0, "rounds": [1.0, 2.0, 3.0]}}


def tiny(name):
    return PROBLEMS[name].make(*PROBLEMS[name].SIZES["tiny"])


def run(*words):
    """Run the suite at its smallest; what it printed."""
    command = [sys.executable, BENCHMARKS / "run.py", "--size", "tiny", "--rounds", "2", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def only_file(folder, pattern):
    """The text of the one file there."""
    (file,) = folder.glob(pattern)
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "sparse_ridge"])
def test_the_reference_is_nelders_answer(name):
    problem = tiny(name)
    target, answer = reference(problem), Nelder(problem).fit()
    assert np.max(np.abs(answer.beta - target.beta) / target.unit) < 1e-6
    np.testing.assert_allclose(answer.errors, target.errors, rtol=1e-6)


def test_the_reference_of_a_ridge_solves_its_equations():
    problem = tiny("sparse_ridge")
    beta, X = reference(problem).beta, problem.with_intercept()
    score = X.T @ (problem.y - 1 / (1 + np.exp(-(X @ beta))))
    score[1:] -= problem.ridge * beta[1:]
    assert np.max(np.abs(score)) < 1e-8


def test_many_levels_are_eliminated_exactly():
    from scipy import sparse

    random = np.random.default_rng(0)
    A = np.hstack([np.ones((60, 1)), np.eye(6)[random.integers(0, 6, 60)][:, 1:], random.normal(size=(60, 2))])
    arrow, square = Arrow(sparse.csr_array(A.T @ A), 1, 6), Square(A.T @ A)
    score = random.normal(size=8)
    np.testing.assert_allclose(arrow.solve(score), square.solve(score), rtol=1e-10)
    np.testing.assert_allclose(arrow.unit, square.unit, rtol=1e-10)


@pytest.mark.parametrize("name", DRAWN)
def test_a_problem_is_read_as_it_was_written(name, tmp_path):
    problem = tiny(name)
    problem.save(tmp_path)
    again = load(tmp_path)
    for words in ("kind", "family", "link", "ridge", "formula"):
        assert getattr(again, words) == getattr(problem, words)
    np.testing.assert_array_equal(again.y, problem.y)
    np.testing.assert_array_equal(again.truth, problem.truth)
    for column, read in zip(problem.columns.values(), again.columns.values(), strict=True):
        if isinstance(column, Factor):
            np.testing.assert_array_equal(read.codes, column.codes)
            assert read.levels == column.levels
        else:
            np.testing.assert_array_equal(read, column)
    if problem.X is not None:
        assert abs(again.X - problem.X).max() == 0


@pytest.mark.parametrize(
    ("moved", "wider", "state"),
    [(0.0, 1.0, "agrees"), (2e-6, 1.0, "other answer"), (0.0, 1 + 2e-6, "other answer"), (np.nan, 1.0, "other answer")],
)
def test_only_an_answer_that_agrees_is_timed(moved, wider, state, tmp_path):
    target = Reference(np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([0.1, 0.2]))
    beta, errors = target.beta + np.array([0.0, 0.2 * moved]), target.errors * np.array([1.0, wider])
    np.savez(tmp_path / "a.npz", beta=beta, where=np.arange(2), errors=errors)
    assert distances(tmp_path / "a.npz", target)["state"] == state


def test_without_a_reference_nothing_agrees(tmp_path):
    assert distances(tmp_path / "none.npz", "it did not settle")["state"] == "other answer"


def test_ratios_are_medians_over_common_rounds():
    slow = {"state": "timed", "seconds": 9.0, "rounds": [8.0, 10.0]}
    other = {"state": "other answer", "why": "far"}
    seen = with_ratios({**RIVALS, "R": dict(slow), "glum": dict(other)})
    assert seen["R"]["to_nelder"] == 6.5 and seen["nelder"]["to_nelder"] == 1.0
    assert seen["glum"] == other


def test_goals_say_whether_they_are_reached():
    rivals = with_ratios({**RIVALS, "glum": {"state": "timed", "seconds": 8.0, "rounds": [4.0, 8.0, 12.0]}})
    found = goals({"glum": 0.2, "seconds": 3.0, "R": 1.0}, rivals)
    assert [goal["reached"] for goal in found] == [0.25, 2.0, None]
    said = lines("a problem", {"shape": (3, 2), "rivals": rivals, "goals": found})[-3:]
    assert [line.split()[-1] for line in said] == ["missed", "reached", "known"]


def test_a_rival_that_does_not_get_there_bounds_a_goal_and_no_more():
    slow = {"state": "over the time limit", "why": "no answer within 10 s", "longer_than": 10.0}
    far = {"state": "other answer", "why": "far", "distance": 1e-3, "longer_than": 4.0}
    rivals = with_ratios({**RIVALS, "glum": slow, "R": far})
    found = goals({"glum": 0.5, "R": 0.4, "sklearn": 1.0}, rivals)
    assert [goal["reached"] for goal in found] == [0.2, 0.5, None]
    text = lines("a problem", {"shape": (3, 2), "rivals": rivals, "goals": found})
    assert text[-3].endswith("less than 0.2 x, reached")
    assert text[-2].endswith("not known") and text[-1].endswith("not known")
    assert any(line.endswith("other answer: far, after 4 s") for line in text)
    assert "to_nelder" not in rivals["glum"] and "to_nelder" not in rivals["R"]


def test_what_nelder_cannot_do_in_time_is_said():
    seen = race(lambda: tiny("small"), Rules(("nelder",), rounds=1, limit=0.01))
    assert seen["nelder"]["state"] == "not yet"
    assert seen["nelder"]["why"] == "no answer within 0 s"


@pytest.mark.slow
def test_a_small_run_keeps_and_writes_what_it_promises(tmp_path):
    results, docs = tmp_path / "results", tmp_path / "docs"
    printed = run("--rivals", "nelder", "--results", results, "--docs", docs, "--write-docs")
    kept = only_file(results, "*-race-tiny.json")
    found = json.loads(kept)
    assert list(found["problems"]) == list(PROBLEMS)
    assert found["machine"]["cores"] >= 1 and found["machine"]["versions"]["nelder"]
    assert platform.node() not in kept and str(Path.home()) not in kept and str(BENCHMARKS.parent) not in kept
    for name, result in found["problems"].items():
        seen = result["rivals"]["nelder"]
        assert f"\n{name}" in printed and result["about"] and result["fair"] and result["goals"]
        if seen["state"] == "not yet":
            assert seen["why"] and f"not yet: {seen['why']}" in printed
            continue
        assert seen["state"] == "timed" and len(seen["rounds"]) == 2 and seen["to_nelder"] == 1.0
        if name in DRAWN:
            assert seen["distance"] <= 1e-6
        assert name not in ("small", "logistic_dense") or seen["to_unit"] > 0
    page = only_file(docs, "benchmarks.md")
    assert all(f"## {module.TITLE}\n" in page and f"[{name}](#" in page for name, module in PROBLEMS.items())
    assert "<svg" in only_file(docs / "images", "benchmarks.svg")
    (file,) = results.iterdir()
    run("--from", file, "--results", results, "--docs", tmp_path / "again", "--write-docs")
    assert only_file(tmp_path / "again", "benchmarks.md") == page


@pytest.mark.slow
def test_scaling_fits_an_exponent_to_each_curve(tmp_path):
    printed = run("--scaling", "--threads", "1", "--results", tmp_path, "--docs", tmp_path, "--write-docs")
    curves = json.loads(only_file(tmp_path, "*-scaling-tiny.json"))["scaling"]
    assert list(curves) == ["rows", "columns", "threads"]
    for what in ("rows", "columns"):
        line = curves[what]["rivals"]["nelder"]
        assert len(line["at"]) == len(line["seconds"]) == 2 and np.isfinite(line["exponent"])
        assert f"grows as {what} to the {line['exponent']:.2f}" in printed
    assert "## How time grows" in only_file(tmp_path, "benchmarks.md")
    assert "<svg" in only_file(tmp_path / "images", "scaling.svg")


def test_a_problem_nobody_knows_is_refused():
    command = [sys.executable, BENCHMARKS / "run.py", "--only", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "logistic_dense" in done.stderr

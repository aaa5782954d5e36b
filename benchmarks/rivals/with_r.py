"""R's glm, in an R process of its own that is told what to do line by line: see fit_with_r.R."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from problems.base import Problem

from rivals.base import Answer, Rival

if shutil.which("Rscript") is None:
    raise ImportError("Rscript is not on the path")


class R(Rival):
    """glm by formula and summary from a table; glm.fit and the inverse of its R factor from arrays."""

    tolerances = (1e-8, 1e-11, 1e-14)
    options = "epsilon as needed"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.folder = TemporaryDirectory()
        folder = Path(self.folder.name)
        problem.save(folder)
        words = {"family": problem.family, "kind": problem.kind, "columns": " ".join(problem.columns)}
        words |= {"exposure": "no" if problem.exposure is None else "yes", "formula": problem.formula}
        (folder / "problem.dcf").write_text("".join(f"{name}: {value}\n" for name, value in words.items()))
        script = Path(__file__).with_name("fit_with_r.R")
        self.child = subprocess.Popen(
            ["Rscript", "--vanilla", str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.hear()
        for file in folder.glob("*.npy"):
            file.unlink()

    @staticmethod
    def cannot(problem: Problem) -> str:
        return "its glm takes no sparse design" if problem.kind == "sparse" else ""

    def fit(self) -> Answer:
        self.say(f"fit {self.tolerance:g} 1")
        answer = np.fromfile(Path(self.folder.name) / "answer.bin")
        return Answer(*np.split(answer, 2))

    def repeat(self, times: int) -> None:
        self.say(f"fit {self.tolerance:g} {times}")

    def say(self, line: str) -> None:
        """A command, and wait until it is done."""
        assert self.child.stdin is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        self.hear()

    def hear(self) -> None:
        """One line of answer. Raises RuntimeError with R's words where there is none."""
        assert self.child.stdout is not None and self.child.stderr is not None
        if self.child.stdout.readline().strip() != "done":
            raise RuntimeError(" ".join(self.child.stderr.read().split()) or "R ended without a word")

    def process(self) -> str:
        return str(self.child.pid)

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        self.folder.cleanup()

"""Fits that run beside the page, so that it can show them and stop them."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from nelder.errors import NelderError, NelderWarning
from nelder.fit import Fit
from nelder.lab.choices import Plan
from nelder.trace import Record, Thinned
from nelder.watchers import Line, Progress

MOST = 400  # steps that are kept to be drawn


class Told(Line):
    """A line that keeps its words."""

    def __init__(self) -> None:
        self.words = ""

    def show(self, words: str) -> None:
        self.words = words

    def clear(self) -> None:
        self.words = ""


@dataclass(eq=False)
class Job:
    """Plans that run one after the other in a thread of their own, by name; `fits` and `refusals` are what became of
    them. `seen` are steps of the one that is running: their numbers and deviances.
    """

    plans: Mapping[str, Plan]
    fits: dict[str, Fit] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    seen: Thinned[tuple[int, float]] = field(default_factory=Thinned)
    told: Told = field(default_factory=Told)
    name: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Job:
        """Begin."""
        RUNNING.append(self)
        threading.Thread(target=self.run, daemon=True, name="nelder-lab-fit").start()
        return self

    def stop(self) -> None:
        """Ask it to stop at its next step; the best coefficients so far are then its result."""
        self.stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is over; whether it is."""
        return self.over.wait(seconds)

    def run(self) -> None:
        """Run every plan, here and now."""
        try:
            for name, plan in self.plans.items():
                if not self.stopping.is_set():
                    self.name = name
                    self.run_one(name, plan)
        finally:
            self.over.set()
            if self in RUNNING:
                RUNNING.remove(self)

    def run_one(self, name: str, plan: Plan) -> None:
        """Run one plan: its fit, or in words why there is none."""
        self.seen, progress = Thinned(), Progress(self.told)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NelderWarning)  # the page says them
                self.fits[name] = plan.run(Watching(self, progress))
        except NelderError as problem:
            self.refusals[name] = str(problem)
        except KeyboardInterrupt:
            self.refusals[name] = "it was stopped before there was anything to show"
        except MemoryError:
            self.refusals[name] = "it does not fit into the memory of this machine: use fewer rows or columns"
        except Exception as problem:  # the page must go on, whatever a fit runs into
            self.refusals[name] = f"this should not have happened, and is a defect of nelder: {problem!r:.300}"


RUNNING: list[Job] = []  # of all pages, so that the program can end in peace


def stop_all(seconds: float) -> bool:
    """Stop every job; whether all were over within so many seconds."""
    left = list(RUNNING)
    for job in left:
        job.stop()
    until = time.monotonic() + seconds
    return all([job.wait(max(until - time.monotonic(), 0.0)) for job in left])


@dataclass(frozen=True)
class Watching:
    """A watcher that keeps the steps for the page, and stops the fit as Ctrl-C would."""

    job: Job
    progress: Progress

    def __call__(self, record: Record) -> None:
        """See a step."""
        self.job.seen.add(record.step, (record.step, record.deviance), MOST)
        self.progress(record)
        if self.job.stopping.is_set():
            raise KeyboardInterrupt

    def close(self) -> None:
        """The fit is over."""
        self.progress.close()

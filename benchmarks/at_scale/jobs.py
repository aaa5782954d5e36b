"""What is measured, each in a process of its own: `python jobs.py NAME FILE MEMORY` prints one line of JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from memory import highest, in_use

from at_scale.tables import FACTORS, FORMULA

WORKERS = 2
PASSES = 20  # of a kernel that does nothing


def decode(path: str, memory: str) -> dict[str, Any]:
    """Every column of the file once, by the reader that nelder uses, row group by row group, and nothing else."""
    from nelder.sources import PIECE
    from nelder.sources.parquet import footer, opened

    begun, rows = time.perf_counter(), 0
    texts = [name for name, kind in footer(path).kinds.items() if kind == "text"]
    with opened(path, texts) as file:
        for group in range(file.num_row_groups):
            rows += sum(batch.num_rows for batch in file.iter_batches(PIECE, row_groups=[group]))
    return {"seconds": time.perf_counter() - begun, "rows": rows}


def nelder(path: str, memory: str) -> dict[str, Any]:
    """A fit with standard errors of rows on disk."""
    import nelder as nd

    return fitted(lambda: nd.glm(FORMULA, path, "poisson", engine=nd.Threads(memory=memory)))


def nelder_in_memory(path: str, memory: str) -> dict[str, Any]:
    """The same with all of the rows held."""
    import nelder as nd

    return fitted(lambda: nd.glm(FORMULA, path, "poisson", engine=nd.Threads(memory="1TB")))


def nelder_counted(path: str, memory: str) -> dict[str, Any]:
    """Rows of factors alone, counted where they are."""
    import nelder as nd

    return fitted(lambda: nd.glm(FACTORS, path, "poisson", engine=nd.Threads(memory=memory)))


def nelder_dask(path: str, memory: str) -> dict[str, Any]:
    """A fit on a local Dask cluster, and what a pass costs that does nothing."""
    from distributed import Client, LocalCluster

    import nelder as nd

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        return fitted(lambda: nd.glm(FORMULA, path, "poisson", engine=nd.Dask(client)), overhead=True)


def nelder_spark(path: str, memory: str) -> dict[str, Any]:
    """The same on a local Spark."""
    import nelder as nd

    session = spark()
    try:
        return fitted(lambda: nd.glm(FORMULA, path, "poisson", engine=nd.Spark(session)), overhead=True)
    finally:
        session.stop()


def spark_itself(path: str, memory: str) -> dict[str, Any]:
    """Spark's GeneralizedLinearRegression on the same session settings, with its standard errors."""
    from pyspark.ml.feature import RFormula
    from pyspark.ml.regression import GeneralizedLinearRegression

    session = spark()
    try:
        begun = time.perf_counter()
        ready = RFormula(formula=FORMULA, stringIndexerOrderType="alphabetDesc").fit(session.read.parquet(path))
        table = ready.transform(session.read.parquet(path)).select("features", "label").cache()
        model = GeneralizedLinearRegression(family="poisson", link="log", tol=1e-10).fit(table)
        errors = model.summary.coefficientStandardErrors
        seconds = time.perf_counter() - begun
        coef = [model.intercept, *model.coefficients.toArray().tolist()]
        return {"seconds": seconds, "coef": coef, "se": [errors[-1], *errors[:-1]], "coding": "last level is base"}
    finally:
        session.stop()


def statsmodels(path: str, memory: str) -> dict[str, Any]:
    """statsmodels, by formula from a data frame, which holds the rows as a dense matrix."""
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    begun = time.perf_counter()
    fit = smf.glm(FORMULA, pd.read_parquet(path), family=sm.families.Poisson()).fit(tol=1e-10)
    order = [name for name in fit.params.index if name == "Intercept"]
    order += [name for name in fit.params.index if name[:2] in ("g[", "h[")]
    order = ["Intercept", *(f"x{j}" for j in range(17)), *order[1:]]
    return {
        "seconds": time.perf_counter() - begun,
        "coef": [float(fit.params[name]) for name in order],
        "se": [float(fit.bse[name]) for name in order],
    }


def h2o(path: str, memory: str) -> dict[str, Any]:
    """H2O's GLM without a penalty, with its standard errors: its file import and its fit, on a server that runs."""
    import h2o as library
    from h2o.estimators import H2OGeneralizedLinearEstimator

    library.init(nthreads=WORKERS, max_mem_size="6g", bind_to_localhost=True, log_level="ERRR")
    library.no_progress()
    try:
        begun = time.perf_counter()
        table = library.import_file(path)
        tight = {"beta_epsilon": 1e-10, "objective_epsilon": 1e-14, "gradient_epsilon": 1e-14}
        model = H2OGeneralizedLinearEstimator(
            family="poisson", link="log", solver="IRLSM", lambda_=0.0, compute_p_values=True, **tight
        )
        model.train(x=[name for name in table.names if name != "y"], y="y", training_frame=table)
        seconds = time.perf_counter() - begun
        found = {row[0]: row[1:3] for row in model._model_json["output"]["coefficients_table"].cell_values}
        order = sorted(found, key=lambda name: (name != "Intercept", "." in name))  # as h2o has them, factors last
        coef, errors = ([found[name][k] for name in order] for k in (0, 1))
        return {"seconds": seconds, "coef": coef, "se": errors, "version": library.__version__}
    finally:
        library.cluster().shutdown()


def dask_glm(path: str, memory: str) -> dict[str, Any]:
    """dask-glm's Newton iterations, which take no penalty, on a local cluster; it has no standard errors."""
    from importlib.metadata import version

    import dask.dataframe as frames
    from dask_glm.estimators import PoissonRegression
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        begun = time.perf_counter()
        table = frames.read_parquet(path, split_row_groups=1).categorize(["g", "h"]).persist()
        columns = frames.get_dummies(table.drop(columns="y"), drop_first=True, dtype=float)
        X, y = (part.to_dask_array(lengths=True).persist() for part in (columns, table["y"].astype(float)))
        fit = PoissonRegression(solver="newton", tol=1e-10).fit(X, y)
        seconds = time.perf_counter() - begun
        coef = [float(fit.intercept_), *map(float, fit.coef_)]
        return {"seconds": seconds, "coef": coef, "version": version("dask-glm")}


def spark() -> Any:
    """A local session with as many threads."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of workers, else any python3 on the path
    made = SparkSession.builder.master(f"local[{WORKERS}]").config("spark.driver.memory", "6g")
    made = made.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
    return made.getOrCreate()


def fitted(fit: Any, overhead: bool = False) -> dict[str, Any]:
    """The fit timed, with its passes and its answer, by a process that has what it imports."""
    warnings.simplefilter("ignore")
    ready()
    begun = time.perf_counter()
    made = fit()
    seconds = time.perf_counter() - begun
    names = list(made.names)
    order = sorted(range(len(names)), key=lambda j: ("[" in names[j], j))
    found = {
        "seconds": seconds,
        "converged": bool(made.converged),
        "passes": float(made.trace.passes[-1]) if len(made.trace) else None,
        "solver": made.solved.solver,
        "notes": list(made.notes),
        "coef": [float(made.coef[j]) for j in order],
        "se": [float(made.se[j]) for j in order],
    }
    if overhead:
        found["overhead"] = overhead_of(made.objective)
    return found


def ready() -> None:
    """Import what a fit of a file by formula imports, as others do before their clocks run."""
    from pyarrow import parquet  # noqa: F401

    import nelder as nd

    nd.glm("y ~ x + g", {"y": [1, 2, 4, 3], "x": [0, 1, 2, 1], "g": ["a", "b", "b", "a"]}, "poisson")


def overhead_of(objective: Any) -> dict[str, Any]:
    """Seconds of a pass whose kernel does nothing, and how many blocks it goes to."""
    handles, took = objective.design.handles, []
    for _ in range(PASSES):
        begun = time.perf_counter()
        objective.engine.map(nothing, handles)
        took.append(time.perf_counter() - begun)
    return {"seconds": sorted(took)[PASSES // 2], "blocks": len(handles)}


def nothing(block: Any) -> float:
    """A kernel that does nothing."""
    return 0.0


class Peak(threading.Thread):
    """Watches the memory of this process and its children, as their sum."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0

    def run(self) -> None:
        """Look twenty times a second."""
        while True:
            self.most = max(self.most, sum(in_use(pid) or 0.0 for pid in family(os.getpid())))
            time.sleep(0.05)


def family(process: int) -> list[str]:
    """A process and its descendants."""
    parents: dict[str, list[str]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(status.read_text().rpartition(")")[2].split()[1], []).append(status.parent.name)
        except OSError:
            continue
    found, left = [], [str(process)]
    while left:
        found.append(left.pop())
        left += parents.get(found[-1], [])
    return found


MINE = (decode, nelder, nelder_in_memory, nelder_counted, nelder_dask, nelder_spark)
JOBS = {job.__name__: job for job in (*MINE, spark_itself, statsmodels, h2o, dask_glm)}


def main(name: str, path: str, memory: str) -> None:
    """Run one, and print what it said."""
    peak = Peak()
    peak.start()
    try:
        said = {"state": "done", **JOBS[name](path, memory)}
    except ImportError as problem:
        said = {"state": "not installed", "why": str(problem).splitlines()[0][:200]}
    except Exception as problem:  # whatever it is, it is to be reported
        said = {"state": "failed", "why": (str(problem) or type(problem).__name__).splitlines()[0][:200]}
    said["peak"] = max(peak.most, highest() or 0.0)
    print("\n" + json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Runs the code of the guide to Spark, which the tests of pages leave out: not everybody has Java."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import nelder as nd

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "spark.md"


def test_the_code_of_the_guide_to_spark_runs(spark_session, tmp_path):
    names, printed = {}, io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
        for code in re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            exec(code, names)
    reference = nd.glm(names["formula"], nd.datasets.motor(20_000), "poisson")
    claims = nd.datasets.motor(20_000)
    assert names["fit"].coef == pytest.approx(names["guarded"].coef, rel=1e-12)
    assert names["fit"].statistics.n == sum(exposure > 0.1 for exposure in claims["Exposure"])
    assert set(names["fit"].coef) == set(reference.coef)
    assert "rows_stay=True" in printed.getvalue()

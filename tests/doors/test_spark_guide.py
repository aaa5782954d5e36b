"""Runs the code of the guide to Spark, which the tests of pages leave out: not everybody has Java."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np

import nelder as nd

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "spark.md"


def test_the_code_of_the_guide_to_spark_runs(spark_session, tmp_path):
    names, printed = {}, io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
        for code in re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            exec(code, names)
    claims = nd.datasets.motor(20_000)
    long = claims["exposure"] > 0.1
    here = nd.glm(names["formula"], {name: column[long] for name, column in claims.items()}, "poisson")
    for name in ("fit", "guarded"):
        np.testing.assert_allclose(names[name].coef, here.coef, rtol=1e-10)
    assert "rows_stay=True" in printed.getvalue()

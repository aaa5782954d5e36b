"""The benchmarks are scripts beside the package: their modules are found from their own folder. Pictures open no
window.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
os.environ.setdefault("MPLBACKEND", "Agg")

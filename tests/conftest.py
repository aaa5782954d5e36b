"""How every test runs: no deadlines, and in CI the same examples each time."""

import os

from hypothesis import settings

settings.register_profile("nelder", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("nelder")

"""How every test runs: no deadlines, and the same examples each time; --hypothesis-profile explore draws new ones."""

from hypothesis import settings

settings.register_profile("nelder", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("nelder")

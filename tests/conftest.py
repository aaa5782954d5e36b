"""How every test runs: no deadlines, and the same examples each time; --hypothesis-profile explore draws new ones."""

import signal

from hypothesis import settings

settings.register_profile("nelder", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("nelder")

# A shell that runs the tests in the background lets them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

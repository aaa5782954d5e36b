"""`python -m nelder`, where the command is not on the path."""

import sys

from nelder.cli import main

sys.exit(main())

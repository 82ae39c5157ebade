"""`python -m bellhop.cli`, for where there is no console script."""

import runpy

from bellhop.processes import BELLHOP

runpy.run_path(BELLHOP[-1], run_name="__main__")

"""`python -m bellhop.cli`, as which the parts are started."""

from bellhop.cli import main

main()

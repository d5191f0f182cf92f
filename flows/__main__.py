"""`python -m flows` is the command `shopfloor`."""

from flows.cli import main

main()

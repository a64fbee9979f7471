"""`python -m dcanary`: the command line without its console script."""

from dcanary.cli.main import main

main()

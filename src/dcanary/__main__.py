"""`python -m dcanary`: the command line without its console script."""

import sys

try:
    from dcanary.cli.main import main
except KeyboardInterrupt:
    sys.exit(130)

main()

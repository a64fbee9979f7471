"""`python -m dcanary.replica.network`: the foreground process behind `start`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ..engine import EngineError
from . import NetworkError, serve
from .guard import raise_descriptor_limit
from .quiet import quieten


def main() -> int:
    """Returns the exit code: 0 after a stop by signal, 1 when the network could not start."""
    parser = argparse.ArgumentParser(prog="dcanary.replica.network")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--allow-http-loopback", action="store_true")
    parser.add_argument("--accept-loss", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    quieten()
    raise_descriptor_limit()
    try:
        serve(
            options.state_dir,
            port=options.port,
            host=options.host,
            cache_dir=options.cache_dir,
            allow_http_loopback=options.allow_http_loopback,
            accept_loss=options.accept_loss,
        )
    except OSError as error:
        what = "" if error.filename is None else f"cannot use {error.filename}: "
        print(f"error: {what}{error.strerror or error}", file=sys.stderr)
        return 1
    except (EngineError, NetworkError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

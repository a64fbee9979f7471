"""`dcanary-pocket-ic`: a PocketIC server for use as POCKET_IC_BIN."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

DEFAULT_TTL_SECONDS = 60
COMPATIBLE_VERSION = "14.0.0"
"""Version of the PocketIC server whose API this one follows."""
_IGNORED = ("--mainnet-routing-table", "--log-levels")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dcanary-pocket-ic", description="Serves the PocketIC API on embedded subnets."
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any)")
    parser.add_argument("--ip-addr", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port-file", type=Path, help="file that tells the port to clients")
    parser.add_argument(
        "--ttl",
        type=float,
        default=DEFAULT_TTL_SECONDS,
        help="seconds without a request after which the server ends",
    )
    parser.add_argument("--cache-dir", type=Path, help="folder for compiled modules")
    for name in _IGNORED:
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument(
        "--version", action="version", version=f"pocket-ic-server {COMPATIBLE_VERSION}"
    )
    return parser


def _claim(port_file: Path) -> bool:
    """Create the port file; False when another server has it already."""
    try:
        os.close(os.open(port_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def main() -> int:
    """Returns the exit code: 0 at the end of the time to live, on a signal, or when another
    server already serves the port file; 1 when the port cannot be used."""
    options = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    port_file: Path | None = options.port_file
    try:
        if port_file is not None and not _claim(port_file):
            return 0
    except OSError as error:
        print(f"error: cannot create {port_file}: {error.strerror}", file=sys.stderr)
        return 1
    # Not before: clients start a server for each instance, and most end here at once.
    from ..network.guard import raise_descriptor_limit
    from ..network.quiet import quieten
    from .process import run

    quieten()
    raise_descriptor_limit()
    try:
        return run(options.ip_addr, options.port, port_file, options.ttl, options.cache_dir)
    finally:
        if port_file is not None:
            port_file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())

"""What holds for all tests, however pytest is started.

`tests`, `shared` and `canisters` are found from the repository's root. A machine's proxy is not for
what tests start on that machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Clients of other projects (ic-py, pocket-ic) follow the proxy settings even to this machine.
# Tests of our own programs take these settings away again.
_LOCAL = "127.0.0.1,localhost,.localhost,::1"
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), _LOCAL]))

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

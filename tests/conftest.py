"""What holds for all tests, however pytest is started.

`tests`, `shared` and `canisters` are found from the repository's root. A machine's proxy is not for
what tests start on that machine.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Clients of other projects (ic-py, pocket-ic) follow the proxy settings even to this machine.
# Tests of our own programs take these settings away again.
_LOCAL = "127.0.0.1,localhost,.localhost,::1"
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), _LOCAL]))

# They also want a library for a proxy of SOCKS as soon as one is named.
for _name in ("all_proxy", "ALL_PROXY"):
    if os.environ.get(_name, "").startswith("socks"):
        del os.environ[_name]

# What runs in the background of a script ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# `nohup` has SIGHUP ignored in the same way, by all that the tests start.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes depends on what else the machine does. A failing example is not made
# smaller: that alone may take five minutes for a test of whole canisters. To get a small one, run
# the test again with `--hypothesis-profile explore`, which also tries ten times as many.
settings.register_profile(
    "quick",
    deadline=None,
    max_examples=100,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target),
)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("quick")

"""How one executor works on its machine."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary.executor.cache.results import DEFAULT_BYTES
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.images import ImageBuilder
from dcanary.executor.packages import Packages
from dcanary.executor.runtimes import NAMES, TemplateSource
from dcanary.executor.sandbox.model import Sandbox
from dcanary.image.store import ImageStore

_log = logging.getLogger("dcanary.executor")


@dataclass(frozen=True)
class ExecutorConfig:
    """Settings of an executor. Sizes in bytes, times in seconds.

    `folder` is its own, on one file system; `sandbox` comes from `probe_sandbox()`, or is an
    UnsandboxedRunner when its operator allows that. `allow_network` lets stages that ask for the
    network have it: that is the network of this machine, with all that listens on it. `template`
    is `dcanary.wasm.ensure_template` or the like; without it there is no runtime `python`.
    `secrets` are masked in logs. `secret_key` opens the secrets that are sealed to this executor;
    without it stages that list some are given back. `report` gets one line about what happens.

    `slots` jobs are performed at a time; `memory_bytes` and `storage_bytes` bound all of them
    together (None: what the machine and its control group have). `images` are offered to stages
    that ask for one; without a sandbox none is. With an `image_builder` standard images that are
    not built are offered too, and built when a stage asks for one. `packages` keeps what fetch
    stages bring (None: with this machine's registries, below `folder`). `region` and `labels` are
    offered to stages that ask for them. For `patience_seconds` a job waits for a server that does
    not answer before it is given back. An executor that has nothing to do sends an update at least
    every `contact_seconds`; PRESENT_NS of the canister is three times the default. Every
    `cache_bytes` bound the agreed results that are kept for runs with the same inputs (0: none
    is). Every
    `wanted_seconds` a build asks by a query whether it is still wanted, so that a cancelled one
    ends soon.
    """

    folder: Path
    sandbox: Sandbox
    runtimes: tuple[str, ...] = NAMES
    allow_network: bool = False
    checkout: CheckoutLimits = field(default_factory=CheckoutLimits)
    node_modules: Path | None = None
    template: TemplateSource | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    secret_key: X25519PrivateKey | None = field(default=None, repr=False)
    poll_seconds: float = 1.0
    heartbeat_seconds: float = 8.0
    wanted_seconds: float = 2.0
    log_seconds: float = 1.0
    contact_seconds: float = 60.0
    slots: int = 1
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    images: ImageStore | None = None
    image_builder: ImageBuilder | None = None
    packages: Packages | None = None
    region: str = ""
    labels: tuple[str, ...] = ()
    patience_seconds: float = 30.0
    max_held_bytes: int = 2 * 1024**3
    cache_bytes: int = DEFAULT_BYTES
    report: Callable[[str], None] = _log.info

"""The request that makes an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dcanary import not_yet

from .convert import bad, mapping, natural, unsupported

DEFAULT_TIME_NS = 1_620_328_630_000_000_000
"""Time of a new instance: 2021-05-06T19:17:10Z."""
KIND_FILE = "subnet_kind"
"""Tells in a state folder what kind of subnet it holds."""
_NAMED = {
    "nns": "NNS",
    "sns": "SNS",
    "ii": "II",
    "fiduciary": "Fiduciary",
    "bitcoin": "Bitcoin",
}
_LISTED = {
    "system": "System",
    "application": "Application",
    "verified_application": "VerifiedApplication",
    "cloud_engine": "CloudEngine",
}
_TYPES = {
    "Application": "application",
    "Fiduciary": "application",
    "VerifiedApplication": "verified_application",
    "CloudEngine": "cloud_engine",
}


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """What an instance is made of."""

    kind: str
    """Subnet kind as PocketIC names it."""
    state_dir: Path | None
    time_ns: int
    auto_progress: bool
    gateway: Mapping[str, object] | None

    @property
    def subnet_type(self) -> str:
        """Type of the subnet in the state tree."""
        return _TYPES.get(self.kind, "system")


def _check_spec(name: str, spec: object) -> None:
    fields = mapping(spec, name)
    if fields.get("state_config", "New") != "New":
        raise unsupported(
            f"state_config of subnet {name} other than New", not_yet.POCKETIC_SUBNET_SETTINGS
        )
    if fields.get("instruction_config", "Production") != "Production":
        raise unsupported(
            f"instruction_config of subnet {name} other than Production",
            not_yet.POCKETIC_SUBNET_SETTINGS,
        )
    if fields.get("cost_schedule", "Normal") not in (None, "Normal"):
        raise unsupported(
            f"cost_schedule of subnet {name} other than Normal", not_yet.POCKETIC_SUBNET_SETTINGS
        )


def _saved_kind(state_dir: Path | None) -> str | None:
    try:
        return None if state_dir is None else (state_dir / KIND_FILE).read_text().strip()
    except OSError:
        return None


def _kind(subnets: Mapping[str, object], state_dir: Path | None) -> str:
    kinds = []
    for name, kind in _NAMED.items():
        if subnets.get(name) is not None:
            _check_spec(name, subnets[name])
            kinds.append(kind)
    for name, kind in _LISTED.items():
        specs = subnets.get(name) or []
        if not isinstance(specs, list):
            raise bad(f"subnet_config_set.{name} must be a list")
        for spec in specs:
            _check_spec(name, spec)
            kinds.append(kind)
    saved = _saved_kind(state_dir)
    if saved is not None:
        if kinds and kinds != [saved]:
            raise bad(f"the state folder {state_dir} holds a subnet of kind {saved}")
        kinds = [saved]
    if not kinds:
        raise bad("SubnetConfigSet must contain at least one subnet")
    if len(kinds) > 1:
        raise unsupported(", ".join(kinds), not_yet.POCKETIC_SUBNETS)
    return kinds[0]


def parse_config(body: Mapping[str, object]) -> InstanceConfig:
    """Raises ApiError: 400 for nonsense, 501 for what is not supported yet."""
    features = body.get("icp_features")
    if features is not None and any(v is not None for v in mapping(features, "f").values()):
        raise unsupported("", not_yet.POCKETIC_FEATURES)
    for name in ("bitcoind_addr", "dogecoind_addr"):
        if body.get(name):
            raise unsupported(name, not_yet.POCKETIC_COINS)
    time_ns, auto_progress = DEFAULT_TIME_NS, False
    initial = body.get("initial_time")
    if initial is not None:
        choice = mapping(initial, "initial_time")
        if "Timestamp" in choice:
            time_ns = natural(mapping(choice["Timestamp"], "Timestamp"), "nanos_since_epoch")
        elif "AutoProgress" in choice:
            auto_progress = True
        else:
            raise bad("initial_time must be Timestamp or AutoProgress")
    state_dir = body.get("state_dir")
    if state_dir is not None and not isinstance(state_dir, str):
        raise bad("state_dir must be a path")
    folder = None if state_dir is None else Path(state_dir)
    gateway = body.get("http_gateway_config")
    return InstanceConfig(
        _kind(mapping(body.get("subnet_config_set", body), "subnet_config_set"), folder),
        folder,
        time_ns,
        auto_progress,
        None if gateway is None else mapping(gateway, "http_gateway_config"),
    )

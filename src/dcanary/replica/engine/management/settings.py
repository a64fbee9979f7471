"""Canister settings: defaults, checks, and their Candid forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dcanary.replica.api import Reply
from dcanary.replica.engine.management.context import NOTHING, Call, Operation, invalid
from dcanary.replica.engine.management.types import UPDATE_SETTINGS
from dcanary.replica.state import limits
from dcanary.replica.state.records import Canister, Settings

_RANGES = {
    "compute_allocation": 100,
    "memory_allocation": 1 << 48,
    "freezing_threshold": (1 << 64) - 1,
    "reserved_cycles_limit": (1 << 128) - 1,
    "minimum_incoming_canister_call_cycles": (1 << 128) - 1,
    "log_memory_limit": 2 * limits.MIB,
    "wasm_memory_limit": 1 << 48,
    "wasm_memory_threshold": 1 << 48,
}
"""Highest value of the plain numbers."""
_VISIBILITIES = ("log", "snapshot", "status")


def default_settings(owner: bytes) -> Settings:
    """Settings of a new canister."""
    return Settings(
        controllers=[owner],
        freezing_threshold=limits.DEFAULT_FREEZING_THRESHOLD,
        reserved_cycles_limit=limits.DEFAULT_RESERVED_CYCLES_LIMIT,
        wasm_memory_limit=limits.DEFAULT_WASM_MEMORY_LIMIT,
        log_memory_limit=limits.MAX_LOG_BYTES,
    )


def check_settings(given: dict[str, Any] | None) -> dict[str, Any]:
    """Validate settings of a call. Raises `CallError`."""
    given = given or {}
    controllers = given.get("controllers")
    if controllers is not None and len(controllers) > limits.MAX_CONTROLLERS:
        raise invalid(f"{len(controllers)} controllers, at most {limits.MAX_CONTROLLERS}")
    for label, most in _RANGES.items():
        value = given.get(label)
        if value is not None and value > most:
            raise invalid(f"{label} of {value}, at most {most}")
    for kind in _VISIBILITIES:
        viewers = (given.get(f"{kind}_visibility") or {}).get("allowed_viewers") or ()
        if len(viewers) > limits.MAX_ALLOWED_VIEWERS:
            raise invalid(
                f"{len(viewers)} allowed viewers in {kind}_visibility, at most "
                f"{limits.MAX_ALLOWED_VIEWERS}"
            )
    variables = given.get("environment_variables") or ()
    if len(variables) > limits.MAX_ENVIRONMENT_VARIABLES:
        raise invalid(
            f"{len(variables)} environment variables, at most {limits.MAX_ENVIRONMENT_VARIABLES}"
        )
    names = [item["name"] for item in variables]
    if len(set(names)) != len(names):
        raise invalid("an environment variable is given twice")
    for item in variables:
        for part in (item["name"], item["value"]):
            if len(part.encode()) > limits.MAX_ENVIRONMENT_TEXT:
                raise invalid(
                    f"environment variable {item['name'][:20]}…: more than "
                    f"{limits.MAX_ENVIRONMENT_TEXT} bytes"
                )
        if not item["name"]:
            raise invalid("an environment variable has an empty name")
    return given


def changed_settings(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return settings with what the checked settings of a call name."""
    changes = {label: given[label] for label in _RANGES if given.get(label) is not None}
    if given.get("controllers") is not None:
        changes["controllers"] = sorted(set(given["controllers"]))
    for kind in _VISIBILITIES:
        visibility = given.get(f"{kind}_visibility")
        if visibility is not None:
            changes[f"{kind}_public"] = "public" in visibility
            changes[f"{kind}_visibility"] = visibility.get("allowed_viewers")
    if given.get("environment_variables") is not None:
        changes["environment"] = {
            item["name"]: item["value"] for item in given["environment_variables"]
        }
    return replace(settings, **changes)


def _visibility(public: bool, viewers: list[bytes] | None) -> dict[str, Any]:
    if public:
        return {"public": None}
    if viewers is None:
        return {"controllers": None}
    return {"allowed_viewers": viewers}


def definite_settings(settings: Settings) -> dict[str, Any]:
    """Value of the Candid type `definite_canister_settings`."""
    out: dict[str, Any] = {label: getattr(settings, label) for label in _RANGES}
    out["controllers"] = settings.controllers
    out["log_visibility"] = _visibility(settings.log_public, settings.log_visibility)
    out["snapshot_visibility"] = _visibility(settings.snapshot_public, settings.snapshot_visibility)
    out["status_visibility"] = _visibility(settings.status_public, settings.status_visibility)
    out["environment_variables"] = [
        {"name": name, "value": value} for name, value in sorted(settings.environment.items())
    ]
    return out


def may_view(canister: Canister, viewer: bytes, public: bool, viewers: list[bytes] | None) -> bool:
    """Whether a visibility setting lets `viewer` look."""
    return public or viewer in canister.settings.controllers or viewer in (viewers or ())


def update_settings(call: Call, arg: dict[str, Any]) -> Reply:
    canister = call.controlled(arg["canister_id"])
    given = check_settings(arg["settings"])
    before = list(canister.settings.controllers)
    canister.settings = changed_settings(canister.settings, given)
    canister.version += 1
    if canister.settings.controllers != before or given.get("controllers") is not None:
        change = call.change(canister, "controllers_change", arg["sender_canister_version"])
        change.controllers = list(canister.settings.controllers)
        call.core.record(canister, change)
    return NOTHING


OPERATIONS = {"update_settings": Operation(UPDATE_SETTINGS, update_settings)}

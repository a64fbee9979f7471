"""The border to the C glue: load the canister, run its exported functions, take callbacks."""

from __future__ import annotations

import importlib

# Modules that the standard library imports only when something is called: after the snapshot
# nothing can be imported any more (hmac.new needs this one).
import warnings  # noqa: F401
from typing import Any, Callable

import _ic  # type: ignore[import-not-found]

from . import __version__, _calls, _timers
from ._did import service_text
from ._errors import LoadError
from ._methods import Method
from ._runtime import declared
from ._types import COMPOSITE_MODE, QUERY_MODE

MAX_TRAP_TEXT = 8_000
"""Longest traceback in a trap, in characters; the end is kept."""

_RESERVED_METHODS = ("canister_", "<kybra internal>")
_MODES = {"query": [QUERY_MODE], "composite_query": [COMPOSITE_MODE], "update": []}
_ONCE = ("init", "post_upgrade", "pre_upgrade", "inspect_message", "heartbeat")

methods: dict[str, Method] = {}
"""Queries and updates by name."""
lifecycle: dict[str, Method] = {}
_runners: list[Callable[[], None]] = []


def load(main: str) -> str:
    """Import the canister's main module and describe it.

    Returns JSON with `exports` (the wasm export names, in the order `dispatch` numbers them),
    `did` and `metadata`. Raises LoadError with one sentence on what the sources do wrong.
    """
    importlib.import_module(main)
    for kind, func, guard in declared.methods:
        _add(Method(kind, func, guard))
    for signature in declared.service_methods:
        signature.prepare()
    for stable_map in declared.maps:
        stable_map._prepare()
    _check_memory_ids()
    exports = _build_exports()
    init = lifecycle.get("init")
    did = _service_did(init.args if init is not None else [])
    metadata = {"cdk": f"kybra {__version__}"}
    return "".join(_json({"exports": exports, "did": did, "metadata": metadata}))


def _add(method: Method) -> None:
    if method.kind in _ONCE:
        if method.kind in lifecycle:
            other = lifecycle[method.kind].func
            raise LoadError(
                f"@{method.kind} is used twice: {other.__module__}.{other.__name__} and "
                f"{method.func.__module__}.{method.name}"
            )
        lifecycle[method.kind] = method
        return
    if method.name in methods:
        raise LoadError(
            f"two canister methods are called {method.name!r}: in "
            f"{methods[method.name].func.__module__} and {method.func.__module__}"
        )
    if method.name.startswith(_RESERVED_METHODS):
        raise LoadError(f"the method name {method.name!r} is reserved")
    methods[method.name] = method


def _check_memory_ids() -> None:
    seen: dict[int, Any] = {}
    for stable_map in declared.maps:
        other = seen.setdefault(stable_map.memory_id, stable_map)
        if other is not stable_map:
            raise LoadError(f"two StableBTreeMaps have memory_id={stable_map.memory_id}")


def _build_exports() -> list[str]:
    table: list[tuple[str, Callable[[], None]]] = [
        ("canister_init", _init),
        ("canister_post_upgrade", _post_upgrade),
        ("canister_global_timer", _timers.on_global_timer),
        (f"canister_update {_timers.EXECUTOR}", _timers.Executor().run),
    ]
    for kind in ("pre_upgrade", "inspect_message", "heartbeat"):
        if kind in lifecycle:
            table.append((f"canister_{kind}", lifecycle[kind].run))
    for name in sorted(methods):
        method = methods[name]
        table.append((f"canister_{method.mode} {name}", method.run))
    _runners[:] = [run for _, run in table]
    return [export for export, _ in table]


def _service_did(init_args: Any) -> str:
    listed = [
        (name, method.args, method.results, _MODES[method.mode]) for name, method in methods.items()
    ]
    return service_text(init_args, listed)


def _init() -> None:
    if "init" in lifecycle:
        lifecycle["init"].run()


def _post_upgrade() -> None:
    # A layout or a key type that does not fit is found here, where it undoes the upgrade.
    for stable_map in declared.maps:
        stable_map._check()
    if "post_upgrade" in lifecycle:
        lifecycle["post_upgrade"].run()


def _guarded(run: Callable[..., None], *args: Any) -> None:
    try:
        run(*args)
    except (Exception, GeneratorExit, KeyboardInterrupt, SystemExit) as error:
        _ic.trap(trap_text(error))
        raise


def trap_text(error: BaseException) -> str:
    """The traceback, without this package's own outer frames, its end when it is too long."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_own_frame(trace):
        trace = trace.tb_next
    text = "\n\n".join(reversed(_describe(error, trace)))
    return text if len(text) <= MAX_TRAP_TEXT else "…" + text[-MAX_TRAP_TEXT:]


def _describe(error: BaseException, trace: Any) -> list[str]:
    """The exception and what caused it, newest first. Without source lines: a built canister has
    none, and the `traceback` module would take its place in every canister's memory."""
    found: list[str] = []
    current: BaseException | None = error
    while current is not None and len(found) < 8:
        lines = ["Traceback (most recent call last):"]
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
            trace = trace.tb_next
        if len(lines) > 40:
            lines[20:-20] = [f"  … {len(lines) - 40} more …"]
        lines.append(f"{type(current).__name__}: {current}".rstrip(": "))
        found.append("\n".join(lines))
        cause = current.__cause__
        if cause is None and not current.__suppress_context__:
            cause = current.__context__
        current = cause
        trace = None if cause is None else cause.__traceback__
    return found


def _json(value: Any) -> list[str]:
    """JSON of dicts, lists and texts (the `json` module would stay in every canister's memory)."""
    if isinstance(value, str):
        escaped = [
            char if " " <= char <= "~" and char not in '"\\' else _json_escape(char)
            for char in value
        ]
        return ['"', *escaped, '"']
    parts: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            parts += [",", *_json(key), ":", *_json(item)]
        return ["{", *parts[1:], "}"]
    for item in value:
        parts += [",", *_json(item)]
    return ["[", *parts[1:], "]"]


def _json_escape(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def _is_own_frame(trace: Any) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith("kybra.")


def dispatch(index: int) -> None:
    """Run export number `index`; an exception traps with its traceback."""
    _guarded(_runners[index])


def on_reply(token: int) -> None:
    """A call was answered. Unknown tokens (of before an upgrade) are ignored."""
    _guarded(_calls.on_reply, token)


def on_reject(token: int) -> None:
    """A call was rejected."""
    _guarded(_calls.on_reject, token)


def on_cleanup(token: int) -> None:
    """The callback of a call trapped: its generator is dropped."""
    _calls.on_cleanup(token)

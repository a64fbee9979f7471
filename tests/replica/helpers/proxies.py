"""Proxy settings that reach nothing, or that httpx cannot use at all."""

from __future__ import annotations

import pytest

PROXIES = {
    "nothing there": {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
    "nonsense": {"HTTP_PROXY": "no-such-proxy.invalid", "ALL_PROXY": "nonsense://x"},
    "socks": {"ALL_PROXY": "socks5://127.0.0.1:9"},
}


def set_proxies(patch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """Set them for this process and those it starts, with no exception for this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    for name, value in settings.items():
        patch.setenv(name, value)
        patch.setenv(name.lower(), value)

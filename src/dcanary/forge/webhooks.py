"""Where each repository's deliveries go, and the secret that signs them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dcanary.forge.errors import ForgeError
from dcanary.forge.layout import Layout, read_json, write_json


@dataclass(frozen=True)
class Webhook:
    """The secret is left out of `repr`, so that no log can show it."""

    url: str
    secret: bytes = field(repr=False)


class Webhooks:
    """One webhook per repository, each in a file that only its owner can read."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def get(self, name: str) -> Webhook | None:
        stored = read_json(self._layout.secret(name))
        if stored is None:
            return None
        return Webhook(stored["url"], base64.b64decode(stored["secret"]))

    def set(self, name: str, url: str, secret: bytes) -> None:
        """Raises ForgeError unless `url` is http(s) with a host and the secret is not empty."""
        parts = urlsplit(url)
        try:
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc:
            raise ForgeError(f"{url[:200]!r} is no webhook URL: use http(s)://host[:port]/path")
        if not secret:
            raise ForgeError(f"the webhook of {name} needs a secret: deliveries are signed with it")
        self._layout.create()
        stored = {"url": url, "secret": base64.b64encode(secret).decode()}
        write_json(self._layout.secret(name), stored)

"""npm's cache, for `npm ci --offline`.

Only the contents are written, named by their integrity. npm looks a tarball up by the integrity of
the lock before it asks any index of the cache, and an index would hold the time of each download.
"""

from __future__ import annotations

from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder
from dcanary.objects import ObjectStore


class NpmLayout:
    """See `Layout`."""

    kind = "npm"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        done = set()
        for each in brought:
            digest = each.pin.digests[0]
            if digest not in done:
                done.add(digest)
                place = f"{digest.algorithm}/{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex[4:]}"
                with store.open(each.found.digest) as file:
                    folder.add(f"npm/_cacache/content-v2/{place}", file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {
            "npm_config_audit": "false",
            "npm_config_cache": f"{mount}/npm",
            "npm_config_fund": "false",
            # npm would write its logs into the cache.
            "npm_config_logs_max": "0",
            "npm_config_offline": "true",
            "npm_config_update_notifier": "false",
        }

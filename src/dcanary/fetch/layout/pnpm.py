"""The folder that pnpm takes for its registry, for `pnpm install --frozen-lockfile`.

pnpm makes a tarball's URL of the registry's, and reads what begins with `file:` as a path. Its own
store has another form in each major version and is written to while it installs, so it is left to
the stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from dcanary.fetch.brought import Brought
from dcanary.fetch.layout.folder import Folder
from dcanary.fetch.locks.pnpm import tarball_path
from dcanary.objects import ObjectStore


class PnpmLayout:
    """See `Layout`."""

    kind = "pnpm"

    def write(self, brought: Sequence[Brought], store: ObjectStore, folder: Folder) -> None:
        """See `Layout.write`."""
        for each in brought:
            path = f"pnpm/{tarball_path(each.pin.name, each.pin.version)}"
            if not folder.has(path):
                with store.open(each.found.digest) as file:
                    folder.add(path, file, of=each.pin)

    def environment(self, mount: str) -> dict[str, str]:
        """See `Layout.environment`."""
        return {
            # pnpm 8 wants a host in the URL: `file://packages/pnpm/` has one, and is the path
            # `/packages/pnpm/` for 8 to 10 all the same.
            "npm_config_registry": f"file:/{mount}/pnpm/",
            # They would download the pnpm that `packageManager` in package.json names.
            "npm_config_manage_package_manager_versions": "false",
            "npm_config_package_manager_strict": "false",
            # pnpm 11 and later read variables of their own.
            "pnpm_config_registry": f"file:{mount}/pnpm/",
            "pnpm_config_pm_on_fail": "ignore",
            # They would ask the registry how old each version is. It has been agreed on by hash.
            "pnpm_config_trust_lockfile": "true",
        }

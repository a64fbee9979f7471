"""Static sites: an `index.html` in a place where sites are, and no tool that builds it."""

from __future__ import annotations

from dcanary.project.detectors.protocol import Findings
from dcanary.project.facts import Place, StaticSite
from dcanary.project.folder import Folder

INDEX = "index.html"
FOLDERS = (".", "public", "site", "www", "dist", "static", "docs", "html")


class Site:
    """Finds static sites."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add the first site that there is, unless a build tool belongs to that folder."""
        built = {one.folder for one in found.node if one.tools or one.scripts}
        if "." in built:
            return
        for place in FOLDERS:
            index = INDEX if place == "." else f"{place}/{INDEX}"
            if folder.has(index) and place not in built:
                found.sites.append(StaticSite(Place(index), place, tuple(folder.below(place))))
                return

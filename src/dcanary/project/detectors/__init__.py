"""The kinds of files that tell what a project is: one module a kind, see `protocol.py`."""

from dcanary.project.detectors import asset_module, cargo, dfx, icp, kybra, mops, motoko, npm, site
from dcanary.project.detectors.protocol import Detector

DETECTORS: tuple[Detector, ...] = (
    dfx.Dfx(),
    icp.Icp(),
    mops.Mops(),
    cargo.Cargo(),
    npm.Npm(),
    motoko.Motoko(),
    kybra.Kybra(),
    site.Site(),
    asset_module.AssetModules(),
)
"""In this order: what a manifest says comes before what only the sources show."""

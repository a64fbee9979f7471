"""`icp deploy` of this repository onto `dcanary network`; one command then wires the five."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from dcanary.client.system import CANISTERS
from dcanary.replica import network
from tests.replica.helpers.icp import ENVIRONMENT, Icp, copy_of_the_tree

pytestmark = pytest.mark.e2e


def dcanary(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, in the project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "dcanary", *arguments],
        cwd=tree,
        env={**os.environ, "DCANARY_HOME": str(tree / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.timeout(900)
def test_icp_deploys_and_dcanary_connects(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    running = network.start(tree / "home" / "network")
    try:
        icp = Icp(tree)
        icp.write_project((tree / "icp.yaml").read_text(), running)
        icp.new_owner()
        assert "healthy" in icp.run("network", "ping", ENVIRONMENT)
        said = icp.on("deploy", seconds=600)
        printed = re.findall(r"http://(\S+)/\?id=(\S+)", said)
        # webhook and build_executor serve HTTP themselves.
        assert len(printed) == len(CANISTERS) - 2
        for host, canister in printed:
            page = httpx.get(f"{running.url}/?id={canister}", headers={"host": host})
            assert (page.status_code, "Candid" in page.text) == (200, True)
            found = httpx.get(f"{running.url}/_/candid/interface?id={canister}").json()
            assert "health" in [method["name"] for method in found["methods"]]
        ids = json.loads((tree / ".icp/data/mappings" / f"{ENVIRONMENT}.ids.json").read_text())

        refused = dcanary(tree, "system", "connect")
        assert refused.returncode == 2, refused.stderr
        assert "is not owned by" in refused.stderr
        assert "icp identity export" in refused.stderr
        assert not (tree / "home" / "system.json").exists()

        key = tree / "owner.pem"
        key.write_text(icp.run("identity", "export", "owner"))
        key.chmod(0o600)
        for _ in range(2):
            done = dcanary(tree, "--json", "--identity", str(key), "system", "connect")
            assert done.returncode == 0, done.stderr
            rows = json.loads(done.stdout)
            assert [row["canister"] for row in rows] == list(CANISTERS)
            assert {row["canister"]: row["principal"] for row in rows} == ids
            assert all(row["wired"] and row["as_built"] for row in rows)
        status = dcanary(tree, "--json", "--identity", str(key), "system", "status")
        assert status.returncode == 0, status.stderr
        assert [row["wired"] for row in json.loads(status.stdout)] == [True] * len(CANISTERS)
    finally:
        network.stop(tree / "home" / "network")

"""Names of refs that Git takes, and that Python or a person may take for something else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dcanary.forge import Forge
from tests.forge.conftest import Receiver, WorkingCopy, ended_deliveries, wait_for

SECRET = "a secret of the demo repository"
NAMES = [
    "main\u2028x",
    "main\u0085x",
    "\u202eevil\u200b\u0085x",
    "a\u00a0b",
    "wide\u3000blank",
    "ends\u2029",
]


def working_copy(forge: Forge, receiver: Receiver, folder: Path) -> WorkingCopy:
    """A working copy of `demo`, whose branch `main` has been delivered."""
    made = forge.create_repository("demo")
    forge.set_webhook("demo", receiver.url(), SECRET)
    copy = WorkingCopy(folder, made.clone_url)
    copy.commit("Base")
    copy.push()
    ended_deliveries(forge, "demo", 1)
    return copy


def intents(root: Path) -> list[Path]:
    return list((root / "spool").glob("*.intent"))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_push_is_posted_under_the_whole_name_of_its_ref_and_recovered_from(
    tmp_path: Path, receiver: Receiver, name: str
) -> None:
    root = tmp_path / "forge"
    with Forge(root) as forge:
        copy = working_copy(forge, receiver, tmp_path / "copy")
        copy.commit("Strange")
        copy.push(f"HEAD:refs/heads/{name}")
        deliveries = ended_deliveries(forge, "demo", 2)
    assert [each.ref for each in deliveries] == ["refs/heads/main", f"refs/heads/{name}"]
    with Forge(root) as forge:
        # A push without its end: its intent has the forge compare all refs with their deliveries.
        (forge.repository("demo").path / "hooks" / "post-receive").unlink()
        copy.push(f"HEAD:refs/heads/again-{name}")
        deliveries = ended_deliveries(forge, "demo", 3)
        assert deliveries[2].ref == f"refs/heads/again-{name}"
        wait_for(lambda: not intents(root))
        assert len(forge.deliveries("demo")) == len(receiver.requests) == 3


def test_two_names_that_are_no_text_stay_two(tmp_path: Path, receiver: Receiver) -> None:
    root = tmp_path / "forge"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    with Forge(root) as forge:
        copy = working_copy(forge, receiver, tmp_path / "copy")
        for count, name in enumerate((b"x\xff", b"x\xfe"), start=2):
            subprocess.run(
                [b"git", b"push", b"--quiet", b"origin", b"HEAD:refs/heads/" + name],
                cwd=copy.folder,
                env=environment,
                check=True,
                timeout=60,
            )
            ended_deliveries(forge, "demo", count)
        names = [each.ref for each in forge.deliveries("demo")]
    assert names == ["refs/heads/main", r"refs/heads/x\xff", r"refs/heads/x\xfe"]
    with Forge(root) as forge:
        (forge.repository("demo").path / "hooks" / "post-receive").unlink()
        copy.push("HEAD:refs/heads/last")
        assert ended_deliveries(forge, "demo", 4)[3].ref == "refs/heads/last"
        wait_for(lambda: not intents(root))
        assert len(forge.deliveries("demo")) == 4


def test_a_default_branch_keeps_the_end_of_its_name(forge: Forge) -> None:
    forge.create_repository("demo", "main\u2028")
    assert forge.repository("demo").default_branch == "main\u2028"

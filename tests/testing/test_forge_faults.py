"""The fixture lets a forge answer wrongly, in the order that was asked for, and only then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dcanary.forge import Forge
from dcanary.testing.forge_faults import ANSWERS, ForgeFaults
from tests.forge.conftest import WorkingCopy


class Api:
    """A forge with faults, and posts to the one commit that it has."""

    def __init__(self, folder: Path) -> None:
        self.faults = ForgeFaults(slow_seconds=0.5)
        self.forge = Forge(folder / "forge", wrap=self.faults.wrap)
        self.forge.start()
        copy = WorkingCopy(folder / "copy", self.forge.create_repository("demo").clone_url)
        self.sha = copy.commit()
        copy.push()
        self.headers = {"Authorization": f"Bearer {self.forge.token_file().read_text().strip()}"}

    def post(self) -> httpx.Response:
        url = f"{self.forge.url()}/api/v3/repos/local/demo/statuses/{self.sha}"
        return httpx.post(url, json={"state": "success"}, headers=self.headers, trust_env=False)

    def read(self) -> httpx.Response:
        url = f"{self.forge.url()}/api/v3/repos/local/demo/commits/{self.sha}/status"
        return httpx.get(url, headers=self.headers, trust_env=False)

    def count(self) -> int:
        return len(self.forge.statuses("demo"))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.forge.stop()


def test_faults_come_in_order_and_then_none(api: Api) -> None:
    api.faults.next("500", "404")
    assert [api.post().status_code for _ in range(3)] == [500, 404, 201]
    assert [call.fault for call in api.faults.posts()] == ["500", "404", ""]
    assert api.count() == 1


@pytest.mark.parametrize("fault", sorted(ANSWERS))
def test_an_answer_in_place_of_the_forges_leaves_no_status(api: Api, fault: str) -> None:
    api.faults.next(fault)
    assert api.post().status_code == int(fault[:3])
    assert api.count() == 0


def test_a_limit_says_when_it_ends(api: Api) -> None:
    api.faults.next("403 limit", "429")
    limited = api.post().headers
    assert limited["x-ratelimit-remaining"] == "0"
    assert 0 <= int(limited["x-ratelimit-reset"]) - time.time() <= 3
    assert api.post().headers["retry-after"] == "2"


def test_a_lost_answer_leaves_the_status(api: Api) -> None:
    api.faults.next("lost")
    assert (api.post().status_code, api.count()) == (502, 1)


def test_a_slow_answer_comes_late(api: Api) -> None:
    api.faults.next("slow")
    begun = time.monotonic()
    assert (api.post().status_code, api.count()) == (201, 1)
    assert time.monotonic() - begun >= 0.5


def test_reads_and_git_are_left_alone_unless_asked(api: Api) -> None:
    api.faults.always("500")
    assert (api.read().status_code, api.post().status_code) == (200, 500)
    api.faults.reads = True
    assert api.read().status_code == 500
    assert httpx.get(str(api.forge.url()), trust_env=False).status_code == 200
    api.faults.always("")
    assert api.post().status_code == 201


def test_a_fault_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="'418' is no fault: use 401, "):
        ForgeFaults().next("418")

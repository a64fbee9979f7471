"""The forge takes statuses as the forges document it, from who has the token, and shows them."""

from __future__ import annotations

import json
import stat
from typing import Any

import httpx
import pytest

from dcanary.forge import Forge
from tests.forge.conftest import WorkingCopy

KINDS = ("github", "gitea", "gitlab", "bitbucket")


class Api:
    """A repository of a kind, with one commit, and calls to its API with the token."""

    def __init__(self, forge: Forge, kind: str, copy: WorkingCopy) -> None:
        self.forge, self.kind = forge, kind
        self.sha = copy.commit()
        copy.git(
            "push", "--quiet", forge.create_repository("repo", provider=kind).clone_url, "HEAD:main"
        )
        self.token = forge.token_file().read_text().strip()

    def url(self, sha: str, is_list: bool = False) -> str:
        paths = {
            "github": (
                "/api/v3/repos/local/repo/statuses/{}",
                "/api/v3/repos/local/repo/commits/{}/status",
            ),
            "gitea": (
                "/api/v1/repos/local/repo/statuses/{}",
                "/api/v1/repos/local/repo/commits/{}/status",
            ),
            "gitlab": (
                "/api/v4/projects/local%2Frepo/statuses/{}",
                "/api/v4/projects/local%2Frepo/repository/commits/{}/statuses",
            ),
            "bitbucket": (
                "/2.0/repositories/local/repo/commit/{}/statuses/build",
                "/2.0/repositories/local/repo/commit/{}/statuses",
            ),
        }
        return f"{self.forge.url()}{paths[self.kind][is_list].format(sha)}"

    def body(self, **changed: Any) -> dict[str, Any]:
        bodies: dict[str, dict[str, Any]] = {
            "github": {"state": "success", "context": "ci/x", "description": "fine"},
            "gitea": {"state": "success", "context": "ci/x", "description": "fine"},
            "gitlab": {"state": "success", "name": "ci/x", "description": "fine"},
            "bitbucket": {
                "state": "SUCCESSFUL",
                "key": "ci/x",
                "description": "fine",
                "url": "https://ci.example/1",
            },
        }
        return {**bodies[self.kind], **changed}

    def call(self, method: str, url: str, body: Any = None, token: str | None = None) -> Any:
        given = self.token if token is None else token
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return httpx.request(method, url, headers=headers, json=body, trust_env=False)

    def post(self, sha: str | None = None, token: str | None = None, **changed: Any) -> Any:
        return self.call("POST", self.url(sha or self.sha), self.body(**changed), token)


@pytest.fixture(params=KINDS)
def api(request: pytest.FixtureRequest, forge: Forge, copy: WorkingCopy) -> Api:
    return Api(forge, request.param, copy)


def test_a_status_is_taken_listed_and_shown(api: Api) -> None:
    answer = api.post()
    assert answer.status_code == 201, answer.text
    listed = api.call("GET", api.url(api.sha, True)).json()
    items = listed if isinstance(listed, list) else listed.get("statuses") or listed["values"]
    assert len(items) == 1
    assert items[0]["description"] == "fine"
    (shown,) = api.forge.statuses("repo")
    assert (shown.sha, shown.context) == (api.sha, "ci/x")
    assert shown.state.lower() in ("success", "successful")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_nothing_is_taken_and_nothing_is_listed(api: Api, token: str) -> None:
    assert api.post(token=token).status_code == 401
    assert api.call("GET", api.url(api.sha, True), token=token).status_code == 401
    assert api.forge.statuses("repo") == []


@pytest.mark.parametrize("sha", ["1" * 40, "main", "abc", "--all", "A" * 40])
def test_a_commit_that_is_not_there_gets_none(api: Api, sha: str) -> None:
    wanted = 422 if api.kind == "github" else 404
    assert api.post(sha).status_code == wanted
    assert api.forge.statuses("repo") == []


def test_a_state_that_the_forge_does_not_know_is_refused(api: Api) -> None:
    wanted = 422 if api.kind in ("github", "gitea") else 400
    assert api.post(state="fine").status_code == wanted
    for body in (b"no json", b"[]", b'{"state": 1}', b"x" * 70_000):
        answer = httpx.post(
            api.url(api.sha),
            content=body,
            headers={"Authorization": f"Bearer {api.token}"},
            trust_env=False,
        )
        assert 400 <= answer.status_code < 500
    assert api.forge.statuses("repo") == []


def test_a_repository_answers_at_the_api_of_its_own_kind_alone(api: Api) -> None:
    own = api.kind
    for kind in KINDS:
        api.kind = kind
        assert (api.post().status_code == 201) == (kind == own)


def test_the_last_status_of_a_context_counts(api: Api) -> None:
    other = "FAILED" if api.kind == "bitbucket" else "failed" if api.kind == "gitlab" else "failure"
    api.post()
    assert api.post(state=other).status_code == 201
    listed = api.call("GET", api.url(api.sha, True)).json()
    items = listed if isinstance(listed, list) else listed.get("statuses") or listed["values"]
    assert [one.get("state") or one.get("status") for one in items] == [other]
    assert len(api.forge.statuses("repo")) == 2


def test_what_each_forge_bounds_is_bounded(api: Api) -> None:
    long = {"github": 141, "gitlab": 256}.get(api.kind)
    if long is not None:
        assert api.post(description="x" * long).status_code in (400, 422)
    elif api.kind == "bitbucket":
        assert api.post(key="k" * 41).status_code == 400
        assert api.post(url="").status_code == 400
    else:
        assert api.post(description="x" * 1_000).status_code == 201


def test_gitlab_takes_its_own_header_and_refuses_the_same_state_again(
    forge: Forge, copy: WorkingCopy
) -> None:
    api = Api(forge, "gitlab", copy)
    headers = {"PRIVATE-TOKEN": api.token}
    posted = httpx.post(api.url(api.sha), headers=headers, json=api.body(), trust_env=False)
    assert posted.status_code == 201
    again = api.post()
    assert (again.status_code, "Cannot transition status" in again.text) == (400, True)


def test_the_token_is_readable_by_its_owner_alone_and_stays(forge: Forge) -> None:
    file = forge.token_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert forge.token_file().read_text() == file.read_text()


def test_a_line_that_a_kill_has_cut_short_hides_no_other(api: Api) -> None:
    api.post()
    path = api.forge.token_file().parent / "statuses" / "repo.jsonl"
    with path.open("a") as file:
        file.write('\n{"number": 2, "sha"')
    assert api.post(**{"description": "again"} if api.kind != "gitlab" else {"state": "failed"})
    assert [json.dumps(one.context) for one in api.forge.statuses("repo")] == ['"ci/x"', '"ci/x"']

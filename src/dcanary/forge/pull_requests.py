"""Pull requests of the local forge: their heads as refs of the repository, and what is told.

Opening one for the same branch again brings its new commits, as a push to it does at forges.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dcanary.forge import git, spool
from dcanary.forge.errors import ForgeError
from dcanary.forge.kinds import Kind, kind_of
from dcanary.forge.layout import Layout, read_json, write_json
from dcanary.forge.payload import OWNER, repository_of
from dcanary.forge.repositories import Repositories
from dcanary.forge.spool import SpooledEvent

NO_OBJECT = "0" * 40


@dataclass(frozen=True)
class PullRequest:
    """`head_repository` is the repository itself or a fork of it; `ref` is where its head is."""

    number: int
    title: str
    target: str
    head: str
    head_repository: str
    ref: str
    sha: str
    draft: bool
    labels: Sequence[str]


class PullRequests:
    """Those of all repositories of one forge."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._repositories = Repositories(layout)

    def open(
        self,
        name: str,
        base_url: str,
        branch: str,
        *,
        fork: str | None = None,
        into: str | None = None,
        title: str = "",
        draft: bool = False,
        labels: Sequence[str] = (),
    ) -> PullRequest:
        """Open a pull request of a branch, of a fork when one is named, or bring its new commits.

        Raises ForgeError for a repository or branch that is not there, and when nothing is new.
        """
        folder = self._repositories.require(name)
        target = into or self._repositories.default_branch(name)
        head_repository = fork or name
        known = self._read(name)
        found = [
            each
            for each in known
            if (each.head_repository, each.head, each.target) == (head_repository, branch, target)
        ]
        before = found[0].sha if found else NO_OBJECT
        number = found[0].number if found else len(known) + 1
        ref = self._kind(name).pull_ref.format(number)
        made = PullRequest(
            number=number,
            title=title or (found[0].title if found else f"Merge {branch}"),
            target=target,
            head=branch,
            head_repository=head_repository,
            ref=ref,
            sha=self._tip(head_repository, branch),
            draft=draft,
            labels=tuple(labels),
        )
        base = self._tip(name, target)
        if made.sha == before:
            raise ForgeError(f"pull request {number} of {name} is at {before[:12]} already")
        source = str(self._repositories.require(head_repository))
        git.output(folder, "fetch", "--quiet", "--no-tags", source, f"+refs/heads/{branch}:{ref}")
        self._write(name, [each for each in known if each.number != number] + [made])
        action = "synchronize" if found else "opened"
        payload = self._payload(name, made, action, base, base_url)
        kind = self._kind(name)
        delivery, body = str(uuid.uuid4()), kind.pull_payload_of(payload)
        event = SpooledEvent(name, delivery, kind.pull_event, ref, before, made.sha, body)
        spool.put_event(self._layout, event)
        return made

    def _kind(self, name: str) -> Kind:
        kind = kind_of(self._repositories.provider(name))
        if not kind.pull_event:
            raise ForgeError(
                f"{name} stands for a forge whose pull requests name no whole commit id: make a "
                "repository of another kind"
            )
        return kind

    def _tip(self, name: str, branch: str) -> str:
        found = self._repositories.refs(name).get(f"refs/heads/{branch}")
        if found is None:
            raise ForgeError(f"{name} has no branch {branch[:80]!r}: push it first")
        return found

    def _read(self, name: str) -> list[PullRequest]:
        return [PullRequest(**each) for each in read_json(self._layout.pull_requests(name)) or []]

    def _write(self, name: str, all_of_them: list[PullRequest]) -> None:
        self._layout.create()
        write_json(self._layout.pull_requests(name), [asdict(each) for each in all_of_them])

    def _payload(
        self, name: str, made: PullRequest, action: str, base: str, base_url: str
    ) -> dict[str, Any]:
        """As GitHub has it."""

        def told(repository: str) -> dict[str, Any]:
            branch = self._repositories.default_branch(repository)
            return repository_of(repository, f"{base_url}/{repository}", branch)

        ends = {
            "head": (made.head_repository, made.head, made.sha),
            "base": (name, made.target, base),
        }
        pull_request = {
            "number": made.number,
            "state": "open",
            "title": made.title,
            "body": None,
            "draft": made.draft,
            "user": {"login": OWNER},
            "labels": [{"name": label} for label in made.labels],
            **{
                end: {
                    "label": f"{OWNER}:{branch}",
                    "ref": branch,
                    "sha": sha,
                    "repo": told(repository),
                }
                for end, (repository, branch, sha) in ends.items()
            },
        }
        return {
            "action": action,
            "number": made.number,
            "pull_request": pull_request,
            "repository": told(name),
            "sender": {"login": OWNER, "id": 1, "type": "User"},
        }

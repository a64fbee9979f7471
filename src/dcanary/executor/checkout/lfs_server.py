"""Files of a Git LFS server, by the batch API with basic transfers, checked by their sha256.

Source: git-lfs, docs/api/batch.md.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from dcanary.executor.checkout.client import checked_client
from dcanary.executor.checkout.git import GitHome
from dcanary.executor.checkout.lfs_pointer import Pointer
from dcanary.executor.source import (
    SourceFailure,
    SourceUnable,
    SourceUnavailable,
    Spool,
    Stored,
    shown,
)
from dcanary.reach import NotPublicError

_MEDIA_TYPE = "application/vnd.git-lfs+json"
_BATCH = 100
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
# What a server may have sent along with the request of a file. Other headers could make a request
# look like one of somebody else's; a login goes to the host that the server names, not further.
_HEADERS = ("accept", "authorization")
_READ_BYTES = 256 * 1024
# What JSON of another form raises where it is read: numbers without end and nesting, too.
_ODD_ANSWER = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
)


class Download:
    """Files of one LFS server."""

    def __init__(self, home: GitHome, clone_url: str, into: Spool) -> None:
        self._home, self._into = home, into
        self._secret = urlsplit(clone_url).netloc.rpartition("@")[0]
        self._batch_url, self._login = _endpoint(clone_url, home.limits.schemes)
        known = home.credential_for(clone_url)
        if known is not None and known.address:
            # The key would have to be shown to a program on the server (git-lfs-authenticate).
            raise SourceUnable(
                "the tree has Git LFS files, which are not supported with a deploy key: "
                "use a token as the repository's credential"
            )
        if known is not None:
            self._login = (known.username, known.token)
        self._client = checked_client(home.reach, home.limits.schemes)

    def close(self) -> None:
        """End its connections."""
        self._client.close()

    def fetch(self, pointers: dict[str, Pointer]) -> dict[Pointer, Stored]:
        """The content of each pointer."""
        path_of = {pointer: path for path, pointer in reversed(pointers.items())}
        wanted = sorted(path_of, key=lambda pointer: path_of[pointer])
        found: dict[Pointer, Stored] = {}
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            answers = self._ask(part)
            for pointer in part:
                found[pointer] = self._take(pointer, path_of[pointer], answers.get(pointer.sha256))
        return found

    def _ask(self, pointers: Sequence[Pointer]) -> dict[str, Any]:
        body = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": each.sha256, "size": each.size} for each in pointers],
            "hash_algo": "sha256",
        }
        headers = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
        content = b""

        def keep(chunk: bytes) -> None:
            nonlocal content
            content += chunk
            if len(content) > _MAX_ANSWER_BYTES:
                raise SourceUnavailable("the Git LFS server's answer is too long")

        status = self._request("POST", self._batch_url, headers, keep, json=body, login=True)
        if status in (404, 405, 501):
            raise SourceFailure("the tree has Git LFS files and the server has no Git LFS for it")
        if status != 200:
            raise SourceUnavailable(f"the Git LFS server answered {status}")
        try:
            answer = httpx.Response(200, content=content).json()
            return {str(each["oid"]): each for each in answer["objects"]}
        except _ODD_ANSWER as error:
            raise SourceUnavailable("the Git LFS server's answer is no batch of objects") from error

    def _take(self, pointer: Pointer, path: str, answer: Any) -> Stored:
        missing = SourceFailure(f"the Git LFS file of {shown(path)} is not on the server")
        try:
            if "error" in (answer or {}):
                code = int(answer["error"]["code"])
                if code in (404, 410, 422):
                    raise missing
                raise SourceUnavailable(f"the Git LFS server answered {code} for {path!r}")
            action = answer["actions"]["download"]
            href = str(action["href"])
            headers = {
                str(name): str(value)
                for name, value in action.get("header", {}).items()
                if str(name).lower() in _HEADERS
            }
            scheme = urlsplit(href).scheme
        except _ODD_ANSWER as error:
            raise SourceUnavailable(f"the Git LFS server gave no way to {path!r}") from error
        if scheme not in self._home.limits.schemes:
            raise SourceUnavailable(f"the Git LFS server sent elsewhere for {path!r}: not allowed")
        return self._download(pointer, path, href, headers, missing)

    def _download(
        self,
        pointer: Pointer,
        path: str,
        href: str,
        headers: dict[str, str],
        missing: SourceFailure,
    ) -> Stored:
        offset = self._into.size
        digest, size = hashlib.sha256(), 0

        def keep(chunk: bytes) -> None:
            nonlocal size
            size += len(chunk)
            if size > pointer.size:
                raise SourceUnavailable(f"the Git LFS server sent too much for {path!r}")
            digest.update(chunk)
            self._into.write(chunk)

        status = self._request("GET", href, headers, keep)
        if status in (404, 410):
            raise missing
        if status != 200:
            raise SourceUnavailable(f"the Git LFS server answered {status} for {path!r}")
        if size != pointer.size or digest.hexdigest() != pointer.sha256:
            raise SourceUnavailable(f"the Git LFS server sent other bytes for {path!r}")
        return Stored(self._into, offset, size)

    def _request(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        keep: Callable[[bytes], None],
        *,
        json: Any = None,
        login: bool = False,
    ) -> int:
        """Send a request and pass the body of an answer 200 on; returns the status."""
        try:
            with self._client.stream(
                method,
                url,
                headers=headers,
                json=json,
                auth=self._login if login else None,
                timeout=min(60.0, self._home.seconds_left()),
            ) as answer:
                if answer.status_code == 200:
                    for chunk in answer.iter_bytes(_READ_BYTES):
                        keep(chunk)
                        self._home.received_bytes += len(chunk)
                        self._home.check()
                return answer.status_code
        except NotPublicError as error:
            raise SourceFailure(
                "the Git LFS server sends to a host without a public address, "
                "which is not that of the clone URL"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # ValueError: a header or an address of the server's that cannot be encoded.
            said = str(error) or type(error).__name__
            if self._secret:
                said = said.replace(self._secret, "***")
            raise SourceUnavailable(f"the Git LFS server does not answer: {said}") from error


def _endpoint(clone_url: str, schemes: Sequence[str]) -> tuple[str, tuple[str, str] | None]:
    """The URL of the batch API, and who to be there."""
    parts = urlsplit(clone_url)
    if parts.scheme not in ("https", "http") or parts.scheme not in schemes:
        raise SourceFailure("Git LFS needs a clone URL of kind https or http")
    path = parts.path.rstrip("/")
    if not path.endswith(".git"):
        path += ".git"
    who, _, host = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    url = urlunsplit((parts.scheme, host, f"{path}/info/lfs/objects/batch", "", ""))
    return url, (user, password) if who else None

"""The name under which a result is kept: the sha256 of all that it may depend on.

What is not in it must not reach the stage, and what reaches the stage must be in it: otherwise a
result stands for a build that would have made another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dcanary
from dcanary.executor.needed import Needed
from dcanary.executor.sandbox.arguments import SETTINGS_VERSION
from dcanary.executor.source import Entry

_FORM = 1
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Origin:
    """Whose result it is: no other reads it.

    `installation` is a principal. `ref` is the full name of the branch, tag or pull request: who
    may write to one of them need not be trusted by the others, so each has its own results.
    """

    installation: str
    repository: str
    ref: str


@dataclass(frozen=True)
class Reusable:
    """What a result that may stand for later runs is found by, and where it comes from.

    `reused` is the run whose result it is; empty when it was built.
    """

    key: str
    repository: str
    ref: str
    reused: str = ""


def result_key(
    origin: Origin,
    stage: Mapping[str, Any],
    environment: Sequence[Mapping[str, str]],
    runtime: str,
    sandbox: str,
    files: Iterable[Entry],
    packages: Iterable[Needed],
) -> str:
    """The key of the result of a stage, in hexadecimal.

    `stage` is the whole record, `environment` its variables and those of the pipeline. `runtime` is
    the environment digest, which names the image or the tools. `files` are the declared ones and
    those of earlier stages; of two with one path the later one counts, as in the checkout.
    """
    seen = {each.path: each for each in files}
    about = {
        "form": _FORM,
        # Another version may collect or lay out otherwise.
        "dcanary": dcanary.__version__,
        "installation": origin.installation,
        "repository": origin.repository,
        "ref": origin.ref,
        "stage": dict(stage),
        "environment": [[each["name"], each["value"]] for each in environment],
        "runtime": runtime,
        "sandbox": [sandbox, SETTINGS_VERSION],
        "files": [[path, seen[path].mode, _sha256(seen[path])] for path in sorted(seen)],
        "packages": [[each.stage, each.digest] for each in packages],
    }
    # `ensure_ascii`: paths may hold lone surrogates, for bytes that are no text.
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(entry: Entry) -> str:
    digest = hashlib.sha256()
    with entry.content.open() as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()

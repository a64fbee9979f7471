"""What an executor offers, and that it performs nothing that does not fit."""

from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from dcanary.client.types.build_executor import ExecutorOffer, Stage
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.offer import make_offer, unfit
from dcanary.executor.sandbox import BubblewrapSandbox, UnsandboxedRunner
from dcanary.executor.sandbox.cgroup import memory_limit
from tests.executor.repositories import stage_record

GIB = 1 << 30
OFFER: ExecutorOffer = {
    "runtimes": [{"Shell": None}],
    "images": ["abc"],
    "memory_bytes": 4 * GIB,
    "storage_bytes": 4 * GIB,
    "cpus": 2,
    "slots": 1,
    "network": False,
    "region": "eu",
    "labels": ["fast", "arm"],
    "files_in_memory": True,
    "secret_key": None,
    "builds_locks": None,
    "leaving": None,
}


def stage(needs: dict[str, Any] | None = None, runtime: str = "Shell", **resources: Any) -> Stage:
    asked = {
        "cpus": None,
        "image": None,
        "region": None,
        "image_lock": None,
        "labels": [],
        **(needs or {}),
    }
    record = stage_record(["true"], runtime=runtime, **resources)
    return cast(Stage, {**record, "needs": asked if needs is not None else None})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (stage(), None),
        (stage(runtime="Motoko"), "runtime motoko"),
        (stage(network=True), "asks for the network"),
        (stage(memory_bytes=64 * GIB), "bytes of memory, this executor has"),
        (stage(storage_bytes=64 * GIB), "bytes of storage, this executor has"),
        (stage(memory_bytes=3 * GIB, storage_bytes=2 * GIB), "memory and storage together"),
        (stage({"cpus": 2}), None),
        (stage({"cpus": 3}), "3 CPUs"),
        (stage({"image": "abc"}), None),
        (stage({"image": "xyz"}), "lacks the image that the stage asks for, xyz: dcanary image"),
        (stage({"image": "abc"}, runtime="Rust"), None),
        (stage({"image": "abc"}, runtime="Motoko"), None),
        (stage({}, runtime="Rust"), "runtime rust"),
        (stage({"region": "eu"}), None),
        (stage({"region": "us"}), "region us, this executor is in eu"),
        (stage({"labels": ["arm", "fast"]}), None),
        (stage({"labels": ["arm", "gpu"]}), "label gpu"),
    ],
)
def test_a_stage_that_does_not_fit_is_told_in_one_sentence(asked: Stage, words: str | None) -> None:
    why = unfit(asked, OFFER)
    assert why is None if words is None else words in (why or "")


def test_files_on_disk_take_no_memory() -> None:
    asked = stage(memory_bytes=3 * GIB, storage_bytes=2 * GIB)
    assert unfit(asked, {**OFFER, "files_in_memory": False}) is None


def test_an_offer_is_no_more_than_the_machine_and_the_settings_have(tmp_path: Path) -> None:
    sandbox = BubblewrapSandbox()
    total = min(psutil.virtual_memory().total, memory_limit() or 1 << 62)
    plain = make_offer(ExecutorConfig(tmp_path, sandbox), ["shell", "node"])
    assert plain["memory_bytes"] == total
    assert plain["runtimes"] == [{"Shell": None}, {"Node": None}]
    assert (plain["slots"], plain["network"], plain["region"], plain["labels"]) == (
        1,
        False,
        "",
        [],
    )
    bounded = make_offer(
        ExecutorConfig(
            tmp_path, sandbox, slots=2, memory_bytes=3 * GIB, allow_network=True, region="eu",
            labels=("gpu",),
        ),
        ["shell"],
    )  # fmt: skip
    assert bounded["memory_bytes"] == min(total, 3 * GIB) // 2
    assert bounded["cpus"] == max(1, plain["cpus"] // 2)
    assert (bounded["slots"], bounded["network"], bounded["labels"]) == (2, True, ["gpu"])
    huge = make_offer(ExecutorConfig(tmp_path, sandbox, memory_bytes=64 << 40), ["shell"])
    assert huge["memory_bytes"] == total
    unsandboxed = ExecutorConfig(tmp_path, UnsandboxedRunner(tmp_path), storage_bytes=GIB)
    assert make_offer(unsandboxed, ["shell"])["storage_bytes"] <= GIB


def test_limits_of_control_groups_of_both_versions_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dcanary.executor.sandbox import cgroup

    (tmp_path / "v2" / "a" / "b").mkdir(parents=True)
    (tmp_path / "v2" / "a" / "memory.max").write_text("1000000\n")
    (tmp_path / "v2" / "a" / "b" / "memory.max").write_text("max\n")
    (tmp_path / "v1").mkdir()
    stat = tmp_path / "v1" / "memory.stat"
    stat.write_text("cache 1\nhierarchical_memory_limit 9223372036854771712\n")
    version_2 = ({"": tmp_path / "v2"}, {"": "/a/b"})
    version_1 = ({"memory": tmp_path / "v1"}, {"memory": "/"})
    monkeypatch.setattr(cgroup, "mounted_controllers", lambda: version_2)
    assert cgroup.memory_limit() == 1_000_000
    monkeypatch.setattr(cgroup, "mounted_controllers", lambda: version_1)
    assert cgroup.memory_limit() is None
    stat.write_text("hierarchical_memory_limit 2000000\n")
    assert cgroup.memory_limit() == 2_000_000

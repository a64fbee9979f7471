"""A built image is what was built: a change of any file is found, and what is in use stays."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.images import measure
from dcanary.image import listing
from dcanary.image.errors import DamagedImage
from dcanary.image.store import Image, ImageInUse, NoSuchImage
from tests.image.conftest import Place
from tests.image.debs import deb, link, member, pool

POOL = pool(
    {
        "one": deb(
            "one",
            [member("./usr/bin/one", b"12345", mode=0o755), link("./usr/bin/other", "one")],
        )
    }
)
LOCK = POOL.lock


@pytest.fixture
def image(place: Place) -> Image:
    place.registry.files.update(POOL.files)
    return place.build(LOCK, "one")


def rewrite_with_its_old_times(root: Path) -> None:
    path = root / "usr/bin/one"
    info = path.stat()
    path.write_bytes(b"54321")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "usr/bin/one: its bytes have changed": rewrite_with_its_old_times,
    "usr/bin/one: is missing": lambda root: (root / "usr/bin/one").unlink(),
    "usr/bin/one: has the mode 700": lambda root: (root / "usr/bin/one").chmod(0o700),
    "usr/bin/new: does not belong": lambda root: (root / "usr/bin/new").write_bytes(b""),
    "usr/bin/other: is a link to something else": lambda root: (
        (root / "usr/bin/other").unlink(),
        (root / "usr/bin/other").symlink_to("new"),
    ),
    "usr/bin/one: is of another kind": lambda root: (
        (root / "usr/bin/one").unlink(),
        (root / "usr/bin/one").mkdir(),
    ),
}


@pytest.mark.parametrize("said", list(CHANGES))
def test_a_changed_file_is_found_on_the_next_use_and_the_image_built_again(
    place: Place, image: Image, said: str
) -> None:
    CHANGES[said](image.root)
    with pytest.raises(DamagedImage, match=said), place.images.use(image.digest):
        pass
    with pytest.raises(DamagedImage, match=said):
        place.images.check(image.digest)
    place.registry.seen.clear()
    assert place.build(LOCK).tree == image.tree
    assert any(said in line and line.endswith("the image is built again") for line in place.said)
    assert place.registry.seen == []
    with place.images.use(image.digest) as used:
        assert (used.root / "usr/bin/other").read_bytes() == b"12345"


def test_what_was_found_damaged_stays_so_until_a_check_finds_it_whole(
    place: Place, image: Image
) -> None:
    file = image.root / "usr/bin/one"
    file.chmod(0o700)
    for _ in range(2):
        with pytest.raises(DamagedImage, match="usr/bin/one"), place.images.use(image.digest):
            pass
        file.chmod(0o755)
    assert "usr/bin/one" in str(place.images.damage(image.digest))
    place.images.check(image.digest)
    assert place.images.damage(image.digest) is None
    with place.images.use(image.digest):
        pass


@pytest.mark.parametrize("content", ['{"uses": "x", "at": []}', '{"uses": null}', "{}"])
def test_a_note_of_uses_that_holds_nonsense_makes_a_use_compare_all(
    place: Place, image: Image, content: str
) -> None:
    (image.root.parent / "checked.json").write_text(content)
    with place.images.use(image.digest):
        pass
    rewrite_with_its_old_times(image.root)
    (image.root.parent / "checked.json").write_text(content)
    with pytest.raises(DamagedImage), place.images.use(image.digest):
        pass


@pytest.mark.parametrize("content", ['{"usr": 1}', '{"a": {"b": 1}}', "[]", "{"])
def test_a_listing_that_holds_nonsense_is_damage_and_mended(
    place: Place, image: Image, content: str
) -> None:
    (image.root.parent / "files.json").write_text(content)
    (image.root.parent / "checked.json").write_text("{}")
    with pytest.raises(DamagedImage, match=r"files\.json"), place.images.use(image.digest):
        pass
    assert place.build(LOCK).tree == image.tree


def test_a_listing_that_was_changed_with_its_file_is_found(place: Place, image: Image) -> None:
    rewrite_with_its_old_times(image.root)
    listing_file = image.root.parent / "files.json"
    files = json.loads(listing_file.read_text())
    files["usr/bin/one"]["content"] = "0" * 64
    listing_file.write_text(json.dumps(files))
    with pytest.raises(DamagedImage, match=r"files.json: has changed"):
        place.images.check(image.digest)


def test_the_same_bytes_in_new_files_are_accepted_and_then_checked_cheaply(
    place: Place, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restore from a copy."""
    copy = image.root.with_name("copy")
    shutil.copytree(image.root, copy, symlinks=True)
    shutil.rmtree(image.root)
    copy.rename(image.root)
    with place.images.use(image.digest):
        pass
    monkeypatch.setattr(listing, "check_content", None)
    with place.images.use(image.digest):
        pass


def test_a_machine_without_find_looks_for_itself(
    place: Place, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for _ in range(2):
        with place.images.use(image.digest):
            pass
    assert listing.stat_digest(image.root).startswith("python:")
    rewrite_with_its_old_times(image.root)
    with (
        pytest.raises(DamagedImage, match="its bytes have changed"),
        place.images.use(image.digest),
    ):
        pass


def test_all_bytes_are_compared_after_many_uses(
    place: Place, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    whole = listing.check_content
    monkeypatch.setattr("dcanary.image.store.WHOLE_CHECK_USES", 3)
    monkeypatch.setattr(
        "dcanary.image.store.check_content",
        lambda root, expected: (looked.append(root), whole(root, expected))[1],
    )
    for _ in range(8):
        with place.images.use(image.digest):
            pass
    assert len(looked) == 2


def test_an_image_in_use_is_not_removed(place: Place, image: Image) -> None:
    with place.images.use(image.digest), place.images.use(image.digest):
        with pytest.raises(ImageInUse, match="is in use by a stage"):
            place.images.remove(image.digest)
        assert place.images.collect(0) == []
    assert place.images.remove(image.digest) == image.bytes
    assert place.images.images() == []
    with pytest.raises(NoSuchImage, match="is not built"), place.images.use(image.digest):
        pass
    with pytest.raises(NoSuchImage):
        place.images.check(image.digest)


def test_what_no_stage_has_used_for_long_is_collected(place: Place, image: Image) -> None:
    left = place.images.partial / ("0" * 64)
    left.mkdir()
    (left / "file").write_bytes(b"left by a killed build")
    assert place.images.collect(3_600) == []
    assert not left.exists()
    checked = image.root.parent / "checked.json"
    os.utime(checked, (time.time() - 7_200,) * 2)
    assert [each.digest for each in place.images.collect(3_600)] == [image.digest]
    assert place.images.images() == []


def test_a_use_makes_an_image_used(place: Place, image: Image) -> None:
    os.utime(image.root.parent / "checked.json", (time.time() - 7_200,) * 2)
    with place.images.use(image.digest):
        pass
    assert place.images.collect(3_600) == []


@pytest.mark.parametrize("digest", ["", "..", "partial", "0" * 63, "A" * 64])
def test_what_is_no_digest_names_no_image(place: Place, digest: str) -> None:
    for use in (place.images.find, place.images.check, place.images.remove, place.images.lock_of):
        with pytest.raises(NoSuchImage, match="is not the digest of an image"):
            use(digest)


def test_a_use_of_a_built_image_costs_little(place: Place) -> None:
    """A tenth of a second of the processor for 2,000 files: standard images have up to 10,000."""
    members = [member(f"./usr/lib/{n % 100}/{n}", b"x") for n in range(2_000)]
    large = pool({"large": deb("large", members)})
    place.registry.files.update(large.files)
    image = place.build(large.lock)

    def used_seconds() -> float:
        before = spent()
        with place.images.use(image.digest):
            return spent() - before

    assert min(used_seconds() for _ in range(5)) < 0.1


def spent() -> float:
    """Processor time of this process and the ones that it has begun: other load does not count."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_children.ru_utime + of_children.ru_stime


def test_the_bench_compares_a_use_with_the_limit(place: Place, image: Image) -> None:
    (found,) = measure(place.images)
    assert found.key == "image_reuse_one"
    assert found.value > 0

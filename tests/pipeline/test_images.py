"""What a stage's `image` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.image.lock import read_lock
from dcanary.image.standard import standard_lock, standard_names
from dcanary.pipeline import (
    PipelineFile,
    PipelineFileError,
    load_pipeline,
    parse_pipeline,
    to_candid,
)

PIPELINE = """\
version: 1
name: shop
stages: {{build: {{runtime: {runtime}, image: {image}, commands: ["true"]}}}}
"""


def standard(name: str) -> Path:
    found = standard_lock(name)
    assert found is not None
    return found


def load(folder: Path, image: str, runtime: str = "shell") -> PipelineFile:
    (folder / "dcanary.yml").write_text(PIPELINE.format(image=image, runtime=runtime))
    return load_pipeline(folder / "dcanary.yml")


def error_of(folder: Path, image: str, runtime: str = "shell") -> str:
    with pytest.raises(PipelineFileError) as caught:
        load(folder, image, runtime)
    (error,) = caught.value.errors
    return f"{error.line}: {error.field}: {error.message}"


@pytest.mark.parametrize("name", standard_names())
def test_the_name_of_a_standard_image_becomes_the_digest_of_its_lock(
    tmp_path: Path, name: str
) -> None:
    digest = read_lock(standard(name)).digest
    pipeline = load(tmp_path, name)
    assert pipeline.stages["build"].image == digest
    (stage,) = to_candid(pipeline, "shop")["stages"]
    assert stage["needs"] == {
        "cpus": None,
        "image": digest,
        "region": None,
        "image_lock": None,
        "labels": [],
    }


def test_a_lock_file_beside_the_pipeline_is_read(tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "own.lock").write_bytes(standard("base").read_bytes())
    digest = read_lock(standard("base")).digest
    pipeline = load(tmp_path, "ci/own.lock")
    assert pipeline.stages["build"].image == digest
    # Its path is registered too: executors build the image by it.
    assert to_candid(pipeline, "shop")["stages"][0]["needs"]["image_lock"] == "ci/own.lock"
    by_digest = load(tmp_path, digest)
    assert by_digest.stages["build"].image == digest
    assert to_candid(by_digest, "shop")["stages"][0]["needs"]["image_lock"] is None


def test_the_lock_of_a_pipeline_in_a_subfolder_is_registered_by_its_path_from_the_root(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "services" / "shop"
    (folder / "ci").mkdir(parents=True)
    (folder / "ci" / "own.lock").write_bytes(standard("base").read_bytes())
    (tmp_path / ".git").mkdir()
    # Where the commit has it; beside dcanary.yml is where the file says that it is.
    registered = to_candid(load(folder, "ci/own.lock"), "shop")["stages"][0]["needs"]["image_lock"]
    assert registered == "services/shop/ci/own.lock"
    assert (tmp_path / registered).is_file()


def test_what_names_no_image_is_told_with_what_does(tmp_path: Path) -> None:
    (tmp_path / "bad.lock").write_text("{}")
    known = ", ".join(standard_names())
    assert error_of(tmp_path, "ubuntu") == (
        f"3: stages.build.image: is no image: use one of {known}, a lock file, or a lock's digest"
    )
    assert "none.lock cannot be read" in error_of(tmp_path, "none.lock")
    assert "bad.lock" in error_of(tmp_path, "bad.lock")
    assert "normalised" in error_of(tmp_path, "../base.lock")
    content = PIPELINE.format(image="own.lock", runtime="shell").encode()
    with pytest.raises(PipelineFileError, match="use the lock's digest"):
        parse_pipeline(content)


@pytest.mark.parametrize("name", ["rust", "azle"])
def test_a_runtime_that_no_machine_has_is_the_image_of_its_name(tmp_path: Path, name: str) -> None:
    own = PIPELINE.format(runtime=name, image="null")
    (stage,) = to_candid(parse_pipeline(own.encode()), "shop")["stages"]
    assert stage["runtime"] == {name.capitalize(): None}
    assert stage["needs"]["image"] == read_lock(standard(name)).digest
    other = load(tmp_path, "base", name).stages["build"]
    assert other.image == read_lock(standard("base")).digest


@pytest.mark.parametrize("name", ["motoko", "node", "python"])
def test_a_runtime_of_the_machine_may_be_an_image_instead(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, name, name).stages["build"].image == read_lock(standard(name)).digest
    alone = parse_pipeline(PIPELINE.format(runtime=name, image="null").encode())
    assert alone.stages["build"].image is None

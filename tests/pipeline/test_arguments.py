"""Textual Candid arguments of a `dcanary.yml`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.candid import parse_interface
from dcanary.pipeline import PipelineFile, PipelineFileError, load_pipeline, parse_pipeline

PIPELINE = """\
version: 1
name: shop
stages: {{build: {{runtime: shell, commands: ["true"], artifacts: [shop.wasm]}}}}
deploy:
  target: shop
  stage: build
  artifact: shop.wasm
  {arguments}
"""
INTERFACE = """\
type Settings = record { owner : principal; fee : opt nat64; name : text };
service : (Settings) -> { get : () -> (nat) query }
"""
OWNER = "rrkah-fqaaa-aaaaa-aaaaq-cai"
TEXT = f'(record {{ owner = principal "{OWNER}"; fee = opt 3; name = "Ä" }})'


def load(folder: Path, arguments: str) -> PipelineFile:
    (folder / "dcanary.yml").write_text(PIPELINE.format(arguments=arguments))
    return load_pipeline(folder / "dcanary.yml")


def error_of(folder: Path, arguments: str) -> str:
    with pytest.raises(PipelineFileError) as caught:
        load(folder, arguments)
    (error,) = caught.value.errors
    return f"{error.line}: {error.field}: {error.message}"


def test_an_argument_is_encoded_by_the_interface_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "shop.did").write_text(INTERFACE)
    deploy = load(tmp_path, f"candid: src/shop.did\n  install_arg: '{TEXT}'").deploy
    assert deploy is not None
    (settings,) = parse_interface(INTERFACE).init.decode(deploy.install_arg)
    assert settings == {"owner": OWNER, "fee": 3, "name": "Ä"}
    assert deploy.upgrade_arg == b"DIDL\0\0"


def test_without_an_interface_values_say_their_types(tmp_path: Path) -> None:
    deploy = load(tmp_path, 'upgrade_arg: "(7 : nat8, true)"').deploy
    assert deploy is not None
    assert deploy.upgrade_arg == b"DIDL\0\x02\x7b\x7e\x07\x01"


def test_an_argument_of_another_type_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "shop.did").write_text(INTERFACE)
    wrong = TEXT.replace("opt 3", "opt -3")
    said = error_of(tmp_path, f"candid: shop.did\n  install_arg: '{wrong}'")
    assert said.startswith("9: deploy.install_arg: is not the argument that is wanted: ")
    assert "nat64" in said
    said = error_of(tmp_path, 'candid: shop.did\n  install_arg: "()"')
    assert "1 argument is expected" in said


def test_an_interface_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.did").write_text("service : {\n  get : (nat -> ()\n}")
    (tmp_path / "binary.did").write_bytes(b"\xff\xfe")
    (tmp_path / "large.did").write_bytes(b"/" * (256 * 1024 + 1))
    assert error_of(tmp_path, "candid: none.did").endswith(
        "none.did cannot be read: No such file or directory"
    )
    assert "8: deploy.candid: bad.did: " in error_of(tmp_path, "candid: bad.did")
    assert "binary.did is not UTF-8" in error_of(tmp_path, "candid: binary.did")
    assert "large.did: has more than 262144 bytes" in error_of(tmp_path, "candid: large.did")


def test_an_interface_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.did").write_text(INTERFACE)
    inner = tmp_path / "project"
    inner.mkdir()
    with pytest.raises(PipelineFileError, match="normalised"):
        load(inner, "candid: ../secret.did")


@given(st.text(max_size=40))
def test_whatever_the_argument_is_only_its_own_error_comes(text: str) -> None:
    written = text.replace("'", "''")
    content = PIPELINE.format(arguments=f"install_arg: '{written}'").encode(errors="surrogatepass")
    try:
        parse_pipeline(content)
    except PipelineFileError as error:
        assert error.errors

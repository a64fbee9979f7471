"""Textual Candid arguments of a `dcanary.yml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.candid import parse_interface, principal
from dcanary.candid.text import encode_untyped
from dcanary.pipeline import (
    Installation,
    PipelineFile,
    PipelineFileError,
    load_pipeline,
    parse_pipeline,
    references,
    to_candid,
)
from dcanary.pipeline.model import Deploy
from dcanary.pipeline.references import ANY, Argument
from shared.rules import references as rules

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
    (deploy,) = load(tmp_path, f"candid: src/shop.did\n  install_arg: '{TEXT}'").deploy
    (settings,) = parse_interface(INTERFACE).init.decode(deploy.install_arg.encoded)
    assert settings == {"owner": OWNER, "fee": 3, "name": "Ä"}
    assert deploy.upgrade_arg.encoded == b"DIDL\0\0"


def test_without_an_interface_values_say_their_types(tmp_path: Path) -> None:
    (deploy,) = load(tmp_path, 'upgrade_arg: "(7 : nat8, true)"').deploy
    assert deploy.upgrade_arg.encoded == b"DIDL\0\x02\x7b\x7e\x07\x01"


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


@pytest.mark.parametrize("path", ["../secret.did", "none.did", "bad.did"])
def test_an_interface_that_cannot_be_used_is_one_mistake(tmp_path: Path, path: str) -> None:
    (tmp_path / "bad.did").write_text("service")
    with pytest.raises(PipelineFileError) as caught:
        load(tmp_path, f"candid: {path}\n  install_arg: '{TEXT}'")
    (error,) = caught.value.errors
    assert error.field == "deploy.candid"


@given(st.text(max_size=40))
def test_whatever_the_argument_is_only_its_own_error_comes(text: str) -> None:
    written = text.replace("'", "''")
    content = PIPELINE.format(arguments=f"install_arg: '{written}'").encode(errors="surrogatepass")
    try:
        parse_pipeline(content)
    except PipelineFileError as error:
        assert error.errors


SEVERAL = """\
version: 1
name: shop
stages: {build: {runtime: shell, commands: ["true"], artifacts: [a.wasm, b.wasm, c.wasm]}}
deploy:
  - target: a
    stage: build
    artifact: a.wasm
  - target: b
    stage: build
    artifact: b.wasm
    install_arg: '(principal "${canister:a}")'
  - target: c
    stage: build
    artifact: c.wasm
    depends_on: [a]
    install_arg: '("${network}: ${canister:b}.app or ${canister:b}", principal "${canister:a}")'
"""
CANISTER = principal.from_text("rrkah-fqaaa-aaaaa-aaaaq-cai")


def several(text: str = SEVERAL, installation: Installation = ANY) -> list[Deploy]:
    return parse_pipeline(text.encode(), installation=installation).deploy


def errors_of(text: str, installation: Installation = ANY) -> list[str]:
    with pytest.raises(PipelineFileError) as caught:
        several(text, installation)
    return [f"{one.line}: {one.field}: {one.message}" for one in caught.value.errors]


class Canister:
    """A principal as the rules of the canisters see it."""

    bytes = CANISTER

    def to_str(self) -> str:
        return principal.to_text(self.bytes)


def put_in(argument: Argument) -> bytes:
    """The argument with the id CANISTER for each reference, by the canisters' own rules."""
    found = references.to_candid(argument)
    filled = rules.filled(
        argument.encoded, cast(Any, found), {name: cast(Any, Canister()) for name in "abc"}
    )
    assert isinstance(filled, bytes), filled
    return filled


def test_an_argument_with_the_ids_in_it_is_the_one_that_would_have_been_encoded() -> None:
    _, b, c = several()
    ident = principal.to_text(CANISTER)
    assert b.install_arg.targets == ("a",)
    assert put_in(b.install_arg) == encode_untyped(f'(principal "{ident}")')
    assert c.install_arg.targets == ("b", "a")
    assert put_in(c.install_arg) == encode_untyped(
        f'("local: {ident}.app or {ident}", principal "{ident}")'
    )
    # Each reference is verified in its own place: one byte beside it there is no placeholder.
    for one in c.install_arg.references:
        moved = [{"canister": "b", "offset": one.offset + 1, "textual": one.textual}]
        assert "no placeholder" in str(rules.problem(c.install_arg.encoded, cast(Any, moved)))


@given(st.lists(st.sampled_from(["${canister:a}", "${canister:b}", "${network}", "x", "ä"])))
def test_references_stand_anywhere_in_a_text(parts: list[str]) -> None:
    text = "".join(parts)
    written = SEVERAL.replace("('${network}", "(").splitlines()
    written[-1] = f"    install_arg: '(42 : nat, \"{text}\")'"
    *_, c = several("\n".join(written))
    ident = principal.to_text(CANISTER)
    plain = text.replace("${canister:a}", ident).replace("${canister:b}", ident)
    expected = encode_untyped(f'(42 : nat, "{plain.replace("${network}", "local")}")')
    assert put_in(c.install_arg) == expected


def test_the_types_of_an_interface_hold_for_references_too(tmp_path: Path) -> None:
    (tmp_path / "shop.did").write_text(INTERFACE)
    text = TEXT.replace(OWNER, "${canister:bank}").replace("Ä", "${network}")
    (deploy,) = load(tmp_path, f"candid: shop.did\n  install_arg: '{text}'").deploy
    assert [one.textual for one in deploy.install_arg.references] == [False]
    said = error_of(
        tmp_path, """candid: shop.did\n  install_arg: '(record { owner = "${canister:bank}" })'"""
    )
    assert said.startswith("9: deploy.install_arg: is not the argument that is wanted: ")
    assert "principal" in said


def test_the_network_and_other_targets_are_those_of_the_installation() -> None:
    asked: list[str] = []
    text = SEVERAL.replace("(principal", '("${network}", principal').replace("r:a}", "r:bank}", 1)
    installation = Installation(lambda: 'ic "7"', lambda name: bool(asked.append(name)))
    (error,) = errors_of(text, installation)
    assert error == (
        "11: deploy[1].install_arg: ${canister:bank}: there is no target bank, neither in this "
        "file nor in the installation: dcanary target list"
    )
    assert asked == ["bank"]
    _, b, _ = several(text, Installation(lambda: 'ic "7"'))
    assert b'ic "7"' in b.install_arg.encoded
    assert b.install_arg.targets == ("bank",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "target: b",
            "target: a",
            "8: deploy[1].target: a is named twice, first as deploy[0]",
        ),
        (
            "depends_on: [a]",
            "depends_on: [c]",
            "15: deploy[2].depends_on[0]: a target cannot depend on itself",
        ),
        (
            "depends_on: [a]",
            "depends_on: [d]",
            "15: deploy[2].depends_on[0]: there is no target d: use one of a, b, c",
        ),
        (
            "artifact: a.wasm",
            "artifact: a.wasm\n    depends_on: [c]",
            "5: deploy[0]: targets depend on each other in a circle: a -> c -> a",
        ),
        (
            "${canister:a}",
            "${canister:b}",
            "11: deploy[1].install_arg: ${canister:b} is the target itself",
        ),
        (
            "${canister:a}",
            "${canister:A}",
            "11: deploy[1].install_arg: ${canister:A}: the target's name must be lower-case "
            "letters, digits, '.', '_' or '-', starting with a letter or digit",
        ),
        (
            "${network}",
            "${commit}",
            "16: deploy[2].install_arg: ${commit} is not known: use ${canister:TARGET} or "
            "${network}, and \\u{24} for a plain $",
        ),
        (
            "${network}",
            "${network",
            "16: deploy[2].install_arg: a reference is not closed: use ${canister:TARGET} or "
            "${network}, and \\u{24} for a plain $",
        ),
        (
            "artifact: b.wasm",
            "artifact: d.wasm",
            "10: deploy[1].artifact: is not an artifact of the stage build (it has: a.wasm, "
            "b.wasm, c.wasm)",
        ),
        ("    artifact: b.wasm\n", "", "8: deploy[1].artifact: is missing"),
    ],
)
def test_what_is_wrong_with_one_of_several_targets_is_said_with_its_place(
    old: str, new: str, expected: str
) -> None:
    assert expected in errors_of(SEVERAL.replace(old, new, 1))


def test_a_dollar_is_written_as_an_escape() -> None:
    _, b, _ = several(SEVERAL.replace('principal "${canister:a}"', r'"\u{24}{HOME}"', 1))
    assert b.install_arg.encoded == encode_untyped('("${HOME}")')


def test_an_empty_list_of_targets_is_refused() -> None:
    text = SEVERAL[: SEVERAL.index("  - target: a")].replace("deploy:", "deploy: []")
    assert errors_of(text) == ["4: deploy: is empty: leave it out when nothing is deployed"]


def test_one_target_is_written_with_or_without_a_list() -> None:
    listed = SEVERAL[: SEVERAL.index("  - target: b")]
    bare = listed.replace("  - target", "    target")
    assert several(listed) == several(bare)
    record = to_candid(parse_pipeline(bare.encode()), "shop", [OWNER])
    assert record == to_candid(parse_pipeline(listed.encode()), "shop", [OWNER])
    assert record["deploys"] is None
    wrong = bare.replace("stage: build", "stage: 3")
    assert "6: deploy.stage: must be text: put it in quotes" in errors_of(wrong)


def test_the_placeholders_are_those_of_the_canisters() -> None:
    assert references.PLACEHOLDER == rules.PLACEHOLDER
    assert references.PLACEHOLDER_TEXT == rules.PLACEHOLDER_TEXT

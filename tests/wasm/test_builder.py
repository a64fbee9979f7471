"""What `build_canister` writes, and that it depends on the sources alone."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dcanary import wasm
from dcanary.wasm import BuildError, BuiltCanister, Template, _tools, build_canister
from dcanary.wasm_binary import sections
from tests.wasm.conftest import DATA, ROOT

IC_FEATURES = (
    "-all,mvp,mutable-global,bulk-memory,sign-extension,saturating-float-to-int,multi-value,"
    "reference-types,simd,floats"
)


def test_the_public_surface_is_small() -> None:
    assert sorted(wasm.__all__) == [
        "BuildError",
        "BuiltCanister",
        "LimitError",
        "SourceError",
        "TEMPLATE_SECONDS",
        "Template",
        "ToolError",
        "build_canister",
        "ensure_template",
        "template_is_ready",
    ]
    package = Path(str(wasm.__file__)).parent
    public = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    assert public == {"errors"}


def custom_sections(module: bytes) -> dict[str, bytes]:
    found = {}
    for part in sections.sections(module):
        if part.id == sections.CUSTOM:
            reader = sections.Reader(part.body)
            name = reader.name()
            found[name] = part.body[reader.at :]
    return found


pytestmark = pytest.mark.replica


def test_the_result_is_written_and_named_by_its_hashes(
    echo: BuiltCanister, guest: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out"
    built = build_canister(DATA / "echo" / "main.py", out=out, name="other", guest=guest)
    assert sorted(path.name for path in out.iterdir()) == [
        "other.did",
        "other.wasm",
        "other.wasm.gz",
    ]
    assert (out / "other.wasm").read_bytes() == built.wasm == echo.wasm
    assert gzip.decompress((out / "other.wasm.gz").read_bytes()) == built.wasm
    assert (out / "other.did").read_text() == built.did == "service : {}\n"
    assert built.module_hash == hashlib.sha256(built.wasm).hexdigest()
    assert built.module_hash_gz == hashlib.sha256(built.wasm_gz).hexdigest()
    assert echo.name == "echo"


def test_the_compressed_form_carries_no_time_and_no_name(echo: BuiltCanister) -> None:
    assert echo.wasm_gz[:4] == b"\x1f\x8b\x08\x00"
    assert echo.wasm_gz[4:8] == bytes(4)


def test_the_module_carries_its_interface_and_its_origin(
    echo: BuiltCanister, template: Template
) -> None:
    found = custom_sections(echo.wasm)
    assert sorted(found) == [
        "icp:public candid:service",
        "icp:public cdk",
        "icp:public dcanary:build",
    ]
    assert found["icp:public candid:service"] == echo.did.encode()
    origin = json.loads(found["icp:public dcanary:build"])
    assert origin == {"source": echo.source_digest, "template": template.key}


def test_the_module_is_valid_with_the_features_of_the_internet_computer(
    echo: BuiltCanister, tmp_path: Path
) -> None:
    file = tmp_path / "echo.wasm"
    file.write_bytes(echo.wasm)
    tool = _tools.find_tools().wasm_tools
    subprocess.run([tool, "validate", f"--features={IC_FEATURES}", file], check=True, timeout=60)


def test_the_module_imports_the_system_api_only_and_exports_its_methods(
    echo: BuiltCanister,
) -> None:
    imports = sections.read_imports(sections.find(echo.wasm, sections.IMPORT) or b"")
    assert {row.module for row in imports} == {"ic0"}
    assert not any("-" in row.field for row in imports)
    exports = {
        row.name for row in sections.read_exports(sections.find(echo.wasm, sections.EXPORT) or b"")
    }
    assert {"memory", "canister_init", "canister_update echo", "canister_query clock"} <= exports
    assert not {name for name in exports if not name.startswith("canister_")} - {"memory"}
    assert sections.find(echo.wasm, sections.START) is None


def test_the_module_is_far_below_the_limits(echo: BuiltCanister) -> None:
    assert len(sections.find(echo.wasm, sections.CODE) or b"") < 6 << 20
    assert len(echo.wasm) < 14 << 20
    assert len(echo.wasm_gz) < 5 << 20


def test_docstrings_and_sources_are_not_in_the_module(echo: BuiltCanister) -> None:
    assert b"MARKER_DOCSTRING" not in echo.wasm
    assert b"def fail_in_chain" not in echo.wasm
    assert b"fail_in_chain" in echo.wasm


def test_a_future_import_after_a_docstring_is_still_the_first_statement(
    template: Template, guest: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(
        '"""Text."""\n\nfrom __future__ import annotations\n\nfrom kybra import query\n\n\n'
        'class Empty:\n    """Text."""\n\n\n@query\ndef f(arg: Unknown):\n    """Text."""\n'
    )
    assert build_canister(tmp_path, guest=guest, name="f").wasm


SCRIPT = """
import sys
from pathlib import Path
from dcanary.wasm import build_canister
built = build_canister(Path(sys.argv[1]), guest=Path(sys.argv[2]), cache=Path(sys.argv[3]))
print(built.module_hash, built.module_hash_gz)
"""


def test_the_same_sources_give_the_same_bytes_for_other_users_in_other_folders(
    echo: BuiltCanister, template: Template, guest: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home of someone \u00e9lse"
    sources = home / "deep" / "down" / "echo"
    shutil.copytree(DATA / "echo", sources)
    other_guest = home / "guest"
    shutil.copytree(guest, other_guest)
    for path in sources.rglob("*"):
        os.utime(path, (1, 1))
    (sources / "unused.py").write_text("this is ( not Python")
    (sources / "README").write_text("no source")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "USER": "someone",
    }
    cache = template.folder.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(sources), str(other_guest), str(cache)],
        cwd=home,
        env=environment,
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == [echo.module_hash, echo.module_hash_gz]


def test_another_source_gives_another_module(
    echo: BuiltCanister, guest: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "echo"
    shutil.copytree(DATA / "echo", folder)
    with (folder / "main.py").open("a") as file:
        file.write("\nEXTRA = 1\n")
    built = build_canister(folder, guest=guest)
    assert built.module_hash != echo.module_hash
    assert built.source_digest != echo.source_digest


def test_progress_names_the_steps_and_shows_what_the_canister_prints(
    template: Template, guest: Path
) -> None:
    lines: list[str] = []
    build_canister(DATA / "echo", guest=guest, progress=lines.append)
    assert lines == ["building echo", "hello from the build", "unended"]


def test_a_place_that_cannot_be_written_is_said(
    template: Template, guest: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match=r"cannot be written to .*file/out \(Not a directory\)"):
        build_canister(DATA / "echo", guest=guest, out=tmp_path / "file" / "out")

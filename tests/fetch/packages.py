"""Small packages of our own in the archives of their ecosystems."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile


def archive(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar.gz of files by path; a TarInfo stands for itself."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for path, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755 if path.endswith(".sh") else 0o640
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


def npm_package(name: str, version: str, code: str) -> bytes:
    package = {"name": name, "version": version, "main": "index.js"}
    return archive(
        {
            "package/package.json": json.dumps(package).encode(),
            "package/index.js": code.encode(),
        }
    )


def wheel(name: str, version: str, code: str) -> bytes:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for path, content in files.items():
            file.writestr(path, content)
    return written.getvalue()


def crate(name: str, version: str) -> bytes:
    top = f"{name}-{version}"
    manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    return archive(
        {
            f"{top}/Cargo.toml": manifest.encode(),
            f"{top}/src/lib.rs": b"pub fn answer() -> u32 { 42 }\n",
            f"{top}/build.sh": b"#!/bin/sh\n",
            f"{top}/.cargo-ok": b"ok",
        }
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()

"""Imports in functions that cannot succeed on chain are refused when the canister is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.wasm import SourceError
from dcanary.wasm._late import refuse_failed, refuse_late_imports, wanted_of_python

TRIED = "def f():\n    try:\n        import helper\n"
FILES = ("helper.py", "store/__init__.py", "store/hooks.py", "store/deep/late.py")


def check(tmp_path: Path, text: str, file: str = "main.py", *used: str) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    refuse_late_imports(tmp_path, {file: text.encode(), **dict.fromkeys(used, b"")})


@pytest.mark.parametrize(
    ("text", "file", "module"),
    [
        ("def f():\n    import helper\n", "main.py", "helper"),
        ("def f():\n    from helper import x\n", "main.py", "helper"),
        ("class A:\n    def f(self):\n        import store.hooks\n", "main.py", "store.hooks"),
        ("def f():\n    from store import hooks\n", "main.py", "store"),
        ("def f():\n    from . import hooks\n", "store/__init__.py", "store.hooks"),
        ("def f():\n    from .hooks import x\n", "store/__init__.py", "store.hooks"),
        ("def f():\n    from ..hooks import x\n", "store/deep/a.py", "store.hooks"),
        ("def f():\n    if x:\n        import helper\n", "main.py", "helper"),
        ("async def f():\n    import helper\n", "main.py", "helper"),
        (f"{TRIED}    finally:\n        pass\n", "main.py", "helper"),
        (f"{TRIED}    except KeyError:\n        pass\n", "main.py", "helper"),
    ],
)
def test_a_module_that_was_not_imported_is_named_with_its_line(
    tmp_path: Path, text: str, file: str, module: str
) -> None:
    with pytest.raises(SourceError, match=r"import it at the top of this file") as caught:
        check(tmp_path, text, file)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "import" in one)
    assert f"{file}:{line}: {module} is imported when the function is called" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "import helper\n",
        "def f():\n    import json\n    import xml.dom\n    import _ic\n    import kybra\n",
        "def f():\n    try:\n        import numpy\n    except ImportError:\n        pass\n",
        f"{TRIED}    except builtins.ImportError:\n        pass\n",
        "def f():\n    with contextlib.suppress(KeyError, ImportError):\n        import helper\n",
        "def f():\n    with suppress(ImportError):\n        import helper\n",
        "def f():\n    if TYPE_CHECKING:\n        import helper\n",
        "def f():\n    if typing.TYPE_CHECKING:\n        import helper\n    else:\n        pass\n",
        f"{TRIED}    except ImportError:\n        helper = None\n",
        f"{TRIED}    except:\n        pass\n",
        f"{TRIED}    except (KeyError, Exception):\n        pass\n",
    ],
)
def test_what_is_there_or_is_provided_for_is_let_through(tmp_path: Path, text: str) -> None:
    check(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("def f():\n    import numpy\n", "numpy"),
        ("def f():\n    from yaml.reader import x\n", "yaml.reader"),
        ("def f():\n    with suppress(KeyError):\n        import numpy\n", "numpy"),
    ],
)
def test_a_package_that_nobody_has_is_named_with_its_line(
    tmp_path: Path, text: str, module: str
) -> None:
    with pytest.raises(SourceError, match=r"put it into the canister's folder") as caught:
        check(tmp_path, text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "import" in one)
    assert f"main.py:{line}: {module} is imported when the function is called" in str(caught.value)


def test_a_module_that_somebody_imported_is_there(tmp_path: Path) -> None:
    check(tmp_path, "def f():\n    from store import hooks\n", "main.py", "store/__init__.py",
          "store/hooks.py")  # fmt: skip


def wanted(tmp_path: Path, text: str) -> list[tuple[str, int, bool]]:
    found = wanted_of_python(tmp_path, {"main.py": text.encode()})
    return [(late.text, late.line, late.is_provided_for) for late in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import json\n", []),
        ("def f():\n    import xml.dom, json\n", [("json", 2, False), ("xml.dom", 2, False)]),
        ("def f():\n    from os import path as p\n", [("os:path", 2, False)]),
        ("class A:\n    def f(self):\n        import json\n", [("json", 3, False)]),
        ("def f():\n    return import_module('json')\n", [("json", 2, True)]),
        ("def f():\n    __import__('a b')\n    __import__(x)\n", []),
        ("def f():\n    import kybra\n    import __future__\n", []),
        ("def f():\n    if TYPE_CHECKING:\n        import json\n", []),
        ("def f():\n    with suppress(ImportError):\n        import ssl\n", [("ssl", 3, True)]),
        (
            "def f():\n  try:\n    import ssl\n  except ImportError:\n    import json\n",
            [("ssl", 3, True), ("json", 5, False)],
        ),
    ],
)
def test_what_functions_import_of_python_is_found_in_the_order_of_the_lines(
    tmp_path: Path, text: str, expected: list[tuple[str, int, bool]]
) -> None:
    assert wanted(tmp_path, text) == expected


def test_a_module_of_the_canister_goes_before_one_of_python(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    assert wanted(tmp_path, "def f():\n    import json\n    import csv\n") == [("csv", 3, False)]


def test_a_failed_import_is_named_with_line_reason_and_remedy(tmp_path: Path) -> None:
    text = b"def f():\n    import csv\n    import ssl\n"
    late = wanted_of_python(tmp_path, {"main.py": text})
    with pytest.raises(SourceError, match=r"main\.py:3: ssl is imported when the f.* \(no ssl\)"):
        refuse_failed(tmp_path, late, ["", "no ssl"])


def test_a_failed_import_that_is_provided_for_is_let_through(tmp_path: Path) -> None:
    text = b"def f():\n    try:\n        import ssl\n    except ImportError:\n        pass\n"
    late = wanted_of_python(tmp_path, {"main.py": text})
    refuse_failed(tmp_path, late, ["no ssl"])

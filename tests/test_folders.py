"""Where caches are."""

from pathlib import Path

import pytest

from dcanary import folders


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("/var/cache/me", "/var/cache/me/dcanary"),
        ("relative/is/ignored", "/home/me/.cache/dcanary"),
        ("", "/home/me/.cache/dcanary"),
    ],
)
def test_the_cache_folder_follows_xdg_and_else_the_home(
    setting: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    assert folders.cache() == Path(expected)
    assert folders.compiled_modules() == Path(expected) / "replica"
    assert folders.objects() == Path(expected) / "objects"

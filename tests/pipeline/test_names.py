"""Names, artifact paths and principals."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.principal import Principal

from dcanary.pipeline.names import check_artifact_path, check_principal, check_variable


@given(st.text(max_size=40))
def test_an_accepted_path_is_normalised_and_stays_below_its_root(path: str) -> None:
    try:
        check_artifact_path(path)
    except ValueError:
        return
    assert posixpath.normpath(path) == path
    assert not path.startswith(("/", "../"))
    assert ".." not in path.split("/")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/../b",
        "../a",
        "./a",
        "a//b",
        "a/",
        ".git/config",
        "a\nb",
        "a\0",
        "ä",
        " a",
        "a" * 241,
    ],
)
def test_a_path_that_could_leave_or_confuse_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        check_artifact_path(path)


@given(st.binary(max_size=29).filter(lambda raw: raw not in (b"", b"\x04")))
def test_every_principal_is_accepted_in_its_normal_form(raw: bytes) -> None:
    text = Principal(raw).to_str()
    assert check_principal(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2vxsx-fae",
        "aaaaa-aa",
        "aaaaa-ab",
        "AAAAA-AA",
        "aaaaaaa",
        "not a principal",
        "aaaaa-aa-",
        "ü",
    ],
)
def test_what_is_no_principal_or_is_anonymous_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_principal(text)


@pytest.mark.parametrize("name", ["PATH", "HOME", "LD_PRELOAD", "DCANARY_X", "1A", "A-B", "", "Ä"])
def test_a_variable_that_the_executor_sets_or_no_shell_takes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="variable"):
        check_variable(name)

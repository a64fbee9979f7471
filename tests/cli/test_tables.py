"""Tables fit the width that there is, with one line per row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.cli.tables import cell_width, column, cut, lay_out, lines, short

SHA = "0123456789abcdef" * 4
PRINCIPAL = "zlwn3-5fpuc-hwcxi-eohji-4y6dt-nnm2k-uwjpe-wusvw-rmgd7-zk4e3-bae"
COLUMNS = [
    column(one)
    for one in (
        "run:id",
        "state:state",
        "repository:text:1",
        "ref:ref:2",
        "commit:hash:3",
        "took:id:4",
    )
]
ROWS = [
    ["run-97", f"Failed: {'make ended with 2 ' * 4}", "counter", "refs/heads/main", SHA, "12.0 s"],
    ["run-9", "Succeeded", "a-repository-with-a-long-name", "refs/heads/feature", SHA, "3.1 s"],
]


def test_a_table_that_fits_is_left_as_it_is() -> None:
    layout = lay_out(COLUMNS, ROWS, None)
    assert layout.rows == ROWS
    assert layout.left_out == []


def test_at_80_columns_a_row_is_a_line_with_a_short_hash() -> None:
    heading, rows = lines(lay_out(COLUMNS, ROWS, 80))
    assert all(len(line) <= 80 for line in [heading, *rows])
    assert len(rows) == 2
    assert rows[0].startswith("run-97  Failed: ")
    assert SHA not in rows[0]


def test_at_80_columns_a_state_has_its_room_and_a_branch_its_name() -> None:
    row = ["run-14", "Failed: stage build: make: ended with 2", "counter-motoko"]
    layout = lay_out(COLUMNS, [[*row, "refs/heads/main", SHA, "12.0 s"]], 80)
    shown = dict(zip([one.key for one in layout.columns], layout.rows[0], strict=True))
    assert shown["state"].startswith("Failed: stage build: make: ended wi")
    assert shown["ref"] == "main"
    assert shown["commit"] == "01234567…"
    assert [one.key for one in layout.left_out] == ["took"]


def test_a_hash_gives_up_no_more_than_it_must() -> None:
    layout = lay_out(COLUMNS, [ROWS[1]], 90)
    assert layout.rows[0][4] == "0123456789ab…"
    assert layout.rows[0][2:4] == ["a-repository-with-a-long-name", "feature"]


def test_only_the_branch_of_a_ref_is_shown_without_its_folder() -> None:
    assert short("refs/heads/feature/x", "ref") == "feature/x"
    assert short("refs/tags/v1", "ref") == "refs/tags/v1"


def test_columns_that_say_least_go_first_and_are_named() -> None:
    layout = lay_out(COLUMNS, ROWS, 60)
    assert [one.key for one in layout.left_out][:1] == ["took"]
    assert layout.columns[0].key == "run"


def test_the_first_column_stays_whatever_the_width_is() -> None:
    layout = lay_out(COLUMNS, ROWS, 12)
    assert [one.key for one in layout.columns] == ["run"]


def test_a_principal_is_short_and_still_told_from_others() -> None:
    assert short(PRINCIPAL, "principal") == "zlwn3-…-bae"
    assert short("rrkah-fqaaa-aaaaa-aaaaq-cai", "principal") == "rrkah-…-cai"
    assert short(SHA, "hash") == "0123456789ab…"
    assert short("-", "hash") == "-"


@given(
    st.lists(st.lists(st.text(min_size=0, max_size=60), min_size=3, max_size=3), max_size=4),
    st.integers(min_value=20, max_value=120),
)
def test_no_line_is_ever_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    clean = [["".join(c for c in cell if c.isprintable()) for cell in row] for row in rows]
    columns = [column("a"), column("b:text:1"), column("c:hash:2")]
    heading, shown = lines(lay_out(columns, clean, width))
    assert all(cell_width(line) <= width for line in [heading, *shown])


@pytest.mark.parametrize(("text", "width", "shown"), [("漢字漢字", 5, "漢字…"), ("abc", 3, "abc")])
def test_wide_characters_count_as_the_cells_they_take(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown

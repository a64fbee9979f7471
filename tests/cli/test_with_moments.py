"""Records as people read them."""

from dcanary.cli.times import with_moments


def test_times_are_read_where_they_were_and_the_rest_is_left() -> None:
    record = {"delivery": "a", "received_ns": 1_700_000_000 * 10**9, "state": {"Ignored": "b"}}
    assert list(with_moments(record).items()) == [
        ("delivery", "a"),
        ("received", "2023-11-14 22:13:20Z"),
        ("state", {"Ignored": "b"}),
    ]


def test_a_time_that_is_not_there_stays_so() -> None:
    assert with_moments({"ended_ns": None}) == {"ended_ns": None}

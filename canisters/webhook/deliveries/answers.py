"""What the front door can answer; docs/reference/http.md says when. Plain Python."""

# Status of the answer -> the words that `status` in its JSON can be. What is not here cannot be
# answered (`Decision` looks it up), so the page that is checked against this table lists all.
ANSWERS: "dict[int, tuple[str, ...]]" = {
    200: ("duplicate", "ignored", "pong"),
    202: ("accepted", "held"),
    400: ("error",),
    401: ("error",),
    404: ("error",),
    405: ("error",),
    413: ("error",),
    503: ("error",),
}

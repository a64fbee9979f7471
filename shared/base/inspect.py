"""The first check of a message from outside: run by one replica, before the message costs anything.

It is a filter against waste, not the authorisation: updates check their caller again, because
calls from other canisters do not pass here.
"""

from kybra import ic

from shared.rules.roles import ANONYMOUS


def accept_unless_wasteful(anonymous_methods: "tuple[str, ...]", max_bytes: int) -> None:
    """For `inspect_message`: accept, unless anonymous or with an argument over `max_bytes`.

    Methods named in `anonymous_methods` are accepted from anyone, with any argument.
    """
    if ic.method_name() not in anonymous_methods:
        if ic.caller().to_str() == ANONYMOUS:
            return
        if ic.arg_data_raw_size() > max_bytes:
            return
    ic.accept_message()

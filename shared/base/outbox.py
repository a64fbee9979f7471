"""Messages that must arrive: written down first, then sent until the receiver has answered.

A canister declares a map `text -> Outgoing` and one `Outbox` at module scope:

    outbox = Outbox(outgoing, perform)      # module scope
    outbox.put("start_run:run-7")      # in an update, after its records are written
    outbox.wake()                      # in post_upgrade, and when wire has succeeded

`perform` counts its own instructions, for instance under `send <kind>` (CALL_CONTEXT).

`perform(key)` is a generator that builds the message from the canister's records, yields the call
and writes down what the answer means. It returns None when nothing is left to do, or a sentence
saying why to try again. It may be run more than once for one key (lost reply, trap, upgrade):
receivers must take a repeated message for the same one.

`due_ns` is also the lock: it is moved ahead and stored before the call, so that one message is not
under way twice, and it passes by itself when the answer never comes.
"""

from collections.abc import Callable

from kybra import Async, CallResult, ic

from shared.base.records import Outgoing, OutgoingMap
from shared.rules.doubling import doubled
from shared.rules.limits import MAX_RETRY_WAIT_NS, MAX_SEND_NS, SECOND_NS
from shared.types.errors import Done, Error

TIMER_GRACE_NS = 5 * SECOND_NS


def retry_wait_ns(attempts: int) -> int:
    """Nanoseconds to wait after `attempts` failed sends (from 1): 1 s, 2 s, 4 s … 64 s."""
    return doubled(SECOND_NS, attempts, MAX_RETRY_WAIT_NS)


def timer_delay_seconds(now_ns: int, due_ns: int) -> int:
    """Whole seconds until `due_ns`, rounded up; 0 when it has passed."""
    return max(0, -((now_ns - due_ns) // SECOND_NS))


def error_sentence(error: Error) -> str:
    """The sentence inside an Error, whatever its kind."""
    for sentence in error.values():
        return str(sentence)
    return "refused without a reason"


def is_passing(error: Error) -> bool:
    """True for refusals that may go away by themselves: the message is then sent again."""
    return "Unavailable" in error or "Exhausted" in error


def refusal_of(answer: "CallResult[Done]") -> "tuple[Error | None, str | None]":
    """Read a sibling's answer as (final refusal, why to try again); both None when it was Ok."""
    if answer.Err is not None:
        return None, answer.Err
    if "Err" not in answer.Ok:
        return None, None
    error = answer.Ok["Err"]
    if is_passing(error):
        return None, error_sentence(error)
    return error, None


def _new_entry(now: int) -> Outgoing:
    return {"version": 1, "generation": 1, "attempts": 0, "due_ns": now, "last_error": ""}


class Outbox:
    """Sends the messages named in `entries`. Holds no state that an upgrade may not lose."""

    def __init__(self, entries: OutgoingMap, perform: "Callable[[str], Async[str | None]]") -> None:
        self._entries = entries
        self._perform = perform
        self._armed_ns = 0

    def put(self, key: str) -> None:
        """Write down that the message `key` must be sent, and send it soon.

        For a message that is already open this says that its content has changed: it is sent
        (again) with the new content, after the answer to the one under way.
        """
        now = ic.time()
        entry = self._entries.get(key)
        if entry is None:
            entry = _new_entry(now)
        else:
            entry["generation"] += 1
        self._entries.insert(key, entry)
        self._arm(now, entry["due_ns"])

    def send_now(self, key: str) -> "Async[None]":
        """Write `key` down and send it in the message that runs, without waiting for a timer.

        For an update that has answered its caller already: what follows is not waited for. Should
        it be lost, the timer that is armed here sends it when its lock has passed.
        """
        if self._entries.contains_key(key):
            self.put(key)
            return
        now = ic.time()
        self._entries.insert(key, _new_entry(now))
        self._arm(now, now + MAX_SEND_NS)
        yield from self._send(key)

    def retry_now(self, key: str) -> bool:
        """Send an open message without waiting longer; False when `key` is not open."""
        entry = self._entries.get(key)
        if entry is None:
            return False
        now = ic.time()
        entry["due_ns"] = now
        self._entries.insert(key, entry)
        self._arm(now, now)
        return True

    def is_open(self, key: str) -> bool:
        return self._entries.contains_key(key)

    def open_count(self) -> int:
        return self._entries.len()

    def wake(self) -> None:
        """Send all open messages without waiting longer.

        Needed after an upgrade, which loses timers and answers on their way; useful whenever what
        they waited for has come. Costs one look per open message.
        """
        now = ic.time()
        for key, entry in self._entries.items():
            entry["due_ns"] = min(now, entry["due_ns"])
            self._entries.insert(key, entry)
        if self._entries.len() > 0:
            self._arm(now, now)

    def _arm(self, now: int, due_ns: int) -> None:
        wanted_ns = max(now, due_ns)
        # A timer that should have run long ago was lost to a trap: it is not waited for.
        if now - TIMER_GRACE_NS < self._armed_ns <= wanted_ns:
            return
        self._armed_ns = wanted_ns
        ic.set_timer(timer_delay_seconds(now, due_ns), self._tick)

    def _tick(self) -> "Async[None]":
        """Send what is due: one message in this one, several in timers of their own, so that one
        that traps keeps back no other."""
        now = ic.time()
        self._armed_ns = 0
        due: list[str] = []
        next_ns = None
        for key, entry in self._entries.items():
            due_ns = entry["due_ns"]
            if due_ns <= now:
                due.append(key)
                due_ns = now + MAX_SEND_NS
            if next_ns is None or due_ns < next_ns:
                next_ns = due_ns
        if next_ns is not None:
            self._arm(now, next_ns)
        if len(due) == 1:
            yield from self._send(due[0])
            return
        for key in due:
            ic.set_timer(0, self._sender(key))

    def _sender(self, key: str) -> "Callable[[], Async[None]]":
        def send() -> "Async[None]":
            return self._send(key)

        return send

    def _send(self, key: str) -> "Async[None]":
        entry = self._entries.get(key)
        now = ic.time()
        if entry is None or entry["due_ns"] > now:
            return
        generation = entry["generation"]
        entry["attempts"] += 1
        entry["due_ns"] = now + MAX_SEND_NS
        self._entries.insert(key, entry)
        try:
            refusal = yield from self._perform(key)
        except Exception as error:
            # A trap here would be repeated by the timer for ever, unseen: keep it in the record.
            refusal = f"internal error: {type(error).__name__}: {error}"
        self._record_result(key, generation, refusal)

    def _record_result(self, key: str, generation: int, refusal: "str | None") -> None:
        entry = self._entries.get(key)
        if entry is None:
            return
        now = ic.time()
        if refusal is not None:
            entry["due_ns"] = now + retry_wait_ns(entry["attempts"])
            entry["last_error"] = refusal[:200]
        elif entry["generation"] != generation:
            entry["due_ns"] = now
        else:
            self._entries.remove(key)
            return
        self._entries.insert(key, entry)
        self._arm(now, entry["due_ns"])

"""The chain of a test, as an executor in a process of its own sees it over a connection."""

import threading
from multiprocessing.connection import Connection
from typing import Any

from dcanary.client.errors import RefusedError


class RemoteChain:
    """In the executor's process: each call goes to the test and waits for its answer."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection, self._lock = connection, threading.Lock()

    installation = "aaaaa-aa"
    """Principal of a `pipeline_config` that is not there."""

    def another(self) -> "RemoteChain":
        return self

    def close(self) -> None:
        """The connection ends with the process."""

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            with self._lock:
                self._connection.send((name, arguments))
                answer = self._connection.recv()
            if isinstance(answer, dict) and "refused" in answer:
                kind, sentence = answer["refused"]
                raise RefusedError(kind, sentence, "test")
            return answer

        return call


def answer_to(chain: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """In the test's process: what the chain answers to a call, in the form of RemoteChain."""
    try:
        return getattr(chain, name)(*arguments)
    except RefusedError as error:
        return {"refused": (error.kind, error.sentence)}


def serve(chain: Any, connection: "Connection[Any, Any]") -> None:
    """Answer calls until the executor's process has ended."""
    try:
        while True:
            name, arguments = connection.recv()
            connection.send(answer_to(chain, name, arguments))
    except (EOFError, OSError):
        return

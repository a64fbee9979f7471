"""The running network: a node that drives the engine, the process around it, its life cycle."""

from .control import start, status, stop
from .files import NetworkError, RunningNetwork
from .serve import serve

__all__ = ["NetworkError", "RunningNetwork", "serve", "start", "status", "stop"]

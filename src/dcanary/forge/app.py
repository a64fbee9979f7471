"""The forge's HTTP application: git, statuses of commits, a page that lists the repositories."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from dcanary import __version__
from dcanary.forge import status_api
from dcanary.forge.backend import GitBackend
from dcanary.forge.dispatcher import Dispatcher
from dcanary.forge.layout import Layout
from dcanary.forge.repositories import Repositories


def make_app(layout: Layout, base_url: str) -> Starlette:
    """The application, with a dispatcher that runs as long as it does."""
    repositories = Repositories(layout)
    dispatcher: list[Dispatcher] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        dispatcher.append(Dispatcher(layout, base_url))
        task = asyncio.create_task(dispatcher[0].run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def overview(request: Request) -> Response:
        return JSONResponse(
            {
                "name": "dcanary forge",
                "version": __version__,
                "repositories": [
                    {"name": name, "clone_url": f"{base_url}/{name}.git"}
                    for name in repositories.names()
                ],
            }
        )

    def pushed() -> None:
        dispatcher[0].nudge()

    return Starlette(
        routes=[
            Route("/", overview),
            *status_api.routes(layout),
            Mount("/", app=GitBackend(layout, pushed)),
        ],
        lifespan=lifespan,
    )

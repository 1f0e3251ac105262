"""The page `/metrics` for aiohttp, to be mounted by whoever serves HTTP."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from appliance.telemetry.prometheus import CONTENT_TYPE, MetricsPage


def metrics_handler(page: MetricsPage) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for `GET /metrics` that shows *page*."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=page.render().encode(), headers={"Content-Type": CONTENT_TYPE})

    return metrics

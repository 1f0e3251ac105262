"""`/metrics` over real HTTP."""

import aiohttp
from aiohttp import web

from appliance.telemetry.metrics import metrics_handler
from appliance.telemetry.prometheus import CONTENT_TYPE, MetricsPage
from appliance.telemetry.records import TrunkState


async def test_the_page_is_served() -> None:
    page = MetricsPage(site="berlin", appliance="box-a")
    page.take(TrunkState(trunk="münchen", trunk_kind="trunk", up=True))
    app = web.Application()
    app.router.add_get("/metrics", metrics_handler(page))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{host}:{port}/metrics") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        assert 'trunk="münchen"' in await answer.text()
    await runner.cleanup()

"""Data sources over real HTTP: good, slow, huge, redirecting, broken, dead, and not allowed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.base.clock import HeldClock
from appliance.base.errors import ConfigError
from appliance.base.reasons import REASONS
from appliance.config.model import LookupSecret, LookupSettings
from appliance.flow.gate import FAILURES, REST_S
from appliance.flow.lookups import Answer
from appliance.flow.sources import AT_ONCE, MAX_ANSWER, DataSources
from appliance.plan.lookup import Question
from tests.certificates import Authority, write_pair
from tests.ports import free_port

HOST = "127.0.0.1"
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A data source that keeps what it was asked."""

    def __init__(self, serve: Serve) -> None:
        self.port = free_port(HOST)
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.at_once = 0
        self.full = asyncio.Event()
        self.serve = serve

    @property
    def name(self) -> str:
        return f"{HOST}:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        self.at_once += 1
        if self.at_once >= AT_ONCE:
            self.full.set()
        try:
            return await self.serve(request)
        finally:
            self.at_once -= 1


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(serve)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, HOST, server.port, ssl_context=tls).start()
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sources(
    *hosts: str, clock: HeldClock | None = None, settings: LookupSettings | None = None
) -> AsyncIterator[DataSources]:
    made = DataSources(settings or LookupSettings(hosts=hosts), clock or HeldClock())
    try:
        yield made
    finally:
        await made.close()


async def ask(asker: DataSources, url: str, **more: object) -> Answer:
    """Return the answer to a question."""
    fields = {"method": "GET", "body": {}, "secret": "", "timeout_s": 5.0, **more}
    told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    asker.ask(Question(url=url, **fields), told.set_result)  # type: ignore[arg-type]
    answer = await asyncio.wait_for(told, 30)
    assert answer.reason in REASONS
    return answer


async def good(request: web.Request) -> web.StreamResponse:
    return web.json_response({"path": request.raw_path})


async def never(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def test_a_good_answer_and_what_is_sent() -> None:
    async with serving(good) as server, sources(server.name) as asker:
        url = f"http://{server.name}/customers/%2B49?x=a%2Fb"
        assert await ask(asker, url) == Answer(body=b'{"path": "/customers/%2B49?x=a%2Fb"}')
        (request,) = server.asked
        assert "Authorization" not in request.headers
        await ask(asker, url, method="POST", body={"phone": "+49"})
        assert server.bodies[1] == b'{"phone":"+49"}'
        assert server.asked[1].headers["Content-Type"] == "application/json"


async def test_a_secret_goes_to_its_host_alone() -> None:
    async with serving(good) as server:
        secrets = {
            "crm": LookupSecret(host=server.name, authorization="Bearer abc"),
            "other": LookupSecret(host="elsewhere.example", authorization="Bearer xyz"),
        }
        settings = LookupSettings(hosts=(server.name,), secrets=secrets)
        async with sources(settings=settings) as asker:
            url = f"http://{server.name}/"
            assert (await ask(asker, url, secret="crm")).reason == "normal"
            assert server.asked[0].headers["Authorization"] == "Bearer abc"
            for name in ("other", "unknown"):
                assert (await ask(asker, url, secret=name)).reason == "lookup-refused"
            assert len(server.asked) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:1"])
async def test_who_is_not_named_is_not_asked(host: str, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(good) as server, sources(host) as asker:
        assert (await ask(asker, f"http://{server.name}/")).reason == "lookup-refused"
        assert not server.asked
        assert f'add "{server.name}" to lookup.hosts' in caplog.text


async def test_the_usual_port_need_not_be_named(caplog: pytest.LogCaptureFixture) -> None:
    settings = LookupSettings(hosts=("Nowhere.Invalid",))
    async with sources(settings=settings) as asker:
        assert (await ask(asker, "https://nowhere.invalid/")).reason == "lookup-unreachable"
        assert (await ask(asker, "https://nowhere.invalid:444/")).reason == "lookup-refused"
        for url in ("ftp://nowhere.invalid/", "http://a@nowhere.invalid/", "nowhere"):
            assert (await ask(asker, url)).reason == "lookup-refused"
    assert '"nowhere.invalid:444"' in caplog.text


async def test_a_slow_source_is_not_waited_for() -> None:
    async with serving(never) as server, sources(server.name) as asker:
        answer = await ask(asker, f"http://{server.name}/", timeout_s=0.2)
        assert answer.reason == "lookup-timeout"


async def test_a_source_that_drips_is_not_waited_for() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(600):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with serving(drip) as server, sources(server.name) as asker:
        answer = await ask(asker, f"http://{server.name}/", timeout_s=0.5)
        assert answer.reason == "lookup-timeout"


@pytest.mark.parametrize(
    ("size", "reason"), [(MAX_ANSWER, "normal"), (MAX_ANSWER + 1, "lookup-garbled")]
)
async def test_a_huge_answer_is_not_read(size: int, reason: str) -> None:
    sent = []

    async def huge(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(size // 4096):
            await response.write(b"1" * 4096)
            sent.append(4096)
        await response.write(b"1" * (size % 4096))
        for _ in range(0 if reason == "normal" else 100_000):
            await response.write(b"1" * 4096)
            sent.append(4096)
        return response

    async with serving(huge) as server, sources(server.name) as asker:
        assert (await ask(asker, f"http://{server.name}/")).reason == reason
    assert sum(sent) < 100 * MAX_ANSWER


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (204, {}, "not-found"),
        (404, {}, "not-found"),
        (410, {}, "not-found"),
        (302, {"Location": "http://127.0.0.1:1/"}, "lookup-garbled"),
        (307, {"Location": "/elsewhere"}, "lookup-garbled"),
        (401, {}, "lookup-garbled"),
        (429, {}, "lookup-broken"),
        (500, {}, "lookup-broken"),
        (503, {}, "lookup-broken"),
        (200, {"Content-Encoding": "gzip"}, "lookup-garbled"),
    ],
)
async def test_what_each_status_means(status: int, headers: dict[str, str], reason: str) -> None:
    async def say(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    async with serving(say) as server, sources(server.name) as asker:
        assert (await ask(asker, f"http://{server.name}/")).reason == reason
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x16\x03\x01 no http\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
)
async def test_what_is_no_http_harms_nobody(octets: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        writer.close()

    port = free_port(HOST)
    server = await asyncio.start_server(answer, HOST, port)
    async with server, sources(f"{HOST}:{port}") as asker:
        answer_ = await ask(asker, f"http://{HOST}:{port}/")
        assert answer_.reason == "lookup-unreachable"


async def test_a_dead_source_makes_nobody_wait_and_is_tried_again() -> None:
    clock = HeldClock()
    down: list[tuple[str, str, bool]] = []
    async with serving(good) as server, sources(server.name, clock=clock) as asker:
        asker.on_down = lambda host, reason, is_down: down.append((host, reason, is_down))
        url = f"http://{server.name}/"

        async def busy(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=503)

        server.serve = busy
        for _ in range(FAILURES):
            assert (await ask(asker, url)).reason == "lookup-broken"
        answers = await asyncio.gather(*(ask(asker, url) for _ in range(500)))
        assert {answer.reason for answer in answers} == {"lookup-down"}
        assert len(server.asked) == FAILURES
        assert down == [(server.name, "lookup-broken", True)]
        clock.advance(REST_S)
        answers = await asyncio.gather(*(ask(asker, url) for _ in range(10)))
        assert sorted(a.reason for a in answers) == ["lookup-broken", *["lookup-down"] * 9]
        server.serve = good
        clock.advance(REST_S)
        assert (await ask(asker, url)).reason == "normal"
        assert down[1:] == [(server.name, "normal", False)]
        answers = await asyncio.gather(*(ask(asker, url) for _ in range(10)))
        assert {answer.reason for answer in answers} == {"normal"}


async def test_few_are_asked_at_once_and_those_who_wait_give_up_with_the_first() -> None:
    async with serving(never) as server, sources(server.name) as asker:
        url = f"http://{server.name}/"
        first = [asyncio.ensure_future(ask(asker, url, timeout_s=1.0)) for _ in range(AT_ONCE)]
        await server.full.wait()
        rest = [asyncio.ensure_future(ask(asker, url)) for _ in range(200)]
        assert {answer.reason for answer in await asyncio.gather(*first)} == {"lookup-timeout"}
        reasons = [answer.reason for answer in await asyncio.gather(*rest)]
        # a few get through before as many have failed as shut the gate
        assert reasons.count("lookup-down") >= len(rest) - FAILURES
        assert len(server.asked) <= AT_ONCE + FAILURES


async def test_a_closed_port_is_unreachable() -> None:
    port = free_port(HOST)
    async with sources(f"{HOST}:{port}") as asker:
        answer = await ask(asker, f"http://{HOST}:{port}/")
        assert answer.reason == "lookup-unreachable"


async def test_a_certificate_must_be_signed_by_whom_the_settings_name(tmp_path: Path) -> None:
    authority = Authority()
    folder = write_pair(tmp_path / "db", authority.pair("localhost"), authority.pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    async with serving(good, tls) as server:
        host = f"localhost:{server.port}"
        for ca, reason in (("", "lookup-unreachable"), (str(folder / "ca.pem"), "normal")):
            async with sources(settings=LookupSettings(hosts=(host,), ca=ca)) as asker:
                assert (await ask(asker, f"https://{host}/")).reason == reason


async def test_certificates_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lookup\.ca"):
        DataSources(LookupSettings(ca=str(tmp_path / "none.pem")), HeldClock())

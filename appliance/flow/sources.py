"""Data sources asked by HTTP: only those the settings name, within their time, and few at once.

What answers is not trusted: no redirect is followed, no cookie kept, nothing unpacked, no more
read than `MAX_ANSWER`.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable

import aiohttp
import msgspec
from yarl import URL

from appliance.base.clock import Clock
from appliance.base.errors import ConfigError
from appliance.config.model import LookupSettings
from appliance.flow.gate import Gate
from appliance.flow.lookups import Answer
from appliance.plan.lookup import Callee, Question, callee

log = logging.getLogger(__name__)

#: a longer answer is not read [bytes]
MAX_ANSWER = 65_536
#: questions to one source at a time; more wait, within their time
AT_ONCE = 32
#: what says that nothing is known (RFC 9110 §15.3.5, §15.5.5, §15.5.11)
_MISSING = frozenset({204, 404, 410})
#: what says that the source cannot answer now (RFC 6585 §4, RFC 9110 §15.6)
_BUSY = 429
_BROKEN = 500
_PORTS = {"http": 80, "https": 443}


class _Source:
    """One scheme, host and port."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.slots = asyncio.Semaphore(AT_ONCE)


class DataSources:
    """Asks by HTTP; made and used in one event loop."""

    def __init__(self, settings: LookupSettings, clock: Clock) -> None:
        """Raise ConfigError `bad-config` where the certificates cannot be read."""
        self._settings = settings
        self._clock = clock
        self._tls = _tls(settings.ca)
        self._hosts = {host.lower() for host in settings.hosts}
        self._sources: dict[Callee, _Source] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: told of a source that counts as down, or no longer does: its name, why, which
        self.on_down: Callable[[str, str, bool], None] = lambda _host, _reason, _down: None

    def ask(self, question: Question, told: Callable[[Answer], None]) -> None:
        """Ask; the answer is told within the question's time, and once."""
        task = asyncio.get_running_loop().create_task(self._ask(question, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ask nobody any more; nothing is told either."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _ask(self, question: Question, told: Callable[[Answer], None]) -> None:
        whom = callee(question.url)
        refusal = self._refusal(question, whom)
        if whom is None or refusal:
            log.error("lookup-refused: %s", refusal)
            told(Answer("lookup-refused"))
            return
        source = self._sources.get(whom)
        if source is None:
            source = self._sources[whom] = _Source()
        told(await self._in_time(question, whom, source))

    def _refusal(self, question: Question, whom: Callee | None) -> str:
        """Return a sentence why this may not be asked, or nothing."""
        if whom is None:
            return "the plan's URL is none"
        names = [f"{_bracketed(whom.host)}:{whom.port}"]
        if whom.port == _PORTS[whom.scheme]:
            names.append(_bracketed(whom.host))
        if not self._hosts & set(names):
            return f'the plan asks {names[0]}: if it may, add "{names[-1]}" to lookup.hosts'
        secret = self._settings.secrets.get(question.secret)
        if question.secret and secret is None:
            return f"the plan names a secret: add [lookup.secrets.{question.secret}]"
        if secret is not None and secret.host.lower() not in names:
            return f"lookup.secrets.{question.secret} is for {secret.host}, not for {names[0]}"
        return ""

    async def _in_time(self, question: Question, whom: Callee, source: _Source) -> Answer:
        """Ask one source, unless it counts as down."""
        asked = False
        try:
            async with asyncio.timeout(question.timeout_s):
                tries = source.gate.down
                if not source.gate.passes(self._clock.monotonic_s()):
                    return Answer("lookup-down")
                async with source.slots:
                    if source.gate.down and not tries:  # it went down while we waited
                        return Answer("lookup-down")
                    asked = True
                    answer = await self._fetch(question)
        except TimeoutError:
            answer = Answer("lookup-timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            log.debug("%s: %s", whom.host, error)
            answer = Answer("lookup-unreachable")
        self._judge(whom, source, answer, asked=asked)
        return answer

    def _judge(self, whom: Callee, source: _Source, answer: Answer, *, asked: bool) -> None:
        was_down = source.gate.down
        if answer.reason in ("lookup-timeout", "lookup-unreachable", "lookup-broken"):
            source.gate.failed(self._clock.monotonic_s())
        elif asked:
            source.gate.worked()
        if source.gate.down != was_down:
            name = f"{_bracketed(whom.host)}:{whom.port}"
            log.warning("%s: data source %s", answer.reason, name)
            self.on_down(name, answer.reason, source.gate.down)

    async def _fetch(self, question: Question) -> Answer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if question.secret:
            headers["Authorization"] = self._settings.secrets[question.secret].authorization
        body = msgspec.json.encode(question.body) if question.method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._http().request(
            question.method,
            URL(question.url, encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            return await _answer(response)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    """Return what a response says, having read no more of it than may be."""
    if response.status in _MISSING:
        return Answer("not-found")
    if response.status == _BUSY or response.status >= _BROKEN:
        return Answer("lookup-broken")
    if response.status not in (200, 201, 203) or response.headers.get("Content-Encoding"):
        return Answer("lookup-garbled")
    body = bytearray()
    async for chunk in response.content.iter_chunked(MAX_ANSWER):
        body += chunk
        if len(body) > MAX_ANSWER:
            return Answer("lookup-garbled")
    return Answer(body=bytes(body))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tls(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority or None)
    except OSError as error:
        raise ConfigError("bad-config", f"lookup.ca = {authority!r}: {error}") from error

"""`AsyncMockAI` and `AsyncScript`: the same words for asyncio. What can wait is awaited.

A mirror of `sync`, whose docstrings say what each word does: only the driving differs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Generator, Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from mockai.client import flows, scripting, terms
from mockai.client.asserts import DEFAULT_TIMEOUT_S, Assertions
from mockai.client.awaiting import Awaiting
from mockai.client.calls import Flow
from mockai.client.lease import Lease
from mockai.client.no_gc import no_gc
from mockai.client.tracebacks import hidden
from mockai.client.transport import Returned, run_async
from mockai.client.views import Exchange, Exchanges, Gate, Mark
from mockai.core.checks.base import Verdict
from mockai.core.findings import Finding

__tracebackhide__ = hidden

Later = Coroutine[Any, Any, None]


class AsyncMockAI(Assertions[Later]):
    """`MockAI` for asyncio: the same words, awaited.

    Making one blocks (a millisecond; half a second when it starts a server), so that it needs no
    running loop. It keeps no connection, so one object serves any loop.

    >>> async def test() -> None:
    ...     async with AsyncMockAI() as mockai:
    ...         story = await mockai.script(tokens=400, hold_at=12)
    ...         assert await story.exchanges == []
    >>> asyncio.run(test())
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        session: str | None = None,
        process: bool = False,
        **settings: Unpack[terms.SessionTerms],
    ) -> None:
        self._lease = Lease(url, session, settings, process=process)
        self._numbers = itertools.count(1)
        self.awaiting = Awaiting()

    def __repr__(self) -> str:
        return f"<AsyncMockAI {self._lease}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.close()
        if kind is None:
            self.awaiting.refuse_forgotten()
        else:
            self.awaiting.forgotten()

    async def close(self) -> None:
        """End the session if it was made here, stop the server if it was started here."""
        await asyncio.to_thread(self._lease.close)  # to stop a server is to join its thread

    @property
    def url(self) -> str:
        """The server's own address: `http://127.0.0.1:43121`."""
        return self._lease.url

    @property
    def session(self) -> str:
        """The session's id."""
        return self._lease.session

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as `base_url`."""
        return self._lease.base_url

    @property
    def api_key(self) -> str:
        """A key that leads to the session too."""
        return self._lease.api_key

    async def drive(self, flow: Flow[Returned]) -> Returned:
        """Drive a flow of calls to its end: the one way to the server."""
        return await run_async(self.url, flow)

    no_gc = staticmethod(no_gc)

    # ── scripts and exchanges ────────────────────────────────────────────────────────────────

    async def script(
        self, name: str | None = None, **said: Unpack[terms.ScriptTerms]
    ) -> AsyncScript:
        scenario = scripting.scenario(name or f"script-{next(self._numbers)}", said)
        await self.drive(flows.put_scenario(self.session, scenario))
        return AsyncScript(self, scenario["name"], scripting.gates_of(scenario))

    async def load(self, *sources: scripting.Source, folder: str | Path = "") -> list[AsyncScript]:
        found = scripting.scenarios(sources, Path(folder))
        await self.drive(flows.put_scenarios(self.session, found))
        return [AsyncScript(self, item["name"], scripting.gates_of(item)) for item in found]

    async def exchanges(self, **filters: Unpack[terms.FilterTerms]) -> Exchanges:
        return await self.drive(flows.exchanges(self.session, filters))

    async def wait_for_exchanges(
        self,
        *,
        count: int = 1,
        timeout: float = DEFAULT_TIMEOUT_S,
        **filters: Unpack[terms.FilterTerms],
    ) -> Exchanges:
        return await self.drive(
            flows.wait_for_exchanges(self.session, filters, count=count, timeout=timeout)
        )

    async def wait_for(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **filters: Unpack[terms.FilterTerms]
    ) -> Exchange:
        return await self.drive(flows.wait_for(self.session, filters, timeout=timeout))

    async def wait_idle(self, *, timeout: float = DEFAULT_TIMEOUT_S) -> None:
        await self.drive(flows.wait_idle(self.session, timeout=timeout))

    def mark(self, name: str) -> Marking:
        """Set a mark: `await mockai.mark("stop")`, or `async with mockai.mark("stop"):`."""
        setting = self.drive(flows.mark(self.session, name))
        return Marking(self.awaiting.keep("mark", setting))

    async def reset(self) -> None:
        await self.drive(flows.reset(self.session))

    # ── money ────────────────────────────────────────────────────────────────────────────────

    async def advance(self, by: float | str) -> float:
        return await self.drive(flows.advance(self.session, by))

    async def ledger(self) -> dict[str, Any]:
        return await self.drive(flows.ledger(self.session))

    # ── gates ────────────────────────────────────────────────────────────────────────────────

    async def gate(self, name: str) -> Gate:
        return await self.drive(flows.gate(self.session, name))

    async def wait_held(
        self, gate: str, *, count: int = 1, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Gate:
        return await self.drive(
            flows.wait_held(self.session, gate, scenario=None, count=count, timeout=timeout)
        )

    async def release(
        self,
        gate: str,
        *,
        tokens: int | None = None,
        all: bool = False,
        exchange: str | None = None,
    ) -> int:
        return await self.drive(
            flows.release(self.session, gate, tokens=tokens, all=all, exchange=exchange)
        )

    # ── checks ───────────────────────────────────────────────────────────────────────────────

    async def check(
        self, *checks: Mapping[str, Any], wait: float = DEFAULT_TIMEOUT_S
    ) -> list[Verdict]:
        return await self.drive(flows.check(self.session, checks, timeout=wait))

    async def findings(self) -> list[Finding]:
        return await self.drive(flows.findings(self.session))

    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> Later:
        judging = self.drive(flows.demand(self.session, kind, expected, timeout=timeout))
        return self.awaiting.keep(f"assert_{kind}", judging)


class AsyncScript(Assertions[Later]):
    """`Script` for asyncio. What is read from the server is awaited: `await script.exchanges`."""

    def __init__(self, mockai: AsyncMockAI, name: str, gates: tuple[str, ...]) -> None:
        self._mockai = mockai
        self.name = name
        self.gates = gates

    def __repr__(self) -> str:
        holds = f" holds at {', '.join(self.gates)}" if self.gates else ""
        return f"<AsyncScript {self.name} in session '{self._mockai.session}'{holds}>"

    @property
    def exchanges(self) -> Coroutine[Any, Any, Exchanges]:
        """The exchanges that this script answered, oldest first: `await script.exchanges`."""
        return self._mockai.exchanges(scenario=self.name)

    async def wait_for_exchanges(
        self, *, count: int = 1, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Exchanges:
        return await self._mockai.wait_for_exchanges(
            count=count, timeout=timeout, scenario=self.name
        )

    async def wait_for(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **filters: Unpack[terms.FilterTerms]
    ) -> Exchange:
        own = {**filters, "scenario": self.name}
        return await self._mockai.drive(flows.wait_for(self._mockai.session, own, timeout=timeout))

    async def wait_held(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, count: int = 1, gate: str | None = None
    ) -> Gate:
        at = scripting.only_gate(self.name, self.gates, gate)
        return await self._mockai.drive(
            flows.wait_held(
                self._mockai.session, at, scenario=self.name, count=count, timeout=timeout
            )
        )

    async def release(
        self, *, tokens: int | None = None, all: bool = False, gate: str | None = None
    ) -> int:
        return await self._mockai.drive(
            flows.release_script(
                self._mockai.session,
                self.name,
                scripting.own_gates(self.name, self.gates, gate),
                tokens=tokens,
                everything=all,
            )
        )

    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> Later:
        return self._mockai.demand(kind, {**expected, "scenario": self.name}, timeout)


class Marking:
    """A mark on its way: `await` it, or enter it with `async with`. Until then it is not set."""

    def __init__(self, setting: Coroutine[Any, Any, Mark]) -> None:
        self._setting = setting

    def __await__(self) -> Generator[Any, Any, Mark]:
        return self._setting.__await__()

    async def __aenter__(self) -> Mark:
        return await self._setting

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: a mark is an instant, and it has passed."""

"""`MockAI` and `Script`: the words for tests without an event loop. Each only drives its flow."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from mockai.client import flows, scripting, terms
from mockai.client.asserts import DEFAULT_TIMEOUT_S, Assertions
from mockai.client.calls import Flow
from mockai.client.lease import Lease
from mockai.client.no_gc import no_gc
from mockai.client.tracebacks import hidden
from mockai.client.transport import Returned, run
from mockai.client.views import Exchange, Exchanges, Gate, Mark
from mockai.core.checks.base import Verdict
from mockai.core.findings import Finding

__tracebackhide__ = hidden


class MockAI(Assertions[None]):
    """A session of its own on a mockai server, and what can be said about it.

    Without `url` (or MOCKAI_URL) it starts a server on a thread, or with `process` as a process of
    its own (for those who freeze time or patch sockets), and stops it on `close()`. A wait
    lasts `timeout` seconds times MOCKAI_PATIENCE at most; an expectation that is not met is an
    `AssertionError`, a misuse a `MockaiError`. Calls may come from any thread.

    >>> with MockAI() as mockai:
    ...     story = mockai.script(tokens=400, hold_at=12)
    ...     mockai.base_url == f"{mockai.url}/s/{mockai.session}/v1"
    True
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

    def __repr__(self) -> str:
        return f"<MockAI {self._lease}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session if it was made here, stop the server if it was started here."""
        self._lease.close()

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

    def drive(self, flow: Flow[Returned]) -> Returned:
        """Drive a flow of calls to its end: the one way to the server."""
        return run(self.url, flow)

    no_gc = staticmethod(no_gc)

    # ── scripts and exchanges ────────────────────────────────────────────────────────────────

    def script(self, name: str | None = None, **said: Unpack[terms.ScriptTerms]) -> Script:
        """Register a scenario, in place of one of the same name; see `ScriptTerms` for the words.

        Raises `ScenarioError`, a `MockaiError`, when the server finds it invalid.
        """
        scenario = scripting.scenario(name or f"script-{next(self._numbers)}", said)
        self.drive(flows.put_scenario(self.session, scenario))
        return Script(self, scenario["name"], scripting.gates_of(scenario))

    def load(self, *sources: scripting.Source, folder: str | Path = "") -> list[Script]:
        """Register the scenarios of files, of folders of them, or mappings; return their scripts.

        Paths are below `folder`: `mockai.load("story.yaml", folder=Path(__file__).parent)`.
        Raises `ScenarioError` with file, line and column, before any of them is kept.
        """
        found = scripting.scenarios(sources, Path(folder))
        self.drive(flows.put_scenarios(self.session, found))
        return [Script(self, item["name"], scripting.gates_of(item)) for item in found]

    def exchanges(self, **filters: Unpack[terms.FilterTerms]) -> Exchanges:
        """Return the exchanges that fit, oldest first, as they are now."""
        return self.drive(flows.exchanges(self.session, filters))

    def wait_for_exchanges(
        self,
        *,
        count: int = 1,
        timeout: float = DEFAULT_TIMEOUT_S,
        **filters: Unpack[terms.FilterTerms],
    ) -> Exchanges:
        """Return the exchanges that fit, as soon as there are `count`."""
        return self.drive(
            flows.wait_for_exchanges(self.session, filters, count=count, timeout=timeout)
        )

    def wait_for(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **filters: Unpack[terms.FilterTerms]
    ) -> Exchange:
        """Return the newest exchange that fits, as soon as there is one: `outcome="cancelled"`."""
        return self.drive(flows.wait_for(self.session, filters, timeout=timeout))

    def wait_idle(self, *, timeout: float = DEFAULT_TIMEOUT_S) -> None:
        """Return as soon as no exchange is open: before asserting that nothing more comes."""
        self.drive(flows.wait_idle(self.session, timeout=timeout))

    def mark(self, name: str) -> Mark:
        """Set a mark now: `mockai.mark("stop")`, or `with mockai.mark("stop"):`."""
        return self.drive(flows.mark(self.session, name))

    def reset(self) -> None:
        """Cut what is open and drop scripts, gates, marks and exchanges."""
        self.drive(flows.reset(self.session))

    # ── money ────────────────────────────────────────────────────────────────────────────────

    def advance(self, by: float | str) -> float:
        """Move the settlement clock on by seconds or `"5m"`; return by how many it is in all."""
        return self.drive(flows.advance(self.session, by))

    def ledger(self) -> dict[str, Any]:
        """Return what everything cost: sums by model, policy and key, and each exchange."""
        return self.drive(flows.ledger(self.session))

    # ── gates ────────────────────────────────────────────────────────────────────────────────

    def gate(self, name: str) -> Gate:
        """Return a gate as it is now; one that nothing has reached reads as empty."""
        return self.drive(flows.gate(self.session, name))

    def wait_held(self, gate: str, *, count: int = 1, timeout: float = DEFAULT_TIMEOUT_S) -> Gate:
        """Return the gate as soon as `count` streams, of whichever script, stand at it."""
        return self.drive(
            flows.wait_held(self.session, gate, scenario=None, count=count, timeout=timeout)
        )

    def release(
        self,
        gate: str,
        *,
        tokens: int | None = None,
        all: bool = False,
        exchange: str | None = None,
    ) -> int:
        """Let go those that stand there, and return how many.

        `tokens` holds them again after so many, `all` opens the gate for good, `exchange` means
        only one of them. Raises `ConflictError`, a `MockaiError`, when nothing stands there.
        """
        return self.drive(
            flows.release(self.session, gate, tokens=tokens, all=all, exchange=exchange)
        )

    # ── checks ───────────────────────────────────────────────────────────────────────────────

    def check(self, *checks: Mapping[str, Any], wait: float = DEFAULT_TIMEOUT_S) -> list[Verdict]:
        """Return a verdict for each check in its single-key form, as in a scenario's `expect`."""
        return self.drive(flows.check(self.session, checks, timeout=wait))

    def findings(self) -> list[Finding]:
        """Return what can be said unasked: likely causes of what went wrong, and their cures."""
        return self.drive(flows.findings(self.session))

    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> None:
        """Have a check judged, and raise its report unless it passes."""
        self.drive(flows.demand(self.session, kind, expected, timeout=timeout))


class Script(Assertions[None]):
    """A registered scenario, with its exchanges, waits and assertions."""

    def __init__(self, mockai: MockAI, name: str, gates: tuple[str, ...]) -> None:
        self._mockai = mockai
        self.name = name
        self.gates = gates

    def __repr__(self) -> str:
        holds = f" holds at {', '.join(self.gates)}" if self.gates else ""
        return f"<Script {self.name} in session '{self._mockai.session}'{holds}>"

    @property
    def exchanges(self) -> Exchanges:
        """The exchanges that this script answered, oldest first, as they are now."""
        return self._mockai.exchanges(scenario=self.name)

    def wait_for_exchanges(
        self, *, count: int = 1, timeout: float = DEFAULT_TIMEOUT_S
    ) -> Exchanges:
        """Return the exchanges of this script, as soon as there are `count`."""
        return self._mockai.wait_for_exchanges(count=count, timeout=timeout, scenario=self.name)

    def wait_for(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **filters: Unpack[terms.FilterTerms]
    ) -> Exchange:
        """Return the newest exchange of this script that fits, as soon as there is one."""
        own = {**filters, "scenario": self.name}
        return self._mockai.drive(flows.wait_for(self._mockai.session, own, timeout=timeout))

    def wait_held(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, count: int = 1, gate: str | None = None
    ) -> Gate:
        """Return the gate (the script's only one) as soon as `count` streams stand at it.

        Fails at once when a stream of this script ended or left before it got there.
        """
        at = scripting.only_gate(self.name, self.gates, gate)
        return self._mockai.drive(
            flows.wait_held(
                self._mockai.session, at, scenario=self.name, count=count, timeout=timeout
            )
        )

    def release(
        self, *, tokens: int | None = None, all: bool = False, gate: str | None = None
    ) -> int:
        """Let this script's streams go on from wherever they stand, and return how many did.

        `tokens` holds them again after so many; `all` opens the gates for good, whoever comes.
        Raises `ConflictError`, a `MockaiError`, when none stands at a gate.
        """
        return self._mockai.drive(
            flows.release_script(
                self._mockai.session,
                self.name,
                scripting.own_gates(self.name, self.gates, gate),
                tokens=tokens,
                everything=all,
            )
        )

    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> None:
        """Have a check judged on this script's exchanges only."""
        self._mockai.demand(kind, {**expected, "scenario": self.name}, timeout)

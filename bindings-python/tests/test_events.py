"""Subscriptions: events come until they are done, in threads and on an event loop."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from conftest import template
from tasker_core import AsyncTaskerClient, HandlerRegistry, Tasker
from tasker_core._subscription import Progress
from tasker_core.errors import CallError

PAID = "name: pay, handler: {callable: pay}, publishes_events: [{name: order.paid, condition: success}]"


@pytest.fixture
def tasker(database_url: str) -> Any:
    HandlerRegistry.instance().register("pay", lambda context: {"amount": context.get_input("amount")})
    with Tasker(database_url) as tasker:
        tasker.template(template("paid", PAID, namespace=f"events_{uuid.uuid4().hex}"))
        tasker.start_worker()
        yield tasker


def pay(tasker: Tasker, *amounts: int) -> str:
    """Publishes an event for each amount; the namespace in which it did so."""
    found = [it for it in tasker.client.list_templates(name="paid") if it.namespace.startswith("events_")]
    namespace = max(found, key=lambda it: it.created_at).namespace
    for amount in amounts:
        tasker.run("paid", namespace=namespace, context={"amount": amount})
    return str(namespace)


def test_an_event_is_done_when_the_next_one_is_asked_for(tasker: Tasker) -> None:
    namespace, name = pay(tasker, 1, 2, 3), uuid.uuid4().hex
    again = {"subscription": name, "types": ["order.paid"], "namespace": namespace, "after": "start"}
    seen = []
    events = tasker.client.subscribe(**again)
    for event in events:
        seen.append(event.details["payload"]["amount"])
        if len(seen) == 2:
            break
    events.close()
    for event in tasker.client.subscribe(**again):
        seen.append(event.details["payload"]["amount"])
        if seen[-1] == 3:
            break
    assert seen == [1, 2, 2, 3], "the one that was left comes again"


def test_an_event_loop_is_told_of_what_happens_now(tasker: Tasker) -> None:
    namespace = pay(tasker)

    async def follow() -> list[int]:
        client = AsyncTaskerClient.of(tasker.client)
        start = (await client.next_events({"limit": 1, "namespace": namespace})).cursor
        paying = asyncio.to_thread(pay, tasker, 5, 6)
        running = asyncio.ensure_future(paying)
        seen: list[int] = []
        async for event in client.subscribe(types=["order.paid"], namespace=namespace, after=start):
            seen.append(event.details["payload"]["amount"])
            if len(seen) == 2:
                break
        await running
        return seen

    assert asyncio.run(follow()) == [5, 6]


def test_what_passes_by_itself_is_waited_for_and_all_else_is_raised() -> None:
    progress = Progress("mailer", "order.paid", None, None, None)
    broken = CallError("away", code="database_unavailable")
    broken.is_transient = True
    pauses = [progress.pause(broken) for _ in range(10)]
    assert pauses[0] <= 0.1 and 2.5 <= pauses[-1] <= 5.0
    refused = CallError("no", code="field_invalid")
    with pytest.raises(CallError):
        progress.pause(refused)
    progress.done("7")
    assert progress.record() is None, "not after each event"
    recorded = progress.record(now=True)
    assert recorded is not None
    assert recorded.params == {"subscription": "mailer", "types": ["order.paid"], "limit": 0, "done": "7"}
    progress.answered()
    assert progress.record(now=True) is None

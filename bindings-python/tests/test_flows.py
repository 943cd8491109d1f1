"""Decisions, batches and checkpoints, on both databases."""

from __future__ import annotations

from typing import Any

from conftest import template
from tasker_core import (
    BatchConfig,
    BatchContext,
    Decision,
    StepContext,
    Tasker,
    batch_analyzer,
    batch_worker,
    decision_handler,
    depends_on,
    inputs,
    step_handler,
)


def test_decisions_and_batches(database_url: str) -> None:
    @decision_handler("decide")
    @inputs("amount")
    def decide(amount: int) -> Decision:
        return Decision.route("large") if amount > 10 else Decision.skip("too little")

    @step_handler("note")
    def note(context: StepContext) -> str:
        return context.step_name

    @batch_analyzer("analyze", worker_template="work")
    @inputs("amount")
    def analyze(amount: int) -> BatchConfig:
        return BatchConfig(total_items=amount, batch_size=10)

    @batch_worker("work")
    def work(batch_context: BatchContext, context: StepContext) -> list[int | None]:
        assert batch_context.batch_size <= 10 and batch_context.of == 3
        context.checkpoint(batch_context.start_cursor, {"seen": 1}, 1)
        assert context.has_checkpoint() and context.accumulated_results == {"seen": 1}
        return [batch_context.start_cursor, batch_context.end_cursor]

    @step_handler("gather")
    @depends_on(parts="work")
    def gather(parts: list[list[int]]) -> Any:
        return parts

    with Tasker(database_url) as tasker:
        tasker.template(
            template(
                "decisions",
                "name: decide, type: decision, handler: {callable: decide}",
                "name: large, handler: {callable: note}, dependencies: [decide]",
                "name: small, handler: {callable: note}, dependencies: [decide]",
            )
        )
        task = tasker.run("decisions", context={"amount": 25})
        states = {step.name: step.current_state for step in task.steps}
        assert states == {"decide": "complete", "large": "complete", "small": "skipped"}
        assert task.results["decide"] == {"route": ["large"]}

        tasker.template(
            template(
                "batches",
                "name: analyze, type: batchable, handler: {callable: analyze}",
                "name: work, type: batch_worker, handler: {callable: work}, dependencies: [analyze]",
                "name: gather, type: deferred_convergence, handler: {callable: gather}, dependencies: [work]",
            )
        )
        task = tasker.run("batches", context={"amount": 25})
    assert task.results["gather"] == [[0, 10], [10, 20], [20, 25]]

"""Decisions and checkpoints, on both databases."""

from __future__ import annotations

from conftest import template
from tasker_core import (
    Decision,
    StepContext,
    Tasker,
    decision_handler,
    inputs,
    step_handler,
)


def test_decisions(database_url: str) -> None:
    @decision_handler("decide")
    @inputs("amount")
    def decide(amount: int) -> Decision:
        return Decision.route("large", {"limit": 10}) if amount > 10 else Decision.skip("too little")

    @step_handler("note")
    def note(context: StepContext) -> str:
        return context.step_name

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
        assert task.results["decide"] == {"route": ["large"], "limit": 10}

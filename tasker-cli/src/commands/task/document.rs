use serde::Serialize;
use tasker_core::{
    model::{Step, Task, TaskId},
    orchestration::Engine,
};

use crate::{
    failure::Result,
    output::Output,
    style::Tone,
    tree::{Frame, Progress, frame},
};

/// A task with its steps.
#[derive(Debug, Serialize)]
pub(crate) struct TaskDocument {
    pub(crate) task: Task,
    pub(crate) steps: Vec<Step>,
}

impl TaskDocument {
    pub(crate) async fn load(engine: &Engine, task_id: TaskId) -> Result<Self> {
        let task = engine.task(task_id).await?;
        let steps = engine.steps(task_id).await?;
        Ok(Self { task, steps })
    }

    /// The tree of all steps with results and errors, and what else is known of the task.
    pub(crate) async fn text(&self, engine: &Engine, output: &Output) -> Result<String> {
        let progress = Progress::of_stored(engine, &self.task, &self.steps).await?;
        let now = engine.store().now().await?;
        let width = output.width();
        let mut lines: Vec<String> = frame(&progress, Frame { now, height: usize::MAX, has_results: true })
            .iter()
            .map(|line| line.text(width, output.has_color()))
            .collect();
        let facts = self.facts();
        if !facts.is_empty() {
            lines.push(String::new());
        }
        lines.extend(
            facts.iter().map(|(name, value)| format!("  {}  {value}", output.paint(&format!("{name:14}"), Tone::Dim))),
        );
        Ok(lines.join("\n"))
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let task = &self.task;
        let optional = [
            ("initiator", &task.initiator),
            ("source_system", &task.source_system),
            ("reason", &task.reason),
            ("correlation_id", &task.correlation_id),
            ("idempotency", &task.idempotency_key),
            ("environment", &task.environment),
        ];
        let mut facts = vec![("submitted", task.created_at.to_string())];
        facts.extend(task.deadline_at.map(|at| ("deadline", at.to_string())));
        facts.extend((task.priority != 0).then(|| ("priority", task.priority.to_string())));
        facts.extend((!task.tags.is_empty()).then(|| ("tags", task.tags.join(", "))));
        facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        let input: String = task.context.to_value().to_string().chars().take(400).collect();
        facts.push(("input", input));
        facts.extend(task.error.as_ref().map(|error| ("error", error.to_string())));
        facts
    }
}

use tasker_core::model::Timestamp;
use tasker_worker::{Client, client::TaskView};

use crate::{
    failure::Result,
    output::{Output, write_out},
    style::Tone,
    tree::{Frame, Progress, frame},
};

/// Prints a task with its steps: the tree of all steps with results and errors, and what else is known of the task.
pub(crate) async fn shown(client: &Client, task: &TaskView, output: &Output) -> Result<()> {
    if output.is_json() {
        output.document(task);
    } else {
        let mut progress = Progress::of(task);
        if progress.has_child() {
            progress.graft(&client.tree(task.task_uuid).await?);
        }
        write_out(&text(task, &progress, client.now().await?, output));
    }
    Ok(())
}

fn text(task: &TaskView, progress: &Progress, now: Timestamp, output: &Output) -> String {
    let width = output.width();
    let mut lines: Vec<String> = frame(progress, Frame { now, height: usize::MAX, has_results: true })
        .iter()
        .map(|line| line.text(width, output.has_color()))
        .collect();
    lines.push(String::new());
    let facts = facts(task);
    lines.extend(
        facts.iter().map(|(name, value)| format!("  {}  {value}", output.paint(&format!("{name:14}"), Tone::Dim))),
    );
    lines.join("\n")
}

fn facts(task: &TaskView) -> Vec<(&'static str, String)> {
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
    facts.extend(task.parent.as_ref().map(|parent| ("parent", format!("{}, step {}", parent.task_uuid, parent.step))));
    facts.extend(task.root_uuid.map(|root| ("root", root.to_string())));
    facts.extend(task.rerun_of.map(|task| ("rerun_of", task.to_string())));
    facts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    let input: String = task.context.to_value().to_string().chars().take(400).collect();
    facts.push(("input", input));
    facts.extend(task.error.as_ref().map(|error| ("error", error.to_string())));
    facts
}

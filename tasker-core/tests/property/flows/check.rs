//! What holds at any time.

use tasker_core::{
    model::{SkipReason, Step, StepPlace, StepState, TaskState},
    template::{OnExhaustion, StepKind},
};

use super::seen::{Observed, Seen};
use crate::{ensure, violation::Checked};

/// What holds of a task by itself.
pub(crate) fn task(observed: &Observed) -> Checked {
    let Observed { task, rows, log, .. } = observed;
    ensure!(task.seq == log.seq, "seq is {} after {} events", task.seq, log.seq);
    let end = task.state.is_final().then_some(task.state);
    ensure!(end == log.end, "stored as {}, by its events {:?}", task.state, log.end);
    ensure!((task.state == TaskState::Paused) == log.is_paused, "{}, by its events {}", task.state, log.is_paused);
    let count = |is: &dyn Fn(StepState) -> bool| rows.values().filter(|row| is(row.state)).count();
    let counts = task.counts;
    let stored = [counts.total, counts.done, counts.active, counts.failed].map(|count| count as usize);
    let counted = [
        rows.len(),
        count(&StepState::is_final),
        count(&|state| state == StepState::InProgress),
        count(&|state| state == StepState::Error),
    ];
    ensure!(stored == counted, "total, done, active and failed are {stored:?}, by the rows {counted:?}");
    ensure!(task.completed_at.is_some() == task.state.is_final(), "ended at {:?} as {}", task.completed_at, task.state);
    for row in rows.values() {
        step(observed, row).map_err(|violation| violation.within(&format!("step {}", row.name)))?;
    }
    if task.state == TaskState::BlockedByFailures {
        let blocks = |row: &Step| {
            let is_part = StepPlace::of(row.id.idx).part.is_some();
            row.state == StepState::Error
                && (is_part || observed.template(row.id.idx).on_exhaustion == OnExhaustion::Block)
        };
        ensure!(rows.values().any(blocks), "nothing blocks it");
    }
    ending(observed)
}

fn step(observed: &Observed, row: &Step) -> Checked {
    let told = observed.log.steps.get(&row.id.idx);
    if let Some(state) = told.and_then(|told| told.state) {
        ensure!(row.state == state, "stored as {}, by the events {state}", row.state);
        let attempt = told.map_or(0, |told| told.attempt);
        ensure!(row.attempt == attempt, "attempt {}, by the events {attempt}", row.attempt);
    }
    ensure!(row.state.is_final() || !observed.task.state.is_final(), "{} in a task that has ended", row.state);
    ensure!(row.ended_at.is_some() == row.state.is_final(), "ended at {:?} as {}", row.ended_at, row.state);
    let is_paused = observed.task.state == TaskState::Paused;
    let is_moved = match row.state {
        StepState::Pending => (row.unmet > 0 || is_paused) && row.due_at.is_none(),
        StepState::Enqueued => row.unmet == 0 && row.due_at.is_none() && !is_paused,
        StepState::InProgress => row.due_at.is_some() && row.worker_id.is_some(),
        StepState::WaitingForRetry => row.due_at.is_some(),
        StepState::Waiting => row.due_at.is_some() || waits(observed, row),
        _ => row.due_at.is_none(),
    };
    ensure!(
        is_moved,
        "{} with unmet {}, due at {:?} and {:?}: what moves it?",
        row.state,
        row.unmet,
        row.due_at,
        row.flow
    );
    let template = observed.template(row.id.idx);
    let policy = &template.retry;
    ensure!(row.failures <= policy.max_attempts, "failed {} times", row.failures);
    if StepPlace::of(row.id.idx).part.is_some() {
        return Ok(());
    }
    if template.kind == StepKind::BatchWorker {
        batch(observed, row)?;
    }
    let has_begun = matches!(
        row.state,
        StepState::Enqueued | StepState::InProgress | StepState::WaitingForRetry | StepState::Waiting
    );
    if has_begun && !(row.state == StepState::Waiting && row.started_at.is_none() && row.attempt == 0 && told.is_none())
    {
        begun(observed, row)?;
    }
    if template.kind == StepKind::Decision && row.state == StepState::Complete {
        decided(observed, row)?;
    }
    Ok(())
}

/// Whether a step waits for something that has no time: a signal, a task, or its parts.
fn waits(observed: &Observed, row: &Step) -> bool {
    let template = observed.template(row.id.idx);
    let flow = row.flow.as_ref();
    let open_parts = observed.parts(row.id.idx).any(|part| !part.state.satisfies());
    template.wait.as_ref().is_some_and(|wait| wait.signal.is_some() && wait.deadline_seconds.is_none())
        || flow.is_some_and(|flow| flow.child.is_some())
        || flow.is_some_and(|flow| flow.batch.is_some()) && open_parts
}

/// What a step depends on is done before it begins, and was not left out.
fn begun(observed: &Observed, row: &Step) -> Checked {
    let is_convergence = observed.template(row.id.idx).kind == StepKind::DeferredConvergence;
    let (mut has_branch, mut has_any) = (false, false);
    for before in observed.before(row.id.idx) {
        let before = observed.row(before)?;
        has_any = true;
        ensure!(before.state.satisfies(), "{} though {} is {}", row.state, before.name, before.state);
        let reason = observed.log.steps.get(&before.id.idx).and_then(|told| told.skipped);
        let is_left_out = before.state == StepState::Skipped
            && match reason {
                Some(SkipReason::Failure) => {
                    observed.template(before.id.idx).on_exhaustion == OnExhaustion::SkipCascade
                }
                // What is run again from here runs without what was skipped before.
                Some(SkipReason::TakenOver) => false,
                _ => true,
            };
        ensure!(is_convergence || !is_left_out, "{} though {} was left out", row.state, before.name);
        has_branch |= !is_left_out;
    }
    ensure!(has_branch || !has_any, "{} though every branch was left out", row.state);
    Ok(())
}

/// What a decision did not choose does not run.
fn decided(observed: &Observed, row: &Step) -> Checked {
    let Some(result) = row.result.as_ref().map(|result| result.to_value()) else { return Ok(()) };
    let Some(route) = result["route"].as_array() else { return Ok(()) };
    for at in observed.rows.values().filter(|other| observed.before(other.id.idx).any(|idx| idx == row.id.idx)) {
        // An operator who has the task run again from a step that was left out has chosen it.
        let is_chosen = route.iter().any(|name| name == &at.name) || observed.begins_at.contains(&at.name);
        let is_convergence = observed.template(at.id.idx).kind == StepKind::DeferredConvergence;
        let is_part = StepPlace::of(at.id.idx).part.is_some();
        ensure!(is_part || is_chosen || is_convergence || at.state.is_final(), "{} runs, and was not chosen", at.name);
    }
    Ok(())
}

/// The counts that are kept with a step are those of its parts, and no more of them run than may.
fn batch(observed: &Observed, head: &Step) -> Checked {
    let parts: Vec<&Step> = observed.parts(head.id.idx).collect();
    ensure!(!head.state.is_final() || parts.iter().all(|part| part.state.is_final()), "its parts run for nothing");
    let Some(batch) = head.flow.as_ref().and_then(|flow| flow.batch) else {
        ensure!(parts.is_empty(), "parts without a batch");
        return Ok(());
    };
    ensure!(parts.len() == batch.of as usize, "{} parts of {}", parts.len(), batch.of);
    let running = parts.iter().filter(|part| part.unmet == 0 && !part.state.is_final()).count();
    ensure!(batch.parallelism.is_none_or(|most| running <= most as usize), "{running} parts run, with {batch:?}");
    if head.state.satisfies() {
        return Ok(());
    }
    let left = parts.iter().filter(|part| !part.state.satisfies()).count();
    ensure!((batch.left, batch.running) == (u32_of(left), u32_of(running)), "{left} left, {running} run: {batch:?}");
    let is_held = |part: &&&Step| part.state == StepState::Pending && part.unmet > 0;
    let first = parts.iter().find(is_held).and_then(|part| StepPlace::of(part.id.idx).part);
    ensure!(first.is_none_or(|first| batch.next <= first), "{batch:?} has passed over {first:?}");
    let has_room = batch.parallelism.is_none_or(|most| running < most as usize);
    ensure!(head.state != StepState::Waiting || !has_room || first.is_none(), "{first:?} waits though there is room");
    Ok(())
}

/// What was done is undone one by one, the last first; then `finally` runs.
fn ending(observed: &Observed) -> Checked {
    let Observed { task, rows, log, own, .. } = observed;
    let is_open = |row: &&Step| !row.state.is_final();
    let undoing: Vec<&Step> = rows.values().filter(|row| observed.is_compensation(row.id.idx)).collect();
    // Those that failed have left their place in the order; an operator may have several of them run again at once.
    let in_turn = undoing.iter().filter(|row| is_open(row) && !log.is_retried(row.id.idx));
    ensure!(in_turn.count() <= 1, "two steps are undone at a time");
    for row in &undoing {
        let undone = row.name.strip_prefix("compensate:").and_then(|name| observed.named(name));
        ensure!(undone.is_some_and(|step| step.state == StepState::Complete), "{} undoes what was not done", row.name);
    }
    let is_before = |row: &&Step| observed.is_own(row.id.idx) || observed.is_compensation(row.id.idx);
    let has_finally = rows.values().any(|row| !is_before(&row));
    let open_before = rows.values().filter(is_before).find(is_open);
    // What is run again of it is a compensation that failed: `finally` has been then.
    let is_again = open_before.is_some_and(|row| row.attempt > 0 || observed.is_compensation(row.id.idx));
    ensure!(
        !has_finally || open_before.is_none() || is_again,
        "`finally` runs before {:?}",
        open_before.map(|row| &row.name)
    );
    let places: Vec<(bool, u32)> = log.added.iter().map(|idx| (!observed.is_compensation(*idx), *idx)).collect();
    ensure!(places.is_sorted_by_key(|(is_last, _)| *is_last), "`finally` was added before {places:?}");
    if !task.state.is_final() || task.state == TaskState::ResolvedManually {
        return Ok(());
    }
    let finally = *own..*own + observed.finally;
    ensure!(finally.clone().all(|idx| rows.contains_key(&u32_of(idx))), "it ended as {} without `finally`", task.state);
    let was_to_fail = log.ending.map_or(task.state != TaskState::Complete, |status| status != TaskState::Complete);
    for row in rows.values().filter(|row| observed.is_own(row.id.idx) && row.state == StepState::Complete) {
        let is_undone = observed.named(&format!("compensate:{}", row.name)).is_some();
        let has_to_be = observed.template(row.id.idx).compensate.is_some() && StepPlace::of(row.id.idx).part.is_none();
        ensure!(is_undone == (has_to_be && was_to_fail), "{}: undone is {is_undone}, as {}", row.name, task.state);
    }
    Ok(())
}

/// What holds between a task and the step that it runs for.
pub(crate) fn family(seen: &Seen, observed: &Observed) -> Checked {
    let task = &observed.task;
    // What it does before its end, nobody need wait for: the step may have been closed by hand, or told before.
    let is_awaited = !task.state.is_final() && observed.log.ending.is_none();
    if let Some(parent) = task.flow.parent.as_ref().filter(|_| is_awaited) {
        let above = seen.tasks.get(&parent.task_id);
        let row = above.and_then(|above| above.rows.get(&parent.step));
        let child = row.filter(|row| row.state == StepState::Waiting).and_then(|row| row.flow.as_ref()?.child);
        ensure!(child == Some(task.task_id), "it runs, and its parent's step is {row:?}");
    }
    for row in observed.rows.values().filter(|row| row.state == StepState::Waiting) {
        let Some(child) = row.flow.as_ref().and_then(|flow| flow.child) else { continue };
        let below = seen.tasks.get(&child);
        ensure!(
            below.is_some_and(|below| !below.task.state.is_final()),
            "{} waits for a task that has ended",
            row.name
        );
    }
    Ok(())
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

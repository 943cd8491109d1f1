use tasker_core::model::StepState;

use super::Progress;

/// What one line of the tree stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Step {
        branch: Branch,
        idx: u32,
    },
    /// Several steps that there is no room for one by one.
    Several {
        branch: Branch,
        steps: Vec<u32>,
    },
}

/// Where a row stands among the steps that can run beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    /// Alone.
    Trunk,
    /// The first one, with nothing above that it branches from.
    First,
    Middle,
    Last,
}

/// The rows of a task's tree, at most `height`, where every layer that would be too much becomes one row.
pub(super) fn rows(progress: &Progress, height: usize) -> Vec<Row> {
    let lines: usize = progress.layers.iter().map(|layer| lines_of(progress, layer)).sum();
    let is_whole = lines <= height;
    let limit = if is_whole { usize::MAX } else { layer_limit(progress, height) };
    let mut rows = Vec::new();
    let mut branches_from_one = false;
    for layer in &progress.layers {
        push_layer(&mut rows, progress, layer, limit, branches_from_one);
        branches_from_one = layer.len() == 1;
    }
    if is_whole { rows } else { around_the_open(progress, rows, height) }
}

/// Lines that the steps take one by one: an error has a line of its own.
pub(super) fn lines_of(progress: &Progress, steps: &[u32]) -> usize {
    let errors = steps.iter().filter(|idx| progress.step(**idx).is_some_and(|step| step.shows_error())).count();
    steps.len() + errors
}

/// The largest size of a layer whose steps are shown one by one, so that all layers have room.
fn layer_limit(progress: &Progress, height: usize) -> usize {
    let mut sizes: Vec<usize> = progress.layers.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    let mut limit = 1;
    for size in sizes {
        let lines: usize = progress
            .layers
            .iter()
            .map(|layer| if layer.len() <= size { lines_of(progress, layer) } else { 1 + NOTABLE })
            .sum();
        if lines > height {
            break;
        }
        limit = size;
    }
    limit
}

/// Steps of a layer without room that are shown all the same, since they need attention.
const NOTABLE: usize = 2;

fn push_layer(rows: &mut Vec<Row>, progress: &Progress, layer: &[u32], limit: usize, branches_from_one: bool) {
    if let [idx] = layer {
        return rows.push(Row::Step { branch: Branch::Trunk, idx: *idx });
    }
    if layer.len() <= limit {
        for (at, idx) in layer.iter().enumerate() {
            let branch = match at {
                0 if !branches_from_one => Branch::First,
                at if at + 1 == layer.len() => Branch::Last,
                _ => Branch::Middle,
            };
            rows.push(Row::Step { branch, idx: *idx });
        }
        return;
    }
    let is_notable = |idx: &&u32| {
        progress.step(**idx).is_some_and(|step| matches!(step.state, StepState::Error | StepState::WaitingForRetry))
    };
    let notable: Vec<u32> = layer.iter().filter(is_notable).take(NOTABLE).copied().collect();
    let first = if branches_from_one { Branch::Middle } else { Branch::First };
    for (at, idx) in notable.iter().enumerate() {
        rows.push(Row::Step { branch: if at == 0 { first } else { Branch::Middle }, idx: *idx });
    }
    let others = layer.iter().filter(|idx| !notable.contains(idx)).copied().collect();
    let branch = if notable.is_empty() && !branches_from_one { Branch::Trunk } else { Branch::Last };
    rows.push(Row::Several { branch, steps: others });
}

/// The rows around the first that has something open; what is above and below becomes one row each.
fn around_the_open(progress: &Progress, rows: Vec<Row>, height: usize) -> Vec<Row> {
    let lines = |row: &Row| match row {
        Row::Step { idx, .. } => lines_of(progress, &[*idx]),
        Row::Several { .. } => 1,
    };
    if rows.iter().map(lines).sum::<usize>() <= height {
        return rows;
    }
    let is_open = |idx: &u32| progress.step(*idx).is_some_and(|step| !step.state.is_final());
    let has_open = |row: &Row| steps_of(row).iter().any(is_open);
    let focus = rows.iter().position(has_open).unwrap_or(rows.len() - 1);
    // A third of what came before, the rest for what comes; an error may take two lines, so half as many rows fit for sure.
    let room = height.saturating_sub(2).max(1);
    let mut start = focus.saturating_sub(room / 3);
    let mut end = start;
    let mut used = 0;
    while end < rows.len() && used + lines(&rows[end]) <= room {
        used += lines(&rows[end]);
        end += 1;
    }
    while start > 0 && used + lines(&rows[start - 1]) <= room {
        start -= 1;
        used += lines(&rows[start]);
    }
    end = end.max(start + 1).min(rows.len());
    let several =
        |rows: &[Row]| Row::Several { branch: Branch::Trunk, steps: rows.iter().flat_map(steps_of).collect() };
    let mut shown = Vec::with_capacity(height);
    if start > 0 {
        shown.push(several(&rows[..start]));
    }
    shown.extend_from_slice(&rows[start..end]);
    if end < rows.len() {
        shown.push(several(&rows[end..]));
    }
    shown
}

fn steps_of(row: &Row) -> Vec<u32> {
    match row {
        Row::Step { idx, .. } => vec![*idx],
        Row::Several { steps, .. } => steps.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tasker_core::model::{StepError, TaskId, TaskState, Timestamp};

    use super::{super::progress::StepProgress, *};

    pub(in crate::tree) fn progress(layers: &[usize]) -> Progress {
        let step = |idx: usize| StepProgress {
            idx: u32::try_from(idx).expect("few"),
            name: format!("step_{idx}"),
            state: StepState::Pending,
            attempt: 0,
            attempts_max: 3,
            started_at: None,
            ended_at: None,
            due_at: None,
            error: None,
            result: None,
            parts: None,
            signal: None,
            left_out_by: Vec::new(),
            child_id: None,
            child: None,
        };
        let mut next = 0..;
        let layers: Vec<Vec<u32>> = layers.iter().map(|size| next.by_ref().take(*size).collect()).collect();
        Progress {
            task_id: TaskId::new(),
            template: "shop/order".to_owned(),
            version: "1.0.0".to_owned(),
            state: TaskState::InProgress,
            error: None,
            created_at: Timestamp::from_micros(0),
            ended_at: None,
            ending: None,
            steps: (0..layers.iter().map(Vec::len).sum()).map(step).collect(),
            layers,
            seq: 0,
        }
    }

    fn lines(progress: &Progress, rows: &[Row]) -> usize {
        let of = |row: &Row| match row {
            Row::Step { idx, .. } => lines_of(progress, &[*idx]),
            Row::Several { .. } => 1,
        };
        rows.iter().map(of).sum()
    }

    #[test]
    fn a_diamond_branches_and_joins() {
        use Branch::{Last, Middle, Trunk};
        let branches: Vec<_> = rows(&progress(&[1, 2, 1]), 20)
            .iter()
            .map(|row| match row {
                Row::Step { branch, .. } | Row::Several { branch, .. } => *branch,
            })
            .collect();
        assert_eq!(branches, [Trunk, Middle, Last, Trunk]);
    }

    #[test]
    fn every_step_is_in_one_row_and_the_rows_fit() {
        for layers in [vec![1, 2_000, 1], vec![1; 2_000], vec![40, 40, 40], vec![3], vec![1, 2, 1]] {
            for height in [3, 5, 10, 24, 60] {
                for done in [0, 1, 20, 119, 1_000] {
                    let mut progress = progress(&layers);
                    for step in progress.steps.iter_mut().take(done) {
                        step.state = StepState::Complete;
                    }
                    if let Some(step) = progress.steps.get_mut(done) {
                        step.state = StepState::Error;
                        step.error = Some(StepError::permanent("a", "b"));
                    }
                    let rows = rows(&progress, height);
                    assert!(lines(&progress, &rows) <= height.max(4), "{layers:?} in {height}: {rows:?}");
                    let mut seen: Vec<u32> = rows.iter().flat_map(steps_of).collect();
                    seen.sort_unstable();
                    assert!(seen.into_iter().eq(0..u32::try_from(progress.steps.len()).expect("few")), "{layers:?}");
                }
            }
        }
    }
}

//! What every [`Store`] must do: one suite, run on each implementation.
//!
//! No check waits: what is to fall due is given a lease, a delay or a deadline of zero, so that the suite runs on clocks
//! that it cannot turn.

#![expect(clippy::unwrap_used, reason = "a check that fails panics")]

mod batch;
mod bench;
mod claim;
mod concurrent;
mod ending;
mod flow;
mod ledger;
mod list;
mod operate;
mod relay;
mod report;
mod retention;
mod search;
mod submit;
mod sweep;
mod template;
mod webhook;
mod wire;

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, future::BoxFuture, stream};

use super::{Statement, Store};

/// Checks that run side by side.
const AT_ONCE: usize = 4;

struct Check {
    name: &'static str,
    run: fn(Arc<dyn Store>) -> BoxFuture<'static, ()>,
}

/// Lists the checks; a function that is not listed is unused, which does not compile without a warning.
macro_rules! checks {
    ($($theme:ident: $($name:ident),+;)+) => {
        const CHECKS: &[Check] = &[$($(Check {
            name: concat!(stringify!($theme), "::", stringify!($name)),
            run: |store| Box::pin($theme::$name(store)),
        },)+)+];
    };
}

checks! {
    template: migrating_twice_changes_nothing, versions_never_change, routes_are_known;
    submit: what_is_submitted_is_stored, a_key_belongs_to_one_task, a_key_counts_within_one_call,
        steps_may_have_begun_when_their_task_is_stored, json_stays_as_it_was_written;
    claim: urgent_first_then_old, only_served_routes, at_most_what_is_wanted, stopped_tasks_are_left_alone,
        candidates_join_what_became_ready;
    report: a_chain_claims_in_the_transaction_that_reports, a_diamond_joins, a_retry_falls_due,
        a_failure_cancels_what_depends_on_it, a_branch_may_end_after_its_join_was_cancelled, stale_attempts_are_refused,
        a_thousand_reports_at_once, changes_from_memory_are_written_where_nothing_has_moved, results_stay_as_they_were_written, payloads_by_request;
    sweep: a_lost_lease_goes_back, lost_too_often_is_an_error, a_deadline_ends_the_task, cancelling_stops_running_steps,
        leases_extend_while_held, checkpoints_are_stored_while_held, what_is_due_comes_in_portions;
    flow: a_decision_skips_what_it_did_not_choose, a_condition_reads_input_and_results,
        a_step_that_blocks_leaves_the_others_claimable, a_failed_step_may_be_skipped,
        a_wait_is_begun_by_the_sweep_and_ended_by_a_signal, a_signal_is_kept_for_a_wait_to_come,
        a_task_that_waits_is_found, a_sub_workflow_runs_and_wakes_its_parent,
        a_sub_workflow_that_fails_is_started_again, what_is_done_to_a_parent_is_done_to_its_children,
        a_child_that_is_cancelled_fails_the_step_of_its_parent,
        a_tree_has_every_task_once_and_parents_first, sub_workflows_end_at_the_limit_of_their_depth;
    batch: parts_are_added_and_converge, parts_know_what_they_have_to_do, parts_run_as_many_as_may, parts_fall_with_one_that_failed,
        many_parts_are_added_and_counted;
    ending: what_was_done_is_undone_and_finally_runs, a_child_is_undone_before_its_parent,
        a_failed_compensation_is_run_again;
    concurrent: many_reporters_join_once, a_step_is_handed_out_once, a_key_is_taken_once, nothing_is_written_without_templates,
        a_refused_decision_writes_nothing, what_is_known_of_a_task_counts_while_it_stands_there, a_dropped_call_leaves_the_store_usable;
    operate: a_paused_task_rests_until_it_is_resumed, a_failed_task_goes_on_after_a_retry, steps_are_closed_by_hand,
        another_priority_is_another_place_in_the_queue, a_rerun_is_linked_and_noted_once,
        a_task_goes_on_from_a_step_of_another,
        a_report_and_a_verb_in_one_call_count_in_order;
    search: each_condition_alone, a_page_looks_through_a_part;
    ledger: the_log_of_all_tasks_is_followed_without_a_gap, workers_and_counts_tell_what_goes_on,
        a_sound_store_has_no_oddities, keys_are_found_by_their_hash_until_they_are_revoked;
    retention: only_what_has_ended_is_removed_with_all_that_belongs_to_it, what_a_receiver_has_not_got_stays,
        what_was_removed_is_not_counted;
    webhook: one_process_sends_to_an_active_webhook, a_webhook_is_given_up_after_failures_in_a_row,
        the_secret_before_is_known_for_a_while, a_delivery_is_begun_once_and_tried_until_it_ends,
        old_deliveries_go_and_the_place_stays;
    relay: one_process_carries_at_a_time, relays_tell_how_far_they_are_behind;
    wire: what_is_said_reaches_everyone_on_the_database;
    list: filters_and_pages, events_from_a_position, a_page_of_events_is_bounded_in_bytes, unknown_ids_are_nothing, workers_as_they_said_last,
        usage_counts_what_is_written;
}

/// Runs every check, each on a store that `open` makes for it: empty and not migrated.
///
/// # Panics
/// When a check fails; the message names it.
pub async fn run<F>(open: impl Fn(&'static str) -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let open = &open;
    let runs = CHECKS.iter().map(|check| async move {
        let store = open(check.name).await;
        let outcome = tokio::spawn((check.run)(Arc::clone(&store))).await;
        store.close().await;
        outcome.is_err().then_some(check.name)
    });
    let failed: Vec<_> = stream::iter(runs).buffer_unordered(AT_ONCE).filter_map(async |name| name).collect().await;
    assert!(failed.is_empty(), "checks that failed: {failed:#?}");
}

/// Asserts that `statements` are the files of a folder of `store/sql`, and that the suite has executed each.
///
/// # Panics
/// When a file is not declared, or was not executed.
pub fn assert_all_used(folder: &str, statements: &[&Statement]) {
    let folder = format!("{}/src/store/sql/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let declared: BTreeSet<_> = statements.iter().map(|statement| statement.name.to_owned()).collect();
    assert_eq!(files, declared, "the files of {folder} and the statements that are declared");
    let unused: Vec<_> = statements.iter().filter(|it| !it.was_used()).map(|it| it.name).collect();
    assert!(unused.is_empty(), "statements that no check executes: {unused:?}");
}

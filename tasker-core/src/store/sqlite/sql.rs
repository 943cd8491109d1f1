//! The statements, by their files in `store/sql/sqlite`.

use std::sync::LazyLock;

use crate::store::statement::{Statement, statements};

/// Statements that are sent together: each call is a way to the connection's thread and back. `$1` is the tasks, `$2` the time,
/// `$3` the steps or the plans that tasks share, `$4` the events.
pub(super) static APPLY: LazyLock<String> = LazyLock::new(|| together(&[&APPLY_TASKS, &APPLY_STEPS, &APPLY_EVENTS]));
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| together(&[&INSERT_TASKS, &INSERT_STEPS, &APPLY_EVENTS]));

/// What `apply_unchanged.sql` writes to. A connection has it once it is needed: it must not be there before the tables.
pub(super) static UNCHANGED: LazyLock<String> = LazyLock::new(|| {
    let parts = together(&[&CHECK_UNCHANGED, &APPLY_TASKS, &APPLY_STEPS, &APPLY_EVENTS]);
    let parts = parts.replace("$1", "new.tasks").replace("$3", "new.steps").replace("$4", "new.events");
    format!(
        "create temp view if not exists unchanged as select null as tasks, null as steps, null as events where false;\n\
         create temp trigger if not exists apply_unchanged instead of insert on unchanged begin\n{parts};\nend"
    )
});

fn together(statements: &[&Statement]) -> String {
    statements.iter().map(|statement| statement.sql()).collect::<Vec<_>>().join(";\n")
}

statements! { "sqlite":
    ADD_STEPS = "add_steps",
    APPLIED_MIGRATIONS = "applied_migrations",
    APPLY_EVENTS = "apply_events",
    APPLY_STEPS = "apply_steps",
    APPLY_TASKS = "apply_tasks",
    APPLY_UNCHANGED = "apply_unchanged",
    ASK_DELIVERY = "ask_delivery",
    BEGIN_DELIVERY = "begin_delivery",
    CHECK_UNCHANGED = "check_unchanged",
    COUNT_AHEAD = "count_ahead",
    COUNT_DUE = "count_due",
    COUNT_PARTS = "count_parts",
    COUNT_QUEUES = "count_queues",
    COUNT_REST = "count_rest",
    COUNT_STATES = "count_states",
    COUNT_TOTAL = "count_total",
    COUNT_WEBHOOK_FAILURE = "count_webhook_failure",
    DELETE_WEBHOOK = "delete_webhook",
    DELETE_WEBHOOK_DELIVERIES = "delete_webhook_deliveries",
    DUE = "due",
    END_OF_EVENTS = "end_of_events",
    EXISTING_TASKS = "existing_tasks",
    EXTEND_LEASES = "extend_leases",
    FIND_GAPS = "find_gaps",
    FIND_KEY = "find_key",
    FIND_OVERDUE = "find_overdue",
    FIND_STUCK_TASKS = "find_stuck_tasks",
    FIND_TEMPLATE = "find_template",
    FIND_VERSION = "find_version",
    FIND_WRONG_COUNTS = "find_wrong_counts",
    FIND_WRONG_UNMET = "find_wrong_unmet",
    FORGET_RELAY = "forget_relay",
    GET_TASK = "get_task",
    HAS_MOVED = "has_moved",
    HOLD_RELAY = "hold_relay",
    HOLD_WEBHOOKS = "hold_webhooks",
    INSERT_PARTS = "insert_parts",
    INSERT_STEPS = "insert_steps",
    INSERT_TAGS = "insert_tags",
    INSERT_TASKS = "insert_tasks",
    LAST_DELIVERY = "last_delivery",
    LIST_ALL_EVENTS = "list_all_events",
    LIST_DELIVERIES = "list_deliveries",
    LIST_EVENTS = "list_events",
    LIST_KEYS = "list_keys",
    LIST_KNOWN_WORKERS = "list_known_workers",
    LIST_ORIGINS = "list_origins",
    LIST_RELAYS = "list_relays",
    LIST_RETIRED = "list_retired",
    LIST_ROUTES = "list_routes",
    LIST_STEPS = "list_steps",
    LIST_TEMPLATES = "list_templates",
    LIST_TREE = "list_tree",
    LIST_TREE_STEPS = "list_tree_steps",
    LIST_WEBHOOKS = "list_webhooks",
    LIST_WORKERS = "list_workers",
    LOAD_CANDIDATES = "load_candidates",
    LOAD_PAYLOADS_PARTS = "load_payloads_parts",
    LOAD_PAYLOADS_RESULTS = "load_payloads_results",
    LOAD_PAYLOADS_TASKS = "load_payloads_tasks",
    LOAD_PAYLOADS_WORK = "load_payloads_work",
    LOAD_SCOPE = "load_scope",
    LOCK_TASKS = "lock_tasks",
    MOVE_RELAY = "move_relay",
    NEXT_DELIVERY = "next_delivery",
    NOTE_ASKED = "note_asked",
    PRIORITIZE_STEPS = "prioritize_steps",
    PRIORITIZE_TASKS = "prioritize_tasks",
    PROBE_TASKS = "probe_tasks",
    PRUNE_DELIVERIES = "prune_deliveries",
    PUT_CHECKPOINTS = "put_checkpoints",
    PUT_FLOWS = "put_flows",
    PUT_KEY = "put_key",
    PUT_ROUTES = "put_routes",
    PUT_TEMPLATE = "put_template",
    PUT_WEBHOOK = "put_webhook",
    PUT_WORKER = "put_worker",
    RECORD_DELIVERY = "record_delivery",
    RELEASE_RELAY = "release_relay",
    RELEASE_WEBHOOKS = "release_webhooks",
    REMOVE_EVENTS = "remove_events",
    REMOVE_STEPS = "remove_steps",
    REMOVE_TAGS = "remove_tags",
    REMOVE_TASKS = "remove_tasks",
    REVOKE_KEY = "revoke_key",
    ROTATE_WEBHOOK = "rotate_webhook",
    SEARCH_TASKS = "search_tasks",
    SET_WEBHOOK_STATE = "set_webhook_state",
    TOUCH_KEY = "touch_key",
}

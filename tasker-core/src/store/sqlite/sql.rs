//! The statements, by their files in `store/sql/sqlite`.

use crate::store::statement::statements;

statements! { "sqlite":
    APPLIED_MIGRATIONS = "applied_migrations",
    APPLY_EVENTS = "apply_events",
    APPLY_STEPS = "apply_steps",
    APPLY_TASKS = "apply_tasks",
    COUNT_UNCHANGED = "count_unchanged",
    DUE_STEPS = "due_steps",
    DUE_TASKS = "due_tasks",
    EXISTING_TASKS = "existing_tasks",
    EXTEND_LEASES = "extend_leases",
    FIND_TEMPLATE = "find_template",
    FIND_VERSION = "find_version",
    GET_TASK = "get_task",
    INSERT_STEPS = "insert_steps",
    INSERT_TASKS = "insert_tasks",
    LIST_EVENTS = "list_events",
    LIST_ROUTES = "list_routes",
    LIST_STEPS = "list_steps",
    LIST_TASKS = "list_tasks",
    LIST_TEMPLATES = "list_templates",
    LIST_WORKERS = "list_workers",
    LOAD_CANDIDATES = "load_candidates",
    LOAD_PAYLOADS_RESULTS = "load_payloads_results",
    LOAD_PAYLOADS_TASKS = "load_payloads_tasks",
    LOAD_SCOPE = "load_scope",
    NEXT_DUE = "next_due",
    PUT_ROUTES = "put_routes",
    PUT_TEMPLATE = "put_template",
    PUT_WORKER = "put_worker",
}

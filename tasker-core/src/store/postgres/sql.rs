//! The statements of `store/sql/postgres/`, by the names of their files.

use crate::store::statement::statements;

statements! { "postgres":
    APPLIED_MIGRATIONS = "applied_migrations",
    APPLY = "apply",
    APPLY_UNCHANGED = "apply_unchanged",
    DUE_STEPS = "due_steps",
    DUE_TASKS = "due_tasks",
    EXISTING_TASKS = "existing_tasks",
    EXTEND_LEASES = "extend_leases",
    GET_TASK = "get_task",
    FIND_TEMPLATE = "find_template",
    FIND_VERSION = "find_version",
    INSERT_TASKS = "insert_tasks",
    LIST_EVENTS = "list_events",
    LIST_ROUTES = "list_routes",
    LIST_STEPS = "list_steps",
    LIST_TASKS = "list_tasks",
    LIST_TEMPLATES = "list_templates",
    LIST_WORKERS = "list_workers",
    LOAD_CANDIDATES = "load_candidates",
    LOAD_PAYLOADS_TASKS = "load_payloads_tasks",
    LOAD_PAYLOADS_RESULTS = "load_payloads_results",
    LOAD_SCOPE = "load_scope",
    NEXT_DUE = "next_due",
    NOW = "now",
    PUT_ROUTES = "put_routes",
    PUT_TEMPLATE = "put_template",
    PUT_WORKER = "put_worker",
    USAGE = "usage",
}

//! The statements of `store/sql/postgres/`, by the names of their files.

use crate::store::statement::statements;

statements! { "postgres":
    APPLY = "apply",
    DUE_STEPS = "due_steps",
    DUE_TASKS = "due_tasks",
    EXISTING_TASKS = "existing_tasks",
    EXTEND_LEASES = "extend_leases",
    GET_TASK = "get_task",
    GET_TEMPLATE = "get_template",
    GET_TEMPLATE_VERSION = "get_template_version",
    INSERT_TASKS = "insert_tasks",
    LIST_EVENTS = "list_events",
    LIST_ROUTES = "list_routes",
    LIST_STEPS = "list_steps",
    LIST_TASKS = "list_tasks",
    LIST_TEMPLATES = "list_templates",
    LIST_WORKERS = "list_workers",
    LOAD_CANDIDATES = "load_candidates",
    LOAD_INPUTS = "load_inputs",
    LOAD_RESULTS = "load_results",
    LOAD_SCOPE = "load_scope",
    NEXT_DUE = "next_due",
    NOW = "now",
    PUT_ROUTES = "put_routes",
    PUT_TEMPLATE = "put_template",
    PUT_WORKER = "put_worker",
}

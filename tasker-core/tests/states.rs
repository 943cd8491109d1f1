//! The state machines stand in three places: the tables of the code, the reference page, and the CHECKs of both schemas.

use std::{env, fs, path::PathBuf};

use tasker_core::{
    model::{StepState, TaskState},
    state,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    let [task, step] = state::mermaid();
    format!(
        "# States of tasks and steps

Drawn from the tables in `tasker-core/src/state/transition.rs`. What is not drawn cannot happen.
`blocked_by_failures`, `waiting` and `skipped` are reserved words of the model.

Nothing leaves a final state by itself. `reopen`, `reset`, `resolve` and `complete_manually` are what operators do: they lead
out of `error`, and bring back the steps that a failure cancelled. A step that is done stays done.

## Task

```mermaid
{task}```

## Step

```mermaid
{step}```
"
    )
}

#[test]
fn the_reference_page_shows_the_tables() {
    let path = root().join("docs/reference/states.md");
    if env::var_os("TASKER_BLESS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/reference/states.md is not what the tables say: run with TASKER_BLESS=1 and look");
}

#[test]
fn both_schemas_accept_exactly_the_states_of_the_model() {
    let task: Vec<_> = TaskState::ALL.iter().map(|state| state.as_str()).collect();
    let step: Vec<_> = StepState::ALL.iter().map(|state| state.as_str()).collect();
    for database in ["postgres", "sqlite"] {
        let sql = fs::read_to_string(root().join("migrations").join(database).join("0001_engine.sql")).unwrap();
        let mut checks = sql.split(" in (").skip(1).map(words);
        assert!(checks.clone().any(|words| words == task), "{database}: tasks");
        assert!(checks.any(|words| words == step), "{database}: steps");
    }
}

fn words(rest: &str) -> Vec<&str> {
    let list = rest.split(')').next().unwrap_or_default();
    list.split(',').map(|word| word.trim().trim_matches('\'')).collect()
}

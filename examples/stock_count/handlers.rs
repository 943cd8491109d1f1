//! The stock of a warehouse, counted shelf by shelf.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{BatchPlan, HandlerRegistry, StepContext, StepError, protocol::FailureStrategy};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with_batch_analyzer("list_shelves", list_shelves)
        .with("count_shelf", count_shelf)
        .with("report_stock", report_stock)
}

#[derive(Debug, Serialize, Deserialize)]
struct Shelf {
    shelf: String,
    boxes: Vec<u64>,
    /// At this box the scanner fails, once.
    scanner_fails_at: Option<usize>,
    #[serde(default)]
    is_locked: bool,
}

/// What is on a shelf.
#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    shelf: String,
    items: u64,
    resumed_at: usize,
}

static WAREHOUSES: LazyLock<BTreeMap<String, Vec<Shelf>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("warehouses.json")).unwrap_or_default());

async fn list_shelves(context: StepContext) -> Result<BatchPlan, StepError> {
    let warehouse: String = context.input("warehouse")?;
    let on_failure: Option<FailureStrategy> = context.input("on_failure")?;
    let Some(shelves) = WAREHOUSES.get(&warehouse) else {
        return Err(StepError::permanent("warehouse_not_found", format!("there is no warehouse `{warehouse}`")));
    };
    let plan = BatchPlan::items(shelves)?.with_result(&json!({"shelves": shelves.len()}));
    Ok(match on_failure {
        Some(on_failure) => plan.on_failure(on_failure),
        None => plan,
    })
}

/// Counts box by box; what was counted before a failure is not counted again.
async fn count_shelf(context: StepContext) -> Result<Counted, StepError> {
    let Shelf { shelf, boxes, scanner_fails_at, is_locked } = context.item()?;
    if is_locked {
        return Err(StepError::permanent("shelf_locked", format!("shelf {shelf} is locked")));
    }
    let resumed_at: usize = context.cursor()?.unwrap_or_default();
    let mut items: u64 = context.accumulated_results()?.unwrap_or_default();
    for (number, count) in boxes.iter().enumerate().skip(resumed_at) {
        if scanner_fails_at == Some(number) && !context.is_retry() {
            return Err(StepError::retryable("scanner_lost", "the scanner does not answer"));
        }
        items += count;
        context.checkpoint(&(number + 1), &items, number as u64 + 1).await?;
    }
    Ok(Counted { shelf, items, resumed_at })
}

async fn report_stock(context: StepContext) -> Result<Value, StepError> {
    let shelves: Vec<Option<Counted>> = context.dependency_as("count_shelf")?;
    let items: u64 = shelves.iter().flatten().map(|shelf| shelf.items).sum();
    let not_counted = shelves.iter().filter(|shelf| shelf.is_none()).count();
    Ok(json!({"shelves": shelves.len(), "items": items, "not_counted": not_counted}))
}

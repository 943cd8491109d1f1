//! A supplier's price list: which way it goes, its rows checked in one go or in parts, what came of it, and a claim for each
//! row that was refused.

use std::{collections::BTreeMap, ops::Range, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{BatchPlan, Decision, HandlerRegistry, StepContext, StepError};

use crate::reference::reference;

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with_decision("choose_way", choose_way)
        .with("price_list", price_list)
        .with_batch_analyzer("split_list", split_list)
        .with("price_part", price_part)
        .with("report_prices", report_prices)
        .with("file_claim", file_claim)
}

/// One line of a price list.
#[derive(Debug, Deserialize)]
struct Row {
    sku: String,
    old_cents: i64,
    /// None where the line cannot be read.
    new_cents: Option<i64>,
}

/// What came of some rows.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Priced {
    rows: u64,
    accepted: u64,
    change_cents: i64,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rejected {
    row: u64,
    sku: String,
    reason: String,
}

static LISTS: LazyLock<BTreeMap<String, Vec<Row>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("price_lists.json")).unwrap_or_default());

fn list_of(context: &StepContext) -> Result<&'static [Row], StepError> {
    let list_id: String = context.input("list_id")?;
    let list = LISTS.get(&list_id).map(Vec::as_slice);
    list.ok_or_else(|| StepError::permanent("list_not_found", format!("there is no price list `{list_id}`")))
}

/// A short list is not worth splitting, and an empty one is nothing to do.
async fn choose_way(context: StepContext) -> Result<Decision, StepError> {
    let (rows, most) = (list_of(&context)?.len(), context.config("rows_in_one_go_max")?);
    Ok(match rows {
        0 => Decision::skip("the list has no rows"),
        rows if rows <= most => Decision::route(["price_list"]),
        _ => Decision::route(["split_list"]),
    })
}

async fn price_list(context: StepContext) -> Result<Priced, StepError> {
    let rows = list_of(&context)?.len() as u64;
    price(&context, 0..rows)
}

async fn split_list(context: StepContext) -> Result<BatchPlan, StepError> {
    let rows = list_of(&context)?.len() as u64;
    Ok(BatchPlan::split(rows, context.config("rows_per_part")?).with_result(&json!({"rows": rows})))
}

async fn price_part(context: StepContext) -> Result<Priced, StepError> {
    let range = context.range()?;
    price(&context, range.start..range.end)
}

fn price(context: &StepContext, rows: Range<u64>) -> Result<Priced, StepError> {
    let percent_max: i64 = context.config("increase_percent_max")?;
    let mut priced = Priced { rows: rows.end - rows.start, ..Priced::default() };
    let numbered = (0_u64..).zip(list_of(context)?).filter(|(number, _)| rows.contains(number));
    for (row, Row { sku, old_cents, new_cents }) in numbered {
        if sku.starts_with("BUSY") && !context.is_retry() {
            return Err(StepError::retryable("catalog_busy", format!("`{sku}` is being changed by somebody else")));
        }
        let Some(new_cents) = new_cents else {
            return Err(StepError::permanent("row_unreadable", format!("row {row} has no price that can be read")));
        };
        let reason = match new_cents {
            0 => Some("no_price"),
            new_cents if new_cents * 100 > old_cents * (100 + percent_max) => Some("increase_too_high"),
            _ => None,
        };
        match reason {
            Some(reason) => priced.rejected.push(Rejected { row, sku: sku.clone(), reason: reason.to_owned() }),
            None => {
                priced.accepted += 1;
                priced.change_cents += new_cents - old_cents;
            }
        }
    }
    Ok(priced)
}

/// Adds up what was done, whichever way; a part that was given up is `null` in the list.
async fn report_prices(context: StepContext) -> Result<Value, StepError> {
    let parts: Vec<Option<Priced>> = match context.dependency_results().contains_key("price_part") {
        true => context.dependency_as("price_part")?,
        false => vec![Some(context.dependency_as("price_list")?)],
    };
    let parts_lost = parts.iter().filter(|part| part.is_none()).count();
    let mut total = Priced::default();
    for part in parts.into_iter().flatten() {
        total.rows += part.rows;
        total.accepted += part.accepted;
        total.change_cents += part.change_cents;
        total.rejected.extend(part.rejected);
    }
    let Priced { rows, accepted, change_cents, rejected } = total;
    Ok(json!({
        "rows": rows, "accepted": accepted, "change_cents": change_cents, "rejected": rejected, "parts_lost": parts_lost,
    }))
}

async fn file_claim(context: StepContext) -> Result<Value, StepError> {
    let list_id: String = context.input("list_id")?;
    let Rejected { sku, reason, .. } = context.item()?;
    Ok(json!({"claim_id": reference("clm", &[&list_id, &sku]), "sku": sku, "reason": reason}))
}

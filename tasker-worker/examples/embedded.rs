//! Engine, template and handlers in one process: `cargo run -p tasker-worker --example embedded`.

use std::time::Duration;

use serde_json::json;
use tasker_core::model::Json;
use tasker_worker::{StepContext, StepError, Worker, client::SubmitTask};

const TEMPLATE: &str = "
name: quote
namespace: shop
version: 1.0.0
steps:
  - name: subtotal
    handler: {callable: subtotal}
  - name: tax
    handler: {callable: tax, initialization: {percent: 19}}
    dependencies: [subtotal]
  - name: total
    handler: {callable: total}
    dependencies: [subtotal, tax]
";

async fn subtotal(context: StepContext) -> Result<u64, StepError> {
    let prices: Vec<u64> = context.input("prices_cents")?;
    if prices.is_empty() {
        return Err(StepError::permanent("cart_empty", "there is nothing to quote"));
    }
    Ok(prices.iter().sum())
}

async fn tax(context: StepContext) -> Result<u64, StepError> {
    let subtotal: u64 = context.dependency_as("subtotal")?;
    Ok(subtotal * context.config::<u64>("percent")? / 100)
}

async fn total(context: StepContext) -> Result<serde_json::Value, StepError> {
    let subtotal: u64 = context.dependency_as("subtotal")?;
    let tax: u64 = context.dependency_as("tax")?;
    Ok(json!({"total_cents": subtotal + tax, "tax_cents": tax}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let worker = Worker::builder("sqlite::memory:")
        .template_yaml(TEMPLATE)
        .handler("subtotal", subtotal)
        .handler("tax", tax)
        .handler("total", total)
        .start()
        .await?;
    let input = Json::from(&json!({"prices_cents": [1_999, 450]}));
    let submitted = worker.client().submit(SubmitTask::new("shop", "quote", input)).await?;
    let task = worker.client().wait(submitted.task_uuid, Duration::from_secs(30)).await?;
    println!("{} {}", task.task_uuid, task.status);
    for step in task.steps.unwrap_or_default() {
        println!("  {:<9} {:<9} {}", step.name, step.current_state, step.results.unwrap_or(Json::null()));
    }
    worker.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

//! A nightly analysis: three exports are read, cleaned, brought together and summed up.

pub mod aggregate;
pub mod files;
pub mod generate;
pub mod insights;
pub mod random;
pub mod transform;

use std::{collections::BTreeMap, env, path::PathBuf};

use serde::Deserialize;
use tasker_worker::{HandlerRegistry, StepContext, StepError};

use self::{
    files::{Table, apart, write_whole},
    generate::Source,
};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("extract_orders", |context| extract(context, Source::Orders))
        .with("extract_customers", |context| extract(context, Source::Customers))
        .with("extract_inventory", |context| extract(context, Source::Inventory))
        .with("transform_orders", transform::orders)
        .with("transform_customers", transform::customers)
        .with("transform_inventory", transform::inventory)
        .with("aggregate_sales", aggregate::sales)
        .with("generate_insights", insights::generate)
}

/// The input of the whole pipeline.
#[derive(Debug, Deserialize)]
struct Run {
    data_dir: Option<PathBuf>,
    #[serde(default = "order_rows")]
    order_rows: u32,
    #[serde(default = "seed")]
    seed: u32,
    /// By source: how many tries fail before it answers, to see retries.
    #[serde(default)]
    outages: BTreeMap<String, u32>,
}

fn order_rows() -> u32 {
    20_000
}

fn seed() -> u32 {
    1
}

/// Finds the export of a source, makes it where it is missing, and checks that it is whole. What is passed on is where
/// the file is: results are small, files need not be.
async fn extract(context: StepContext, source: Source) -> Result<Table, StepError> {
    let run: Run = context.input_as()?;
    let outages = run.outages.get(source.name()).copied().unwrap_or(0);
    if context.retry_count() < outages {
        let message = format!("the export of {} is not there yet (try {})", source.name(), context.retry_count() + 1);
        return Err(StepError::retryable("source_unavailable", message));
    }
    apart(move || {
        let directory = run.data_dir.unwrap_or_else(|| env::temp_dir().join("tasker-data-pipeline"));
        let path = directory.join(source.file_name(run.order_rows, run.seed));
        if !path.exists() {
            write_whole(&path, |file| source.write(run.order_rows, run.seed, file))?;
        }
        let mut rows = csv::Reader::from_path(&path)?;
        let columns: Vec<String> = rows.headers()?.iter().map(str::to_owned).collect();
        if columns != source.columns() {
            let message = format!(
                "{} has the columns {columns:?}, {:?} were expected; remove the file to have it made anew",
                path.display(),
                source.columns()
            );
            return Err(StepError::permanent("unexpected_columns", message));
        }
        let mut count = 0;
        let mut row = csv::ByteRecord::new();
        while rows.read_byte_record(&mut row)? {
            count += 1;
        }
        Ok(Table { path, rows: count })
    })
    .await
}

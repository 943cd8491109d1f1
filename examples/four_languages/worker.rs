//! The step of the parcel that is in Rust: its weight.

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use tasker_worker::{StepContext, StepError, Worker};

#[derive(Deserialize)]
struct Item {
    grams: u64,
    quantity: u64,
}

#[derive(Serialize)]
struct Weight {
    grams: u64,
    customer_number: u64,
}

async fn weigh(context: StepContext) -> Result<Weight, StepError> {
    let items: Vec<Item> = context.input("items")?;
    let grams = items.iter().map(|item| item.grams * item.quantity).sum();
    // An integer that JavaScript's numbers cannot hold: it goes through all four languages unharmed.
    Ok(Weight { grams, customer_number: context.input("customer_number")? })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = Worker::builder(std::env::var("DATABASE_URL")?)
        .namespace("four_languages")
        .handler("weigh_parcel", weigh)
        .start()
        .await?;
    terminated().await?;
    worker.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

/// Until SIGTERM or Ctrl-C.
async fn terminated() -> std::io::Result<()> {
    use tokio::signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    };
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = ctrl_c() => pressed,
    }
}

//! A purchase: is there money for it, who has to agree, then the order, and word to whoever asked for it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError};

use crate::{money::amount, reference::reference};

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("check_budget", check_budget)
        .with("ask_approver", ask_approver)
        .with("place_order", place_order)
        .with("tell_requester", tell_requester)
}

const CURRENCY: &str = "EUR";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Person {
    name: String,
    email: String,
}

#[derive(Debug, Deserialize)]
struct Purchase {
    requester: Person,
    item: String,
    supplier: Option<String>,
    amount_cents: u64,
    cost_center: String,
}

#[derive(Debug, Deserialize)]
struct CostCenter {
    remaining_cents: u64,
    /// From this amount on somebody has to agree.
    approval_from_cents: u64,
    /// For how many tries the ledger does not answer.
    #[serde(default)]
    ledger_closed_tries: u32,
    manager: Person,
    deputy: Person,
}

static COST_CENTERS: LazyLock<BTreeMap<String, CostCenter>> =
    LazyLock::new(|| serde_json::from_str(include_str!("cost_centers.json")).unwrap_or_default());

/// What somebody decided: the result of a step that waited for it.
#[derive(Debug, Deserialize)]
struct Decision {
    payload: Verdict,
    /// Who sent it; none if that is not known.
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    note: Option<String>,
}

impl CostCenter {
    fn find(name: &str) -> Result<&'static Self, StepError> {
        let unknown = || StepError::permanent("cost_center_unknown", format!("there is no cost center `{name}`"));
        COST_CENTERS.get(name).ok_or_else(unknown)
    }
}

impl Decision {
    /// The one that was made, if one had to be.
    fn made(context: &StepContext) -> Result<Option<Self>, StepError> {
        let results = context.dependency_results();
        let step = ["manager_decision", "deputy_decision"].into_iter().find(|step| results.contains_key(*step));
        step.map(|step| context.dependency_as(step)).transpose()
    }

    fn by(&self) -> &str {
        self.by.as_deref().unwrap_or("somebody")
    }
}

async fn check_budget(context: StepContext) -> Result<Value, StepError> {
    let Purchase { amount_cents, cost_center, .. } = context.input_as()?;
    let center = CostCenter::find(&cost_center)?;
    if context.retry_count() < center.ledger_closed_tries {
        return Err(StepError::retryable("ledger_closed", format!("the ledger of `{cost_center}` is being closed")));
    }
    let Some(left_cents) = center.remaining_cents.checked_sub(amount_cents) else {
        let message = format!("`{cost_center}` has {} left", amount(center.remaining_cents, CURRENCY));
        let missing = json!({"missing_cents": amount_cents - center.remaining_cents});
        return Err(StepError::permanent("over_budget", message).with_context(missing));
    };
    Ok(json!({"left_cents": left_cents, "needs_approval": amount_cents >= center.approval_from_cents}))
}

/// Writes to whom the configuration names: the manager or the deputy.
async fn ask_approver(context: StepContext) -> Result<Value, StepError> {
    let Purchase { requester, item, amount_cents, cost_center, .. } = context.input_as()?;
    let who: String = context.config("who")?;
    let center = CostCenter::find(&cost_center)?;
    let approver = if who == "deputy" { &center.deputy } else { &center.manager };
    let sum = amount(amount_cents, CURRENCY);
    Ok(json!({
        "message_id": reference("msg", &[&approver.email, &requester.email, &item]),
        "to": approver.email,
        "subject": format!("May {} buy {item} for {sum}?", requester.name),
        "body": format!(
            "Dear {},\n\n{} asks for {item} at {sum}, to be paid by `{cost_center}`.\nAnswer with the signal `{who}_decided`.\n",
            approver.name, requester.name
        ),
    }))
}

async fn place_order(context: StepContext) -> Result<Value, StepError> {
    let Purchase { requester, item, supplier, amount_cents, cost_center } = context.input_as()?;
    let supplier = supplier.unwrap_or_else(|| "house supplier".to_owned());
    if supplier == "gone" {
        return Err(StepError::permanent("supplier_gone", "the supplier does not trade any more"));
    }
    if supplier == "busy" && !context.is_retry() {
        return Err(StepError::retryable("supplier_busy", "the supplier's shop does not answer"));
    }
    let approved_by = Decision::made(&context)?.and_then(|decision| decision.by);
    Ok(json!({
        "order_id": reference("po", &[&requester.email, &item, &amount_cents.to_string(), &cost_center]),
        "supplier": supplier,
        "amount_cents": amount_cents,
        "approved_by": approved_by,
    }))
}

async fn tell_requester(context: StepContext) -> Result<Value, StepError> {
    let Purchase { requester, item, .. } = context.input_as()?;
    let decision = Decision::made(&context)?;
    let order: Option<Value> = context
        .dependency_results()
        .contains_key("place_order")
        .then(|| context.dependency("place_order"))
        .transpose()?;
    let failed = context.ending().and_then(|ending| ending.error.as_ref());
    let outcome = match (&order, failed, &decision) {
        (Some(_), ..) => "ordered",
        (None, Some(error), _) if error.code == "wait_timed_out" => "unanswered",
        (None, Some(_), _) => "failed",
        (None, None, _) => "declined",
    };
    let mut body = format!("Dear {},\n\n", requester.name);
    body += &match outcome {
        "ordered" => {
            format!("{item} is ordered ({}).\n", order.unwrap_or_default()["order_id"].as_str().unwrap_or_default())
        }
        "unanswered" => format!("nobody has decided in time on {item}. Please ask again.\n"),
        "failed" => format!("{item} could not be ordered ({}).\n", failed.map_or("", |error| &error.code)),
        _ => format!("{} has not approved {item}.\n", decision.as_ref().map_or("somebody", Decision::by)),
    };
    if let Some(Decision { payload: Verdict { note: Some(note), .. }, .. }) = &decision {
        body += &format!("\"{note}\"\n");
    }
    let message_id = reference("msg", &[&requester.email, &item, outcome]);
    Ok(json!({"message_id": message_id, "to": requester.email, "outcome": outcome, "body": body}))
}

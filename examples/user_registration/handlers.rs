//! A registration: one account, then billing and preferences side by side, then a welcome.

pub mod directory;
mod welcome;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasker_worker::{HandlerRegistry, StepContext, StepError};

use self::directory::Directory;
use crate::reference::reference;

#[must_use]
pub fn registry() -> HandlerRegistry {
    HandlerRegistry::new()
        .with("create_account", create_account)
        .with("set_up_billing", set_up_billing)
        .with("set_up_preferences", set_up_preferences)
        .with("send_welcome", welcome::send)
        .with("activate_account", activate_account)
}

#[derive(Debug, Deserialize)]
struct Registration {
    email: String,
    full_name: String,
    plan: String,
    country: String,
    company: Option<String>,
    #[serde(default)]
    preferences: Wishes,
}

#[derive(Debug, Default, Deserialize)]
struct Wishes {
    language: Option<String>,
    newsletter: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Account {
    account_id: String,
    username: String,
    email: String,
    email_domain: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Billing {
    /// None where nothing has to be paid.
    billing_id: Option<String>,
    plan: String,
    monthly_cents: u64,
    currency: String,
    trial_days: u32,
    seats: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Preferences {
    language: String,
    time_zone: String,
    newsletter: bool,
}

/// Refuses addresses that are blocked or taken, in whatever spelling.
async fn create_account(context: StepContext) -> Result<Account, StepError> {
    let directory = Directory::load()?;
    let registration: Registration = context.input_as()?;
    let address = directory.address(&registration.email)?;
    if directory.blocked_domains.contains(&address.domain) {
        let message = format!("addresses at `{}` are not accepted", address.domain);
        return Err(StepError::permanent("email_domain_blocked", message));
    }
    if directory.accounts.iter().any(|account| account.identity == address.identity) {
        return Err(StepError::permanent("email_taken", format!("`{}` has an account already", address.email)));
    }
    Ok(Account {
        account_id: reference("acc", &[&address.identity]),
        username: directory.username_for(&registration.full_name),
        email: address.email,
        email_domain: address.domain,
    })
}

/// Opens an account at the billing provider, unless the plan is free.
async fn set_up_billing(context: StepContext) -> Result<Billing, StepError> {
    let directory = Directory::load()?;
    let registration: Registration = context.input_as()?;
    let account: Account = context.dependency_as("create_account")?;
    let country = directory.country(&registration.country)?;
    let name = &registration.plan;
    let plan = directory.plans.get(name);
    let plan = plan.ok_or_else(|| StepError::permanent("unknown_plan", format!("there is no plan `{name}`")))?;
    if plan.needs_company && registration.company.is_none() {
        return Err(StepError::permanent("company_required", format!("the plan `{name}` is for companies")));
    }
    let mut billing_id = None;
    if plan.monthly_cents > 0 {
        let outage = directory.billing_outages.get(&account.email_domain).copied().unwrap_or(0);
        if context.retry_count() < outage {
            return Err(StepError::retryable("billing_unavailable", "the billing provider did not answer"));
        }
        billing_id = Some(reference("bil", &[&account.account_id, name]));
    }
    Ok(Billing {
        billing_id,
        plan: registration.plan,
        monthly_cents: plan.monthly_cents,
        currency: country.currency.clone(),
        trial_days: plan.trial_days,
        seats: plan.seats,
    })
}

/// What was asked for, and otherwise what is usual in the country. Where advertising needs a yes, silence is a no.
async fn set_up_preferences(context: StepContext) -> Result<Preferences, StepError> {
    let directory = Directory::load()?;
    let registration: Registration = context.input_as()?;
    let country = directory.country(&registration.country)?;
    let wishes = registration.preferences;
    Ok(Preferences {
        language: wishes.language.unwrap_or_else(|| country.language.clone()),
        time_zone: country.time_zone.clone(),
        newsletter: wishes.newsletter.unwrap_or(!country.opt_in),
    })
}

/// The account as the rest of the company sees it.
async fn activate_account(context: StepContext) -> Result<Value, StepError> {
    let account: Account = context.dependency_as("create_account")?;
    let billing: Billing = context.dependency_as("set_up_billing")?;
    let preferences: Preferences = context.dependency_as("set_up_preferences")?;
    let topics = if preferences.newsletter { vec!["account", "newsletter"] } else { vec!["account"] };
    Ok(json!({
        "account_id": account.account_id,
        "username": account.username,
        "status": if billing.trial_days > 0 { "trial" } else { "active" },
        "seats": billing.seats,
        "mail_topics": topics,
    }))
}

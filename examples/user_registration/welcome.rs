//! The welcome mail, in the language of the account.

use serde_json::{Value, json};
use tasker_worker::{StepContext, StepError};

use super::{Account, Billing, Preferences, Registration};
use crate::{money::amount, reference::reference};

pub(super) async fn send(context: StepContext) -> Result<Value, StepError> {
    let registration: Registration = context.input_as()?;
    let account: Account = context.dependency_as("create_account")?;
    let billing: Billing = context.dependency_as("set_up_billing")?;
    let preferences: Preferences = context.dependency_as("set_up_preferences")?;

    let name = &registration.full_name;
    let username = &account.username;
    let price = amount(billing.monthly_cents, &billing.currency);
    let days = billing.trial_days;
    let (subject, greeting, trial, closing) = match preferences.language.as_str() {
        "de" => (
            format!("Willkommen, {name}!"),
            format!("Hallo {name},\n\ndein Konto {username} ist bereit."),
            format!("Die ersten {days} Tage sind kostenlos, danach {price} im Monat."),
            "Viel Freude!",
        ),
        "fr" => (
            format!("Bienvenue, {name} !"),
            format!("Bonjour {name},\n\nvotre compte {username} est prêt."),
            format!("Les {days} premiers jours sont gratuits, puis {price} par mois."),
            "À bientôt !",
        ),
        _ => (
            format!("Welcome, {name}!"),
            format!("Hello {name},\n\nyour account {username} is ready."),
            format!("The first {days} days are free, then {price} a month."),
            "Enjoy!",
        ),
    };
    let paragraphs = if days > 0 { vec![greeting.as_str(), &trial, closing] } else { vec![greeting.as_str(), closing] };
    Ok(json!({
        "message_id": reference("msg", &[&account.email, "welcome"]),
        "to": account.email,
        "language": preferences.language,
        "subject": subject,
        "body": paragraphs.join("\n\n"),
    }))
}

//! A payment provider without money: what a card does is told by its token in `cards.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tasker_worker::StepError;

use crate::reference::reference;

/// The provider's sandbox.
#[derive(Debug)]
pub struct Gateway {
    cards: BTreeMap<String, Card>,
}

/// An amount to move.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The card.
    pub token: &'a str,
    pub amount_cents: u64,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// The caller's own name of this request; the same key gives the same id.
    pub idempotency_key: &'a str,
    /// Tries of this request that failed before this one; the sandbox remembers nothing.
    pub failed_tries: u32,
}

/// What the provider answers with when it did what it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: String,
    /// Brand and last digits, for texts to people.
    pub card: String,
    pub amount_cents: u64,
    pub currency: String,
}

/// Why the provider did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such card: take another token from `cards.json`.
    #[error("no card has the token `{token}`")]
    UnknownToken { token: String },
    /// The card's bank said no; trying again cannot help.
    #[error("the card's bank declined: {reason}")]
    Declined { reason: String },
    /// No answer; try again.
    #[error("the gateway did not answer (try {tries})")]
    TimedOut { tries: u32 },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    brand: String,
    last4: String,
    #[serde(default)]
    authorize: Behaviour,
    #[serde(default)]
    refund: Behaviour,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Behaviour {
    #[default]
    Approve,
    /// With this reason.
    Decline(String),
    /// For this many tries.
    TimeOut(u32),
}

impl Gateway {
    /// The sandbox with the cards of `cards.json`.
    ///
    /// # Errors
    /// When that file is broken.
    pub fn sandbox() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("cards.json")).map(|cards| Self { cards })
    }

    /// Sets an amount aside on a card.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn authorize(&self, request: Request<'_>) -> Result<Receipt, Refusal> {
        let card = self.card(request.token)?;
        card.authorize.answer(request.failed_tries)?;
        Ok(card.receipt("auth", request))
    }

    /// Pays an amount back to a card.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn refund(&self, request: Request<'_>) -> Result<Receipt, Refusal> {
        let card = self.card(request.token)?;
        card.refund.answer(request.failed_tries)?;
        Ok(card.receipt("re", request))
    }

    fn card(&self, token: &str) -> Result<&Card, Refusal> {
        self.cards.get(token).ok_or_else(|| Refusal::UnknownToken { token: token.to_owned() })
    }
}

impl Refusal {
    /// The step's failure; `declined` is the code for a bank's no.
    #[must_use]
    pub fn into_step_error(self, declined: &str) -> StepError {
        let message = self.to_string();
        match self {
            Self::UnknownToken { .. } => StepError::permanent("unknown_payment_token", message),
            Self::Declined { reason } => {
                StepError::permanent(declined, message).with_context(serde_json::json!({"reason": reason}))
            }
            Self::TimedOut { .. } => StepError::retryable("gateway_timeout", message),
        }
    }
}

impl Card {
    fn receipt(&self, prefix: &str, request: Request<'_>) -> Receipt {
        let amount = request.amount_cents.to_string();
        Receipt {
            id: reference(prefix, &[request.token, &amount, request.currency, request.idempotency_key]),
            card: format!("{} ending in {}", self.brand, self.last4),
            amount_cents: request.amount_cents,
            currency: request.currency.to_owned(),
        }
    }
}

impl Behaviour {
    fn answer(&self, failed_tries: u32) -> Result<(), Refusal> {
        match self {
            Self::Decline(reason) => Err(Refusal::Declined { reason: reason.clone() }),
            Self::TimeOut(times) if failed_tries < *times => Err(Refusal::TimedOut { tries: failed_tries + 1 }),
            Self::Approve | Self::TimeOut(_) => Ok(()),
        }
    }
}

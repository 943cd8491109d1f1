use super::profile::{Look, Refused, write};
use crate::protocol::{Outcome, StepError};

/// The outcome of a handler that has ended with `result`. Without `rest` it is a success and nothing more; else `rest` is an
/// outcome in the words of the protocol, to which the result is added if it is a success. What has no JSON form makes it the
/// failure that says so.
///
/// # Errors
/// What the language raised while values were looked at.
pub fn outcome<L: Look>(look: &L, result: &L::Value, rest: Option<&L::Value>) -> Result<Outcome, L::Error> {
    with_rest(look, result, rest).or_else(|refused| refused.into_step_error().map(Outcome::failed))
}

fn with_rest<L: Look>(look: &L, result: &L::Value, rest: Option<&L::Value>) -> Result<Outcome, Refused<L::Error>> {
    let result = write(look, result)?;
    let Some(rest) = rest else { return Ok(Outcome::succeeded(result)) };
    Ok(match write(look, rest)?.to() {
        Ok(Outcome::Succeeded { next, events, metadata, .. }) => Outcome::Succeeded { result, next, events, metadata },
        Ok(outcome) => outcome,
        Err(error) => {
            let message = format!("what the handler returned: {error}");
            Outcome::failed(StepError::permanent("outcome_invalid", message))
        }
    })
}

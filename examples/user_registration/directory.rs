//! Who is registered already, what can be bought, and what is usual where.

use std::collections::BTreeMap;

use serde::Deserialize;
use tasker_worker::StepError;

#[derive(Debug, Deserialize)]
pub struct Directory {
    pub accounts: Vec<Account>,
    pub blocked_domains: Vec<String>,
    /// Mail domains that ignore dots, with the name that their addresses are kept under.
    pub dot_blind_domains: BTreeMap<String, String>,
    pub plans: BTreeMap<String, Plan>,
    pub countries: BTreeMap<String, Country>,
    /// By mail domain: how many tries the billing provider's sandbox leaves unanswered.
    pub billing_outages: BTreeMap<String, u32>,
}

#[derive(Debug, Deserialize)]
pub struct Account {
    pub identity: String,
    pub username: String,
}

#[derive(Debug, Deserialize)]
pub struct Plan {
    pub monthly_cents: u64,
    pub trial_days: u32,
    pub seats: u32,
    #[serde(default)]
    pub needs_company: bool,
}

#[derive(Debug, Deserialize)]
pub struct Country {
    pub language: String,
    pub time_zone: String,
    pub currency: String,
    /// Whether advertising needs a yes.
    pub opt_in: bool,
}

/// A mail address, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// As mail is sent to it.
    pub email: String,
    /// The same for every spelling that reaches the same mailbox.
    pub identity: String,
    pub domain: String,
}

impl Directory {
    /// The directory in `directory.json`.
    ///
    /// # Errors
    /// When that file is broken.
    pub fn load() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("directory.json"))
    }

    /// Normalises a mail address: no white space around it, lower case; for its identity also without the part from
    /// `+` on, and without dots where the domain ignores them.
    ///
    /// # Errors
    /// Permanent: `email_invalid`.
    pub fn address(&self, text: &str) -> Result<Address, StepError> {
        let email = text.trim().to_lowercase();
        let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let Some((local, domain)) = parts else {
            return Err(StepError::permanent("email_invalid", format!("`{text}` is no mail address")));
        };
        let mailbox = local.split('+').next().unwrap_or(local);
        let identity = match self.dot_blind_domains.get(domain) {
            Some(kept_as) => format!("{}@{kept_as}", mailbox.replace('.', "")),
            None => format!("{mailbox}@{domain}"),
        };
        Ok(Address { domain: domain.to_owned(), identity, email })
    }

    /// A free name made of a person's: `ada.lovelace`, or `ada.lovelace.2` where that is taken.
    #[must_use]
    pub fn username_for(&self, full_name: &str) -> String {
        let lower = full_name.to_lowercase();
        let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let base = words.collect::<Vec<_>>().join(".");
        let is_free = |name: &String| self.accounts.iter().all(|account| account.username != *name);
        let numbered = (2..).map(|number| format!("{base}.{number}"));
        std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base)
    }

    /// # Errors
    /// Permanent: `country_not_served`.
    pub fn country(&self, code: &str) -> Result<&Country, StepError> {
        let country = self.countries.get(code);
        country.ok_or_else(|| StepError::permanent("country_not_served", format!("there is no service in `{code}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_have_one_identity() {
        let directory = Directory::load().unwrap();
        let identity = |text| directory.address(text).unwrap().identity;
        assert_eq!(identity(" Ada.Love.Lace+news@GoogleMail.com "), "adalovelace@gmail.com");
        assert_eq!(identity("Ada.Lovelace+news@Example.org"), "ada.lovelace@example.org");
        assert_eq!(directory.address("nobody@").unwrap_err().code, "email_invalid");
    }

    #[test]
    fn taken_usernames_are_numbered() {
        let directory = Directory::load().unwrap();
        assert_eq!(directory.username_for("Ada  Lovelace"), "ada.lovelace.3");
        assert_eq!(directory.username_for("Jean-Luc Médard"), "jean.luc.médard");
    }
}

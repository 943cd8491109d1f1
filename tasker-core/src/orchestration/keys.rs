use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use tracing::info;

use super::{Engine, Error, Result, control::check_actor, submit::check_text};
use crate::{
    model::{Actor, Timestamp, limits},
    store::{self, StoredKey},
};

/// What a key may do, as far as its namespaces reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Tasks, steps, templates, workers and counts, without inputs and results.
    Read,
    /// Inputs and results too.
    ReadPayloads,
    Submit,
    /// Operators' verbs.
    Operate,
    /// Registering templates.
    Templates,
    /// Claiming and reporting steps, and nothing else: what a worker needs.
    Work,
    /// Everything, in every namespace; keys too.
    Admin,
}

/// What a key may do, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    #[cfg_attr(feature = "api", schema(value_type = Vec<Permission>))]
    pub verbs: BTreeSet<Permission>,
    /// Empty for every namespace.
    #[serde(default)]
    #[cfg_attr(feature = "api", schema(value_type = Vec<String>))]
    pub namespaces: BTreeSet<String>,
}

impl Permissions {
    /// Whether the verb is allowed in a namespace; none asks for one that is about all of them.
    #[must_use]
    pub fn allow(&self, verb: Permission, namespace: Option<&str>) -> bool {
        if self.verbs.contains(&Permission::Admin) {
            return true;
        }
        let is_within =
            self.namespaces.is_empty() || namespace.is_some_and(|namespace| self.namespaces.contains(namespace));
        self.verbs.contains(&verb) && is_within
    }
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ApiKey {
    pub key_id: Uuid,
    pub name: String,
    /// How the secret begins.
    pub prefix: String,
    pub permissions: Permissions,
    pub created_at: Timestamp,
    /// Who made it, and why.
    pub created_by: Option<String>,
    pub created_because: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// To within a minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Who ended it, and why.
    pub revoked_by: Option<String>,
    pub revoked_because: Option<String>,
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    pub name: String,
    pub permissions: Permissions,
    /// Milliseconds that the key is good for, at most those of a hundred years; for ever if not given.
    #[serde(default)]
    pub lifetime_ms: Option<u64>,
    /// Who makes it; the name of the key that the request brings if not given.
    #[serde(default)]
    pub by: Option<String>,
    /// Why; kept with the key.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A key that was made. The secret is shown here and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct CreatedKey {
    pub key: ApiKey,
    pub secret: String,
}

/// How long a key that was found is believed without asking the store, and so how long a revoked one may go on.
const BELIEVED: Duration = Duration::from_secs(5);
/// How often the time of its last use is written.
const TOUCHED: Duration = Duration::from_secs(60);
const KNOWN_MAX: usize = 10_000;
const PREFIX: usize = 12;

/// Keys that were asked for lately, by the hash of their secret.
#[derive(Default)]
pub(super) struct KeyCache(Mutex<HashMap<KeyHash, Known>>);

/// What a secret is known by where it is not kept itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

#[derive(Clone)]
struct Known {
    key: Option<ApiKey>,
    read_at: Instant,
    touched_at: Option<Instant>,
}

impl Engine {
    /// Makes an API key; who and why is kept with it.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`] for a key without a name or without a permission, and for a lifetime over
    /// [`limits::KEY_LIFETIME_MS`]; [`Error::Store`].
    pub async fn create_key(&self, new: NewKey) -> Result<CreatedKey> {
        let invalid = |field, reason: &str| Err(Error::FieldInvalid { field, reason: reason.to_owned() });
        check_text("name", &new.name)?;
        let actor = Actor { by: new.by, reason: new.reason };
        check_actor(&actor)?;
        if new.name.trim().is_empty() {
            return invalid("name", "is empty: say what the key is for");
        }
        if new.permissions.verbs.is_empty() {
            return invalid("permissions", "allow nothing: name at least one verb, for example `read`");
        }
        if new.lifetime_ms.is_some_and(|ms| ms > limits::KEY_LIFETIME_MS) {
            return invalid(
                "lifetime_ms",
                "is more than a hundred years: leave it out for a key that is good for ever",
            );
        }
        let secret = secret()?;
        let permissions = serde_json::to_string(&new.permissions)
            .map_err(|error| Error::FieldInvalid { field: "permissions", reason: error.to_string() })?;
        let expires_at = match new.lifetime_ms {
            Some(ms) => Some(self.store.now().await? + Duration::from_millis(ms)),
            None => None,
        };
        let stored = StoredKey {
            id: Uuid::now_v7(),
            name: new.name,
            prefix: secret[..PREFIX].to_owned(),
            hash: KeyHash::of(&secret).0,
            permissions,
            created_at: self.store.now().await?,
            created_by: actor.by,
            created_because: actor.reason,
            expires_at,
            last_used_at: None,
            revoked_at: None,
            revoked_by: None,
            revoked_because: None,
        };
        self.store.put_key(&stored).await?;
        let (by, reason) = (stored.created_by.as_deref(), stored.created_because.as_deref());
        info!(key_id = %stored.id, name = stored.name, by, reason, "an API key was made");
        Ok(CreatedKey { key: ApiKey::read(stored)?, secret })
    }

    /// Keys, the newest first, ended ones too; at most [`limits::PAGE`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keys(&self) -> Result<Vec<ApiKey>> {
        self.store.keys(limits::PAGE).await?.into_iter().map(ApiKey::read).collect()
    }

    /// Ends a key; within five seconds no engine takes it any more.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`] if there is none, or it was ended before; [`Error::FieldInvalid`] for a text that is too long;
    /// [`Error::Store`].
    pub async fn revoke_key(&self, key_id: Uuid, actor: &Actor) -> Result<()> {
        check_actor(actor)?;
        if !self.store.revoke_key(key_id, actor).await? {
            return Err(Error::KeyNotFound(key_id));
        }
        let (by, reason) = (actor.by.as_deref(), actor.reason.as_deref());
        info!(%key_id, by, reason, "an API key was ended");
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// The key of a secret; none if it is unknown, was ended, or has expired.
    ///
    /// Secrets are compared by their hashes, so that the time this takes tells nothing about them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn authenticate(&self, secret: &str) -> Result<Option<ApiKey>> {
        self.key_of(KeyHash::of(secret)).await
    }

    /// The same for a secret that was seen before: whoever goes on for long asks again whether the key is still good.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn key_of(&self, hash: KeyHash) -> Result<Option<ApiKey>> {
        let known = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let known = match known {
            Some(known) if known.read_at.elapsed() < BELIEVED => known,
            before => self.read_key(hash, before).await?,
        };
        let Some(key) = known.key.filter(|key| key.revoked_at.is_none()) else { return Ok(None) };
        if let Some(expires_at) = key.expires_at
            && expires_at <= self.store.now().await?
        {
            return Ok(None);
        }
        Ok(Some(key))
    }

    async fn read_key(&self, hash: KeyHash, before: Option<Known>) -> Result<Known> {
        let stored = self.store.key_of_hash(&hash.0).await?;
        let mut touched_at = before.and_then(|before| before.touched_at);
        if let Some(stored) = &stored
            && stored.revoked_at.is_none()
            && touched_at.is_none_or(|touched_at| touched_at.elapsed() >= TOUCHED)
        {
            self.store.touch_key(stored.id).await?;
            touched_at = Some(Instant::now());
        }
        let known = Known { key: stored.map(ApiKey::read).transpose()?, read_at: Instant::now(), touched_at };
        let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever tries secrets must not fill the memory.
        if keys.len() >= KNOWN_MAX {
            keys.clear();
        }
        keys.insert(hash, known.clone());
        Ok(known)
    }
}

/// 256 bits of the operating system's randomness.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| store::Error::Unavailable(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes.iter().fold("tsk_".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

impl ApiKey {
    fn read(stored: StoredKey) -> Result<Self> {
        let permissions = serde_json::from_str(&stored.permissions)
            .map_err(|error| store::Error::Corrupt(format!("the permissions of an API key: {error}")))?;
        Ok(Self {
            key_id: stored.id,
            name: stored.name,
            prefix: stored.prefix,
            permissions,
            created_at: stored.created_at,
            created_by: stored.created_by,
            created_because: stored.created_because,
            expires_at: stored.expires_at,
            last_used_at: stored.last_used_at,
            revoked_at: stored.revoked_at,
            revoked_by: stored.revoked_by,
            revoked_because: stored.revoked_because,
        })
    }
}

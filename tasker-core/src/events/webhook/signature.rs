//! How a receiver knows that a message is ours and was not changed: as Standard Webhooks has it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    model::Timestamp,
    orchestration::{Result, secret_bytes},
    store::StoredWebhook,
};

/// The secrets that sign now: the newest, and the one before as long as it is good.
pub(super) fn secrets(webhook: &StoredWebhook, now: Timestamp) -> Result<Vec<Vec<u8>>> {
    let previous = webhook.previous_secret.as_ref().filter(|_| webhook.previous_until.is_some_and(|until| until > now));
    [Some(&webhook.secret), previous].into_iter().flatten().map(|text| secret_bytes(text)).collect()
}

/// The header `webhook-signature`: one signature for each secret, with spaces between them.
pub(super) fn signature(secrets: &[Vec<u8>], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = secrets.iter().filter_map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart from this code: `printf 'ID.TIME.BODY' | openssl dgst -sha256 -hmac KEY -binary | base64`.
    #[test]
    fn a_message_is_signed_with_each_secret() {
        let (one, other) = (b"key".to_vec(), b"other".to_vec());
        let signed = signature(std::slice::from_ref(&one), "m1", 1_700_000_000, b"{}");
        assert_eq!(signed, "v1,n4G0JeWsADKachD9DYkYICH9XWz9wh4c+ftKZ6L+sn0=");
        let both = signature(&[one, other], "m1", 1_700_000_000, b"{}");
        assert!(both.starts_with(&format!("{signed} v1,")) && both.len() == 2 * signed.len() + 1);
    }
}

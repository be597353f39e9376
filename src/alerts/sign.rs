//! Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.
use crate::{config::WebhookSecret, model::Timestamp};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The value of `webhook-signature`.
pub(super) fn signature(secret: &WebhookSecret, id: &str, at: Timestamp, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{}.{body}", at.0).as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

//! `[alerts]`: who is told what an operator must know.
use super::{
    reader::{Reader, Section},
    secret::Secret,
    setting::WebUrl,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

#[derive(Debug, Clone)]
pub struct Alerts {
    pub url: String,
    pub secret: WebhookSecret,
    /// Shares of a budget in percent, the lowest first.
    pub at: Vec<i64>,
}

/// What signs them, as Standard Webhooks writes it: `whsec_` and base64.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

const PREFIX: &str = "whsec_";
/// The specification's own bounds.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

impl WebhookSecret {
    fn parse(secret: &Secret) -> Option<Self> {
        let text = secret.expose().strip_prefix(PREFIX)?;
        let key = BASE64_STANDARD.decode(text).ok()?;
        BYTES.contains(&key.len()).then_some(Self(key))
    }

    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// `None`: nobody is told.
pub(super) fn read(reader: &mut Reader) -> Option<Alerts> {
    let mut s = reader.section("alerts");
    let url: Option<WebUrl> = s.get(reader, "url");
    let secret = secret(&mut s, reader, url.is_some());
    let at = shares(&mut s, reader);
    s.done(reader);
    Some(Alerts { url: url?.0, secret: secret?, at })
}

fn secret(s: &mut Section, reader: &mut Reader, needed: bool) -> Option<WebhookSecret> {
    let text: Option<Secret> = s.get(reader, "secret");
    let parsed = text.as_ref().map(WebhookSecret::parse);
    match parsed {
        Some(Some(secret)) => return Some(secret),
        None if !needed => {}
        Some(None) | None => s.wrong(
            reader,
            "secret",
            "must be whsec_ and the base64 of 24 to 64 bytes: echo \"whsec_$(openssl rand -base64 32)\" makes one",
        ),
    }
    None
}

fn shares(s: &mut Section, reader: &mut Reader) -> Vec<i64> {
    let Some(texts) = s.get::<Vec<String>>(reader, "at") else { return vec![50, 80, 100] };
    let parsed: Option<Vec<i64>> = texts
        .iter()
        .map(|text| text.parse().ok().filter(|share| (1..=100).contains(share)))
        .collect();
    let Some(mut shares) = parsed else {
        s.wrong(reader, "at", "must be shares of a budget in percent, such as [50, 80, 100]");
        return Vec::new();
    };
    shares.sort_unstable();
    shares.dedup();
    shares
}

//! Who did what to whom, and when. Written in the transaction of the act itself; never a secret.
use super::{Error, Operation, Tx};
use crate::model::{Hash, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// One line of the audit.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Random: two lines of one second stay two.
    pub id: Hash,
    pub at: Timestamp,
    /// A user id, `master_key`, or `command line`.
    pub actor: String,
    pub action: &'static str,
    /// What it was done to: an id.
    pub subject: String,
    pub app: Option<String>,
    pub address: Option<String>,
    /// In words.
    pub detail: String,
}

/// Who acts, from where, when: what every entry of one act shares.
#[derive(Debug, Clone)]
pub struct Act {
    pub id: Hash,
    pub at: Timestamp,
    pub actor: String,
    pub address: Option<String>,
}

impl Act {
    #[must_use]
    pub fn entry(&self, action: &'static str, subject: &(impl ToString + ?Sized)) -> Entry {
        Entry {
            id: self.id,
            at: self.at,
            actor: self.actor.clone(),
            action,
            subject: subject.to_string(),
            app: None,
            address: self.address.clone(),
            detail: String::new(),
        }
    }
}

impl Entry {
    #[must_use]
    pub fn of_app(self, app: Option<&str>) -> Self {
        Self { app: app.map(str::to_owned), ..self }
    }

    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// An act that changes nothing else: a refusal, a sign-out.
pub struct Note(pub Entry);

impl Operation for Note {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        insert(tx, &self.0).await
    }
}

/// Part of a larger step. Entries of one act differ in their subject.
pub(super) async fn insert(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), Error> {
    let distinct = Hash::of(&format!("{}{}", entry.action, entry.subject));
    let id: Vec<u8> = entry.id.0.iter().zip(distinct.0).map(|(a, b)| a ^ b).take(16).collect();
    tx.run(
        "INSERT INTO audit (id, at, actor, action, subject, app, address, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        (
            URL_SAFE_NO_PAD.encode(id),
            entry.at,
            &entry.actor,
            entry.action,
            &entry.subject,
            &entry.app,
            &entry.address,
            &entry.detail,
        ),
    )
    .await
}

/// The newest entries first.
pub struct Newest {
    pub limit: i64,
}

/// When, who, what, to whom, in words.
pub type Line = (Timestamp, String, String, String, String);

impl Operation for Newest {
    type Output = Vec<Line>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.all(
            "SELECT at, actor, action, subject, detail FROM audit ORDER BY at DESC, id LIMIT $1",
            (self.limit,),
        )
        .await
    }
}

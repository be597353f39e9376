//! Who did what to whom, and when. Written in the transaction of the act itself; never a secret.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Hash, Timestamp, UserId};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

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
    /// Whom it concerns: the subject itself, or whose key or membership the subject is.
    pub user: Option<String>,
    pub app: Option<String>,
    pub address: Option<String>,
    /// In words.
    pub detail: String,
    /// What was there and what is now, field by field, as JSON. Never a secret.
    pub change: Option<(Value, Value)>,
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
            user: None,
            app: None,
            address: self.address.clone(),
            detail: String::new(),
            change: None,
        }
    }

    /// What is done to a person.
    #[must_use]
    pub fn about(&self, action: &'static str, user: &UserId) -> Entry {
        self.entry(action, user).of_user(user)
    }
}

impl Entry {
    /// The same line in the log.
    pub(super) fn log(&self) {
        let Self { actor, action, subject, detail, .. } = self;
        let (app, address) = (self.app.as_deref(), self.address.as_deref());
        let user = self.user.as_deref().filter(|user| user != subject);
        tracing::info!(action, actor, subject, user, app, address, detail, "audit");
    }

    #[must_use]
    pub fn of_user(self, user: &UserId) -> Self {
        Self { user: Some(user.to_string()), ..self }
    }

    #[must_use]
    pub fn of_app(self, app: Option<&str>) -> Self {
        Self { app: app.map(str::to_owned), ..self }
    }

    /// Another line of the same act, action and subject: its id must differ.
    #[must_use]
    pub fn apart(self, from: &(impl ToString + ?Sized)) -> Self {
        let more = Hash::of(&from.to_string());
        Self { id: Hash(std::array::from_fn(|at| self.id.0[at] ^ more.0[at])), ..self }
    }

    /// With the reason, where one was given.
    #[must_use]
    pub fn because(mut self, why: Option<&str>) -> Self {
        if let Some(why) = why {
            let join = if self.detail.is_empty() { "" } else { ": " };
            self.detail = format!("{}{join}{why}", self.detail);
        }
        self
    }

    /// From what to what; members that are alike on both sides are left out.
    #[must_use]
    pub fn changing(self, mut before: Value, mut after: Value) -> Self {
        if let (Value::Object(before), Value::Object(after)) = (&mut before, &mut after) {
            let alike: Vec<String> =
                before.keys().filter(|k| before.get(*k) == after.get(*k)).cloned().collect();
            for name in alike {
                before.remove(&name);
                after.remove(&name);
            }
        }
        Self { change: Some((before, after)), ..self }
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
    let json = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(Value::to_string);
    tx.say(entry);
    tx.run(
        "INSERT INTO audit
             (id, at, actor, action, subject, user_id, app, address, detail, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
        (
            URL_SAFE_NO_PAD.encode(id),
            entry.at,
            &entry.actor,
            entry.action,
            &entry.subject,
            &entry.user,
            &entry.app,
            &entry.address,
            &entry.detail,
            json(entry.change.as_ref().map(|(before, _)| before)),
            json(entry.change.as_ref().map(|(_, after)| after)),
        ),
    )
    .await
}

/// A line as it is kept.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: String,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub user: Option<String>,
    pub app: Option<String>,
    pub address: Option<String>,
    pub detail: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The newest lines first: those that fit, after the one where the last page ended.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub subject: Option<String>,
    /// Whom it concerns.
    pub user: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// When, and the id: where the last page ended.
    pub after: Option<(Timestamp, String)>,
    pub limit: i64,
}

macro_rules! lines {
    ($index:literal) => {
        concat!(
            "SELECT id, at, actor, action, subject, user_id, app, address, detail, before, after
             FROM audit WHERE ",
            $index,
            " AND (CAST($1 AS TEXT) IS NULL OR actor = $1)
             AND (CAST($2 AS TEXT) IS NULL OR action = $2)
             AND (CAST($3 AS TEXT) IS NULL OR subject = $3)
             AND (CAST($4 AS TEXT) IS NULL OR user_id = $4)
             AND at >= $5 AND at <= $6
             AND (at < $6 OR id < $7)
             ORDER BY at DESC, id DESC LIMIT $8"
        )
    };
}

impl Operation for Lines {
    type Output = Vec<Line>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        // Before everything of that second, or after the line where the last page ended.
        let (until, below) = match &self.after {
            Some((at, id)) => (*at, id.clone()),
            None => (self.until.unwrap_or(Timestamp(i64::MAX)), String::new()),
        };
        let params = (
            &self.actor,
            &self.action,
            &self.subject,
            &self.user,
            self.since.unwrap_or(Timestamp(0)),
            until,
            below,
            self.limit,
        );
        // One text for each index that can lead the way.
        match (&self.subject, &self.user, &self.actor, &self.action) {
            (Some(_), ..) => tx.all(lines!("subject = $3"), params).await,
            (_, Some(_), ..) => tx.all(lines!("user_id = $4"), params).await,
            (_, _, Some(_), _) => tx.all(lines!("actor = $1"), params).await,
            (.., Some(_)) => tx.all(lines!("action = $2"), params).await,
            _ => tx.all(lines!("at >= $5"), params).await,
        }
    }
}

impl Line {
    /// For scripts: what the management API and the command line show.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let change = |text: &Option<String>| -> Value {
            text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        };
        json!({
            "id": self.id,
            "at": self.at.rfc3339(),
            "actor": self.actor,
            "action": self.action,
            "subject": self.subject,
            "user_id": self.user,
            "app": self.app,
            "address": self.address,
            "detail": self.detail,
            "before": change(&self.before),
            "after": change(&self.after),
        })
    }
}

impl FromRow for Line {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.take()?,
            at: row.take()?,
            actor: row.take()?,
            action: row.take()?,
            subject: row.take()?,
            user: row.take()?,
            app: row.take()?,
            address: row.take()?,
            detail: row.take()?,
            before: row.take()?,
            after: row.take()?,
        })
    }
}

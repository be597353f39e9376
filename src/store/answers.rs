//! Whose the answers are that upstreams keep: a line for each, as long as providers keep them.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Charge, Key, KeyId, UserId};

/// An answer, as far as it matters who may ask for it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The name of the upstream that keeps it.
    pub upstream: String,
    pub key: KeyId,
    pub user: UserId,
    /// Empty: of no app.
    pub app: String,
    pub model: String,
    /// Of question and answer, those it went on from included.
    pub tokens: i64,
}

impl Kept {
    /// To the key that made it; and to the key that the same person's same app has by now.
    #[must_use]
    pub fn belongs_to(&self, key: &Key) -> bool {
        let same_app = !self.app.is_empty() && key.app.as_ref() == Some(&self.app);
        self.key == key.id || (same_app && self.user == key.user)
    }
}

impl FromRow for Kept {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            upstream: row.take()?,
            key: row.take()?,
            user: row.take()?,
            app: row.take()?,
            model: row.take()?,
            tokens: row.take()?,
        })
    }
}

/// An id that two have had is nobody's any more: whose the answer is would be a guess.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    (upstream, id): (&str, &str),
    charge: &Charge,
) -> Result<(), Error> {
    let tokens = charge.tokens.input.saturating_add(charge.tokens.output);
    tx.run(
        "INSERT INTO answers (upstream, id, key_id, user_id, app, model, tokens, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (upstream, id) DO UPDATE SET
             key_id = CASE WHEN answers.key_id = excluded.key_id THEN answers.key_id ELSE '' END,
             user_id = CASE WHEN answers.key_id = excluded.key_id THEN answers.user_id ELSE '' END,
             app = CASE WHEN answers.key_id = excluded.key_id THEN answers.app ELSE '' END,
             tokens = excluded.tokens",
        (upstream, id, &charge.key, &charge.user, &charge.app, &charge.model, tokens, charge.at),
    )
    .await
}

/// Of every upstream that has one by this id.
pub struct AnswersById(pub String);

impl Operation for AnswersById {
    type Output = Vec<Kept>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let sql = "SELECT upstream, key_id, user_id, app, model, tokens FROM answers WHERE id = $1";
        tx.all(sql, (&self.0,)).await
    }
}

/// The upstream has it no more.
pub struct ForgetAnswer {
    pub upstream: String,
    pub id: String,
}

impl Operation for ForgetAnswer {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let sql = "DELETE FROM answers WHERE upstream = $1 AND id = $2";
        tx.run(sql, (&self.upstream, &self.id)).await
    }
}

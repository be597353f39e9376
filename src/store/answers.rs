//! Whose the answers are that upstreams keep: a line for each, as long as providers keep them.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Charge, Key, KeyId, UserId};

/// An answer, as far as it matters who may ask for it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub key: KeyId,
    pub user: UserId,
    /// Empty: of no app.
    pub app: String,
    pub model: String,
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
        Ok(Self { key: row.take()?, user: row.take()?, app: row.take()?, model: row.take()? })
    }
}

/// Whoever had an id first keeps it.
pub(super) async fn insert(tx: &mut Tx<'_>, id: &str, charge: &Charge) -> Result<(), Error> {
    tx.run(
        "INSERT INTO answers (id, key_id, user_id, app, model, at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO NOTHING",
        (id, &charge.key, &charge.user, &charge.app, &charge.model, charge.at),
    )
    .await
}

pub struct AnswerById(pub String);

impl Operation for AnswerById {
    type Output = Option<Kept>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        let sql = "SELECT key_id, user_id, app, model FROM answers WHERE id = $1";
        tx.optional(sql, (&self.0,)).await
    }
}

/// The upstream has it no more.
pub struct ForgetAnswer(pub String);

impl Operation for ForgetAnswer {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.run("DELETE FROM answers WHERE id = $1", (&self.0,)).await
    }
}

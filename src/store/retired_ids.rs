//! Ids of people, teams and budgets that are gone: none is given to another (row O12).
use super::{Error, Tx};
use crate::model::Timestamp;

/// An id that somebody chose is never used for another (row O12).
pub(super) async fn retire(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<(), Error> {
    tx.run("INSERT INTO retired_ids (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", (id, at))
        .await
}

pub(super) async fn is_retired(tx: &mut Tx<'_>, id: &str) -> Result<bool, Error> {
    let found: Option<(String,)> =
        tx.optional("SELECT id FROM retired_ids WHERE id = $1", (id,)).await?;
    Ok(found.is_some())
}

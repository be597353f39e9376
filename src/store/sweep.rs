//! Rows that nothing needs any more, taken away a few at a time (row O2).
use super::{Error, Operation, Tx};
use crate::model::{ChargeId, ConnectRequest, Hash, KeyId, Lifetime, Timestamp};

/// One round: up to 500 rows of each table.
pub struct Sweep {
    pub at: Timestamp,
    /// How long single calls stay in the books; their sums stay.
    pub calls_kept: Lifetime,
}

impl Sweep {
    /// An expired key is listed, and told from an unknown one, for so long.
    pub const KEY_KEPT: i64 = 7 * 86_400;
    /// The use of an ended key is noticed for so long.
    pub const TOMBSTONE_KEPT: i64 = 90 * 86_400;
    /// Who comes back too late from a provider is still led on.
    pub const SIGNIN_KEPT: i64 = 3600;
    /// A grant of which no key is left, for so long from its making; expired keys count as left while they are kept.
    pub const GRANT_KEPT: i64 = 86_400;
    /// Far more than any other process needs to catch up.
    pub const CHANGE_KEPT: i64 = 86_400;
    /// Providers keep answers for thirty days.
    pub const ANSWER_KEPT: i64 = 31 * 86_400;
    /// As far back as a report goes.
    pub const LABEL_KEPT: i64 = 401 * 86_400;
    /// Longer than any window of a budget: what was told is told again only after that.
    pub const ALERT_KEPT: i64 = 400 * 86_400;
}

impl Operation for Sweep {
    /// How many rows went; when it is many, there may be more.
    type Output = usize;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<usize, Error> {
        let hashes = self.sweep_hashes(tx).await?;
        let keys: Vec<(KeyId,)> = tx
            .all(
                "DELETE FROM keys WHERE id IN
                     (SELECT id FROM keys WHERE expires_at <= $1 LIMIT 500) RETURNING id",
                (self.at.plus(-Self::KEY_KEPT),),
            )
            .await?;
        let changes: Vec<(i64,)> = tx
            .all(
                "DELETE FROM changes WHERE seq IN
                     (SELECT seq FROM changes WHERE at <= $1 ORDER BY at, seq LIMIT 500) RETURNING seq",
                (self.at.plus(-Self::CHANGE_KEPT),),
            )
            .await?;
        let grants: Vec<(String,)> = tx
            .all(
                "DELETE FROM grants WHERE id IN
                     (SELECT grants.id FROM grants LEFT JOIN keys ON keys.grant_id = grants.id
                      WHERE keys.id IS NULL AND grants.created_at <= $1 LIMIT 500) RETURNING id",
                (self.at.plus(-Self::GRANT_KEPT),),
            )
            .await?;
        let answers: Vec<(String,)> = tx
            .all(
                "DELETE FROM answers WHERE (upstream, id) IN
                     (SELECT upstream, id FROM answers WHERE at <= $1 ORDER BY at LIMIT 500)
                 RETURNING id",
                (self.at.plus(-Self::ANSWER_KEPT),),
            )
            .await?;
        let alerts: Vec<(String,)> = tx
            .all(
                "DELETE FROM alerts WHERE id IN
                     (SELECT id FROM alerts WHERE at <= $1 ORDER BY at LIMIT 500) RETURNING id",
                (self.at.plus(-Self::ALERT_KEPT),),
            )
            .await?;
        let labels = self.sweep_labels(tx).await?;
        let before = ChargeId::first_at(self.at.plus(-self.calls_kept.seconds()));
        let calls: Vec<(ChargeId,)> = tx
            .all(
                "DELETE FROM calls WHERE id IN
                     (SELECT id FROM calls WHERE id < $1 ORDER BY id LIMIT 500) RETURNING id",
                (before,),
            )
            .await?;
        Ok(hashes
            + keys.len()
            + changes.len()
            + grants.len()
            + answers.len()
            + alerts.len()
            + labels
            + calls.len())
    }
}

impl Sweep {
    /// Sums by label: callers choose labels, so there is no end to them.
    async fn sweep_labels(&self, tx: &mut Tx<'_>) -> Result<usize, Error> {
        let mut gone = 0;
        for kind in ["tag", "end_user"] {
            let rows: Vec<(i64,)> = tx
                .all(
                    "DELETE FROM label_usage WHERE (kind, label, day, user_id) IN
                         (SELECT kind, label, day, user_id FROM label_usage
                          WHERE kind = $1 AND day <= $2 ORDER BY day LIMIT 500) RETURNING day",
                    (kind, self.at.plus(-Self::LABEL_KEPT).day()),
                )
                .await?;
            gone += rows.len();
        }
        Ok(gone)
    }

    /// Tables whose rows are known by a hash.
    async fn sweep_hashes(&self, tx: &mut Tx<'_>) -> Result<usize, Error> {
        let tables = [
            (
                "DELETE FROM sessions WHERE hash IN
                     (SELECT hash FROM sessions WHERE expires_at <= $1 LIMIT 500) RETURNING hash",
                0,
            ),
            (
                "DELETE FROM signins WHERE hash IN
                     (SELECT hash FROM signins WHERE expires_at <= $1 LIMIT 500) RETURNING hash",
                Self::SIGNIN_KEPT,
            ),
            (
                "DELETE FROM requests WHERE hash IN
                     (SELECT hash FROM requests WHERE expires_at <= $1 LIMIT 500) RETURNING hash",
                ConnectRequest::KEPT,
            ),
            (
                "DELETE FROM ended_keys WHERE hash IN
                     (SELECT hash FROM ended_keys WHERE ended_at <= $1
                      AND NOT EXISTS (SELECT 1 FROM keys WHERE keys.id = ended_keys.id) LIMIT 500)
                 RETURNING hash",
                Self::TOMBSTONE_KEPT,
            ),
            (
                "DELETE FROM codes WHERE hash IN
                     (SELECT hash FROM codes WHERE expires_at <= $1 LIMIT 500) RETURNING hash",
                0,
            ),
            (
                "DELETE FROM spent_codes WHERE hash IN
                     (SELECT hash FROM spent_codes WHERE spent_at <= $1 LIMIT 500) RETURNING hash",
                Self::TOMBSTONE_KEPT,
            ),
            (
                "DELETE FROM polls WHERE id IN
                     (SELECT id FROM polls WHERE expires_at <= $1 LIMIT 500) RETURNING id",
                0,
            ),
            (
                "DELETE FROM ready_polls WHERE id IN
                     (SELECT id FROM ready_polls WHERE expires_at <= $1 LIMIT 500) RETURNING id",
                0,
            ),
            (
                "DELETE FROM password_resets WHERE hash IN
                     (SELECT hash FROM password_resets WHERE expires_at <= $1 LIMIT 500) RETURNING hash",
                0,
            ),
        ];
        let mut gone = 0;
        for (sql, kept) in tables {
            gone += tx.all::<(Hash,)>(sql, (self.at.plus(-kept),)).await?.len();
        }
        Ok(gone)
    }
}

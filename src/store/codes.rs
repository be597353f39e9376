//! Codes: allowed, not yet redeemed. And the tombstones of those that were.
use super::{
    Error, FromRow, Operation, Row, Tx,
    audit::{self, Act},
    grants::{self, Cap, FreshSecret, Granted, Held},
    keys,
};
use crate::model::{
    Challenge, Code, Dialect, GrantId, Hash, KeyId, Method, Proof, Terms, Timestamp, UserId,
};

/// A code or a person's typing is tried so often, and not once more.
pub(super) const TRIES: i64 = 5;
/// So long after a code was spent a second redemption is a race that was lost, not a theft.
const RACE_SECONDS: i64 = 10;

/// A code as an approval makes it.
#[derive(Debug, Clone)]
pub struct FreshCode {
    pub code: Hash,
    pub challenge: Option<Challenge>,
    pub ends: Timestamp,
    /// The key on whose word it is made: it must count when the code is redeemed.
    pub parent: Option<KeyId>,
}

/// A code becomes a key. Of many who present it at once, one wins.
pub struct RedeemCode {
    pub code: Hash,
    pub dialect: Dialect,
    pub proof: Proof,
    /// The method the redeemer says it used, where its dialect has it say so.
    pub method: Option<Method>,
    pub key: FreshSecret,
    pub cap: Cap,
    /// Its actor is whoever allowed it.
    pub act: Act,
}

#[derive(Debug)]
pub enum Redeemed {
    Done(Box<Granted>),
    /// Forged, expired, spent, another dialect's; or whoever allowed it counts no more.
    Unknown,
    WrongProof,
    WrongMethod,
    /// Nothing is used up.
    TooManyKeys,
}

/// What a code stands for.
struct Allowed {
    granted: Granted,
    parent: Option<KeyId>,
}

impl Operation for RedeemCode {
    type Output = Redeemed;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Redeemed, Error> {
        let at = self.act.at;
        let allowed: Option<Allowed> = tx
            .optional(
                "SELECT grants.id, codes.user_id, codes.app, team_id, codes.terms, sent_to,
                     signed_in_at, parent_id
                 FROM codes JOIN grants ON grants.id = codes.grant_id
                 WHERE hash = $1 AND codes.dialect = $2 AND expires_at > $3",
                (self.code, self.dialect, at),
            )
            .await?;
        let Some(Allowed { granted, parent }) = allowed else { return self.replayed(tx).await };
        match grants::hold(tx, &granted, self.cap, at).await? {
            Held::Good => {}
            Held::TooManyKeys => return Ok(Redeemed::TooManyKeys),
            Held::Blocked | Held::LooksOnly | Held::NotInTeam | Held::AppBlocked | Held::Over => {
                return Ok(Redeemed::Unknown);
            }
        }
        if let Some(parent) = &parent
            && !keys::is_live(tx, parent, at).await?
        {
            return Ok(Redeemed::Unknown);
        }
        let redeemed: Option<(Hash,)> = tx
            .optional(
                "DELETE FROM codes
                 WHERE hash = $1 AND dialect = $2 AND challenge IS NOT DISTINCT FROM $3
                   AND method IS NOT DISTINCT FROM COALESCE($4, method)
                   AND expires_at > $5 AND tries < $6
                 RETURNING hash",
                (self.code, self.dialect, self.proof, self.method, at, TRIES),
            )
            .await?;
        if redeemed.is_none() {
            return self.refused(tx).await;
        }
        let act = Act { actor: granted.user.to_string(), ..self.act.clone() };
        keys::insert(tx, &granted.key(&self.key, at, parent.as_ref()), &act).await?;
        tx.run(
            "INSERT INTO spent_codes (hash, grant_id, challenge, spent_at) VALUES ($1, $2, $3, $4)",
            (self.code, &granted.id, self.proof, at),
        )
        .await?;
        Ok(Redeemed::Done(Box::new(granted)))
    }
}

impl RedeemCode {
    /// Why not. A wrong proof burns nothing but one of a few tries.
    async fn refused(&self, tx: &mut Tx<'_>) -> Result<Redeemed, Error> {
        let alive: Option<(Option<Method>,)> = tx
            .optional(
                "UPDATE codes SET tries = tries + 1
                 WHERE hash = $1 AND dialect = $2 AND expires_at > $3 RETURNING method",
                (self.code, self.dialect, self.act.at),
            )
            .await?;
        match alive {
            Some((method,)) if self.method.is_some() && self.method != method => {
                Ok(Redeemed::WrongMethod)
            }
            Some(_) => Ok(Redeemed::WrongProof),
            None => self.replayed(tx).await,
        }
    }

    /// A spent code that comes again with the right proof leaked: its grant ends (RFC 6749 §4.1.2, rows T2, T3). One
    /// without a challenge proves nothing once it would be over anyway: a page may still show the link it came by.
    async fn replayed(&self, tx: &mut Tx<'_>) -> Result<Redeemed, Error> {
        let at = self.act.at;
        let spent: Option<(GrantId, UserId, String)> = tx
            .optional(
                "SELECT grants.id, user_id, app FROM spent_codes
                 JOIN grants ON grants.id = spent_codes.grant_id
                 WHERE hash = $1 AND challenge IS NOT DISTINCT FROM $2 AND spent_at < $3
                   AND (challenge IS NOT NULL OR spent_at > $4)",
                (self.code, self.proof, at.plus(-RACE_SECONDS), at.plus(-Code::BEARER)),
            )
            .await?;
        if let Some((grant, user, app)) = spent {
            // Held, so that no key begets another meanwhile.
            tx.run("UPDATE users SET id = id WHERE id = $1", (&user,)).await?;
            let entry = self.act.entry("code.replayed", &grant).of_user(&user);
            let saying = "a spent code came again: the grant ends, and all keys of it";
            audit::insert(tx, &entry.of_app(Some(&app)).saying(saying)).await?;
            grants::end(tx, &grant, &self.act).await?;
        }
        Ok(Redeemed::Unknown)
    }
}

/// Part of a larger step.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    fresh: &FreshCode,
    dialect: Dialect,
    granted: &Granted,
    at: Timestamp,
) -> Result<(), Error> {
    let (challenge, method) = fresh.challenge.as_ref().map(|c| (c.hash(), c.method)).unzip();
    tx.run(
        "INSERT INTO codes (hash, dialect, grant_id, user_id, app, parent_id, terms, challenge,
             method, tries, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11)",
        (
            fresh.code,
            dialect,
            &granted.id,
            &granted.user,
            &granted.app,
            &fresh.parent,
            &granted.terms,
            challenge,
            method,
            at,
            fresh.ends,
        ),
    )
    .await
}

impl FromRow for Allowed {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self { granted: Granted::from_row(row)?, parent: row.take()? })
    }
}

impl FromRow for Granted {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.take()?,
            user: row.take()?,
            app: row.take()?,
            team: row.take()?,
            terms: row.take::<Terms>()?,
            sent_to: row.take()?,
            signed_in_at: row.take()?,
        })
    }
}

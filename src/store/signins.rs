//! Browsers that were sent to an identity provider and have not come back.
use super::{Error, FromRow, Operation, Row, Tx};
use crate::model::{Hash, Timestamp};

pub struct SaveSignin {
    pub state: Hash,
    pub signin: Signin,
    pub expires_at: Timestamp,
}

/// Where a browser was sent, and where it goes afterwards.
#[derive(Debug, Clone)]
pub struct Signin {
    pub browser: Hash,
    pub idp: String,
    pub return_to: String,
    /// Which of our secrets its nonce and verifier were derived from.
    pub secret: Hash,
}

impl Operation for SaveSignin {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let Signin { browser, idp, return_to, secret } = &self.signin;
        tx.run(
            "INSERT INTO signins (hash, browser, idp, return_to, secret, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            (self.state, browser, idp, return_to, secret, self.expires_at),
        )
        .await?;
        tx.run(
            "DELETE FROM signins WHERE browser = $1 AND hash IN
                 (SELECT hash FROM signins WHERE browser = $1 AND hash <> $2
                  ORDER BY expires_at DESC, hash LIMIT 1000 OFFSET 50)",
            (browser, self.state),
        )
        .await
    }
}

/// What a state stands for, expired or not, and until when: looking changes nothing.
pub struct SigninOf {
    pub state: Hash,
}

impl Operation for SigninOf {
    type Output = Option<(Signin, Timestamp)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Error> {
        tx.optional(
            "SELECT browser, idp, return_to, secret, expires_at FROM signins WHERE hash = $1",
            (self.state,),
        )
        .await
    }
}

/// A state is used once, by the browser it was given to, for the provider it was meant for (row U1).
pub struct TakeSignin {
    pub state: Hash,
    pub browser: Hash,
    pub idp: String,
    pub at: Timestamp,
}

impl Operation for TakeSignin {
    type Output = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let taken: Option<(Hash,)> = tx
            .optional(
                "DELETE FROM signins WHERE hash = $1 AND browser = $2 AND idp = $3 AND expires_at > $4
                 RETURNING hash",
                (self.state, self.browser, &self.idp, self.at),
            )
            .await?;
        Ok(taken.is_some())
    }
}

impl FromRow for (Signin, Timestamp) {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok((Signin::from_row(row)?, row.take()?))
    }
}

impl FromRow for Signin {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            browser: row.take()?,
            idp: row.take()?,
            return_to: row.take()?,
            secret: row.take()?,
        })
    }
}

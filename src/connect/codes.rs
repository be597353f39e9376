//! Codes, a mechanism several dialects share: a code is redeemed once, by whoever proves the challenge.
use super::{IssuedKey, Journey};
use crate::{
    model::{Code, Dialect, Method, Proof, UserId},
    store::{
        self,
        codes::{RedeemCode, Redeemed},
        grants::Cap,
    },
    web::ClientAddress,
};

/// What a redeemer presents.
pub struct Redemption<'a> {
    pub code: &'a str,
    pub verifier: Option<&'a str>,
    /// The method it says it used, where its contract has it say so.
    pub method: Option<Method>,
    pub address: ClientAddress,
}

/// Read by a program; each dialect has its own words for it.
#[derive(Debug)]
pub enum BadCode {
    /// Forged, expired, spent, or another dialect's; or whoever allowed it counts no more.
    Unknown,
    WrongProof,
    WrongMethod,
    TooManyKeys,
    /// So many seconds to wait.
    TooOften(i64),
    /// Nothing is used up.
    Trouble(store::Error),
}

impl Journey {
    /// The key is made here: until now none existed that could leak.
    pub async fn redeem(
        &self,
        dialect: Dialect,
        shown: &Redemption<'_>,
    ) -> Result<IssuedKey, BadCode> {
        self.throttles.redeemed.count(shown.address.place()).map_err(BadCode::TooOften)?;
        let at = self.clock.now();
        let (secret, key) = self.secret(at);
        let redeem = RedeemCode {
            code: Code::presented(shown.code).hash(),
            dialect,
            proof: Proof::parse(shown.verifier).unwrap_or(Proof::NONE),
            method: shown.method,
            key,
            cap: Cap(self.settings.max_keys_per_app),
            act: self.act(&UserId::named("nobody"), shown.address, at),
        };
        match self.store.write(redeem).await.map_err(BadCode::Trouble)? {
            Redeemed::Done(granted) => Ok(IssuedKey::new(secret, &granted, at)),
            Redeemed::Unknown => Err(BadCode::Unknown),
            Redeemed::WrongProof => Err(BadCode::WrongProof),
            Redeemed::WrongMethod => Err(BadCode::WrongMethod),
            Redeemed::TooManyKeys => Err(BadCode::TooManyKeys),
        }
    }
}

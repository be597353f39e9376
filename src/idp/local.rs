//! Local accounts: a name and a password of ours.
use crate::{
    config::Signin,
    model::{Identity, Role},
    store::{self, Store, accounts},
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Hashing a password takes 19 MB and tens of milliseconds: so many at a time.
const AT_ONCE: usize = 2;

#[derive(Clone)]
pub struct Local {
    store: Store,
    admin: Option<Arc<(String, crate::config::Secret)>>,
    turns: Arc<Semaphore>,
    /// What a name that nobody has is compared with, so that it takes as long; made when it is first needed.
    nobody: Arc<OnceLock<String>>,
}

/// argon2id in PHC form, with the library's own parameters (OWASP's).
#[must_use]
pub fn hash_password(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .expect("the default parameters are valid and the system has chance")
        .to_string()
}

const SHORTEST: usize = 12;
const LONGEST: usize = 1024;

/// Why a new password will not do, wherever it is chosen.
#[must_use]
pub fn wrong_with(password: &str) -> Option<&'static str> {
    match password.chars().count() {
        ..SHORTEST => Some("Use at least 12 characters."),
        SHORTEST..=LONGEST => None,
        _ => Some("Use at most 1024 characters."),
    }
}

impl Local {
    #[must_use]
    pub fn new(store: Store, signin: &Signin) -> Self {
        Self {
            store,
            admin: signin.admin.clone().map(Arc::new),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            nobody: Arc::default(),
        }
    }

    /// Whether a form makes sense.
    pub async fn is_used(&self) -> Result<bool, store::Error> {
        Ok(self.admin.is_some() || self.store.read(accounts::AnyAccount).await?)
    }

    /// Who this is. `None`: no such name, or not its password; nobody learns which.
    pub async fn identify(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Option<Identity>, store::Error> {
        if let Some(admin) = &self.admin
            && admin.0 == username
        {
            let right = admin.1.is(password);
            return Ok(right.then(|| identity(username, Some(Role::ProxyAdmin))));
        }
        let stored =
            self.store.read(accounts::PasswordOf { username: username.to_owned() }).await?;
        let known = stored.is_some();
        let nobody = self.nobody.clone();
        let password = password.to_owned();
        let turn = self.turns.acquire().await;
        let right = tokio::task::spawn_blocking(move || {
            let hash =
                stored.unwrap_or_else(|| nobody.get_or_init(|| hash_password("nobody")).clone());
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        })
        .await;
        drop(turn);
        Ok((known && right.unwrap_or(false)).then(|| identity(username, None)))
    }
}

/// Its e-mail and role are already with the user, and stay.
fn identity(username: &str, role: Option<Role>) -> Identity {
    Identity {
        issuer: accounts::ISSUER.into(),
        subject: username.to_owned(),
        email: None,
        verified: false,
        name: None,
        groups: None,
        role,
        tenant: None,
        claims: serde_json::Map::new(),
    }
}

//! One trip of a browser to a provider and back.
use crate::{
    config::{self, Keyring},
    model::{Binding, CodeVerifier, Hash, State},
};

/// Nonce and verifier are derived from the binding cookie, the state and `server.secret`, and stored nowhere:
/// whoever has the table has neither, and whoever has the link has not the cookie (rows C8, C9).
pub struct Leg {
    state: State,
    nonce: String,
    verifier: CodeVerifier,
    /// Absolute, under `server.base_url`.
    redirect_uri: String,
}

impl Leg {
    /// `secret` names the one of ours it was begun with. `None`: that one counts no more.
    #[must_use]
    pub fn new(
        keyring: &Keyring,
        secret: Hash,
        binding: &Binding,
        state: State,
        redirect_uri: String,
    ) -> Option<Self> {
        let derive = |purpose: &[u8]| {
            let of =
                [purpose, b"\0", binding.expose().as_bytes(), b"\0", state.expose().as_bytes()];
            keyring.derive(secret.0, &of)
        };
        let verifier = CodeVerifier::new(derive(b"verifier")?);
        let nonce = CodeVerifier::new(derive(b"nonce")?).expose().to_owned();
        Some(Self { state, nonce, verifier, redirect_uri })
    }

    pub(super) fn address(
        &self,
        endpoint: &str,
        idp: &config::Idp,
        prompt: Option<&str>,
    ) -> String {
        let scope = idp.scopes.join(" ");
        let challenge = self.verifier.challenge();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", idp.client_id.as_str()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", scope.as_str()),
            ("state", self.state.expose()),
            ("nonce", self.nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("response_mode", "query"),
        ]);
        if let Some(prompt) = prompt {
            query.append_pair("prompt", prompt);
        }
        let join = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{join}{}", query.finish())
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}

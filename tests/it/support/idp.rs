//! A small true OpenID provider: discovery, JWKS, signed tokens, PKCE; and switches for its faults.
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

use super::providers::{self, GitHub, Graph};

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    BadSignature,
    WrongNonce,
    WrongIssuer,
    WrongAudience,
    Expired,
    TextExpiry,
    NoExpiry,
    FromTheFuture,
    UnknownKid,
    Unsigned,
    SharedSecret,
    WrongAtHash,
    OtherUserinfo,
    /// The token endpoint answers 500.
    Down,
    /// Nothing answers, discovery included.
    Gone,
    /// The person says no there.
    Denies,
    Slow,
}

#[derive(Clone)]
pub(crate) struct Idp {
    pub(crate) url: String,
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(super) url: Mutex<String>,
    hands: Arc<AtomicI64>,
    pub(crate) state: Mutex<Known>,
    keys: [(EncodingKey, Value); 2],
}

/// What the test sees and sets.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) fault: Fault,
    pub(crate) claims: Value,
    /// The query of the last authorization request.
    pub(crate) asked: HashMap<String, String>,
    pub(super) codes: HashMap<String, HashMap<String, String>>,
    pub(crate) graph: Graph,
    pub(crate) github: GitHub,
    pub(crate) redeemed: usize,
    pub(crate) jwks_reads: usize,
    pub(crate) discoveries: usize,
    /// Which of two keys signs; both are published once it is the second.
    pub(crate) key: usize,
    pub(crate) extra_metadata: Value,
    /// The client is registered with another redirect URI.
    pub(crate) refuses_redirect: bool,
    pub(crate) says_iss: bool,
    /// All that is known of a person is in the `id_token`.
    pub(crate) whole: bool,
    /// What its clock says.
    pub(crate) date: Option<String>,
}

impl Idp {
    pub(crate) async fn start(hands: Arc<AtomicI64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            url: Mutex::new(url.clone()),
            hands,
            state: Mutex::default(),
            keys: [key("one"), key("two")],
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/jwks", get(jwks))
            .route("/userinfo", get(userinfo))
            .merge(providers::routes())
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let idp = Self { url, inner };
        idp.person("ada");
        idp
    }

    /// Who is signed in there.
    pub(crate) fn person(&self, subject: &str) {
        let email = format!("{subject}@acme.example");
        self.claims(
            json!({"sub": subject, "email": email, "email_verified": true, "name": subject}),
        );
    }

    pub(crate) fn claims(&self, claims: Value) {
        self.inner.state.lock().unwrap().claims = claims;
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.inner.state.lock().unwrap().fault = fault;
    }

    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        self.inner.state.lock().unwrap().asked.get(name).cloned()
    }
}

fn key(kid: &str) -> (EncodingKey, Value) {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let der = document.as_ref();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let jwk = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
        "x": part(1..33), "y": part(33..65)});
    (EncodingKey::from_ec_der(der), jwk)
}

pub(super) type Shared = State<Arc<Inner>>;

async fn discovery(State(idp): Shared) -> Response {
    let url = idp.url.lock().unwrap().clone();
    let mut known = idp.state.lock().unwrap();
    known.discoveries += 1;
    if known.fault == Fault::Gone {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut metadata = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "userinfo_endpoint": format!("{url}/userinfo"),
    });
    if let Some(more) = known.extra_metadata.as_object() {
        metadata.as_object_mut().unwrap().extend(more.clone());
    }
    Json(metadata).into_response()
}

pub(super) async fn authorize(
    State(idp): Shared,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let code = format!("code-{}", asked["state"]);
    let mut known = idp.state.lock().unwrap();
    known.asked.clone_from(&asked);
    if known.refuses_redirect {
        return (StatusCode::BAD_REQUEST, "Invalid parameter: redirect_uri").into_response();
    }
    let date: Vec<_> = known.date.iter().map(|date| ("date", date.clone())).collect();
    let answer = |to: &str| (AppendHeaders(date), Redirect::to(to)).into_response();
    let (to, state) = (&asked["redirect_uri"], &asked["state"]);
    if known.fault == Fault::Denies {
        let words = "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E";
        return answer(&format!("{to}?{words}&state={state}"));
    }
    known.codes.insert(code.clone(), asked.clone());
    // RFC 9207.
    let iss = format!("&iss={}", idp.url.lock().unwrap());
    let iss = if known.says_iss { iss } else { String::new() };
    answer(&format!("{to}?code={code}&state={state}{iss}"))
}

async fn token(
    State(idp): Shared,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let fault = idp.state.lock().unwrap().fault;
    if fault == Fault::Slow {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    if fault == Fault::Down {
        return (StatusCode::INTERNAL_SERVER_ERROR, "provider: secret words").into_response();
    }
    let basic = headers["authorization"].to_str().unwrap().to_owned();
    assert_eq!(basic, "Basic Z2F0ZWtleTpodXNo", "client_secret_basic is the default");
    let Some(asked) = idp.state.lock().unwrap().codes.remove(&form["code"]) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if proof != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let issuer = idp.url.lock().unwrap().clone();
    let whole = idp.state.lock().unwrap().whole;
    let id_token = idp.id_token(fault, &asked["nonce"], (&issuer, "idp-access-token"), whole);
    idp.state.lock().unwrap().redeemed += 1;
    Json(json!({"access_token": "idp-access-token", "token_type": "Bearer", "id_token": id_token}))
        .into_response()
}

impl Inner {
    /// `whole`: with all that is known of the person, as providers without a userinfo endpoint do.
    pub(super) fn id_token(
        &self,
        fault: Fault,
        nonce: &str,
        (issuer, access_token): (&str, &str),
        whole: bool,
    ) -> String {
        let now = self.hands.load(Ordering::SeqCst);
        let known = self.state.lock().unwrap();
        let hash = Sha256::digest(access_token);
        let mut claims = json!({
            "iss": issuer, "sub": known.claims["sub"], "aud": "gatekey",
            "exp": now + 300, "iat": now, "nonce": nonce,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash[..16]),
        });
        if whole {
            let all = known.claims.as_object().unwrap().clone();
            claims.as_object_mut().unwrap().extend(all);
        }
        match fault {
            Fault::WrongNonce => claims["nonce"] = json!("another"),
            Fault::WrongIssuer => claims["iss"] = json!("https://evil.example"),
            Fault::WrongAudience => claims["aud"] = json!(["gatekey", "another"]),
            Fault::Expired => claims["exp"] = json!(now - 120),
            Fault::TextExpiry => claims["exp"] = json!("never"),
            Fault::NoExpiry => drop(claims.as_object_mut().unwrap().remove("exp")),
            Fault::FromTheFuture => claims["iat"] = json!(now + 3600),
            Fault::WrongAtHash => claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
            _ => {}
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(if known.key == 0 { "one" } else { "two" }.into());
        let mut key = &self.keys[known.key].0;
        let shared = EncodingKey::from_secret(b"hush");
        match fault {
            Fault::UnknownKid => header.kid = Some("three".into()),
            Fault::BadSignature => key = &self.keys[1 - known.key].0,
            Fault::SharedSecret => {
                header.alg = Algorithm::HS256;
                key = &shared;
            }
            Fault::Unsigned => {
                let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
                return format!("{}.{}.", part(json!({"alg": "none"})), part(claims));
            }
            _ => {}
        }
        encode(&header, &claims, key).unwrap()
    }
}

pub(super) async fn jwks(State(idp): Shared) -> Json<Value> {
    let mut known = idp.state.lock().unwrap();
    known.jwks_reads += 1;
    let keys: Vec<_> = idp.keys.iter().take(known.key + 1).map(|(_, jwk)| jwk).collect();
    Json(json!({"keys": keys}))
}

async fn userinfo(State(idp): Shared, headers: HeaderMap) -> Response {
    if headers["authorization"] != "Bearer idp-access-token" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let known = idp.state.lock().unwrap();
    let mut claims = known.claims.clone();
    if known.fault == Fault::OtherUserinfo {
        claims["sub"] = json!("somebody else");
    }
    Json(claims).into_response()
}

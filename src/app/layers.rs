//! What every request passes: it gets a name, a page is asked for under our own host, an answer is logged.
use crate::{
    guard::KEY_HEADERS,
    proxy::Metrics,
    web::{ClientAddress, Peer, RequestId, Site, X_REQUEST_ID},
    world::Entropy,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::time::Instant;

#[derive(Clone)]
pub(super) struct Door {
    site: Site,
    entropy: Entropy,
    metrics: Metrics,
    /// Whether the log has heard of a proxy we do not trust.
    told: Arc<AtomicBool>,
}

/// A browser that was sent to our host comes back under another one: a proxy rewrites it. Once is enough.
const MOVED: &str = "gatekey_moved";
const CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");

impl Door {
    pub(super) fn new(site: Site, entropy: Entropy, metrics: Metrics) -> Self {
        Self { site, entropy, metrics, told: Arc::default() }
    }
}

pub(super) async fn door(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new(door.entropy.draw());
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = now();
    let response = if let Some(moved) = home(&door.site, &request) {
        moved
    } else if method == Method::HEAD && path != "/" && is_page(&path) {
        // A page that does something when it is gone to does nothing when somebody only looks.
        (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response()
    } else {
        let (parts, body) = request.into_parts();
        door.tell_of_a_proxy(&parts.headers, parts.extensions.get());
        let address = ClientAddress::of(&parts, &door.site);
        let response = id.clone().around(next.run(Request::from_parts(parts, body))).await;
        door.log((&method, &path), &response, (&id, address, began));
        response
    };
    dressed(response, &id, &path)
}

fn now() -> Instant {
    Instant::now()
}

/// The same page under our own host, where its cookies are (`base_url`).
fn home(site: &Site, request: &Request) -> Option<Response> {
    let (headers, uri) = (request.headers(), request.uri());
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_page = is_page(uri.path()) && request.method() == Method::GET;
    if !is_page || host.eq_ignore_ascii_case(site.authority()) || was_moved(headers) {
        return None;
    }
    // A key in a header is for a program, which follows no such thing.
    if KEY_HEADERS.iter().any(|name| headers.contains_key(name)) {
        return None;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let to = HeaderValue::from_str(&format!("{}{path}", site.base_url())).ok()?;
    let cookie =
        HeaderValue::from_static("gatekey_moved=1; Path=/; Max-Age=10; HttpOnly; SameSite=Lax");
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

fn was_moved(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::COOKIE)
        .iter()
        .any(|line| line.to_str().is_ok_and(|line| line.contains(MOVED)))
}

/// Pages use cookies; everything else is for programs.
fn is_page(path: &str) -> bool {
    const PAGES: [&str; 14] = [
        "/login",
        "/fallback/",
        "/sso/",
        "/connect",
        "/logout",
        "/setup/",
        "/keys/",
        "/ui",
        "/people",
        "/password",
        "/reset/",
        "/apps",
        "/auth",
        "/oauth/authorize",
    ];
    // A terminal asks there.
    let programs = path.starts_with("/sso/cli/");
    path == "/"
        || path == "/spend"
        || (!programs && PAGES.iter().any(|page| path.starts_with(page)))
}

fn dressed(mut response: Response, id: &RequestId, path: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id.header());
    if route(path) == "models" {
        headers.insert(CALL_ID, id.header());
    }
    response
}

impl Door {
    /// Never the query: a key may stand there.
    fn log(
        &self,
        (method, path): (&Method, &str),
        response: &Response,
        (id, address, began): (&RequestId, ClientAddress, Instant),
    ) {
        let status = response.status().as_u16();
        self.metrics.answered(route(path), status);
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let path = shown(path);
        let id = id.as_str();
        if response.status().is_server_error() {
            tracing::warn!(%method, path, status, ms, id, client = %address.0, "answered");
        } else {
            tracing::info!(%method, path, status, ms, id, client = %address.0, "answered");
        }
    }

    /// Behind a proxy that is not in `trusted_proxies` everybody shares one address.
    fn tell_of_a_proxy(&self, headers: &HeaderMap, peer: Option<&Peer>) {
        let Some(Peer(peer)) = peer.filter(|_| headers.contains_key("x-forwarded-for")) else {
            return;
        };
        if !self.site.trusts(peer.ip()) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %peer.ip(),
                "a proxy sends X-Forwarded-For and is not in server.trusted_proxies: everybody behind it \
                 shares one address, and one limit on wrong passwords"
            );
        }
    }
}

/// A path for the log: handles, tokens and keys in it are secrets.
fn shown(path: &str) -> String {
    let secret = |word: &str| word.len() > 20 || word.starts_with("sk-");
    let hidden = |word| if secret(word) { "…" } else { word };
    path.split('/').take(12).map(hidden).collect::<Vec<_>>().join("/")
}

/// Few names, whatever is asked for: a label must not grow with its callers.
fn route(path: &str) -> &'static str {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let word = path.split('/').nth(1).unwrap_or_default();
    match word {
        "chat" | "messages" | "models" | "model" | "model_group" | "api" | "completions"
        | "responses" | "embeddings" | "images" | "audio" | "rerank" | "moderations" | "openai" => {
            "models"
        }
        "spend" if path == "/spend" => "pages",
        "key" | "user" | "team" | "audit" | "x" | "budget" | "app" | "spend" | "global" => "manage",
        "sso" | "auth" | "oauth" | "login" | "logout" | "connect" | "setup" | "fallback"
        | "password" | "reset" => "sign-in",
        "health" | "metrics" => "health",
        "" | "keys" | "apps" | "people" | "assets" | "ui" => "pages",
        _ => "other",
    }
}

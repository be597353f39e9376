//! Owns what pages and routes share: which browser, who is signed in, from which address, how a page is
//! answered, how a browser is sent away. Never here: a decision about keys, or a page of its own but the one
//! that says what went wrong.
mod address;
mod browser;
mod cookie;
mod cors;
mod page;
mod query;
mod request_id;
mod send;
mod session;
mod site;
mod throttle;

pub use address::{ClientAddress, Peer};
pub use browser::Browser;
pub use cors::LinkCors;
pub use page::{Page, Problem};
pub use query::{BadQuery, PageForm, pairs, query};
pub use request_id::{RequestId, X_REQUEST_ID};
pub use send::{Copy, no_store, oauth_error, see_other, send};
pub use session::{NoSession, Session};
pub use site::Site;
pub use throttle::{Limit, Throttle};

use axum::http::HeaderMap;

/// Whether the browser says that a page of ours sent this (Fetch Metadata). Never `Origin`: under
/// `no-referrer` it is `null`. Browsers too old to say so are held by the handle and the cookie.
#[must_use]
pub fn is_from_us(headers: &HeaderMap) -> bool {
    says(headers, "sec-fetch-site", &["same-origin", "none"])
}

/// Whether a person went here, and no script, image or prefetch did.
#[must_use]
pub fn is_navigation(headers: &HeaderMap) -> bool {
    let prefetch = headers
        .get("sec-purpose")
        .and_then(|said| said.to_str().ok())
        .is_some_and(|said| said.contains("prefetch"));
    says(headers, "sec-fetch-mode", &["navigate"])
        && says(headers, "sec-fetch-dest", &["document"])
        && !prefetch
}

fn says(headers: &HeaderMap, name: &str, good: &[&str]) -> bool {
    headers.get(name).is_none_or(|said| good.iter().any(|word| said == word))
}

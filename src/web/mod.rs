//! Owns what pages and routes share: which browser, who is signed in, from which address, how a page is
//! answered, how a browser is sent away. Never here: a decision about keys, or a page of its own but the one
//! that says what went wrong.
mod address;
mod browser;
mod cookie;
mod cors;
mod csv;
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
pub use csv::csv;
pub use page::{Page, Problem};
pub use query::{BadQuery, PageForm, pairs, query};
pub use request_id::{RequestId, X_REQUEST_ID};
pub use send::{Copy, News, no_store, numbered_error, oauth_error, see_other, send};
pub use session::{NoSession, Session};
pub use site::Site;
pub use throttle::{Limit, Throttle};

use axum::http::{HeaderMap, header};

/// Whether the browser says that a page of ours sent this (Fetch Metadata). One too old to say so may send an
/// `Origin`: another site's is refused, but none is required, since under `no-referrer` it is `null`.
#[must_use]
pub fn is_from_us(headers: &HeaderMap) -> bool {
    if headers.contains_key("sec-fetch-site") {
        return says(headers, "sec-fetch-site", &["same-origin", "none"]);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_none_or(|origin| {
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        origin == "null" || authority.eq_ignore_ascii_case(host)
    })
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

//! The ways between the pages of signing in.
use crate::{model::OwnPath, web::Problem};

/// Where a person goes after signing in: a path of ours, else the account page (row C12).
pub(super) fn own_path(text: Option<String>) -> OwnPath {
    text.and_then(|text| OwnPath::try_from(text).ok()).unwrap_or_else(|| OwnPath::fixed("/"))
}

pub(super) fn login_path(return_to: &OwnPath, switch: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("return_to", return_to.as_str());
    if switch {
        query.append_pair("switch", "true");
    }
    format!("/login?{}", query.finish())
}

/// The way to a provider, for its button and for "Try again".
pub(super) fn sso_path(idp: &str, return_to: &OwnPath) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("idp", idp).append_pair("return_to", return_to.as_str());
    format!("/sso/login?{}", query.finish())
}

/// An app may be waiting: it hears that the person gave up only by the person's own click.
pub(super) fn with_the_way_back(page: Problem, return_to: &OwnPath) -> Problem {
    let path = return_to.as_str().split('?').next().unwrap_or_default();
    match path.strip_prefix("/connect/").filter(|handle| !handle.contains('/')) {
        Some(handle) => page.with_way("Back to the app", format!("/connect/{handle}/leave")),
        None => page,
    }
}

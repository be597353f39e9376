//! A running Gatekey, and those around it: a browser, a provider that signs people in, an upstream.
mod browser;
mod database;
mod doors;
mod gate;
mod idp;
mod packed;
mod providers;
mod trouble;
mod upstream;
mod upstream_routes;

pub(crate) use browser::{Browser, Form, Seen};
pub(crate) use database::database;
pub(crate) use doors::{ALL_DIALECTS, Door, Ticket, VERIFIER, challenge};
pub(crate) use gate::{Gate, MASTER_KEY, rand};
pub(crate) use idp::{Fault, Idp};
pub(crate) use providers::TENANT;
pub(crate) use trouble::{Slow, Wire};
pub(crate) use upstream::Upstream;

pub(crate) const LINK: &str = "/sso/key/generate?response_type=oauth_token";
pub(crate) const EDITOR: &str = "vscode://RooVeterinaryInc.roo-cline/litellm";

/// Asks again until it holds, for ten seconds: for what another task or process does in its own time, on a
/// machine that may be busy.
pub(crate) async fn soon<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds: {what}");
}

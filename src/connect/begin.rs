//! An app's request is stored and bound to the browser that brought it; and begun anew when it expired.
use super::{Journey, Refusal};
use crate::{
    model::{ConnectRequest, Dialect, Handle, ReturnAddress, redirect},
    store::requests::{RenewRequest, RequestOf, SaveRequest},
    web::{self, BadQuery, Browser, ClientAddress},
};
use axum::response::Response;

impl Journey {
    /// Whether the admin serves this dialect.
    pub(super) fn serves(&self, dialect: Dialect) -> Result<(), Refusal> {
        let served = self.settings.serves(dialect.0);
        served.then_some(()).ok_or(Refusal::NotServed("connect.dialects"))
    }

    /// A `callback_url`, judged.
    pub(super) fn callback(&self, text: &str) -> Result<ReturnAddress, Refusal> {
        self.settings.redirects.judge(text).map_err(|refusal| match refusal {
            redirect::Refusal::Policy(setting) => Refusal::NotServed(setting),
            redirect::Refusal::Invalid(why) => {
                BadQuery(why.to_string().replace("redirect_uri", "callback_url").into()).into()
            }
        })
    }

    /// Stores the request; the answer's page is `/connect/{handle}`.
    pub async fn begin(
        &self,
        dialect: Dialect,
        browser: &Browser,
        address: ClientAddress,
        request: ConnectRequest,
    ) -> Result<Handle, Refusal> {
        self.throttles.begun.count(address.place()).map_err(Refusal::TooOften)?;
        let handle = Handle::new(self.entropy.draw());
        let ends = request.ends(self.clock.now());
        let row = SaveRequest {
            handle: handle.hash(),
            browser: browser.hash(),
            dialect,
            request,
            expires_at: ends,
        };
        self.store.write(row).await?;
        Ok(handle)
    }

    /// The same request for another quarter of an hour. What its dialect waits for may be over.
    pub async fn renew(&self, browser: &Browser, handle: &Handle) -> Result<Response, Refusal> {
        let waiting = self.store.read(RequestOf { handle: handle.hash() }).await?;
        let row = waiting.filter(|w| browser.bound(w.browser).is_some()).ok_or(Refusal::NotHere)?;
        let (fresh, at) = (Handle::new(self.entropy.draw()), self.clock.now());
        let ends = row.request.ends(at);
        if ends <= at {
            return Err(Refusal::NotWaiting);
        }
        let renew = RenewRequest {
            handle: handle.hash(),
            browser: row.browser,
            fresh: fresh.hash(),
            at,
            expires_at: ends,
        };
        let known = self.store.write(renew).await?;
        let page = fresh.page();
        known.then(|| web::see_other(&page)).ok_or(Refusal::NotHere)
    }
}

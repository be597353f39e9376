//! An app's request is stored and bound to the browser that brought it; and begun anew when it expired.
use super::{Journey, Refusal};
use crate::{
    model::{ConnectRequest, Dialect, Handle},
    store::requests::{RenewRequest, RequestOf, SaveRequest},
    web::{self, Browser, ClientAddress},
};
use axum::response::Response;

impl Journey {
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
        let row = SaveRequest {
            handle: handle.hash(),
            browser: browser.hash(),
            dialect,
            request,
            expires_at: self.clock.now().plus(ConnectRequest::SECONDS),
        };
        self.store.write(row).await?;
        Ok(handle)
    }

    /// The same request for another quarter of an hour. What its dialect waits for may be over.
    pub async fn renew(&self, browser: &Browser, handle: &Handle) -> Result<Response, Refusal> {
        let waiting = self.store.read(RequestOf { handle: handle.hash() }).await?;
        let row = waiting.filter(|w| browser.bound(w.browser).is_some()).ok_or(Refusal::NotHere)?;
        let (fresh, at) = (Handle::new(self.entropy.draw()), self.clock.now());
        let renew = RenewRequest {
            handle: handle.hash(),
            browser: row.browser,
            fresh: fresh.hash(),
            at,
            expires_at: at.plus(ConnectRequest::SECONDS),
        };
        let known = self.store.write(renew).await?;
        let page = format!("/connect/{}", fresh.expose());
        known.then(|| web::see_other(&page)).ok_or(Refusal::NotHere)
    }
}

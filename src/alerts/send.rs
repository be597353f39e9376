//! Sends alerts, one after the other, with back-off: slow or dead targets cost nothing but the news.
use super::{Inner, sign};
use crate::{
    config,
    model::Timestamp,
    store::{
        self, Store,
        alerts::{AlertsWaiting, Due, NoteAlert, TakeDueAlerts},
    },
    world::{Clock, Outbound, Trouble},
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{Either, Full};
use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The specification advises 15 to 30 seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longer than an attempt takes: then another server may try.
const LEASE: i64 = 90;
/// What is due is looked for so often.
const LOOK: Duration = Duration::from_secs(1);
/// So few that a lease outlives them all.
const AT_ONCE: i64 = 3;
/// Seconds before each further attempt; after the last it is given up: about a day and a half.
const PAUSES: [i64; 9] = [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 57_600];

pub(super) struct Sender {
    pub(super) config: config::Alerts,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) outbound: Outbound,
    pub(super) of: Weak<Inner>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Arrived(StatusCode),
    Refused(StatusCode),
    Trouble(Trouble),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Arrived(status) | Self::Refused(status) => write!(f, "it answered {status}"),
            Self::Trouble(trouble) => write!(f, "it {trouble}"),
        }
    }
}

/// One attempt. Any answer of 2xx has arrived; a redirect is never followed.
pub async fn send(
    outbound: &Outbound,
    config: &config::Alerts,
    (id, body): (&str, &str),
    now: Timestamp,
) -> Outcome {
    let request = Request::post(&config.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("gatekey/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", now.0)
        .header("webhook-signature", sign::signature(&config.secret, id, now, body))
        .body(Either::Left(Full::new(Bytes::copy_from_slice(body.as_bytes()))));
    let Ok(request) = request else { return Outcome::Trouble(Trouble::Unreachable) };
    match outbound.send(request, PATIENCE).await {
        Ok(answer) if answer.status().is_success() => Outcome::Arrived(answer.status()),
        Ok(answer) => Outcome::Refused(answer.status()),
        Err(trouble) => Outcome::Trouble(trouble),
    }
}

impl Sender {
    /// As long as the server runs; what is not sent then is sent after the next start.
    pub(super) async fn run(self, new: Arc<Notify>, closing: CancellationToken) {
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = new.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            match self.round().await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::error!(
                        "alerts.url answers 410 Gone: nothing more is sent until the next start; alerts are kept"
                    );
                    return;
                }
                Err(error) => tracing::warn!(%error, "alerts cannot be read"),
            }
        }
    }

    /// All that is due. `false`: the target is gone for good.
    async fn round(&self) -> Result<bool, store::Error> {
        let now = self.clock.now();
        let (waiting, any) = self.store.read(AlertsWaiting { at: now }).await?;
        self.count(|inner| {
            let waiting = u64::try_from(waiting).unwrap_or(0);
            inner.counts.waiting.store(waiting, Ordering::Relaxed);
        });
        if !any {
            return Ok(true);
        }
        let take = TakeDueAlerts { at: now, until: now.plus(LEASE), most: AT_ONCE };
        for due in self.store.write(take).await? {
            if !self.attempt(due).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn attempt(&self, due: Due) -> Result<bool, store::Error> {
        let Due { id, kind, body, tries } = due;
        let outcome = send(&self.outbound, &self.config, (&id, &body), self.clock.now()).await;
        let now = self.clock.now();
        let gone = outcome == Outcome::Refused(StatusCode::GONE);
        let mut note = NoteAlert { id, tries, next_at: None, told_at: None };
        if let Outcome::Arrived(_) = outcome {
            note.told_at = Some(now);
            self.count(|inner| _ = inner.counts.sent.fetch_add(1, Ordering::Relaxed));
        } else {
            self.count(|inner| _ = inner.counts.failed.fetch_add(1, Ordering::Relaxed));
            let pause = usize::try_from(tries - 1).ok().and_then(|tried| PAUSES.get(tried));
            note.next_at = pause.map(|pause| now.plus(*pause));
            let again = note.next_at.map(Timestamp::rfc3339);
            tracing::warn!(kind, %outcome, tries, again, "an alert did not arrive");
            if again.is_none() {
                self.count(|inner| _ = inner.counts.given_up.fetch_add(1, Ordering::Relaxed));
            }
        }
        self.store.write(note).await?;
        Ok(!gone)
    }

    fn count(&self, how: impl FnOnce(&Inner)) {
        if let Some(inner) = self.of.upgrade() {
            how(&inner);
        }
    }
}

//! The way of a call's usage into its table: a bounded queue, written in batches.
//!
//! A call takes its slot before it leaves for the upstream, so that a full queue slows calls down and never
//! loses a row. Here and not in `store::usage`, because this runs as long as the server does.
use super::{Error, Store, usage::RecordUsage};
use crate::{
    model::{Hash, KeyId, Timestamp, Tokens},
    world::Entropy,
};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

const WAITING: usize = 8192;
const BATCH: usize = 512;

#[derive(Clone)]
pub struct Books(mpsc::Sender<Item>);

enum Item {
    Call(Tokens),
    Touch(KeyId, Timestamp),
    /// Everything before it is on disk when it is answered.
    Mark(oneshot::Sender<()>),
}

/// A call's place in the queue.
pub struct Slot(mpsc::OwnedPermit<Item>);

impl Slot {
    pub fn book(self, tokens: Tokens) {
        self.0.send(Item::Call(tokens));
    }
}

impl Books {
    /// Opens the books; the task that writes them ends when the last copy is dropped.
    #[must_use]
    pub fn open(store: Store, entropy: Entropy) -> Self {
        let (sender, items) = mpsc::channel(WAITING);
        tokio::spawn(keep(store, entropy, items));
        Self(sender)
    }

    /// A place for one call. Waits while the queue is full; not for ever.
    pub async fn slot(&self) -> Result<Slot, Error> {
        let wait = tokio::time::timeout(super::PATIENCE, self.0.clone().reserve_owned());
        match wait.await {
            Ok(Ok(permit)) => Ok(Slot(permit)),
            _ => Err(Error::Unavailable("the usage queue is full".into())),
        }
    }

    /// Notes that a key was used without a call being booked. Not worth waiting for.
    pub fn touch(&self, key: KeyId, at: Timestamp) {
        let _ = self.0.try_send(Item::Touch(key, at));
    }

    /// Waits until all that was booked before is on disk; whether it is, within that time.
    pub async fn settled(&self, within: Duration) -> bool {
        let (mark, reached) = oneshot::channel();
        let wait = async { self.0.send(Item::Mark(mark)).await.is_ok() && reached.await.is_ok() };
        tokio::time::timeout(within, wait).await.unwrap_or(false)
    }

    /// How many rows may still be taken before calls must wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        WAITING - self.0.capacity()
    }
}

async fn keep(store: Store, entropy: Entropy, mut items: mpsc::Receiver<Item>) {
    let mut batch = Vec::new();
    while items.recv_many(&mut batch, BATCH).await > 0 {
        let (mut calls, mut touched, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for item in batch.drain(..) {
            match item {
                Item::Call(tokens) => calls.push(tokens),
                Item::Touch(key, at) => touched.push((key, at)),
                Item::Mark(mark) => marks.push(mark),
            }
        }
        if !calls.is_empty() || !touched.is_empty() {
            write(&store, Hash(entropy.draw()), &calls, &touched).await;
        }
        for mark in marks {
            let _ = mark.send(());
        }
    }
}

/// Until it stands. While it does not, the queue fills and calls wait: back-pressure, never a lost row.
async fn write(store: &Store, id: Hash, calls: &[Tokens], touched: &[(KeyId, Timestamp)]) {
    let mut pause = Duration::from_millis(50);
    loop {
        match store.write(RecordUsage::new(id, calls.to_vec(), touched.to_vec())).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, rows = calls.len(), "usage could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}

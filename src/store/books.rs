//! The way of a call into the books: a journal, a bounded queue, and batches.
//!
//! A call takes its slot before it leaves for the upstream, so that a full queue slows calls down and never
//! loses a row. Here and not in `store::usage`, because this runs as long as the server does.
use super::{
    Error, Operation, Store, Tx,
    journal::{Journal, Place},
    usage::RecordUsage,
};
use crate::{
    model::{Charge, ChargeId, KeyId, Timestamp},
    world::Entropy,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

const BATCH: usize = 512;

#[derive(Clone)]
pub struct Books {
    queue: mpsc::Sender<Item>,
    most: usize,
    names: Arc<Names>,
}

/// What names rows, and where they are written first.
struct Names {
    process: u64,
    count: AtomicU64,
    journal: Option<Journal>,
}

enum Item {
    Row(Box<(ChargeId, Charge)>, Option<Place>),
    Touch(KeyId, Timestamp),
    /// Everything before it is on disk when it is answered.
    Mark(oneshot::Sender<()>),
}

/// A call's place in the queue.
pub struct Slot {
    permit: mpsc::OwnedPermit<Item>,
    names: Arc<Names>,
}

/// Why the books cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(
        "server.journal = {0}: {1}; name a folder that this process may write, or \"off\" (then calls that are not \
         yet in the database are lost at a crash)"
    )]
    Journal(String, std::io::Error),
}

impl Slot {
    /// In the journal when this returns.
    pub fn book(self, charge: Charge) {
        let count = self.names.count.fetch_add(1, Ordering::Relaxed);
        let id = ChargeId::new(charge.at, count, self.names.process);
        let journal = self.names.journal.as_ref();
        let place = journal.and_then(|journal| journal.append(&id, &charge));
        self.permit.send(Item::Row(Box::new((id, charge)), place));
    }
}

impl Books {
    /// Opens the books, after whatever a crash has left in the journal is in them. The task that writes them ends
    /// when the last copy is dropped.
    pub async fn open(
        store: Store,
        entropy: &Entropy,
        (most, journal): (usize, Option<&Path>),
    ) -> Result<Self, Closed> {
        let process = number(entropy);
        let journal = match journal {
            None => None,
            Some(folder) => Some(replayed(&store, entropy, folder, process).await?),
        };
        let names = Arc::new(Names { process, count: AtomicU64::new(0), journal });
        let (queue, items) = mpsc::channel(most);
        tokio::spawn(keep(store, names.clone(), items));
        Ok(Self { queue, most, names })
    }

    /// A place for one call. Waits while the queue is full; not for ever.
    pub async fn slot(&self) -> Result<Slot, Error> {
        let wait = tokio::time::timeout(super::PATIENCE, self.queue.clone().reserve_owned());
        match wait.await {
            Ok(Ok(permit)) => Ok(Slot { permit, names: self.names.clone() }),
            _ => Err(Error::Unavailable("the usage queue is full".into())),
        }
    }

    /// Notes that a key was used without a call being booked. Not worth waiting for.
    pub fn touch(&self, key: KeyId, at: Timestamp) {
        let _ = self.queue.try_send(Item::Touch(key, at));
    }

    /// Waits until all that was booked before is on disk; whether it is, within that time.
    pub async fn settled(&self, within: Duration) -> bool {
        let (mark, reached) = oneshot::channel();
        let wait =
            async { self.queue.send(Item::Mark(mark)).await.is_ok() && reached.await.is_ok() };
        tokio::time::timeout(within, wait).await.unwrap_or(false)
    }

    /// Whether calls will soon wait: four fifths of the queue are taken.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.waiting().saturating_mul(5) >= self.most.saturating_mul(4)
    }

    /// `server.usage_queue`.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many calls run, or wait to be written; at its most, the next ones must wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.most - self.queue.capacity()
    }
}

fn number(entropy: &Entropy) -> u64 {
    entropy.draw().first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight))
}

/// The journal of this process, once what others have left is in the database.
async fn replayed(
    store: &Store,
    entropy: &Entropy,
    folder: &Path,
    process: u64,
) -> Result<Journal, Closed> {
    let failed = |error| Closed::Journal(folder.display().to_string(), error);
    let name = format!("{:016x}", number(entropy));
    let database = store.write(NameDatabase(name)).await?;
    let journal = Journal::open(folder, &database, process).map_err(failed)?;
    for left in journal.left_behind(&database).map_err(failed)? {
        let rows = left.rows().map_err(failed)?;
        for some in rows.chunks(BATCH) {
            store.write(RecordUsage::new(some.to_vec(), Vec::new())).await?;
        }
        if !rows.is_empty() {
            let file = left.path();
            tracing::info!(rows = rows.len(), %file, "the books have the calls of a process that was killed");
        }
        left.done();
    }
    Ok(journal)
}

/// The name of this database, made at its first start.
struct NameDatabase(String);

impl Operation for NameDatabase {
    type Output = String;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<String, Error> {
        let (name,) = tx
            .one(
                "INSERT INTO about (name, value) VALUES ('database', $1)
                 ON CONFLICT (name) DO UPDATE SET value = about.value RETURNING value",
                (&self.0,),
            )
            .await?;
        Ok(name)
    }
}

/// Written again until it stands.
impl Operation for Arc<RecordUsage> {
    type Output = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        RecordUsage::run(self, tx).await
    }
}

async fn keep(store: Store, names: Arc<Names>, mut items: mpsc::Receiver<Item>) {
    let mut batch = Vec::new();
    while items.recv_many(&mut batch, BATCH).await > 0 {
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        let (mut touched, mut marks) = (Vec::new(), Vec::new());
        for item in batch.drain(..) {
            match item {
                Item::Row(row, place) => {
                    rows.push(*row);
                    places.extend(place);
                }
                Item::Touch(key, at) => touched.push((key, at)),
                Item::Mark(mark) => marks.push(mark),
            }
        }
        if !rows.is_empty() || !touched.is_empty() {
            write(&store, RecordUsage::new(rows, touched)).await;
        }
        if let Some(journal) = &names.journal {
            journal.written(places.into_iter());
        }
        for mark in marks {
            let _ = mark.send(());
        }
    }
}

/// Until it stands. While it does not, the queue fills and calls wait: back-pressure, never a lost row.
async fn write(store: &Store, batch: RecordUsage) {
    let mut pause = Duration::from_millis(50);
    let batch = Arc::new(batch);
    loop {
        match store.write(batch.clone()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, "usage could not be written; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}

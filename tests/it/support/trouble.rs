//! A database in trouble: slow for moments, or not to be reached.
use super::Gate;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Somebody else writes to the database, for long and again and again, until this is dropped.
pub(crate) struct Slow {
    stop: Arc<AtomicBool>,
    task: Option<JoinHandle<u32>>,
}

const HELD: Duration = Duration::from_millis(250);
const FREE: Duration = Duration::from_millis(100);

impl Slow {
    pub(crate) fn database(gate: &Gate) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = match gate.sqlite().map(str::to_owned) {
            Some(file) => tokio::task::spawn_blocking(move || hold_sqlite(&file, &stopped)),
            None => tokio::spawn(hold_postgres(gate.database().to_owned(), stopped)),
        };
        Self { stop, task: Some(task) }
    }

    /// How often it was held.
    pub(crate) async fn stop(mut self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        self.task.take().unwrap().await.unwrap()
    }
}

fn hold_sqlite(file: &str, stop: &AtomicBool) -> u32 {
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    let mut times = 0;
    while !stop.load(Ordering::SeqCst) {
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::sleep(HELD);
        database.execute_batch("COMMIT").unwrap();
        std::thread::sleep(FREE);
        times += 1;
    }
    times
}

async fn hold_postgres(url: String, stop: Arc<AtomicBool>) -> u32 {
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut times = 0;
    while !stop.load(Ordering::SeqCst) {
        client.batch_execute("BEGIN; LOCK TABLE gatekey.calls IN EXCLUSIVE MODE").await.unwrap();
        tokio::time::sleep(HELD).await;
        client.batch_execute("COMMIT").await.unwrap();
        tokio::time::sleep(FREE).await;
        times += 1;
    }
    times
}

/// The way to a server, which can be shut and opened again.
pub(crate) struct Wire {
    address: std::net::SocketAddr,
    open: Arc<std::sync::Mutex<CancellationToken>>,
}

impl Wire {
    /// And the same address by that way; `None`: this is no server.
    pub(crate) async fn to_postgres(database: &str) -> Option<(Self, String)> {
        let rest = database.strip_prefix("postgres://")?;
        let (server, _) = rest.split_once('@')?.1.split_once('/')?;
        let wire = Self::to(server.to_owned()).await;
        let behind = database.replace(server, &wire.address.to_string());
        Some((wire, behind))
    }

    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(std::sync::Mutex::new(CancellationToken::new()));
        let gate = open.clone();
        tokio::spawn(async move {
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                let cut = gate.lock().unwrap().clone();
                if cut.is_cancelled() {
                    continue;
                }
                let server = server.clone();
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    /// What runs is cut, and what comes is refused.
    pub(crate) fn shut(&self) {
        self.open.lock().unwrap().cancel();
    }

    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = CancellationToken::new();
    }
}

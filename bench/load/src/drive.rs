//! The load: so many connections ask as fast as they are answered.
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpStream, time::Instant};

#[derive(Args)]
pub struct Drive {
    port: u16,
    /// A file with a key in each line; they are used in turn, from anywhere in it.
    #[arg(long)]
    keys: PathBuf,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Stops after so many answers instead.
    #[arg(long)]
    calls: Option<usize>,
    /// `paced` or `burst`: what is asked for.
    #[arg(long)]
    stream: Option<String>,
    /// The status that is right.
    #[arg(long, default_value_t = 200)]
    expect: u16,
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    /// Asks with GET.
    #[arg(long)]
    get: bool,
}

#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    calls: AtomicU64,
    bad: AtomicU64,
    events: AtomicU64,
}

impl Drive {
    pub async fn run(self) {
        let keys = std::fs::read_to_string(&self.keys).expect("a file of keys");
        let keys: Arc<Vec<String>> = Arc::new(keys.lines().map(str::to_owned).collect());
        let (drive, seen, began) = (Arc::new(self), Arc::new(Seen::default()), Instant::now());
        let tasks: Vec<_> = (0..drive.connections)
            .map(|_| tokio::spawn(one(drive.clone(), keys.clone(), seen.clone(), began)))
            .collect();
        let mut times: Vec<u32> = Vec::new();
        for task in tasks {
            times.extend(task.await.expect("no connection panics"));
        }
        times.sort_unstable();
        let at = |share: f64| {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            let index = (times.len() as f64 * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or(0)
        };
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        println!(
            "{{\"calls\":{},\"bad\":{},\"events\":{},\"seconds\":{:.3},\"p50\":{},\"p99\":{},\"p999\":{}}}",
            load(&seen.calls),
            load(&seen.bad),
            load(&seen.events),
            began.elapsed().as_secs_f64(),
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }

    fn body(&self) -> String {
        let (what, stream) = (self.stream.as_deref().unwrap_or("plain"), self.stream.is_some());
        let text = format!("{what} {}", "x".repeat(880));
        format!(
            "{{\"model\":\"gpt-4o\",\"stream\":{stream},\"max_tokens\":100,\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}"
        )
    }
}

/// How long each answer took, in microseconds.
async fn one(
    drive: Arc<Drive>,
    keys: Arc<Vec<String>>,
    seen: Arc<Seen>,
    began: Instant,
) -> Vec<u32> {
    let end = Duration::from_secs_f64(drive.seconds);
    let body = if drive.get { Bytes::new() } else { Bytes::from(drive.body()) };
    let mut times = Vec::new();
    let mut sender = connect(drive.port).await;
    loop {
        let number = seen.begun.fetch_add(1, Ordering::Relaxed);
        if drive.calls.map_or(began.elapsed() >= end, |most| number >= most) {
            return times;
        }
        // All of them, in an order that no cache likes; each once where a number of calls is given.
        let at = if drive.calls.is_some() { number } else { number.wrapping_mul(2_654_435_761) };
        let key = &keys[at % keys.len()];
        let method = if drive.get { "GET" } else { "POST" };
        let request = Request::builder()
            .method(method)
            .uri(&drive.path)
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .body(Full::new(body.clone()))
            .expect("a request");
        let asked = Instant::now();
        let Ok(answer) = sender.send_request(request).await else {
            seen.bad.fetch_add(1, Ordering::Relaxed);
            sender = connect(drive.port).await;
            continue;
        };
        let right = answer.status().as_u16() == drive.expect;
        let mut body = answer.into_body();
        let mut events = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { break };
            if let Some(data) = frame.data_ref().filter(|_| drive.stream.is_some()) {
                events += data.windows(2).filter(|two| two == b"\n\n").count() as u64;
            }
        }
        times.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        seen.events.fetch_add(events, Ordering::Relaxed);
        let counter = if right { &seen.calls } else { &seen.bad };
        counter.fetch_add(1, Ordering::Relaxed);
        if sender.ready().await.is_err() {
            sender = connect(drive.port).await;
        }
    }
}

async fn connect(port: u16) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    sender
}

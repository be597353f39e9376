//! `load mock`, `load bare`, `load drive`: see each one's `--help`. Only loopback addresses.
mod bare;
mod drive;
mod mock;

use clap::Parser;

#[derive(Parser)]
enum Verb {
    /// An LLM API: 310 bytes of JSON, or a stream of events, paced or all at once, as the question says.
    Mock { port: u16 },
    /// A proxy on hyper that does nothing else: what a proxy in this language costs at least.
    Bare { port: u16, upstream: u16 },
    /// Asks, and says as JSON how many answers there were and how long they took.
    Drive(drive::Drive),
}

#[tokio::main]
async fn main() {
    match Verb::parse() {
        Verb::Mock { port } => mock::serve(port).await,
        Verb::Bare { port, upstream } => bare::serve(port, upstream).await,
        Verb::Drive(drive) => drive.run().await,
    }
}

/// A body of bytes that may come over time.
type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, hyper::Error>;

//! From a listening socket to the last answer.
use super::App;
use crate::web::Peer;
use axum::{body::Body, extract::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use std::time::Duration;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tower::ServiceExt as _;

/// A connection that sends its head more slowly than this is no caller (row O2).
const HEAD: Duration = Duration::from_secs(30);
/// What is cut gets so long to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often it is looked whether the last call has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long the readiness probe can see that we are stopping, even when nothing runs.
const SEEN: Duration = Duration::from_millis(300);

/// Serves until `app.shutdown.closing`, and then what still runs, for `server.drain` at most. When this
/// returns, everything that was used is booked.
pub async fn serve(listener: TcpListener, app: App) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(HEAD))
        .keep_alive_timeout(HEAD);
    {
        let drained = drained(&app);
        tokio::pin!(drained);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connect(&server, &graceful, &app, (stream, Peer(peer))));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(LOOK).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = &mut drained => break,
            }
        }
    }
    drop(listener);
    if timeout(LAST_WORDS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not close in time");
    }
    // Who does not read any more is let go, so that what was used is booked before we are gone.
    connections.shutdown().await;
    if !app.books.settled(Duration::from_secs(30)).await {
        tracing::error!("not all usage could be written");
    }
}

/// Ends when there is nothing left to wait for. Until then the listener stays open, so that readiness can say
/// that we are stopping.
async fn drained(app: &App) {
    app.shutdown.closing.cancelled().await;
    tokio::time::sleep(SEEN.min(app.drain)).await;
    let idle = async {
        while app.metrics.running() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    if timeout(app.drain, idle).await.is_err() {
        tracing::warn!(running = app.metrics.running(), "server.drain is over: calls are cut");
        app.shutdown.cut.cancel();
        tokio::time::sleep(LAST_WORDS).await;
    }
}

/// One connection, from its first byte on.
fn connect(
    server: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    app: &App,
    (stream, peer): (TcpStream, Peer),
) -> impl Future<Output = ()> + Send + 'static {
    let _ = stream.set_nodelay(true);
    let router = app.router.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let (server, watcher) = (server.clone(), graceful.watcher());
    async move {
        // Which HTTP it is, is told from the first bytes: they must come.
        let mut first = [0];
        if !matches!(timeout(HEAD, stream.peek(&mut first)).await, Ok(Ok(1..))) {
            return;
        }
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        // A caller that hangs up is no fault of ours.
        let _ = watcher.watch(connection).await;
    }
}

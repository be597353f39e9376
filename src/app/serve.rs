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
use tokio::net::{TcpListener, TcpStream};
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
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.http2().timer(TokioTimer::new());
    {
        let drained = drained(&app);
        tokio::pin!(drained);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => connect(&server, &graceful, &app, (stream, Peer(peer))),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(LOOK).await;
                    }
                },
                () = &mut drained => break,
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(LAST_WORDS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not close in time");
    }
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
    if tokio::time::timeout(app.drain, idle).await.is_err() {
        tracing::warn!(running = app.metrics.running(), "server.drain is over: calls are cut");
        app.shutdown.cut.cancel();
        tokio::time::sleep(LAST_WORDS).await;
    }
}

fn connect(
    server: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    app: &App,
    (stream, peer): (TcpStream, Peer),
) {
    let _ = stream.set_nodelay(true);
    let router = app.router.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A caller that hangs up is no fault of ours.
        let _ = connection.await;
    });
}

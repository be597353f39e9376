//! The upstream. A question with `paced` in it is answered by events 20 ms apart, one with `burst` by 102 at once.
use crate::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, time::Duration};
use tokio::{net::TcpListener, sync::mpsc};

const CHUNK: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":100,\"total_tokens\":300}}\n\ndata: [DONE]\n\n";
const PACED: usize = 100;
const BURST: usize = 100;
const EVERY: Duration = Duration::from_millis(20);

pub async fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service =
                service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let has = |what: &[u8]| body.windows(what.len()).any(|part| part == what);
    if has(b"paced") {
        return events(paced());
    }
    if has(b"burst") {
        let whole = format!("{}{LAST}", CHUNK.repeat(BURST));
        return events(Full::from(whole).map_err(|never| match never {}).boxed_unsync());
    }
    let text = "Hello there, friend. ".repeat(4);
    let json = format!(
        "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\
         \"finish_reason\":\"stop\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}}}}],\"usage\":{{\"prompt_tokens\":\
         9,\"completion_tokens\":6,\"total_tokens\":15}}}}"
    );
    let body = Full::from(json).map_err(|never| match never {}).boxed_unsync();
    Response::builder().header("content-type", "application/json").body(body).expect("plain")
}

fn events(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "text/event-stream").body(body).expect("plain")
}

fn paced() -> Body {
    let (send, receive) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(EVERY);
        for number in 0..=PACED {
            tick.tick().await;
            let event = if number == PACED { LAST } else { CHUNK };
            if send.send(Bytes::from_static(event.as_bytes())).await.is_err() {
                return;
            }
        }
    });
    let frames = futures_util::stream::unfold(receive, |mut receive| async move {
        let bytes = receive.recv().await?;
        Some((Ok::<_, hyper::Error>(Frame::data(bytes)), receive))
    });

    StreamBody::new(frames).boxed_unsync()
}

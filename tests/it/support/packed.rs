//! How the upstream sends an answer that is no stream: with headers of its own, packed, or in pieces.
use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt as _, stream};
use std::{io::Write as _, time::Duration};

const A_QUOTA: &str = "{\"error\":{\"message\":\"no such thing\",\"code\":429}}";

pub(super) fn packed(wish: &str, kind: &str, text: String) -> Response {
    let headers = [
        ("x-ratelimit-remaining-requests", "9"),
        ("set-cookie", "x=y"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ];
    let kind = [(header::CONTENT_TYPE, kind.to_owned())];
    if wish == "gzip" {
        let gzip = [(header::CONTENT_ENCODING, "gzip")];
        return (headers, kind, gzip, gzipped(&text)).into_response();
    }
    if wish.starts_with("in pieces") {
        let text = if wish == "in pieces, an error" { A_QUOTA.into() } else { text };
        let mut pieces: Vec<_> =
            text.as_bytes().chunks(20).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        if wish == "in pieces, cut" {
            pieces.truncate(5);
            pieces.push(Err(std::io::Error::other("cut")));
        }
        let pieces = stream::iter(pieces).then(|piece| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            piece
        });
        return (headers, kind, Body::from_stream(pieces)).into_response();
    }
    (headers, kind, text).into_response()
}

pub(super) fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

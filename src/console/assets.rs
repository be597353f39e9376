//! The stylesheet and the icon, in the binary.
use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

const STYLE: &str = include_str!("../../assets/gatekey.css");
const ICON: &str = include_str!("../../assets/gatekey.svg");

pub(super) async fn get(Path(file): Path<String>) -> Response {
    match file.as_str() {
        "gatekey.css" => asset("text/css; charset=utf-8", STYLE),
        "gatekey.svg" => asset("image/svg+xml", ICON),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // Short: a new version must not meet an old stylesheet.
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, content).into_response()
}

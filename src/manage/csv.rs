//! Every list as a table for a spreadsheet: the JSON of a list, row by row (RFC 4180). Asked for by `?format=csv` or
//! `Accept: text/csv`.
use super::Refusal;
use crate::web;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

/// More than any page of a list has.
const LONGEST: usize = 256 << 20;
/// Under one of these names a list keeps its rows.
const LISTS: [&str; 7] = ["data", "results", "keys", "users", "teams", "budgets", "audit_logs"];

/// In a request: CSV is wanted of it.
#[derive(Clone, Copy)]
pub(super) struct AsCsv;

/// In an answer to such a one: rows that are better as a table than its JSON is.
#[derive(Clone)]
pub(super) struct Rows(pub(super) Vec<Value>);

pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    if request.method() != Method::GET || !asks(&mut request) {
        return next.run(request).await;
    }
    request.extensions_mut().insert(AsCsv);
    let uri = request.uri().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let own = parts.extensions.remove::<Rows>();
    let json = if own.is_none() { to_bytes(body, LONGEST).await.ok() } else { None };
    let whole = json.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let Some(rows) = own.map(|rows| rows.0).or_else(|| rows(whole.as_ref()?)) else {
        return Refusal::NoTable.into_response();
    };
    if let Some(link) = whole.as_ref().and_then(|whole| next_page(&uri, whole)) {
        parts.headers.insert(header::LINK, link);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    parts.headers.insert(header::CONTENT_TYPE, kind);
    Response::from_parts(parts, Body::from(web::csv(&rows.iter().map(flat).collect::<Vec<_>>())))
}

/// Takes the wish out of the query, which is the list's alone.
fn asks(request: &mut Request) -> bool {
    let uri = request.uri();
    let pairs = web::pairs(uri);
    let is_wish = |(name, value): &&(String, String)| name == "format" && value == "csv";
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if !pairs.iter().any(|pair| is_wish(&pair)) {
        return accept.is_some_and(|accept| accept.contains("text/csv"));
    }
    let rest = pairs.iter().filter(|pair| !is_wish(pair));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    let join = if query.is_empty() { "" } else { "?" };
    if let Ok(plain) = format!("{}{join}{query}", uri.path()).parse() {
        *request.uri_mut() = plain;
    }
    true
}

fn rows(whole: &Value) -> Option<Vec<Value>> {
    let list = match whole {
        Value::Array(rows) => rows,
        Value::Object(members) => LISTS.iter().find_map(|name| members.get(*name)?.as_array())?,
        _ => return None,
    };
    Some(list.clone())
}

/// The members of a row, those of objects in it by both their names; a row that is no object is its own only member.
fn flat(row: &Value) -> Vec<(String, Value)> {
    fn into(cells: &mut Vec<(String, Value)>, prefix: &str, members: &Map<String, Value>) {
        for (name, value) in members {
            match value {
                // What is cut by model beside the sums is a table of its own.
                Value::Object(_) if name == "breakdown" => {}
                Value::Object(inner) if !inner.is_empty() => {
                    into(cells, &format!("{prefix}{name}."), inner);
                }
                other => cells.push((format!("{prefix}{name}"), other.clone())),
            }
        }
    }
    match row {
        Value::Object(members) => {
            let mut cells = Vec::new();
            into(&mut cells, "", members);
            cells
        }
        other => vec![("value".into(), other.clone())],
    }
}

/// Where the list goes on, as a `Link` (RFC 8288).
fn next_page(uri: &Uri, whole: &Value) -> Option<HeaderValue> {
    let number = |name: &str| whole.get(name).and_then(Value::as_i64);
    let cursor = whole.get("next_cursor").and_then(Value::as_str);
    let (name, value) = if let Some(cursor) = cursor {
        ("cursor", cursor.to_owned())
    } else {
        let (page, pages) = (number("page").or(number("current_page"))?, number("total_pages")?);
        ("page", (page < pages).then(|| (page + 1).to_string())?)
    };
    let others = web::pairs(uri).into_iter().filter(|(own, _)| own != name && own != "format");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair(name, &value)
        .append_pair("format", "csv")
        .finish();
    HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

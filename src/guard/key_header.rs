//! The headers a key may come in. Several must agree (row G4).
use super::NoCaller;
use crate::model::AccessKey;
use axum::http::{HeaderMap, HeaderName, header};

/// `Authorization: Bearer`, and what SDKs of other vendors send. All are taken off before the upstream.
pub(crate) const KEY_HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-litellm-api-key"),
];

/// The one key of a request.
pub(super) fn find(headers: &HeaderMap) -> Result<AccessKey, NoCaller> {
    let mut found: Option<&str> = None;
    for name in &KEY_HEADERS {
        for value in headers.get_all(name) {
            let text = value.to_str().map_err(|_| NoCaller::Unknown)?.trim();
            let text = without_scheme(name, text).ok_or(NoCaller::Unknown)?;
            match found {
                Some(other) if other != text => return Err(NoCaller::Disagreeing),
                _ => found = Some(text),
            }
        }
    }
    match found {
        None | Some("") => Err(NoCaller::Missing),
        // Longer than any key: not worth hashing.
        Some(text) if text.len() > 512 => Err(NoCaller::Unknown),
        Some(text) => Ok(AccessKey::presented(text)),
    }
}

/// `Authorization` has a scheme, whose case does not matter (RFC 9110 §11.1), and only Bearer's is a key;
/// LiteLLM's own header may have one.
fn without_scheme<'a>(name: &HeaderName, text: &'a str) -> Option<&'a str> {
    let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    match name.as_str() {
        "authorization" => bearer.then(|| key.trim_start()),
        "x-litellm-api-key" if bearer => Some(key.trim_start()),
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pairs: &[(&'static str, &'static str)]) -> Result<String, NoCaller> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        find(&headers).map(|key| key.expose().to_owned())
    }

    #[test]
    fn g4_keys_that_disagree_are_refused_and_equal_ones_are_one() {
        let bearer = ("authorization", "Bearer sk-a");
        assert_eq!(key(&[bearer]).unwrap(), "sk-a");
        assert_eq!(key(&[("authorization", "bearer  sk-a")]).unwrap(), "sk-a");
        assert_eq!(key(&[bearer, ("x-api-key", "sk-a")]).unwrap(), "sk-a");
        assert_eq!(key(&[("x-litellm-api-key", "Bearer sk-a")]).unwrap(), "sk-a");
        for other in [("x-api-key", "sk-b"), ("authorization", "Bearer sk-b"), ("api-key", "")] {
            assert!(matches!(key(&[bearer, other]), Err(NoCaller::Disagreeing)), "{other:?}");
        }
        for odd in ["sk-a", "Basic sk-a", "Bearersk-a"] {
            assert!(matches!(key(&[("authorization", odd)]), Err(NoCaller::Unknown)), "{odd}");
        }
        assert!(matches!(key(&[]), Err(NoCaller::Missing)));
        assert!(matches!(key(&[("authorization", "Bearer ")]), Err(NoCaller::Missing)));
    }
}

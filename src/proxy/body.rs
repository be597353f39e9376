//! A request's body as it comes: bounded, and unpacked where it is compressed (field report K38).
use super::refusal::Reason;
use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::io::{self, Read};

/// The largest window that a zstd frame may need: 8 MiB, which RFC 8878 §3.1.1.1.2 asks every decoder to have.
const WINDOW_LOG: u32 = 23;

/// `Content-Encoding` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// `None`: the body is plain. One coding, not several on top of one another.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Reason> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first else { return Ok(None) };
        let name = first.to_str().unwrap_or_default().trim().to_ascii_lowercase();
        match (name.as_str(), more) {
            ("identity" | "", None) => Ok(None),
            ("gzip" | "x-gzip", None) => Ok(Some(Self::Gzip)),
            ("zstd", None) => Ok(Some(Self::Zstd)),
            _ => Err(Reason::Encoded),
        }
    }

    /// Bounded by what comes out, whatever went in.
    fn unpacked(self, packed: &[u8], most: usize) -> Result<Bytes, Reason> {
        let broken = |error: io::Error| {
            let name = if self == Self::Gzip { "gzip" } else { "zstd" };
            Reason::BadRequest(format!(
                "The body is not the {name} that Content-Encoding says: {error}."
            ))
        };
        let mut plain = Vec::new();
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(bound).read_to_end(&mut plain),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(broken)?;
                decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
                decoder.take(bound).read_to_end(&mut plain)
            }
        };
        read.map_err(broken)?;
        if plain.len() > most { Err(Reason::TooLarge(most)) } else { Ok(plain.into()) }
    }
}

/// The body whole: a model's question is not a stream. Bounded by `server.max_body`, before and after unpacking.
pub(super) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Reason> {
    let coding = Coding::of(headers)?;
    must_fit(headers, most)?;
    let whole = match Limited::new(body, most).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Reason::TooLarge(most)),
        Err(_) => return Err(Reason::BadRequest("The body broke off.".into())),
    };
    let Some(coding) = coding else { return Ok(whole) };
    // A kilobyte may unpack to all that is allowed: not where other calls wait.
    let unpacked = tokio::task::spawn_blocking(move || coding.unpacked(&whole, most)).await;
    unpacked.unwrap_or_else(|_| Err(Reason::BadRequest("The body cannot be unpacked.".into())))
}

/// What announces itself as too large is not read. Answers with what is announced.
pub(super) fn must_fit(headers: &HeaderMap, most: usize) -> Result<Option<usize>, Reason> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > most) {
        return Err(Reason::TooLarge(most));
    }
    Ok(announced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn k38_bodies_are_unpacked_and_bounded_by_what_comes_out() {
        let plain = b"{\"model\":\"m\"}".repeat(100);
        let zstd = |plain: &[u8]| zstd::encode_all(plain, 3).unwrap();
        for (coding, packed) in [(Coding::Gzip, gzip(&plain)), (Coding::Zstd, zstd(&plain))] {
            assert_eq!(coding.unpacked(&packed, plain.len()).unwrap(), plain);
            let twice = packed.repeat(2);
            assert_eq!(coding.unpacked(&twice, 1 << 20).unwrap().len(), 2 * plain.len());
            let less = coding.unpacked(&packed, plain.len() - 1);
            assert!(matches!(less, Err(Reason::TooLarge(_))), "{coding:?}");
            for broken in [&packed[..packed.len() - 3], &packed[1..], b"{}".as_slice()] {
                let refused = coding.unpacked(broken, 1 << 20);
                assert!(matches!(refused, Err(Reason::BadRequest(_))), "{coding:?}");
            }
        }
        let bomb = vec![0; 64 << 20];
        for (coding, packed) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            let refused = coding.unpacked(&packed, 1 << 20);
            assert!(matches!(refused, Err(Reason::TooLarge(_))), "{coding:?}");
        }
        // A frame that asks for a window of 1 GiB gets none.
        let mut long = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        long.window_log(30).unwrap();
        long.write_all(&plain).unwrap();
        let refused = Coding::Zstd.unpacked(&long.finish().unwrap(), 1 << 20);
        assert!(matches!(refused, Err(Reason::BadRequest(_))));
    }

    #[test]
    fn a_coding_is_known_or_refused() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            Coding::of(&headers).ok()
        };
        assert_eq!((of(&[]), of(&["identity"])), (Some(None), Some(None)));
        assert_eq!(of(&["GZIP"]), Some(Some(Coding::Gzip)));
        assert_eq!(of(&["zstd"]), Some(Some(Coding::Zstd)));
        for unknown in [&["br"][..], &["deflate"], &["gzip, zstd"], &["gzip", "gzip"], &["x"]] {
            assert_eq!(of(unknown), None, "{unknown:?}");
        }
    }
}

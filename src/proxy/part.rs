//! The head of one part of a form: read strictly and written anew, so that no two programs can read it differently.
use bytes::Bytes;
use http::{HeaderMap, header};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) name: String,
    /// It is a file. Non-ASCII names may come as `filename*` (RFC 5987) beside or instead of the plain one.
    pub(super) file_name: Option<String>,
    content_type: Option<String>,
}

impl Head {
    /// `None`: it has no name, or says something twice.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text =
            std::str::from_utf8(headers.get(header::CONTENT_DISPOSITION)?.as_bytes()).ok()?;
        let (kind, mut rest) = text.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        let (mut name, mut file_name, mut extended) = (None, None, None);
        while !rest.trim().is_empty() {
            let (parameter, value, more) = parameter(rest)?;
            rest = more;
            let place = match parameter.as_str() {
                "name" => &mut name,
                "filename" => &mut file_name,
                "filename*" => &mut extended,
                // What means nothing here is not passed on.
                _ => continue,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let extended = extended.map(|value| {
            let encoded = value.rsplit('\'').next().unwrap_or_default().to_owned();
            let plain = encoded.replace('+', "%2B");
            let pair = form_urlencoded::parse(plain.as_bytes()).next();
            pair.map_or(encoded, |(decoded, _)| decoded.into_owned())
        });
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        Some(Self { name: name?, file_name: extended.or(file_name), content_type })
    }

    /// With its delimiter, as browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm").
    pub(super) fn written(&self, boundary: &str) -> Bytes {
        let mut text = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            quoted(&self.name)
        );
        if let Some(name) = &self.file_name {
            text.push_str(&["; filename=\"", &quoted(name), "\""].concat());
        }
        if let Some(kind) = &self.content_type {
            text.push_str(&["\r\nContent-Type: ", kind].concat());
        }
        text.push_str("\r\n\r\n");
        text.into()
    }
}

fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A").replace('\\', "%5C")
}

/// The first parameter: its name in small letters, its value, and what follows its semicolon.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return None;
    }
    let rest = rest.trim_start();
    let Some(inside) = rest.strip_prefix('"') else {
        let (value, more) = rest.split_once(';').unwrap_or((rest, ""));
        let value = value.trim();
        let plain = value.chars().all(|c| !c.is_whitespace() && c != '"');
        return plain.then(|| (name, value.to_owned(), more));
    };
    let (mut value, mut letters) = (String::new(), inside.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            // A quoted pair; a backslash before anything else is a Windows path's.
            '\\' if inside[at + 1..].starts_with(['"', '\\']) => {
                value.extend(letters.next().map(|(_, escaped)| escaped));
            }
            '"' => {
                let more = inside[at + 1..].trim_start();
                let more = if more.is_empty() { more } else { more.strip_prefix(';')? };
                return Some((name, value, more));
            }
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disposition: &str) -> Option<(String, Option<String>)> {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_bytes(disposition.as_bytes()).unwrap();
        headers.insert(header::CONTENT_DISPOSITION, value);
        Head::read(&headers).map(|head| (head.name, head.file_name))
    }

    #[test]
    fn a_head_is_read_in_one_way_or_not_at_all() {
        let named =
            |name: &str, file: Option<&str>| Some((name.to_owned(), file.map(str::to_owned)));
        for (disposition, expected) in [
            ("form-data; name=\"model\"", named("model", None)),
            ("Form-Data;NAME=model", named("model", None)),
            ("form-data; x=\"; name=note\"; name=\"model\"", named("model", None)),
            ("form-data; name=\"model\"; x=\"; filename=q\"", named("model", None)),
            ("form-data; name=\"file\"; Filename=\"a.mp3\"", named("file", Some("a.mp3"))),
            (
                "form-data; name=file; filename*=UTF-8''n%C3%A4+h.wav",
                named("file", Some("n\u{e4}+h.wav")),
            ),
            (
                "form-data; name=\"file\"; filename=\"C:\\dir\\a \\\"b\"",
                named("file", Some("C:\\dir\\a \"b")),
            ),
            ("form-data; name=\"x\"; name=\"model\"", None),
            ("form-data; name=\"f\"; filename=\"a\"; FILENAME=\"b\"", None),
            ("form-data; name=\"open", None),
            ("form-data; name=\"a\" x; name=\"b\"", None),
            ("form-data; filename=\"a\"", None),
            ("attachment; name=\"a\"", None),
            ("form-data", None),
        ] {
            assert_eq!(read(disposition), expected, "{disposition}");
        }
    }

    #[test]
    fn a_head_is_written_so_that_nothing_breaks_out_of_it() {
        let head = Head {
            name: "a\"b\r\nX: y".into(),
            file_name: Some("n\u{e4}h\\.wav".into()),
            content_type: Some("audio/wav".into()),
        };
        let written = head.written("B");
        let expected = "--B\r\nContent-Disposition: form-data; name=\"a%22b%0D%0AX: y\"; \
            filename=\"n\u{e4}h%5C.wav\"\r\nContent-Type: audio/wav\r\n\r\n";
        assert_eq!(std::str::from_utf8(&written).unwrap(), expected);
    }
}

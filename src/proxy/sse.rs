//! Server-sent events, as bytes: where one ends.
//! (WHATWG HTML, "Parsing an event stream": a blank line ends an event.)

/// The length of the first whole event, its blank line included.
pub(super) fn event_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// The data of an event whose data is one line, as those of models are.
pub(super) fn data(event: &[u8]) -> Option<&[u8]> {
    event.split(|&b| b == b'\n').find_map(|line| {
        let data = line.strip_prefix(b"data:")?;
        Some(data.trim_ascii())
    })
}

/// An event of JSON without those members, named with their quotes, whose value is null. `None`: it has none of them.
pub(super) fn without_null(event: &[u8], names: &[&[u8]]) -> Option<Vec<u8>> {
    let mut shorter: Option<Vec<u8>> = None;
    for name in names {
        let text = shorter.as_deref().unwrap_or(event);
        if let Some((start, end)) = null_member(text, name) {
            shorter = Some([&text[..start], &text[end..]].concat());
        }
    }
    shorter
}

/// Where it begins and ends, with one comma beside it. In a text of JSON its quotes would be escaped.
fn null_member(text: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let rest = |from: usize| text.get(from..).unwrap_or_default();
    let blanks = |from: usize| from + rest(from).iter().take_while(|b| **b == b' ').count();
    memchr::memmem::find_iter(text, name).find_map(|start| {
        let colon = blanks(start + name.len());
        let value = blanks(colon + 1);
        if text.get(colon) != Some(&b':') || !rest(value).starts_with(b"null") {
            return None;
        }
        let end = blanks(value + 4);
        if text.get(end) == Some(&b',') {
            return Some((start, blanks(end + 1)));
        }
        // The last member: the comma before it goes.
        let before = text[..start].trim_ascii_end();
        Some((before.strip_suffix(b",").unwrap_or(before).len(), end))
    })
}

/// Cuts a stream into events. What is not whole yet is kept; it is bounded, since an event of a model is.
#[derive(Default)]
pub(super) struct Events {
    partial: Vec<u8>,
}

/// Longer than any event: an image in base64 fits.
const LONGEST: usize = 16 << 20;

impl Events {
    /// Calls `each` with every whole event, and with what is too long to be one.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = bytes;
        if !self.partial.is_empty() {
            // The end may lie across the seam: at most three bytes before it.
            let seam = self.partial.len().saturating_sub(3);
            self.partial.extend_from_slice(bytes);
            let Some(end) = event_end(&self.partial[seam..]).map(|end| seam + end) else {
                return self.give_up(each);
            };
            each(&self.partial[..end]);
            let taken = end - (self.partial.len() - bytes.len());
            self.partial.clear();
            rest = &bytes[taken..];
        }
        while let Some(end) = event_end(rest) {
            each(&rest[..end]);
            rest = &rest[end..];
        }
        self.partial.extend_from_slice(rest);
        self.give_up(each);
    }

    /// An event that never ends is not waited for.
    fn give_up(&mut self, mut each: impl FnMut(&[u8])) {
        if self.partial.len() > LONGEST {
            each(&self.partial);
            self.partial.clear();
        }
    }

    /// Whether the last byte fed ended an event.
    pub(super) fn at_boundary(&self) -> bool {
        self.partial.is_empty()
    }

    /// How long what is kept is.
    pub(super) fn held(&self) -> usize {
        self.partial.len()
    }

    /// What came after the last whole event, when nothing more comes.
    pub(super) fn take_partial(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let stream =
            b"data: a\n\ndata: b\r\n\r\nevent: x\ndata: c\n\n: note\n\ndata: [DONE]\n\ntail";
        let whole = cut(&[stream]);
        assert_eq!(whole.len(), 5);
        for at in 0..stream.len() {
            assert_eq!(cut(&[&stream[..at], &stream[at..]]), whole, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(cut(&bytes), whole);
    }

    fn cut(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut events, mut seen) = (Events::default(), Vec::new());
        for piece in pieces {
            events.feed(piece, |event| seen.push(event.to_vec()));
        }
        assert_eq!(events.take_partial(), b"tail");
        seen
    }

    #[test]
    fn data_is_found_in_its_line() {
        assert_eq!(data(b"event: x\r\ndata: {\"a\":1}\r\n\r\n"), Some(&b"{\"a\":1}"[..]));
        assert_eq!(data(b": comment\n\n"), None);
    }

    #[test]
    fn a_member_that_is_null_goes_with_one_comma_and_nothing_else_goes() {
        let names: &[&[u8]] = &[b"\"usage\"", b"\"x\""];
        for (event, kept) in [
            ("{\"a\":1,\"usage\":null}", Some("{\"a\":1}")),
            ("{\"usage\": null, \"a\":1}", Some("{\"a\":1}")),
            ("{\"usage\":null}", Some("{}")),
            ("{\"x\":null,\"a\":1,\"usage\":null }", Some("{\"a\":1}")),
            ("{\"usage\":{\"x\":2}}", None),
            ("{\"content\":\"\\\"usage\\\":null\"}", None),
            ("{\"usage\"", None),
            ("\"usage\":nul", None),
        ] {
            let seen = without_null(event.as_bytes(), names);
            assert_eq!(seen.as_deref(), kept.map(str::as_bytes), "{event}");
        }
    }
}

//! An e-mail address, as far as a decision may hang on it.
use std::fmt;

/// `local@domain` in its plainest form, the domain in lower case. What is stranger than that (a quoted
/// local part, two `@`, a dot of another alphabet, a trailing dot) is no address to us (row U6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    at: usize,
}

impl Email {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let label = |l: &str| {
            !l.is_empty()
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        let good = !local.is_empty()
            && local.bytes().all(legal)
            && text.len() <= 254
            && domain.contains('.')
            && domain.split('.').all(label);
        let text = format!("{local}@{}", domain.to_ascii_lowercase());
        good.then_some(Self { text, at: local.len() })
    }

    #[must_use]
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_only_the_plainest_address_has_a_domain() {
        assert_eq!(Email::parse("Ada@Acme.Example").unwrap().domain(), "acme.example");
        for text in [
            "",
            "a",
            "@acme.example",
            "a@",
            "a@evil.example@acme.example",
            "\"a@b\"@acme.example",
            "a@acme.example.",
            "a@acme\u{3002}example",
            "a b@acme.example",
            "a@-acme.example",
            "a@acme..example",
            "a@acme",
            "a@acme.example\n",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
    }
}

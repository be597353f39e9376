//! Money in whole nano-dollars: no float is ever added up.
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoDollars(pub i64);

/// A billion of them is a dollar.
const DOLLAR: i64 = 1_000_000_000;
/// More than anybody asks for, and far from overflow.
const MOST_DOLLARS: i64 = 1_000_000;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an amount of dollars from 0 to 1000000, such as 20 or 0.125")]
pub struct NotMoney;

impl NanoDollars {
    /// From decimal text, exactly: `20`, `0.125`. More than nine places say nothing that could be kept.
    pub fn parse(text: &str) -> Result<Self, NotMoney> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 7 || part.len() > 9 {
            return Err(NotMoney);
        }
        let whole: i64 = whole.parse().map_err(|_| NotMoney)?;
        let part: i64 = format!("{part:0<9}").parse().map_err(|_| NotMoney)?;
        let nano = whole * DOLLAR + part;
        if nano > MOST_DOLLARS * DOLLAR { Err(NotMoney) } else { Ok(Self(nano)) }
    }

    /// From a JSON number's own text: `20`, `0.125`, `2e1`; nothing beyond nine places.
    #[must_use]
    pub fn of_number(text: &str) -> Option<Self> {
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.trim_start_matches('+').parse().ok()?;
        if digits.is_empty() || !(-20..=20).contains(&exponent) {
            return None;
        }
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        let point = i32::try_from(whole.len()).ok()? + exponent;
        let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
        let (all, point) = match point {
            ..=0 => (format!("{}{all}", zeros(1 - point)), 1),
            _ => (format!("{all}{}", zeros(point - i32::try_from(all.len()).ok()?)), point),
        };
        let (whole, part) = all.split_at_checked(usize::try_from(point).ok()?)?;
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let or_zero = |text: &str| if text.is_empty() { "0".to_owned() } else { text.to_owned() };
        Self::parse(&format!("{}.{}", or_zero(whole), or_zero(part))).ok()
    }

    /// For a JSON number, which is a float there anyway.
    #[must_use]
    pub fn dollars(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "shown, not added up")]
        let nano = self.0 as f64;
        nano / 1e9
    }
}

impl NanoDollars {
    /// For a person: cents from a cent on, and as many places as a small sum needs.
    #[must_use]
    pub fn in_words(self) -> String {
        let cents = 10_000_000;
        if self.0 == 0 {
            return "$0".into();
        }
        if self.0 < cents {
            let (mut unit, mut places) = (1_000_000, 3);
            while unit > 1 && self.0 / unit < 10 {
                unit /= 10;
                places += 1;
            }
            let rounded = (self.0 + unit / 2) / unit;
            return format!("$0.{rounded:0places$}");
        }
        let rounded = (self.0 + cents / 2) / cents;
        format!("${}.{:02}", rounded / 100, rounded % 100)
    }
}

/// Exact, in dollars: `20`, `0.125`.
impl fmt::Display for NanoDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = format!("{}.{:09}", self.0 / DOLLAR, self.0 % DOLLAR);
        f.write_str(exact.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_and_said_exactly() {
        for (text, nano) in [("20", 20_000_000_000), ("0.125", 125_000_000), ("0", 0)] {
            assert_eq!(NanoDollars::parse(text), Ok(NanoDollars(nano)));
            assert_eq!(NanoDollars(nano).to_string(), text);
        }
        for (nano, said) in [
            (0, "$0"),
            (1, "$0.000000001"),
            (97_500, "$0.000098"),
            (1_234_567, "$0.0012"),
            (9_999_999, "$0.0100"),
            (12_345_678, "$0.01"),
            (1_999_999_999, "$2.00"),
        ] {
            assert_eq!(NanoDollars(nano).in_words(), said);
        }
        for (text, nano) in [
            ("20", 20_000_000_000),
            ("20.0", 20_000_000_000),
            ("0.125", 125_000_000),
            ("2e1", 20_000_000_000),
            ("1.5e-3", 1_500_000),
            ("1e-9", 1),
            ("0", 0),
            ("1e6", 1_000_000_000_000_000),
        ] {
            assert_eq!(NanoDollars::of_number(text), Some(NanoDollars(nano)), "{text}");
        }
        for text in ["-1", "1e308", "1e7", "1e-10", "0.0000000001", "1000000.1", "x", ""] {
            assert_eq!(NanoDollars::of_number(text), None, "{text}");
        }
        assert_eq!(NanoDollars::parse("0.000000001"), Ok(NanoDollars(1)));
        for text in ["", ".", "-1", "1e3", "NaN", "1.", ".5", "1000000.1", "0.0000000001", "1,5"] {
            assert_eq!(NanoDollars::parse(text), Err(NotMoney), "{text}");
        }
    }
}

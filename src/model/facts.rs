//! What is known of a model: how much it takes, what it can, and what it costs.
use super::NanoDollars;
use std::collections::HashMap;

/// `[[model]]`, as far as it tells; what is not told is unknown, and never taken for zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Tokens of prompt and answer together.
    pub context_length: Option<i64>,
    pub max_output_tokens: Option<i64>,
    /// Whether it takes images.
    pub vision: Option<bool>,
    /// Whether it calls functions.
    pub tools: Option<bool>,
    pub price: Price,
}

/// `[model.price]`: dollars per million tokens, and per unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Price {
    pub input: Option<PerMillion>,
    pub output: Option<PerMillion>,
    pub cache_read: Option<PerMillion>,
    pub cache_write_5m: Option<PerMillion>,
    pub cache_write_1h: Option<PerMillion>,
    pub reasoning: Option<PerMillion>,
    pub audio_in: Option<PerMillion>,
    pub audio_out: Option<PerMillion>,
    pub image: Option<PerMillion>,
    pub per_image: Option<NanoDollars>,
    pub per_second: Option<NanoDollars>,
    pub per_character: Option<NanoDollars>,
    pub per_search: Option<NanoDollars>,
}

/// The price of a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMillion(pub NanoDollars);

impl PerMillion {
    /// Dollars a token, exactly, as decimal text: `0.0000025`.
    #[must_use]
    pub fn of_a_token(self) -> String {
        // A billionth of a dollar, a millionth of that.
        let text = format!("{:016}", self.0.0);
        let (whole, part) = text.split_at(text.len() - 15);
        let exact = format!("{whole}.{part}");
        exact.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The same for a JSON number.
    #[must_use]
    pub fn token_dollars(self) -> f64 {
        self.of_a_token().parse().unwrap_or_default()
    }
}

impl Price {
    /// What so many tokens cost, rounded once. `None`: it is not known.
    #[must_use]
    pub fn of(&self, input_tokens: i64, output_tokens: i64) -> Option<NanoDollars> {
        const MILLION: i128 = 1_000_000;
        let (input, output) = (self.input?, self.output?);
        let sum = i128::from(input_tokens) * i128::from(input.0.0)
            + i128::from(output_tokens) * i128::from(output.0.0);
        i64::try_from((sum + MILLION / 2) / MILLION).ok().map(NanoDollars)
    }
}

/// The prices of all models, by name.
#[derive(Debug, Clone, Default)]
pub struct Prices(pub HashMap<String, Price>);

impl Prices {
    #[must_use]
    pub fn of(&self, model: &str, input_tokens: i64, output_tokens: i64) -> Option<NanoDollars> {
        self.0.get(model)?.of(input_tokens, output_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_million(text: &str) -> PerMillion {
        PerMillion(NanoDollars::parse(text).unwrap())
    }

    #[test]
    fn a_token_s_price_is_said_exactly() {
        for (million, token) in [("2.5", "0.0000025"), ("0.075", "0.000000075"), ("0", "0")] {
            assert_eq!(per_million(million).of_a_token(), token);
        }
        assert_eq!(per_million("1000000").of_a_token(), "1");
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost_rounded_once() {
        let price = Price {
            input: Some(per_million("2.5")),
            output: Some(per_million("10")),
            ..Price::default()
        };
        assert_eq!(price.of(1_000_000, 1_000_000), Some(NanoDollars(12_500_000_000)));
        assert_eq!(price.of(11, 7), Some(NanoDollars(97_500)));
        assert_eq!(Price::default().of(1, 1), None, "unknown is not free");
        assert_eq!(price.of(i64::MAX, i64::MAX), None, "no overflow");
    }
}

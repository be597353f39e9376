//! What is known of a model: how much it takes, what it can, and what it costs.
use super::NanoDollars;
use serde::Deserialize;
use std::collections::HashMap;

/// `[[model]]` and the shipped table, as far as they tell; what is not told is unknown, and never taken for zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Facts {
    /// Tokens of prompt and answer together.
    pub context_length: Option<i64>,
    pub max_output_tokens: Option<i64>,
    /// Whether it takes images.
    pub vision: Option<bool>,
    /// Whether it calls functions.
    pub tools: Option<bool>,
    #[serde(flatten)]
    pub price: Price,
    #[serde(skip)]
    pub priced_by: Option<PricedBy>,
}

/// Where a price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PricedBy {
    /// `[model.price]`.
    Settings,
    /// The table that ships with us.
    Table,
}

/// Dollars per million tokens, and per unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
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

impl Facts {
    /// What the settings say, and for the rest what the table says. A price is taken whole, from one of them.
    #[must_use]
    pub fn or(self, table: Option<Self>) -> Self {
        let own = self.priced_by.or((self.price != Price::default()).then_some(PricedBy::Settings));
        let table = table.unwrap_or_default();
        let (price, priced_by) =
            if own.is_some() { (self.price, own) } else { (table.price, table.priced_by) };
        Self {
            context_length: self.context_length.or(table.context_length),
            max_output_tokens: self.max_output_tokens.or(table.max_output_tokens),
            vision: self.vision.or(table.vision),
            tools: self.tools.or(table.tools),
            price,
            priced_by,
        }
    }
}

impl Price {
    /// Each part by the name that it has in `[model.price]`.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Option<NanoDollars>)> {
        let tokens = [
            ("input", self.input),
            ("output", self.output),
            ("cache_read", self.cache_read),
            ("cache_write_5m", self.cache_write_5m),
            ("cache_write_1h", self.cache_write_1h),
            ("reasoning", self.reasoning),
            ("audio_in", self.audio_in),
            ("audio_out", self.audio_out),
            ("image", self.image),
        ];
        let units = [
            ("per_image", self.per_image),
            ("per_second", self.per_second),
            ("per_character", self.per_character),
            ("per_search", self.per_search),
        ];
        let tokens = tokens.into_iter().map(|(name, price)| (name, price.map(|price| price.0)));
        tokens.chain(units)
    }

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
    fn what_the_settings_say_wins_and_a_price_is_never_mixed() {
        let price = |input| Price { input: Some(per_million(input)), ..Price::default() };
        let table = Facts {
            context_length: Some(8),
            vision: Some(true),
            price: Price { cache_read: Some(per_million("1")), ..price("2") },
            priced_by: Some(PricedBy::Table),
            ..Facts::default()
        };
        let own = Facts { vision: Some(false), price: price("0"), ..Facts::default() };
        let both = own.clone().or(Some(table.clone()));
        assert_eq!((both.context_length, both.vision), (Some(8), Some(false)));
        assert_eq!((both.price, both.priced_by), (price("0"), Some(PricedBy::Settings)));
        assert_eq!(Facts::default().or(Some(table.clone())), table);
        assert_eq!(Facts::default().or(None), Facts::default());
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

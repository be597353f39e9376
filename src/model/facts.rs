//! What is known of a model: how much it takes, what it can, and what it costs.
use super::{Amount, Hash, NanoDollars, PriceTable, Tokens, Units};
use serde::Deserialize;

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
    /// The built-in model costs nothing.
    Demo,
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
    #[serde(default, deserialize_with = "NanoDollars::of_text")]
    pub per_image: Option<NanoDollars>,
    #[serde(default, deserialize_with = "NanoDollars::of_text")]
    pub per_second: Option<NanoDollars>,
    #[serde(default, deserialize_with = "NanoDollars::of_text")]
    pub per_character: Option<NanoDollars>,
    #[serde(default, deserialize_with = "NanoDollars::of_text")]
    pub per_search: Option<NanoDollars>,
}

/// Prices of tokens are for so many.
const MILLION: i128 = 1_000_000;

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

    /// Of the built-in model.
    #[must_use]
    pub fn of_demo() -> Self {
        let nothing = Some(PerMillion(NanoDollars(0)));
        let price = Price { input: nothing, output: nothing, ..Price::default() };
        Self { price, priced_by: Some(PricedBy::Demo), ..Self::default() }
    }

    #[must_use]
    pub fn tariff(&self) -> Tariff {
        let version = self.priced_by.map(|by| match by {
            PricedBy::Table => PriceTable::shipped().version.clone(),
            PricedBy::Settings => self.price.fingerprint(),
            PricedBy::Demo => "demo".into(),
        });
        Tariff { price: self.price.clone(), version }
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

    /// Another for each other `[model.price]`.
    fn fingerprint(&self) -> String {
        let parts = self.named().filter_map(|(name, price)| Some(format!("{name}={}", price?)));
        let hash = Hash::of(&parts.collect::<Vec<_>>().join(" "));
        let start = hash.0.first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
        format!("settings-{start:08x}")
    }

    /// Whether tokens have a price; where they have none, units may.
    #[must_use]
    pub fn is_by_tokens(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    /// What a call cost, rounded once. `None`: it is not known.
    #[must_use]
    pub fn of(&self, used: &Amount) -> Option<NanoDollars> {
        const HALF: i128 = MILLION / 2;
        let by_unit = self.of_units(&used.units);
        let millionths = match (self.of_tokens(&used.tokens), by_unit) {
            (Some(tokens), units) => tokens.saturating_add(units.unwrap_or(0)),
            (None, Some(units)) => units,
            // Nothing at all costs nothing, where anything has a price.
            (None, None) => {
                let nothing = *used == Amount::default() && *self != Self::default();
                nothing.then_some(0)?
            }
        };
        i64::try_from(millionths.saturating_add(HALF) / MILLION).ok().map(NanoDollars)
    }

    /// In millionths of a nano-dollar. `None`: no unit that was used has a price.
    fn of_units(&self, units: &Units) -> Option<i128> {
        const SECOND: i128 = 1_000;
        let priced = [
            (units.images, self.per_image, MILLION),
            (units.milliseconds, self.per_second, MILLION / SECOND),
            (units.characters, self.per_character, MILLION),
            (units.searches, self.per_search, MILLION),
        ];
        let used = priced.into_iter().filter(|(count, ..)| *count > 0);
        let costs = used.filter_map(|(count, price, scale)| {
            Some(i128::from(count).saturating_mul(i128::from(price?.0) * scale))
        });
        costs.reduce(i128::saturating_add)
    }

    /// The same of tokens. What has no price of its own costs what its whole costs.
    fn of_tokens(&self, tokens: &Tokens) -> Option<i128> {
        let (input, output) = (self.input?, self.output?);
        let t = tokens.fitted();
        let of_input = [
            (t.cache_read, self.cache_read),
            (t.cache_write_5m, self.cache_write_5m),
            (t.cache_write_1h, self.cache_write_1h.or(self.cache_write_5m)),
            (t.audio_in, self.audio_in),
            (t.image, self.image),
        ];
        let of_output = [(t.reasoning, self.reasoning), (t.audio_out, self.audio_out)];
        Some(cost(t.input, input, &of_input) + cost(t.output, output, &of_output))
    }

    /// The most that so many tokens and units can cost, however they are made up.
    #[must_use]
    pub fn most(&self, input: i64, output: i64, units: &Units) -> Option<NanoDollars> {
        let by_unit = self.of_units(units);
        let sum = match (self.most_of_tokens(input, output), by_unit) {
            (None, None) => return None,
            (tokens, units) => tokens.unwrap_or(0).saturating_add(units.unwrap_or(0)),
        };
        let nano = sum.saturating_add(MILLION - 1) / MILLION;
        Some(NanoDollars(i64::try_from(nano).unwrap_or(i64::MAX)))
    }

    fn most_of_tokens(&self, input: i64, output: i64) -> Option<i128> {
        let dearest = |all: &[Option<PerMillion>]| {
            i128::from(all.iter().flatten().map(|price| price.0.0).max().unwrap_or(0))
        };
        let inputs = [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.audio_in,
            self.image,
        ];
        self.input.and(self.output)?;
        let sum = i128::from(input) * dearest(&inputs)
            + i128::from(output) * dearest(&[self.output, self.reasoning, self.audio_out]);
        Some(sum)
    }
}

/// Of a whole, some parts of which have a price of their own.
fn cost(whole: i64, price: PerMillion, parts: &[(i64, Option<PerMillion>)]) -> i128 {
    let times = |tokens: i64, price: PerMillion| i128::from(tokens) * i128::from(price.0.0);
    parts.iter().fold(times(whole, price), |sum, (tokens, own)| {
        sum - times(*tokens, price) + times(*tokens, own.unwrap_or(price))
    })
}

/// What one model's calls are reckoned with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    pub price: Price,
    /// Stands in the books beside each call.
    pub version: Option<String>,
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

    fn tokens(input: i64, output: i64) -> Amount {
        let tokens = Tokens { input, output, ..Tokens::default() };
        Amount { tokens, units: Units::default() }
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost_rounded_once() {
        let price = Price {
            input: Some(per_million("2.5")),
            output: Some(per_million("10")),
            ..Price::default()
        };
        assert_eq!(price.of(&tokens(1_000_000, 1_000_000)), Some(NanoDollars(12_500_000_000)));
        assert_eq!(price.of(&tokens(11, 7)), Some(NanoDollars(97_500)));
        assert_eq!(Price::default().of(&tokens(1, 1)), None, "unknown is not free");
        assert_eq!(price.of(&tokens(i64::MAX, i64::MAX)), None, "no overflow");
        let cheap = Price { input: Some(per_million("0.0005")), ..price };
        assert_eq!(cheap.of(&tokens(1, 0)), Some(NanoDollars(1)), "half a nano-dollar, rounded");
    }

    #[test]
    fn parts_with_a_price_of_their_own_are_priced_apart() {
        let price = Price {
            input: Some(per_million("3")),
            output: Some(per_million("15")),
            cache_read: Some(per_million("0.3")),
            cache_write_5m: Some(per_million("3.75")),
            cache_write_1h: Some(per_million("6")),
            audio_in: Some(per_million("40")),
            reasoning: Some(per_million("20")),
            ..Price::default()
        };
        let million = 1_000_000;
        let call = Tokens {
            input: 10 * million,
            output: 4 * million,
            cache_read: 5 * million,
            cache_write_5m: 2 * million,
            cache_write_1h: million,
            audio_in: million,
            reasoning: million,
            audio_out: million,
            image: 0,
        };
        // 1 × 3 + 5 × 0.3 + 2 × 3.75 + 1 × 6 + 1 × 40, and 3 × 15 (audio has no price of its own) + 1 × 20
        let call = Amount { tokens: call, units: Units::default() };
        assert_eq!(price.of(&call), Some(NanoDollars(123_000_000_000)));
        let most = |input, output| price.most(input, output, &Units::default());
        assert!(most(call.tokens.input, call.tokens.output) >= price.of(&call));
        assert_eq!(most(million, million), Some(NanoDollars(60_000_000_000)));
    }

    #[test]
    fn units_are_priced_beside_tokens_or_alone() {
        let dollars = |text: &str| Some(NanoDollars::parse(text).unwrap());
        let units = Units { images: 2, milliseconds: 1_500, characters: 100, searches: 3 };
        let of = |price: &Price, tokens, units| price.of(&Amount { tokens, units });
        let some = Tokens { input: 1_000_000, output: 0, ..Tokens::default() };
        let alone = Price {
            per_image: dollars("0.04"),
            per_second: dollars("0.0001"),
            per_character: dollars("0.000015"),
            per_search: dollars("0.002"),
            ..Price::default()
        };
        let all = dollars("0.08765");
        assert_eq!(of(&alone, Tokens::default(), units), all);
        assert_eq!(of(&alone, some, units), all, "tokens without a price add nothing");
        assert_eq!(of(&alone, some, Units::default()), None, "and are not free alone");
        assert_eq!(of(&alone, Tokens::default(), Units::default()), dollars("0"));
        let by_token = Some(per_million("1"));
        let both = Price { input: by_token, output: by_token, ..alone.clone() };
        assert_eq!(of(&both, some, units), dollars("1.08765"));
        assert_eq!(of(&Price::default(), Tokens::default(), Units::default()), None);
        assert_eq!((alone.most(9, 9, &units), alone.most(9, 9, &Units::default())), (all, None));
        let largest = Units { characters: i64::MAX, searches: i64::MAX, ..units };
        assert_eq!(of(&alone, Tokens::default(), largest), None, "no overflow");
        assert_eq!(alone.most(0, 0, &largest), Some(NanoDollars(i64::MAX)));
    }

    #[test]
    fn another_price_has_another_version() {
        let of = |input: &str| {
            let price = Price { input: Some(per_million(input)), ..Price::default() };
            Facts { price, ..Facts::default() }.or(None).tariff().version
        };
        assert!(of("1") != of("2") && of("1") == of("1"));
        assert!(of("1").unwrap().starts_with("settings-"));
        assert_eq!(Facts::default().tariff().version, None);
    }
}

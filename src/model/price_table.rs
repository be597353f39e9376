//! The price table that ships with us: what the providers' own models take, can, and cost.
use super::{Facts, NanoDollars, PerMillion, PricedBy};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, sync::LazyLock};

/// `assets/prices.json`; `assets/prices.py` writes it and says from what.
#[derive(Debug, Default, Deserialize)]
pub struct PriceTable {
    /// Goes into the books beside what was reckoned with it.
    pub version: String,
    pub source: String,
    /// The day it was taken.
    pub date: String,
    openai: BTreeMap<String, Facts>,
    anthropic: BTreeMap<String, Facts>,
}

static SHIPPED: LazyLock<PriceTable> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../assets/prices.json")).unwrap_or_default()
});

impl PriceTable {
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// What is known of a provider's model; `None` where the provider or the model is unknown.
    #[must_use]
    pub fn of(&self, provider: &str, model: &str) -> Option<Facts> {
        let models = match provider {
            "openai" => &self.openai,
            "anthropic" => &self.anthropic,
            _ => return None,
        };
        let facts = models.get(model)?.clone();
        Some(Facts { priced_by: Some(PricedBy::Table), ..facts })
    }

    /// Every model there is, with its provider.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let openai = self.openai.keys().map(|name| ("openai", name.as_str()));
        openai.chain(self.anthropic.keys().map(|name| ("anthropic", name.as_str())))
    }
}

impl NanoDollars {
    /// Prices stand in the table as texts.
    pub(super) fn of_text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Self>, D::Error> {
        PerMillion::deserialize(value).map(|price| Some(price.0))
    }
}

impl<'de> Deserialize<'de> for PerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        NanoDollars::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Units;

    #[test]
    fn the_shipped_table_is_whole_and_exact() {
        let text = include_str!("../../assets/prices.json");
        let table: PriceTable = serde_json::from_str(text).unwrap();
        assert!(table.names().count() > 100 && table.date.len() == 10, "{}", table.version);
        for (provider, name) in table.names() {
            let facts = table.of(provider, name).unwrap();
            assert!(facts.price.input.is_some() == facts.price.output.is_some(), "{name}");
            assert!(facts.price != crate::model::Price::default(), "{name}");
            assert!(facts.context_length.is_none_or(|length| length > 0), "{name}");
        }
        let mini = table.of("openai", "gpt-4o-mini").unwrap();
        assert_eq!(
            mini.price.most(1_000_000, 0, &Units::default()),
            Some(NanoDollars(150_000_000))
        );
        let of = |name| table.of("openai", name).unwrap().price;
        let unit = |text| Some(NanoDollars::parse(text).unwrap());
        assert_eq!(of("tts-1").per_character, unit("0.000015"));
        assert_eq!(of("whisper-1").per_second, unit("0.0001"));
        assert!(of("gpt-4o-mini-tts").is_by_tokens() && of("gpt-image-1").image.is_some());
        assert!(table.of("anthropic", "gpt-4o-mini").is_none() && table.of("demo", "x").is_none());
        // Every figure is known to the type: none is lost on the way.
        let raw: serde_json::Value = serde_json::from_str(text).unwrap();
        let known: Vec<&str> = Facts::default().price.named().map(|(name, _)| name).collect();
        let facts = ["context_length", "max_output_tokens", "vision", "tools"];
        for provider in ["openai", "anthropic"] {
            for (name, row) in raw[provider].as_object().unwrap() {
                for field in row.as_object().unwrap().keys() {
                    assert!(
                        known.contains(&&**field) || facts.contains(&&**field),
                        "{name}: {field}"
                    );
                }
            }
        }
    }
}

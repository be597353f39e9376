//! `[[upstream]]` and `[[model]]`: what is behind us, and what callers call it.
use super::{
    reader::{Reader, Section},
    secret::Secret,
    setting::{TokenCount, WebUrl},
};
use crate::model::{Facts, Lifetime, NanoDollars, PerMillion, Price, PriceTable, Route};

#[derive(Debug, Clone)]
pub struct Upstream {
    pub name: String,
    pub kind: Kind,
    /// Without a slash at its end; empty for `demo`.
    pub base_url: String,
    pub api_key: Option<Secret>,
    /// Ask for usage in streams where the caller did not, and keep it from the caller.
    pub inject_usage: bool,
    /// Tools on `/v1/responses` that may be used though the provider bills them beside the tokens.
    pub hosted_tools: Vec<String>,
    /// How long an answer may take to begin.
    pub timeout: Lifetime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    OpenAi,
    Anthropic,
    /// Built in: answers plausibly, costs nothing, needs nothing.
    Demo,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Demo => "demo",
        }
    }

    /// Whether it is asked by this route at all; whether it has it is the upstream's to say.
    #[must_use]
    pub fn serves(self, route: Route) -> bool {
        match self {
            Self::OpenAi => !route.is_anthropic(),
            Self::Anthropic => route.is_anthropic(),
            Self::Demo => {
                let of_openai = [
                    Route::ChatCompletions,
                    Route::Completions,
                    Route::Responses,
                    Route::Embeddings,
                ];
                route.is_anthropic() || of_openai.contains(&route)
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct Model {
    /// What callers say.
    pub name: String,
    /// The name of its upstream.
    pub upstream: String,
    /// The names by which lists of models allow it with others.
    pub groups: Vec<String>,
    /// What the upstream is told.
    pub upstream_model: String,
    pub facts: Facts,
}

pub(super) fn read_upstreams(reader: &mut Reader) -> Vec<Upstream> {
    let mut upstreams: Vec<Upstream> = Vec::new();
    for section in reader.tables("upstream") {
        let line = section.line();
        if let Some(upstream) = upstream(section, reader) {
            if upstreams.iter().any(|other| other.name == upstream.name) {
                reader.problem(
                    line,
                    "upstream.name",
                    format!("{:?} is there twice: rename one", upstream.name),
                );
            }
            upstreams.push(upstream);
        }
    }
    upstreams
}

fn upstream(mut s: Section, reader: &mut Reader) -> Option<Upstream> {
    let name: Option<String> = s.need(reader, "name", "\"openai\"");
    let kind = match s.get::<String>(reader, "kind").as_deref() {
        Some("openai") => Some(Kind::OpenAi),
        Some("anthropic") => Some(Kind::Anthropic),
        Some("demo") => Some(Kind::Demo),
        _ => {
            s.wrong(reader, "kind", "must be \"openai\", \"anthropic\" or \"demo\"");
            None
        }
    };
    let base_url: Option<WebUrl> = match kind {
        Some(Kind::Demo) => Some(WebUrl(String::new())),
        _ => s.need(reader, "base_url", "\"https://api.openai.com/v1\""),
    };
    let api_key = s.get(reader, "api_key");
    let inject_usage = s.get(reader, "inject_usage").unwrap_or(true);
    let hosted_tools = s.get(reader, "hosted_tools").unwrap_or_default();
    let timeout = s.get(reader, "timeout").unwrap_or(Lifetime::of_seconds(600));
    s.done(reader);
    Some(Upstream {
        name: name?,
        kind: kind?,
        base_url: base_url?.0,
        api_key,
        inject_usage,
        hosted_tools,
        timeout,
    })
}

pub(super) fn read_models(reader: &mut Reader, upstreams: &[Upstream]) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    for mut s in reader.tables("model") {
        let name: Option<String> = s.need(reader, "name", "\"gpt-4o\"");
        let upstream: Option<String> = s.need(reader, "upstream", "\"openai\"");
        let upstream_model: Option<String> = s.get(reader, "upstream_model");
        if let Some(upstream) =
            upstream.as_ref().filter(|u| !upstreams.iter().any(|k| k.name == **u))
        {
            s.wrong(
                reader,
                "upstream",
                format!("names {upstream:?}, and no [[upstream]] has that name"),
            );
        }
        if let Some(name) = name.as_ref().filter(|name| models.iter().any(|m| m.name == **name)) {
            s.wrong(reader, "name", format!("{name:?} is there twice: rename one"));
        }
        let groups: Vec<String> = s.get(reader, "groups").unwrap_or_default();
        if groups.iter().any(|group| group.is_empty() || group.contains('*')) {
            s.wrong(reader, "groups", "must be names, without a star");
        }
        let facts = facts(&mut s, reader);
        s.done(reader);
        if let (Some(name), Some(upstream)) = (name, upstream) {
            let upstream_model = upstream_model.unwrap_or_else(|| name.clone());
            let kind = upstreams.iter().find(|known| known.name == upstream).map(|u| u.kind);
            let table = match kind {
                Some(Kind::Demo) => Some(Facts::of_demo()),
                other => other.and_then(|k| PriceTable::shipped().of(k.name(), &upstream_model)),
            };
            let facts = facts.or(table);
            models.push(Model { name, upstream, groups, upstream_model, facts });
        }
    }
    let taken = |group: &&String| models.iter().any(|model| model.name == **group);
    if let Some(group) = models.iter().flat_map(|model| &model.groups).find(taken) {
        let text = format!("{group:?} is a model's name too: a list could mean either, rename one");
        reader.problem(0, "model.groups", text);
    }
    if models.is_empty() && !upstreams.is_empty() {
        reader
            .warn("there is no [[model]]: keys are given out, but nothing can be called with them");
    }
    models
}

fn facts(s: &mut Section, reader: &mut Reader) -> Facts {
    let price = reader.table(s, "price").map(|table| price(table, reader)).unwrap_or_default();
    let mut tokens = |key: &'static str| s.get::<TokenCount>(reader, key).map(|count| count.0);
    let (context_length, max_output_tokens) =
        (tokens("context_length"), tokens("max_output_tokens"));
    Facts {
        context_length,
        max_output_tokens,
        vision: s.get(reader, "vision"),
        tools: s.get(reader, "tools"),
        price,
        priced_by: None,
    }
}

fn price(mut s: Section, reader: &mut Reader) -> Price {
    let mut million = |key: &'static str| s.get::<NanoDollars>(reader, key).map(PerMillion);
    let price = Price {
        input: million("input"),
        output: million("output"),
        cache_read: million("cache_read"),
        cache_write_5m: million("cache_write_5m"),
        cache_write_1h: million("cache_write_1h"),
        reasoning: million("reasoning"),
        audio_in: million("audio_in"),
        audio_out: million("audio_out"),
        image: million("image"),
        ..Price::default()
    };
    let mut unit = |key: &'static str| s.get::<NanoDollars>(reader, key);
    let price = Price {
        per_image: unit("per_image"),
        per_second: unit("per_second"),
        per_character: unit("per_character"),
        per_search: unit("per_search"),
        ..price
    };
    let one_alone = price.input.is_some() != price.output.is_some();
    if one_alone {
        s.wrong(reader, "input", "and output belong together: give both, 0 where it is free");
    }
    s.done(reader);
    price
}

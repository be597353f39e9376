//! A request's JSON object, field by field: what is not known is refused by its name (K24).
use super::Refusal;
use crate::model::{InvalidLifetime, Lifetime, MetadataPatch, ModelList};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::IntoResponse as _,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

pub(super) struct Body(Map<String, Value>);

pub(super) const LONGEST_METADATA: usize = 16_384;

/// LiteLLM's fields for what is not enforced yet: taking them in silence would be a promise.
const NOT_ENFORCED: [&str; 15] = [
    "budget_limits",
    "team_member_budget",
    "tpm_limit_type",
    "rpm_limit_type",
    "organization_id",
    "project_id",
    "allowed_cache_controls",
    "allowed_passthrough_routes",
    "guardrails",
    "policies",
    "permissions",
    "aliases",
    "config",
    "tags",
    "spend",
];

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.into_response().status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
                    _ => Refusal::BadRequest("The body broke off.".into()),
                }
            })?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        let Members(members) = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::BadRequest(format!("The body is not a JSON object: {error}."))
        })?;
        let mut fields = Map::new();
        for (name, value) in members {
            if fields.insert(name.clone(), value).is_some() {
                return Err(Refusal::field(&name, "may be given only once"));
            }
        }
        Ok(Self(fields))
    }
}

/// The members of an object in order, doubled ones too.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        value.deserialize_map(Object)
    }
}

/// A field that may be left out, cleared, or set.
pub(super) type Field<T> = Option<Option<T>>;

impl From<Map<String, Value>> for Body {
    /// A part of a larger one.
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

impl Body {
    pub(super) fn text(&mut self, name: &str) -> Result<Field<String>, Refusal> {
        self.take(name, |value| match value {
            // Postgres keeps no such text.
            Value::String(text) if text.contains('\0') => Err("must not hold a NUL"),
            Value::String(text) if text.len() <= 1024 => Ok(text),
            Value::String(_) => Err("is longer than 1024 characters"),
            _ => Err("must be a text"),
        })
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Field<Vec<String>>, Refusal> {
        const WHAT: &str = "must be a list of at most 1000 texts";
        self.take(name, |value| {
            let Value::Array(values) = value else { return Err(WHAT) };
            if values.len() > 1000 {
                return Err(WHAT);
            }
            let text = |v: Value| v.as_str().filter(|t| !t.contains('\0')).map(str::to_owned);
            values.into_iter().map(|v| text(v).ok_or(WHAT)).collect()
        })
    }

    pub(super) fn models(&mut self) -> Result<Field<ModelList>, Refusal> {
        let models = self.texts("models")?;
        if models.iter().flatten().flatten().any(String::is_empty) {
            return Err(Refusal::field("models", "must not have an empty name"));
        }
        Ok(models.map(|list| list.map(ModelList)))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Field<Map<String, Value>>, Refusal> {
        self.take(name, |value| match value {
            Value::Object(members)
                if Value::Object(members.clone()).to_string().len() <= LONGEST_METADATA =>
            {
                Ok(members)
            }
            Value::Object(_) => Err("is larger than 16 kB"),
            _ => Err("must be an object"),
        })
    }

    pub(super) fn is_object(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_object)
    }

    pub(super) fn metadata(&mut self) -> Result<MetadataPatch, Refusal> {
        self.object("metadata").map(MetadataPatch)
    }

    pub(super) fn yes(&mut self, name: &str) -> Result<Field<bool>, Refusal> {
        self.take(name, |value| value.as_bool().ok_or("must be true or false"))
    }

    /// One object, or a list of at most 1000.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
        const WHAT: &str = "must be an object, or a list of at most 1000";
        let taken = self.take(name, |value| match value {
            Value::Object(one) => Ok(vec![one]),
            Value::Array(all) if all.len() <= 1000 => all
                .into_iter()
                .map(|one| if let Value::Object(one) = one { Ok(one) } else { Err(WHAT) })
                .collect(),
            _ => Err(WHAT),
        })?;
        Ok(taken.flatten().unwrap_or_default())
    }

    /// A field without which the request means nothing.
    pub(super) fn need(&mut self, name: &str, what: &str) -> Result<String, Refusal> {
        let text = self.text(name)?.flatten().filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::field(name, format!("must say which {what} is meant")))
    }

    pub(super) fn lifetime(&mut self) -> Result<Field<Lifetime>, Refusal> {
        self.lifetime_of("duration")
    }

    pub(super) fn lifetime_of(&mut self, name: &str) -> Result<Field<Lifetime>, Refusal> {
        let parse = |text: String| {
            text.parse().map_err(|error: InvalidLifetime| Refusal::field(name, error.to_string()))
        };
        self.text(name)?.map(|text| text.map(parse).transpose()).transpose()
    }

    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, &'static str>,
    ) -> Result<Field<T>, Refusal> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => {
                let read = read(value).map_err(|why| Refusal::field(name, why))?;
                Ok(Some(Some(read)))
            }
        }
    }

    /// After the last field was taken: whatever is left is a mistake.
    pub(super) fn done(self) -> Result<(), Refusal> {
        let later = |name: &str| NOT_ENFORCED.contains(&name);
        // Null means: no limit. That is so.
        let left = self.0.into_iter().find(|(name, value)| !(value.is_null() && later(name)));
        match left {
            None => Ok(()),
            Some((name, _)) if later(&name) => {
                Err(Refusal::field(&name, "is not enforced by this version, so it is not accepted"))
            }
            Some((name, _)) => Err(Refusal::field(&name, "is not a field of this request")),
        }
    }
}

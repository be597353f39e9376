//! A call as it was received: its body read as far as it must be, before anybody is asked.
use super::{
    Proxy,
    asked::Asked,
    body::{self, Coding},
    form::{Form, WhyBroken},
    headers::JSON,
    members::More,
    refusal::Reason,
    request::Head,
    wire::Wire,
};
use crate::{
    model::{Labels, Route},
    world::Outgoing,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use http_body_util::{Either, Full};

/// The model that a call of moderation means when it names none, as OpenAI has it.
const MODERATION: &str = "omni-moderation-latest";

pub(super) enum Received {
    Json(Box<Head>, Bytes),
    Form(Box<Form>),
}

/// The same for an upstream.
pub(super) struct Sending {
    pub(super) body: Outgoing,
    pub(super) content_type: HeaderValue,
    /// Of a body that is still on its way.
    pub(super) why_broken: WhyBroken,
}

impl Sending {
    pub(super) fn json(body: Bytes) -> Self {
        let why_broken = WhyBroken::default();
        Self { body: Either::Left(Full::new(body)), content_type: JSON, why_broken }
    }
}

impl Received {
    /// With the model that the path has named, if it has.
    pub(super) async fn read(
        proxy: &Proxy,
        route: Route,
        named: Option<String>,
        (headers, body): (&HeaderMap, Body),
    ) -> Result<Self, Reason> {
        let most = proxy.settings.max_body;
        if route.takes_files() {
            let (body, announced) = if Coding::of(headers)?.is_none() {
                let announced = body::must_fit(headers, most)?;
                (body, announced)
            } else {
                let unpacked = body::read(headers, body, most).await?;
                let length = unpacked.len();
                (unpacked.into(), Some(length))
            };
            // Of images the number must be known before the first is made.
            let whole = matches!(route, Route::ImageEdits | Route::ImageVariations);
            let lengths = (announced.unwrap_or(most), most);
            // Apart: it is large, and most calls are none.
            let form = Box::pin(Form::open(headers, body, lengths, (named, whole))).await?;
            return Ok(Self::Form(Box::new(form)));
        }
        let body = body::read(headers, body, most).await?;
        let default = (route == Route::Moderations).then_some(MODERATION);
        let head = Head::find(&body, named.as_deref(), default)?;
        Ok(Self::Json(Box::new(head), body))
    }

    pub(super) fn model(&self) -> &str {
        match self {
            Self::Json(head, _) => &head.model,
            Self::Form(form) => &form.model,
        }
    }

    pub(super) fn streams(&self) -> bool {
        matches!(self, Self::Json(head, _) if head.stream)
    }

    pub(super) fn more(&self) -> Option<&More> {
        match self {
            Self::Json(head, _) => Some(&head.more),
            Self::Form(_) => None,
        }
    }

    /// Whether the upstream must be asked for usage that the caller has not asked for.
    pub(super) fn lacks_usage(&self, wire: Wire) -> bool {
        let asks = matches!(self, Self::Json(head, _) if head.asks_usage);
        self.streams() && wire.must_be_asked_for_usage() && !asks
    }

    pub(super) fn asked(&self, route: Route) -> Asked {
        match self {
            Self::Json(head, body) => Asked::of_json(route, head, body),
            Self::Form(form) => Asked::of_form(route, form),
        }
    }

    /// Whom the caller says it is for, and the tags in those headers.
    pub(super) fn labels(&self, headers: &HeaderMap, names: &[HeaderName]) -> Labels {
        let values = names.iter().flat_map(|name| headers.get_all(name));
        let end_user = match self {
            Self::Json(head, _) => head.more.end_user.as_deref(),
            Self::Form(form) => form.texts.user.as_deref(),
        };
        Labels::new(values.filter_map(|value| value.to_str().ok()), end_user)
    }

    /// With the upstream's name for the model.
    pub(super) fn into_sending(self, model: &str, inject_usage: bool) -> Sending {
        match self {
            Self::Json(head, body) => Sending::json(head.rewrite(body, model, inject_usage)),
            Self::Form(form) => {
                let content_type = form.content_type.clone();
                let (body, why_broken) = form.into_body(model);
                Sending { body, content_type, why_broken }
            }
        }
    }
}

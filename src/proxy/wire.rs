//! What is spoken on a route: its protocol, how a stream of it ends, and in whose words a call is refused.
use super::refusal::Dialect;
use crate::model::Route;
use axum::http::StatusCode;
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) route: Route,
    pub(super) dialect: Dialect,
}

/// How a stream of events says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Chunks, and `[DONE]`.
    Chunks,
    /// Anthropic's events, from `message_start` to `message_stop`.
    Messages,
    /// Events of an answer, from `response.created` to `response.completed`.
    Responses,
    /// Events of a file in the making, whose last says what was used: `speech.audio.done`.
    Typed,
}

impl Wire {
    /// With the errors that the protocol itself has.
    pub(super) fn new(route: Route) -> Self {
        let dialect = if route.is_anthropic() { Dialect::Anthropic } else { Dialect::OpenAi };
        Self { route, dialect }
    }

    pub(super) fn flow(self) -> Flow {
        match self.route {
            Route::ChatCompletions | Route::Completions => Flow::Chunks,
            Route::Messages | Route::CountTokens => Flow::Messages,
            Route::Responses => Flow::Responses,
            _ => Flow::Typed,
        }
    }

    /// At an upstream, whose base URL has the `/v1` of OpenAI's.
    pub(super) fn path(self) -> &'static str {
        if self.route.is_anthropic() { self.route.path() } else { self.route.short_path() }
    }

    /// Whether a stream says what it used only when it is asked to.
    pub(super) fn must_be_asked_for_usage(self) -> bool {
        self.flow() == Flow::Chunks
    }

    /// Members of a chunk that must not be null: OpenAI's API sends `usage: null` where usage is asked for, which the
    /// caller may not have done; OpenRouter's clients take no null at all.
    pub(super) fn nulls(self, with_usage: bool) -> &'static [&'static [u8]] {
        match (self.dialect, with_usage) {
            (Dialect::OpenRouter, _) => &[b"\"usage\"", b"\"system_fingerprint\""],
            (Dialect::OpenAi, false) => &[b"\"usage\""],
            (Dialect::OpenAi, true) | (Dialect::Anthropic, _) => &[],
        }
    }

    /// An error as the last event of a stream (field report K34), and never a tidy end. Of an answer by its id, with
    /// the number of the event.
    pub(super) fn last_event(self, message: &str, (id, number): (Option<&str>, u64)) -> String {
        let error = self.dialect.envelope(StatusCode::BAD_GATEWAY, "upstream_error", message);
        match self.flow() {
            Flow::Chunks => format!("data: {error}\n\n"),
            Flow::Messages => format!("event: error\ndata: {error}\n\n"),
            Flow::Responses => {
                let failed = json!({
                    "type": "response.failed",
                    "sequence_number": number,
                    "response": {
                        "id": id,
                        "object": "response",
                        "status": "failed",
                        "error": {"code": "server_error", "message": message},
                        "output": [],
                        "usage": null,
                    },
                });
                format!("event: response.failed\ndata: {failed}\n\n")
            }
            Flow::Typed => {
                let event = json!({"type": "error", "error": error["error"]});
                format!("event: error\ndata: {event}\n\n")
            }
        }
    }
}

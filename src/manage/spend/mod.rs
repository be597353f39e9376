//! `/spend/logs`, `/global/spend/report` and `…/daily/activity`: the books, call by call and day by day.
mod activity;
mod logs;
mod report;

use super::{Actor, Manage, Refusal};
use crate::model::Timestamp;
use axum::{Router, routing::get};
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<Manage> {
    Router::new()
        .route("/spend/logs", get(logs::get))
        .route("/global/spend/report", get(report::get))
        .route("/user/daily/activity", get(activity::of_user))
        .route("/team/daily/activity", get(activity::of_team))
        .route("/key/daily/activity", get(activity::of_key))
        .route("/app/daily/activity", get(activity::of_app))
        .route("/model/daily/activity", get(activity::of_model))
}

/// `start_date` and `end_date`, as far as they are given: a day counts whole.
fn span(
    asked: &BTreeMap<String, String>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Refusal> {
    let moment = |name: &str, whole_day: i64| match asked.get(name) {
        None => Ok::<_, Refusal>(None),
        Some(text) => {
            let at = Timestamp::parse(text).ok_or_else(|| {
                let what = "must be a date (2026-11-25) or a moment (2026-11-25T12:00:00Z), UTC";
                Refusal::field(name, what)
            })?;
            let is_day = !text.contains(['T', 't', ' ']);
            Ok(Some(if is_day { at.plus(whole_day) } else { at }))
        }
    };
    let (from, to) = (moment("start_date", 0)?, moment("end_date", 86_400)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Refusal::field("end_date", "must not be before start_date"));
    }
    Ok((from, to))
}

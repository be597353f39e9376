//! The books: one row for each call, by its name, which sorts by time.
use super::{Error, FromRow, Operation, Params, Row, Tx, Value, value::Param};
use crate::model::{Charge, ChargeId, Labels, NanoDollars, Timestamp, Tokens, Units};

/// Its sums are the caller's, in the same transaction.
pub(super) async fn insert(tx: &mut Tx<'_>, id: &ChargeId, charge: &Charge) -> Result<(), Error> {
    tx.run(
        "INSERT INTO calls (id, at, request, key_id, user_id, team_id, app, model, input_tokens,
             output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
             audio_input_tokens, image_tokens, reasoning_tokens, audio_output_tokens, cost, price,
             estimated, aborted, failed, route, images, audio_ms, characters, searches, tags,
             end_user)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)",
        (id, charge),
    )
    .await
}

impl Params for (&ChargeId, &Charge) {
    fn into_values(self) -> Vec<Value> {
        let (id, charge) = self;
        let tokens = &charge.tokens;
        vec![
            id.to_value(),
            charge.at.to_value(),
            charge.request.to_value(),
            charge.key.to_value(),
            charge.user.to_value(),
            charge.team.to_value(),
            charge.app.to_value(),
            charge.model.to_value(),
            tokens.input.to_value(),
            tokens.output.to_value(),
            tokens.cache_read.to_value(),
            tokens.cache_write_5m.to_value(),
            tokens.cache_write_1h.to_value(),
            tokens.audio_in.to_value(),
            tokens.image.to_value(),
            tokens.reasoning.to_value(),
            tokens.audio_out.to_value(),
            charge.cost.to_value(),
            charge.price.to_value(),
            charge.estimated.to_value(),
            charge.aborted.to_value(),
            charge.failed.to_value(),
            charge.route.to_value(),
            charge.units.images.to_value(),
            charge.units.milliseconds.to_value(),
            charge.units.characters.to_value(),
            charge.units.searches.to_value(),
            tags_text(&charge.labels.tags).to_value(),
            charge.labels.end_user.to_value(),
        ]
    }
}

/// With a comma before, between and after them, so that one is found as `,one,`. No tag has one in it.
fn tags_text(tags: &[String]) -> String {
    if tags.is_empty() { String::new() } else { format!(",{},", tags.join(",")) }
}

fn tags_of(text: &str) -> Vec<String> {
    text.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// A row as it is kept.
#[derive(Debug, Clone)]
pub struct Booked {
    pub id: ChargeId,
    pub charge: Charge,
}

impl FromRow for Booked {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let id = row.take()?;
        let charge = Charge {
            at: row.take()?,
            request: row.take()?,
            key: row.take()?,
            user: row.take()?,
            team: row.take()?,
            app: row.take()?,
            model: row.take()?,
            tokens: Tokens {
                input: row.take()?,
                output: row.take()?,
                cache_read: row.take()?,
                cache_write_5m: row.take()?,
                cache_write_1h: row.take()?,
                audio_in: row.take()?,
                image: row.take()?,
                reasoning: row.take()?,
                audio_out: row.take()?,
            },
            cost: row.take()?,
            price: row.take()?,
            estimated: row.take()?,
            aborted: row.take()?,
            failed: row.take()?,
            route: row.take()?,
            units: Units {
                images: row.take()?,
                milliseconds: row.take()?,
                characters: row.take()?,
                searches: row.take()?,
            },
            labels: Labels { tags: tags_of(&row.take::<String>()?), end_user: row.take()? },
            ledgers: Vec::new(),
            answer: None,
        };
        Ok(Self { id, charge })
    }
}

/// The newest calls first: those that fit, below the one where the last page ended.
#[derive(Debug, Clone)]
pub struct ListCalls {
    /// From then on.
    pub since: Timestamp,
    /// Before then.
    pub until: Timestamp,
    pub key: Option<String>,
    pub user: Option<String>,
    pub team: Option<String>,
    pub app: Option<String>,
    pub model: Option<String>,
    /// [`Route::path`](crate::model::Route::path).
    pub route: Option<String>,
    pub end_user: Option<String>,
    pub tag: Option<String>,
    /// Where the last page ended.
    pub below: Option<ChargeId>,
    pub limit: i64,
}

/// A page of calls, and where the next one begins.
#[derive(Debug)]
pub struct Page {
    pub calls: Vec<Booked>,
    pub next: Option<ChargeId>,
}

/// So many rows at once are reckoned again.
const BATCH: i64 = 200;

/// Rows from that one on, the oldest first, of one model or of all; and where the next batch begins.
pub(super) async fn batch(
    tx: &mut Tx<'_>,
    from: &ChargeId,
    model: Option<&String>,
) -> Result<(Vec<Booked>, Option<ChargeId>), Error> {
    let mut rows: Vec<Booked> = tx
        .all(
            "SELECT id, at, request, key_id, user_id, team_id, app, model, input_tokens,
                 output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
                 audio_input_tokens, image_tokens, reasoning_tokens, audio_output_tokens, cost, price,
                 estimated, aborted, failed, route, images, audio_ms, characters, searches, tags,
                 end_user
             FROM calls WHERE id >= $1 ORDER BY id LIMIT $2",
            (from, BATCH + 1),
        )
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|found| found > BATCH);
    let next = if more { rows.pop().map(|row| row.id) } else { None };
    rows.retain(|row| model.is_none_or(|model| row.charge.model == *model));
    Ok((rows, next))
}

/// Whether it still cost what it did when it was read.
pub(super) async fn set_cost(
    tx: &mut Tx<'_>,
    row: &Booked,
    cost: Option<NanoDollars>,
    price: Option<&String>,
) -> Result<bool, Error> {
    let set: Option<(ChargeId,)> = tx
        .optional(
            "UPDATE calls SET cost = $2, price = $3
             WHERE id = $1 AND COALESCE(cost, -1) = COALESCE(CAST($4 AS BIGINT), -1) RETURNING id",
            (&row.id, cost, price, row.charge.cost),
        )
        .await?;
    Ok(set.is_some())
}

/// At most so many rows are looked at for one page: a filter that little fits ends pages early, and never walks
/// through years.
const LOOKED_AT: i64 = 20_000;

macro_rules! looked_at {
    ($index:literal, $rest:literal) => {
        concat!(
            " FROM calls WHERE id >= $1 AND id < $2",
            $index,
            " AND (CAST($3 AS TEXT) IS NULL OR key_id = $3)
              AND (CAST($4 AS TEXT) IS NULL OR user_id = $4)
              AND (CAST($5 AS TEXT) IS NULL OR team_id = $5)
              ORDER BY id DESC ",
            $rest
        )
    };
}

macro_rules! page {
    ($index:literal) => {
        (
            concat!(
                "SELECT * FROM (SELECT id, at, request, key_id, user_id, team_id, app, model,
                     input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
                     cache_write_1h_tokens, audio_input_tokens, image_tokens, reasoning_tokens,
                     audio_output_tokens, cost, price, estimated, aborted, failed, route, images,
                     audio_ms, characters, searches, tags, end_user",
                looked_at!($index, "LIMIT 20000"),
                ") AS looked_at WHERE (CAST($6 AS TEXT) IS NULL OR app = $6)
                 AND (CAST($7 AS TEXT) IS NULL OR model = $7)
                 AND (CAST($8 AS TEXT) IS NULL OR route = $8)
                 AND (CAST($9 AS TEXT) IS NULL OR end_user = $9)
                 AND (CAST($10 AS TEXT) IS NULL OR REPLACE(tags, $10, '') <> tags)
                 ORDER BY id DESC LIMIT $11"
            ),
            concat!("SELECT id", looked_at!($index, "LIMIT 1 OFFSET $6")),
        )
    };
}

/// More than a tuple takes.
struct Wanted<'a>(
    (&'a ChargeId, &'a ChargeId, &'a Option<String>, &'a Option<String>, &'a Option<String>),
    (&'a Option<String>, &'a Option<String>, &'a Option<String>, &'a Option<String>),
    &'a Option<String>,
    i64,
);

impl Params for Wanted<'_> {
    fn into_values(self) -> Vec<Value> {
        let Self((from, end, key, user, team), (app, model, route, end_user), tag, limit) = self;
        let ids = [from.to_value(), end.to_value()].into_iter();
        let texts = [key, user, team, app, model, route, end_user, tag];
        ids.chain(texts.map(Param::to_value)).chain([limit.to_value()]).collect()
    }
}

impl Operation for ListCalls {
    type Output = Page;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Page, Error> {
        // One text for each index that can lead the way.
        let (page, last) = match (&self.key, &self.user, &self.team) {
            (Some(_), ..) => page!(" AND key_id = $3"),
            (_, Some(_), _) => page!(" AND user_id = $4"),
            (.., Some(_)) => page!(" AND team_id = $5"),
            _ => page!(""),
        };
        let from = ChargeId::first_at(self.since);
        let end = ChargeId::first_at(self.until);
        let end = self.below.as_ref().filter(|below| **below < end).unwrap_or(&end);
        let (key, user, team) = (&self.key, &self.user, &self.team);
        let more = self.limit + 1;
        let tag = self.tag.as_ref().map(|tag| format!(",{tag},"));
        let also = (&self.app, &self.model, &self.route, &self.end_user);
        let params = Wanted((&from, end, key, user, team), also, &tag, more);
        let mut calls: Vec<Booked> = tx.all(page, params).await?;
        if i64::try_from(calls.len()).is_ok_and(|found| found == more) {
            calls.pop();
            let next = calls.last().map(|last| last.id.clone());
            return Ok(Page { calls, next });
        }
        let params = (&from, end, key, user, team, LOOKED_AT - 1);
        let last: Option<(ChargeId,)> = tx.optional(last, params).await?;
        Ok(Page { calls, next: last.map(|(id,)| id) })
    }
}

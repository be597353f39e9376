//! A small plot of what was used, drawn here: no script, no picture from elsewhere.
use crate::model::Timestamp;

/// An SVG path in a box of 128 by 32, and what it shows in words.
pub(super) struct Plot {
    pub(super) path: String,
    pub(super) label: String,
}

const WIDTH: f64 = 128.0;
const HEIGHT: f64 = 28.0;

impl Plot {
    /// Tokens by day since 1970, over so many days with today as the last.
    pub(super) fn of(used: impl Iterator<Item = (i64, i64)>, today: i64, days: i64) -> Self {
        let first = today - days + 1;
        let mut each = vec![0_i64; usize::try_from(days).unwrap_or(1)];
        for (day, tokens) in used {
            if let Some(at) = usize::try_from(day - first).ok().and_then(|at| each.get_mut(at)) {
                *at = at.saturating_add(tokens);
            }
        }
        let most = each.iter().copied().max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "drawn, not added up")]
        let share = |part: i64, of: i64| part as f64 / of.max(1) as f64;
        let step = |at: usize| share(i64::try_from(at).unwrap_or(0), days - 1) * WIDTH;
        let points = each.iter().enumerate().map(|(at, tokens)| {
            format!("{:.1} {:.1}", step(at), HEIGHT + 2.0 - share(*tokens, most) * HEIGHT)
        });
        let path = format!("M{}", points.collect::<Vec<_>>().join(" L"));
        Self { path, label: label(&each, most, first) }
    }
}

fn label(each: &[i64], most: i64, first: i64) -> String {
    let sum: i64 = each.iter().fold(0, |sum, tokens| sum.saturating_add(*tokens));
    if sum == 0 {
        return format!("No tokens in {} days", each.len());
    }
    let best = each.iter().position(|tokens| *tokens == most).unwrap_or(0);
    let day = Timestamp((first + i64::try_from(best).unwrap_or(0)) * 86_400).day_in_words();
    format!("{sum} tokens in {} days, most of them on {day}", each.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_point_for_each_day_and_says_what_it_shows() {
        let plot = Plot::of([(20_000, 5), (20_002, 10), (19_000, 99)].into_iter(), 20_003, 4);
        assert_eq!(plot.path, "M0.0 16.0 L42.7 30.0 L85.3 2.0 L128.0 30.0");
        assert_eq!(plot.label, "15 tokens in 4 days, most of them on 6 October");
        assert_eq!(Plot::of([].into_iter(), 20_003, 30).label, "No tokens in 30 days");
    }
}

//! A small plot of what was spent, drawn here: no script, no picture from elsewhere.
use crate::model::{NanoDollars, Timestamp, Usage};
use std::ops::RangeInclusive;

/// Bars as one SVG path in a box of 128 by 32, and what they show in words.
pub(super) struct Plot {
    pub(super) path: String,
    pub(super) label: String,
}

const WIDTH: f64 = 128.0;
const HEIGHT: f64 = 32.0;

impl Plot {
    /// Money by day since 1970, over these days; tokens, where none of it has a cost.
    pub(super) fn of(used: impl Iterator<Item = (i64, Usage)>, days: RangeInclusive<i64>) -> Self {
        let first = *days.start();
        let mut each = vec![Usage::default(); days.count()];
        for (day, usage) in used {
            if let Some(at) = usize::try_from(day - first).ok().and_then(|at| each.get_mut(at)) {
                *at += usage;
            }
        }
        let money: Vec<i64> = each.iter().map(|usage| usage.cost.0).collect();
        let tokens: Vec<i64> = each.iter().map(Usage::tokens).collect();
        let costs = money.iter().any(|cost| *cost > 0);
        let heights = if costs { &money } else { &tokens };
        let whole: Usage = each.iter().copied().sum();
        let what = if costs { whole.cost_in_words() } else { format!("{} tokens", whole.tokens()) };
        Self { path: bars(heights), label: label(&what, heights, first) }
    }
}

/// A gap of a fifth between them; a day on which anything was used is seen.
fn bars(heights: &[i64]) -> String {
    let most = heights.iter().copied().max().unwrap_or(0).max(1);
    #[expect(clippy::cast_precision_loss, reason = "drawn, not added up")]
    let (step, share) =
        (WIDTH / heights.len().max(1) as f64, |part: i64| part as f64 / most as f64);
    let bar = |(at, height): (usize, &i64)| {
        #[expect(clippy::cast_precision_loss, reason = "drawn, not added up")]
        let left = at as f64 * step;
        let height = if *height > 0 { (share(*height) * HEIGHT).max(1.0) } else { 0.0 };
        let (top, width) = (HEIGHT - height, step * 0.8);
        (height > 0.0).then(|| format!("M{left:.2} 32V{top:.2}h{width:.2}V32z"))
    };
    heights.iter().enumerate().filter_map(bar).collect()
}

fn label(what: &str, heights: &[i64], first: i64) -> String {
    let days = heights.len();
    let Some(most) = heights.iter().copied().max().filter(|most| *most > 0) else {
        return format!("Nothing in {days} days");
    };
    let best = heights.iter().position(|height| *height == most).unwrap_or(0);
    let day = Timestamp((first + i64::try_from(best).unwrap_or(0)) * 86_400).day_in_words();
    format!("{what} in {days} days, most of it on {day}")
}

/// What the highest bar stands for.
pub(super) fn most(used: impl Iterator<Item = (i64, Usage)>) -> String {
    let mut days = std::collections::BTreeMap::<i64, Usage>::new();
    for (day, usage) in used {
        *days.entry(day).or_default() += usage;
    }
    let cost = days.values().map(|usage| usage.cost).max().unwrap_or_default();
    if cost > NanoDollars(0) {
        return cost.in_words();
    }
    format!("{} tokens", days.values().map(Usage::tokens).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(tokens: i64, cost: i64) -> Usage {
        let cost = NanoDollars(cost);
        Usage { calls: 1, input_tokens: tokens, cost, ..Usage::default() }
    }

    #[test]
    fn a_plot_has_a_bar_for_each_day_and_says_what_it_shows() {
        let days =
            [(20_000, used(5, 20_000_000)), (20_002, used(1, 40_000_000)), (19_000, used(9, 9))];
        let plot = Plot::of(days.into_iter(), 20_000..=20_003);
        assert_eq!(plot.path, "M0.00 32V16.00h25.60V32zM64.00 32V0.00h25.60V32z");
        assert_eq!(plot.label, "$0.06 in 4 days, most of it on 6 October");
        assert_eq!(most(days.into_iter()), "$0.04");
        let free = [(20_000, used(5, 0)), (20_001, used(500, 0))];
        let plot = Plot::of(free.into_iter(), 20_000..=20_003);
        assert_eq!(plot.path, "M0.00 32V31.00h25.60V32zM32.00 32V0.00h25.60V32z");
        assert_eq!(plot.label, "505 tokens in 4 days, most of it on 5 October");
        assert_eq!(most(free.into_iter()), "500 tokens");
        let none = Plot::of([].into_iter(), 20_000..=20_029);
        assert_eq!((none.path.as_str(), none.label.as_str()), ("", "Nothing in 30 days"));
    }
}

//! Exact percentiles of recorded durations.

use std::collections::BTreeMap;
use std::time::Duration;

/// What one run measured, by name. A name ends with its unit.
pub(crate) type Metrics = BTreeMap<String, f64>;

/// Recorded durations. Every one is kept, so percentiles are exact.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    micros: Vec<u32>,
}

impl Samples {
    /// Adds one; more than 71 minutes count as 71 minutes.
    pub(crate) fn push(&mut self, duration: Duration) {
        self.micros
            .push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.micros.len()
    }

    /// Adds count, p50, p90, p99 and max, in milliseconds, under `name`. Nothing when there are
    /// none: a percentile of nothing is no number.
    pub(crate) fn report(mut self, name: &str, metrics: &mut Metrics) {
        metrics.insert(format!("{name}_count"), count(self.micros.len()));
        if self.micros.is_empty() {
            return;
        }
        self.micros.sort_unstable();
        for (label, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            let millis = f64::from(self.micros[rank(self.micros.len(), part)]) / 1_000.0;
            metrics.insert(format!("{name}_{label}_ms"), millis);
        }
    }
}

/// Index of a percentile in a sorted list: the smallest value with at least that part of all at or
/// below it (nearest rank).
fn rank(len: usize, part: f64) -> usize {
    let position = (count(len) * part).ceil() as usize;
    position.clamp(1, len) - 1
}

/// A count as a metric. Counts here are far below 2^53, where this would become inexact.
pub(crate) fn count(value: usize) -> f64 {
    value as f64
}

/// The middle value; the mean of the middle two when there are as many on both sides.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[middle - 1], upper))
}

/// The median of each metric that all runs have.
pub(crate) fn medians(runs: &[Metrics]) -> Metrics {
    let Some(first) = runs.first() else {
        return Metrics::new();
    };
    first
        .keys()
        .filter_map(|name| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| run.get(name).copied()).collect();
            Some((name.clone(), median(&values?)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(micros: impl IntoIterator<Item = u64>) -> Metrics {
        let mut samples = Samples::default();
        for value in micros {
            samples.push(Duration::from_micros(value));
        }
        let mut metrics = Metrics::new();
        samples.report("x", &mut metrics);
        metrics
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let metrics = reported((1..=1000).rev().map(|n| n * 1000));
        assert_eq!(metrics["x_p50_ms"], 500.0);
        assert_eq!(metrics["x_p90_ms"], 900.0);
        assert_eq!(metrics["x_p99_ms"], 990.0);
        assert_eq!(metrics["x_max_ms"], 1000.0);
        assert_eq!(metrics["x_count"], 1000.0);
    }

    #[test]
    fn one_and_no_sample() {
        let metrics = reported([1500]);
        assert_eq!((metrics["x_p50_ms"], metrics["x_p99_ms"]), (1.5, 1.5));
        assert_eq!(reported([]), Metrics::from([("x_count".to_owned(), 0.0)]));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn medians_are_of_what_all_runs_have() {
        let run = |a: f64, b: Option<f64>| {
            let mut metrics = Metrics::from([("a".to_owned(), a)]);
            metrics.extend(b.map(|b| ("b".to_owned(), b)));
            metrics
        };
        let runs = [run(1.0, Some(1.0)), run(5.0, None), run(2.0, Some(2.0))];
        assert_eq!(medians(&runs), Metrics::from([("a".to_owned(), 2.0)]));
    }
}

//! What all rounds came to, shown to whoever runs them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Once;

use super::plan;
use super::round::Outcome;

/// What happened at a named point.
#[derive(Debug, Default)]
struct Row {
    hits: u64,
    rounds: u32,
    kills: u32,
}

/// All rounds together.
pub(super) struct Report {
    points: BTreeMap<String, Row>,
    /// Points that no list names, and that nobody is killed at therefore.
    unknown: Vec<String>,
    failed: Vec<String>,
    rounds: usize,
    conflicts: u32,
    dealt: usize,
    missed: usize,
    left_out: usize,
    /// What was said of each blow.
    said: Vec<String>,
}

impl Report {
    pub(super) fn of(outcomes: &[Outcome], on_postgres: bool) -> Self {
        let known = plan::all_points(on_postgres);
        let mut points: BTreeMap<String, Row> = known
            .iter()
            .map(|point| (point.clone(), Row::default()))
            .collect();
        for outcome in outcomes {
            for (point, hits) in &outcome.reached {
                points.entry(point.clone()).or_default().hits += hits;
            }
            for (point, kills) in &outcome.kills {
                let row = points.entry(point.clone()).or_default();
                row.rounds += 1;
                row.kills += kills;
            }
        }
        let lost = outcomes
            .iter()
            .filter(|outcome| !outcome.problems.is_empty());
        Self {
            unknown: points
                .keys()
                .filter(|point| !known.contains(point))
                .cloned()
                .collect(),
            failed: lost.map(|outcome| outcome.name.clone()).collect(),
            rounds: outcomes.len(),
            conflicts: outcomes.iter().map(|outcome| outcome.conflicts).sum(),
            dealt: outcomes.iter().map(|outcome| outcome.blows.len()).sum(),
            missed: outcomes.iter().map(|outcome| outcome.missed).sum(),
            left_out: outcomes.iter().map(|outcome| outcome.left_out).sum(),
            said: outcomes.iter().flat_map(|o| o.blows.clone()).collect(),
            points,
        }
    }

    pub(super) fn show(&self) {
        let mut text = format!(
            "\n{:<26} {:>8} {:>6} {:>5}\n",
            "fault point", "hits", "rounds", "kills"
        );
        for (point, row) in &self.points {
            let Row {
                hits,
                rounds,
                kills,
            } = row;
            text.push_str(&format!("{point:<26} {hits:>8} {rounds:>6} {kills:>5}\n"));
        }
        let (rounds, conflicts) = (self.rounds, self.conflicts);
        let (dealt, missed, left_out) = (self.dealt, self.missed, self.left_out);
        text.push_str(&format!(
            "{rounds} rounds, {conflicts} conflicts resolved, {dealt} blows ({missed} missed, {left_out} left out)"
        ));
        say(&text);
    }

    /// Fails with the name of every round that lost something.
    pub(super) fn nothing_is_lost(&self) {
        let (failed, rounds) = (&self.failed, self.rounds);
        assert!(
            failed.is_empty(),
            "{} of {rounds} rounds failed: {failed:?}",
            failed.len()
        );
        let unknown = &self.unknown;
        assert!(
            unknown.is_empty(),
            "points without a kill of their own: {unknown:?}"
        );
    }

    /// Fails if nobody was killed at one of these points.
    pub(super) fn was_killed_at(&self, points: &[&str]) {
        let killed = |point: &str| self.points.get(point).is_some_and(|row| row.kills > 0);
        let never: Vec<_> = points.iter().filter(|point| !killed(point)).collect();
        assert!(never.is_empty(), "never killed at {never:?}");
    }

    /// Fails if one of these blows, by how what is said of it begins, was never dealt.
    pub(super) fn was_dealt(&self, blows: &[&str]) {
        let dealt = |blow: &str| self.said.iter().any(|said| said.starts_with(blow));
        let never: Vec<_> = blows.iter().filter(|blow| !dealt(blow)).collect();
        assert!(never.is_empty(), "never dealt: {never:?}");
    }

    /// Fails if these rounds have left out something that they are there for.
    pub(super) fn nothing_is_left_out(&self) {
        let never: Vec<&String> = self
            .points
            .iter()
            .filter(|(_, row)| row.kills == 0)
            .map(|(point, _)| point)
            .collect();
        assert!(never.is_empty(), "never killed at {never:?}");
        assert!(self.conflicts > 0, "no two tasks ever conflicted");
    }
}

/// Past libtest, which keeps what the print macros of a passing test say to itself.
pub(super) fn say(text: &str) {
    let line = format!("{text}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// For what holds of every round.
pub(super) fn say_once(text: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| say(text));
}

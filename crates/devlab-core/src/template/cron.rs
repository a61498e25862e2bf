//! Schedules: five fields of cron, in a time zone.
//!
//! Time zones are those that this program was built with, so that a schedule means the same on every
//! server. Where a clock is put forward, what names a time that there is not that day happens at the
//! first moment after it; where it is put back, what names a time that comes twice happens once. What
//! goes on by the minute or hour (`*`, `*/15`), or has very many times a day, happens at each of its
//! times that the clock shows.
//!
//! The library keeps these rules for one minute and one hour. An expression that names several is
//! taken apart into such ones, and happens whenever one of them does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::time::Timestamp;

/// Longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 256;
/// Most times of a day that are looked at one by one.
const TIMES_OF_DAY_MAX: usize = 96;

/// The zones that come with this program.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// Minute, hour, day of the month, month, day of the week.
    pub expression: String,
    /// Name of the time zone in the IANA database, such as `Europe/Berlin`.
    pub zone: String,
    /// Whether it starts another goal while the last one is not over.
    #[serde(default)]
    pub overlap: bool,
}

impl Cron {
    /// Checks the bounds, and that it happens at all.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        if self.expression.len() > EXPRESSION_BYTES_MAX {
            let problem = format!("must have at most {EXPRESSION_BYTES_MAX} bytes");
            return Err(Refusal::invalid("cron.expression", problem));
        }
        self.zone()
            .map_err(|problem| Refusal::invalid("cron.zone", problem))?;
        let whole = self
            .pattern()
            .map_err(|problem| Refusal::invalid("cron.expression", problem))?;
        // 29 February comes within eight years, whatever century ends. Looked for once, not for each
        // time of day: it takes long to find none.
        let any = self.local(Timestamp::from_millis(0));
        let happens = |from: &Zoned| whole.find_next_occurrence(from, false).is_ok();
        if !any.as_ref().is_some_and(happens) {
            let problem = "names a time that never comes";
            return Err(Refusal::invalid("cron.expression", problem));
        }
        Ok(())
    }

    fn zone(&self) -> Result<TimeZone, String> {
        let found = ZONES.get(&self.zone);
        found.map_err(|_| "is no time zone of the IANA database, such as Europe/Berlin".to_owned())
    }

    fn pattern(&self) -> Result<croner::Cron, String> {
        Self::parse(&self.expression)
    }

    fn parse(expression: &str) -> Result<croner::Cron, String> {
        if expression.trim_start().starts_with('@') {
            return Err("give minute, hour, day, month and day of the week".to_owned());
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let parsed = parser.parse(expression);
        parsed.map_err(|error| format!("is no schedule in five fields: {error}"))
    }

    /// One pattern for each time of day that it names, or one for all.
    fn patterns(&self) -> Vec<croner::Cron> {
        let times = times_of_day(&self.expression).unwrap_or_default();
        let parsed = times.iter().map(|one| Self::parse(one));
        match parsed.collect::<Result<Vec<_>, _>>() {
            Ok(patterns) if !patterns.is_empty() => patterns,
            Ok(_) | Err(_) => self.pattern().into_iter().collect(),
        }
    }

    fn local(&self, at: Timestamp) -> Option<Zoned> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        Some(at.to_zoned(self.zone().ok()?))
    }

    /// The first time after this one. `None` if there is none, or if this is no schedule.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let from = self.local(at)?;
        let patterns = self.patterns();
        let next = patterns
            .iter()
            .filter_map(|pattern| pattern.find_next_occurrence(&from, false).ok());
        let next = next.map(|next| next.timestamp().as_millisecond()).min();
        next.map(Timestamp::from_millis)
    }

    /// The last time of those from `first` to `now`: what is made up for when several were missed.
    #[must_use]
    pub fn last_until(&self, first: Timestamp, now: Timestamp) -> Timestamp {
        let last = || {
            let now = self.local(now)?;
            let patterns = self.patterns();
            let last = patterns
                .iter()
                .filter_map(|pattern| pattern.find_previous_occurrence(&now, true).ok());
            let millis = last.map(|last| last.timestamp().as_millisecond()).max()?;
            // Of one second there may be parts after the full one.
            Some(Timestamp::from_millis(millis.div_euclid(1000) * 1000))
        };
        last().map_or(first, |last| last.max(first))
    }

    /// A time as its zone shows it, to the minute with its offset, and the day.
    #[must_use]
    pub fn shown(&self, at: Timestamp) -> (String, String) {
        match self.local(at) {
            Some(local) => (
                local.strftime("%Y-%m-%dT%H:%M%:z").to_string(),
                local.strftime("%Y-%m-%d").to_string(),
            ),
            None => (at.to_string(), at.to_string()),
        }
    }
}

/// An expression for each time of day, if this one names each by minute and hour.
fn times_of_day(expression: &str) -> Option<Vec<String>> {
    let (minutes, rest) = expression.trim_start().split_once(char::is_whitespace)?;
    let (hours, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let (minutes, hours) = (numbers(minutes, 59)?, numbers(hours, 23)?);
    let is_one = minutes.len() * hours.len() == 1;
    if is_one || minutes.len() * hours.len() > TIMES_OF_DAY_MAX {
        return None;
    }
    let mut times = Vec::with_capacity(minutes.len() * hours.len());
    for hour in hours {
        times.extend(
            minutes
                .iter()
                .map(|minute| format!("{minute} {hour} {rest}")),
        );
    }
    Some(times)
}

/// The numbers of a list of numbers and ranges, with steps or without; `None` for anything else.
fn numbers(field: &str, max: u32) -> Option<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok()?)),
            None => (part, None),
        };
        let (first, last) = match (range.split_once('-'), step) {
            (Some((first, last)), _) => (first.parse().ok()?, last.parse().ok()?),
            (None, None) => (range.parse().ok()?, range.parse().ok()?),
            // From there to the end, by steps.
            (None, Some(_)) => (range.parse().ok()?, max),
        };
        if last > max || step == Some(0) {
            return None;
        }
        found.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(expression: &str, zone: &str) -> Cron {
        Cron {
            expression: expression.to_owned(),
            zone: zone.to_owned(),
            overlap: false,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The next times after one, in UTC.
    fn next(cron: &Cron, from: &str, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut from = at(from);
        for _ in 0..count {
            from = cron.next_after(from).unwrap();
            found.push(from.to_string().replace(":00.000Z", "Z"));
        }
        found
    }

    #[test]
    fn a_clock_that_is_put_forward_skips_no_day() {
        let daily = cron("30 2 * * *", "Europe/Berlin");
        // On 29 March 2026 there is no half past two: three o'clock comes after two.
        let wanted = [
            "2026-03-28T01:30Z",
            "2026-03-29T01:00Z",
            "2026-03-30T00:30Z",
        ];
        assert_eq!(next(&daily, "2026-03-27T12:00:00Z", 3), wanted);
        assert_eq!(daily.shown(at(wanted[1])).0, "2026-03-29T03:00+02:00");
    }

    #[test]
    fn a_clock_that_is_put_back_starts_nothing_twice() {
        let daily = cron("30 2 * * *", "Europe/Berlin");
        // On 25 October 2026 half past two comes twice.
        let found = next(&daily, "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
        let from = at("2026-10-25T00:30:00Z");
        let again = daily.last_until(from, at("2026-10-25T01:45:00Z"));
        assert_eq!(again, from, "the second half past two is none of its own");
        // What happens every hour goes on through both.
        let hourly = cron("0 * * * *", "Europe/Berlin");
        let wanted = [
            "2026-10-25T00:00Z",
            "2026-10-25T01:00Z",
            "2026-10-25T02:00Z",
        ];
        assert_eq!(next(&hourly, "2026-10-24T23:30:00Z", 3), wanted);
    }

    #[test]
    fn several_times_a_day_are_met_once_each() {
        let spring = "2026-03-29T00:30:00Z";
        let autumn = "2026-10-24T23:30:00Z";
        for (expression, from, wanted) in [
            // Half past two there is not: it is met at three, where another one is, too.
            (
                "30 2,14 * * *",
                spring,
                ["29T01:00Z", "29T12:30Z", "30T00:30Z"],
            ),
            (
                "0,30 2-3 * * *",
                spring,
                ["29T01:00Z", "29T01:30Z", "30T00:00Z"],
            ),
            (
                "30 2,14 * * *",
                autumn,
                ["25T00:30Z", "25T13:30Z", "26T01:30Z"],
            ),
            (
                "0 1-3 * * *",
                autumn,
                ["25T00:00Z", "25T02:00Z", "26T00:00Z"],
            ),
            (
                "0 0-23/8 * * *",
                autumn,
                ["25T07:00Z", "25T15:00Z", "25T23:00Z"],
            ),
        ] {
            let month = &from[..8];
            let found = next(&cron(expression, "Europe/Berlin"), from, 3);
            assert_eq!(
                found,
                wanted.map(|day| format!("{month}{day}")),
                "{expression}"
            );
        }
        let twice = cron("30 2,14 * * *", "Europe/Berlin");
        let first = at("2026-10-25T00:30:00Z");
        assert_eq!(twice.last_until(first, at("2026-10-25T01:45:00Z")), first);
        let now = at("2026-10-25T20:00:00Z");
        assert_eq!(twice.last_until(first, now), at("2026-10-25T13:30:00Z"));
    }

    #[test]
    fn what_is_named_one_by_one_is_told_from_what_goes_on() {
        let count = |expression| times_of_day(expression).map(|times| times.len());
        assert_eq!(count("0,30 2-4 * * *"), Some(6));
        assert_eq!(count("5/20 1 * * *"), Some(3));
        for other in [
            "0 2 * * *",
            "*/5 1 * * *",
            "0 * * * *",
            "0-59 0-23 * * *",
            "0 2-1 * * *",
        ] {
            assert_eq!(count(other), None, "{other}");
        }
    }

    #[test]
    fn of_what_an_outage_missed_the_last_one_is_made_up_for() {
        let daily = cron("0 6 * * *", "Asia/Tokyo");
        let first = daily.next_after(at("2026-11-20T00:00:00Z")).unwrap();
        assert_eq!(first, at("2026-11-20T21:00:00Z"));
        let now = at("2026-11-23T03:04:05Z");
        assert_eq!(daily.last_until(first, now), at("2026-11-22T21:00:00Z"));
        assert_eq!(daily.last_until(first, first), first);
        assert_eq!(daily.next_after(now), Some(at("2026-11-23T21:00:00Z")));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_place() {
        for (expression, zone, field) in [
            ("0 6 * * *", "Europe/Atlantis", "cron.zone"),
            ("0 6 * * *", "../../etc/passwd", "cron.zone"),
            ("0 6 * *", "UTC", "cron.expression"),
            ("0 0 6 * * *", "UTC", "cron.expression"),
            ("60 6 * * *", "UTC", "cron.expression"),
            ("@daily", "UTC", "cron.expression"),
            ("0 0 30 2 *", "UTC", "cron.expression"),
            ("0,15,30,45 0-23 30 2 *", "UTC", "cron.expression"),
            ("", "UTC", "cron.expression"),
        ] {
            let said = cron(expression, zone).validate().unwrap_err().to_string();
            assert!(said.starts_with(field), "{expression} {zone}: {said}");
        }
        cron("0 0 29 2 *", "UTC").validate().unwrap();
        cron("*/5 8-18 * * MON-FRI", "America/New_York")
            .validate()
            .unwrap();
    }
}

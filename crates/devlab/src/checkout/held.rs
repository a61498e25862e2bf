//! A task that is ready and that nobody takes, or whose alternatives do not go on.

use std::time::Duration;

use devlab_api::task::{ChoiceRole, TaskDetail};
use devlab_core::state::StateName;
use tokio::time::Instant;

use super::able;
use crate::client::find::brief;
use crate::failure::{Exit, Failure};
use crate::show;

/// How long a reason has to hold before it is told: agents that have just been started, or are just
/// busy, take a task sooner.
pub(super) const HELD_AFTER: Duration = Duration::from_secs(3);
/// How long agents that could take a task may be away: long enough for a restart of their machine.
pub(super) const AWAY_MAX: Duration = Duration::from_secs(10 * 60);
/// Labels that stand for a driver, which the hint speaks of in other words.
const DRIVER_LABEL: &str = "driver=";

/// Watches for a reason that stays.
#[derive(Debug, Default)]
pub(super) struct Held {
    since: Option<Instant>,
    is_told: bool,
}

impl Held {
    /// Why the task is not taken, with what can be done about it; once.
    pub(super) fn look(&mut self, detail: &TaskDetail, now: Instant) -> Option<String> {
        let chooses = detail.task.choice == Some(ChoiceRole::Open);
        let state = detail.task.state;
        if state != StateName::Ready && !(chooses && state == StateName::Running) {
            *self = Self::default();
            return None;
        }
        let Some(why) = &detail.stuck else {
            self.since = None;
            return None;
        };
        if detail.task.held_by.is_some() {
            // Its turn comes by itself, however long the other one takes.
            self.since = None;
            let is_news = !std::mem::replace(&mut self.is_told, true);
            return is_news.then(|| show::printable(why.trim()));
        }
        let since = *self.since.get_or_insert(now);
        if self.is_told || now.duration_since(since) < HELD_AFTER {
            return None;
        }
        self.is_told = true;
        let why = show::printable(why.trim());
        Some(match chooses {
            true => format!("it does not go on: {why}"),
            false => format!("nobody takes it: {why}\n  → {}", hint(detail)),
        })
    }

    /// The end of patience: a script must not wait for ever for an agent that does not come back.
    ///
    /// # Errors
    /// The reason has held for [`AWAY_MAX`]. The task stays as it is.
    pub(super) fn is_bearable(&self, detail: &TaskDetail, now: Instant) -> anyhow::Result<()> {
        let held = self.since.map(|since| now.duration_since(since));
        if held.is_none_or(|held| held < AWAY_MAX) {
            return Ok(());
        }
        let (id, why) = (brief(&detail.task.id), detail.stuck.as_deref());
        Err(Failure::new(
            Exit::NoAgent,
            format!(
                "nobody took it for {} minutes: {}\n  → {}; it stays scheduled: `devlab task logs -f \
                 {id}` watches it, `devlab task cancel {id}` calls it off",
                AWAY_MAX.as_secs() / 60,
                show::printable(why.unwrap_or_default().trim()),
                hint(detail)
            ),
        ))
    }
}

fn hint(detail: &TaskDetail) -> String {
    let labels = detail.task.labels.iter();
    let labels: Vec<String> = labels
        .filter(|label| !label.starts_with(DRIVER_LABEL))
        .cloned()
        .collect();
    match detail.driver {
        Some(_) => able::start(&labels),
        // The reason names the command that gives it one.
        None => format!("give it a command, or {}", able::start_driver(&labels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::exit_of;
    use devlab_core::{TaskId, Timestamp};
    use serde_json::json;

    fn detail(state: &str, stuck: Option<&str>, labels: &[&str]) -> TaskDetail {
        let at = Timestamp::from_millis(1_764_000_000_000);
        let id = TaskId::new(at, 1);
        let org = devlab_core::OrgId::new(at, 2);
        let tries = devlab_core::task::Tries::default();
        let value = json!({
            "id": id, "org": org, "goal_id": id, "kind": "leaf", "title": "t", "state": state,
            "unmet": 0, "priority": 0, "path": 1, "labels": labels, "attempts": 0, "tries": tries,
            "open_children": 0, "review": false, "proof": "open", "archived": false,
            "created_at": at, "updated_at": at, "goal": "t", "checks": [], "depends_on": [],
            "dependents": [], "stuck": stuck, "feedback": [],
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_reason_that_stays_is_told_once() {
        let begin = Instant::now();
        let stuck = detail(
            "ready",
            Some("no agent has gpu"),
            &["driver=default", "gpu"],
        );
        let mut held = Held::default();
        assert_eq!(held.look(&stuck, begin), None);
        assert_eq!(held.look(&stuck, begin + HELD_AFTER / 2), None);
        let told = held.look(&stuck, begin + HELD_AFTER).unwrap();
        assert!(told.contains("no agent has gpu"), "{told}");
        assert!(told.contains("→ give it a command, or"), "{told}");
        assert!(
            told.contains("`devlab agent --labels gpu --driver-command"),
            "{told}"
        );
        assert_eq!(held.look(&stuck, begin + 2 * HELD_AFTER), None);

        assert!(held.is_bearable(&stuck, begin + AWAY_MAX / 2).is_ok());
        let end = held.is_bearable(&stuck, begin + AWAY_MAX).unwrap_err();
        assert_eq!(exit_of(&end), Exit::NoAgent);
        assert!(end.to_string().contains("`devlab task cancel"), "{end}");
    }

    #[test]
    fn what_is_held_back_is_waited_for_as_long_as_it_takes() {
        let begin = Instant::now();
        let mut held = Held::default();
        let mut back = detail("ready", Some("it is held back until x"), &[]);
        back.task.held_by = Some(back.task.id);
        let told = held.look(&back, begin).unwrap();
        assert!(told.contains("held back until x"), "{told}");
        assert_eq!(held.look(&back, begin + HELD_AFTER), None);
        held.look(&back, begin + AWAY_MAX);
        assert!(held.is_bearable(&back, begin + AWAY_MAX).is_ok());
    }

    #[test]
    fn alternatives_that_nobody_takes_are_not_waited_for_without_end() {
        let begin = Instant::now();
        let mut held = Held::default();
        let mut stuck = detail("running", Some("no agent is there"), &[]);
        held.look(&stuck, begin);
        assert!(held.is_bearable(&stuck, begin + AWAY_MAX).is_ok());
        stuck.task.choice = Some(ChoiceRole::Open);
        held.look(&stuck, begin);
        let told = held.look(&stuck, begin + HELD_AFTER).unwrap();
        assert!(told.contains("does not go on: no agent is there"), "{told}");
        let end = held.is_bearable(&stuck, begin + AWAY_MAX).unwrap_err();
        assert_eq!(exit_of(&end), Exit::NoAgent);
    }

    #[test]
    fn a_reason_that_comes_and_goes_is_not_told() {
        let begin = Instant::now();
        let mut held = Held::default();
        let stuck = detail("ready", Some("no agent is there"), &[]);
        for (between, after) in [("ready", 2), ("running", 4)] {
            held.look(&stuck, begin + (after - 2) * HELD_AFTER);
            held.look(&detail(between, None, &[]), begin + after * HELD_AFTER / 2);
            assert_eq!(held.look(&stuck, begin + after * HELD_AFTER), None);
        }
    }
}

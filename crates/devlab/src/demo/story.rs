//! Events as lines of a story.

use devlab_api::event::Event;
use devlab_core::event::EventKind;

use crate::show::{GREEN, RED, YELLOW};

/// What an event says to somebody who watches; `None` for what is not worth a line. `key` is what
/// its task is called, `killed` are the names of the agents that were killed.
pub(super) fn line(key: &str, killed: &[String], event: &Event) -> Option<String> {
    let text = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str);
    let why = text("why").unwrap_or_default();
    match event.kind {
        EventKind::TaskState => match (text("from"), text("to")?) {
            (Some("ready"), "running") => Some(match why {
                "its agent is back" => format!("{key}: goes on, {why}"),
                _ => format!("{key}: begins"),
            }),
            (_, "done") => Some(format!("{GREEN}{key}: merged and done{GREEN:#}")),
            (Some("integrating"), "ready" | "running") => {
                Some(format!("{YELLOW}{key}: goes back{YELLOW:#}, {why}"))
            }
            (_, to @ ("waiting" | "failed" | "cancelled")) => {
                Some(format!("{RED}{key}: {to}{RED:#}, {why}"))
            }
            _ => None,
        },
        EventKind::AttemptState => match text("failure")? {
            "check" => Some(format!(
                "{YELLOW}{key}: a check failed{YELLOW:#}, the next try gets its log"
            )),
            "driver" => Some(format!("{YELLOW}{key}: its program failed{YELLOW:#}")),
            "lost" => Some(format!(
                "{YELLOW}{key}: its agent is lost{YELLOW:#}, another try goes on"
            )),
            _ => None,
        },
        EventKind::AgentRegistered => {
            let name = text("name")?;
            let is_back = killed.iter().any(|killed| killed == name);
            is_back.then(|| format!("the agent {name} was started again, and goes on"))
        }
        EventKind::OrgCreated
        | EventKind::ProjectCreated
        | EventKind::ProjectPushed
        | EventKind::ProjectMoved
        | EventKind::TaskCreated
        | EventKind::TaskUpdated
        | EventKind::TaskAsked
        | EventKind::TaskAnswered
        | EventKind::TaskChosen
        | EventKind::TaskConflict
        | EventKind::PlanState
        | EventKind::PolicySet
        | EventKind::AttemptPhase
        | EventKind::AttemptVerify
        | EventKind::CandidateState
        | EventKind::PatchState
        | EventKind::PatchComment
        | EventKind::AgentState => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(kind: EventKind, data: Value) -> Option<String> {
        let event = json!({
            "seq": 1, "at": "2026-01-01T00:00:00Z", "kind": kind, "data": data,
            "org": devlab_core::OrgId::new(devlab_core::Timestamp::from_millis(1), 1),
        });
        let line = line(
            "csv",
            &["ada".to_owned()],
            &serde_json::from_value(event).unwrap(),
        )?;
        Some(anstream::adapter::strip_str(&line).to_string())
    }

    #[test]
    fn what_goes_wrong_and_on_is_told() {
        let state = |from: &str, to: &str, why: &str| {
            told(
                EventKind::TaskState,
                json!({ "from": from, "to": to, "why": why }),
            )
        };
        assert_eq!(state("ready", "running", "claimed").unwrap(), "csv: begins");
        assert_eq!(
            state("integrating", "done", "published").unwrap(),
            "csv: merged and done"
        );
        assert_eq!(
            state("integrating", "ready", "its target has conflicting changes").unwrap(),
            "csv: goes back, its target has conflicting changes"
        );
        assert_eq!(state("blocked", "ready", "x"), None);
        let attempt = |failure: Value| told(EventKind::AttemptState, json!({ "failure": failure }));
        assert!(attempt(json!("check")).unwrap().contains("a check failed"));
        assert!(
            attempt(json!("lost"))
                .unwrap()
                .contains("its agent is lost")
        );
        assert_eq!(attempt(Value::Null), None);
        let agent = |name: &str| told(EventKind::AgentRegistered, json!({ "name": name }));
        assert!(agent("ada").unwrap().contains("ada was started again"));
        assert_eq!(agent("grace"), None);
    }
}

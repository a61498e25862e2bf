//! The ready queues: what waits to be claimed, and in which order.

use crate::Refusal;
use crate::id::{AgentId, CandidateId, OrgId, TaskId};
use crate::label::Labels;
use crate::limit::Lane;

use super::Effect;

/// What waits to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// A candidate whose checks have to run. Sorts before tasks of the same priority.
    Verify(CandidateId),
    /// A ready leaf.
    Task(TaskId),
}

/// An entry of the ready queue. Its order is the order in which work is handed out: priority
/// (higher first), verify before work, longest remaining path, then age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Org.
    pub org: OrgId,
    /// Labels that an agent needs; with `lane` the key of the queue.
    pub requires: Labels,
    /// Limits that it counts under once it is claimed.
    pub lane: Lane,
    /// Higher is earlier.
    pub priority: i16,
    /// Longer is earlier.
    pub path: u32,
    /// Lower is earlier: [`crate::task::Task::seq`].
    pub seq: u64,
    /// The agent that may not take it: a result is verified by another one.
    pub not_by: Option<AgentId>,
    /// What it is.
    pub work: Work,
}

/// What separates the labels of a queue from its limits, and those from who may not take from it: a
/// character that none of them has.
const MARK: char = '|';

impl Queued {
    /// Name of its queue: its labels and, if it has any, its limits and who may not take it.
    #[must_use]
    pub fn queue(&self) -> String {
        match (self.lane.is_empty(), self.not_by) {
            (true, None) => self.requires.as_str().to_owned(),
            (false, None) => format!("{}{MARK}{}", self.requires, self.lane),
            (_, Some(agent)) => format!("{}{MARK}{}{MARK}{agent}", self.requires, self.lane),
        }
    }

    /// Tells one waiting agent that may take it.
    #[must_use]
    pub fn wake(&self) -> Effect {
        match self.not_by {
            None => Effect::Ready(self.org, self.requires.clone()),
            Some(agent) => Effect::ReadyBut(self.org, self.requires.clone(), agent),
        }
    }

    /// Sort key within an org: smaller is handed out earlier. Two entries never have equal keys,
    /// because `seq` and `work` name one task or candidate.
    #[must_use]
    pub fn rank(&self) -> (i32, u8, i64, u64) {
        let verify_first = match self.work {
            Work::Verify(_) => 0,
            Work::Task(_) => 1,
        };
        (
            -i32::from(self.priority),
            verify_first,
            -i64::from(self.path),
            self.seq,
        )
    }
}

/// Labels and limits of the queue with this name, and who may not take from it.
///
/// # Errors
/// [`Refusal::Invalid`] if no queue is called so.
pub fn parse_queue(name: &str) -> std::result::Result<(Labels, Lane, Option<AgentId>), Refusal> {
    let (labels, rest) = name.split_once(MARK).unwrap_or((name, ""));
    let (lane, agent) = rest.split_once(MARK).unwrap_or((rest, ""));
    let wrong = |_| Refusal::invalid("queue", "is not the name of a queue");
    let agent = match agent {
        "" => None,
        agent => Some(agent.parse().map_err(wrong)?),
    };
    Ok((labels.parse()?, lane.parse()?, agent))
}

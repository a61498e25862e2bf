//! The states of a task, and the one function that changes them.
//!
//! | from | cause | to | who |
//! |---|---|---|---|
//! | `draft` | [`Cause::Activate`] | `blocked` | a person, by approving |
//! | `blocked` | [`Cause::Unblocked`] | `ready` | the rule of the last dependency, or of the parent's start |
//! | `ready`, or `waiting` for an approval to start | [`Cause::Blocked`] | `blocked` | a person, by adding an edge |
//! | `ready` | [`Cause::Started`] | `running` | a leaf: a claim; a composite: the start loop |
//! | `ready` | [`Cause::TakenBack`] | `running` | a leaf: the agent whose lease had ended |
//! | `running` | [`Cause::LeaseEnded`] | `ready` | the lease loop, or an agent that gives up |
//! | `running` | [`Cause::TryAgain`] | `ready` | a leaf: an attempt that failed, or that did not hear what a person said |
//! | `running` | [`Cause::Adopted`] | `integrating` | a completion; the last child of a composite |
//! | `running` | [`Cause::Finished`] | `done` | the same, for a task without a project |
//! | `integrating` | [`Cause::SentBack`] | `ready` (leaf), `running` (composite) | the train |
//! | `integrating` | [`Cause::Published`] | `done` | the publication of its candidate |
//! | any live one | [`Cause::Park`] | `waiting` | the rule that needs a person |
//! | `waiting` | [`Cause::Resume`] | where it is to resume | a person's answer |
//! | `waiting`, `failed`, `cancelled` | [`Cause::Retry`] | `blocked` (leaf), `running` (a started composite) | a person |
//! | any but an end | [`Cause::Cancel`] | `cancelled` | a person |
//! | any but an end | [`Cause::Fail`] | `failed` | a person, or policy |
//!
//! A task that becomes `blocked` with nothing unmet becomes `ready` in the same transaction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// What a task is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Done by an agent.
    Leaf,
    /// Done by its children.
    Composite,
}

/// Why a task waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Someone has to approve it before it starts.
    Approval,
    /// The agent asks something.
    Question,
    /// The agent asks for a permission.
    Permission,
    /// Someone has to review its patch.
    Review,
    /// Its budget is used up.
    Budget,
    /// Retries are exhausted, or something unexpected happened.
    Attention,
}

/// Where a waiting task goes when the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeTo {
    /// Back to be claimed.
    Ready,
    /// On with its children.
    Running,
    /// On with its publication.
    Integrating,
}

/// State of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not approved yet.
    Draft,
    /// Dependencies, or the start of the parent, are missing.
    Blocked,
    /// Can be claimed (leaf) or started (composite).
    Ready,
    /// A work attempt lives (leaf), or children are not all done (composite).
    Running,
    /// Its result is on the way into its target.
    Integrating,
    /// Waits for a person.
    Waiting(WaitReason, ResumeTo),
    /// Its result is in its target, and proven there.
    Done,
    /// Given up by a person or by policy.
    Failed,
    /// Called off.
    Cancelled,
}

/// The nine states without what they carry: for filters, columns and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// [`State::Draft`]
    Draft,
    /// [`State::Blocked`]
    Blocked,
    /// [`State::Ready`]
    Ready,
    /// [`State::Running`]
    Running,
    /// [`State::Integrating`]
    Integrating,
    /// [`State::Waiting`]
    Waiting,
    /// [`State::Done`]
    Done,
    /// [`State::Failed`]
    Failed,
    /// [`State::Cancelled`]
    Cancelled,
}

impl StateName {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::Blocked,
        Self::Ready,
        Self::Running,
        Self::Integrating,
        Self::Waiting,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Integrating => "integrating",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StateName {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Refusal::invalid("state", "is not a state of a task"))
    }
}

impl State {
    /// The state without what it carries.
    #[must_use]
    pub fn name(self) -> StateName {
        match self {
            Self::Draft => StateName::Draft,
            Self::Blocked => StateName::Blocked,
            Self::Ready => StateName::Ready,
            Self::Running => StateName::Running,
            Self::Integrating => StateName::Integrating,
            Self::Waiting(..) => StateName::Waiting,
            Self::Done => StateName::Done,
            Self::Failed => StateName::Failed,
            Self::Cancelled => StateName::Cancelled,
        }
    }

    /// Whether nothing happens to the task any more, unless a person retries it.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether a parent may finish without it.
    #[must_use]
    pub fn is_closed_for_parent(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }

    /// Whether work on it may be under way, so that its dependencies are settled.
    #[must_use]
    pub fn has_started(self) -> bool {
        !matches!(
            self,
            Self::Draft
                | Self::Blocked
                | Self::Ready
                | Self::Waiting(WaitReason::Approval, ResumeTo::Ready)
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A person approved it.
    Activate,
    /// Its last dependency is done, and its parent has started.
    Unblocked,
    /// An edge to something that is not done was added.
    Blocked,
    /// A leaf was claimed, or a composite has got its branch.
    Started,
    /// The attempt whose lease had ended is back before anybody else claimed the task.
    TakenBack,
    /// The lease of the live attempt ended, or its agent gave it up.
    LeaseEnded,
    /// The attempt failed, and another try is allowed; or it did not hear what a person said.
    TryAgain,
    /// The result was adopted.
    Adopted,
    /// The result was adopted, and there is no repository it would have to go into.
    Finished,
    /// The target does not take the result.
    SentBack,
    /// The result is in its target.
    Published,
    /// A person is needed.
    Park(WaitReason, ResumeTo),
    /// The person answered.
    Resume,
    /// A person wants it tried again.
    Retry {
        /// Whether a composite has its branch already.
        started: bool,
    },
    /// A person called it off.
    Cancel,
    /// A person or policy gave it up.
    Fail,
}

/// Decides the next state.
///
/// # Errors
/// [`Refusal::BadState`] if this cannot happen in this state.
pub fn transition(kind: TaskKind, from: State, cause: Cause) -> Result<State, Refusal> {
    let refuse = |action: &'static str| {
        Err(Refusal::BadState {
            state: from.name().as_str().to_owned(),
            action,
        })
    };
    match (cause, from) {
        (Cause::Activate, State::Draft)
        | (Cause::Blocked, State::Ready | State::Waiting(WaitReason::Approval, ResumeTo::Ready)) => {
            Ok(State::Blocked)
        }
        (Cause::Activate, _) => refuse("activated"),
        (Cause::Blocked, _) => refuse("blocked"),
        (Cause::Unblocked, State::Blocked) => Ok(State::Ready),
        (Cause::Unblocked, _) => refuse("made ready"),
        (Cause::Started, State::Ready) => Ok(State::Running),
        (Cause::Started, _) => refuse("started"),
        (Cause::TakenBack, State::Ready) if kind == TaskKind::Leaf => Ok(State::Running),
        (Cause::TakenBack, _) => refuse("taken back"),
        (Cause::LeaseEnded | Cause::TryAgain, State::Running) if kind == TaskKind::Leaf => {
            Ok(State::Ready)
        }
        (Cause::LeaseEnded | Cause::TryAgain, _) => refuse("tried again"),
        (Cause::Adopted, State::Running) => Ok(State::Integrating),
        (Cause::Adopted, _) => refuse("integrated"),
        (Cause::Finished, State::Running) | (Cause::Published, State::Integrating) => {
            Ok(State::Done)
        }
        (Cause::Finished, _) => refuse("finished"),
        (Cause::Published, _) => refuse("published"),
        (Cause::SentBack, State::Integrating) => Ok(match kind {
            TaskKind::Leaf => State::Ready,
            TaskKind::Composite => State::Running,
        }),
        (Cause::SentBack, _) => refuse("sent back"),
        (
            Cause::Park(reason, to),
            State::Blocked | State::Ready | State::Running | State::Integrating,
        ) => Ok(State::Waiting(reason, to)),
        (Cause::Park(..), _) => refuse("parked"),
        (Cause::Resume, State::Waiting(_, to)) => Ok(match to {
            ResumeTo::Ready => State::Ready,
            ResumeTo::Running => State::Running,
            ResumeTo::Integrating => State::Integrating,
        }),
        (Cause::Resume, _) => refuse("resumed"),
        (
            Cause::Retry { started },
            State::Waiting(WaitReason::Attention, _) | State::Failed | State::Cancelled,
        ) => Ok(if kind == TaskKind::Composite && started {
            State::Running
        } else {
            State::Blocked
        }),
        (Cause::Retry { .. }, _) => refuse("retried"),
        (Cause::Cancel, from) if !from.is_end() => Ok(State::Cancelled),
        (Cause::Cancel, _) => refuse("cancelled"),
        (Cause::Fail, from) if !from.is_end() => Ok(State::Failed),
        (Cause::Fail, _) => refuse("failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_retry_leaves_an_end() {
        let causes = [
            Cause::Activate,
            Cause::Unblocked,
            Cause::Started,
            Cause::TakenBack,
            Cause::LeaseEnded,
            Cause::TryAgain,
            Cause::Adopted,
            Cause::Finished,
            Cause::SentBack,
            Cause::Published,
            Cause::Park(WaitReason::Attention, ResumeTo::Ready),
            Cause::Resume,
            Cause::Cancel,
            Cause::Fail,
        ];
        for state in [State::Done, State::Failed, State::Cancelled] {
            for cause in causes {
                assert!(
                    transition(TaskKind::Leaf, state, cause).is_err(),
                    "{state} {cause:?}"
                );
            }
        }
        let retry = Cause::Retry { started: false };
        assert!(transition(TaskKind::Leaf, State::Done, retry).is_err());
        assert_eq!(
            transition(TaskKind::Leaf, State::Failed, retry),
            Ok(State::Blocked)
        );
    }

    #[test]
    fn only_publication_or_an_unproven_finish_makes_a_task_done() {
        let states = [
            State::Draft,
            State::Blocked,
            State::Ready,
            State::Running,
            State::Integrating,
        ];
        for state in states {
            let published = transition(TaskKind::Leaf, state, Cause::Published);
            assert_eq!(published.is_ok(), state == State::Integrating, "{state}");
            let finished = transition(TaskKind::Leaf, state, Cause::Finished);
            assert_eq!(finished.is_ok(), state == State::Running, "{state}");
        }
    }
}

//! Events: the ordered stream of what happened.

use serde::{Deserialize, Serialize};

use crate::id::{AttemptId, OrgId, ProjectId, TaskId};
use crate::time::Timestamp;

/// What happened. The wire form is the dotted word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// An org was made.
    #[serde(rename = "org.created")]
    OrgCreated,
    /// A project was made.
    #[serde(rename = "project.created")]
    ProjectCreated,
    /// Refs of a project were pushed.
    #[serde(rename = "project.pushed")]
    ProjectPushed,
    /// The repository of a project moves to another server, or has moved.
    #[serde(rename = "project.moved")]
    ProjectMoved,
    /// A task was made.
    #[serde(rename = "task.created")]
    TaskCreated,
    /// A task's state changed.
    #[serde(rename = "task.state")]
    TaskState,
    /// A task's fields were changed by a person.
    #[serde(rename = "task.updated")]
    TaskUpdated,
    /// An agent asked a person something.
    #[serde(rename = "task.asked")]
    TaskAsked,
    /// A person answered it.
    #[serde(rename = "task.answered")]
    TaskAnswered,
    /// One of a task's alternatives was taken.
    #[serde(rename = "task.chosen")]
    TaskChosen,
    /// A task touches what another one touches, or is held back behind it.
    #[serde(rename = "task.conflict")]
    TaskConflict,
    /// A plan was proposed, became current, was superseded or rejected.
    #[serde(rename = "plan.state")]
    PlanState,
    /// A policy was set.
    #[serde(rename = "policy.set")]
    PolicySet,
    /// An attempt reports another phase.
    #[serde(rename = "attempt.phase")]
    AttemptPhase,
    /// An attempt ended, or its lease did.
    #[serde(rename = "attempt.state")]
    AttemptState,
    /// A verify attempt was claimed.
    #[serde(rename = "attempt.verify")]
    AttemptVerify,
    /// A candidate's state changed.
    #[serde(rename = "candidate.state")]
    CandidateState,
    /// A patch was opened, changed or closed.
    #[serde(rename = "patch.state")]
    PatchState,
    /// Someone spoke on a patch.
    #[serde(rename = "patch.comment")]
    PatchComment,
    /// An agent registered.
    #[serde(rename = "agent.registered")]
    AgentRegistered,
    /// An agent drains, or was removed.
    #[serde(rename = "agent.state")]
    AgentState,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::OrgCreated,
        Self::ProjectCreated,
        Self::ProjectPushed,
        Self::ProjectMoved,
        Self::TaskCreated,
        Self::TaskState,
        Self::TaskUpdated,
        Self::TaskAsked,
        Self::TaskAnswered,
        Self::TaskChosen,
        Self::TaskConflict,
        Self::PlanState,
        Self::PolicySet,
        Self::AttemptPhase,
        Self::AttemptState,
        Self::AttemptVerify,
        Self::CandidateState,
        Self::PatchState,
        Self::PatchComment,
        Self::AgentRegistered,
        Self::AgentState,
    ];

    /// The dotted word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrgCreated => "org.created",
            Self::ProjectCreated => "project.created",
            Self::ProjectPushed => "project.pushed",
            Self::ProjectMoved => "project.moved",
            Self::TaskCreated => "task.created",
            Self::TaskState => "task.state",
            Self::TaskUpdated => "task.updated",
            Self::TaskAsked => "task.asked",
            Self::TaskAnswered => "task.answered",
            Self::TaskChosen => "task.chosen",
            Self::TaskConflict => "task.conflict",
            Self::PlanState => "plan.state",
            Self::PolicySet => "policy.set",
            Self::AttemptPhase => "attempt.phase",
            Self::AttemptState => "attempt.state",
            Self::AttemptVerify => "attempt.verify",
            Self::CandidateState => "candidate.state",
            Self::PatchState => "patch.state",
            Self::PatchComment => "patch.comment",
            Self::AgentRegistered => "agent.registered",
            Self::AgentState => "agent.state",
        }
    }

    /// The kind of a dotted word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Org that may see it.
    pub org: OrgId,
    /// What happened.
    pub kind: EventKind,
    /// Project it concerns.
    pub project: Option<ProjectId>,
    /// Task it concerns.
    pub task: Option<TaskId>,
    /// Attempt it concerns.
    pub attempt: Option<AttemptId>,
    /// Particulars; an object.
    pub data: serde_json::Value,
}

/// An event in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Place in the stream: strictly increasing. There may be gaps.
    pub seq: u64,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// What.
    pub event: NewEvent,
}

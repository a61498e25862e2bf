//! Things to store, in one line each.

use devlab_core::attempt::{Agent, Attempt, AttemptKind, AttemptState, Phase};
use devlab_core::check::Sha256Hex;
use devlab_core::id::{Id, Kind};
use devlab_core::label::Labels;
use devlab_core::limit::Lane;
use devlab_core::org::{Org, Project};
use devlab_core::server::Home;
use devlab_core::state::{State, TaskKind};
use devlab_core::task::{Made, Proof, Task, TaskSpec, Tries};
use devlab_core::{AgentId, Oid, OrgId, ProjectId, RefName, TaskId, Timestamp};

/// Where the clock of a case begins, in milliseconds since the Unix epoch.
pub(super) const NOW: i64 = 1_800_000_000_000;

/// The same id for the same number; a larger number is a later id.
pub(super) fn id<K: Kind>(n: u32) -> Id<K> {
    Id::new(Timestamp::from_millis(NOW + i64::from(n)), u128::from(n))
}

pub(super) fn at(n: u32) -> Timestamp {
    Timestamp::from_millis(NOW + i64::from(n))
}

pub(super) fn oid(n: u32) -> Oid {
    format!("{n:040x}").parse().unwrap()
}

pub(super) fn hash(text: &str) -> Sha256Hex {
    Sha256Hex::of(text.as_bytes())
}

pub(super) fn branch(name: &str) -> RefName {
    RefName::branch(name).unwrap()
}

pub(super) fn labels(text: &str) -> Labels {
    text.parse().unwrap()
}

pub(super) fn lane(text: &str) -> Lane {
    text.parse().unwrap()
}

pub(super) fn org(n: u32) -> Org {
    Org {
        id: id(n),
        name: format!("org-{n}").parse().unwrap(),
        retention: None,
        created_at: at(n),
    }
}

pub(super) fn project(n: u32, org: OrgId) -> Project {
    Project {
        id: id(n),
        org,
        name: format!("project-{n}").parse().unwrap(),
        default_branch: branch("main"),
        upstream: None,
        archived: false,
        home: Home {
            server: Some(id(7)),
            epoch: 3,
            moving_to: None,
        },
        created_at: at(n),
    }
}

/// A goal of org 1 without a project.
pub(super) fn task(n: u32) -> Task {
    Task {
        id: id(n),
        seq: 0,
        org: id(1),
        project: None,
        parent: None,
        goal: id(n),
        depth: 0,
        kind: TaskKind::Leaf,
        state: State::Ready,
        unmet: 0,
        priority: 0,
        path: 1,
        requires: Labels::default(),
        attempts: 0,
        live: None,
        lost: None,
        tries: Tries::default(),
        not_before: None,
        open_children: 0,
        started: false,
        head: None,
        prior: None,
        merges: None,
        published: None,
        review: false,
        asked: None,
        accepted: None,
        side_effects: false,
        proof: Proof::Open,
        check_set: None,
        terms: None,
        lane: Lane::default(),
        told: false,
        choice: None,
        held_by: None,
        holds: false,
        archived: false,
        created_at: at(n),
        updated_at: at(n),
    }
}

/// A child of a goal.
pub(super) fn child(n: u32, parent: TaskId) -> Task {
    Task {
        parent: Some(parent),
        goal: parent,
        depth: 1,
        ..task(n)
    }
}

pub(super) fn spec(title: &str) -> TaskSpec {
    TaskSpec {
        title: title.into(),
        goal: format!("do {title}"),
        ..TaskSpec::default()
    }
}

pub(super) fn made() -> Made {
    Made::by("admin:someone")
}

/// A live work attempt of agent 1 at task 1.
pub(super) fn attempt(n: u32) -> Attempt {
    Attempt {
        id: id(n),
        org: id(1),
        task: id(1),
        number: n,
        kind: AttemptKind::Work,
        candidate: None,
        agent: id(1),
        claim_id: format!("claim-{n}"),
        state: AttemptState::Live,
        phase: Phase::Preparing,
        lease_until: at(1000 + n),
        base: None,
        prior: None,
        merges: None,
        commit: None,
        failure: None,
        terms: None,
        lane: Lane::default(),
        created_at: at(n),
        ended_at: None,
    }
}

pub(super) fn agent(n: u32, org: OrgId) -> Agent {
    let id: AgentId = id(n);
    Agent {
        id,
        org,
        name: format!("agent-{n}"),
        labels: labels("linux,rust"),
        capacity: 2,
        runtime: "local".into(),
        draining: false,
        lane: Lane::default(),
        created_at: at(n),
        seen_at: at(n),
    }
}

pub(super) fn project_id(n: u32) -> ProjectId {
    id(n)
}

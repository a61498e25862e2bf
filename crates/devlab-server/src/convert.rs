//! Wire types from entities, and back.

use devlab_api::agent::{self as wire_agent, Claimed, Repository};
use devlab_api::event::Event as WireEvent;
use devlab_api::project as wire_project;
use devlab_api::task as wire;
use devlab_api::token::Token as WireToken;
use devlab_core::ask::Ask;
use devlab_core::attempt::{Agent, Attempt};
use devlab_core::auth::Token;
use devlab_core::check::{CheckSet, Receipt};
use devlab_core::event::Event;
use devlab_core::git::RefName;
use devlab_core::limits::{LOG_BYTES_MAX, TIMEOUT_SECS_MAX};
use devlab_core::org::{Org, Project, ProjectSettings};
use devlab_core::rules::agents;
use devlab_core::rules::complete::CheckRun;
use devlab_core::server::Server;
use devlab_core::state::State;
use devlab_core::task::{Feedback, Made, Task, TaskSpec, Through};
use devlab_core::train::Candidate;
use devlab_core::tx::Edge;
use devlab_core::{Oid, Refusal, Timestamp};
use devlab_orchestrator::{Assignment, CommitView, EntryKind, Folder, FolderEntry};

/// How long after its time limit a check may end: a busy machine takes its time to end it.
const CHECK_SLACK_MS: u64 = 3_600_000;
/// Longest run of a check that a receipt may tell of, in milliseconds.
const CHECK_MS_MAX: u64 = TIMEOUT_SECS_MAX as u64 * 1_000 + CHECK_SLACK_MS;

pub(crate) fn text(oid: &Oid) -> String {
    oid.to_string()
}

pub(crate) fn branch(name: &RefName) -> String {
    name.branch_name().unwrap_or(name.as_str()).to_owned()
}

/// A task.
#[must_use]
pub fn task(task: &Task, spec: &TaskSpec) -> wire::Task {
    wire::Task {
        id: task.id,
        org: task.org,
        project: task.project,
        parent: task.parent,
        goal_id: task.goal,
        kind: task.kind,
        title: spec.title.clone(),
        state: task.state.name(),
        waiting_for: match task.state {
            State::Waiting(reason, _) => Some(reason),
            State::Draft
            | State::Blocked
            | State::Ready
            | State::Running
            | State::Integrating
            | State::Done
            | State::Failed
            | State::Cancelled => None,
        },
        question: None,
        unmet: task.unmet,
        priority: task.priority,
        path: task.path,
        labels: task.requires.iter().map(str::to_owned).collect(),
        attempts: task.attempts,
        tries: task.tries,
        live_attempt: task.live,
        not_before: task.not_before,
        open_children: task.open_children,
        review: task.review,
        proof: task.proof,
        head: task.head.as_ref().map(text),
        published: task.published.as_ref().map(text),
        check_set: task.check_set.as_ref().map(ToString::to_string),
        held_by: task.held_by,
        choice: crate::convert_choice::role(task),
        chosen: crate::convert_choice::chosen(task),
        archived: task.archived,
        created_at: task.created_at,
        updated_at: task.updated_at,
    }
}

/// What belongs to one task alone, besides the task.
#[derive(Debug, Default)]
pub struct TaskParts {
    /// Checks that its result has to pass.
    pub checks: CheckSet,
    /// What it depends on.
    pub depends_on: Vec<devlab_core::TaskId>,
    /// What depends on it.
    pub dependents: Vec<devlab_core::TaskId>,
    /// Why it does not move.
    pub stuck: Option<String>,
    /// What the next attempt will be told.
    pub feedback: Vec<Feedback>,
    /// What was asked of people.
    pub asks: Vec<Ask>,
    /// Its patch.
    pub patch: Option<devlab_core::PatchId>,
    /// Branch that its result goes into.
    pub target: Option<RefName>,
    /// Who it was made for.
    pub made: Option<Made>,
}

/// A task with everything that belongs to it alone.
#[must_use]
pub fn task_detail(one: &Task, spec: TaskSpec, parts: TaskParts) -> wire::TaskDetail {
    let artifacts = match one.project {
        Some(_) => parts.checks.artifacts.clone(),
        None => spec.artifacts.clone(),
    };
    wire::TaskDetail {
        artifacts,
        paths: spec.paths.clone(),
        conflicts: Vec::new(),
        task: task(one, &spec),
        goal: spec.goal,
        driver: spec.driver.map(Into::into),
        checks: parts.checks.checks.into_iter().map(Into::into).collect(),
        depends_on: parts.depends_on,
        dependents: parts.dependents,
        stuck: parts.stuck,
        feedback: parts.feedback,
        asks: parts.asks.into_iter().map(ask).collect(),
        patch: parts.patch,
        target: parts.target.as_ref().map(branch),
        made: parts.made.map(made),
    }
}

fn made(made: Made) -> wire::Made {
    wire::Made {
        by: made.by,
        through: made.through.map(|through| match through {
            Through::Plan { task, revision } => wire::Through::Plan { task, revision },
            Through::Schedule { schedule, name } => wire::Through::Schedule {
                schedule,
                name: name.to_string(),
            },
            Through::Result => wire::Through::Result,
        }),
    }
}

/// Something that is asked of people.
#[must_use]
pub fn ask(ask: Ask) -> wire::Ask {
    wire::Ask {
        number: ask.number,
        kind: ask.kind,
        attempt: ask.attempt,
        head: ask.head.as_ref().map(text),
        text: ask.text,
        choices: ask.choices,
        asked_at: ask.asked_at,
        answer: ask.answer.map(|answer| wire::AskAnswer {
            by: answer.by,
            at: answer.at,
            text: answer.text,
        }),
    }
}

/// A file that an attempt left.
#[must_use]
pub fn artifact(artifact: devlab_core::bytes::Artifact) -> wire::Artifact {
    wire::Artifact {
        id: artifact.id,
        task: artifact.task,
        attempt: artifact.attempt,
        path: artifact.path,
        size: artifact.len,
        sha256: artifact.blob.map(|blob| blob.to_string()),
        created_at: artifact.created_at,
    }
}

/// An attempt, with the length of its log and whether that is gone.
#[must_use]
pub fn attempt(attempt: Attempt, log_bytes: u64, log_gone: bool) -> wire::Attempt {
    wire::Attempt {
        id: attempt.id,
        task: attempt.task,
        number: attempt.number,
        kind: attempt.kind,
        agent: attempt.agent,
        state: attempt.state,
        phase: attempt.phase,
        failure: attempt.failure,
        base: attempt.base.as_ref().map(text),
        prior: attempt.prior.as_ref().map(text),
        commit: attempt.commit.as_ref().map(text),
        candidate: attempt.candidate,
        log_bytes,
        log_gone,
        created_at: attempt.created_at,
        ended_at: attempt.ended_at,
    }
}

/// A receipt, and whether the log that it is about is gone.
#[must_use]
pub fn receipt(receipt: Receipt, log_gone: bool) -> wire::Receipt {
    wire::Receipt {
        id: receipt.id,
        task: receipt.task,
        attempt: receipt.attempt,
        agent: receipt.agent,
        candidate: receipt.candidate,
        check: receipt.check,
        command: receipt.command,
        check_hash: receipt.check_hash.to_string(),
        check_set: receipt.check_set.to_string(),
        commit: text(&receipt.commit),
        tree: text(&receipt.tree),
        exit_code: receipt.exit_code,
        passed: receipt.passed,
        duration_ms: receipt.duration_ms,
        log_offset: receipt.log_offset,
        log_len: receipt.log_len,
        log_gone,
        isolation: receipt.isolation,
        at: receipt.at,
    }
}

/// A candidate.
#[must_use]
pub fn candidate(candidate: Candidate) -> wire::Candidate {
    wire::Candidate {
        id: candidate.id,
        target: branch(&candidate.target.branch),
        state: candidate.state,
        tasks: candidate.entries.iter().map(|entry| entry.task).collect(),
        base: candidate.base.as_ref().map(text),
        tip: candidate.tip.as_ref().map(text),
        tree: candidate.tree.as_ref().map(text),
        verify_attempts: candidate.attempts,
    }
}

/// An org.
#[must_use]
pub fn org(org: Org) -> wire_project::Org {
    wire_project::Org {
        id: org.id,
        name: org.name.to_string(),
        retention: org.retention.map(|kept| kept.to_string()),
        created_at: org.created_at,
    }
}

/// What attempts left.
#[must_use]
pub fn holdings(held: devlab_orchestrator::Holdings) -> wire_project::Holdings {
    wire_project::Holdings {
        logs: held.logs,
        log_bytes: held.log_bytes,
        artifacts: held.artifacts,
        artifact_bytes: held.artifact_bytes,
        refs: held.refs,
    }
}

/// A goal that is due.
#[must_use]
pub fn due_goal(due: devlab_orchestrator::DueGoal) -> wire_project::DueGoal {
    wire_project::DueGoal {
        goal: due.goal,
        title: due.title,
        ended_at: due.ended_at,
        holds: holdings(due.holds),
    }
}

/// A project, with its org and the head of its default branch.
#[must_use]
pub fn project(project: Project, org: &Org, head: Option<&Oid>) -> wire_project::Project {
    wire_project::Project {
        id: project.id,
        org: project.org,
        git_path: format!("/git/{}/{}.git", org.name, project.name),
        name: project.name.to_string(),
        default_branch: branch(&project.default_branch),
        head: head.map(text),
        upstream: project.upstream,
        archived: project.archived,
        home: project.home.server,
        moving_to: project.home.moving_to,
        created_at: project.created_at,
    }
}

/// What is in a folder of a repository.
#[must_use]
pub fn folder(commit: &Oid, path: String, folder: Folder) -> wire_project::Folder {
    let entry = |entry: FolderEntry| wire_project::FolderEntry {
        name: entry.name,
        kind: match entry.kind {
            EntryKind::File => "file",
            EntryKind::Executable => "executable",
            EntryKind::Link => "link",
            EntryKind::Folder => "folder",
            EntryKind::Submodule => "submodule",
        }
        .to_owned(),
        size: entry.size,
    };
    wire_project::Folder {
        commit: commit.to_string(),
        path,
        entries: folder.entries.into_iter().map(entry).collect(),
        cut: folder.cut,
    }
}

/// A project's settings.
#[must_use]
pub fn settings(settings: &ProjectSettings) -> wire_project::ProjectSettings {
    wire_project::ProjectSettings {
        setup: settings.checks.setup.clone(),
        checks: settings
            .checks
            .checks
            .iter()
            .cloned()
            .map(Into::into)
            .collect(),
        labels: settings.labels.iter().map(str::to_owned).collect(),
        protected_paths: settings.checks.protected_paths.clone(),
        artifacts: settings.checks.artifacts.clone(),
    }
}

/// An agent, with what it holds.
#[must_use]
pub fn agent(agent: Agent, held: &[Attempt], now: Timestamp) -> wire_agent::Agent {
    let online = agents::is_online(&agent, held, now);
    wire_agent::Agent {
        id: agent.id,
        org: agent.org,
        name: agent.name,
        labels: agent.labels.iter().map(str::to_owned).collect(),
        capacity: agent.capacity,
        attempts: held.iter().map(|attempt| attempt.id).collect(),
        runtime: agent.runtime,
        draining: agent.draining,
        online,
        created_at: agent.created_at,
        seen_at: agent.seen_at,
    }
}

/// Work for an agent. `git_token` is the attempt's own.
#[must_use]
pub fn claimed(got: Assignment, git_token: String, lease_ms: u64) -> Claimed {
    let artifacts = match got.project {
        Some(_) => got.checks.artifacts.clone(),
        None => got.spec.artifacts.clone(),
    };
    let attempt = got.attempt;
    let push_ref = RefName::of_attempt(attempt.task, attempt.number);
    let name = |name: Option<RefName>| name.map(|name| name.to_string());
    let repository = match (got.project, attempt.base, got.base_ref) {
        (Some((org, project)), Some(base), Some(base_ref)) => Some(Repository {
            project: project.id,
            git_path: format!("/git/{}/{}.git", org.name, project.name),
            git_token,
            base: text(&base),
            base_ref: base_ref.to_string(),
            prior: got
                .prior_ref
                .is_some()
                .then_some(attempt.prior)
                .flatten()
                .as_ref()
                .map(text),
            prior_ref: name(got.prior_ref),
            merges: got
                .merges_ref
                .is_some()
                .then_some(attempt.merges)
                .flatten()
                .as_ref()
                .map(text),
            merges_ref: name(got.merges_ref),
            push_ref: push_ref.to_string(),
            check_set: got.check_set.to_string(),
            setup: got.checks.setup,
            checks: got.checks.checks.into_iter().map(Into::into).collect(),
            candidate: attempt.candidate,
        }),
        _ => None,
    };
    let is_work = attempt.kind == devlab_core::attempt::AttemptKind::Work;
    Claimed {
        attempt: attempt.id,
        task: attempt.task,
        number: attempt.number,
        kind: attempt.kind,
        lease_ms,
        title: got.spec.title,
        goal: got.spec.goal,
        driver: got.spec.driver.filter(|_| is_work).map(Into::into),
        driver_secs_max: got.driver_secs.filter(|_| is_work),
        repository,
        artifacts: if is_work { artifacts } else { Vec::new() },
        feedback: got.feedback,
        answers: got.answers.into_iter().map(ask).collect(),
    }
}

/// A check that an agent ran.
///
/// # Errors
/// [`Refusal::Invalid`] for a tree that is none, a piece of a log that no log has, and a duration
/// that no check reaches.
pub fn check_run(i: usize, receipt: wire_agent::NewReceipt) -> Result<CheckRun, Refusal> {
    let tree = receipt.tree.parse().map_err(|_| {
        let field = format!("complete.delivered.receipts[{i}].tree");
        Refusal::invalid(field, "is not the id of a tree")
    })?;
    let end = receipt.log_offset.checked_add(receipt.log_len);
    if end.is_none_or(|end| end > LOG_BYTES_MAX) {
        let field = format!("complete.delivered.receipts[{i}].log_offset");
        let problem = format!("with log_len it ends beyond the longest log, {LOG_BYTES_MAX} bytes");
        return Err(Refusal::invalid(field, problem));
    }
    if receipt.duration_ms > CHECK_MS_MAX {
        let field = format!("complete.delivered.receipts[{i}].duration_ms");
        let problem = format!("no check runs for longer than {CHECK_MS_MAX} ms");
        return Err(Refusal::invalid(field, problem));
    }
    Ok(CheckRun {
        check: receipt.check,
        tree,
        exit_code: receipt.exit_code,
        duration_ms: receipt.duration_ms,
        log_offset: receipt.log_offset,
        log_len: receipt.log_len,
        log_tail: receipt.log_tail,
        isolation: receipt.isolation,
    })
}

/// An event.
#[must_use]
pub fn event(event: Event) -> WireEvent {
    WireEvent {
        seq: event.seq,
        at: event.at,
        kind: event.event.kind,
        org: event.event.org,
        project: event.event.project,
        task: event.event.task,
        attempt: event.event.attempt,
        data: event.event.data,
    }
}

/// A token, without its secret.
#[must_use]
pub fn token(token: Token) -> WireToken {
    WireToken {
        id: token.id,
        role: token.role,
        org: token.org,
        note: token.note,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
        created_at: token.created_at,
    }
}

/// A dependency.
#[must_use]
pub fn edge(edge: Edge) -> wire::Edge {
    wire::Edge {
        task: edge.dependent,
        depends_on: edge.dependency,
    }
}

/// A commit.
#[must_use]
pub fn commit(commit: CommitView) -> wire::Commit {
    wire::Commit {
        id: commit.id,
        parents: commit.parents,
        author: commit.author,
        at: commit.at.to_string(),
        subject: commit.subject,
    }
}

/// A server of the lab. Global callers learn how many repositories it has, and its address.
#[must_use]
pub fn peer(server: Server, this: bool, there: bool, projects: Option<u64>) -> devlab_api::Peer {
    devlab_api::Peer {
        id: server.id,
        name: server.name,
        version: server.version,
        roles: server.roles.iter().map(|r| r.as_str().to_owned()).collect(),
        url: projects.map(|_| server.url),
        projects,
        started_at: server.started_at,
        there,
        this,
    }
}

#[cfg(test)]
mod tests {
    use devlab_core::check::Isolation;

    use super::*;

    fn receipt(duration_ms: u64, log_offset: u64, log_len: u64) -> wire_agent::NewReceipt {
        wire_agent::NewReceipt {
            check: "c".to_owned(),
            tree: "0".repeat(40),
            exit_code: 0,
            duration_ms,
            log_offset,
            log_len,
            log_tail: String::new(),
            isolation: Isolation::Process,
        }
    }

    fn field(receipt: wire_agent::NewReceipt) -> Option<String> {
        match check_run(3, receipt) {
            Ok(_) => None,
            Err(Refusal::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_receipt_tells_of_a_log_and_a_time_that_there_can_be() {
        assert_eq!(field(receipt(0, 0, 0)), None);
        assert_eq!(
            field(receipt(CHECK_MS_MAX, LOG_BYTES_MAX - 5, 5)),
            None,
            "the bounds themselves are fine"
        );
        for (offset, len) in [
            (LOG_BYTES_MAX, 1),
            (LOG_BYTES_MAX - 5, 6),
            (u64::MAX, 0),
            (u64::MAX, 1),
            (1, u64::MAX),
        ] {
            let field = field(receipt(1, offset, len));
            assert!(field.is_some_and(|field| field.ends_with("receipts[3].log_offset")));
        }
        for duration_ms in [CHECK_MS_MAX + 1, u64::MAX] {
            let field = field(receipt(duration_ms, 0, 0));
            assert!(field.is_some_and(|field| field.ends_with("receipts[3].duration_ms")));
        }
    }
}

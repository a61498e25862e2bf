//! What records say of repositories: where branches are, which objects there have to be, what was
//! merged and what was proven.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use devlab_core::attempt::AttemptState;
use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::patch::PatchState;
use devlab_core::state::StateName;
use devlab_core::task::Proof;
use devlab_core::train::{CandidateEntry, CandidateState};
use devlab_core::{
    ArtifactId, AttemptId, CandidateId, Oid, OrgId, PatchId, ProjectId, ReceiptId, RefName, TaskId,
    Timestamp,
};
use serde::Deserialize;

/// What names an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namer {
    Branch,
    Task(TaskId, &'static str),
    Attempt(AttemptId, &'static str),
    Candidate(CandidateId, &'static str),
    Patch(PatchId, &'static str),
    Train(TaskId),
}

impl fmt::Display for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch => f.write_str("the head of a branch"),
            Self::Task(id, what) => write!(f, "the {what} of {id}"),
            Self::Attempt(id, what) => write!(f, "the {what} of {id}"),
            Self::Candidate(id, what) => write!(f, "the {what} of {id}"),
            Self::Patch(id, what) => write!(f, "the {what} of {id}"),
            Self::Train(id) => write!(f, "the result of {id} that waits to be merged"),
        }
    }
}

/// An object that is named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Who names it first.
    pub(super) by: Namer,
    /// Whether it has to be there. What was given up may be gone.
    pub(super) required: bool,
}

/// A candidate that was published.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) id: CandidateId,
    pub(super) base: Option<Oid>,
    pub(super) tip: Option<Oid>,
    pub(super) tree: Option<Oid>,
    pub(super) entries: Vec<CandidateEntry>,
    pub(super) check_set: Sha256Hex,
    /// Time of its merges.
    pub(super) stamp: Timestamp,
}

/// A project.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) org: OrgId,
    pub(super) name: String,
    pub(super) default_branch: RefName,
    pub(super) heads: BTreeMap<RefName, Oid>,
    pub(super) named: HashMap<Oid, Need>,
    /// Candidates that live, with what keeps them.
    pub(super) live: BTreeMap<CandidateId, Option<Oid>>,
    pub(super) patches: HashMap<PatchId, (Oid, bool)>,
    pub(super) published: Vec<Published>,
    /// Commits of receipts, and the trees that these are said to have.
    pub(super) receipts: HashMap<Oid, (Oid, ReceiptId)>,
    /// Trees that passed a check.
    pub(super) passed: HashSet<(Oid, Sha256Hex)>,
    /// Tasks that are done and proven, with their merge.
    pub(super) proven: Vec<(TaskId, Option<Oid>)>,
}

/// A task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) project: Option<ProjectId>,
    pub(super) attempts: u32,
}

/// What records say. Takes some hundred bytes of memory for each object that they name.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) orgs: Vec<(OrgId, String)>,
    pub(super) projects: BTreeMap<ProjectId, Project>,
    pub(super) tasks: HashMap<TaskId, Task>,
    pub(super) check_sets: HashMap<Sha256Hex, CheckSet>,
    pub(super) attempts: HashSet<AttemptId>,
    /// Blobs, by who names them first.
    pub(super) blobs: BTreeMap<Sha256Hex, String>,
    /// Blobs of logs.
    pub(super) kept: HashMap<AttemptId, Sha256Hex>,
    /// Logs whose first chunk is not their beginning, with where it is.
    pub(super) late: HashMap<AttemptId, u64>,
    /// Attempts with a log that is not, or not all, in a blob; the last one's chunks come.
    pub(super) logs: Vec<AttemptId>,
    /// What refers to something that is not there.
    pub(super) dangling: Vec<String>,
}

#[derive(Deserialize)]
struct OrgRow {
    id: OrgId,
    name: String,
}

#[derive(Deserialize)]
struct ProjectRow {
    id: ProjectId,
    org: OrgId,
    name: String,
    default_branch: RefName,
}

#[derive(Deserialize)]
struct HeadRow {
    project: ProjectId,
    branch: RefName,
    head: Oid,
}

#[derive(Deserialize)]
struct CheckSetRow {
    hash: Sha256Hex,
    body: CheckSet,
}

#[derive(Deserialize)]
struct TaskRow {
    id: TaskId,
    project: Option<ProjectId>,
    state: StateName,
    proof: Proof,
    attempts: u32,
    head: Option<Oid>,
    prior: Option<Oid>,
    merges: Option<Oid>,
    published: Option<Oid>,
    accepted: Option<Oid>,
}

#[derive(Deserialize)]
struct AttemptRow {
    id: AttemptId,
    task: TaskId,
    state: AttemptState,
    base: Option<Oid>,
    prior: Option<Oid>,
    merges: Option<Oid>,
    result: Option<Oid>,
}

#[derive(Deserialize)]
struct EntryRow {
    task: TaskId,
    project: ProjectId,
    head: Oid,
}

#[derive(Deserialize)]
struct CandidateRow {
    id: CandidateId,
    project: ProjectId,
    state: CandidateState,
    entries: Vec<CandidateEntry>,
    base: Option<Oid>,
    tip: Option<Oid>,
    tree: Option<Oid>,
    check_set: Sha256Hex,
    /// Milliseconds since 1970.
    stamp: i64,
}

#[derive(Deserialize)]
struct ReceiptRow {
    id: ReceiptId,
    project: ProjectId,
    task: TaskId,
    git_commit: Oid,
    tree: Oid,
    check_hash: Sha256Hex,
    passed: bool,
}

#[derive(Deserialize)]
struct LogRow {
    attempt: AttemptId,
    start: u64,
}

#[derive(Deserialize)]
struct KeptRow {
    attempt: AttemptId,
    blob: Option<Sha256Hex>,
}

#[derive(Deserialize)]
struct ArtifactRow {
    id: ArtifactId,
    blob: Option<Sha256Hex>,
}

#[derive(Deserialize)]
struct PatchRow {
    id: PatchId,
    project: ProjectId,
    base: Oid,
    head: Oid,
    state: PatchState,
}

impl Project {
    fn need(&mut self, oid: Option<Oid>, by: Namer, required: bool) {
        let Some(oid) = oid else { return };
        let known = self.named.entry(oid).or_insert(Need { by, required });
        if required && !known.required {
            *known = Need { by, required };
        }
    }
}

impl Facts {
    /// Takes a record in; kinds that name no objects are passed over.
    pub(super) fn add(&mut self, kind: &str, line: &str) -> Result<(), serde_json::Error> {
        match kind {
            "orgs" => {
                let OrgRow { id, name } = serde_json::from_str(line)?;
                self.orgs.push((id, name));
            }
            "projects" => self.project(serde_json::from_str(line)?),
            "branch_heads" => {
                let row: HeadRow = serde_json::from_str(line)?;
                let Some(project) = self.of(row.project, "a branch head") else {
                    return Ok(());
                };
                project.need(Some(row.head.clone()), Namer::Branch, true);
                project.heads.insert(row.branch, row.head);
            }
            "check_sets" => {
                let row: CheckSetRow = serde_json::from_str(line)?;
                self.check_sets.insert(row.hash, row.body);
            }
            "tasks" => self.task(serde_json::from_str(line)?),
            "attempts" => self.attempt(serde_json::from_str(line)?),
            "train_entries" => {
                let row: EntryRow = serde_json::from_str(line)?;
                if let Some(project) = self.of(row.project, "a train entry") {
                    project.need(Some(row.head), Namer::Train(row.task), true);
                }
            }
            "candidates" => self.candidate(serde_json::from_str(line)?),
            "receipts" => self.receipt(serde_json::from_str(line)?),
            "kept_logs" => {
                let row: KeptRow = serde_json::from_str(line)?;
                if let Some(blob) = row.blob {
                    self.kept.insert(row.attempt, blob.clone());
                    let by = || format!("the log of {}", row.attempt);
                    self.blobs.entry(blob).or_insert_with(by);
                }
            }
            "artifacts" => {
                let row: ArtifactRow = serde_json::from_str(line)?;
                if let Some(blob) = row.blob {
                    self.blobs.entry(blob).or_insert_with(|| row.id.to_string());
                }
            }
            "patches" => self.patch(serde_json::from_str(line)?),
            _ => {}
        }
        Ok(())
    }

    /// Takes a chunk of a log in.
    pub(super) fn add_log(&mut self, line: &str) -> Result<(), serde_json::Error> {
        let LogRow { attempt, start } = serde_json::from_str(line)?;
        if self.logs.last() != Some(&attempt) {
            self.logs.push(attempt);
            if start > 0 {
                self.late.insert(attempt, start);
            }
        }
        if !self.attempts.contains(&attempt) && self.dangling.is_empty() {
            self.dangling
                .push(format!("a log is of {attempt}, which is not there"));
        }
        Ok(())
    }

    fn of(&mut self, id: ProjectId, what: impl fmt::Display) -> Option<&mut Project> {
        let project = self.projects.get_mut(&id);
        if project.is_none() {
            self.dangling
                .push(format!("{what} belongs to {id}, which is not there"));
        }
        project
    }

    fn project(&mut self, row: ProjectRow) {
        if !self.orgs.iter().any(|(id, _)| *id == row.org) {
            self.dangling.push(format!(
                "{} belongs to {}, which is not there",
                row.id, row.org
            ));
        }
        let project = Project {
            org: row.org,
            name: row.name,
            default_branch: row.default_branch,
            heads: BTreeMap::new(),
            named: HashMap::new(),
            live: BTreeMap::new(),
            patches: HashMap::new(),
            published: Vec::new(),
            receipts: HashMap::new(),
            passed: HashSet::new(),
            proven: Vec::new(),
        };
        self.projects.insert(row.id, project);
    }

    fn task(&mut self, row: TaskRow) {
        let task = Task {
            project: row.project,
            attempts: row.attempts,
        };
        self.tasks.insert(row.id, task);
        let Some(project) = row.project else { return };
        let Some(project) = self.of(project, row.id) else {
            return;
        };
        let given_up = matches!(row.state, StateName::Failed | StateName::Cancelled);
        let open = !given_up && row.state != StateName::Done;
        let by = |what| Namer::Task(row.id, what);
        project.need(row.published.clone(), by("merge"), true);
        project.need(row.head.clone(), by("result"), !given_up);
        project.need(row.prior, by("prior work"), open);
        project.need(row.merges, by("other side"), open);
        // What was accepted and then taken back may be gone.
        let stands = row.accepted == row.head;
        project.need(row.accepted, by("accepted result"), open && stands);
        if row.state == StateName::Done && row.proof == Proof::Proven {
            project.proven.push((row.id, row.published));
        }
    }

    fn attempt(&mut self, row: AttemptRow) {
        self.attempts.insert(row.id);
        let Some(task) = self.tasks.get(&row.task) else {
            self.dangling
                .push(format!("{} is at {}, which is not there", row.id, row.task));
            return;
        };
        let Some(project) = task.project.and_then(|id| self.projects.get_mut(&id)) else {
            return;
        };
        let may_write = row.state.may_write();
        let by = |what| Namer::Attempt(row.id, what);
        project.need(row.base, by("base"), may_write);
        project.need(row.prior, by("prior work"), may_write);
        project.need(row.merges, by("other side"), may_write);
        project.need(row.result, by("result"), false);
    }

    fn candidate(&mut self, row: CandidateRow) {
        let Some(project) = self.of(row.project, row.id) else {
            return;
        };
        let is_live = row.state.is_live();
        let is_kept = is_live || row.state == CandidateState::Published;
        let by = |what| Namer::Candidate(row.id, what);
        project.need(row.base.clone(), by("base"), is_kept);
        project.need(row.tip.clone(), by("tip"), is_kept);
        if is_live {
            project.live.insert(row.id, row.tip.clone());
        }
        if row.state == CandidateState::Published {
            project.published.push(Published {
                id: row.id,
                base: row.base,
                tip: row.tip,
                tree: row.tree,
                entries: row.entries,
                check_set: row.check_set,
                stamp: Timestamp::from_millis(row.stamp),
            });
        }
    }

    fn receipt(&mut self, row: ReceiptRow) {
        if !self.tasks.contains_key(&row.task) {
            let (id, task) = (row.id, row.task);
            self.dangling
                .push(format!("{id} is of {task}, which is not there"));
        }
        let Some(project) = self.of(row.project, row.id) else {
            return;
        };
        if row.passed {
            project.passed.insert((row.tree.clone(), row.check_hash));
        }
        project.receipts.insert(row.git_commit, (row.tree, row.id));
    }

    fn patch(&mut self, row: PatchRow) {
        let Some(project) = self.of(row.project, row.id) else {
            return;
        };
        let kept = row.state != PatchState::Closed;
        project.need(Some(row.base), Namer::Patch(row.id, "base"), kept);
        project.need(Some(row.head.clone()), Namer::Patch(row.id, "head"), kept);
        let is_merged = row.state == PatchState::Merged;
        project.patches.insert(row.id, (row.head, is_merged));
    }
}

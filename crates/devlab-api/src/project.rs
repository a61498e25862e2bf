//! Orgs and projects.

use devlab_core::{OrgId, ProjectId, ServerId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::Check;

/// An org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Org {
    /// Id.
    #[schema(value_type = String, example = "org_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: OrgId,
    /// Name.
    pub name: String,
    /// How long logs, artifacts and refs of attempts stay after the end of their goal, such as `90d`
    /// or `forever`; absent: as the lab says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Changes an org. What is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateOrg {
    /// How long logs, artifacts and refs of attempts stay after the end of their goal: days, such as
    /// `90d`, `forever`, or `default`, which is as the lab says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
}

/// What attempts left that goes by the rules of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Holdings {
    /// Logs.
    pub logs: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Their bytes.
    pub artifact_bytes: u64,
    /// Commits of attempts that a ref of their own keeps. Refs go within the hour after the rest,
    /// by the server that has the repository.
    pub refs: u64,
}

impl std::ops::AddAssign for Holdings {
    fn add_assign(&mut self, other: Self) {
        self.logs += other.logs;
        self.log_bytes += other.log_bytes;
        self.artifacts += other.artifacts;
        self.artifact_bytes += other.artifact_bytes;
        self.refs += other.refs;
    }
}

/// A goal that ended so long ago that the bytes of its attempts are due to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DueGoal {
    /// The goal.
    #[schema(value_type = String)]
    pub goal: TaskId,
    /// Its title.
    pub title: String,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// What goes.
    pub holds: Holdings,
}

/// A page of what is due, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    /// What is in force for the org: its own retention, or else the lab's.
    pub retention: String,
    /// Goals, oldest first.
    pub items: Vec<DueGoal>,
    /// `cursor` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What was let go of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Retired {
    /// Goals.
    pub goals: u64,
    /// What their attempts left.
    pub held: Holdings,
    /// `cursor` of the next call, if there may be more to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Makes an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrg {
    /// Name: 1 to 63 of `a-z 0-9 -`.
    pub name: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Id.
    #[schema(value_type = String, example = "proj_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: ProjectId,
    /// Its org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Name.
    pub name: String,
    /// Branch that goals go into, such as `main`.
    pub default_branch: String,
    /// Head of that branch; absent while the repository is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Where people work on it, as they wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Path of its repository below this server's address, for git over HTTP.
    #[schema(example = "/git/default/parser.git")]
    pub git_path: String,
    /// Whether it takes no new goals.
    pub archived: bool,
    /// The server that has its repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub home: Option<ServerId>,
    /// The server that its repository is on its way to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub moving_to: Option<ServerId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What is in a folder of a project's repository, at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Folder {
    /// The commit.
    pub commit: String,
    /// The folder's path from the root; empty for the root itself.
    pub path: String,
    /// What is in it, by the bytes of the names.
    pub entries: Vec<FolderEntry>,
    /// Whether there are more than 5,000, which is the most that is listed.
    pub cut: bool,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FolderEntry {
    /// Its name, without the folder's.
    pub name: String,
    /// What it is: `file`, `executable`, `link`, `folder` or `submodule`.
    pub kind: String,
    /// Bytes of a file or a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Makes a project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProject {
    /// Org, by id or name. May be left out by a caller that has just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Name: 1 to 63 of `a-z 0-9 -`.
    pub name: String,
    /// Branch that goals go into. Default: `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// Where people work on it; a note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// An https address to fill the repository from. Without it, push to `git_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_url: Option<String>,
}

/// Changes a project. What is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateProject {
    /// Where people work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Whether it takes no new goals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

/// What `.devlab/project.toml` on the default branch says now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectSettings {
    /// Prepares a checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// Checks in the order they run.
    pub checks: Vec<Check>,
    /// Labels that an agent needs.
    pub labels: Vec<String>,
    /// Path prefixes whose change needs review.
    pub protected_paths: Vec<String>,
    /// Patterns of files that are kept of what drivers leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
}

/// Moves a project's repository to another server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveProject {
    /// Id of the server, or the name of its machine.
    pub to: String,
    /// The server that has the repository now will not come back: what the other one has of it, from
    /// an earlier move, has to do. Refused if that lacks a commit that the lab has accepted.
    #[serde(default)]
    pub lost: bool,
}

/// Brings commits of the upstream in. Push them first, to a branch or a tag: other refs are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncProject {
    /// The upstream's commit.
    pub commit: String,
    /// The branch that it was pushed to for this sync only, with a name that begins with `upstream/`.
    /// It is removed once the commit is taken over or refused, unless it has moved meanwhile. The
    /// command line pushes to `upstream/<branch>-<commit>-<random>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_branch: Option<String>,
}

/// What became of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncResult {
    /// `up_to_date`, `fast_forwarded`, or `merging` (a task merges and verifies it).
    pub outcome: String,
    /// Head of the default branch now.
    pub head: String,
    /// The task that merges it, if it has to be merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

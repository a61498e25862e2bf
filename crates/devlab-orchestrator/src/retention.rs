//! Retention: what goes some time after goals have ended; see [`devlab_core::rules::retention`].
//!
//! A goal is *due* once it has been over for as long as its org keeps its bytes. [`Lab::due_goals`]
//! only looks; [`Lab::retire_goals`] does it, goal by goal, and can be cut anywhere. Refs go at the
//! homes of the repositories, blobs that nothing names any more by the loop that collects them.

use devlab_core::attempt::{Attempt, AttemptKind};
use devlab_core::bytes::Retention;
use devlab_core::rules::retention;
use devlab_core::task::Task;
use devlab_core::tx::{Page, TaskFilter};
use devlab_core::{AttemptId, OrgId, TaskId, Timestamp};
use devlab_store::Settled;
use uuid::Uuid;

use crate::error::Result;
use crate::lab::Lab;

/// Tasks of a goal that are read at a time.
const TASKS_PAGE: u32 = 200;
/// Orgs read at a time.
const ORGS_PAGE: u32 = 200;

/// What the attempts of a goal, or of several, left: what goes with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Logs.
    pub logs: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Their bytes.
    pub artifact_bytes: u64,
    /// Commits of attempts that a ref of their own keeps.
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

/// A goal whose bytes are due to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueGoal {
    /// The goal.
    pub goal: TaskId,
    /// Its title.
    pub title: String,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What goes.
    pub holds: Holdings,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    /// Goals whose bytes went.
    pub goals: u64,
    /// What went with them.
    pub held: Holdings,
    /// The last goal that was looked at, if there may be more after it.
    pub last: Option<TaskId>,
}

impl Lab {
    /// How long bytes of an org's goals are kept.
    ///
    /// # Errors
    /// Storage only.
    pub async fn retention(&self, org: OrgId) -> Result<Retention> {
        let lab = self.config.bytes.retention;
        Ok(self
            .read(move |view| retention::of_org(view, org, lab))
            .await?)
    }

    /// Goals of an org whose bytes are due to go, oldest first, with what would go. Changes nothing.
    ///
    /// # Errors
    /// Storage only.
    pub async fn due_goals(
        &self,
        org: OrgId,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<DueGoal>> {
        let Some(before) = self.retention(org).await?.before(self.store_now().await?) else {
            return Ok(Vec::new());
        };
        let goals = self.read(move |view| view.retirable(org, before, after, limit));
        let mut due = Vec::new();
        for goal in goals.await? {
            let mut holds = Holdings::default();
            let mut after = None;
            while let Some((tasks, last)) = self.some_tasks(goal, after).await? {
                after = Some(last);
                for task in tasks {
                    if let Some((of, _)) = self.holdings(&task).await? {
                        holds += of;
                    }
                }
            }
            let known = self.read(move |view| Ok((view.task(goal)?, view.task_spec(goal)?)));
            let (Some(task), Some(spec)) = known.await? else {
                continue;
            };
            due.push(DueGoal {
                goal,
                title: spec.title,
                ended_at: task.updated_at,
                holds,
            });
        }
        Ok(due)
    }

    /// Lets go of the bytes of at most `limit` goals of an org that are due, oldest first, after
    /// one.
    ///
    /// # Errors
    /// Storage only.
    pub async fn retire_goals(
        &self,
        org: OrgId,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Retired> {
        let mut done = Retired::default();
        let Some(before) = self.retention(org).await?.before(self.store_now().await?) else {
            return Ok(done);
        };
        let goals = self.read(move |view| view.retirable(org, before, after, limit));
        let goals = goals.await?;
        let is_full = goals.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        done.last = goals.last().copied().filter(|_| is_full);
        for goal in goals {
            if self.stop.is_cancelled() {
                break;
            }
            if let Some(held) = self.retire_goal(goal, before).await? {
                done.goals += 1;
                done.held += held;
            }
        }
        Ok(done)
    }

    /// Looks for blobs and refs that nothing needs any more, now.
    pub fn collect_soon(&self) {
        self.wakes.collect.notify_one();
        self.wakes.tidy.notify_one();
    }

    /// Retires a goal. `None` if it is not due any more, or something of it can still write.
    async fn retire_goal(&self, goal: TaskId, before: Timestamp) -> Result<Option<Holdings>> {
        let mut held = Holdings::default();
        let mut after = None;
        while let Some((tasks, last)) = self.some_tasks(goal, after).await? {
            after = Some(last);
            for task in tasks {
                match self.let_go(&task, before).await? {
                    Some(of) => held += of,
                    None => return Ok(None),
                }
            }
        }
        self.fault("retire.before_record")?;
        let retired = self.write(move |tx| retention::retire(tx, goal, before));
        Ok(retired.await?.then_some(held))
    }

    /// Lets go of what the attempts of a task left. `None` as for [`Lab::retire_goal`].
    async fn let_go(&self, task: &Task, before: Timestamp) -> Result<Option<Holdings>> {
        let Some((held, logs)) = self.holdings(task).await? else {
            return Ok(None);
        };
        let (id, known) = (task.id, logs.clone());
        let gone = self.write(move |tx| retention::let_go(tx, id, before, &known));
        if !gone.await? {
            return Ok(None);
        }
        self.fault("retire.before_drop")?;
        for (attempt, len) in logs {
            self.drop_log(attempt, len).await?;
        }
        Ok(Some(held))
    }

    async fn drop_log(&self, attempt: AttemptId, len: u64) -> Result<()> {
        while self.store().settle_log(attempt, len, len).await? == Settled::More {}
        Ok(())
    }

    /// What the attempts of a task left, and the logs that the store has bytes of; `None` if an
    /// attempt can still write.
    async fn holdings(&self, task: &Task) -> Result<Option<(Holdings, Vec<(AttemptId, u64)>)>> {
        let id = task.id;
        let found = self.read(move |view| {
            let Some(attempts) = retention::settled_attempts(view, id)? else {
                return Ok(None);
            };
            let mut kept = Vec::new();
            for attempt in attempts {
                let log = view.kept_log(attempt.id)?;
                kept.push((attempt, log));
            }
            Ok(Some((kept, view.artifacts_of_task(id)?)))
        });
        let Some((attempts, artifacts)) = found.await? else {
            return Ok(None);
        };
        let (mut held, mut logs) = (Holdings::default(), Vec::new());
        for (attempt, log) in attempts {
            held.refs += u64::from(has_ref(&attempt, task));
            // Those that are gone as well: a step that was cut may have left their bytes.
            let (_, here) = self.store().read_log(attempt.id, 0, 0).await?;
            if here > 0 {
                logs.push((attempt.id, here));
            }
            let len = match &log {
                Some(log) if log.gone => 0,
                Some(log) => log.len.max(here),
                None => here,
            };
            held.logs += u64::from(len > 0);
            held.log_bytes += len;
        }
        for artifact in artifacts.iter().filter(|one| one.blob.is_some()) {
            held.artifacts += 1;
            held.artifact_bytes += artifact.len;
        }
        Ok(Some((held, logs)))
    }

    /// Some tasks of a goal, the goal included, after one; and what the next ones are after. `None`
    /// if there are no more.
    async fn some_tasks(
        &self,
        goal: TaskId,
        after: Option<Uuid>,
    ) -> Result<Option<(Vec<Task>, Uuid)>> {
        let page = Page {
            after,
            limit: TASKS_PAGE,
        };
        let filter = TaskFilter {
            goal: Some(goal),
            archived: true,
            ..TaskFilter::default()
        };
        let tasks = self.read(move |view| view.tasks(&filter, page)).await?;
        let last = tasks.last().map(|task| task.id.uuid());
        Ok(last.map(|last| (tasks, last)))
    }

    /// Ids of all orgs, oldest first.
    pub(crate) async fn all_orgs(&self) -> Result<Vec<OrgId>> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = Page {
                after,
                limit: ORGS_PAGE,
            };
            let orgs = self.read(move |view| view.orgs(None, page)).await?;
            let Some(last) = orgs.last() else {
                return Ok(ids);
            };
            after = Some(last.id.uuid());
            ids.extend(orgs.iter().map(|org| org.id));
        }
    }

    async fn store_now(&self) -> Result<Timestamp> {
        Ok(self.read(|view| Ok(view.now())).await?)
    }
}

fn has_ref(attempt: &Attempt, task: &Task) -> bool {
    attempt.kind == AttemptKind::Work && attempt.commit.is_some() && task.project.is_some()
}

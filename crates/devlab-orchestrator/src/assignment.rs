//! What an agent is given with an attempt.

use devlab_core::ask::Ask;
use devlab_core::attempt::{Attempt, AttemptKind};
use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::org::{Org, Project};
use devlab_core::policy::Terms;
use devlab_core::rules::ask;
use devlab_core::task::{Feedback, Task, TaskSpec};
use devlab_core::tx::Tx;
use devlab_core::{RefName, Refusal};

/// Everything that an agent needs for an attempt.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The attempt.
    pub attempt: Attempt,
    /// Words and commands.
    pub spec: TaskSpec,
    /// Org and project, if the task has a repository.
    pub project: Option<(Org, Project)>,
    /// Ref that has the attempt's base.
    pub base_ref: Option<RefName>,
    /// Ref that has the prior work.
    pub prior_ref: Option<RefName>,
    /// Ref that has the commit to merge.
    pub merges_ref: Option<RefName>,
    /// Checks to run, within the time that they are allowed.
    pub checks: CheckSet,
    /// Hash of their set, as it is known by.
    pub check_set: Sha256Hex,
    /// Longest time of a driver of the agent's own, in seconds.
    pub driver_secs: Option<u32>,
    /// What is known from earlier attempts.
    pub feedback: Vec<Feedback>,
    /// What was asked before, with the answers.
    pub answers: Vec<Ask>,
}

impl Assignment {
    /// Gathers it, in the transaction that made the attempt.
    pub(crate) fn of(tx: &mut dyn Tx, attempt: Attempt) -> devlab_core::Result<Self> {
        let task = tx.task(attempt.task)?.ok_or(Refusal::NotFound("task"))?;
        let mut spec = tx.task_spec(task.id)?.ok_or(Refusal::NotFound("task"))?;
        let terms = match &task.terms {
            Some(hash) => tx.terms(hash)?.unwrap_or_default(),
            None => Terms::default(),
        };
        if let Some(driver) = &mut spec.driver {
            terms.bound_driver(driver);
        }
        let mut made = Self {
            spec,
            driver_secs: terms.driver_secs,
            project: None,
            base_ref: None,
            prior_ref: None,
            merges_ref: None,
            check_set: CheckSet::default().hash(),
            checks: CheckSet::default(),
            feedback: Vec::new(),
            answers: Vec::new(),
            attempt,
        };
        if made.attempt.kind == AttemptKind::Work
            && (made.attempt.number > 1 || task.told || task.merges.is_some())
        {
            made.feedback = tx.feedback(task.id)?;
        }
        if made.attempt.kind == AttemptKind::Work && made.attempt.number > 1 {
            made.answers = ask::answers(tx, task.id)?;
        }
        let Some(project) = task.project else {
            return Ok(made);
        };
        let project = tx.project(project)?.ok_or(Refusal::NotFound("project"))?;
        let org = tx.org(project.org)?.ok_or(Refusal::NotFound("org"))?;
        let set = match made.attempt.candidate {
            Some(id) => {
                let candidate = tx.candidate(id)?.ok_or(Refusal::NotFound("candidate"))?;
                made.base_ref = Some(RefName::of_candidate(id));
                Some(candidate.check_set)
            }
            None => {
                made.base_ref = Some(task.target(&project.default_branch));
                made.prior_ref = prior_ref(tx, &task, &made.attempt)?;
                made.merges_ref = merges_ref(tx, &task, &project)?;
                task.check_set
            }
        };
        if let Some(hash) = set {
            made.checks = tx.check_set(&hash)?.unwrap_or_default();
            made.check_set = made.checks.hash();
            terms.bound_checks(&mut made.checks);
        }
        made.project = Some((org, project));
        Ok(made)
    }
}

fn prior_ref(
    tx: &mut dyn Tx,
    task: &Task,
    attempt: &Attempt,
) -> devlab_core::Result<Option<RefName>> {
    let Some(prior) = &attempt.prior else {
        return Ok(None);
    };
    let made_it = tx.attempts(task.id)?.into_iter().rev();
    let made_it = made_it
        .filter(|other| other.kind == AttemptKind::Work)
        .find(|other| other.commit.as_ref() == Some(prior));
    Ok(made_it.map(|other| RefName::of_attempt(task.id, other.number)))
}

/// A generated merge task brings the target of its parent into its parent's branch; a goal, a commit
/// of the upstream into its target.
fn merges_ref(
    tx: &mut dyn Tx,
    task: &Task,
    project: &Project,
) -> devlab_core::Result<Option<RefName>> {
    if task.merges.is_none() {
        return Ok(None);
    }
    let Some(parent) = task.parent else {
        return Ok(Some(RefName::of_upstream(task.id)));
    };
    let parent = tx.task(parent)?.ok_or(Refusal::NotFound("task"))?;
    Ok(Some(parent.target(&project.default_branch)))
}

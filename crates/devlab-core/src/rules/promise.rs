//! What tasks are promised changes: a goal's policy counts for all of its tasks that are not over.
//!
//! The most specific level counts, also where it takes something away. What waits for a person because
//! of what was promised before, and need not any more, goes on; what has to wait from now on does so
//! where it is: before its start, in its train, or when its result comes. What whoever asked for a task
//! wanted of its review stays.
//!
//! What is on its way into its target is not stopped any more. If it does not get there, it catches up.

use crate::check::Sha256Hex;
use crate::choice::{Choice, Choose};
use crate::error::Result;
use crate::id::TaskId;
use crate::limits::PAGE_MAX;
use crate::policy::{Level, Terms};
use crate::state::{Cause, ResumeTo, State, WaitReason};
use crate::task::Task;
use crate::time::Timestamp;
use crate::train::Candidate;
use crate::tx::{Page, Tx};

use super::policy::{self, Governing};
use super::step::{self, step};
use super::{ask, batch, choice, hold, train};

/// Gives the tasks of a goal that are not over what they are promised now.
pub(super) fn anew(tx: &mut dyn Tx, goal: TaskId) -> Result<()> {
    let goal = step::load(tx, goal)?;
    let now = Now::of(tx, &goal)?;
    let filter = policy::open_tasks(goal.org, Level::Goal(goal.id));
    let mut after = None;
    loop {
        let page = Page {
            after,
            limit: PAGE_MAX,
        };
        let tasks = tx.tasks(&filter, page)?;
        let Some(last) = tasks.last() else {
            return Ok(());
        };
        after = Some(last.id.uuid());
        for task in tasks {
            now.count_for(tx, &task)?;
        }
    }
}

/// A result was on its way into its target since some time, and did not get there: what its goal's
/// policy has said since counts for it too.
pub(super) fn catch_up(tx: &mut dyn Tx, id: TaskId, since: Timestamp) -> Result<()> {
    let task = step::load(tx, id)?;
    let own = policy::current(tx, Level::Goal(task.goal))?;
    if own.is_some_and(|own| own.at >= since) {
        Now::of(tx, &task)?.count_for(tx, &task)?;
    }
    Ok(())
}

/// What tasks of a goal are promised now.
struct Now {
    governing: Governing,
    terms: Terms,
    hash: Option<Sha256Hex>,
}

impl Now {
    fn of(tx: &mut dyn Tx, task: &Task) -> Result<Self> {
        let governing = Governing::of(tx, task.org, task.project, Some(task.goal))?;
        Ok(Self {
            hash: policy::put_terms(tx, &governing)?,
            terms: governing.terms().unwrap_or_default(),
            governing,
        })
    }

    /// Whether a person reviews the result of a task. What was brought in is its author's.
    fn reviews(&self, task: &Task) -> bool {
        let is_brought_in = task.is_goal() && task.merges.is_some();
        match is_brought_in {
            true => task.review,
            false => self.governing.reviews_task(task),
        }
    }

    fn count_for(&self, tx: &mut dyn Tx, seen: &Task) -> Result<()> {
        let (id, review) = (seen.id, self.reviews(seen));
        if seen.terms == self.hash && seen.review == review {
            return Ok(());
        }
        // What became of one before it may have moved this one.
        let mut task = step::load(tx, id)?;
        let is_in_train = task.state == State::Integrating;
        if task.state.is_end() || (is_in_train && train::is_publishing(tx, id)?) {
            return Ok(());
        }
        let before = policy::terms_of(tx, &task)?;
        task.terms.clone_from(&self.hash);
        task.review = review;
        if is_in_train {
            self.call_back(tx, &before, &task)?;
        }
        tx.put_task(&task)?;
        if is_in_train {
            batch::bound(tx, id)?;
        }
        if task.held_by.is_some() {
            hold::let_go(tx, task)?;
            task = step::load(tx, id)?;
        }
        self.go_on(tx, task)
    }

    /// A candidate is void that has to be verified by somebody else now, or to be seen by a person,
    /// alone and with its size.
    fn call_back(&self, tx: &mut dyn Tx, before: &Terms, task: &Task) -> Result<()> {
        let by_others = before.verifier != self.terms.verifier;
        let is_seen = batch::needs_review(task);
        let is_alone = batch::largest(tx, task)? == 1;
        let is_void = |candidate: &Candidate| {
            let is_batch = candidate.entries.len() > 1;
            let has_size = candidate.entries.iter().any(|entry| entry.stat.is_some());
            by_others || (is_alone && is_batch) || (is_seen && !has_size)
        };
        train::call_back(tx, task.id, is_void)
    }

    /// Lets a task that is stored already wait where it has to, and go on where it need not wait.
    fn go_on(&self, tx: &mut dyn Tx, mut task: Task) -> Result<()> {
        let nobody = "nobody has to approve it any more";
        match task.state {
            // Whoever was at work on it may come back. The next claim asks.
            State::Ready if task.lost.is_some() => Ok(()),
            State::Ready => {
                let ready = task.clone();
                if ask::before_start(tx, &mut task)? {
                    step::unqueue(tx, &ready)?;
                    tx.put_task(&task)?;
                }
                Ok(())
            }
            State::Waiting(WaitReason::Approval, ResumeTo::Ready) => {
                if self.terms.asks_before(&task.requires) {
                    return Ok(());
                }
                step(tx, &mut task, Cause::Resume, nobody, None)?;
                tx.put_task(&task)?;
                step::after_ready(tx, &task)
            }
            State::Waiting(WaitReason::Approval, ResumeTo::Integrating) => {
                if choice::choosable(&task).is_some() || ask::before_publication(tx, &task)? {
                    return Ok(());
                }
                enter(tx, task, nobody)
            }
            State::Waiting(WaitReason::Review, ResumeTo::Integrating) => {
                match batch::needs_review(&task) {
                    true => Ok(()),
                    false => enter(tx, task, "nobody has to review it any more"),
                }
            }
            State::Running if task.choice == Some(Choice::Open) => match self.terms.choose {
                Choose::First => choice::take_first(tx, task),
                Choose::Person => Ok(()),
            },
            State::Draft
            | State::Blocked
            | State::Running
            | State::Integrating
            | State::Waiting(..)
            | State::Done
            | State::Failed
            | State::Cancelled => Ok(()),
        }
    }
}

/// Lets a result that waited for a person go on into its train.
fn enter(tx: &mut dyn Tx, mut task: Task, why: &str) -> Result<()> {
    step(tx, &mut task, Cause::Resume, why, None)?;
    tx.put_task(&task)?;
    train::enter(tx, &task)
}

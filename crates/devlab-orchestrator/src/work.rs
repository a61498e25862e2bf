//! What agents ask for: work, orders, leases, and to be believed when they are done.

use std::time::Duration;

use devlab_core::ask::Question;
use devlab_core::attempt::{Agent, Attempt, AttemptKind, AttemptState, Phase};
use devlab_core::auth::{Principal, Role};
use devlab_core::check::CheckSet;
use devlab_core::limits::{LOG_TAIL_BYTES_MAX, LONG_POLL_MAX};
use devlab_core::org::Project;
use devlab_core::rules::agents::{Holding, Orders};
use devlab_core::rules::complete::{CheckRun, Outcome};
use devlab_core::rules::servers::{self, Held};
use devlab_core::rules::{agents, claim, complete, forecast, lease};
use devlab_core::state::State;
use devlab_core::task::Task;
use devlab_core::tx::{Read, RuleConfig};
use devlab_core::{AgentId, AttemptId, Oid, RefName, Refusal, TaskId};
use devlab_forge::BareRepo;
use devlab_store::StoreExt;

use crate::assignment::Assignment;
use crate::error::Result;
use crate::lab::Lab;
use crate::pool::InTurn;
use crate::scope;
use crate::standing::Standing;
use crate::wakes::Ticket;

/// How often a waiting agent looks again by itself, in case a wake was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What an agent says it delivered.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The commit; `None` for a task without a repository.
    pub commit: Option<Oid>,
    /// The checks that ran.
    pub checks: Vec<CheckRun>,
    /// How many messages its driver has heard.
    pub heard: u32,
    /// Paths that it has changed, if the agent knows them.
    pub touched: Option<Vec<String>>,
}

impl Lab {
    /// Gives an agent work, waiting for it up to `wait`. `None` if there is none by then.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an agent that the caller may not see; storage.
    pub async fn claim(
        &self,
        who: &Principal,
        agent: AgentId,
        claim_id: String,
        wait: Duration,
    ) -> Result<Option<Assignment>> {
        let deadline = tokio::time::Instant::now() + wait.min(LONG_POLL_MAX);
        if let Some(pool) = self.wakes.pool.get() {
            let known = self.agent_of(who, agent).await?;
            if let Some(slot) = pool.slot_of(known.org, &known.name) {
                let in_turn = InTurn {
                    pool,
                    slot,
                    deadline,
                };
                return self.claim_in_turn(in_turn, who, &known, &claim_id).await;
            }
        }
        // Without waiting there is no need to know who asks before the one transaction.
        if wait.is_zero() {
            let (_, found) = self.try_claim(who, agent, &claim_id).await?;
            return Ok(found);
        }
        // The wake that the next look uses up. It is passed on if that look cannot use it.
        let mut wake: Option<Ticket> = None;
        // An answer that was lost is given again, even to an agent that takes no new work.
        let mut is_first = true;
        let mut known = self.standings.get(agent);
        loop {
            let orders = self.wakes.orders(agent);
            let ordered = orders.notified();
            tokio::pin!(ordered);
            // Registered before looking at the agent, so that no order is missed in between.
            ordered.as_mut().enable();
            let standing = match known.take() {
                Some(known) => known,
                None => Standing::of(&self.agent_of(who, agent).await?),
            };
            // In line before looking: what becomes ready after the look wakes this place. An agent
            // that takes no work stands in nobody's way.
            let id = agent;
            let in_line = |agent: &Standing| self.wakes.get_in_line(id, agent.org, &agent.labels);
            let mut ticket = (!standing.draining).then(|| in_line(&standing));
            if ticket.is_some() || is_first {
                is_first = false;
                let (now, found) = self.try_claim(who, agent, &claim_id).await?;
                let is_in_line = now == standing && !now.draining;
                // A wake that reached the wrong line is passed on.
                if let Some(mut wake) = wake.take()
                    && (found.is_some() || is_in_line)
                {
                    wake.used();
                }
                if found.is_some() {
                    return Ok(found);
                }
                // It stands in the wrong line, or in one where it should not be.
                if now != standing {
                    known = Some(now);
                    continue;
                }
            }
            wake = None;
            let told = async {
                match &mut ticket {
                    Some(ticket) => ticket.told().await,
                    None => std::future::pending().await,
                }
            };
            let is_told = tokio::select! {
                () = told => true,
                () = ordered => false,
                () = tokio::time::sleep_until(deadline) => return Ok(None),
                () = tokio::time::sleep(LOOK_AGAIN) => false,
                () = self.stop.cancelled() => return Ok(None),
            };
            if is_told {
                wake = ticket;
                known = Some(standing);
            }
        }
    }

    pub(crate) async fn agent_of(&self, who: &Principal, agent: AgentId) -> Result<Agent> {
        let who = who.clone();
        Ok(self
            .store()
            .read(move |view| scope::agent(view, &who, agent))
            .await?)
    }

    /// Looks for work, in one transaction, and at the agent.
    pub(crate) async fn try_claim(
        &self,
        who: &Principal,
        agent: AgentId,
        claim_id: &str,
    ) -> Result<(Standing, Option<Assignment>)> {
        let rules = self.config.rules;
        let (who, claim_id) = (who.clone(), claim_id.to_owned());
        let claimed = self.store().write(move |tx| {
            let standing = Standing::of(&scope::agent(tx, &who, agent)?);
            let found = match claim::claim(tx, &rules, agent, &claim_id)? {
                Some(attempt) => Some(Assignment::of(tx, attempt)?),
                None => None,
            };
            Ok((standing, found))
        });
        let claimed = claimed.await;
        match &claimed {
            Ok((standing, _)) => self.standings.put(agent, standing),
            Err(_) => self.standings.forget(agent),
        }
        Ok(claimed?)
    }

    /// What an agent has to do about the attempts it holds; waits up to `wait` for something.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn control(
        &self,
        who: &Principal,
        agent: AgentId,
        held: Vec<Holding>,
        wait: Duration,
    ) -> Result<Orders> {
        let deadline = tokio::time::Instant::now() + wait.min(LONG_POLL_MAX);
        loop {
            let orders = self.wakes.orders(agent);
            let notified = orders.notified();
            tokio::pin!(notified);
            // Registered before looking, so that nothing is missed in between.
            notified.as_mut().enable();
            let (who, asked) = (who.clone(), held.clone());
            let found = self.store().read(move |view| {
                scope::agent(view, &who, agent)?;
                agents::control(view, agent, &asked)
            });
            let orders = found.await?;
            if !orders.is_empty() || tokio::time::Instant::now() >= deadline {
                return Ok(orders);
            }
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep_until(deadline) => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.stop.cancelled() => return Ok(orders),
            }
        }
    }

    /// Extends a lease, and remembers what the work has changed so far, if the agent says so. Returns
    /// the state of the task.
    ///
    /// # Errors
    /// [`Refusal::StaleAttempt`], [`Refusal::TaskCancelled`].
    pub async fn heartbeat(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        phase: Option<Phase>,
        touched: Option<Vec<String>>,
    ) -> Result<State> {
        let (rules, who) = (self.config.rules, who.clone());
        let done = self.store().write(move |tx| {
            of_caller(tx, &who, attempt)?;
            let state = lease::heartbeat(tx, &rules, task, attempt, phase)?;
            if let Some(touched) = &touched {
                forecast::saw(tx, attempt, touched)?;
            }
            Ok(state)
        });
        Ok(done.await?)
    }

    /// Ends an attempt that failed, or was given up.
    ///
    /// # Errors
    /// As [`Lab::heartbeat`].
    pub async fn end_attempt(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        outcome: Outcome,
    ) -> Result<State> {
        self.end(who, task, attempt, outcome, None, None).await
    }

    /// Ends an attempt; what was read from a repository counts if that is still this server's.
    async fn end(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        outcome: Outcome,
        held: Option<Held>,
        touched: Option<Vec<String>>,
    ) -> Result<State> {
        let (rules, who) = (self.config.rules, who.clone());
        let done = self.store().write(move |tx| {
            of_caller(tx, &who, attempt)?;
            if let Some(held) = &held {
                servers::check(tx, held)?;
            }
            let state = complete::complete(tx, &rules, task, attempt, outcome.clone())?;
            if let Some(touched) = &touched {
                forecast::saw(tx, attempt, touched)?;
            }
            Ok(state)
        });
        Ok(done.await?)
    }

    /// Ends an attempt with a result. The repository, not the agent, says what the result is: the
    /// commit has to be where the attempt was to push it, and its tree and changes are read here.
    ///
    /// # Errors
    /// As [`Lab::heartbeat`]; [`Refusal::NotPushed`] if the commit is not there, and
    /// [`Refusal::Invalid`] if it can be no result.
    pub async fn deliver(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        mut delivered: Delivered,
    ) -> Result<State> {
        let touched = delivered.touched.take();
        for check in &delivered.checks {
            if check.log_tail.len() > LOG_TAIL_BYTES_MAX {
                let problem = format!("at most {LOG_TAIL_BYTES_MAX} bytes");
                return Err(
                    Refusal::invalid("complete.delivered.receipts.log_tail", problem).into(),
                );
            }
        }
        let (outcome, held) = match &delivered.commit {
            None => {
                let outcome = Outcome::Delivered {
                    result: None,
                    checks: delivered.checks,
                    protected: false,
                    heard: delivered.heard,
                };
                (outcome, None)
            }
            Some(commit) => {
                let commit = commit.clone();
                let (outcome, held) = self.inspect(who, attempt, commit, delivered).await?;
                (outcome, Some(held))
            }
        };
        self.fault("server.before_complete")?;
        let ended = self.end(who, task, attempt, outcome, held, touched);
        let state = ended.await?;
        self.fault("server.after_complete")?;
        Ok(state)
    }

    /// Ends an attempt with a question. What it has done so far has to be where it was to push it.
    ///
    /// # Errors
    /// As [`Lab::deliver`]; [`Refusal::Invalid`] for what is no question.
    pub async fn ask(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        commit: Option<Oid>,
        question: Question,
    ) -> Result<State> {
        question.validate("complete.asked.question")?;
        let held = match commit.clone() {
            None => None,
            Some(commit) => Some(self.pushed(who, attempt, &commit).await?),
        };
        self.fault("server.before_complete")?;
        let outcome = Outcome::Asked {
            work: commit,
            question,
        };
        let ended = self.end(who, task, attempt, outcome, held, None);
        let state = ended.await?;
        self.fault("server.after_complete")?;
        Ok(state)
    }

    /// Makes sure that a commit is where a work attempt was to push it, on its base.
    async fn pushed(&self, who: &Principal, id: AttemptId, commit: &Oid) -> Result<Held> {
        let (attempt, task, _, project) = self.delivered_to(who, id).await?;
        let (repo, held) = self.held_repo(&project).await?;
        check_pushed(&repo, &attempt, task.id, commit).await?;
        Ok(held)
    }

    /// An attempt that delivers a commit, with its task, its checks and its project.
    async fn delivered_to(
        &self,
        who: &Principal,
        id: AttemptId,
    ) -> Result<(Attempt, Task, CheckSet, Project)> {
        let who = who.clone();
        let stored = self.store().read(move |view| {
            let attempt = of_caller(view, &who, id)?;
            let task = view.task(attempt.task)?.ok_or(Refusal::StaleAttempt)?;
            let set = match &task.check_set {
                Some(hash) => view.check_set(hash)?.unwrap_or_default(),
                None => CheckSet::default(),
            };
            let project = match task.project {
                Some(project) => view.project(project)?,
                None => None,
            };
            Ok((attempt, task, set, project))
        });
        let (attempt, task, set, project) = stored.await?;
        // The fence first: such an attempt could not push, so its commit is no fault of its own.
        match attempt.state {
            AttemptState::Superseded => return Err(Refusal::StaleAttempt.into()),
            AttemptState::Cancelled => return Err(Refusal::TaskCancelled.into()),
            AttemptState::Live
            | AttemptState::Lost
            | AttemptState::Succeeded
            | AttemptState::Failed
            | AttemptState::Asked => {}
        }
        let project = project.ok_or_else(|| {
            Refusal::invalid("complete.delivered.commit", "this task has no repository")
        })?;
        Ok((attempt, task, set, project))
    }

    async fn inspect(
        &self,
        who: &Principal,
        id: AttemptId,
        commit: Oid,
        delivered: Delivered,
    ) -> Result<(Outcome, Held)> {
        let Delivered { checks, heard, .. } = delivered;
        let (attempt, task, set, project) = self.delivered_to(who, id).await?;
        let (repo, held) = self.held_repo(&project).await?;
        if attempt.kind == AttemptKind::Verify {
            let tree = match repo.tree_of(&commit).await {
                Err(devlab_forge::Error::Missing { .. }) => {
                    let field = "complete.delivered.commit";
                    return Err(Refusal::invalid(field, "is no commit of the repository").into());
                }
                found => found?,
            };
            let outcome = Outcome::Delivered {
                result: Some((commit, tree)),
                checks,
                protected: false,
                heard,
            };
            return Ok((outcome, held));
        }
        check_pushed(&repo, &attempt, task.id, &commit).await?;
        let tree = repo.tree_of(&commit).await?;
        let protected = match &attempt.base {
            Some(base) => {
                // The usual case costs no process.
                let paths: Vec<&str> = set.protected_prefixes().collect();
                let untouched = repo.is_same_at(base, &tree, &paths).await?;
                !untouched && {
                    let changed = repo.changed_paths(base, &commit).await?;
                    changed.iter().any(|path| set.protects(path))
                }
            }
            None => false,
        };
        let outcome = Outcome::Delivered {
            result: Some((commit, tree)),
            checks,
            protected,
            heard,
        };
        Ok((outcome, held))
    }

    /// Appends to an attempt's log; see [`devlab_store::Store::append_log`].
    ///
    /// # Errors
    /// [`Refusal::StaleAttempt`], [`Refusal::TaskCancelled`], [`Refusal::LogGap`].
    pub async fn append_log(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: AttemptId,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<u64> {
        let who = who.clone();
        let allowed = self.store().read(move |view| {
            let stored = of_caller(view, &who, attempt)?;
            if stored.task != task {
                return Err(Refusal::StaleAttempt.into());
            }
            match stored.state {
                // The rest of a log may come after the completion: it belongs to the receipts.
                AttemptState::Live
                | AttemptState::Lost
                | AttemptState::Succeeded
                | AttemptState::Failed
                | AttemptState::Asked => Ok(()),
                AttemptState::Superseded => Err(Refusal::StaleAttempt.into()),
                AttemptState::Cancelled => Err(Refusal::TaskCancelled.into()),
            }
        });
        allowed.await?;
        self.fault("server.before_log")?;
        let len = self.store().append_log(attempt, offset, bytes).await?;
        self.wakes.log_grew(attempt);
        Ok(len)
    }

    /// Rules of the lab.
    #[must_use]
    pub fn rules(&self) -> RuleConfig {
        self.config.rules
    }
}

/// Refuses a commit that is not where an attempt was to push it, or not on its base.
async fn check_pushed(
    repo: &BareRepo,
    attempt: &Attempt,
    task: TaskId,
    commit: &Oid,
) -> Result<()> {
    let name = RefName::of_attempt(task, attempt.number);
    if repo.resolve(&name).await?.as_ref() != Some(commit) {
        return Err(Refusal::NotPushed(commit.clone()).into());
    }
    let is_on_base = match &attempt.base {
        Some(base) => repo.is_commit_on(commit, base).await?,
        None => false,
    };
    if !is_on_base {
        let problem = "is no commit on the attempt's base: what it pushed cannot be merged";
        return Err(Refusal::invalid("complete.delivered.commit", problem).into());
    }
    Ok(())
}

/// An attempt of the caller's org; a foreign one is answered like one that is over.
pub(crate) fn of_caller<R: Read + ?Sized>(
    view: &mut R,
    who: &Principal,
    id: AttemptId,
) -> devlab_core::Result<Attempt> {
    let found = view.attempt(id)?.filter(|attempt| who.sees(attempt.org));
    debug_assert!(matches!(who.role, Role::Agent | Role::Admin));
    found.ok_or_else(|| Refusal::StaleAttempt.into())
}

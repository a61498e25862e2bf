//! Who waits for what, in this process: agents for work, agents for orders, streams for events,
//! loops for something to do.
//!
//! The store tells [`Wakes::sink`] after each commit what its units left to do. A commit wakes at
//! most as many waiting agents as entries became ready. A wake that is lost costs time, never
//! correctness: every waiter looks at stored state again after a while.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use devlab_core::label::Labels;
use devlab_core::train::Target;
use devlab_core::tx::Effect;
use devlab_core::{AgentId, AttemptId, OrgId};
use devlab_store::EffectSink;
use tokio::sync::{Notify, broadcast, oneshot, watch};

use crate::pool::Pool;

/// Most targets that are remembered as having something to do; more are found by the slow look.
const DIRTY_TRAINS_MAX: usize = 10_000;

/// Attempts whose log grew that a slow stream may fall behind; it looks at its log then anyway.
const LOGS_BEHIND_MAX: usize = 1_024;

/// Who waits in this process.
#[derive(Debug)]
pub struct Wakes {
    idle: Mutex<HashMap<OrgId, VecDeque<Waiting>>>,
    orders: Mutex<HashMap<AgentId, Arc<Notify>>>,
    trains: Mutex<HashSet<Target>>,
    next_ticket: AtomicU64,
    commits: watch::Sender<u64>,
    logs: broadcast::Sender<AttemptId>,
    /// Changes whenever a token does: what was cached before is void.
    tokens: AtomicU64,
    /// Slots that orgs share here, if they do.
    pub(crate) pool: OnceLock<Arc<Pool>>,
    pub(crate) train: Notify,
    pub(crate) start: Notify,
    pub(crate) due: Notify,
    pub(crate) forge: Notify,
    pub(crate) attest: Notify,
    pub(crate) schedules: Notify,
    pub(crate) collect: Notify,
    pub(crate) tidy: Notify,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    agent: AgentId,
    labels: Labels,
    /// Told what the work requires.
    tell: oneshot::Sender<Wanted>,
}

/// Whom something that became ready wants.
#[derive(Debug, Clone)]
struct Wanted {
    labels: Labels,
    /// Who may not take it.
    not_by: Option<AgentId>,
}

impl Wanted {
    fn fits(&self, waiting: &Waiting) -> bool {
        self.not_by != Some(waiting.agent) && waiting.labels.satisfies(&self.labels)
    }
}

/// A place in the line of idle agents. Dropping it gives the place up, and passes on a wake that
/// came too late to be used.
#[derive(Debug)]
pub(crate) struct Ticket {
    wakes: Arc<Wakes>,
    org: OrgId,
    number: u64,
    told: oneshot::Receiver<Wanted>,
    /// What the work requires that this was told of: it may be less than the agent can do, and so
    /// another one's as well.
    wanted: Option<Wanted>,
    used: bool,
}

impl Wakes {
    /// Nobody waits yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            idle: Mutex::default(),
            orders: Mutex::default(),
            trains: Mutex::default(),
            next_ticket: AtomicU64::new(0),
            commits: watch::channel(0).0,
            logs: broadcast::channel(LOGS_BEHIND_MAX).0,
            tokens: AtomicU64::new(0),
            pool: OnceLock::new(),
            train: Notify::new(),
            start: Notify::new(),
            due: Notify::new(),
            forge: Notify::new(),
            attest: Notify::new(),
            schedules: Notify::new(),
            collect: Notify::new(),
            tidy: Notify::new(),
        })
    }

    /// What a store is told to call after its commits.
    #[must_use]
    pub fn sink(self: &Arc<Self>) -> EffectSink {
        let wakes = Arc::clone(self);
        Arc::new(move |effects| wakes.after_commit(effects))
    }

    /// Counts commits; changes when there may be new events.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Names attempts whose log grew.
    #[must_use]
    pub fn logs(&self) -> broadcast::Receiver<AttemptId> {
        self.logs.subscribe()
    }

    pub(crate) fn log_grew(&self, attempt: AttemptId) {
        // Nobody listens most of the time, which is not a failure.
        let _listeners = self.logs.send(attempt).unwrap_or(0);
    }

    /// Changes whenever a token does.
    #[must_use]
    pub fn token_generation(&self) -> u64 {
        self.tokens.load(Ordering::Acquire)
    }

    fn after_commit(&self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Ready(org, labels) => self.is_ready(*org, labels, None),
                Effect::ReadyBut(org, labels, agent) => self.is_ready(*org, labels, Some(*agent)),
                Effect::Train(target) => self.train_has_work(target.clone()),
                Effect::Start(_) => self.start.notify_one(),
                Effect::Control(agent) => {
                    let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(notify) = orders.get(agent) {
                        notify.notify_waiters();
                    }
                }
                Effect::Later(_) => self.due.notify_one(),
                Effect::Forge => self.forge.notify_one(),
                Effect::Attest => self.attest.notify_one(),
                Effect::Tokens => {
                    self.tokens.fetch_add(1, Ordering::Release);
                }
                Effect::LogGrew(attempt) => self.log_grew(*attempt),
                Effect::Missed => self.everybody_looks(),
            }
        }
        let of_logs = |effect: &Effect| matches!(effect, Effect::LogGrew(_));
        if !effects.is_empty() && effects.iter().all(of_logs) {
            // Nothing was committed.
            return;
        }
        self.commits
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn is_ready(&self, org: OrgId, labels: &Labels, not_by: Option<AgentId>) {
        if let Some(pool) = self.pool.get() {
            pool.ready(org, labels);
        }
        let labels = labels.clone();
        self.wake_one(org, &Wanted { labels, not_by });
    }

    /// Wakes everybody who waits: something may have been said while nobody listened.
    fn everybody_looks(&self) {
        if let Some(pool) = self.pool.get() {
            pool.look_again();
        }
        self.tokens.fetch_add(1, Ordering::Release);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in idle.drain().flat_map(|(_, line)| line) {
            // One that has gone away meanwhile needs no wake.
            let labels = waiting.labels;
            let not_by = None;
            waiting.tell.send(Wanted { labels, not_by }).ok();
        }
        drop(idle);
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.values().for_each(|notify| notify.notify_waiters());
        let loops = [
            &self.train,
            &self.start,
            &self.due,
            &self.forge,
            &self.attest,
        ];
        loops.into_iter().for_each(Notify::notify_one);
    }

    fn wake_one(&self, org: OrgId, wanted: &Wanted) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = idle.get_mut(&org) else {
            return;
        };
        while let Some(place) = line.iter().position(|waiting| wanted.fits(waiting)) {
            let Some(waiting) = line.remove(place) else {
                return;
            };
            if waiting.tell.send(wanted.clone()).is_ok() {
                return;
            }
        }
    }

    /// Gets in line for work. Do so before looking at the queue, so that nothing is missed.
    pub(crate) fn get_in_line(
        self: &Arc<Self>,
        agent: AgentId,
        org: OrgId,
        labels: &Labels,
    ) -> Ticket {
        let number = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = Waiting {
            ticket: number,
            agent,
            labels: labels.clone(),
            tell,
        };
        idle.entry(org).or_default().push_back(waiting);
        Ticket {
            wakes: Arc::clone(self),
            org,
            number,
            told,
            wanted: None,
            used: false,
        }
    }

    /// What tells an agent's control channel that there may be orders.
    pub(crate) fn orders(&self, agent: AgentId) -> Arc<Notify> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits on any more are of no use to anybody.
        orders.retain(|id, notify| *id == agent || Arc::strong_count(notify) > 1);
        Arc::clone(orders.entry(agent).or_default())
    }

    pub(crate) fn train_has_work(&self, target: Target) {
        let mut trains = self.trains.lock().unwrap_or_else(PoisonError::into_inner);
        if trains.len() < DIRTY_TRAINS_MAX {
            trains.insert(target);
        }
        self.train.notify_one();
    }

    pub(crate) fn take_trains(&self) -> HashSet<Target> {
        std::mem::take(&mut *self.trains.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ticket {
    /// Waits until told that there may be work.
    pub(crate) async fn told(&mut self) {
        match (&mut self.told).await {
            Ok(wanted) => self.wanted = Some(wanted),
            // The line itself is gone: the lab is shutting down, which the caller waits for too.
            Err(_) => std::future::pending::<()>().await,
        }
    }

    /// Work was found: a wake that came meanwhile is used up, if it came for this.
    pub(crate) fn used(&mut self) {
        self.used = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut idle = self
            .wakes
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = idle.get_mut(&self.org) {
            if let Some(place) = line
                .iter()
                .position(|waiting| waiting.ticket == self.number)
            {
                line.remove(place);
            }
            if line.is_empty() {
                idle.remove(&self.org);
            }
        }
        drop(idle);
        let wanted = self.wanted.take().or_else(|| self.told.try_recv().ok());
        if let Some(wanted) = wanted.filter(|_| !self.used) {
            self.wakes.wake_one(self.org, &wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::Timestamp;

    fn org() -> OrgId {
        OrgId::new(Timestamp::from_millis(1), 1)
    }

    fn agent(n: u128) -> AgentId {
        AgentId::new(Timestamp::from_millis(1), n << 16)
    }

    fn is_told(ticket: &mut Ticket) -> bool {
        ticket.told.try_recv().is_ok()
    }

    #[test]
    fn one_ready_task_wakes_one_agent_that_can_do_it() {
        let wakes = Wakes::new();
        let gpu = Labels::new(["gpu"]).unwrap();
        let mut plain = wakes.get_in_line(agent(1), org(), &Labels::default());
        let mut first = wakes.get_in_line(agent(1), org(), &gpu);
        let mut second = wakes.get_in_line(agent(1), org(), &gpu);
        wakes.after_commit(&[Effect::Ready(org(), gpu)]);
        assert!(!is_told(&mut plain));
        assert!(is_told(&mut first));
        assert!(!is_told(&mut second));
    }

    #[test]
    fn what_somebody_may_not_take_wakes_another_one() {
        let wakes = Wakes::new();
        let mut author = wakes.get_in_line(agent(1), org(), &Labels::default());
        let first = wakes.get_in_line(agent(2), org(), &Labels::default());
        let mut second = wakes.get_in_line(agent(3), org(), &Labels::default());
        let ready = Effect::ReadyBut(org(), Labels::default(), agent(1));
        wakes.after_commit(&[ready]);
        drop(first);
        assert!(!is_told(&mut author), "nor when it is passed on");
        assert!(is_told(&mut second));
    }

    #[test]
    fn a_wake_that_was_not_used_is_passed_on() {
        let wakes = Wakes::new();
        let first = wakes.get_in_line(agent(1), org(), &Labels::default());
        let mut second = wakes.get_in_line(agent(1), org(), &Labels::default());
        wakes.after_commit(&[Effect::Ready(org(), Labels::default())]);
        drop(first);
        assert!(
            is_told(&mut second),
            "its caller went away before it could claim"
        );
    }

    #[test]
    fn what_is_passed_on_is_the_work_and_not_what_its_first_agent_can_do() {
        let wakes = Wakes::new();
        let first = wakes.get_in_line(agent(1), org(), &Labels::new(["gpu"]).unwrap());
        let mut second = wakes.get_in_line(agent(1), org(), &Labels::default());
        wakes.after_commit(&[Effect::Ready(org(), Labels::default())]);
        drop(first);
        assert!(is_told(&mut second));
    }

    #[test]
    fn nobody_is_kept_in_line() {
        let wakes = Wakes::new();
        drop(wakes.get_in_line(agent(1), org(), &Labels::default()));
        assert!(wakes.idle.lock().unwrap().is_empty());
    }
}

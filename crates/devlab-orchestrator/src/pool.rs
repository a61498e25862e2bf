//! Slots of a local runtime that several orgs share: whose agent may claim next, and whose agent is
//! started in a slot that is free.
//!
//! A slot holds one agent, of one org. An agent of the pool that asks for work gets some only when
//! it is its org's turn ([`devlab_core::share`]); otherwise its slot goes to an agent of the org
//! whose turn it is, which whoever runs the agents is told by [`Pool::switches`]. What is here can
//! be lost: it is made anew from what is stored and from who asks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devlab_core::attempt::Agent;
use devlab_core::auth::Principal;
use devlab_core::label::Labels;
use devlab_core::limits::PAGE_MAX;
use devlab_core::org::Org;
use devlab_core::policy::Level;
use devlab_core::rules::claim;
use devlab_core::share::{Grant, Shares, SlotState, grant};
use devlab_core::tx::{Page, Read};
use devlab_core::{Clock, OrgId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::assignment::Assignment;
use crate::error::Result;
use crate::lab::Lab;

/// Most orgs that share slots: the oldest ones.
const ORGS_MAX: usize = 2_000;

/// A slot that goes to an agent of another org, or to its first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The slot.
    pub slot: usize,
    /// The org whose agent is in it, if there is one: it has to be ended first.
    pub from: Option<OrgId>,
    /// The org whose agent comes.
    pub to: OrgId,
}

/// Slots that several orgs share.
pub struct Pool {
    state: Mutex<State>,
    /// Changes whenever there may be something to decide.
    changed: watch::Sender<u64>,
    runtime: &'static str,
    labels: Labels,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// For how long an org is left out after its agent did not come up for the first time; doubles.
const LEFT_OUT_FIRST: Duration = Duration::from_secs(30);
/// Longest such time.
const LEFT_OUT_MAX: Duration = Duration::from_secs(300);

#[derive(Debug)]
struct State {
    shares: Shares,
    slots: Vec<SlotState>,
    /// What the agent of a slot that asks has looked at in vain, if it has.
    looked: Vec<Option<Look>>,
    /// Since when a slot has been in its state.
    since: Vec<Duration>,
    /// The slot of each agent, by org and name.
    agents: HashMap<(OrgId, String), usize>,
    /// How often each org was said to have work.
    ready: HashMap<OrgId, u64>,
    /// Orgs that were said to have work and are not known to share: each is looked at once.
    strangers: HashSet<OrgId>,
    /// What is stored has to be looked at before the next regular look.
    look: bool,
    /// Orgs whose agents did not come up: how often, and until when they are left out.
    late: HashMap<OrgId, (u32, Duration)>,
}

/// An agent has found nothing, though something of its org was said to be ready: others may be able to
/// take what it may not.
#[derive(Debug, Clone, Copy)]
struct Look {
    org: OrgId,
    /// How often the org was said to have work by then.
    ready: u64,
    /// Whether there was said to be work since: the next time it looks again.
    told: bool,
}

/// A permission to claim once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    slot: usize,
    org: OrgId,
    ready: u64,
}

impl Pool {
    /// A pool of empty slots of a runtime, whose agents have these labels.
    #[must_use]
    pub fn new(
        slots: usize,
        runtime: &'static str,
        labels: Labels,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let now = clock.monotonic();
        Arc::new(Self {
            state: Mutex::new(State {
                shares: Shares::default(),
                slots: vec![SlotState::Empty; slots],
                looked: vec![None; slots],
                since: vec![now; slots],
                agents: HashMap::new(),
                ready: HashMap::new(),
                strangers: HashSet::new(),
                look: false,
                late: HashMap::new(),
            }),
            changed: watch::channel(0).0,
            runtime,
            labels,
            clock,
        })
    }

    /// Changes whenever there may be something to decide.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn with<T>(&self, work: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state, now)
    }

    fn has_changed(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Something of an org became ready that its agents here may be able to do.
    pub(crate) fn ready(&self, org: OrgId, required: &Labels) {
        if !self.labels.satisfies(required) {
            return;
        }
        let is_news = self.with(|state, now| {
            let Some(times) = state.ready.get_mut(&org) else {
                let is_new = state.strangers.len() < ORGS_MAX && state.strangers.insert(org);
                state.look |= is_new;
                return is_new;
            };
            *times = times.wrapping_add(1);
            state.want(org, true, now);
            true
        });
        if is_news {
            self.has_changed();
        }
    }

    /// What became ready was perhaps not heard.
    pub(crate) fn look_again(&self) {
        self.with(|state, _| state.look = true);
        self.has_changed();
    }

    /// Whether what is stored has to be looked at now, by [`Lab::look_for_pool`].
    pub fn has_to_look(&self) -> bool {
        self.with(|state, _| std::mem::take(&mut state.look))
    }

    /// Tells what is stored: the orgs that share the slots, the weight of each, and whether it has
    /// work for them.
    fn tell(&self, orgs: &[(OrgId, u32, bool)]) {
        self.with(|state, now| {
            for (org, weight, has_work) in orgs {
                state.ready.entry(*org).or_insert(0);
                state.shares.weigh(*org, *weight, now);
                if *has_work {
                    state.look_again(*org);
                }
                state.want(*org, *has_work, now);
                state.strangers.remove(org);
            }
        });
        self.has_changed();
    }

    /// The slot of an agent, if it is one of these.
    pub(crate) fn slot_of(&self, org: OrgId, name: &str) -> Option<usize> {
        let key = (org, name.to_owned());
        self.with(|state, _| state.agents.get(&key).copied())
    }

    /// An agent asks for work: its slot is free, unless an operator lets it take none.
    pub(crate) fn asks(&self, slot: usize, org: OrgId, draining: bool) {
        let is_new = self.with(|state, now| {
            let is = state.slots.get(slot).copied();
            // One that was told to end may ask once more before it does, and so may one whose slot
            // has another org's agent by now.
            let Some(is) = is.filter(|is| is.org() == Some(org)) else {
                return false;
            };
            let to = match draining {
                true => SlotState::Drained(org),
                false => SlotState::Idle(org),
            };
            if is == SlotState::Busy(org) {
                state.shares.give_back(org, now);
            }
            state.late.remove(&org);
            if is != to {
                state.set(slot, to, now);
            }
            is != to
        });
        if is_new {
            self.has_changed();
        }
    }

    /// An agent does not ask any more, for now: it has its answer, or it has gone. One that does not
    /// come back is found by [`Pool::overdue`].
    fn asks_no_more(&self, slot: usize, org: OrgId) {
        self.with(|state, now| {
            let is = state.slots.get(slot).copied();
            if is == Some(SlotState::Idle(org)) || is == Some(SlotState::Drained(org)) {
                state.set(slot, SlotState::Starting(org), now);
            }
        });
    }

    /// Whether an agent that asks may claim now. Its slot counts as held until [`Pool::found`].
    pub(crate) fn turn(&self, slot: usize, org: OrgId) -> Option<Turn> {
        self.with(|state, now| {
            if state.slots.get(slot) != Some(&SlotState::Idle(org)) {
                return None;
            }
            let grants = grant(&state.shares, &state.open(), now);
            if grants.get(slot) != Some(&Grant::Claim) {
                return None;
            }
            state.shares.take(org, now);
            state.set(slot, SlotState::Busy(org), now);
            let ready = state.ready.get(&org).copied().unwrap_or(0);
            Some(Turn { slot, org, ready })
        })
    }

    /// What came of a turn.
    pub(crate) fn found(&self, turn: Turn, found: bool) {
        if found {
            return;
        }
        self.with(|state, now| {
            state.shares.give_back(turn.org, now);
            state.set(turn.slot, SlotState::Idle(turn.org), now);
            let (org, ready) = (turn.org, turn.ready);
            if let Some(looked) = state.looked.get_mut(turn.slot) {
                let told = false;
                *looked = Some(Look { org, ready, told });
            }
            // What became ready meanwhile was perhaps not looked at, and somebody else who asks may be
            // able to take what this one may not.
            let is_news = state.ready.get(&org) != Some(&ready);
            if !is_news && !state.open().contains(&SlotState::Idle(org)) {
                state.shares.want(org, false, now);
            }
        });
        self.has_changed();
    }

    /// An attempt that was claimed before is given to an agent again.
    pub(crate) fn holds(&self, slot: usize, org: OrgId) {
        self.with(|state, now| match state.slots.get(slot) {
            Some(SlotState::Idle(of) | SlotState::Starting(of)) if *of == org => {
                state.shares.take(org, now);
                state.set(slot, SlotState::Busy(org), now);
            }
            Some(
                SlotState::Idle(_)
                | SlotState::Starting(_)
                | SlotState::Empty
                | SlotState::Busy(_)
                | SlotState::Leaving
                | SlotState::Drained(_),
            )
            | None => {}
        });
    }

    /// What has to be ended and started now. From here on nothing is granted to the agents that are
    /// to end.
    pub fn switches(&self) -> Vec<Switch> {
        self.with(|state, now| {
            let grants = grant(&state.shares, &state.open(), now);
            let mut switches = Vec::new();
            for (slot, grant) in grants.into_iter().enumerate() {
                let Grant::Switch(to) = grant else { continue };
                let from = state.slots[slot].org();
                state.set(slot, SlotState::Leaving, now);
                switches.push(Switch { slot, from, to });
            }
            switches
        })
    }

    /// An agent of an org is being started in a slot, under this name.
    pub fn starts(&self, slot: usize, org: OrgId, name: String) {
        self.with(|state, now| {
            state.agents.insert((org, name), slot);
            state.ready.entry(org).or_insert(0);
            state.set(slot, SlotState::Starting(org), now);
        });
    }

    /// The agent of an org did not come up in a slot. Others come first for a while, longer each time,
    /// so that an org whose agents cannot start holds up nobody.
    pub fn fails(&self, slot: usize, org: OrgId) {
        self.with(|state, now| {
            state.set(slot, SlotState::Empty, now);
            let (times, until) = state.late.entry(org).or_default();
            let rest = LEFT_OUT_FIRST * 2_u32.saturating_pow(*times);
            *times = times.saturating_add(1);
            *until = now + rest.min(LEFT_OUT_MAX);
            state.shares.want(org, false, now);
        });
        self.has_changed();
    }

    /// Slots whose agent has not asked for work for this long, since it was started or last asked.
    #[must_use]
    pub fn overdue(&self, longest: Duration) -> Vec<(usize, OrgId)> {
        self.with(|state, now| {
            let slots = state.slots.iter().zip(&state.since).enumerate();
            let late = slots.filter_map(|(slot, (is, since))| match is {
                SlotState::Starting(org) if now.saturating_sub(*since) > longest => {
                    Some((slot, *org))
                }
                SlotState::Starting(_)
                | SlotState::Empty
                | SlotState::Idle(_)
                | SlotState::Busy(_)
                | SlotState::Leaving
                | SlotState::Drained(_) => None,
            });
            late.collect()
        })
    }
}

impl State {
    /// An org wants slots, unless its agents do not come up.
    fn want(&mut self, org: OrgId, wants: bool, now: Duration) {
        let is_late = self.late.get(&org).is_some_and(|(_, until)| now < *until);
        self.shares.want(org, wants && !is_late, now);
    }

    /// The slots as far as they may be granted: whoever has looked in vain at all that there is takes
    /// no part in that.
    fn open(&self) -> Vec<SlotState> {
        let slots = self.slots.iter().zip(&self.looked);
        let open = slots.map(|(is, looked)| match (is, looked) {
            (SlotState::Idle(org), Some(look))
                if look.org == *org
                    && self.ready.get(org) == Some(&look.ready)
                    && self.shares.wants(*org) =>
            {
                SlotState::Drained(*org)
            }
            _ => *is,
        });
        open.collect()
    }

    /// There is work of an org. Who has looked in vain lets another one try first, whose slot it may
    /// have to become, and looks again the next time: what became ready was perhaps not heard.
    fn look_again(&mut self, org: OrgId) {
        for looked in &mut self.looked {
            *looked = match *looked {
                Some(look) if look.org == org && look.told => None,
                Some(look) if look.org == org => Some(Look { told: true, ..look }),
                other => other,
            };
        }
    }

    fn set(&mut self, slot: usize, to: SlotState, now: Duration) {
        if matches!(to, SlotState::Empty | SlotState::Starting(_))
            && let Some(looked) = self.looked.get_mut(slot)
        {
            // Whoever asks there next looks for itself.
            *looked = None;
        }
        if let (Some(state), Some(since)) = (self.slots.get_mut(slot), self.since.get_mut(slot)) {
            *state = to;
            *since = now;
        }
    }
}

/// How an agent of a pool asks for work.
pub(crate) struct InTurn<'p> {
    pub(crate) pool: &'p Pool,
    /// Its slot.
    pub(crate) slot: usize,
    /// Until when it waits.
    pub(crate) deadline: Instant,
}

/// As long as an agent waits for its answer.
struct Asking<'p> {
    pool: &'p Pool,
    slot: usize,
    org: OrgId,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.pool.asks_no_more(self.slot, self.org);
    }
}

impl Lab {
    /// Gives an agent of a pool work once it is its org's turn.
    pub(crate) async fn claim_in_turn(
        &self,
        in_turn: InTurn<'_>,
        who: &Principal,
        agent: &Agent,
        claim_id: &str,
    ) -> Result<Option<Assignment>> {
        let InTurn {
            pool,
            slot,
            deadline,
        } = in_turn;
        let (id, claim) = (agent.id, claim_id.to_owned());
        let before = self
            .read(move |view| view.attempt_by_claim(id, &claim))
            .await?;
        if before.is_some() {
            // An answer that was lost is given again, and takes nobody's turn.
            pool.holds(slot, agent.org);
            let (_, found) = self.try_claim(who, agent.id, claim_id).await?;
            return Ok(found);
        }
        let _asking = Asking {
            pool,
            slot,
            org: agent.org,
        };
        let mut changed = pool.changed();
        loop {
            let orders = self.wakes.orders(agent.id);
            let ordered = orders.notified();
            tokio::pin!(ordered);
            // Both before looking, so that nothing is missed in between.
            ordered.as_mut().enable();
            changed.mark_unchanged();
            let draining = self.agent_of(who, agent.id).await?.draining;
            pool.asks(slot, agent.org, draining);
            if let Some(turn) = pool.turn(slot, agent.org) {
                let claimed = self.try_claim(who, agent.id, claim_id).await;
                pool.found(turn, matches!(claimed, Ok((_, Some(_)))));
                if let (_, Some(found)) = claimed? {
                    return Ok(Some(found));
                }
                continue;
            }
            tokio::select! {
                // The pool lives as long as the lab.
                _ = changed.changed() => {}
                () = ordered => {}
                () = tokio::time::sleep_until(deadline) => return Ok(None),
                () = self.stop.cancelled() => return Ok(None),
            }
        }
    }

    /// Lets the agents of a pool share its slots. Once at the start, before any of them asks.
    pub fn share_slots(&self, pool: &Arc<Pool>) {
        if self.wakes.pool.set(Arc::clone(pool)).is_err() {
            tracing::error!("there is a pool of slots already");
        }
    }

    /// Tells a pool which orgs share it: those of `only`, or all there are. Returns them by name.
    ///
    /// # Errors
    /// Storage.
    pub async fn look_for_pool(
        &self,
        pool: &Pool,
        only: Option<Vec<String>>,
    ) -> Result<Vec<(OrgId, String)>> {
        let labels = pool.labels.clone();
        let runtime = pool.runtime;
        let agents = pool.with(|state, _| state.slots.len());
        let found = self.read(move |view| {
            let mut found = Vec::new();
            for org in oldest_orgs(view)? {
                let name = org.name.as_str();
                let is_one = |only: &Vec<String>| only.iter().any(|known| known == name);
                if !only.as_ref().is_none_or(is_one) {
                    continue;
                }
                let policy = view.policies(&[Level::Org(org.id)])?.pop();
                let weight = policy.and_then(|p| p.policy.share).unwrap_or(1);
                let has_work = claim::has_work(view, org.id, &labels, runtime, agents)?;
                found.push((org.id, org.name.to_string(), weight, has_work));
            }
            Ok(found)
        });
        let found = found.await?;
        let shares: Vec<_> = found
            .iter()
            .map(|(id, _, weight, has_work)| (*id, *weight, *has_work))
            .collect();
        pool.tell(&shares);
        let names = found.into_iter().map(|(id, name, _, _)| (id, name));
        Ok(names.collect())
    }
}

fn oldest_orgs(view: &mut dyn Read) -> devlab_core::Result<Vec<Org>> {
    let mut orgs: Vec<Org> = Vec::new();
    while orgs.len() < ORGS_MAX {
        let page = Page {
            after: orgs.last().map(|org| org.id.uuid()),
            limit: PAGE_MAX,
        };
        let more = view.orgs(None, page)?;
        let is_last = more.len() < PAGE_MAX as usize;
        orgs.extend(more);
        if is_last {
            break;
        }
    }
    orgs.truncate(ORGS_MAX);
    Ok(orgs)
}

#[cfg(test)]
mod tests;

//! Agents register, drain, go; and what they are told.

use serde_json::json;

use crate::attempt::{Agent, Attempt, AttemptState};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{AgentId, AttemptId, OrgId};
use crate::label::Labels;
use crate::limits::{AGENT_CAPACITY_MAX, AGENT_GONE_AFTER, PAGE_MAX};
use crate::name;
use crate::time::Timestamp;
use crate::tx::{Effect, Page, Read, Tx};

use super::policy;
use super::tell::{self, Told};

/// How an agent presents itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Org.
    pub org: OrgId,
    /// Name, unique in the org.
    pub name: String,
    /// What it can do.
    pub labels: Labels,
    /// Attempts that it takes at one time.
    pub capacity: u32,
    /// Runtime that it runs in.
    pub runtime: String,
}

/// Registers an agent. One that registers again under its name keeps its id; a drain is over then.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn register(tx: &mut dyn Tx, registration: Registration) -> Result<Agent> {
    name::check_title("name", &registration.name)?;
    name::check_title("runtime", &registration.runtime)?;
    if registration.capacity == 0 || registration.capacity > AGENT_CAPACITY_MAX {
        let problem = format!("must be between 1 and {AGENT_CAPACITY_MAX}");
        return Err(Refusal::invalid("capacity", problem).into());
    }
    let now = tx.now();
    let known = tx.agent_by_name(registration.org, &registration.name)?;
    let (id, created_at) = match known {
        Some(agent) => (agent.id, agent.created_at),
        None => (AgentId::new(now, tx.random()), now),
    };
    let agent = Agent {
        id,
        lane: policy::lane_of_runtime(tx, registration.org, &registration.runtime)?,
        org: registration.org,
        name: registration.name,
        labels: registration.labels,
        capacity: registration.capacity,
        runtime: registration.runtime,
        draining: false,
        created_at,
        seen_at: now,
    };
    tx.put_agent(&agent)?;
    announce(tx, &agent, EventKind::AgentRegistered, "registered")?;
    Ok(agent)
}

/// Tells an agent to take no new work, or to take it again.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn drain(tx: &mut dyn Tx, id: AgentId, draining: bool) -> Result<Agent> {
    let mut agent = tx.agent(id)?.ok_or(Refusal::NotFound("agent"))?;
    if agent.draining != draining {
        agent.draining = draining;
        tx.put_agent(&agent)?;
        tx.effect(Effect::Control(id));
        announce(
            tx,
            &agent,
            EventKind::AgentState,
            if draining { "draining" } else { "resumed" },
        )?;
    }
    Ok(agent)
}

/// Removes an agent that holds nothing.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Conflict`] while it holds attempts.
pub fn remove(tx: &mut dyn Tx, id: AgentId) -> Result<()> {
    let agent = tx.agent(id)?.ok_or(Refusal::NotFound("agent"))?;
    let held = tx.attempts_of_agent(id)?.len();
    if held > 0 {
        return Err(Refusal::Conflict(format!(
            "the agent holds {held} attempts: drain it and wait until they end"
        ))
        .into());
    }
    tx.delete_agent(id)?;
    announce(tx, &agent, EventKind::AgentState, "removed")
}

/// Whether an agent is there: it has called lately, or holds a lease. A claim writes the time of
/// the call only now and then; a live lease is as good.
#[must_use]
pub fn is_online(agent: &Agent, held: &[Attempt], now: Timestamp) -> bool {
    let lives =
        |attempt: &Attempt| attempt.state == AttemptState::Live && attempt.lease_until > now;
    now.since(agent.seen_at) < AGENT_GONE_AFTER || held.iter().any(lives)
}

/// What each agent of an org that is online and takes work can do; of the newest
/// [`PAGE_MAX`] agents.
///
/// # Errors
/// Storage only.
pub fn able(view: &mut dyn Read, org: OrgId) -> Result<Vec<(AgentId, Labels)>> {
    let now = view.now();
    let page = Page {
        after: None,
        limit: PAGE_MAX,
    };
    let mut able = Vec::new();
    for agent in view.agents(Some(org), page)? {
        let held = view.attempts_of_agent(agent.id)?;
        if !agent.draining && is_online(&agent, &held, now) {
            able.push((agent.id, agent.labels));
        }
    }
    Ok(able)
}

fn announce(tx: &mut dyn Tx, agent: &Agent, kind: EventKind, state: &str) -> Result<()> {
    tx.append_event(&NewEvent {
        org: agent.org,
        kind,
        project: None,
        task: None,
        attempt: None,
        data: json!({ "agent": agent.id, "name": agent.name, "state": state }),
    })
}

/// An attempt that an agent says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The attempt.
    pub attempt: AttemptId,
    /// How many messages it has got; `None` if the agent does not want any.
    pub seen: Option<u32>,
}

/// What an agent has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// Attempts to stop: they cannot write any more.
    pub stop: Vec<AttemptId>,
    /// Whether to take no new work.
    pub drain: bool,
    /// What people said to its attempts.
    pub messages: Vec<Told>,
}

impl Orders {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an agent has to do about the attempts that it says it holds.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn control(view: &mut dyn Read, id: AgentId, held: &[Holding]) -> Result<Orders> {
    let agent = view.agent(id)?.ok_or(Refusal::NotFound("agent"))?;
    let mut orders = Orders {
        drain: agent.draining,
        ..Orders::default()
    };
    for holding in held {
        let stored = view.attempt(holding.attempt)?;
        let lives = |stored: &Attempt| stored.agent == id && stored.state.may_write();
        match (stored.filter(lives), holding.seen) {
            (None, _) => orders.stop.push(holding.attempt),
            (Some(attempt), Some(seen)) => {
                orders.messages.extend(tell::after(view, &attempt, seen)?);
            }
            (Some(_), None) => {}
        }
    }
    Ok(orders)
}

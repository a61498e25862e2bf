//! Agents, and what agents call.

use std::time::Duration;

use bytes::Bytes;
use devlab_core::{AgentId, AttemptId, TaskId};

use super::query::{Page, Params};
use super::{Client, ClientError, LONG_POLL_GRACE};
use crate::List;
use crate::agent::{Agent, Claim, Claimed, Control, Logged, RegisterAgent, Update, Updated};

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// `POST /agents`: registers one, or tells that it has restarted.
    pub async fn register_agent(&self, agent: &RegisterAgent) -> Result<Agent> {
        self.post(&["agents"]).json(agent).fetch().await
    }

    /// `GET /agents`.
    pub async fn agents(&self, org: Option<&str>, page: &Page) -> Result<List<Agent>> {
        let params = page.params(Params::default().maybe("org", org));
        self.get(&["agents"]).query(&params).fetch().await
    }

    /// `GET /agents/{id}`.
    pub async fn agent(&self, agent: AgentId) -> Result<Agent> {
        self.get(&["agents", &agent.to_string()]).fetch().await
    }

    /// `POST /agents/{id}/drain`: it takes no new work.
    pub async fn drain_agent(&self, agent: AgentId) -> Result<Agent> {
        self.post(&["agents", &agent.to_string(), "drain"])
            .fetch()
            .await
    }

    /// `DELETE /agents/{id}`.
    pub async fn delete_agent(&self, agent: AgentId) -> Result<()> {
        self.delete(&["agents", &agent.to_string()]).done().await
    }

    /// `GET /agents/{id}/control`: waits up to `wait_secs` for something to stop among `held`, for
    /// messages to one of them after those that it has got, or for a drain.
    pub async fn agent_control(
        &self,
        agent: AgentId,
        held: &[(AttemptId, u32)],
        wait_secs: u32,
    ) -> Result<Control> {
        let list = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(","));
        let ids = held.iter().map(|(attempt, _)| attempt.to_string());
        let seen = held.iter().map(|(_, seen)| seen.to_string());
        let params = Params::default()
            .maybe("held", list(ids.collect()))
            .maybe("seen", list(seen.collect()))
            .with("wait_secs", wait_secs);
        self.get(&["agents", &agent.to_string(), "control"])
            .query(&params)
            .timeout(long_poll(wait_secs))
            .fetch()
            .await
    }

    /// `POST /tasks/claim`: waits up to `claim.wait_secs`; `None` when there was no work. After an
    /// error call again with the same claim: the same attempt is the answer.
    pub async fn claim(&self, claim: &Claim) -> Result<Option<Claimed>> {
        self.post(&["tasks", "claim"])
            .json(claim)
            .timeout(long_poll(claim.wait_secs))
            .fetch_optional()
            .await
    }

    /// `POST /tasks/update`: a heartbeat, or the end of an attempt. May be repeated.
    pub async fn update_attempt(&self, update: &Update) -> Result<Updated> {
        self.post(&["tasks", "update"]).json(update).fetch().await
    }

    /// `POST /tasks/log`: bytes of an attempt's log from `offset` on. May be repeated; a gap is
    /// refused with `log_gap` and the expected offset.
    pub async fn append_log(
        &self,
        task: TaskId,
        attempt: AttemptId,
        offset: u64,
        chunk: Bytes,
    ) -> Result<Logged> {
        let params = Params::default()
            .with("task", task)
            .with("attempt", attempt)
            .with("offset", offset);
        self.post(&["tasks", "log"])
            .query(&params)
            .octets(chunk)
            .fetch()
            .await
    }
}

fn long_poll(wait_secs: u32) -> Duration {
    Duration::from_secs(u64::from(wait_secs)) + LONG_POLL_GRACE
}

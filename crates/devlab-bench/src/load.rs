//! Simulated people and agents.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use devlab_api::words::limits::LONG_POLL_MAX;
use devlab_api::words::{AgentId, AttemptId, TaskId};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::lab::{Lab, Org};
use crate::wire::{Conn, Route};

/// Longest time that work may take to end after the load has.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(60);

/// Connections that work until they are dropped. One that ends early is an error.
pub(crate) type Crew = JoinSet<anyhow::Result<()>>;

/// Does something while a crew works; an error of the crew ends both.
pub(crate) async fn with_crew<T>(
    crew: &mut Crew,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            Some(ended) = crew.join_next() => ended.context("a connection was stopped")??,
        }
    }
}

/// An attempt that an agent holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
    /// Whether it ends a chain: its title is [`LAST_TITLE`].
    pub(crate) is_last: bool,
}

/// Title of the last task of a chain.
pub(crate) const LAST_TITLE: &str = "last";

/// What is read of a claim's answer.
#[derive(Deserialize)]
struct Claimed<'a> {
    task: TaskId,
    attempt: AttemptId,
    #[serde(borrow)]
    title: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Made<T> {
    id: T,
}

/// Is told what agents do.
pub(crate) trait Watcher: Send + Sync + 'static {
    /// A claim was answered.
    fn claimed(&self, work: &Work, at: Instant);
    /// A completion, sent at the first time, was acknowledged at the second.
    fn completed(&self, work: &Work, sent: Instant, at: Instant);
}

/// An agent that never runs anything.
#[derive(Debug)]
pub(crate) struct Agent {
    conn: Conn,
    id: AgentId,
    claims: u64,
    claim: Route,
    update: Route,
    body: Vec<u8>,
}

impl Agent {
    pub(crate) async fn register(
        lab: &Lab,
        org: &Org,
        index: u32,
        labels: &[&str],
    ) -> anyhow::Result<Self> {
        let address = lab.address_of(index as usize);
        let mut conn = Conn::open(address).await?;
        let route = |line| Route::new(address, &org.agent, line);
        let body = serde_json::json!({
            "name": format!("bench-{index}"), "labels": labels, "capacity": 1,
        });
        let (_, answer) = conn
            .call(&route("POST /v1/agents"), body.to_string().as_bytes())
            .await?;
        let made: Made<AgentId> = serde_json::from_slice(answer)?;
        Ok(Self {
            conn,
            id: made.id,
            claims: 0,
            claim: route("POST /v1/tasks/claim"),
            update: route("POST /v1/tasks/update"),
            body: Vec::with_capacity(256),
        })
    }

    /// One claim, which waits at the server.
    pub(crate) async fn claim(&mut self, wait_secs: u64) -> anyhow::Result<Option<Work>> {
        self.claims += 1;
        self.body.clear();
        write!(
            self.body,
            r#"{{"agent":"{}","claim_id":"{}","wait_secs":{wait_secs}}}"#,
            self.id, self.claims
        )?;
        let (status, answer) = self.conn.call(&self.claim, &self.body).await?;
        if status == 204 {
            return Ok(None);
        }
        let claimed: Claimed<'_> = serde_json::from_slice(answer)?;
        Ok(Some(Work {
            task: claimed.task,
            attempt: claimed.attempt,
            is_last: claimed.title == LAST_TITLE,
        }))
    }

    pub(crate) async fn complete(&mut self, work: &Work) -> anyhow::Result<()> {
        self.body.clear();
        write!(
            self.body,
            r#"{{"task":"{}","attempt":"{}","complete":{{"delivered":{{}}}}}}"#,
            work.task, work.attempt
        )?;
        self.conn.call(&self.update, &self.body).await?;
        Ok(())
    }

    /// Claims and completes for ever.
    pub(crate) async fn serve(mut self, watcher: &impl Watcher) -> anyhow::Result<()> {
        loop {
            let Some(work) = self.claim(LONG_POLL_MAX.as_secs()).await? else {
                continue;
            };
            let claimed = Instant::now();
            watcher.claimed(&work, claimed);
            self.complete(&work).await?;
            watcher.completed(&work, claimed, Instant::now());
        }
    }
}

/// Starts agents that work.
pub(crate) async fn start_agents<W: Watcher>(
    crew: &mut Crew,
    lab: &Lab,
    org: &Org,
    count: u32,
    watcher: &std::sync::Arc<W>,
) -> anyhow::Result<()> {
    for index in 0..count {
        let agent = Agent::register(lab, org, index, &[]).await?;
        let watcher = std::sync::Arc::clone(watcher);
        crew.spawn(async move { agent.serve(&*watcher).await });
    }
    Ok(())
}

/// A connection that creates tasks.
#[derive(Debug)]
pub(crate) struct Creator {
    conn: Conn,
    route: Route,
    body: Vec<u8>,
}

impl Creator {
    /// Creates tasks without a project, which an agent would do in no time.
    pub(crate) async fn tasks(lab: &Lab, org: &Org, index: usize) -> anyhow::Result<Self> {
        let body = serde_json::json!({
            "title": "bench",
            "driver": {"command": {"argv": ["true"]}},
        });
        Self::open(lab, org, index, "POST /v1/tasks", &body).await
    }

    /// Schedules chains of three tasks.
    pub(crate) async fn chains(lab: &Lab, org: &Org, index: usize) -> anyhow::Result<Self> {
        let driver = serde_json::json!({"command": {"argv": ["true"]}});
        let body = serde_json::json!({
            "title": "chain",
            "tasks": [
                {"key": "a", "title": "first", "driver": driver},
                {"key": "b", "title": "second", "driver": driver, "depends_on": ["a"]},
                {"key": "c", "title": LAST_TITLE, "driver": driver, "depends_on": ["b"]},
            ],
        });
        Self::open(lab, org, index, "POST /v1/schedule", &body).await
    }

    async fn open(
        lab: &Lab,
        org: &Org,
        index: usize,
        line: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            conn: Conn::open(lab.address_of(index)).await?,
            route: Route::new(lab.address_of(index), org.operator(index), line),
            body: body.to_string().into_bytes(),
        })
    }

    /// Creates a task.
    pub(crate) async fn create(&mut self) -> anyhow::Result<TaskId> {
        let (_, answer) = self.conn.call(&self.route, &self.body).await?;
        let made: Made<TaskId> = serde_json::from_slice(answer)?;
        Ok(made.id)
    }

    /// Schedules a chain; gives its last task.
    pub(crate) async fn schedule(&mut self) -> anyhow::Result<TaskId> {
        #[derive(Deserialize)]
        struct Keys {
            c: TaskId,
        }
        #[derive(Deserialize)]
        struct Scheduled {
            tasks: Keys,
        }
        let (_, answer) = self.conn.call(&self.route, &self.body).await?;
        let scheduled: Scheduled = serde_json::from_slice(answer)?;
        Ok(scheduled.tasks.c)
    }
}

/// Times at which an open load is due, shared by its connections.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    end: Instant,
    rate: u32,
    next: AtomicU64,
}

impl Schedule {
    pub(crate) fn new(rate: u32, length: Duration) -> Self {
        let start = Instant::now();
        Self {
            start,
            end: start + length,
            rate,
            next: AtomicU64::new(0),
        }
    }

    /// Where the measured part begins.
    pub(crate) fn after(&self, warmup: Duration) -> Instant {
        self.start + warmup
    }

    /// Waits for the next free time; `None` after the end.
    pub(crate) async fn next(&self) -> Option<Instant> {
        let slot = self.next.fetch_add(1, Ordering::Relaxed);
        let nanos = slot.saturating_mul(1_000_000_000) / u64::from(self.rate.max(1));
        let due = self.start + Duration::from_nanos(nanos);
        if due >= self.end {
            return None;
        }
        sleep_until(due).await;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_open_load_is_due_at_its_rate() {
        let schedule = Schedule::new(4, Duration::from_secs(1));
        let mut due = Vec::new();
        while let Some(at) = schedule.next().await {
            due.push((at - schedule.start).as_millis());
        }
        assert_eq!(due, [0, 250, 500, 750]);
    }

    #[test]
    fn a_claim_is_read_whatever_else_it_says() {
        let text = r#"{"attempt":"att_01jd3v6p5x8e9rk2m4n6q8t0vw","number":1,"kind":"work",
            "task":"task_01jd3v6p5x8e9rk2m4n6q8t0vw","title":"a \"b\"","feedback":[]}"#;
        let claimed: Claimed<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(claimed.title, "a \"b\"");
    }
}

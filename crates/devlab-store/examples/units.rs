//! How many small units of work the SQLite store commits in a second.
//!
//! `cargo run --release -p devlab-store --example units -- [DIR [AGENTS [SECONDS [WAITING [LABELS]]]]]`
//!
//! Each agent creates a task, claims one and completes it, over and over: three units of about
//! three reads and four writes each. `WAITING` tasks that require `LABELS` are queued before.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devlab_core::attempt::{Attempt, AttemptKind, AttemptState, Phase};
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::label::Labels;
use devlab_core::limit::Lane;
use devlab_core::state::{State, TaskKind};
use devlab_core::task::{Made, Proof, Task, TaskSpec, Tries};
use devlab_core::tx::{Effect, Queued, Tx, Work};
use devlab_core::{AgentId, AttemptId, Clock, OrgId, Result, SystemClock, TaskId, Timestamp};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use devlab_store::{Store, StoreExt};
use futures::future::join_all;

/// The one org of this measurement.
fn lab() -> OrgId {
    OrgId::new(Timestamp::from_millis(1), 7)
}

fn event(tx: &mut dyn Tx, org: OrgId, kind: EventKind, task: TaskId) -> Result<()> {
    tx.append_event(&NewEvent {
        org,
        kind,
        project: None,
        task: Some(task),
        attempt: None,
        data: serde_json::json!({"state": "ready", "from": "blocked"}),
    })
}

fn create(tx: &mut dyn Tx, org: OrgId, requires: &Labels) -> Result<()> {
    tx.org(org)?;
    let now = tx.now();
    let random = tx.random();
    let id = TaskId::new(now, random);
    let mut task = Task {
        id,
        seq: 0,
        org,
        project: None,
        parent: None,
        goal: id,
        depth: 0,
        kind: TaskKind::Leaf,
        state: State::Ready,
        unmet: 0,
        priority: 0,
        path: 1,
        requires: requires.clone(),
        attempts: 0,
        live: None,
        lost: None,
        tries: Tries::default(),
        not_before: None,
        open_children: 0,
        started: false,
        head: None,
        prior: None,
        merges: None,
        published: None,
        review: false,
        asked: None,
        accepted: None,
        side_effects: false,
        proof: Proof::Open,
        check_set: None,
        terms: None,
        lane: Lane::default(),
        told: false,
        choice: None,
        held_by: None,
        holds: false,
        archived: false,
        created_at: now,
        updated_at: now,
    };
    let spec = TaskSpec {
        title: "make the parser accept comments".into(),
        goal: "make the parser accept comments, and say where they may stand".into(),
        ..TaskSpec::default()
    };
    task.seq = tx.insert_task(&task, &spec, &Made::by("admin:units"))?;
    event(tx, org, EventKind::TaskCreated, id)?;
    let _has_room = tx.enqueue(&entry(&task))?;
    tx.effect(Effect::Ready(org, requires.clone()));
    Ok(())
}

fn entry(task: &Task) -> Queued {
    Queued {
        org: task.org,
        requires: task.requires.clone(),
        lane: Lane::default(),
        priority: task.priority,
        path: task.path,
        seq: task.seq,
        not_by: None,
        work: Work::Task(task.id),
    }
}

fn claim(tx: &mut dyn Tx, org: OrgId, agent: AgentId, claim_id: &str) -> Result<Option<AttemptId>> {
    if tx.attempt_by_claim(agent, claim_id)?.is_some() {
        return Ok(None);
    }
    let heads = tx.queue_heads(org, Some(&Labels::default()))?;
    let Some(head) = heads.into_iter().min_by_key(Queued::rank) else {
        return Ok(None);
    };
    let Work::Task(id) = head.work else {
        return Ok(None);
    };
    let Some(mut task) = tx.task(id)? else {
        return Ok(None);
    };
    tx.task_spec(id)?;
    tx.dequeue(&head)?;
    let now = tx.now();
    let random = tx.random();
    let attempt = Attempt {
        id: AttemptId::new(now, random),
        org,
        task: id,
        number: task.attempts + 1,
        kind: AttemptKind::Work,
        candidate: None,
        agent,
        claim_id: claim_id.to_owned(),
        state: AttemptState::Live,
        phase: Phase::Preparing,
        lease_until: now.plus(Duration::from_secs(30)),
        base: None,
        prior: None,
        merges: None,
        commit: None,
        failure: None,
        terms: None,
        lane: Lane::default(),
        created_at: now,
        ended_at: None,
    };
    tx.insert_attempt(&attempt)?;
    task.state = State::Running;
    task.live = Some(attempt.id);
    task.attempts += 1;
    tx.put_task(&task)?;
    event(tx, org, EventKind::TaskState, id)?;
    Ok(Some(attempt.id))
}

fn complete(tx: &mut dyn Tx, attempt: AttemptId) -> Result<()> {
    let Some(mut attempt) = tx.attempt(attempt)? else {
        return Ok(());
    };
    let Some(mut task) = tx.task(attempt.task)? else {
        return Ok(());
    };
    tx.dependents(task.id)?;
    attempt.state = AttemptState::Succeeded;
    attempt.ended_at = Some(tx.now());
    tx.put_attempt(&attempt)?;
    task.state = State::Done;
    task.live = None;
    tx.put_task(&task)?;
    event(tx, task.org, EventKind::TaskState, task.id)
}

async fn agent(
    store: &Arc<dyn Store>,
    n: u128,
    clock: SystemClock,
    end: Duration,
    claims: &Arc<Claims>,
) -> Vec<Duration> {
    let org = lab();
    let agent = AgentId::new(clock.now(), n);
    let mut took = Vec::new();
    let mut done = 0_u64;
    while clock.monotonic() < end {
        let mut at = clock.monotonic();
        let mut lap = || {
            let now = clock.monotonic();
            took.push(now.saturating_sub(at));
            at = now;
        };
        let created = store.write(move |tx| create(tx, org, &Labels::default()));
        created.await.unwrap_or_else(|e| panic!("{e}"));
        lap();
        let claim_id = format!("{:016x}-{n}-{done}", rand::random::<u64>());
        let claims = Arc::clone(claims);
        let claimed = store
            .write(move |tx| {
                let begin = clock.monotonic();
                let claimed = claim(tx, org, agent, &claim_id);
                claims.add(clock.monotonic().saturating_sub(begin));
                claimed
            })
            .await;
        lap();
        done += 1;
        if let Some(attempt) = claimed.unwrap_or_else(|e| panic!("{e}")) {
            let completed = store.write(move |tx| complete(tx, attempt)).await;
            completed.unwrap_or_else(|e| panic!("{e}"));
            lap();
        }
    }
    took
}

/// Time that claims took by themselves, without waiting and without their commit.
#[derive(Default)]
struct Claims {
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Claims {
    fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn mean(&self) -> Duration {
        let count = self.count.load(Ordering::Relaxed).max(1);
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed) / count)
    }
}

async fn fill(store: &Arc<dyn Store>, waiting: u64, labels: &Labels) {
    let org = lab();
    for _ in 0..waiting.div_ceil(1000) {
        let labels = labels.clone();
        let filled = store
            .write(move |tx| (0..1000).try_for_each(|_| create(tx, org, &labels)))
            .await;
        filled.unwrap_or_else(|e| panic!("{e}"));
    }
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        args.get(at)
            .map_or(default, |text| text.parse().unwrap_or(default))
    };
    let dir = args.first().cloned().unwrap_or_else(|| {
        std::env::temp_dir()
            .join("devlab-units")
            .display()
            .to_string()
    });
    let (agents, secs, waiting) = (number(1, 64), number(2, 5), number(3, 0));
    let labels: Labels = args
        .get(4)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let clock = SystemClock::new();
    let options = SqliteOptions::new(&dir, Arc::new(clock), Arc::new(|_: &[Effect]| {}));
    let sqlite = SqliteStore::open(options).unwrap_or_else(|e| panic!("{e}"));
    let store: Arc<dyn Store> = sqlite;
    fill(&store, waiting, &labels).await;
    let claims = Arc::new(Claims::default());
    let begin = clock.monotonic();
    let end = begin + Duration::from_secs(secs);
    let runs = (0..u128::from(agents)).map(|n| agent(&store, n, clock, end, &claims));
    let mut took: Vec<_> = join_all(runs).await.concat();
    let elapsed = (clock.monotonic() - begin).as_secs_f64();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    println!(
        "{agents} agents, {waiting} waiting: {:.0} units/s, p50 {:?}, p99 {:?}, max {:?}; a claim \
         runs {:?}",
        took.len() as f64 / elapsed,
        at(0.5),
        at(0.99),
        at(1.0),
        claims.mean()
    );
    for (name, value) in store.describe().await.unwrap_or_default() {
        println!("  {name}: {value}");
    }
    store.close().await.unwrap_or_else(|e| panic!("{e}"));
}

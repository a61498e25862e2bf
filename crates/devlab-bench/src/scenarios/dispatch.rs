//! Tasks created, claimed and completed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{bail, ensure};
use devlab_api::words::TaskId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{CpuMeter, check_all_done};
use crate::args::{Args, Load};
use crate::lab::{Lab, Org};
use crate::load::{Creator, Crew, DRAIN_MAX, Schedule, Watcher, Work, start_agents, with_crew};
use crate::stats::{Metrics, Samples, count};

/// Tasks in flight of a closed loop: two for each of 64 agents.
const IN_FLIGHT: u32 = 128;
/// How often the end of the work is looked for, once the load has ended.
const DRAIN_POLL: Duration = Duration::from_millis(5);

pub(crate) async fn run(lab: &Lab, args: &Args, load: &Load) -> anyhow::Result<Metrics> {
    let org = lab.org(load.creators).await?;
    let metrics = match load.offered {
        None => closed(lab, &org, args, load).await?,
        Some(rate) => open(lab, &org, args, load, rate).await?,
    };
    check_all_done(&lab.admin, &org).await?;
    Ok(metrics)
}

/// What the connections of a closed loop share.
struct Board {
    window: Semaphore,
    created: AtomicU64,
    completed: AtomicU64,
    measuring: AtomicBool,
    create: Mutex<Samples>,
    complete: Mutex<Samples>,
}

impl Watcher for Board {
    fn claimed(&self, _work: &Work, _at: Instant) {}

    fn completed(&self, _work: &Work, sent: Instant, at: Instant) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        self.window.add_permits(1);
        self.sample(&self.complete, at - sent);
    }
}

impl Board {
    fn sample(&self, samples: &Mutex<Samples>, duration: Duration) {
        if self.measuring.load(Ordering::Relaxed) {
            samples
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(duration);
        }
    }

    /// Creates tasks until the window is closed.
    async fn create(&self, mut creator: Creator) -> anyhow::Result<()> {
        while let Ok(permit) = self.window.acquire().await {
            permit.forget();
            let sent = Instant::now();
            creator.create().await?;
            self.created.fetch_add(1, Ordering::Relaxed);
            self.sample(&self.create, sent.elapsed());
        }
        Ok(())
    }

    async fn drained(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let created = self.created.load(Ordering::Relaxed);
            let completed = self.completed.load(Ordering::Relaxed);
            ensure!(
                completed <= created,
                "{completed} completions of {created} tasks"
            );
            if completed == created {
                return Ok(());
            }
            if start.elapsed() > DRAIN_MAX {
                bail!(
                    "{} tasks were not done {DRAIN_MAX:?} after the load",
                    created - completed
                );
            }
            sleep(DRAIN_POLL).await;
        }
    }
}

async fn closed(lab: &Lab, org: &Org, args: &Args, load: &Load) -> anyhow::Result<Metrics> {
    let window = load.in_flight.unwrap_or(IN_FLIGHT);
    let board = Arc::new(Board {
        window: Semaphore::new(usize::try_from(window)?),
        created: AtomicU64::new(0),
        completed: AtomicU64::new(0),
        measuring: AtomicBool::new(false),
        create: Mutex::default(),
        complete: Mutex::default(),
    });
    let mut agents = Crew::new();
    start_agents(&mut agents, lab, org, load.agents, &board).await?;
    let mut creators = JoinSet::new();
    for index in 0..load.creators {
        let creator = Creator::tasks(lab, org, usize::try_from(index)?).await?;
        let board = Arc::clone(&board);
        creators.spawn(async move { board.create(creator).await });
    }
    with_crew(&mut agents, measure_closed(lab, args, &board, creators)).await
}

async fn measure_closed(
    lab: &Lab,
    args: &Args,
    board: &Board,
    mut creators: JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<Metrics> {
    let mut metrics = Metrics::new();
    let measured = async {
        sleep(Duration::from_secs(args.warmup.into())).await;
        let (meter, start) = (CpuMeter::start(lab)?, Instant::now());
        let before = board.completed.load(Ordering::Relaxed);
        board.measuring.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(args.seconds.into())).await;
        board.measuring.store(false, Ordering::Relaxed);
        let done = board.completed.load(Ordering::Relaxed) - before;
        let rate = count(usize::try_from(done)?) / start.elapsed().as_secs_f64();
        metrics.insert("lifecycles_per_s".to_owned(), rate);
        meter.report(&mut metrics)
    };
    with_crew(&mut creators, measured).await?;
    board.window.close();
    while let Some(ended) = creators.join_next().await {
        ended??;
    }
    board.drained().await?;
    let take = |samples: &Mutex<Samples>| {
        std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner))
    };
    take(&board.create).report("create", &mut metrics);
    take(&board.complete).report("complete", &mut metrics);
    Ok(metrics)
}

/// A creation of an open load.
struct Created {
    task: TaskId,
    due: Instant,
    sent: Instant,
    answered: Instant,
}

/// When agents got which task, and how many are done.
#[derive(Default)]
struct Claims {
    at: Mutex<HashMap<TaskId, Instant>>,
    completed: AtomicU64,
}

impl Watcher for Claims {
    fn claimed(&self, work: &Work, at: Instant) {
        let mut claims = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        claims.entry(work.task).or_insert(at);
    }

    fn completed(&self, _work: &Work, _sent: Instant, _at: Instant) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn open(
    lab: &Lab,
    org: &Org,
    args: &Args,
    load: &Load,
    rate: u32,
) -> anyhow::Result<Metrics> {
    let claims = Arc::new(Claims::default());
    let mut agents = Crew::new();
    start_agents(&mut agents, lab, org, load.agents, &claims).await?;
    let mut connections = Vec::new();
    for index in 0..load.creators {
        connections.push(Creator::tasks(lab, org, usize::try_from(index)?).await?);
    }
    let length = Duration::from_secs(u64::from(args.warmup) + u64::from(args.seconds));
    let schedule = Arc::new(Schedule::new(rate, length));
    let begin = schedule.after(Duration::from_secs(args.warmup.into()));
    let mut creators = JoinSet::new();
    for creator in connections {
        creators.spawn(create_when_due(creator, Arc::clone(&schedule)));
    }
    let work = async {
        let mut created = Vec::new();
        while let Some(made) = creators.join_next().await {
            created.extend(made??);
        }
        let all = u64::try_from(created.len())?;
        let drained = async {
            while claims.completed.load(Ordering::Relaxed) < all {
                sleep(DRAIN_POLL).await;
            }
        };
        ensure!(
            timeout(DRAIN_MAX, drained).await.is_ok(),
            "tasks were not done {DRAIN_MAX:?} after the load"
        );
        created.retain(|made| made.due >= begin);
        anyhow::Ok(created)
    };
    let created = with_crew(&mut agents, work).await?;
    let claims = claims.at.lock().unwrap_or_else(PoisonError::into_inner);
    latencies(&created, &claims)
}

async fn create_when_due(
    mut creator: Creator,
    schedule: Arc<Schedule>,
) -> anyhow::Result<Vec<Created>> {
    let mut created = Vec::new();
    while let Some(due) = schedule.next().await {
        let sent = Instant::now();
        let task = creator.create().await?;
        created.push(Created {
            task,
            due,
            sent,
            answered: Instant::now(),
        });
    }
    Ok(created)
}

/// From the creation to the moment an agent holds the task: from just before the request was sent,
/// and from its answer (zero if the agent had the task before the creator had the answer).
fn latencies(created: &[Created], claims: &HashMap<TaskId, Instant>) -> anyhow::Result<Metrics> {
    let mut metrics = Metrics::new();
    let (mut after_send, mut after_answer) = (Samples::default(), Samples::default());
    let (mut answers, mut late) = (Samples::default(), Samples::default());
    for made in created {
        let Some(held) = claims.get(&made.task) else {
            bail!("{} was done but never claimed", made.task);
        };
        after_send.push(held.saturating_duration_since(made.sent));
        after_answer.push(held.saturating_duration_since(made.answered));
        answers.push(made.answered - made.sent);
        late.push(made.sent - made.due);
    }
    after_send.report("held_after_send", &mut metrics);
    after_answer.report("held_after_answer", &mut metrics);
    answers.report("create", &mut metrics);
    late.report("load_late", &mut metrics);
    Ok(metrics)
}

//! Chains of three tasks, one chain for each goal.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use devlab_api::words::TaskId;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{CpuMeter, check_all_done};
use crate::args::{Args, Load};
use crate::lab::{Lab, Org};
use crate::load::{Creator, Crew, DRAIN_MAX, Schedule, Watcher, Work, start_agents, with_crew};
use crate::stats::{Metrics, Samples, count};

/// Chains in flight of a closed loop.
const IN_FLIGHT: u32 = 64;

pub(crate) async fn run(lab: &Lab, args: &Args, load: &Load) -> anyhow::Result<Metrics> {
    let org = lab.org(load.creators).await?;
    let board = Arc::new(Board::default());
    let mut agents = Crew::new();
    start_agents(&mut agents, lab, &org, load.agents, &board).await?;
    let metrics = match load.offered {
        None => {
            let chains = load.in_flight.unwrap_or(IN_FLIGHT);
            with_crew(&mut agents, closed(lab, &org, args, &board, chains)).await?
        }
        Some(rate) => {
            let work = open(lab, &org, args, &board, load.creators, rate);
            with_crew(&mut agents, work).await?
        }
    };
    check_all_done(&lab.admin, &org).await?;
    Ok(metrics)
}

/// The end of a chain, seen by the agent that completed it or awaited by the one who scheduled it,
/// whichever comes first.
enum End {
    Seen(Instant),
    Awaited(oneshot::Sender<Instant>),
}

#[derive(Default)]
struct Board {
    ends: Mutex<HashMap<TaskId, End>>,
    chains: AtomicU64,
    stopping: AtomicBool,
    measuring: AtomicBool,
    latency: Mutex<Samples>,
}

impl Watcher for Board {
    fn claimed(&self, _work: &Work, _at: Instant) {}

    fn completed(&self, work: &Work, _sent: Instant, at: Instant) {
        if !work.is_last {
            return;
        }
        self.chains.fetch_add(1, Ordering::Relaxed);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        match ends.remove(&work.task) {
            // Whoever waited may be gone when the load was stopped.
            Some(End::Awaited(waiter)) => drop(waiter.send(at)),
            Some(End::Seen(first)) => drop(ends.insert(work.task, End::Seen(first))),
            None => drop(ends.insert(work.task, End::Seen(at))),
        }
    }
}

impl Board {
    /// When the chain that ends with this task has ended.
    async fn end_of(&self, last: TaskId) -> anyhow::Result<Instant> {
        let receiver = {
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(End::Seen(at)) = ends.remove(&last) {
                return Ok(at);
            }
            let (sender, receiver) = oneshot::channel();
            ends.insert(last, End::Awaited(sender));
            receiver
        };
        timeout(DRAIN_MAX, receiver)
            .await
            .with_context(|| format!("the chain of {last} was not done after {DRAIN_MAX:?}"))?
            .context("the load was stopped")
    }

    fn sample(&self, latency: Duration) {
        let mut samples = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(latency);
    }

    fn take_latency(&self) -> Samples {
        std::mem::take(&mut *self.latency.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One chain after the other.
async fn chain_after_chain(board: Arc<Board>, mut creator: Creator) -> anyhow::Result<()> {
    while !board.stopping.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let last = creator.schedule().await?;
        let end = board.end_of(last).await?;
        if board.measuring.load(Ordering::Relaxed) {
            board.sample(end - sent);
        }
    }
    Ok(())
}

async fn closed(
    lab: &Lab,
    org: &Org,
    args: &Args,
    board: &Arc<Board>,
    chains: u32,
) -> anyhow::Result<Metrics> {
    let mut drivers = JoinSet::new();
    for index in 0..chains {
        let creator = Creator::chains(lab, org, usize::try_from(index)?).await?;
        drivers.spawn(chain_after_chain(Arc::clone(board), creator));
    }
    let mut metrics = Metrics::new();
    let measured = async {
        sleep(Duration::from_secs(args.warmup.into())).await;
        let (meter, start) = (CpuMeter::start(lab)?, Instant::now());
        let before = board.chains.load(Ordering::Relaxed);
        board.measuring.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(args.seconds.into())).await;
        board.measuring.store(false, Ordering::Relaxed);
        let done = board.chains.load(Ordering::Relaxed) - before;
        let rate = count(usize::try_from(done)?) / start.elapsed().as_secs_f64();
        metrics.insert("chains_per_s".to_owned(), rate);
        meter.report(&mut metrics)
    };
    with_crew(&mut drivers, measured).await?;
    board.stopping.store(true, Ordering::Relaxed);
    while let Some(ended) = drivers.join_next().await {
        ended??;
    }
    board.take_latency().report("chain", &mut metrics);
    Ok(metrics)
}

/// A chain of an open load.
struct Scheduled {
    last: TaskId,
    due: Instant,
    sent: Instant,
}

async fn schedule_when_due(
    mut creator: Creator,
    schedule: Arc<Schedule>,
) -> anyhow::Result<Vec<Scheduled>> {
    let mut scheduled = Vec::new();
    while let Some(due) = schedule.next().await {
        let sent = Instant::now();
        let last = creator.schedule().await?;
        scheduled.push(Scheduled { last, due, sent });
    }
    Ok(scheduled)
}

async fn open(
    lab: &Lab,
    org: &Org,
    args: &Args,
    board: &Board,
    creators: u32,
    rate: u32,
) -> anyhow::Result<Metrics> {
    let mut connections = Vec::new();
    for index in 0..creators {
        connections.push(Creator::chains(lab, org, usize::try_from(index)?).await?);
    }
    let length = Duration::from_secs(u64::from(args.warmup) + u64::from(args.seconds));
    let schedule = Arc::new(Schedule::new(rate, length));
    let begin = schedule.after(Duration::from_secs(args.warmup.into()));
    let mut drivers = JoinSet::new();
    for creator in connections {
        drivers.spawn(schedule_when_due(creator, Arc::clone(&schedule)));
    }
    let (mut metrics, mut late) = (Metrics::new(), Samples::default());
    while let Some(scheduled) = drivers.join_next().await {
        for chain in scheduled?? {
            let end = board.end_of(chain.last).await?;
            if chain.due >= begin {
                board.sample(end - chain.sent);
                late.push(chain.sent - chain.due);
            }
        }
    }
    ensure!(late.len() > 0, "no chain was due after the warm-up");
    board.take_latency().report("chain", &mut metrics);
    late.report("load_late", &mut metrics);
    Ok(metrics)
}

//! Subscribers of the event stream: everyone gets every event once, also across a reconnect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use devlab_api::client::{Client, EventQuery};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::CpuMeter;
use crate::args::{Args, Stream};
use crate::lab::{Lab, Org};
use crate::load::{Creator, Crew, DRAIN_MAX, Schedule, Watcher, Work, start_agents, with_crew};
use crate::stats::{Metrics, count};
use crate::wire::{Conn, Route};

/// Agents that do the tasks meanwhile.
const AGENTS: u32 = 16;
/// Connections that create them.
const CREATORS: u32 = 8;
/// Events in one page when the list is read.
const PAGE: u32 = 500;
/// Events after which a subscriber is cut; a little later for each, so that not all come at once.
const CUT_AFTER: usize = 50;

/// Counts what is done.
#[derive(Default)]
struct Done(AtomicU64);

impl Watcher for Done {
    fn claimed(&self, _work: &Work, _at: Instant) {}

    fn completed(&self, _work: &Work, _sent: Instant, _at: Instant) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn run(lab: &Lab, args: &Args, size: &Stream) -> anyhow::Result<Metrics> {
    let org = lab.org(CREATORS).await?;
    let done = Arc::new(Done::default());
    let mut agents = Crew::new();
    start_agents(&mut agents, lab, &org, AGENTS, &done).await?;
    let viewer = lab.client(&org.viewer)?;
    let after = all_events(&viewer, 0).await?.last().copied().unwrap_or(0);
    // Tells the last place of the stream, once it is known.
    let (end, end_known) = watch::channel(None);
    let mut subscribers = JoinSet::new();
    for index in 0..size.subscribers {
        let cut = CUT_AFTER + usize::try_from(index)?;
        let subscriber = Subscriber::new(lab, &org, after, cut);
        subscribers.spawn(subscriber.follow(end_known.clone()));
    }
    let work = async {
        let meter = CpuMeter::start(lab)?;
        let mut metrics = Metrics::new();
        let tasks = offer(lab, &org, args, size.offered).await?;
        wait_until(&done.0, tasks).await?;
        meter.report(&mut metrics)?;
        let listed = all_events(&viewer, after).await?;
        let last = *listed.last().context("there was no event")?;
        ensure!(end.send(Some(last)).is_ok(), "all subscribers are gone");
        let (missed, doubled) = compare(&mut subscribers, &listed).await?;
        metrics.insert("events_listed".to_owned(), count(listed.len()));
        metrics.insert("events_missed".to_owned(), count(missed));
        metrics.insert("events_doubled".to_owned(), count(doubled));
        metrics.insert("tasks".to_owned(), count(usize::try_from(tasks)?));
        Ok(metrics)
    };
    with_crew(&mut agents, work).await
}

/// Creates tasks at a rate; gives their number.
async fn offer(lab: &Lab, org: &Org, args: &Args, rate: u32) -> anyhow::Result<u64> {
    let length = Duration::from_secs(args.seconds.into());
    let mut connections = Vec::new();
    for index in 0..CREATORS {
        connections.push(Creator::tasks(lab, org, usize::try_from(index)?).await?);
    }
    let schedule = Arc::new(Schedule::new(rate, length));
    let mut creators: JoinSet<anyhow::Result<u64>> = JoinSet::new();
    for mut creator in connections {
        let schedule = Arc::clone(&schedule);
        creators.spawn(async move {
            let mut made = 0;
            while schedule.next().await.is_some() {
                creator.create().await?;
                made += 1;
            }
            Ok(made)
        });
    }
    let mut made = 0;
    while let Some(part) = creators.join_next().await {
        made += part??;
    }
    Ok(made)
}

async fn wait_until(done: &AtomicU64, tasks: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    while done.load(Ordering::Relaxed) < tasks {
        ensure!(
            start.elapsed() < DRAIN_MAX,
            "tasks were not done {DRAIN_MAX:?} after the load"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Places of all events of the org after one, from the list.
async fn all_events(client: &Client, after: u64) -> anyhow::Result<Vec<u64>> {
    let mut seqs: Vec<u64> = Vec::new();
    loop {
        let query = EventQuery {
            after: seqs.last().copied().unwrap_or(after),
            limit: Some(PAGE),
            org: None,
        };
        let page = client.events(&query).await.context("GET /events")?;
        if page.items.is_empty() {
            return Ok(seqs);
        }
        seqs.extend(page.items.iter().map(|event| event.seq));
    }
}

/// Compares what each subscriber got with the list: events that it missed, and events that came
/// twice or in the wrong place.
async fn compare(
    subscribers: &mut JoinSet<anyhow::Result<Vec<u64>>>,
    listed: &[u64],
) -> anyhow::Result<(usize, usize)> {
    let (mut missed, mut doubled) = (0, 0);
    while let Some(seen) = subscribers.join_next().await {
        let (missing, extra) = difference(&seen??, listed);
        missed += missing;
        doubled += extra;
    }
    Ok((missed, doubled))
}

fn difference(seen: &[u64], listed: &[u64]) -> (usize, usize) {
    let mut expected = listed.iter().peekable();
    let (mut missed, mut extra) = (0, 0);
    // What came after the list was read is in no list.
    let last = listed.last().copied().unwrap_or(0);
    for seq in seen.iter().filter(|seq| **seq <= last) {
        while expected.next_if(|next| *next < seq).is_some() {
            missed += 1;
        }
        if expected.next_if(|next| *next == seq).is_none() {
            extra += 1;
        }
    }
    (missed + expected.count(), extra)
}

/// Someone who watches. Reads the wire itself, because the typed client would hide doubles.
struct Subscriber {
    address: crate::wire::Address,
    token: String,
    seen: Vec<u64>,
    after: u64,
    cut_after: usize,
}

impl Subscriber {
    fn new(lab: &Lab, org: &Org, after: u64, cut_after: usize) -> Self {
        Self {
            address: lab.address.clone(),
            token: org.viewer.clone(),
            seen: Vec::new(),
            after,
            cut_after,
        }
    }

    /// Follows to the last event; drops the connection once on the way.
    async fn follow(mut self, mut end: watch::Receiver<Option<u64>>) -> anyhow::Result<Vec<u64>> {
        self.follow_until(&mut end, Some(self.cut_after)).await?;
        self.follow_until(&mut end, None).await?;
        Ok(self.seen)
    }

    /// One connection: until this many events were seen, or until the end is.
    async fn follow_until(
        &mut self,
        end: &mut watch::Receiver<Option<u64>>,
        cut_after: Option<usize>,
    ) -> anyhow::Result<()> {
        let last = self.last();
        let line = format!("GET /v1/events/stream?after={}", self.after);
        let route = Route::new(&self.address, &self.token, &line)
            .with_header("last-event-id", &last.to_string());
        let conn = Conn::open(&self.address).await?;
        let mut events = conn.subscribe(&route).await?;
        loop {
            let reached_end = end.borrow().is_some_and(|seq| self.last() >= seq);
            if reached_end || cut_after.is_some_and(|most| self.seen.len() >= most) {
                return Ok(());
            }
            let known = end.borrow().is_some();
            tokio::select! {
                read = timeout(DRAIN_MAX, events.next_ids(&mut self.seen)) => {
                    read.context("no event came any more")??;
                }
                changed = end.changed(), if !known => changed.context("the load failed")?,
            }
        }
    }

    fn last(&self) -> u64 {
        self.seen.last().copied().unwrap_or(self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_doubles_are_counted() {
        for (seen, expected) in [
            (&[2, 4, 6][..], (0, 0)),
            (&[2, 6], (1, 0)),
            (&[2, 4, 4, 6], (0, 1)),
            (&[2, 4], (1, 0)),
            (&[], (3, 0)),
            (&[4, 2, 6], (1, 1)),
            (&[2, 3, 4, 6], (0, 1)),
            (&[2, 4, 6, 8], (0, 0)),
        ] {
            assert_eq!(difference(seen, &[2, 4, 6]), expected, "{seen:?}");
        }
    }
}

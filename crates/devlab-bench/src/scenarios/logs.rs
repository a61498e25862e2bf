//! Long logs: how fast attempts write them, and how long the last page takes, while the log is live
//! and once it is sealed.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use devlab_api::client::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::args::Logs;
use crate::lab::{Lab, Org};
use crate::load::{Agent, Creator, Work};
use crate::stats::{Metrics, Samples, count};
use crate::wire::{Conn, Route};

/// Bytes that are sent at once: the most that a server takes.
const CHUNK_BYTES: usize = 256 * 1024;
/// Lines of the last page: what a person sees at first.
const PAGE_LINES: u32 = 1_000;
/// Requests before the measured ones.
const WARM_UP: u32 = 5;
/// Longest time from the end of an attempt until its log is sealed, with the default settings.
const SEALED_MAX: Duration = Duration::from_secs(240);
/// How often it is seen whether it is.
const SEALED_POLL: Duration = Duration::from_millis(500);

pub(crate) async fn run(lab: &Lab, size: &Logs) -> anyhow::Result<Metrics> {
    let org = lab.org(1).await?;
    let mut creator = Creator::tasks(lab, &org, 0).await?;
    let (mut agents, mut works) = (Vec::new(), Vec::new());
    for index in 0..size.attempts {
        creator.create().await?;
        let mut agent = Agent::register(lab, &org, index, &[]).await?;
        works.push(agent.claim(0).await?.context("no ready task was found")?);
        agents.push(agent);
    }
    let mut metrics = Metrics::new();
    let chunks = chunks(size.lines);
    let bytes: usize = chunks.iter().map(Bytes::len).sum();
    metrics.insert("log_mb".to_owned(), count(bytes) / 1e6);

    let mut writing = JoinSet::new();
    for work in &works {
        writing.spawn(write(lab.client(&org.agent)?, *work, chunks.clone()));
    }
    let mut slowest = Duration::ZERO;
    while let Some(took) = writing.join_next().await {
        slowest = slowest.max(took??);
    }
    let per_min = count(bytes) / 1e6 / slowest.as_secs_f64() * 60.0;
    metrics.insert("append_mb_per_min".to_owned(), per_min);

    let first = works.first().context("no attempts")?;
    let live = last_pages(lab, &org, first, size.requests).await?;
    live.report("live_page", &mut metrics);
    for (agent, work) in agents.iter_mut().zip(&works) {
        agent.complete(work).await?;
    }
    let ended = Instant::now();
    wait_sealed(lab, count(works.len())).await?;
    metrics.insert("sealed_after_s".to_owned(), ended.elapsed().as_secs_f64());
    let sealed = last_pages(lab, &org, first, size.requests).await?;
    sealed.report("sealed_page", &mut metrics);
    Ok(metrics)
}

/// A log as an agent sends it: numbered lines of about a hundred bytes that do not repeat.
fn chunks(lines: u32) -> Vec<Bytes> {
    let (mut text, mut state) = (String::new(), 0x9e37_79b9_7f4a_7c15_u64);
    for number in 0..lines {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        writeln!(
            text,
            "{number:>8} compiling module_{:05} with flags -O2 -g: {state:016x} in {} ms, {} warnings",
            state % 99_991,
            state % 9_973,
            state % 7,
        )
        .ok();
    }
    let all = Bytes::from(text);
    let starts = (0..all.len()).step_by(CHUNK_BYTES);
    starts
        .map(|from| all.slice(from..all.len().min(from + CHUNK_BYTES)))
        .collect()
}

/// Sends a log, a chunk after the other has been acknowledged. Returns how long it took.
async fn write(client: Client, work: Work, chunks: Vec<Bytes>) -> anyhow::Result<Duration> {
    let (start, mut at) = (Instant::now(), 0);
    for chunk in chunks {
        let end = at + chunk.len() as u64;
        let logged = client
            .append_log(work.task, work.attempt, at, chunk)
            .await?;
        ensure!(
            logged.len == end,
            "the log has {} bytes, not {end}",
            logged.len
        );
        at = end;
    }
    Ok(start.elapsed())
}

async fn last_pages(lab: &Lab, org: &Org, work: &Work, wanted: u32) -> anyhow::Result<Samples> {
    let mut conn = Conn::open(&lab.address).await?;
    let line = format!("GET /v1/tasks/{}/logs?tail={PAGE_LINES}", work.task);
    let route = Route::new(&lab.address, &org.viewer, &line);
    let mut samples = Samples::default();
    for number in 0..WARM_UP + wanted {
        let sent = Instant::now();
        let (_, page) = conn.call(&route, b"").await?;
        let lines = page.iter().filter(|byte| **byte == b'\n').count();
        ensure!(lines == PAGE_LINES as usize, "a page of {lines} lines");
        if number >= WARM_UP {
            samples.push(sent.elapsed());
        }
    }
    Ok(samples)
}

async fn wait_sealed(lab: &Lab, logs: f64) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let text = lab.metrics_text().await?;
        let sealed = text
            .lines()
            .filter(|line| line.contains("loop_done{") && line.contains("\"seal\""))
            .find_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        if sealed.is_some_and(|sealed| sealed >= logs) {
            return Ok(());
        }
        if start.elapsed() > SEALED_MAX {
            bail!("{sealed:?} of {logs} logs are sealed after {SEALED_MAX:?}");
        }
        sleep(SEALED_POLL).await;
    }
}

//! A server that has nothing to do.

use std::time::Duration;

use anyhow::{Context, ensure};
use devlab_api::words::limits::LONG_POLL_MAX;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::Session;
use crate::args::Idle;
use crate::lab::{Lab, Org, data_folder};
use crate::load::{Agent, Crew, with_crew};
use crate::machine;
use crate::stats::Metrics;

/// How long a server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Bytes of a megabyte, and mebibytes in it.
const MEGABYTE: f64 = 1_000_000.0;
const MEBIBYTE: f64 = 1_048_576.0;

pub(crate) async fn run(session: &mut Session<'_>, size: &Idle) -> anyhow::Result<Metrics> {
    ensure!(
        session.args.url.is_none(),
        "idle measures a server from its start: leave --url out"
    );
    let mut metrics = Metrics::new();
    let binary = &session.args.server_bin;
    let bytes = std::fs::metadata(binary)
        .with_context(|| format!("there is no {}", binary.display()))?
        .len();
    let megabytes = f64::from(u32::try_from(bytes)?) / MEGABYTE;
    metrics.insert("binary_mb".to_owned(), megabytes);

    // The first start makes the database; the second is what people wait for every day.
    let first = Lab::spawn(binary, data_folder(session.args)?).await?;
    metrics.insert("first_ready_ms".to_owned(), millis(first.ready_after));
    let home = first.stop().await?.context("the data folder is gone")?;
    let lab = Lab::spawn(binary, home).await?;
    metrics.insert("again_ready_ms".to_owned(), millis(lab.ready_after));
    let slower = metrics["first_ready_ms"].max(metrics["again_ready_ms"]);
    metrics.insert("ready_ms".to_owned(), slower);
    session.note(&lab).await?;

    let pid = lab.pid().context("the server has ended")?;
    sleep(SETTLE).await;
    metrics.insert("resident_mb".to_owned(), resident_mb(pid)?);
    agents(&lab, pid, size, &mut metrics).await?;
    lab.stop().await?;
    Ok(metrics)
}

/// The cost of agents that wait for work: memory over what it was without them, processor time.
async fn agents(lab: &Lab, pid: u32, size: &Idle, metrics: &mut Metrics) -> anyhow::Result<()> {
    let org = lab.org(1).await?;
    let before = resident_mb(pid)?;
    let (polled, mut polls) = mpsc::unbounded_channel();
    let mut crew = Crew::new();
    for index in 0..size.agents {
        let agent = register(lab, &org, index).await?;
        crew.spawn(wait_for_work(agent, polled.clone()));
    }
    let watch = async {
        for _ in 0..size.agents {
            polls.recv().await.context("an agent is gone")?;
        }
        sleep(SETTLE).await;
        let (cpu, start) = (machine::cpu_time(pid)?, Instant::now());
        sleep(Duration::from_secs(size.watch_secs.into())).await;
        let used = machine::cpu_time(pid)?.saturating_sub(cpu).as_secs_f64();
        let percent = 100.0 * used / start.elapsed().as_secs_f64();
        metrics.insert("agents_core_percent".to_owned(), percent);
        metrics.insert("agents_resident_mb".to_owned(), resident_mb(pid)? - before);
        metrics.insert("agents_total_resident_mb".to_owned(), resident_mb(pid)?);
        Ok(())
    };
    with_crew(&mut crew, watch).await
}

async fn register(lab: &Lab, org: &Org, index: u32) -> anyhow::Result<Agent> {
    Agent::register(lab, org, index, &[])
        .await
        .with_context(|| format!("agent {index}"))
}

/// Polls for ever; says so before the first poll.
async fn wait_for_work(mut agent: Agent, polled: mpsc::UnboundedSender<()>) -> anyhow::Result<()> {
    polled.send(()).context("the watch is over")?;
    loop {
        let work = agent.claim(LONG_POLL_MAX.as_secs()).await?;
        ensure!(work.is_none(), "there was work, so this was not idle");
    }
}

fn resident_mb(pid: u32) -> anyhow::Result<f64> {
    Ok(machine::resident_mib(pid)? * MEBIBYTE / MEGABYTE)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

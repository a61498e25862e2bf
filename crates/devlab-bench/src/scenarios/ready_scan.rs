//! Claims beside many ready tasks: ones that the agent could do, and ones that it could not.

use anyhow::{Context, ensure};
use devlab_api::task::{Command, Driver, GraphTask, Schedule};
use devlab_api::words::limits::GRAPH_TASKS_MAX;
use tokio::time::Instant;

use super::Session;
use crate::args::ReadyScan;
use crate::lab::{Lab, Org};
use crate::load::{Agent, Creator};
use crate::stats::{Metrics, Samples};

/// Label of tasks that the agent cannot do.
const ELSEWHERE: &str = "elsewhere";
/// Claims before the measured ones: caches and queries are warm then.
const WARM_UP: u32 = 50;

/// Each case has a server of its own, so that no case inherits another's tables.
pub(crate) async fn run(session: &mut Session<'_>, size: &ReadyScan) -> anyhow::Result<Metrics> {
    let mut metrics = Metrics::new();
    for (kind, label) in [("matching", None), ("other", Some(ELSEWHERE))] {
        for (amount, backlog) in [("few", size.few), ("many", size.many)] {
            let lab = session.lab().await?;
            let org = lab.org(1).await?;
            fill(&lab, &org, backlog, label).await?;
            let samples = claims(&lab, &org, size.claims).await?;
            samples.report(&format!("claim_{amount}_{kind}"), &mut metrics);
            lab.stop().await?;
        }
        for part in ["p50", "p99"] {
            let value = |amount: &str| {
                let name = format!("claim_{amount}_{kind}_{part}_ms");
                metrics.get(&name).copied().context("no claim was measured")
            };
            let ratio = value("many")? / value("few")?;
            metrics.insert(format!("claim_{part}_ratio_{kind}"), ratio);
        }
    }
    Ok(metrics)
}

/// Schedules ready tasks, as many at once as a request may have.
async fn fill(lab: &Lab, org: &Org, backlog: u32, label: Option<&str>) -> anyhow::Result<()> {
    let client = lab.client(org.operator(0))?;
    let mut left = usize::try_from(backlog)?;
    while left > 0 {
        let part = left.min(GRAPH_TASKS_MAX - 1);
        let task = |index: usize| GraphTask {
            key: format!("t{index}"),
            title: "backlog".to_owned(),
            labels: label.iter().map(|label| (*label).to_owned()).collect(),
            ..GraphTask::default()
        };
        let schedule = Schedule {
            title: Some("backlog".to_owned()),
            tasks: (0..part).map(task).collect(),
            driver: Some(Driver::Command(Command {
                argv: vec!["true".to_owned()],
                ..Command::default()
            })),
            ..Schedule::default()
        };
        let scheduled = client.schedule(&schedule).await.context("POST /schedule")?;
        ensure!(
            scheduled.tasks.len() == part,
            "not all tasks were scheduled"
        );
        left -= part;
    }
    Ok(())
}

/// Times claims. Each takes a task and completes it after another was created, so the backlog stays
/// as it is.
async fn claims(lab: &Lab, org: &Org, wanted: u32) -> anyhow::Result<Samples> {
    let mut creator = Creator::tasks(lab, org, 0).await?;
    let mut agent = Agent::register(lab, org, 0, &["here"]).await?;
    let mut samples = Samples::default();
    for number in 0..WARM_UP + wanted {
        creator.create().await?;
        let sent = Instant::now();
        let work = agent.claim(0).await?.context("no ready task was found")?;
        if number >= WARM_UP {
            samples.push(sent.elapsed());
        }
        agent.complete(&work).await?;
    }
    Ok(samples)
}

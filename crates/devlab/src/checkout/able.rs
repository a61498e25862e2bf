//! Whether a lab has an agent for a goal, asked before the goal is made: one that nobody can do
//! would wait for ever, and a script that runs it would too.

use std::time::Duration;

use devlab_api::agent::Agent;
use devlab_api::client::Client;
use devlab_core::label::Labels;
use devlab_core::rules::schedule::DEFAULT_DRIVER_LABEL;
use devlab_core::{OrgId, Timestamp};
use tokio::time::Instant;

use super::held::{AWAY_MAX, HELD_AFTER};
use super::project::Place;
use crate::args::Run;
use crate::client::all;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// How long the first agent of an org is waited for: those of a lab that has just been started
/// register a moment later.
const FIRST_AGENT_MAX: Duration = Duration::from_secs(20);
/// How often the agents are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Makes sure that an agent is there that can do a goal, or that was there a moment ago. Whether it
/// is busy does not matter.
///
/// # Errors
/// There is none: [`Exit::NoAgent`].
pub(super) async fn somebody(
    context: &Context,
    client: &Client,
    place: &Place,
    run: &Run,
) -> anyhow::Result<()> {
    let settings = client.project_settings(place.project.id).await?;
    let mut needed = run.labels.clone();
    needed.extend(settings.labels);
    if run.command.is_empty() {
        needed.push(DEFAULT_DRIVER_LABEL.to_owned());
    }
    let needed = Labels::new(&needed)?;
    let began = Instant::now();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let agents = agents(client, place.project.org).await?;
        if agents.iter().any(|a| can(a, &needed, context.now())) {
            return Ok(());
        }
        let patience = match agents.iter().any(|agent| agent.online) {
            true => HELD_AFTER,
            false => FIRST_AGENT_MAX,
        };
        if began.elapsed() >= patience {
            return Err(nobody(&needed, run));
        }
    }
}

async fn agents(client: &Client, org: OrgId) -> anyhow::Result<Vec<Agent>> {
    let org = org.to_string();
    Ok(all(None, async |page| client.agents(Some(&org), &page).await).await?)
}

fn can(agent: &Agent, needed: &Labels, now: Timestamp) -> bool {
    let is_there = agent.online || now.since(agent.seen_at) < AWAY_MAX;
    let labels = Labels::new(&agent.labels).unwrap_or_default();
    is_there && !agent.draining && labels.satisfies(needed)
}

fn nobody(needed: &Labels, run: &Run) -> anyhow::Error {
    let who = match needed.as_str() {
        "" => "the org has none".to_owned(),
        labels => format!("none of the org has the labels {}", show::printable(labels)),
    };
    Failure::new(
        Exit::NoAgent,
        format!(
            "no agent can do this, so it was not scheduled: {who}\n  → {}; --no-wait schedules it \
             for an agent that comes later",
            match run.command.is_empty() {
                true => format!(
                    "give a command after `--`, or {}",
                    start_driver(&run.labels)
                ),
                false => start(&run.labels),
            }
        ),
    )
}

/// How a task that needs these labels gets an agent.
pub(super) fn start(labels: &[String]) -> String {
    format!("start an agent that can: `devlab agent{}`", flag(labels))
}

/// The same for a task that has no command.
pub(super) fn start_driver(labels: &[String]) -> String {
    format!(
        "start an agent with a default driver: `devlab agent{} --driver-command SCRIPT`",
        flag(labels)
    )
}

fn flag(labels: &[String]) -> String {
    match labels {
        [] => String::new(),
        some => format!(" --labels {}", show::printable(&some.join(","))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::AgentId;

    #[test]
    fn an_agent_that_is_away_for_a_moment_counts_and_one_that_drains_does_not() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        let needed = Labels::new([DEFAULT_DRIVER_LABEL, "gpu"]).unwrap();
        let agent = |online, draining, away: Duration, labels: &[&str]| -> Agent {
            let away = i64::try_from(away.as_millis()).unwrap();
            let seen = Timestamp::from_millis(now.as_millis() - away);
            serde_json::from_value(serde_json::json!({
                "id": AgentId::new(now, 1), "org": OrgId::new(now, 2), "name": "a", "labels": labels,
                "capacity": 1, "attempts": [], "runtime": "local", "draining": draining,
                "online": online, "created_at": seen, "seen_at": seen,
            }))
            .unwrap()
        };
        let both = ["driver=default", "gpu"];
        let moment = AWAY_MAX / 2;
        for (agent, expected) in [
            (agent(true, false, Duration::ZERO, &both), true),
            // It holds a lease, and claims nothing meanwhile.
            (agent(true, false, 2 * AWAY_MAX, &both), true),
            (agent(false, false, moment, &both), true),
            (agent(false, false, AWAY_MAX, &both), false),
            (agent(true, true, Duration::ZERO, &both), false),
            (agent(true, false, Duration::ZERO, &["gpu"]), false),
        ] {
            assert_eq!(can(&agent, &needed, now), expected, "{agent:?}");
        }
    }
}

//! Agents.

use devlab_api::agent::Agent;
use serde_json::json;

use super::{all, find};
use crate::args::AgentsCommand;
use crate::context::Context;
use crate::show::{self, time};

/// `devlab agents`.
pub(crate) async fn run(context: &Context, command: AgentsCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        AgentsCommand::List { org, paging } => {
            let list = async |page| client.agents(org.as_deref(), &page).await;
            let agents = all(paging.limit, list).await?;
            let columns = ["name", "state", "busy", "labels", "runtime", "seen", "id"];
            show::list(context.output, &agents, &columns, |agent| {
                vec![
                    agent.name.clone(),
                    state(agent).to_owned(),
                    format!("{}/{}", agent.attempts.len(), agent.capacity),
                    agent.labels.join(","),
                    agent.runtime.clone(),
                    time::ago(context.now(), agent.seen_at),
                    agent.id.to_string(),
                ]
            })
        }
        AgentsCommand::Show(named) => {
            show_agent(context, &find::agent(&client, &named.name).await?)
        }
        AgentsCommand::Drain(named) => {
            let agent = find::agent(&client, &named.name).await?;
            show_agent(context, &client.drain_agent(agent.id).await?)
        }
        AgentsCommand::Remove(named) => {
            let agent = find::agent(&client, &named.name).await?;
            client.delete_agent(agent.id).await?;
            show::note(&format!("{} is forgotten", agent.name));
            show::done(
                context.output,
                &json!({ "id": agent.id, "name": agent.name, "removed": true }),
            )
        }
    }
}

fn state(agent: &Agent) -> &'static str {
    match (agent.online, agent.draining) {
        (true, false) => "online",
        (true, true) => "draining",
        (false, _) => "gone",
    }
}

fn show_agent(context: &Context, agent: &Agent) -> anyhow::Result<()> {
    let attempts: Vec<String> = agent.attempts.iter().map(ToString::to_string).collect();
    let fields = [
        ("name", agent.name.clone()),
        ("id", agent.id.to_string()),
        ("state", state(agent).to_owned()),
        ("labels", agent.labels.join(", ")),
        ("capacity", agent.capacity.to_string()),
        ("attempts", attempts.join("\n")),
        ("runtime", agent.runtime.clone()),
        ("seen", time::ago(context.now(), agent.seen_at)),
    ];
    show::fields(context.output, agent, &fields)
}

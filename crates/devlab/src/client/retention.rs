//! `devlab retention`: what is due to go, and letting go of it.

use devlab_api::client::{Client, Page};
use devlab_api::project::{DueGoal, Holdings, Org};
use serde::Serialize;

use super::all;
use crate::archive::size;
use crate::args::{Output, RetentionCommand};
use crate::context::Context;
use crate::show::{self, time};

/// Goals in one page: each is counted task by task.
const GOALS_PAGE: u32 = 50;
/// Longest title in a table, in characters.
const TITLE_CHARS: usize = 48;

/// `devlab retention …`.
pub(crate) async fn run(context: &Context, command: RetentionCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        RetentionCommand::List { org } => list(context, &client, org.as_deref()).await,
        RetentionCommand::Run { org, dry_run: true } => {
            list(context, &client, org.as_deref()).await
        }
        RetentionCommand::Run { org, .. } => retire(context, &client, org.as_deref()).await,
    }
}

/// What an org lets go of, or has let go of.
#[derive(Debug, Serialize)]
struct OfOrg {
    org: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Vec<DueGoal>>,
    goals: u64,
    held: Holdings,
}

async fn orgs(client: &Client, only: Option<&str>) -> anyhow::Result<Vec<Org>> {
    Ok(match only {
        Some(org) => vec![client.org(org).await?],
        None => all(None, async |page| client.orgs(&page).await).await?,
    })
}

fn page(cursor: Option<String>) -> Page {
    Page {
        cursor,
        limit: Some(GOALS_PAGE),
    }
}

async fn list(context: &Context, client: &Client, only: Option<&str>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for org in orgs(client, only).await? {
        let (mut due, mut cursor, mut held) = (Vec::new(), None, Holdings::default());
        let retention = loop {
            let part = client.due(&org.name, &page(cursor)).await?;
            for goal in &part.items {
                held += goal.holds;
            }
            due.extend(part.items);
            cursor = part.next;
            if cursor.is_none() {
                break part.retention;
            }
        };
        found.push(OfOrg {
            org: org.name,
            retention: Some(retention),
            goals: due.len() as u64,
            due: Some(due),
            held,
        });
    }
    if context.output == Output::Json {
        return show::json(&found);
    }
    let rows: Vec<Vec<String>> = found.iter().flat_map(|org| rows(context, org)).collect();
    if !rows.is_empty() {
        let columns = ["org", "goal", "title", "ended", "logs", "artifacts", "refs"];
        show::table(&columns, rows.into_iter())?;
    }
    for org in &found {
        let kept = org.retention.as_deref().unwrap_or_default();
        let text = match org.goals {
            0 => format!("{}: nothing is due; bytes are kept for {kept}", org.org),
            _ => format!("{}: {} due after {kept}", org.org, total(org)),
        };
        show::note(&text);
    }
    Ok(())
}

fn rows(context: &Context, org: &OfOrg) -> Vec<Vec<String>> {
    let due = org.due.iter().flatten();
    due.map(|due| {
        let counted = |count: u64, bytes: u64| match count {
            0 => String::new(),
            _ => format!("{count} ({})", size(bytes)),
        };
        vec![
            org.org.clone(),
            due.goal.to_string(),
            show::short(&due.title, TITLE_CHARS),
            time::ago(context.now(), due.ended_at),
            counted(due.holds.logs, due.holds.log_bytes),
            counted(due.holds.artifacts, due.holds.artifact_bytes),
            due.holds.refs.to_string(),
        ]
    })
    .collect()
}

fn total(org: &OfOrg) -> String {
    let held = org.held;
    format!(
        "{} with {} ({}), {} ({}) and {}",
        show::count(org.goals, "goal"),
        show::count(held.logs, "log"),
        size(held.log_bytes),
        show::count(held.artifacts, "artifact"),
        size(held.artifact_bytes),
        show::count(held.refs, "ref"),
    )
}

async fn retire(context: &Context, client: &Client, only: Option<&str>) -> anyhow::Result<()> {
    let mut done = Vec::new();
    for org in orgs(client, only).await? {
        let mut of_org = OfOrg {
            org: org.name,
            retention: None,
            due: None,
            goals: 0,
            held: Holdings::default(),
        };
        let mut cursor = None;
        loop {
            let part = client.retire(&of_org.org, &page(cursor)).await?;
            of_org.goals += part.goals;
            of_org.held += part.held;
            cursor = part.next;
            if cursor.is_none() {
                break;
            }
            show::note(&format!("{}: {} so far", of_org.org, total(&of_org)));
        }
        let text = match of_org.goals {
            0 => format!("{}: nothing was due", of_org.org),
            _ => format!("{}: let go of {}", of_org.org, total(&of_org)),
        };
        show::note(&text);
        done.push(of_org);
    }
    if done.iter().any(|org| org.goals > 0) {
        show::note("space is freed in the background: blobs within minutes, refs within the hour");
    }
    show::done(context.output, &done)
}

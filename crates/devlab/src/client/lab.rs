//! The lab as a whole: events, the audit log, peers, clusters, who one is.

use devlab_api::client::{AuditQuery, EventQuery};
use devlab_api::event::Event;
use futures::StreamExt;

use super::all;
use crate::args::{Output, Paging};
use crate::context::Context;
use crate::show;

/// Events in one page.
const EVENTS_PAGE: u32 = 500;

/// `devlab events`.
pub(crate) async fn events(
    context: &Context,
    follow: bool,
    after: u64,
    org: Option<String>,
) -> anyhow::Result<()> {
    let client = context.client()?;
    if follow {
        let mut events = std::pin::pin!(client.follow_events(after, org.as_deref()));
        while let Some(event) = events.next().await {
            print_event(context, &event?)?;
        }
        return Ok(());
    }
    let mut query = EventQuery {
        after,
        limit: Some(EVENTS_PAGE),
        org,
    };
    loop {
        let page = client.events(&query).await?;
        for event in &page.items {
            print_event(context, event)?;
        }
        match page.items.last() {
            Some(last) if page.next.is_some() => query.after = last.seq,
            Some(_) | None => return Ok(()),
        }
    }
}

/// One line each, for programs too: a stream has no end to wait for.
fn print_event(context: &Context, event: &Event) -> anyhow::Result<()> {
    match context.output {
        Output::Json => show::line(&serde_json::to_string(event)?),
        Output::Table => {
            let about = event.task.map(|id| id.to_string()).or_else(|| {
                let id = event.attempt.map(|id| id.to_string());
                id.or_else(|| event.project.map(|id| id.to_string()))
            });
            show::line(&format!(
                "{}  {:8}  {:17} {:31}  {}",
                event.at,
                event.seq,
                event.kind.as_str(),
                about.unwrap_or_default(),
                show::printable(&event.data.to_string()),
            ))
        }
    }
}

/// `devlab audit`.
pub(crate) async fn audit(
    context: &Context,
    query: AuditQuery,
    paging: &Paging,
) -> anyhow::Result<()> {
    let client = context.client()?;
    let list = async |page| {
        let query = AuditQuery {
            page,
            ..query.clone()
        };
        client.audit(&query).await
    };
    let entries = all(paging.limit, list).await?;
    let columns = ["seq", "at", "who", "what", "to", "request"];
    show::list(context.output, &entries, &columns, |entry| {
        vec![
            entry.seq.to_string(),
            entry.at.clone(),
            entry.actor.clone(),
            entry.action.clone(),
            entry.target.clone(),
            entry.request_id.clone(),
        ]
    })
}

/// `devlab whoami`.
pub(crate) async fn whoami(context: &Context) -> anyhow::Result<()> {
    let lab = context.lab()?;
    let me = lab.client.whoami().await?;
    let org = me.org_name.clone().or_else(|| me.org.clone());
    let fields = [
        ("lab", lab.url),
        ("token", me.token.clone()),
        ("role", me.role.clone()),
        ("org", org.unwrap_or_else(|| "all".to_owned())),
    ];
    show::fields(context.output, &me, &fields)
}

/// `devlab peers`.
pub(crate) async fn peers(context: &Context) -> anyhow::Result<()> {
    let peers = context.client()?.peers().await?.items;
    show::list(
        context.output,
        &peers,
        &["name", "state", "roles", "projects", "version", "url", "id"],
        |peer| {
            let state = match (peer.this, peer.there) {
                (true, _) => "answers this",
                (false, true) => "there",
                (false, false) => "gone",
            };
            let projects = peer.projects.map(|count| count.to_string());
            vec![
                peer.name.clone(),
                state.to_owned(),
                peer.roles.join(","),
                projects.unwrap_or_default(),
                peer.version.clone(),
                peer.url.clone().unwrap_or_default(),
                peer.id.to_string(),
            ]
        },
    )
}

/// `devlab clusters`.
pub(crate) async fn clusters(context: &Context) -> anyhow::Result<()> {
    let clusters = context.client()?.clusters().await?.items;
    let columns = ["name", "runtime", "agents", "capacity", "isolation"];
    show::list(context.output, &clusters, &columns, |cluster| {
        vec![
            cluster.name.clone(),
            cluster.runtime.clone(),
            cluster.agents.to_string(),
            cluster.capacity.to_string(),
            cluster.isolation.clone(),
        ]
    })
}

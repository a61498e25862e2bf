//! What people and agents read beside many finished tasks.

use anyhow::Context;
use devlab_api::List;
use tokio::time::Instant;

use super::Session;
use crate::args::History;
use crate::lab::{Lab, Org};
use crate::load::{Agent, Creator};
use crate::stats::{Metrics, Samples};
use crate::wire::{Conn, Route};

/// Requests before the measured ones: caches and queries are warm then.
const WARM_UP: u32 = 20;
/// Queries of lists and of the board, by name.
const QUERIES: [(&str, &str); 7] = [
    ("list", "/v1/tasks?limit=50"),
    ("goals", "/v1/tasks?limit=50&goals_only=true"),
    (
        "board_open",
        "/v1/tasks?limit=200&state=blocked,ready,running,integrating,waiting",
    ),
    ("board_done", "/v1/tasks?limit=50&state=done"),
    ("agents", "/v1/agents?limit=50"),
    // What the dashboard's board reads, page after page.
    ("board_page", "/v1/tasks?limit=500"),
    // Titles that nothing has: looked for as far as a page goes.
    ("search", "/v1/tasks?limit=50&text=no+title+has+this"),
];
/// The board's next page: what the first one names is put behind it.
const NEXT_PAGE: (&str, &str) = ("board_next_page", "/v1/tasks?limit=500&cursor=");

/// The same requests beside few finished tasks and beside many, each on a server of its own.
pub(crate) async fn run(session: &mut Session<'_>, size: &History) -> anyhow::Result<Metrics> {
    let mut metrics = Metrics::new();
    for (amount, count) in [("few", size.few), ("many", size.many)] {
        let lab = session.lab().await?;
        let org = lab.org(1).await?;
        let begun = Instant::now();
        let lab = lab.with_history(session.args, &org.name, count).await?;
        let name = format!("filled_{amount}_secs");
        metrics.insert(name, begun.elapsed().as_secs_f64());
        for (name, query) in QUERIES {
            let samples = ask(&lab, &org, query, size.requests).await?;
            samples.report(&format!("{name}_{amount}"), &mut metrics);
        }
        let (name, query) = NEXT_PAGE;
        let query = format!("{query}{}", second_page(&lab, &org).await?);
        let samples = ask(&lab, &org, &query, size.requests).await?;
        samples.report(&format!("{name}_{amount}"), &mut metrics);
        let samples = claims(&lab, &org, size.requests).await?;
        samples.report(&format!("claim_{amount}"), &mut metrics);
        lab.stop().await?;
    }
    let names = QUERIES
        .iter()
        .map(|(name, _)| *name)
        .chain([NEXT_PAGE.0, "claim"]);
    let mut worst: f64 = 0.0;
    for name in names {
        let value = |amount: &str| {
            let name = format!("{name}_{amount}_p50_ms");
            metrics.get(&name).copied().context("nothing was measured")
        };
        let ratio = value("many")? / value("few")?;
        worst = worst.max(ratio);
        metrics.insert(format!("{name}_p50_ratio"), ratio);
    }
    metrics.insert("worst_p50_ratio".to_owned(), worst);
    Ok(metrics)
}

/// Where the second page of the board begins.
async fn second_page(lab: &Lab, org: &Org) -> anyhow::Result<String> {
    let mut conn = Conn::open(&lab.address).await?;
    let route = Route::new(&lab.address, org.operator(0), "GET /v1/tasks?limit=500");
    let page: List<serde::de::IgnoredAny> =
        serde_json::from_slice(conn.call(&route, b"").await?.1)?;
    page.next
        .context("fewer than 500 tasks: there is no second page")
}

async fn ask(lab: &Lab, org: &Org, query: &str, wanted: u32) -> anyhow::Result<Samples> {
    let mut conn = Conn::open(&lab.address).await?;
    let route = Route::new(&lab.address, org.operator(0), &format!("GET {query}"));
    let mut samples = Samples::default();
    for number in 0..WARM_UP + wanted {
        let sent = Instant::now();
        conn.call(&route, b"").await?;
        if number >= WARM_UP {
            samples.push(sent.elapsed());
        }
    }
    Ok(samples)
}

/// Times claims, each of the one task that is ready.
async fn claims(lab: &Lab, org: &Org, wanted: u32) -> anyhow::Result<Samples> {
    let mut creator = Creator::tasks(lab, org, 0).await?;
    let mut agent = Agent::register(lab, org, 0, &[]).await?;
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

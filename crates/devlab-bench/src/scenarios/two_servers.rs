//! Two servers on one database, against one.

use anyhow::ensure;

use super::{DISPATCH_OFFERED, Session, dispatch};
use crate::args::{Load, StoreKind};
use crate::lab::Lab;
use crate::stats::Metrics;

/// One after the other, so that whatever else happens on the machine meets both: the closed loop
/// with one server and with two, and the offered load with two. Half of the agents and half of the
/// connections that create tasks are at each server.
pub(crate) async fn run(session: &mut Session<'_>, load: &Load) -> anyhow::Result<Metrics> {
    let args = session.args;
    ensure!(
        args.store == StoreKind::Postgres && args.url.is_none(),
        "two servers need --store postgres"
    );
    let closed = Load {
        offered: None,
        ..load.clone()
    };
    let mut metrics = Metrics::new();
    let one = session.lab().await?;
    let measured = dispatch::run(&one, args, &closed).await?;
    one.stop().await?;
    let rate_of_one = measured["lifecycles_per_s"];
    metrics.insert("one_lifecycles_per_s".to_owned(), rate_of_one);

    let two = both(session).await?;
    let measured = dispatch::run(&two, args, &closed).await?;
    let rate_of_two = measured["lifecycles_per_s"];
    metrics.insert("two_lifecycles_per_s".to_owned(), rate_of_two);
    metrics.insert("two_to_one".to_owned(), rate_of_two / rate_of_one);
    let offered = Load {
        offered: Some(load.offered.unwrap_or(DISPATCH_OFFERED)),
        ..load.clone()
    };
    let latencies = dispatch::run(&two, args, &offered).await?;
    two.stop().await?;
    metrics.extend(latencies);
    Ok(metrics)
}

async fn both(session: &mut Session<'_>) -> anyhow::Result<Lab> {
    let mut lab = session.lab().await?;
    lab.join(session.args).await?;
    Ok(lab)
}

//! What the database of a run does without devlab: its own load generator makes, claims and
//! completes tasks in three transactions each, statement by statement, with an event in every one.
//! A figure on PostgreSQL means something beside that one only, as machines and disks differ by more
//! than devlab does from one version to the next.

use anyhow::{Context, ensure};
use devlab_store::conformance::postgres::Server as Database;
use tokio::process::Command;

use crate::stats::Metrics;

/// Connections that do so at a time.
const CLIENTS: u32 = 32;
const NAME: &str = "control";

/// Both tables have what devlab's have at least: a key, a queue by state, a log in order.
const SCHEMA: &str = "\
CREATE TABLE tasks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
  state int NOT NULL, title text NOT NULL, agent int); \
CREATE INDEX tasks_ready ON tasks (id) WHERE state = 0; \
CREATE TABLE events (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
  task bigint NOT NULL, kind int NOT NULL, data text NOT NULL);";

const LIFECYCLE: &str = "\
BEGIN;
INSERT INTO tasks (state, title) VALUES (0, 'A task of the control') RETURNING id AS made \\gset
INSERT INTO events (task, kind, data) VALUES (:made, 0, '{\"to\":\"ready\"}');
COMMIT;
BEGIN;
SELECT coalesce(max(id), 0) AS task FROM (SELECT id FROM tasks WHERE state = 0 ORDER BY id \
  FOR UPDATE SKIP LOCKED LIMIT 1) AS next \\gset
UPDATE tasks SET state = 1, agent = :client_id WHERE id = :task;
INSERT INTO events (task, kind, data) VALUES (:task, 1, '{\"to\":\"running\"}');
COMMIT;
BEGIN;
UPDATE tasks SET state = 2 WHERE id = :task;
INSERT INTO events (task, kind, data) VALUES (:task, 2, '{\"to\":\"done\"}');
COMMIT;
";

/// Adds its rate, and what devlab's is of it. The server that was measured has nothing to do
/// meanwhile.
///
/// # Errors
/// pgbench cannot be run, or gives up.
pub(crate) async fn run(
    database: &Database,
    seconds: u32,
    metrics: &mut Metrics,
) -> anyhow::Result<()> {
    database.create(NAME);
    database.sql(NAME, SCHEMA);
    let script = database.file("control.sql", LIFECYCLE);
    let mut pgbench = Command::from(database.client("pgbench", NAME));
    pgbench
        .args(["--no-vacuum", "--protocol=prepared", "--file"])
        .arg(script)
        .args(["--client", &CLIENTS.to_string()])
        .args(["--time", &seconds.to_string()])
        .kill_on_drop(true);
    let output = pgbench.output().await.context("cannot run pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {complaint}");
    let rate = rate(&said).with_context(|| format!("pgbench told no rate: {said}"))?;
    // Who comes while the others hold all that there is goes away with nothing, and that once at
    // most, as one more task is there from then on.
    let left = database.sql(NAME, "SELECT count(*) FROM tasks WHERE state <> 2");
    ensure!(
        left.parse().is_ok_and(|left: u32| left <= CLIENTS),
        "pgbench left {left} tasks"
    );
    metrics.insert("control_tasks_per_s".to_owned(), rate);
    if let Some(own) = metrics.get("lifecycles_per_s").copied() {
        metrics.insert("lifecycles_to_control".to_owned(), own / rate);
    }
    Ok(())
}

/// `tps = 1234.567890 (without initial connection time)`.
fn rate(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    let rate: f64 = line.split_whitespace().next()?.parse().ok()?;
    (rate > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_from_what_pgbench_prints() {
        let said = "number of failed transactions: 0 (0.000%)\n\
                    latency average = 20.6 ms\n\
                    tps = 1552.120000 (without initial connection time)\n";
        assert_eq!(rate(said), Some(1552.12));
        assert_eq!(rate("tps = 0.000000 (without)"), None);
        assert_eq!(rate("latency average = 20.6 ms"), None);
    }
}

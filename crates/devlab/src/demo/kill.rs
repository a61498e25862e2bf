//! The one thing that the demo does to its lab: it kills an agent at work.

use devlab_agent::process::ProcessRef;
use devlab_api::agent::Agent;
use devlab_api::task::Task;
use devlab_runtime::Runtime;
use rustix::process::Signal;

use super::stage::{Set, Stage};

/// The task whose agent is killed: it takes a few seconds, and says how far it is.
pub(super) const VICTIM: &str = "parser-properties";
/// What its log says once it is under way.
const PROGRESS: &[u8] = b" journals, ";
/// Most of its log that is searched for that.
const LOG_BYTES_MAX: u64 = 64 * 1024;

/// Kills the agent that works on [`VICTIM`] with SIGKILL, once its log shows progress. Its name;
/// `None` if it is not the time yet.
pub(super) async fn at_work(
    stage: &Stage,
    set: &Set,
    tasks: &[Task],
    agents: &[Agent],
) -> anyhow::Result<Option<String>> {
    let is_victim = |task: &&Task| set.keys.get(&task.id).is_some_and(|key| key == VICTIM);
    let Some(task) = tasks.iter().find(is_victim) else {
        return Ok(None);
    };
    let Some(live) = task.live_attempt else {
        return Ok(None);
    };
    let Some(agent) = agents.iter().find(|agent| agent.attempts.contains(&live)) else {
        return Ok(None);
    };
    let log = stage
        .client()
        .log(task.id, Some(live), 0, Some(LOG_BYTES_MAX))
        .await?;
    if !log
        .bytes
        .windows(PROGRESS.len())
        .any(|part| part == PROGRESS)
    {
        return Ok(None);
    }
    let running = stage.runtime.list().await;
    let pid = running.into_iter().find(|status| status.name == agent.name);
    let pid = pid.and_then(|status| i32::try_from(status.pid?).ok());
    let Some(process) = pid.and_then(ProcessRef::of) else {
        return Ok(None);
    };
    process.signal(Signal::KILL);
    Ok(Some(agent.name.clone()))
}

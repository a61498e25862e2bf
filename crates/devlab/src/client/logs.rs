//! Logs of tasks.

use std::time::Duration;

use devlab_api::client::Client;
use devlab_api::task::Attempt;
use devlab_core::attempt::AttemptKind;
use devlab_core::state::StateName;
use devlab_core::{AttemptId, TaskId};
use futures::StreamExt;

use crate::failure::Failure;
use crate::show;

/// How often a task that is between attempts is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Most bytes that one request asks for: the most that it may.
const PART_BYTES: u64 = devlab_core::limits::LOG_CHUNK_BYTES_MAX as u64;

/// `devlab task logs`.
pub(crate) async fn print(
    client: &Client,
    task: TaskId,
    number: Option<u32>,
    follow: bool,
) -> anyhow::Result<()> {
    if let Some(number) = number {
        let attempts = client.attempts(task).await?.items;
        let attempt = attempts
            .iter()
            .find(|a| a.kind == AttemptKind::Work && a.number == number);
        let attempt = attempt
            .ok_or_else(|| Failure::not_found(format!("the task has no attempt {number}")))?;
        return match follow {
            true => follow_one(client, task, attempt.id).await,
            false => print_whole(client, task, attempt.id).await,
        };
    }
    if !follow {
        return match newest(client, task).await? {
            Some(attempt) => print_whole(client, task, attempt.id).await,
            None => Err(Failure::not_found("nobody has worked on it yet")),
        };
    }
    let mut seen: Option<AttemptId> = None;
    loop {
        match newest(client, task)
            .await?
            .filter(|attempt| Some(attempt.id) != seen)
        {
            Some(attempt) => {
                if seen.is_some() {
                    show::note(&format!("— attempt {} —", attempt.number));
                }
                seen = Some(attempt.id);
                follow_one(client, task, attempt.id).await?;
            }
            None if is_over(client.task(task).await?.task.state) => return Ok(()),
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Whether no further attempt comes by itself.
pub(crate) fn is_over(state: StateName) -> bool {
    match state {
        StateName::Done | StateName::Failed | StateName::Cancelled => true,
        StateName::Draft
        | StateName::Blocked
        | StateName::Ready
        | StateName::Running
        | StateName::Integrating
        | StateName::Waiting => false,
    }
}

async fn newest(client: &Client, task: TaskId) -> anyhow::Result<Option<Attempt>> {
    let attempts = client.attempts(task).await?.items;
    Ok(attempts.into_iter().max_by_key(|attempt| attempt.id))
}

async fn print_whole(client: &Client, task: TaskId, attempt: AttemptId) -> anyhow::Result<()> {
    let mut offset = 0;
    loop {
        let part = client
            .log(task, Some(attempt), offset, Some(PART_BYTES))
            .await?;
        if part.bytes.is_empty() {
            return Ok(());
        }
        offset += part.bytes.len() as u64;
        show::bytes(&part.bytes)?;
    }
}

async fn follow_one(client: &Client, task: TaskId, attempt: AttemptId) -> anyhow::Result<()> {
    let mut chunks = std::pin::pin!(client.follow_log(task, attempt, 0));
    while let Some(chunk) = chunks.next().await {
        show::bytes(&chunk?.bytes)?;
    }
    Ok(())
}

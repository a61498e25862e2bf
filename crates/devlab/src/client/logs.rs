//! Logs of tasks.

use std::time::Duration;

use devlab_api::client::Client;
use devlab_api::task::Attempt;
use devlab_core::attempt::AttemptKind;
use devlab_core::state::StateName;
use devlab_core::{AttemptId, TaskId};
use futures::StreamExt;
use serde::Serialize;

use crate::args::Output;
use crate::failure::Failure;
use crate::show;

/// How often a task that is between attempts is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Most bytes that one request asks for: the most that it may.
const PART_BYTES: u64 = devlab_core::limits::LOG_CHUNK_BYTES_MAX as u64;

/// Longest line that is kept together for a program, in bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Where the log of an attempt goes: its bytes as they are, or an object for each line.
struct Printer<'a> {
    output: Output,
    attempt: &'a Attempt,
    rest: Vec<u8>,
}

/// A line of a log, for programs.
#[derive(Serialize)]
struct Line<'a> {
    attempt: AttemptId,
    number: u32,
    line: &'a str,
}

impl<'a> Printer<'a> {
    fn new(output: Output, attempt: &'a Attempt) -> Self {
        Self {
            output,
            attempt,
            rest: Vec::new(),
        }
    }

    fn print(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self.output {
            Output::Table => return show::text(bytes),
            Output::Json => self.rest.extend_from_slice(bytes),
        }
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line[..end])?;
        }
        if self.rest.len() > LINE_BYTES_MAX {
            return self.end();
        }
        Ok(())
    }

    /// What came without a line end.
    fn end(&mut self) -> anyhow::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return Ok(());
        }
        self.line(&rest)
    }

    fn line(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let line = Line {
            attempt: self.attempt.id,
            number: self.attempt.number,
            line: &String::from_utf8_lossy(bytes),
        };
        show::line(&serde_json::to_string(&line)?)
    }
}

/// `devlab task logs`.
pub(crate) async fn print(
    output: Output,
    client: &Client,
    task: TaskId,
    number: Option<u32>,
    follow: bool,
    tail: Option<u32>,
) -> anyhow::Result<()> {
    if let Some(number) = number {
        let attempts = client.attempts(task).await?.items;
        let attempt = attempts
            .iter()
            .find(|a| a.kind == AttemptKind::Work && a.number == number);
        let attempt = attempt
            .ok_or_else(|| Failure::not_found(format!("the task has no attempt {number}")))?;
        return match follow {
            true => follow_one(output, client, task, attempt, tail).await,
            false => print_whole(output, client, task, attempt, tail).await,
        };
    }
    if !follow {
        return match newest(client, task).await? {
            Some(attempt) => print_whole(output, client, task, &attempt, tail).await,
            None => Err(Failure::not_found("nobody has worked on it yet")),
        };
    }
    let mut seen: Option<AttemptId> = None;
    let mut tail = tail;
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
                // Of later attempts everything is new.
                follow_one(output, client, task, &attempt, tail.take()).await?;
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

/// Where the last lines begin, if only those are wanted.
async fn begin(
    client: &Client,
    task: TaskId,
    attempt: &Attempt,
    tail: Option<u32>,
) -> anyhow::Result<u64> {
    Ok(match tail {
        Some(lines) => client.log_tail(task, Some(attempt.id), lines).await?.offset,
        None => 0,
    })
}

async fn print_whole(
    output: Output,
    client: &Client,
    task: TaskId,
    attempt: &Attempt,
    tail: Option<u32>,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(output, attempt);
    let mut offset = begin(client, task, attempt, tail).await?;
    loop {
        let part = client
            .log(task, Some(attempt.id), offset, Some(PART_BYTES))
            .await?;
        if part.bytes.is_empty() {
            return printer.end();
        }
        offset += part.bytes.len() as u64;
        printer.print(&part.bytes)?;
    }
}

async fn follow_one(
    output: Output,
    client: &Client,
    task: TaskId,
    attempt: &Attempt,
    tail: Option<u32>,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(output, attempt);
    let offset = begin(client, task, attempt, tail).await?;
    let mut chunks = std::pin::pin!(client.follow_log(task, attempt.id, offset));
    while let Some(chunk) = chunks.next().await {
        printer.print(&chunk?.bytes)?;
    }
    printer.end()
}

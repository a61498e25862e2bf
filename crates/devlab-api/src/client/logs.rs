//! Logs: parts and the live stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use devlab_core::{AttemptId, TaskId};
use futures::Stream;
use futures::stream;
use serde::Deserialize;

use super::query::Params;
use super::sse::{Backoff, Frames};
use super::{Client, ClientError, transport};

/// Part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Where it begins.
    pub offset: u64,
    /// Length of the whole log now.
    pub len: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Bytes that a live log was continued with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Where it begins: where the chunk before ended.
    pub offset: u64,
    /// Its bytes; never empty.
    pub bytes: Bytes,
}

/// A chunk, as the stream carries it.
#[derive(Deserialize)]
struct Frame {
    offset: u64,
    data: String,
}

/// Name of the frame that ends the log of an attempt.
const END: &str = "end";

impl Client {
    /// `GET /tasks/{id}/logs`: at most `limit` bytes from `offset` on, of an attempt or of the
    /// task's newest one.
    pub async fn log(
        &self,
        task: TaskId,
        attempt: Option<AttemptId>,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<LogPart, ClientError> {
        let params = Params::default()
            .maybe("attempt", attempt)
            .with("offset", offset)
            .maybe("limit", limit);
        self.log_part(task, params).await
    }

    /// `GET /tasks/{id}/logs?tail=…`: the last `lines` lines, at most 256 KiB of them.
    pub async fn log_tail(
        &self,
        task: TaskId,
        attempt: Option<AttemptId>,
        lines: u32,
    ) -> Result<LogPart, ClientError> {
        let params = Params::default()
            .maybe("attempt", attempt)
            .with("tail", lines);
        self.log_part(task, params).await
    }

    async fn log_part(&self, task: TaskId, params: Params) -> Result<LogPart, ClientError> {
        let path = ["tasks", &task.to_string(), "logs"];
        let response = self.get(&path).query(&params).send().await?;
        let number = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            value.parse::<u64>().ok()
        };
        let (Some(len), Some(offset)) = (number("x-log-length"), number("x-log-offset")) else {
            return Err(ClientError::Decode {
                route: format!("GET /v1/{}", path.join("/")),
                detail: "x-log-length or x-log-offset is missing".to_owned(),
            });
        };
        let bytes = transport::read_all(self.base.as_str(), response).await?;
        Ok(LogPart { offset, len, bytes })
    }

    /// `GET /tasks/{id}/logs/stream`: the log of one attempt from `offset` on, without a gap and
    /// without a byte twice, until the attempt has ended and all of it was given out.
    ///
    /// The attempt is named, not "the newest": after a lost connection the newest may be another
    /// one, whose offsets mean something else. Connections are made again as in
    /// [`Client::follow_events`].
    pub fn follow_log(
        &self,
        task: TaskId,
        attempt: AttemptId,
        offset: u64,
    ) -> impl Stream<Item = Result<LogChunk, ClientError>> + Send + use<> {
        let follower = Follower {
            client: self.clone(),
            task,
            attempt,
            offset,
            connection: None,
            backoff: Backoff::default(),
            ended: false,
        };
        stream::unfold(follower, |mut follower| async move {
            let item = follower.next().await?;
            Some((item, follower))
        })
    }
}

struct Follower {
    client: Client,
    task: TaskId,
    attempt: AttemptId,
    /// Where the next byte belongs.
    offset: u64,
    connection: Option<Frames>,
    backoff: Backoff,
    ended: bool,
}

enum Step {
    Chunk(LogChunk),
    Again,
    End,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<LogChunk, ClientError>> {
        while !self.ended {
            match self.advance().await {
                Ok(Step::Chunk(chunk)) => return Some(Ok(chunk)),
                Ok(Step::Again) => {}
                Ok(Step::End) => self.ended = true,
                Err(error) if error.is_retryable() => {
                    self.connection = None;
                    self.backoff.pause(error.retry_after()).await;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// One step: connects, or reads one frame.
    async fn advance(&mut self) -> Result<Step, ClientError> {
        let Some(connection) = &mut self.connection else {
            let params = Params::default()
                .with("attempt", self.attempt)
                .with("offset", self.offset);
            let path = ["tasks", &self.task.to_string(), "logs", "stream"];
            let opened = Frames::open(&self.client, &path, &params, Some(self.offset)).await?;
            self.connection = Some(opened);
            return Ok(Step::Again);
        };
        let Some(frame) = connection.next().await? else {
            self.connection = None;
            self.backoff.pause(None).await;
            return Ok(Step::Again);
        };
        if frame.event == END {
            return Ok(Step::End);
        }
        let frame: Frame =
            serde_json::from_str(&frame.data).map_err(|error| connection.unreadable(&error))?;
        let bytes = STANDARD
            .decode(&frame.data)
            .map_err(|error| connection.unreadable(&error))?;
        if frame.offset > self.offset {
            // Something was left out: ask for it again.
            self.connection = None;
            self.backoff.pause(None).await;
            return Ok(Step::Again);
        }
        self.backoff.reset();
        Ok(match self.take(frame.offset, bytes) {
            Some(chunk) => Step::Chunk(chunk),
            None => Step::Again,
        })
    }

    /// The part of a chunk that was not given out yet.
    fn take(&mut self, offset: u64, bytes: Vec<u8>) -> Option<LogChunk> {
        let known = usize::try_from(self.offset - offset).ok()?;
        let bytes = Bytes::from(bytes);
        if known >= bytes.len() {
            return None;
        }
        let chunk = LogChunk {
            offset: self.offset,
            bytes: bytes.slice(known..),
        };
        self.offset += chunk.bytes.len() as u64;
        Some(chunk)
    }
}

//! Running git's HTTP program with both directions streamed.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio_util::io::ReaderStream;

use crate::error::{Error, Result, tail};
use crate::git::{Cmd, GroupChild};
use crate::http::slots::Slot;

/// A body, in either direction.
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// Most bytes of headers that the program may write.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Size of one read from the program.
const CHUNK_BYTES: usize = 64 << 10;
/// Most that is kept of what the program says to us rather than to the client.
const STDERR_BYTES_MAX: u64 = 64 << 10;

/// A running request: yields what the program writes. Dropping it ends the program and all that it
/// started, and gives back its place.
pub(crate) struct Running {
    group: GroupChild,
    stdout: ReaderStream<ChildStdout>,
    feeding: Option<BoxFuture<'static, ()>>,
    deadline: Pin<Box<tokio::time::Sleep>>,
    _slot: Slot,
}

/// The status and headers that the program wrote, and the first bytes after them.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) rest: Bytes,
}

impl Running {
    pub(crate) fn start(
        command: Cmd,
        body: Body,
        body_bytes_max: u64,
        limit: Duration,
        slot: Slot,
    ) -> Result<Self> {
        let mut group = command.spawn(Stdio::piped())?;
        let pipes = (
            group.child.stdin.take(),
            group.child.stdout.take(),
            group.child.stderr.take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Error::unexpected("http-backend", "it has no pipes"));
        };
        let feeding = async move {
            tokio::join!(feed(stdin, body, body_bytes_max), complain(stderr));
        };
        Ok(Self {
            group,
            stdout: ReaderStream::with_capacity(stdout, CHUNK_BYTES),
            feeding: Some(Box::pin(feeding)),
            deadline: Box::pin(tokio::time::sleep(limit)),
            _slot: slot,
        })
    }

    /// Reads up to the end of the headers.
    pub(crate) async fn head(&mut self) -> Result<Head> {
        let mut bytes = BytesMut::new();
        while bytes.len() <= HEAD_BYTES_MAX {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = bytes.split_to(end + 4);
                return Ok(parse_head(&String::from_utf8_lossy(&head), bytes.freeze()));
            }
            match self.next().await {
                Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
                Some(Err(source)) => {
                    return Err(Error::Io {
                        what: "read from",
                        path: "http-backend".into(),
                        source,
                    });
                }
                None => break,
            }
        }
        Err(Error::unexpected(
            "http-backend",
            "it ended without headers",
        ))
    }

    /// Reads all that is left, at most `limit` bytes, and waits for the end of the program.
    pub(crate) async fn finish(mut self, rest: Bytes, limit: usize) -> Result<Bytes> {
        let mut bytes = BytesMut::from(&rest[..]);
        while let Some(chunk) = self.next().await {
            let chunk = chunk.map_err(Error::io("read from", "http-backend"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(Error::TooLarge {
                    what: "an answer of git http-backend".into(),
                    limit_bytes: limit as u64,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        self.group
            .child
            .wait()
            .await
            .map_err(Error::io("wait for", "http-backend"))?;
        Ok(bytes.freeze())
    }
}

impl Stream for Running {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "git took too long",
            ))));
        }
        if this
            .feeding
            .as_mut()
            .is_some_and(|feeding| feeding.as_mut().poll(cx).is_ready())
        {
            this.feeding = None;
        }
        this.stdout.poll_next_unpin(cx)
    }
}

/// Passes the request's body on. If the client goes away or sends too much, the input just ends,
/// and git refuses what is incomplete.
async fn feed(mut stdin: ChildStdin, mut body: Body, bytes_max: u64) {
    let mut left = bytes_max;
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.len() as u64) else {
            tracing::warn!(bytes_max, "a request to git was larger than its limit");
            return;
        };
        left = rest;
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

async fn complain(stderr: ChildStderr) {
    let mut said = Vec::new();
    let read = stderr.take(STDERR_BYTES_MAX).read_to_end(&mut said).await;
    if read.is_ok() && !said.is_empty() {
        tracing::debug!(said = %tail(&said), "git http-backend");
    }
}

fn parse_head(text: &str, rest: Bytes) -> Head {
    let mut head = Head {
        status: 200,
        headers: Vec::new(),
        rest,
    };
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            head.status = value
                .split(' ')
                .next()
                .and_then(|code| code.parse().ok())
                .unwrap_or(500);
        } else {
            head.headers
                .push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    head
}

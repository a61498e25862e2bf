//! A connection that carries Server-Sent Events, and how often it may be made again.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{Event as Frame, EventStream, EventStreamError};
use futures::{Stream, StreamExt};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};

use super::query::Params;
use super::{Client, ClientError, transport};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// First pause before a stream is connected again; doubles each time that nothing came.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Longest such pause.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, ClientError>> + Send>>;

/// An open connection.
pub(super) struct Frames {
    frames: EventStream<Chunks>,
    route: String,
}

impl Frames {
    /// Connects. `last_id` asks to go on after that event.
    pub(super) async fn open(
        client: &Client,
        path: &[&str],
        params: &Params,
        last_id: Option<u64>,
    ) -> Result<Self, ClientError> {
        let server = client.base.to_string();
        let mut call = client
            .get(path)
            .query(params)
            .header(ACCEPT, HeaderValue::from_static("text/event-stream"))
            .endless();
        if let Some(id) = last_id {
            call = call.header(LAST_EVENT_ID, HeaderValue::from(id));
        }
        let response = tokio::time::timeout(client.timeouts.request, call.send())
            .await
            .map_err(|_| silent(&server))??;
        let silence = client.timeouts.stream_silence;
        Ok(Self {
            frames: EventStream::new(chunks(response, server, silence)),
            route: format!("GET /v1/{}", path.join("/")),
        })
    }

    /// The next frame; `None` when the server has ended the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        match self.frames.next().await {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(frame)),
            Some(Err(EventStreamError::Transport(error))) => Err(error),
            Some(Err(error)) => Err(self.unreadable(&error)),
        }
    }

    /// An error about a frame that cannot be understood.
    pub(super) fn unreadable(&self, detail: &impl ToString) -> ClientError {
        ClientError::Decode {
            route: self.route.clone(),
            detail: detail.to_string(),
        }
    }
}

/// The bytes of an answer, with a limit on its silence. The server's comments, which are no frames,
/// count as a sign of life.
fn chunks(response: reqwest::Response, server: String, silence: Duration) -> Chunks {
    let state = (response, server);
    Box::pin(futures::stream::try_unfold(
        state,
        move |(mut response, server)| async move {
            match tokio::time::timeout(silence, response.chunk()).await {
                Err(_) => Err(silent(&server)),
                Ok(Err(error)) => Err(transport::transport(&server, error)),
                Ok(Ok(None)) => Ok(None),
                Ok(Ok(Some(bytes))) => Ok(Some((bytes, (response, server)))),
            }
        },
    ))
}

fn silent(server: &str) -> ClientError {
    ClientError::Transport {
        server: server.to_owned(),
        what: "no answer in time",
        source: None,
    }
}

/// Pauses between connections.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next connection, at least as long as the server asked for.
    pub(super) async fn pause(&mut self, asked: Option<Duration>) {
        let delay = self.next_delay().max(asked.unwrap_or_default());
        tokio::time::sleep(delay).await;
    }

    fn next_delay(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..8).map(|_| backoff.next_delay().as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.failures = u32::MAX;
        assert_eq!(backoff.next_delay(), BACKOFF_MAX);
        backoff.reset();
        assert_eq!(backoff.next_delay(), BACKOFF_FIRST);
    }
}

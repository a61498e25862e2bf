//! Server-sent events (WHATWG HTML §9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio_util::sync::CancellationToken;

/// Silence after which a comment is sent, so that proxies and clients see that the stream lives.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// First bytes of a stream: how long a client waits before it connects again, in milliseconds.
const GREETING: &[u8] = b"retry: 1000\n\n";
const COMMENT: &[u8] = b": \n\n";

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// What a client sends as `Last-Event-ID` to go on after it.
    pub id: Option<u64>,
    /// Kind of event; one of our own words.
    pub event: &'static str,
    /// Any text.
    pub data: String,
}

impl SseEvent {
    fn write(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + 64);
        if let Some(id) = self.id {
            text.push_str("id: ");
            text.push_str(&id.to_string());
            text.push('\n');
        }
        text.push_str("event: ");
        text.push_str(self.event);
        text.push('\n');
        // Each of CR LF, CR and LF ends a line of the format.
        for line in self.data.replace("\r\n", "\n").split(['\r', '\n']) {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        text.into()
    }
}

struct Live {
    events: BoxStream<'static, SseEvent>,
    stop: CancellationToken,
    heartbeat: Duration,
}

/// Answers with a stream. It ends when `events` end, when the client goes, or when the server stops
/// (`stop`); a client then connects again with `Last-Event-ID`.
pub fn stream(
    events: impl futures::Stream<Item = SseEvent> + Send + 'static,
    stop: CancellationToken,
) -> Response {
    with_heartbeat(events, stop, HEARTBEAT)
}

/// The same with another time between heartbeats.
pub fn with_heartbeat(
    events: impl futures::Stream<Item = SseEvent> + Send + 'static,
    stop: CancellationToken,
    heartbeat: Duration,
) -> Response {
    let live = Live {
        events: events.boxed(),
        stop,
        heartbeat,
    };
    let greeting = stream::once(async { Bytes::from_static(GREETING) });
    let chunks = greeting.chain(stream::unfold(live, next));
    let body = Body::from_stream(chunks.map(Ok::<_, Infallible>));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx holds answers back unless told otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn next(mut live: Live) -> Option<(Bytes, Live)> {
    let event = tokio::select! {
        biased;
        () = live.stop.cancelled() => return None,
        event = tokio::time::timeout(live.heartbeat, live.events.next()) => event,
    };
    match event {
        Ok(Some(event)) => Some((event.write(), live)),
        Ok(None) => None,
        Err(_) => Some((Bytes::from_static(COMMENT), live)),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn event(id: u64, data: &str) -> SseEvent {
        SseEvent {
            id: Some(id),
            event: "task.state",
            data: data.to_owned(),
        }
    }

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn data_cannot_break_out_of_its_event() {
        let events = stream::iter([event(1, "{}"), event(2, "a\nid: 9\r\n\rb")]);
        let text = text(stream(events, CancellationToken::new())).await;
        assert_eq!(
            text,
            "retry: 1000\n\nid: 1\nevent: task.state\ndata: {}\n\n\
             id: 2\nevent: task.state\ndata: a\ndata: id: 9\ndata: \ndata: b\n\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_and_a_stop_ends_it() {
        let stop = CancellationToken::new();
        let events = stream::once(async { event(1, "x") }).chain(stream::pending());
        let mut body = stream(events, stop.clone()).into_body();
        let mut seen = Vec::new();
        while seen.len() < 4 {
            seen.push(body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(seen[2..], [COMMENT, COMMENT]);
        stop.cancel();
        assert!(body.frame().await.is_none());
    }
}

//! Events: pages and the live stream.

use futures::Stream;
use futures::stream;

use super::query::Params;
use super::sse::{Backoff, Frames};
use super::{Client, ClientError};
use crate::List;
use crate::event::Event;

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// Only events after this place; 0 is the beginning.
    pub after: u64,
    /// Most of them in one page.
    pub limit: Option<u32>,
    /// Org, by id or name.
    pub org: Option<String>,
}

impl Client {
    /// `GET /events`: a page; its `next` is the `after` of the next one.
    pub async fn events(&self, query: &EventQuery) -> Result<List<Event>, ClientError> {
        let params = Params::default()
            .with("after", query.after)
            .maybe("limit", query.limit)
            .maybe("org", query.org.as_ref());
        self.get(&["events"]).query(&params).fetch().await
    }

    /// `GET /events/stream`: every event after `after`, in order, none left out and none twice,
    /// for as long as it is polled.
    ///
    /// When the connection breaks it is made again, with growing pauses, and goes on where it was;
    /// the stream itself ends only after an error that repeating cannot mend, which is its last
    /// item. Put a time limit around it where an outage should end the wait.
    pub fn follow_events(
        &self,
        after: u64,
        org: Option<&str>,
    ) -> impl Stream<Item = Result<Event, ClientError>> + Send + use<> {
        let follower = Follower {
            client: self.clone(),
            org: org.map(str::to_owned),
            last: after,
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
    org: Option<String>,
    /// Place of the last event that was given out.
    last: u64,
    connection: Option<Frames>,
    backoff: Backoff,
    ended: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Event, ClientError>> {
        if self.ended {
            return None;
        }
        loop {
            match self.advance().await {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
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
    }

    /// One step: connects, or reads one frame.
    async fn advance(&mut self) -> Result<Option<Event>, ClientError> {
        let Some(connection) = &mut self.connection else {
            let params = Params::default()
                .with("after", self.last)
                .maybe("org", self.org.as_ref());
            let path = ["events", "stream"];
            let opened = Frames::open(&self.client, &path, &params, Some(self.last)).await?;
            self.connection = Some(opened);
            return Ok(None);
        };
        let Some(frame) = connection.next().await? else {
            self.connection = None;
            self.backoff.pause(None).await;
            return Ok(None);
        };
        let event: Event =
            serde_json::from_str(&frame.data).map_err(|error| connection.unreadable(&error))?;
        self.backoff.reset();
        // A server may repeat what was in flight when the connection broke.
        if event.seq <= self.last {
            return Ok(None);
        }
        self.last = event.seq;
        Ok(Some(event))
    }
}

//! Connections: how many, how long they may be silent, and how they end.
//!
//! This is hyper-util's connection builder rather than `axum::serve` because that has no limit on
//! the time that a request's head takes, and waits for such connections at shutdown.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenLimits {
    /// Connections at one time; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long a connection may say nothing after it opened, a request's head may take, and a
    /// connection may stay idle between requests.
    pub head: Duration,
    /// How long requests that are under way may go on after the server was told to stop.
    pub drain: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            // hyper has one time for heads and for idleness. Agents beat every 10 s at the default
            // lease, and should find their connection open.
            head: Duration::from_secs(15),
            drain: Duration::from_secs(5),
        }
    }
}

/// Largest head of an HTTP/1 request, and what a connection buffers. Small, because a thousand
/// agents wait on as many connections.
const HTTP1_BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Requests at one time on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 256;
/// Flow-control window of an HTTP/2 stream and connection, in bytes.
const HTTP2_WINDOW_BYTES: u32 = 64 * 1024;
/// Pings of an HTTP/2 connection: an answer is due within the head's time.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(30);
/// Pause after an error of `accept`, such as too many open files, which does not go by itself.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled and the connections have ended, or `drain` has passed; then
/// what is left is cut. Handlers with streams and long polls watch `stop` themselves.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ListenLimits,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let shared = Arc::new(Shared {
        builder: builder(limits, &connections),
        router,
        limits,
        stop: stop.clone(),
        cut: cut.clone(),
    });
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = accept(&listener, &slots) => match next {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        connections.spawn(connection(Arc::clone(&shared), stream, slot));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(connections = connections.len(), "cutting connections");
        cut.cancel();
        connections.wait().await;
    }
}

struct Shared {
    builder: auto::Builder<Tracked>,
    router: Router,
    limits: ListenLimits,
    stop: CancellationToken,
    cut: CancellationToken,
}

fn builder(limits: ListenLimits, connections: &TaskTracker) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(connections.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HTTP1_BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_WINDOW_BYTES)
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(limits.head);
    builder
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned();
    // The semaphore is never closed.
    let slot = slot.await.map_err(io::Error::other)?;
    let (stream, _peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, slot: OwnedSemaphorePermit) {
    if spoke(&shared, &stream).await {
        requests(&shared, stream).await;
    }
    drop(slot);
}

/// Whether the client says something in time. Until it does, it costs no buffers.
async fn spoke(shared: &Shared, stream: &TcpStream) -> bool {
    let mut first = [0];
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => false,
        spoke = tokio::time::timeout(shared.limits.head, stream.peek(&mut first)) => {
            matches!(spoke, Ok(Ok(1..)))
        }
    }
}

async fn requests(shared: &Shared, stream: TcpStream) {
    let begun = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let begun = Arc::clone(&begun);
        let router = shared.router.clone();
        move |request: Request<Incoming>| {
            begun.store(true, Ordering::Relaxed);
            router.clone().call(request)
        }
    });
    let serving = shared
        .builder
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // hyper's own limit on heads starts once it knows which protocol it is.
    let mut first_head = std::pin::pin!(tokio::time::sleep(shared.limits.head));
    let mut watching = true;
    let mut stopping = false;
    loop {
        tokio::select! {
            // An error is the client's: a cut connection, a malformed head. hyper has answered.
            _ = serving.as_mut() => return,
            () = first_head.as_mut(), if watching => {
                if !begun.load(Ordering::Relaxed) {
                    return;
                }
                watching = false;
            }
            () = shared.stop.cancelled(), if !stopping => {
                serving.as_mut().graceful_shutdown();
                stopping = true;
            }
            () = shared.cut.cancelled() => return,
        }
    }
}

/// Runs HTTP/2 streams where shutdown waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        // Not waited for by handle: the tracker knows it.
        drop(self.0.spawn(future));
    }
}

//! A TCP proxy that breaks connections on request.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a proxy does to each new connection. The default is to pass everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Accepts and closes at once.
    pub refuse: bool,
    /// Cuts the connection after this many bytes of the client's.
    pub cut_up_after: Option<u64>,
    /// Cuts the connection after this many bytes of the server's.
    pub cut_down_after: Option<u64>,
    /// Swallows the server's bytes: the request arrives, its answer does not.
    pub drop_answers: bool,
    /// Waits this long before it passes a piece on, either way.
    pub delay: Duration,
}

/// A proxy in front of a server, or of several that take turns at random. Ends when it is dropped.
#[derive(Debug)]
pub struct CutProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    /// One of them for each connection.
    upstreams: Vec<SocketAddr>,
    faults: Mutex<Faults>,
    /// Cancelled to cut the connections there are; replaced by a new one then.
    live: Mutex<CancellationToken>,
    tracker: TaskTracker,
}

impl Shared {
    fn any(&self) -> SocketAddr {
        let lot = RandomState::new().build_hasher().finish() as usize;
        self.upstreams[lot % self.upstreams.len()]
    }
}

impl CutProxy {
    /// A proxy to `upstream` on a free port, which passes everything until told otherwise.
    pub async fn new(upstream: SocketAddr) -> Self {
        Self::among(vec![upstream]).await
    }

    /// A proxy whose connections go each to one of several servers, drawn anew: an address with
    /// servers behind it, of which nobody looks whether they are well.
    ///
    /// # Panics
    /// There are none.
    pub async fn among(upstreams: Vec<SocketAddr>) -> Self {
        assert!(!upstreams.is_empty(), "a proxy needs a server");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            upstreams,
            faults: Mutex::default(),
            live: Mutex::new(stop.child_token()),
            tracker: TaskTracker::new(),
        });
        let proxy = Self {
            addr: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
            stop: stop.clone(),
        };
        shared
            .tracker
            .spawn(accept(listener, Arc::clone(&shared), stop));
        proxy
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address for a client, as `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What happens to connections that are made from now on.
    pub fn set(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        let next = self.stop.child_token();
        std::mem::replace(&mut *lock(&self.shared.live), next).cancel();
    }
}

impl Drop for CutProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else { continue };
        let faults = *lock(&shared.faults);
        if faults.refuse {
            continue;
        }
        let live = lock(&shared.live).clone();
        let upstream = shared.any();
        shared.tracker.spawn(async move {
            tokio::select! {
                () = live.cancelled() => {}
                () = pass(client, upstream, faults) => {}
            }
        });
    }
}

async fn pass(client: TcpStream, upstream: SocketAddr, faults: Faults) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let up = copy(client_in, server_out, faults.cut_up_after, faults, false);
    let down = copy(
        server_in,
        client_out,
        faults.cut_down_after,
        faults,
        faults.drop_answers,
    );
    // Either end ends both: what is left of a cut connection is cut.
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

/// Passes bytes on until the end or the cut.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut_after: Option<u64>,
    faults: Faults,
    swallow: bool,
) {
    let mut left = cut_after.unwrap_or(u64::MAX);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut piece).await else {
            return;
        };
        if !faults.delay.is_zero() {
            tokio::time::sleep(faults.delay).await;
        }
        let passed = usize::try_from(left).unwrap_or(usize::MAX).min(read);
        left -= passed as u64;
        if !swallow && to.write_all(&piece[..passed]).await.is_err() {
            return;
        }
        if left == 0 {
            return;
        }
    }
}

//! A repository over smart HTTP: the server's side of clone, fetch and push.
//!
//! git's own `http-backend` does the work; here is what it may be asked, by whom, how many at a
//! time and for how long. What a push may change is decided from its first bytes, before git
//! sees any of it, and again by git's configuration.

mod cgi;
mod inflate;
mod pktline;
mod policy;
mod slots;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};

use crate::error::{Error, Result};
use crate::git::{Cmd, Git};
use crate::http::cgi::Running;
use crate::http::pktline::{
    COMMAND_BYTES_MAX, Command, Commands, add_haves, parse_commands, refusal_report,
};
use crate::http::slots::{Slot, Slots};
use crate::name::{Oid, RefName};
use crate::repo::{BareRepo, PUSH_BYTES_MAX};

pub use cgi::Body;
pub use policy::{FetchPolicy, ReceivePolicy};

/// Largest body of a fetch: a list of ids.
const FETCH_BODY_BYTES_MAX: u64 = 32 << 20;
/// Largest answer to a push, or list of refs that we have to look into.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Most of a refused push that is read and thrown away, so that its sender gets to the answer.
const DRAIN_BYTES_MAX: usize = 64 << 20;
/// Longest that this takes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
/// Most of a push that is read before it has its place: whoever has a connection can have this much
/// kept. All but pushes of hundreds of refs name them in less.
const EARLY_BYTES_MAX: usize = 64 << 10;

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Requests served at the same time.
    pub concurrent_max: usize,
    /// How many of them may be for the repositories of one org, which lie in one folder: the rest
    /// is left for the others, whatever one org's clients do.
    pub of_one_max: usize,
    /// How long a request waits for its turn before it is told to come again.
    pub wait: Duration,
    /// How long the list of refs of a push may take to arrive, and the first bytes of a fetch.
    /// They come before a request has its place, so that a client that says nothing holds none.
    pub start: Duration,
    /// How long a client may pause within its request. git sends a pack as it makes it.
    pub idle: Duration,
    /// How long a request may take.
    pub timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            concurrent_max: 32,
            of_one_max: 24,
            wait: Duration::from_secs(30),
            start: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            timeout: Duration::from_secs(1_800),
        }
    }
}

/// A request, already authenticated.
pub struct GitHttpRequest {
    /// The repository's folder.
    pub repo: PathBuf,
    /// What follows the repository in the path: `/info/refs`.
    pub path_info: String,
    /// The query, without `?`.
    pub query: String,
    /// The method.
    pub method: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Git-Protocol`.
    pub git_protocol: Option<String>,
    /// The body.
    pub body: Body,
    /// Who asks, for git's own records.
    pub remote_user: String,
    /// What may be fetched.
    pub fetch: FetchPolicy,
    /// What may be pushed.
    pub receive: ReceivePolicy,
}

/// An answer.
pub struct GitHttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body. Dropping it ends git.
    pub body: Body,
    /// The refs that a push asked to change, and what came of it; empty for everything else. The
    /// push is over when this is returned.
    pub pushed: Vec<PushedRef>,
}

/// A ref that a push asked to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRef {
    /// The ref.
    pub name: RefName,
    /// Where the client thought it was.
    pub old: Option<Oid>,
    /// Where it should go.
    pub new: Option<Oid>,
    /// Whether it is there now.
    pub applied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Fetch,
    Push,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Advertise(Service),
    Call(Service),
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Fetch => "git-upload-pack",
            Self::Push => "git-receive-pack",
        }
    }
}

/// Serves repositories. One for the process.
#[derive(Debug, Clone)]
pub struct GitHttp {
    git: Git,
    backend: PathBuf,
    slots: Arc<Slots>,
    limits: HttpLimits,
}

impl GitHttp {
    /// A server that uses `backend`, as found by [`Git::http_backend`].
    #[must_use]
    pub fn new(git: Git, backend: PathBuf, limits: HttpLimits) -> Self {
        Self {
            git,
            backend,
            slots: Arc::new(Slots::new(limits.concurrent_max, limits.of_one_max)),
            limits,
        }
    }

    /// Answers one request. A fetch costs two or three processes, a push five, one of them ours.
    /// What is the client's fault is an answer with a 4xx status and a text; nothing was stored.
    ///
    /// # Errors
    /// git could not be started, took too long, or answered nonsense: the caller's 5xx.
    pub async fn serve(&self, mut request: GitHttpRequest) -> Result<GitHttpResponse> {
        let route = match route(&request) {
            Ok(route) => route,
            Err((status, text)) => return Ok(plain(status, text)),
        };
        let (Route::Advertise(service) | Route::Call(service)) = route;
        let refused = match service {
            Service::Fetch => request.fetch == FetchPolicy::Refused,
            Service::Push => request.receive == ReceivePolicy::Refused,
        };
        if refused {
            return Ok(plain(403, "this token may not do that in this repository"));
        }
        request.body = with_idle_limit(request.body, self.limits.idle);
        match request.content_encoding.take().as_deref() {
            None | Some("" | "identity") => {}
            Some("gzip" | "x-gzip") => request.body = inflate::gunzip(request.body),
            Some(_) => return Ok(plain(415, "only gzip is understood as Content-Encoding")),
        }
        match route {
            Route::Call(Service::Push) => return self.push(request).await,
            Route::Call(Service::Fetch) => {
                let first = tokio::time::timeout(self.limits.start, request.body.next());
                let Ok(first) = first.await else {
                    return Ok(late());
                };
                request.body = stream::iter(first).chain(request.body).boxed();
            }
            Route::Advertise(_) => {}
        }
        let Some(slot) = self.slots.take(&request.repo, self.limits.wait).await else {
            return Ok(busy());
        };
        match route {
            Route::Advertise(Service::Push) => self.advertise_push(request, slot).await,
            Route::Advertise(Service::Fetch) | Route::Call(_) => {
                self.stream(request, route, slot).await
            }
        }
    }

    async fn stream(
        &self,
        request: GitHttpRequest,
        route: Route,
        slot: Slot,
    ) -> Result<GitHttpResponse> {
        let mut running = self.start(request, route, FETCH_BODY_BYTES_MAX, slot)?;
        let head = running.head().await?;
        let body = stream::once(async move { Ok(head.rest) })
            .chain(running)
            .boxed();
        Ok(GitHttpResponse {
            status: head.status,
            headers: head.headers,
            body,
            pushed: Vec::new(),
        })
    }

    async fn advertise_push(&self, request: GitHttpRequest, slot: Slot) -> Result<GitHttpResponse> {
        let haves = match &request.receive {
            ReceivePolicy::Only { haves, .. } => haves.clone(),
            ReceivePolicy::Refused | ReceivePolicy::Branches { .. } => Vec::new(),
        };
        let mut running = self.start(request, Route::Advertise(Service::Push), 0, slot)?;
        let head = running.head().await?;
        let mut answer = running.finish(head.rest, ANSWER_BYTES_MAX).await?;
        if head.status == 200 {
            answer = add_haves(&answer, &haves)?;
        }
        Ok(GitHttpResponse {
            status: head.status,
            headers: head.headers,
            body: one(answer),
            pushed: Vec::new(),
        })
    }

    async fn push(&self, mut request: GitHttpRequest) -> Result<GitHttpResponse> {
        let mut read = BytesMut::new();
        let early = self.commands(&mut request.body, &mut read, EARLY_BYTES_MAX);
        let early = match early.await {
            Ok(early) => early,
            Err(answer) => return Ok(answer),
        };
        if let Some(commands) = &early
            && is_refused(&request.receive, commands)
        {
            drain(request.body).await;
            return Ok(refuse(&request.receive, commands));
        }
        let Some(slot) = self.slots.take(&request.repo, self.limits.wait).await else {
            return Ok(busy());
        };
        let commands = match early {
            Some(commands) => commands,
            None => {
                let rest = self.commands(&mut request.body, &mut read, COMMAND_BYTES_MAX);
                match rest.await {
                    Ok(Some(commands)) => commands,
                    Ok(None) => return Ok(not_a_push("its list of refs is too long")),
                    Err(answer) => return Ok(answer),
                }
            }
        };
        if is_refused(&request.receive, &commands) {
            drop(slot);
            drain(request.body).await;
            return Ok(refuse(&request.receive, &commands));
        }
        let prefix = read.freeze();
        request.body = stream::once(async move { Ok(prefix) })
            .chain(request.body)
            .boxed();
        self.receive(request, &commands, slot).await
    }

    /// What a push asks for, `None` if there are more than `bytes_max` bytes of it; all that was
    /// read is in `read`, objects included. The error is the answer.
    async fn commands(
        &self,
        body: &mut Body,
        read: &mut BytesMut,
        bytes_max: usize,
    ) -> std::result::Result<Option<Commands>, GitHttpResponse> {
        let reading = read_commands(body, read, bytes_max);
        match tokio::time::timeout(self.limits.start, reading).await {
            Ok(Ok(commands)) => Ok(commands),
            Ok(Err(error)) => Err(not_a_push(match &error {
                Error::Invalid { why, .. } => why,
                _ => "its list of refs cannot be read",
            })),
            Err(_) => Err(late()),
        }
    }

    /// Hands a push that is allowed to git.
    async fn receive(
        &self,
        request: GitHttpRequest,
        commands: &Commands,
        slot: Slot,
    ) -> Result<GitHttpResponse> {
        let repo = BareRepo::open(&self.git, &request.repo).await?;
        let mut running = self.start(
            request,
            Route::Call(Service::Push),
            PUSH_BYTES_MAX + COMMAND_BYTES_MAX as u64,
            slot,
        )?;
        let head = running.head().await?;
        let answer = running.finish(head.rest, ANSWER_BYTES_MAX).await?;
        let pushed = outcome(&repo, &commands.list).await?;
        Ok(GitHttpResponse {
            status: head.status,
            headers: head.headers,
            body: one(answer),
            pushed,
        })
    }

    fn start(
        &self,
        request: GitHttpRequest,
        route: Route,
        body_bytes_max: u64,
        slot: Slot,
    ) -> Result<Running> {
        let command = self.command(&request, route);
        Running::start(
            command,
            request.body,
            body_bytes_max,
            self.limits.timeout,
            slot,
        )
    }

    fn command(&self, request: &GitHttpRequest, route: Route) -> Cmd {
        let command = self
            .git
            .cmd("http-backend")
            .program(&self.backend)
            .cwd(&request.repo)
            .env("GIT_PROJECT_ROOT", &request.repo)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env(
                "REMOTE_USER",
                request.remote_user.replace(char::is_control, ""),
            )
            .config("http.getanyfile", "false");
        let command = request.receive.configure(request.fetch.configure(command));
        let command = match &request.git_protocol {
            Some(version) if request.fetch.allows_v2() => {
                command.env("GIT_PROTOCOL", version.replace(char::is_control, ""))
            }
            Some(_) | None => command,
        };
        match route {
            Route::Advertise(service) => command
                .env("REQUEST_METHOD", "GET")
                .env("PATH_INFO", "/info/refs")
                .env("QUERY_STRING", format!("service={}", service.name())),
            Route::Call(service) => command
                .env("REQUEST_METHOD", "POST")
                .env("PATH_INFO", format!("/{}", service.name()))
                .env("QUERY_STRING", "")
                .env(
                    "CONTENT_TYPE",
                    format!("application/x-{}-request", service.name()),
                ),
        }
    }
}

/// Only the three requests of the smart protocol exist; files of the repository are not served.
fn route(request: &GitHttpRequest) -> Result<Route, (u16, &'static str)> {
    let call = |service: Service| {
        let expected = format!("application/x-{}-request", service.name());
        if request.method != "POST" {
            return Err((405, "use POST"));
        }
        if request.content_type.as_deref() != Some(expected.as_str()) {
            return Err((415, "not the Content-Type of a git client"));
        }
        Ok(Route::Call(service))
    };
    match request.path_info.as_str() {
        "/info/refs" if request.method != "GET" => Err((405, "use GET")),
        "/info/refs" => match request.query.as_str() {
            "service=git-upload-pack" => Ok(Route::Advertise(Service::Fetch)),
            "service=git-receive-pack" => Ok(Route::Advertise(Service::Push)),
            _ => Err((403, "only smart HTTP is served; use git 1.6.6 or later")),
        },
        "/git-upload-pack" => call(Service::Fetch),
        "/git-receive-pack" => call(Service::Push),
        _ => Err((404, "no such page of a git repository")),
    }
}

/// Ends a body whose sender pauses for too long, as if it had been cut off.
fn with_idle_limit(body: Body, limit: Duration) -> Body {
    stream::try_unfold(body, move |mut body| async move {
        match tokio::time::timeout(limit, body.next()).await {
            Ok(Some(chunk)) => Ok(Some((chunk?, body))),
            Ok(None) => Ok(None),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client went silent",
            )),
        }
    })
    .boxed()
}

/// Reads until all commands are there, or `bytes_max` bytes that are not all of them.
async fn read_commands(
    body: &mut Body,
    read: &mut BytesMut,
    bytes_max: usize,
) -> Result<Option<Commands>> {
    loop {
        if let Some(commands) = parse_commands(read)? {
            return Ok(Some(commands));
        }
        if read.len() > bytes_max {
            return Ok(None);
        }
        match body.next().await {
            Some(Ok(chunk)) => read.extend_from_slice(&chunk),
            Some(Err(_)) | None => {
                return Err(Error::invalid("push", "", "it ended in its list of refs"));
            }
        }
    }
}

/// Takes what is left of a body, within bounds.
async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES_MAX;
    let draining = async {
        while let Some(Ok(chunk)) = body.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else {
                return;
            };
            left = rest;
        }
    };
    // Its sender is answered in any case; whether it gets to the answer is its own affair.
    let _was_slow = tokio::time::timeout(DRAIN_TIMEOUT, draining).await.is_err();
}

fn is_refused(policy: &ReceivePolicy, commands: &Commands) -> bool {
    let mut commands = commands.list.iter();
    commands.any(|command| policy.objection(command).is_some())
}

fn refuse(policy: &ReceivePolicy, commands: &Commands) -> GitHttpResponse {
    let reason = |command: &Command| {
        policy
            .objection(command)
            .unwrap_or("another ref of this push was refused")
    };
    let reasons: Vec<(RefName, String)> = commands
        .list
        .iter()
        .map(|command| (command.name.clone(), reason(command).to_owned()))
        .collect();
    let pushed = commands
        .list
        .iter()
        .map(|command| pushed_ref(command, false))
        .collect();
    if !commands.report_status {
        let text: String = reasons
            .iter()
            .map(|(name, reason)| format!("{name}: {reason}\n"))
            .collect();
        return GitHttpResponse {
            pushed,
            ..plain(403, &text)
        };
    }
    let headers = vec![
        (
            "content-type".into(),
            "application/x-git-receive-pack-result".into(),
        ),
        (
            "cache-control".into(),
            "no-cache, max-age=0, must-revalidate".into(),
        ),
    ];
    let report = refusal_report(&reasons, commands.side_band);
    GitHttpResponse {
        status: 200,
        headers,
        body: one(report),
        pushed,
    }
}

/// What became of each command: looked up, since git's report goes to the client.
async fn outcome(repo: &BareRepo, commands: &[Command]) -> Result<Vec<PushedRef>> {
    let names: Vec<RefName> = commands
        .iter()
        .map(|command| command.name.clone())
        .collect();
    let mut now = std::collections::HashMap::new();
    // One look at a file each for a few refs, one process for many.
    if let [name] = names.as_slice() {
        if let Some(oid) = repo.resolve(name).await? {
            now.insert(name.clone(), oid);
        }
    } else {
        now.extend(repo.list_refs("refs").await?);
    }
    Ok(commands
        .iter()
        .map(|command| pushed_ref(command, now.get(&command.name) == Some(&command.new)))
        .collect())
}

fn pushed_ref(command: &Command, applied: bool) -> PushedRef {
    let some = |oid: &Oid| (!oid.is_zero()).then(|| oid.clone());
    PushedRef {
        name: command.name.clone(),
        old: some(&command.old),
        new: some(&command.new),
        applied,
    }
}

fn one(bytes: Bytes) -> Body {
    stream::once(async move { Ok(bytes) }).boxed()
}

fn plain(status: u16, text: &str) -> GitHttpResponse {
    let headers = vec![("content-type".into(), "text/plain; charset=utf-8".into())];
    GitHttpResponse {
        status,
        headers,
        body: one(Bytes::copy_from_slice(format!("{text}\n").as_bytes())),
        pushed: Vec::new(),
    }
}

fn busy() -> GitHttpResponse {
    let mut busy = plain(503, "too many git requests at the moment; try again");
    busy.headers.push(("retry-after".into(), "5".into()));
    busy
}

fn late() -> GitHttpResponse {
    plain(408, "the request did not come in time; try again")
}

fn not_a_push(why: &str) -> GitHttpResponse {
    plain(
        400,
        &format!("this is not a push that devlab accepts: {why}"),
    )
}

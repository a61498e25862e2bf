//! A repository over smart HTTP: the server's side of clone, fetch and push.
//!
//! git's own `http-backend` does the work; here is what it may be asked, by whom, how many at a
//! time and for how long. What a push may change is decided from its first bytes, before git
//! sees any of it, and again by git's configuration.

mod cgi;
mod inflate;
mod pktline;
mod policy;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::git::{Cmd, Git};
use crate::http::cgi::Running;
use crate::http::pktline::{
    COMMAND_BYTES_MAX, Command, Commands, add_haves, parse_commands, refusal_report,
};
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

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Requests served at the same time.
    pub concurrent_max: usize,
    /// How long a request waits for its turn before it is told to come again.
    pub wait: Duration,
    /// How long a request may take.
    pub timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            concurrent_max: 32,
            wait: Duration::from_secs(30),
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
    slots: Arc<Semaphore>,
    limits: HttpLimits,
}

impl GitHttp {
    /// A server that uses `backend`, as found by [`Git::http_backend`].
    #[must_use]
    pub fn new(git: Git, backend: PathBuf, limits: HttpLimits) -> Self {
        Self {
            git,
            backend,
            slots: Arc::new(Semaphore::new(limits.concurrent_max)),
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
        match request.content_encoding.take().as_deref() {
            None | Some("" | "identity") => {}
            Some("gzip" | "x-gzip") => request.body = inflate::gunzip(request.body),
            Some(_) => return Ok(plain(415, "only gzip is understood as Content-Encoding")),
        }
        let Ok(Ok(permit)) =
            tokio::time::timeout(self.limits.wait, Arc::clone(&self.slots).acquire_owned()).await
        else {
            let mut busy = plain(503, "too many git requests at the moment; try again");
            busy.headers.push(("retry-after".into(), "5".into()));
            return Ok(busy);
        };
        match route {
            Route::Advertise(Service::Push) => self.advertise_push(request, permit).await,
            Route::Call(Service::Push) => self.push(request, permit).await,
            Route::Advertise(Service::Fetch) | Route::Call(Service::Fetch) => {
                self.stream(request, route, permit).await
            }
        }
    }

    async fn stream(
        &self,
        request: GitHttpRequest,
        route: Route,
        permit: OwnedSemaphorePermit,
    ) -> Result<GitHttpResponse> {
        let mut running = self.start(request, route, FETCH_BODY_BYTES_MAX, permit)?;
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

    async fn advertise_push(
        &self,
        request: GitHttpRequest,
        permit: OwnedSemaphorePermit,
    ) -> Result<GitHttpResponse> {
        let haves = match &request.receive {
            ReceivePolicy::Only { haves, .. } => haves.clone(),
            ReceivePolicy::Refused | ReceivePolicy::Branches { .. } => Vec::new(),
        };
        let mut running = self.start(request, Route::Advertise(Service::Push), 0, permit)?;
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

    async fn push(
        &self,
        mut request: GitHttpRequest,
        permit: OwnedSemaphorePermit,
    ) -> Result<GitHttpResponse> {
        let (prefix, commands) = match read_commands(&mut request.body).await {
            Ok(read) => read,
            Err(Error::Invalid { why, .. }) => {
                return Ok(plain(
                    400,
                    &format!("this is not a push that devlab accepts: {why}"),
                ));
            }
            Err(other) => return Err(other),
        };
        if commands
            .list
            .iter()
            .any(|command| request.receive.objection(command).is_some())
        {
            drain(request.body).await;
            return Ok(refuse(&request.receive, &commands));
        }
        let repo = BareRepo::open(&self.git, &request.repo).await?;
        request.body = stream::once(async move { Ok(prefix) })
            .chain(request.body)
            .boxed();
        let mut running = self.start(
            request,
            Route::Call(Service::Push),
            PUSH_BYTES_MAX + COMMAND_BYTES_MAX as u64,
            permit,
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
        permit: OwnedSemaphorePermit,
    ) -> Result<Running> {
        let command = self.command(&request, route);
        Running::start(
            command,
            request.body,
            body_bytes_max,
            self.limits.timeout,
            permit,
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

/// Reads until all commands are there; returns all that was read, objects included.
async fn read_commands(body: &mut Body) -> Result<(Bytes, Commands)> {
    let mut bytes = BytesMut::new();
    let incomplete = |why| Error::invalid("push", "", why);
    loop {
        if let Some(commands) = parse_commands(&bytes)? {
            return Ok((bytes.freeze(), commands));
        }
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(incomplete("its list of refs is too long"));
        }
        match body.next().await {
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(_)) | None => return Err(incomplete("it ended in its list of refs")),
        }
    }
}

async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES_MAX;
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else {
            return;
        };
        left = rest;
    }
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

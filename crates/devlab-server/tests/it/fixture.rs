//! A server on a free port, with routes that show what the machinery does.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState, Phase};
use devlab_core::auth::{Role, Token};
use devlab_core::check::Sha256Hex;
use devlab_core::id::kind;
use devlab_core::{AgentId, AttemptId, OrgId, SystemClock, TaskId, Timestamp, TokenId};
use devlab_server::app::{App, AppState, ServerConfig};
use devlab_server::auth::{AttemptKey, Auth, Directory};
use devlab_server::extract::{Caller, Json, Mutation, PathId, Query, RawBody};
use devlab_server::listen::{self, ListenLimits};
use devlab_server::openapi::Routes;
use devlab_server::policy::{Policy, Roles};
use devlab_server::problem::{ApiError, Result};
use devlab_server::rate::Rates;
use devlab_server::{router, sse};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// Longest wait for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn live_attempt() -> AttemptId {
    AttemptId::new(Timestamp::from_millis(2), 2)
}

pub(crate) fn over_attempt() -> AttemptId {
    AttemptId::new(Timestamp::from_millis(3), 3)
}

/// Requests that wait in `/wait`.
pub(crate) static WAITING: AtomicU64 = AtomicU64::new(0);

/// Tokens in memory.
#[derive(Default)]
pub(crate) struct Tokens {
    by_hash: Mutex<HashMap<Sha256Hex, Token>>,
    generation: AtomicU64,
    /// How often a token was looked up.
    pub(crate) looks: AtomicU64,
}

impl Tokens {
    pub(crate) fn put(&self, secret: &str, role: Role, expires_at: Option<Timestamp>) {
        let hash = Sha256Hex::of(secret.as_bytes());
        let org = OrgId::new(Timestamp::from_millis(1), 1);
        let token = Token {
            id: TokenId::new(Timestamp::from_millis(1), u128::from(role as u8)),
            hash: hash.clone(),
            role,
            org: Some(org),
            note: String::new(),
            expires_at,
            revoked_at: None,
            created_at: Timestamp::default(),
        };
        self.by_hash.lock().unwrap().insert(hash, token);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn revoke(&self, secret: &str) {
        let hash = Sha256Hex::of(secret.as_bytes());
        let mut tokens = self.by_hash.lock().unwrap();
        tokens.get_mut(&hash).unwrap().revoked_at = Some(Timestamp::default());
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Directory for Tokens {
    async fn token(&self, hash: Sha256Hex) -> devlab_core::Result<Option<Token>> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Ok(self.by_hash.lock().unwrap().get(&hash).cloned())
    }

    async fn attempt(&self, id: AttemptId) -> devlab_core::Result<Option<Attempt>> {
        let state = match id.uuid() {
            id if id == live_attempt().uuid() => AttemptState::Live,
            id if id == over_attempt().uuid() => AttemptState::Superseded,
            _ => return Ok(None),
        };
        Ok(Some(Attempt {
            id,
            org: OrgId::new(Timestamp::from_millis(1), 1),
            task: TaskId::new(Timestamp::from_millis(1), 1),
            number: 1,
            kind: AttemptKind::Work,
            candidate: None,
            agent: AgentId::new(Timestamp::from_millis(1), 1),
            claim_id: "c".to_owned(),
            state,
            phase: Phase::Preparing,
            lease_until: Timestamp::default(),
            base: None,
            prior: None,
            merges: None,
            commit: None,
            failure: None,
            terms: None,
            lane: devlab_core::limit::Lane::default(),
            created_at: Timestamp::default(),
            ended_at: None,
        }))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
    #[serde(default)]
    sizes: Vec<u8>,
}

#[derive(Deserialize)]
struct Paging {
    limit: u32,
}

#[utoipa::path(get, path = "/health", responses((status = 200, body = String)))]
async fn health() -> Answer<devlab_api::Health> {
    Answer(devlab_api::Health {
        status: "ok".to_owned(),
    })
}

#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
async fn metrics(State(app): State<AppState>) -> String {
    app.metrics.render()
}

#[utoipa::path(post, path = "/notes", request_body = Note, responses((status = 200, body = Note)))]
async fn note(_caller: Caller, Json(note): Json<Note>) -> Answer<Note> {
    Answer(note)
}

#[utoipa::path(post, path = "/door", request_body = Note, responses((status = 200, body = Note)))]
async fn door(Json(note): Json<Note>) -> Answer<Note> {
    Answer(note)
}

#[utoipa::path(get, path = "/notes", responses((status = 200, body = String)))]
async fn notes(_caller: Caller, Query(paging): Query<Paging>) -> String {
    paging.limit.to_string()
}

#[utoipa::path(get, path = "/notes/{id}", responses((status = 200, body = String)))]
async fn one_note(PathId(id): PathId<kind::Task>) -> String {
    id.to_string()
}

#[utoipa::path(post, path = "/keyed", request_body = Note, responses((status = 200, body = String)))]
async fn keyed(mutation: Mutation<Note>) -> String {
    mutation
        .idempotency
        .map_or_else(String::new, |found| format!("{} {}", found.key, found.body))
}

#[utoipa::path(post, path = "/raw", request_body = String, responses((status = 200, body = String)))]
async fn raw(RawBody(bytes): RawBody) -> String {
    bytes.len().to_string()
}

#[utoipa::path(get, path = "/who", responses((status = 200, body = String)))]
async fn who(caller: Caller) -> String {
    let attempt = if caller.principal.attempt.is_some() {
        " attempt"
    } else {
        ""
    };
    format!("{}{attempt}", caller.principal.role)
}

#[utoipa::path(get, path = "/git-who", responses((status = 200, body = String)))]
async fn git_who(caller: Caller) -> String {
    who(caller).await
}

#[utoipa::path(get, path = "/stream", responses((status = 200, body = String)))]
async fn stream(State(app): State<AppState>) -> Response {
    let one = sse::SseEvent {
        id: Some(7),
        event: "task.state",
        data: "{}".to_owned(),
    };
    let events =
        futures::stream::StreamExt::chain(futures::stream::iter([one]), futures::stream::pending());
    sse::stream(events, app.shutdown.clone())
}

#[utoipa::path(get, path = "/panic", responses((status = 200, body = String)))]
async fn panics() -> String {
    panic!("a defect")
}

#[utoipa::path(get, path = "/slow", responses((status = 200, body = String)))]
async fn slow() -> String {
    std::future::pending().await
}

#[utoipa::path(post, path = "/wait", request_body = Note, responses((status = 204)))]
async fn wait(State(app): State<AppState>, Json(_note): Json<Note>) -> hyper::StatusCode {
    WAITING.fetch_add(1, Ordering::SeqCst);
    app.shutdown.cancelled().await;
    hyper::StatusCode::NO_CONTENT
}

#[utoipa::path(get, path = "/full", responses((status = 200, body = String)))]
async fn full() -> Result<String> {
    Err(ApiError::from(devlab_core::StorageError::new(
        devlab_core::error::StorageErrorKind::Full,
        "secret detail",
    )))
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    pub(crate) document: serde_json::Value,
    pub(crate) auth: Arc<Auth>,
}

/// What a test may set.
pub(crate) struct Setup {
    pub(crate) limits: ListenLimits,
    pub(crate) rates: Rates,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: ListenLimits::default(),
            rates: Rates {
                people: None,
                agents: None,
                ..Rates::default()
            },
        }
    }
}

pub(crate) async fn server() -> Server {
    server_with(Setup::default()).await
}

pub(crate) async fn server_with(setup: Setup) -> Server {
    let tokens = Arc::new(Tokens::default());
    for role in Role::ALL {
        tokens.put(role.as_str(), role, None);
    }
    let clock = Arc::new(SystemClock::new());
    let stop = CancellationToken::new();
    let config = ServerConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        allowed_hosts: vec!["lab.example".to_owned()],
        rates: setup.rates,
        roles: devlab_core::server::ServerRoles::all(),
        instance: "test".to_owned(),
    };
    let directory: Arc<dyn Directory> = tokens.clone();
    let auth = Arc::new(Auth::new(
        directory,
        clock.clone(),
        AttemptKey::new(&[7; 32]),
    ));
    let app = Arc::new(App::new(config, auth.clone(), clock, stop.clone()));
    let quick = Policy {
        timeout: Some(Duration::from_millis(100)),
        ..Policy::roles(Roles::READ)
    };
    let small = Policy {
        body_bytes_max: 1_000,
        ..Policy::roles(Roles::ALL)
    };
    let api = Routes::new(&app)
        .add(Policy::public(), routes!(health))
        .add(Policy::roles(Roles::METRICS), routes!(metrics))
        .add(Policy::roles(Roles::CHANGE), routes!(note))
        .add(Policy::public(), routes!(door))
        .add(Policy::roles(Roles::READ), routes!(notes))
        .add(Policy::roles(Roles::READ), routes!(one_note))
        .add(Policy::roles(Roles::CHANGE), routes!(keyed))
        .add(small, routes!(raw))
        .add(Policy::roles(Roles::ALL), routes!(who))
        .add(Policy::roles(Roles::READ).waiting(), routes!(stream))
        .add(Policy::roles(Roles::AGENT).waiting(), routes!(wait))
        .add(Policy::roles(Roles::READ), routes!(panics))
        .add(quick, routes!(slow))
        .add(Policy::roles(Roles::READ), routes!(full));
    let root = Routes::new(&app).add(Policy::git(Roles::READ), routes!(git_who));
    let (router, document) = router::assemble(&app, api, root).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::runtime::Handle::current().spawn(listen::serve(
        listener,
        router,
        setup.limits,
        stop.clone(),
    ));
    let document = serde_json::to_value(document).unwrap();
    Server {
        addr,
        tokens,
        stop,
        task,
        document,
        auth,
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The problem, after checking that it is a whole one.
    pub(crate) fn problem(&self) -> devlab_api::problem::Problem {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: devlab_api::problem::Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(
            self.header("x-request-id"),
            Some(problem.request_id.to_ascii_lowercase().as_str())
        );
        assert!(
            !problem.title.is_empty() && !problem.detail.is_empty() && !problem.help.is_empty()
        );
        problem
    }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer));
        read.await.unwrap().unwrap();
        Reply::parse(&answer)
    }

    /// Sends one request; `extra` are header lines.
    pub(crate) async fn send(&self, line: &str, extra: &[&str], body: &[u8]) -> Reply {
        let mut head = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        if !extra.iter().any(|header| header.starts_with("host:")) {
            head.push_str("host: localhost\r\n");
        }
        for header in extra {
            head.push_str(header);
            head.push_str("\r\n");
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        let auth = format!("authorization: Bearer {token}");
        self.send(&format!("GET {path}"), &[&auth], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Reply {
        let headers = ["x-auth-token: operator", "content-type: application/json"];
        self.send(&format!("POST {path}"), &headers, body).await
    }
}

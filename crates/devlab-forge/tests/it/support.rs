//! One-line fixtures: repositories with given files, and a server to clone from and push to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use devlab_forge::commit::{NewCommit, Signature};
use devlab_forge::http::{
    FetchPolicy, GitHttp, GitHttpRequest, HttpLimits, PushedRef, ReceivePolicy,
};
use devlab_forge::refs::RefUpdate;
use devlab_forge::transfer::{Credential, Remote};
use devlab_forge::{BareRepo, Git, GitBinary, Oid, RefName};
use futures::TryStreamExt as _;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::task::JoinSet;

pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";
pub(crate) const TIME: i64 = 1_700_000_000;

pub(crate) fn git() -> Git {
    Git::new(GitBinary::from_path(PATH))
}

pub(crate) fn name(text: &str) -> RefName {
    text.parse().unwrap()
}

pub(crate) fn main_ref() -> RefName {
    name("refs/heads/main")
}

pub(crate) fn ada() -> Signature {
    Signature::new("Ada", "ada@example.org").unwrap()
}

/// Runs git as a person would, in `dir`.
pub(crate) fn person(dir: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", dir)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "P")
        .env("GIT_AUTHOR_EMAIL", "p@example.org")
        .env("GIT_COMMITTER_NAME", "P")
        .env("GIT_COMMITTER_EMAIL", "p@example.org")
        .output()
        .unwrap()
}

pub(crate) fn says(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[track_caller]
pub(crate) fn person_ok(dir: &Path, args: &[&str]) -> String {
    let output = person(dir, args);
    assert!(output.status.success(), "git {args:?}: {}", says(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn write(dir: &Path, path: &str, text: &str) {
    let file = dir.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// A bare repository and a place to work.
pub(crate) struct Lab {
    pub(crate) temp: TempDir,
    pub(crate) repo: BareRepo,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let repo = BareRepo::init(&git(), &temp.path().join("p.git"), &main_ref())
            .await
            .unwrap();
        Self { temp, repo }
    }

    /// A lab whose main branch has these files.
    pub(crate) async fn with(files: &[(&str, &str)]) -> (Self, Oid) {
        let lab = Self::new().await;
        let head = lab.commit(&[], files).await;
        lab.set("refs/heads/main", None, Some(&head)).await;
        (lab, head)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(crate) async fn set(&self, name_: &str, old: Option<&Oid>, new: Option<&Oid>) {
        let update = RefUpdate {
            name: name(name_),
            old: old.cloned(),
            new: new.cloned(),
        };
        self.repo.update_refs(&[update]).await.unwrap();
    }

    /// Stores a commit with the first parent's files, changed as given.
    pub(crate) async fn commit(&self, parents: &[&Oid], files: &[(&str, &str)]) -> Oid {
        let scratch = TempDir::new().unwrap();
        let index = scratch.path().join("index");
        let work = scratch.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let run = |args: &[&str]| {
            let output = Command::new("git")
                .args(args)
                .current_dir(&work)
                .env_clear()
                .env("PATH", PATH)
                .env("GIT_DIR", self.repo.dir())
                .env("GIT_WORK_TREE", &work)
                .env("GIT_INDEX_FILE", &index)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", says(&output));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        if let Some(parent) = parents.first() {
            run(&["read-tree", "--reset", "-u", parent.as_str()]);
        }
        for (path, text) in files {
            write(&work, path, text);
        }
        run(&["add", "--all", "--force"]);
        let tree: Oid = run(&["write-tree"]).parse().unwrap();
        let (author, committer) = (ada(), Signature::devlab());
        let commit = NewCommit {
            tree: &tree,
            parents,
            message: "work\n",
            author: &author,
            committer: &committer,
            time_secs: TIME,
        };
        self.repo.commit_tree(&commit).await.unwrap()
    }

    /// A tree made of raw entries (mode, kind, object, path), which git's porcelain would refuse.
    pub(crate) fn raw_tree(&self, entries: &[(&str, &str)], content: &str) -> Oid {
        let blob = self.raw_object("blob", content.as_bytes());
        let raw = |oid: &str| -> Vec<u8> {
            (0..20)
                .map(|i| u8::from_str_radix(&oid[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let mut bytes = Vec::new();
        for (mode, path) in entries {
            bytes.extend_from_slice(format!("{mode} {path}\0").as_bytes());
            bytes.extend(raw(blob.as_str()));
        }
        self.raw_object("tree", &bytes)
    }

    fn raw_object(&self, kind: &str, bytes: &[u8]) -> Oid {
        let file = self.path("raw");
        std::fs::write(&file, bytes).unwrap();
        let args = [
            "hash-object",
            "-t",
            kind,
            "-w",
            "--literally",
            "--no-filters",
            file.to_str().unwrap(),
        ];
        person_ok(self.repo.dir(), &args).parse().unwrap()
    }
}

#[derive(Clone)]
struct Grant {
    fetch: FetchPolicy,
    receive: ReceivePolicy,
}

/// A server of one repository; each password has its own policy.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pushed: Arc<Mutex<Vec<PushedRef>>>,
    grants: Arc<Mutex<BTreeMap<String, Grant>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(repo: &BareRepo) -> Self {
        let git = git();
        let backend = git.http_backend().await.unwrap();
        let service = GitHttp::new(git, backend, HttpLimits::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let grants: Arc<Mutex<BTreeMap<String, Grant>>> = Arc::default();
        let pushed: Arc<Mutex<Vec<PushedRef>>> = Arc::default();
        let (allowed, seen, dir) = (
            Arc::clone(&grants),
            Arc::clone(&pushed),
            repo.dir().to_owned(),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, allowed, seen, dir) = (
                    service.clone(),
                    Arc::clone(&allowed),
                    Arc::clone(&seen),
                    dir.clone(),
                );
                connections.spawn(async move {
                    let answer = service_fn(move |request| {
                        answer(
                            service.clone(),
                            Arc::clone(&allowed),
                            Arc::clone(&seen),
                            dir.clone(),
                            request,
                        )
                    });
                    let connection =
                        hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client that hangs up is not the server's failure.
                    let _closed = connection
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self {
            address,
            pushed,
            grants,
            _tasks: tasks,
        }
    }

    pub(crate) fn grant(
        &self,
        password: &str,
        fetch: FetchPolicy,
        receive: ReceivePolicy,
    ) -> &Self {
        self.grants
            .lock()
            .unwrap()
            .insert(password.into(), Grant { fetch, receive });
        self
    }

    /// Lets in whoever has no password.
    pub(crate) fn open(&self, fetch: FetchPolicy, receive: ReceivePolicy) -> &Self {
        self.grant("", fetch, receive)
    }

    pub(crate) fn url(&self, password: &str) -> String {
        format!("http://x:{password}@{}/p.git", self.address)
    }

    pub(crate) fn bare_url(&self) -> String {
        format!("http://{}/p.git", self.address)
    }

    pub(crate) fn remote(&self, password: &str) -> Remote {
        Remote::new(&self.bare_url(), Some(Credential::basic("x", password))).unwrap()
    }
}

type Answer = hyper::Response<http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>>;

fn text(status: u16) -> hyper::http::response::Builder {
    hyper::Response::builder().status(status)
}

async fn answer(
    service: GitHttp,
    grants: Arc<Mutex<BTreeMap<String, Grant>>>,
    seen: Arc<Mutex<Vec<PushedRef>>>,
    repo: PathBuf,
    request: hyper::Request<Incoming>,
) -> Result<Answer, Infallible> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let password = header("authorization").and_then(|value| {
        let encoded = value.strip_prefix("Basic ")?.to_owned();
        let pair = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .ok()?;
        Some(String::from_utf8(pair).ok()?.split_once(':')?.1.to_owned())
    });
    let password = password.unwrap_or_default();
    let grant = grants.lock().unwrap().get(&password).cloned();
    let Some(Grant { fetch, receive }) = grant else {
        let body = http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed_unsync();
        return Ok(text(401)
            .header("www-authenticate", "Basic realm=\"t\"")
            .body(body)
            .unwrap());
    };
    if let Some(rest) = request.uri().path().strip_prefix("/redirect.git") {
        let query = request.uri().query().unwrap_or_default();
        let body = http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed_unsync();
        return Ok(text(302)
            .header("location", format!("/p.git{rest}?{query}"))
            .body(body)
            .unwrap());
    }
    let path_info = request
        .uri()
        .path()
        .strip_prefix("/p.git")
        .unwrap_or_default()
        .to_owned();
    let git_request = GitHttpRequest {
        repo,
        path_info,
        query: request.uri().query().unwrap_or_default().to_owned(),
        method: request.method().to_string(),
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        git_protocol: header("git-protocol"),
        remote_user: "x".into(),
        fetch,
        receive,
        body: Box::pin(
            BodyStream::new(request.into_body())
                .map_ok(|frame| frame.into_data().unwrap_or_default())
                .map_err(std::io::Error::other),
        ),
    };
    let response = service.serve(git_request).await.unwrap();
    seen.lock().unwrap().extend(response.pushed);
    let mut builder = text(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    Ok(builder
        .body(StreamBody::new(response.body.map_ok(Frame::data)).boxed_unsync())
        .unwrap())
}

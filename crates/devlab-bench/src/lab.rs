//! The server under test: one that is started here, or one that runs already.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use devlab_api::client::{Client, Timeouts};
use devlab_api::project::CreateOrg;
use devlab_api::token::CreateToken;
use devlab_store::conformance::history;
use devlab_store::conformance::postgres::Server as Database;
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use devlab_store::{EffectSink, Store};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::args::{Args, StoreKind};
use crate::wire::{Address, Conn, Route};

/// How long a server may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(30);
/// How often its files are looked at until then: the precision of `ready_ms`.
const READY_POLL: Duration = Duration::from_millis(1);
/// How long a process may take to end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(15);
/// How much of a log an error quotes, in bytes.
const LOG_TAIL: usize = 2_000;

/// Variables besides `DEVLAB_*` that configure a server or its log.
const CONFIGURING: [&str; 4] = [
    "DATABASE_URL",
    "ORCHESTRATOR_TOKEN",
    "CODE_SERVER_PASSWORD",
    "RUST_LOG",
];

/// A child process with a log file.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it. It is killed if it is dropped without [`Self::stop`].
    pub(crate) fn start(command: &mut Command, name: &str, log: PathBuf) -> anyhow::Result<Self> {
        let file = std::fs::File::create(&log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let name = name.to_owned();
        Ok(Self { child, name, log })
    }

    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        self.child
            .id()
            .with_context(|| format!("{} has ended", self.name))
    }

    /// An error if it has ended, with the end of its log.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, self.log_tail()),
        }
    }

    fn log_tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let start = bytes.len().saturating_sub(LOG_TAIL);
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.check_alive()?;
        let pid = i32::try_from(self.id()?).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process id")?, Signal::TERM)?;
        match timeout(STOP_MAX, self.child.wait()).await {
            Ok(status) => {
                status?;
                Ok(())
            }
            Err(_) => bail!(
                "{} did not end within {STOP_MAX:?} of SIGTERM: {}",
                self.name,
                self.log_tail()
            ),
        }
    }
}

/// A server, ready for work.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) url: String,
    pub(crate) address: Address,
    pub(crate) version: String,
    /// A global admin.
    pub(crate) admin: Client,
    token: String,
    /// The server and its data folder, if it was started here.
    own: Option<(Process, TempDir)>,
    /// Further servers on the same database.
    others: Vec<(Process, TempDir, Address)>,
    /// Its database, if that was started here too. Goes after the server.
    database: Option<Database>,
    /// Time from its start until it was ready.
    pub(crate) ready_after: Duration,
}

/// An org of its own for one run, with tokens. Each connection that creates has its own token,
/// because rate limits are per token and each stands for a person.
#[derive(Debug, Clone)]
pub(crate) struct Org {
    pub(crate) name: String,
    pub(crate) operators: Vec<String>,
    pub(crate) agent: String,
    pub(crate) viewer: String,
}

impl Org {
    /// An operator's token for the n-th connection.
    pub(crate) fn operator(&self, index: usize) -> &str {
        &self.operators[index % self.operators.len()]
    }
}

/// `run/server.json` in the data folder.
#[derive(Debug, Deserialize)]
struct ServerFile {
    url: String,
    process: ServerProcess,
    version: String,
}

/// The process that serves.
#[derive(Debug, Deserialize)]
struct ServerProcess {
    pid: u32,
}

/// `credentials.json` in the data folder.
#[derive(Deserialize)]
struct Credentials {
    token: String,
}

/// Answer of `GET /v1/store`.
#[derive(Deserialize)]
struct StoreSettings {
    settings: BTreeMap<String, serde_json::Value>,
}

impl Lab {
    /// A server as the command line asks for it.
    pub(crate) async fn start(args: &Args) -> anyhow::Result<Self> {
        match (&args.url, &args.token) {
            (Some(url), Some(token)) => Self::connect(url, token).await,
            (Some(_), None) => bail!("--url needs --token"),
            (None, _) => {
                let home = data_folder(args)?;
                let database = match args.store {
                    StoreKind::Sqlite => None,
                    StoreKind::Postgres => Some(database(home.path()).await?),
                };
                Self::spawn_on(&args.server_bin, home, database).await
            }
        }
    }

    async fn connect(url: &str, token: &str) -> anyhow::Result<Self> {
        let admin = client(url, token)?;
        admin.ready().await?;
        let peers = admin.peers().await?;
        let this = peers.items.into_iter().find(|peer| peer.this);
        Ok(Self {
            url: url.to_owned(),
            address: Address::parse(url)?,
            version: this.map_or_else(|| "unknown".to_owned(), |peer| peer.version),
            admin,
            token: token.to_owned(),
            own: None,
            others: Vec::new(),
            database: None,
            ready_after: Duration::ZERO,
        })
    }

    /// Starts a server with its default configuration on a data folder and a free port.
    pub(crate) async fn spawn(binary: &Path, home: TempDir) -> anyhow::Result<Self> {
        Self::spawn_on(binary, home, None).await
    }

    async fn spawn_on(
        binary: &Path,
        home: TempDir,
        database: Option<Database>,
    ) -> anyhow::Result<Self> {
        let mut command = devlab(binary)?;
        command
            .arg("server")
            .env("DEVLAB_HOME", home.path())
            .env("DEVLAB_BIND", "127.0.0.1:0")
            .env("DEVLAB_DASHBOARD_BIND", "127.0.0.1:0")
            .env("DEVLAB_DASHBOARD_BIND", "127.0.0.1:0");
        if let Some(database) = &database {
            command.env("DATABASE_URL", database.url("devlab"));
        }
        let run_file = home.path().join("run/server.json");
        if run_file.exists() {
            std::fs::remove_file(&run_file)?;
        }
        let start = Instant::now();
        let log = home.path().join("bench-server.log");
        let mut process = Process::start(&mut command, "devlab server", log)?;
        let file = loop {
            process.check_alive()?;
            if let Some(file) = read_json::<ServerFile>(&run_file) {
                break file;
            }
            if start.elapsed() > READY_MAX {
                bail!(
                    "no {} within {READY_MAX:?}: {}",
                    run_file.display(),
                    process.log_tail()
                );
            }
            sleep(READY_POLL).await;
        };
        let address = Address::parse(&file.url)?;
        wait_ready(&address, start).await?;
        let ready_after = start.elapsed();
        if file.process.pid != process.id()? {
            bail!("{} names another process", run_file.display());
        }
        let path = home.path().join("credentials.json");
        let credentials: Credentials = read_json(&path)
            .with_context(|| format!("{} is missing or unreadable", path.display()))?;
        Ok(Self {
            admin: client(&file.url, &credentials.token)?,
            address,
            url: file.url,
            version: file.version,
            token: credentials.token,
            own: Some((process, home)),
            others: Vec::new(),
            database,
            ready_after,
        })
    }

    /// The same server after so many tasks of an org have been finished: it is stopped, they are
    /// written to its store, and it is started again.
    pub(crate) async fn with_history(
        self,
        args: &Args,
        org: &str,
        count: u32,
    ) -> anyhow::Result<Self> {
        let (process, home) = self
            .own
            .context("a server with a history is started here")?;
        process.stop().await?;
        let nothing: EffectSink = Arc::new(|_| {});
        let store: Arc<dyn Store> = match &self.database {
            Some(database) => {
                PostgresStore::open(PostgresOptions::new(database.url("devlab"), nothing)).await?
            }
            None => SqliteStore::open(SqliteOptions::for_system(home.path().join("db"), nothing))?,
        };
        history::write(&store, org, count).await?;
        store.close().await?;
        drop(store);
        Self::spawn_on(&args.server_bin, home, self.database).await
    }

    /// Starts another server on the same database.
    pub(crate) async fn join(&mut self, args: &Args) -> anyhow::Result<()> {
        let database = self.database.take();
        let other = Self::spawn_on(&args.server_bin, data_folder(args)?, database).await?;
        self.database = other.database;
        let (process, home) = other.own.context("the other server is not ours")?;
        self.others.push((process, home, other.address));
        Ok(())
    }

    /// The server that the n-th connection talks to: each in turn.
    pub(crate) fn address_of(&self, index: usize) -> &Address {
        match index % (1 + self.others.len()) {
            0 => &self.address,
            other => &self.others[other - 1].2,
        }
    }

    /// Process id of a server that was started here.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.own.as_ref().and_then(|(process, _)| process.id().ok())
    }

    /// Its database, if that was started here too.
    pub(crate) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Ends it, if it was started here; gives its data folder back.
    pub(crate) async fn stop(self) -> anyhow::Result<Option<TempDir>> {
        match self.own {
            None => Ok(None),
            Some((process, home)) => {
                for (other, ..) in self.others {
                    other.stop().await?;
                }
                process.stop().await?;
                drop(self.database);
                Ok(Some(home))
            }
        }
    }

    /// The server's counters, as text.
    pub(crate) async fn metrics_text(&self) -> anyhow::Result<String> {
        let mut conn = Conn::open(&self.address).await?;
        let route = Route::new(&self.address, &self.token, "GET /v1/metrics");
        let (_, body) = conn.call(&route, b"").await?;
        Ok(String::from_utf8_lossy(body).into_owned())
    }

    /// Durability settings, read back from the database by the server.
    pub(crate) async fn settings(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut conn = Conn::open(&self.address).await?;
        let route = Route::new(&self.address, &self.token, "GET /v1/store");
        let (_, body) = conn.call(&route, b"").await?;
        let store: StoreSettings = serde_json::from_slice(body).context("GET /v1/store")?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(store
            .settings
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect())
    }

    /// Makes an org with this many operators.
    pub(crate) async fn org(&self, operators: u32) -> anyhow::Result<Org> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Unique among the runs against one server: a process id is not reused that soon.
        let process = std::process::id();
        let name = format!("bench-{process}-{number}");
        let create = CreateOrg { name: name.clone() };
        self.admin.create_org(&create).await.context("POST /orgs")?;
        let mut tokens = Vec::new();
        for _ in 0..operators.max(1) {
            tokens.push(self.org_token(&name, "operator").await?);
        }
        Ok(Org {
            operators: tokens,
            agent: self.org_token(&name, "agent").await?,
            viewer: self.org_token(&name, "viewer").await?,
            name,
        })
    }

    async fn org_token(&self, org: &str, role: &str) -> anyhow::Result<String> {
        let create = CreateToken {
            role: role.to_owned(),
            org: Some(org.to_owned()),
            note: "benchmark".to_owned(),
            expires_in_secs: None,
        };
        let token = self
            .admin
            .create_token(&create)
            .await
            .context("POST /tokens")?;
        Ok(token.secret)
    }

    /// A typed client with one of an org's tokens.
    pub(crate) fn client(&self, token: &str) -> anyhow::Result<Client> {
        client(&self.url, token)
    }
}

/// A data folder on the disk to measure; it goes when it is dropped.
pub(crate) fn data_folder(args: &Args) -> anyhow::Result<TempDir> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make {}", args.dir.display()))?;
    let dir = args.dir.canonicalize()?;
    tempfile::Builder::new()
        .prefix("lab-")
        .tempdir_in(&dir)
        .with_context(|| format!("cannot make a folder in {}", dir.display()))
}

/// A PostgreSQL that keeps what it has acknowledged, on the disk to measure, with an empty database
/// `devlab`.
async fn database(dir: &Path) -> anyhow::Result<Database> {
    let dir = dir.to_owned();
    let started = tokio::task::spawn_blocking(move || {
        let database = Database::start_in(&dir, &["fsync=on", "full_page_writes=on"]);
        database.create("devlab");
        database
    });
    Ok(started.await?)
}

/// A devlab command whose configuration is the default one: nothing that configures devlab is in
/// its environment.
pub(crate) fn devlab(binary: &Path) -> anyhow::Result<Command> {
    let binary = binary.canonicalize().with_context(|| {
        format!(
            "there is no {}; build it with `cargo build --release -p devlab`, or name it with \
             --server-bin",
            binary.display()
        )
    })?;
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("DEVLAB_") || CONFIGURING.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    Ok(command)
}

fn client(url: &str, token: &str) -> anyhow::Result<Client> {
    let token = SecretString::from(token.to_owned());
    Ok(Client::new(url, Some(token), Timeouts::default())?)
}

async fn wait_ready(address: &Address, start: Instant) -> anyhow::Result<()> {
    let route = Route::new(address, "none", "GET /v1/ready");
    loop {
        let mut conn = Conn::open(address).await?;
        if conn.send(&route, b"").await?.0 == 200 {
            return Ok(());
        }
        if start.elapsed() > READY_MAX {
            bail!("the server is not ready after {READY_MAX:?}");
        }
        sleep(READY_POLL).await;
    }
}

/// A JSON file, if it is there and whole.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(dir: &Path, script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(&mut command, "the test's process", dir.join("log")).unwrap()
    }

    #[tokio::test]
    async fn a_process_is_stopped_with_sigterm() {
        let dir = tempfile::tempdir().unwrap();
        let process = start(dir.path(), "exec sleep 600");
        let pid = process.id().unwrap();
        process.stop().await.unwrap();
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[tokio::test]
    async fn a_process_that_ends_early_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = start(dir.path(), "echo cannot bind >&2; exit 3");
        timeout(STOP_MAX, process.child.wait())
            .await
            .unwrap()
            .unwrap();
        let text = process.check_alive().unwrap_err().to_string();
        assert!(text.contains("cannot bind") && text.contains("3"), "{text}");
    }

    #[tokio::test]
    async fn a_missing_server_says_how_to_build_it() {
        let home = tempfile::tempdir().unwrap();
        let binary = home.path().join("devlab");
        let error = Lab::spawn(&binary, home).await.unwrap_err();
        assert!(error.to_string().contains("cargo build"), "{error}");
    }
}

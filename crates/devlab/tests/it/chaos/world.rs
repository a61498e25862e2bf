//! The lab of a round: a server, agents behind proxies, a project and its goal.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use devlab_api::client::{Client, ClientError, Timeouts};
use devlab_api::project::{CreateProject, Project};
use devlab_api::token::CreateToken;
use devlab_core::{ProjectId, TaskId};
use devlab_store::conformance::postgres::Server as Postgres;
use devlab_testing::CutProxy;
use devlab_testing::git::Checkout;
use rustix::process::Signal;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::plan::{Blow, Round, Who};
use super::process::{Proc, Procs, Spec};
use super::project;

/// Longest wait for something of the lab's, outside of the goal itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often something is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Length of a lease, in seconds.
pub(super) const LEASE_SECS: &str = "1";
/// How long a killed process is away: a little, or longer than a lease and the loop that ends it.
const RESTS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(2_500));
/// Size of a small disk, in MiB.
const DISK_MIB: u32 = 48;
/// Longest that a call may take: some are swallowed on purpose.
const CALL_MAX: Duration = Duration::from_secs(5);

/// Everything of a round.
pub(super) struct World {
    /// The database, if it is PostgreSQL.
    postgres: Option<Mutex<Postgres>>,
    /// Unmounted before the folder is removed.
    _disks: Vec<Disk>,
    folder: Option<TempDir>,
    path: PathBuf,
    pub(super) procs: Procs,
    /// Starts again what dies.
    pub(super) keeper: JoinSet<()>,
    pub(super) proxies: Vec<CutProxy>,
    /// Address of the server, and its administrator's token.
    pub(super) url: String,
    pub(super) admin: String,
    pub(super) client: Client,
    /// The same for calls that may take long.
    pub(super) slow_client: Client,
    pub(super) agent_client: Client,
    pub(super) project: Project,
    /// Head of the project before the goal.
    pub(super) base: String,
    pub(super) goal: TaskId,
    pub(super) keys: BTreeMap<String, TaskId>,
    /// The goal is done: nothing comes any more that could be broken.
    pub(super) is_over: AtomicBool,
    /// Held by who moves the goal's repository.
    pub(super) moving: Mutex<()>,
    /// In front of both servers, if there are two.
    _front: Option<CutProxy>,
    /// Held by who cuts the network of an agent.
    pub(super) cutting: Vec<Mutex<()>>,
    /// Folders that should have a small disk of their own and have none, and why.
    pub(super) not_small: BTreeMap<PathBuf, String>,
}

impl World {
    /// Sets everything up with nothing broken, kills the server and starts it again with what the
    /// round has in store, and the agents with it; then schedules the goal.
    pub(super) async fn open(round: &Round) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("devlab-chaos-")
            .tempdir()
            .unwrap();
        let path = folder.path().to_owned();
        let (disks, not_small) = disks(round, &path);
        let postgres = match round.on_postgres {
            true => Some(postgres().await),
            false => None,
        };
        let mut server = Proc::new(server(&path, postgres.as_ref()));
        server.start();
        let (url, admin) = credentials(&data_of(&path, Who::Server)).await;
        let client = client(&url, &admin);
        eventually("the server", || async { client.ready().await.ok() }).await;
        let (project, base) = make_project(&client, &url, &admin).await;
        let token = agent_token(&client, &project).await;
        let addr = address(&url);
        let mut procs = vec![server];
        let mut addrs = vec![addr];
        if let Some(postgres) = &postgres {
            let mut other = Proc::new(other(&path, postgres));
            other.start();
            procs.push(other);
            let (url, _) = credentials(&data_of(&path, Who::Other)).await;
            addrs.push(address(&url));
        }
        let front = in_front(&addrs).await;
        let asked = front.as_ref().map_or_else(|| url.clone(), CutProxy::url);
        let mut proxies = Vec::new();
        for number in 0..round.agents {
            let proxy = CutProxy::among(addrs.clone()).await;
            procs.push(Proc::new(agent(&path, number, round, &proxy.url(), &token)));
            proxies.push(proxy);
        }
        let client = self::client(&asked, &admin);
        let procs = Procs::new(procs);
        break_in(&procs, round, &addrs);
        let mut keeper = JoinSet::new();
        keeper.spawn(procs.clone().keep());
        let mark = path.display().to_string();
        let goal = project::goal(project.id.to_string(), &mark);
        // The server may die before or after it has stored the goal; there is one all the same.
        let once = client.clone().with_idempotency_key("the-goal").unwrap();
        let scheduled = insist(|| once.schedule(&goal)).await.unwrap();
        Self {
            postgres: postgres.map(Mutex::new),
            _disks: disks,
            folder: Some(folder),
            path,
            procs,
            keeper,
            proxies,
            agent_client: self::client(&asked, &token),
            slow_client: self::slow_client(&asked, &admin),
            url: asked,
            admin,
            client,
            project,
            base,
            goal: scheduled.goal,
            keys: scheduled.tasks,
            is_over: AtomicBool::new(false),
            moving: Mutex::default(),
            _front: front,
            cutting: (0..round.agents).map(|_| Mutex::new(())).collect(),
            not_small,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a second server is there.
    pub(super) fn has_other(&self) -> bool {
        self.postgres.is_some()
    }

    /// The project's repository.
    pub(super) async fn repository(&self) -> Result<PathBuf, String> {
        self.repository_of(self.project.id).await
    }

    /// The repository of a project, at the server that is its home now.
    pub(super) async fn repository_of(&self, id: ProjectId) -> Result<PathBuf, String> {
        let project = insist(|| self.client.project(id)).await;
        let project = project.map_err(|error| format!("{id} cannot be read: {error}"))?;
        let home = project.home.map(|home| home.to_string());
        let at_other = self.has_other() && home == Some(self.server_id(Who::Other));
        let home = if at_other { Who::Other } else { Who::Server };
        let repos = self.data_of(home).join("repos");
        let org = repos.join(project.org.to_string());
        Ok(org.join(format!("{id}.git")))
    }

    /// Id of a server.
    pub(super) fn server_id(&self, who: Who) -> String {
        let id = std::fs::read_to_string(self.data_of(who).join("server-id")).unwrap();
        id.trim().to_owned()
    }

    /// Nothing reaches the database for a while.
    pub(super) async fn without_database(&self, lasts: Duration) {
        let Some(postgres) = &self.postgres else {
            panic!("a round on SQLite has no database that could be stopped");
        };
        let mut postgres = postgres.lock().await;
        tokio::task::block_in_place(|| postgres.stop());
        tokio::time::sleep(lasts).await;
        tokio::task::block_in_place(|| postgres.run());
    }

    /// Folder of a process's data.
    pub(super) fn data_of(&self, who: Who) -> PathBuf {
        data_of(&self.path, who)
    }

    /// File that moves the server's clock.
    pub(super) fn clock_file(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// File that moves the clock of an agent.
    pub(super) fn agent_clock(&self, number: usize) -> PathBuf {
        agent_clock(&self.path, number)
    }

    /// Leaves the folder for whoever looks into it.
    pub(super) fn keep(&mut self) {
        if let Some(folder) = self.folder.take() {
            // The path is known already.
            let _kept: PathBuf = folder.keep();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Of a failed round: supervisors end what their agents leave.
        drop(self.procs.each(|proc| proc.retire(Signal::KILL)));
    }
}

/// Where there are two servers, every connection of everybody goes to either, at random.
async fn in_front(addrs: &[SocketAddr]) -> Option<CutProxy> {
    match addrs {
        [] | [_] => None,
        several => Some(CutProxy::among(several.to_vec()).await),
    }
}

/// From here on nothing is safe.
fn break_in(procs: &Procs, round: &Round, addrs: &[SocketAddr]) {
    let of_server: Vec<_> = round
        .arms
        .iter()
        .filter(|arm| arm.who == Who::Server)
        .cloned()
        .collect();
    for (who, addr) in [Who::Server, Who::Other].into_iter().zip(addrs) {
        procs.with(who, |server| {
            server.set_env("DEVLAB_BIND", &addr.to_string());
            server.arm(of_server.clone());
            server.signal(Signal::KILL);
        });
    }
    for number in 0..round.agents {
        procs.with(Who::Agent(number), Proc::start);
    }
}

fn data_of(path: &Path, who: Who) -> PathBuf {
    match who {
        Who::Server => path.join("home"),
        Who::Other => path.join("other"),
        Who::Agent(number) => path.join(format!("agent-{number}")),
    }
}

fn agent_clock(path: &Path, number: usize) -> PathBuf {
    path.join(format!("agent-{number}.clock"))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A database of this round's own.
async fn postgres() -> Postgres {
    let started = tokio::task::spawn_blocking(|| {
        let postgres = Postgres::start(&[]);
        postgres.create("devlab");
        postgres
    });
    started.await.unwrap()
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// A server beside the first, which takes repositories too: what needs one of the other's, it
/// passes on.
fn other(path: &Path, postgres: &Postgres) -> Spec {
    let mut spec = server(path, Some(postgres));
    spec.who = Who::Other;
    let home = text(&data_of(path, Who::Other));
    spec.env.insert("DEVLAB_HOME".to_owned(), home);
    spec
}

fn server(path: &Path, postgres: Option<&Postgres>) -> Spec {
    let env = [
        ("DEVLAB_HOME", text(&data_of(path, Who::Server))),
        ("DEVLAB_BIND", "127.0.0.1:0".to_owned()),
        // The usual port is for a person's lab.
        ("DEVLAB_DASHBOARD_BIND", "127.0.0.1:0".to_owned()),
        ("DEVLAB_LEASE_SECS", LEASE_SECS.to_owned()),
        ("DEVLAB_TEST_CLOCK_FILE", text(&path.join("clock"))),
        ("DEVLAB_LOG", "info".to_owned()),
    ];
    // Servers that share a database share the place of blobs too.
    let shared = postgres.map(|postgres| {
        let blobs = text(&path.join("blobs"));
        [
            ("DATABASE_URL", postgres.url("devlab")),
            ("DEVLAB_BLOBS", blobs),
        ]
    });
    Spec {
        who: Who::Server,
        args: vec!["server".to_owned()],
        env: env
            .into_iter()
            .chain(shared.into_iter().flatten())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        folder: path.to_owned(),
        arms: Vec::new(),
        rest: RESTS.0,
    }
}

fn agent(path: &Path, number: usize, round: &Round, url: &str, token: &str) -> Spec {
    let who = Who::Agent(number);
    let env = [
        ("DEVLAB_HOME", text(&path.join("unused"))),
        ("DEVLAB_URL", url.to_owned()),
        ("DEVLAB_TOKEN", token.to_owned()),
        ("DEVLAB_TEST_CLOCK_FILE", text(&agent_clock(path, number))),
        ("DEVLAB_LOG", "info".to_owned()),
    ];
    let home = text(&data_of(path, who));
    let args = [
        "agent",
        "--name",
        &format!("agent-{number}"),
        "--home",
        &home,
    ];
    Spec {
        who,
        args: args.map(str::to_owned).into(),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        folder: path.to_owned(),
        arms: round
            .arms
            .iter()
            .filter(|arm| arm.who == who)
            .cloned()
            .collect(),
        rest: if round.slow_restart { RESTS.1 } else { RESTS.0 },
    }
}

pub(super) fn client(url: &str, secret: &str) -> Client {
    let timeouts = Timeouts {
        request: CALL_MAX,
        ..Timeouts::default()
    };
    Client::new(url, Some(SecretString::from(secret)), timeouts).unwrap()
}

fn slow_client(url: &str, secret: &str) -> Client {
    Client::new(url, Some(SecretString::from(secret)), Timeouts::default()).unwrap()
}

/// Address and administrator's token of a server that has just started for the first time.
async fn credentials(home: &Path) -> (String, String) {
    let file = home.join("credentials.json");
    eventually("the credentials", || async {
        let bytes = std::fs::read(&file).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let field = |name: &str| Some(value[name].as_str()?.to_owned());
        Some((field("url")?, field("token")?))
    })
    .await
}

async fn agent_token(client: &Client, project: &Project) -> String {
    let token = CreateToken {
        role: "agent".to_owned(),
        org: Some(project.org.to_string()),
        note: String::new(),
        expires_in_secs: None,
    };
    insist(|| client.create_token(&token)).await.unwrap().secret
}

async fn make_project(client: &Client, url: &str, admin: &str) -> (Project, String) {
    let project = CreateProject {
        name: "chaos".to_owned(),
        ..CreateProject::default()
    };
    // A machine that is busy with other rounds may take its time.
    let once = client.clone().with_idempotency_key("the-project").unwrap();
    let project = insist(|| once.create_project(&project)).await.unwrap();
    let checkout = Checkout::new().await.with_token(admin);
    let files = project::files();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let base = checkout.commit(&files, "Begin").await;
    let repository = format!("{url}{}", project.git_path);
    checkout
        .git(&["push", "-q", &repository, "HEAD:refs/heads/main"])
        .await;
    (project, base)
}

/// Waits for something of the lab's.
pub(super) async fn eventually<T, F, Fut>(what: &str, look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let found = within(PATIENCE, look).await;
    found.unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// Waits for something for so long.
pub(super) async fn within<T, F, Fut>(longest: Duration, mut look: F) -> Option<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + longest;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Repeats a call while the server is away.
pub(super) async fn insist<T, F, Fut>(mut call: F) -> Result<T, ClientError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, ClientError>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        match call().await {
            Err(error) if error.is_retryable() && Instant::now() < end => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            answer => return answer,
        }
    }
}

/// A small file system of its own; needs root.
struct Disk(PathBuf);

impl Disk {
    /// `Err` says why there is none.
    fn mount(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={DISK_MIB}m,mode=0700");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "devlab-chaos"])
            .arg(at)
            .output();
        match mount {
            Ok(ran) if ran.status.success() => Ok(Self(at.to_owned())),
            Ok(ran) => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that was just killed may still have a file open.
        let unmounted = std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.0)
            .output();
        drop(unmounted);
    }
}

/// A small disk for each process whose disk is going to be full.
fn disks(round: &Round, path: &Path) -> (Vec<Disk>, BTreeMap<PathBuf, String>) {
    let small = round.blows.iter().filter_map(|blow| match blow {
        Blow::FillDisk { who, .. } => Some(data_of(path, *who)),
        Blow::Kill { .. }
        | Blow::KillInConflict { .. }
        | Blow::Freeze { .. }
        | Blow::Cut { .. }
        | Blow::LoseClaim { .. }
        | Blow::Side
        | Blow::Move { .. }
        | Blow::Database { .. }
        | Blow::Clock { .. } => None,
    });
    let small: BTreeSet<PathBuf> = small.collect();
    let (mut disks, mut not_small) = (Vec::new(), BTreeMap::new());
    for at in small {
        match Disk::mount(&at) {
            Ok(disk) => disks.push(disk),
            Err(why) => drop(not_small.insert(at, why)),
        }
    }
    (disks, not_small)
}

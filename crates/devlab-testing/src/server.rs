//! A whole server in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use devlab_api::client::{Client, Timeouts};
use devlab_api::project::{CreateOrg, CreateProject, Org, Project};
use devlab_api::token::{CreateToken, NewToken};
use devlab_core::auth::Role;
use devlab_core::server::ServerRoles;
use devlab_core::tx::RuleConfig;
use devlab_core::{Clock, ServerId, SystemClock, Timestamp};
use devlab_forge::forge::GitForge;
use devlab_forge::http::{GitHttp, HttpLimits};
use devlab_forge::import::{ImportFrom, ImportLimits};
use devlab_forge::{Git, GitBinary};
use devlab_orchestrator::{BytesConfig, Lab, LabConfig, LabParts, Secret, ThisServer, Wakes};
use devlab_server::app::{App, ServerConfig};
use devlab_server::auth::{AttemptKey, Auth};
use devlab_server::listen::{self, ListenLimits};
use devlab_server::rate::Rates;
use devlab_store::Store;
use devlab_store::blobs::{BlobPlace, BlobStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::agent::ScriptedAgent;
use crate::git::Checkout;
use crate::raw::{Reply, Request};

/// Where programs are looked for; a test does not read its environment.
const PROGRAMS: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a test may set before a server starts.
#[derive(Clone)]
pub struct Setup {
    /// Leases and back-off.
    pub rules: RuleConfig,
    /// Requests per time. The default has no limit for people, and a high one for unknown tokens.
    pub rates: Rates,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What `ORCHESTRATOR_TOKEN` would hold.
    pub operator: Option<String>,
    /// What `DEVLAB_ALLOWED_HOSTS` would hold.
    pub allowed_hosts: Vec<String>,
    /// Limits of connections.
    pub limits: ListenLimits,
    /// What becomes of logs.
    pub bytes: BytesConfig,
}

impl Default for Setup {
    fn default() -> Self {
        let rates = Rates {
            people: None,
            agents: None,
            unknown: devlab_server::rate::Rate::new(100_000, 100_000),
        };
        Self {
            rules: RuleConfig::default(),
            rates,
            clock: Arc::new(SystemClock::new()),
            operator: None,
            allowed_hosts: Vec::new(),
            limits: ListenLimits::default(),
            bytes: BytesConfig::default(),
        }
    }
}

/// A running server on a free port of 127.0.0.1, with everything real but the process.
pub struct TestServer {
    lab: Arc<Lab>,
    addr: SocketAddr,
    admin: String,
    login_code: Option<String>,
    document: Value,
    setup: Setup,
    dir: tempfile::TempDir,
    serving: JoinHandle<()>,
    names: AtomicU32,
}

struct Running {
    lab: Arc<Lab>,
    addr: SocketAddr,
    admin: Option<Secret>,
    login_code: Option<Secret>,
    document: Value,
    serving: JoinHandle<()>,
}

impl TestServer {
    /// Starts one on a fresh folder.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// The same, set up in another way.
    pub async fn start_with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let running = run(dir.path(), &setup).await;
        Self {
            lab: running.lab,
            addr: running.addr,
            admin: running.admin.unwrap().reveal().to_owned(),
            login_code: running.login_code.map(|code| code.reveal().to_owned()),
            document: running.document,
            setup,
            dir,
            serving: running.serving,
            names: AtomicU32::new(0),
        }
    }

    /// Stops it as a SIGTERM does, and starts it again on the same folder, on another port.
    pub async fn restart(mut self) -> Self {
        halt(&self.lab, &mut self.serving).await;
        let running = run(self.dir.path(), &self.setup).await;
        self.lab = running.lab;
        self.addr = running.addr;
        self.serving = running.serving;
        self
    }

    /// Stops it as a SIGTERM does: requests under way end, streams and long polls at once.
    pub async fn stop(mut self) {
        halt(&self.lab, &mut self.serving).await;
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address for a client, as `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The lab behind it.
    #[must_use]
    pub fn lab(&self) -> &Arc<Lab> {
        &self.lab
    }

    /// The OpenAPI document that it serves.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Secret of the global admin of the first start.
    #[must_use]
    pub fn admin_secret(&self) -> &str {
        &self.admin
    }

    /// The code of the one-time login link of the first start.
    #[must_use]
    pub fn login_code(&self) -> Option<&str> {
        self.login_code.as_deref()
    }

    /// A client of the global admin.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client(&self.admin)
    }

    /// A client with a token's secret.
    #[must_use]
    pub fn client(&self, secret: &str) -> Client {
        client_of(&self.url(), secret)
    }

    /// A token of an org.
    pub async fn new_token(&self, role: Role, org: &str) -> NewToken {
        let token = CreateToken {
            role: role.to_string(),
            org: (role != Role::Metrics).then(|| org.to_owned()),
            note: String::new(),
            expires_in_secs: None,
        };
        self.admin().create_token(&token).await.unwrap()
    }

    /// The secret of a new token of an org; a metrics token has none.
    pub async fn token(&self, role: Role, org: &str) -> String {
        self.new_token(role, org).await.secret
    }

    /// Makes an org.
    pub async fn org(&self, name: &str) -> Org {
        let org = CreateOrg {
            name: name.to_owned(),
        };
        self.admin().create_org(&org).await.unwrap()
    }

    /// Makes a project of an org whose `main` has one commit with these files. Gives the checkout
    /// that it was pushed from too.
    pub async fn project_with(&self, org: &str, files: &[(&str, &str)]) -> (Project, Checkout) {
        let name = format!("project-{}", self.names.fetch_add(1, Ordering::SeqCst));
        let project = CreateProject {
            org: Some(org.to_owned()),
            name,
            ..CreateProject::default()
        };
        let project = self.admin().create_project(&project).await.unwrap();
        let checkout = Checkout::new().await.with_token(&self.admin);
        checkout.commit(files, "Begin").await;
        self.push(&checkout, &project, "main").await;
        let project = self.admin().project(project.id).await.unwrap();
        (project, checkout)
    }

    /// Pushes a checkout's `HEAD` to a branch of a project.
    ///
    /// # Panics
    /// If git fails.
    pub async fn push(&self, checkout: &Checkout, project: &Project, branch: &str) {
        let to = format!("HEAD:refs/heads/{branch}");
        checkout
            .git(&["push", "-q", &self.git_url(project), &to])
            .await;
    }

    /// Address of a project's repository.
    #[must_use]
    pub fn git_url(&self, project: &Project) -> String {
        format!("{}{}", self.url(), project.git_path)
    }

    /// Registers an agent of an org that does what the test says, with room for `capacity`
    /// attempts.
    pub async fn agent(&self, org: &str, name: &str, capacity: u32) -> ScriptedAgent {
        let secret = self.token(Role::Agent, org).await;
        ScriptedAgent::register(self.url(), secret, name, &[], capacity).await
    }

    /// Sends a request of bytes.
    pub async fn send(&self, request: &Request) -> Reply {
        request.send(self.addr).await
    }
}

/// A client of any address, such as that of a proxy.
pub(crate) fn client_of(url: &str, secret: &str) -> Client {
    let secret = SecretString::from(secret.to_owned());
    Client::new(url, Some(secret), Timeouts::default()).unwrap()
}

async fn halt(lab: &Arc<Lab>, serving: &mut JoinHandle<()>) {
    lab.shut_down().await;
    serving.await.unwrap();
    lab.store().close().await.unwrap();
}

async fn open(dir: &Path, setup: &Setup) -> Arc<Lab> {
    let wakes = Wakes::new();
    let blobs = BlobStore::open(&BlobPlace::Folder(dir.join("blobs"))).unwrap();
    let options = SqliteOptions::new(dir, Arc::clone(&setup.clock), wakes.sink());
    let store: Arc<dyn Store> = SqliteStore::open(options).unwrap();
    let git = Git::new(GitBinary::from_path(PROGRAMS));
    let backend = git.http_backend().await.unwrap();
    let parts = LabParts {
        store,
        blobs,
        wakes,
        clock: Arc::clone(&setup.clock),
        git_http: GitHttp::new(git.clone(), backend, HttpLimits::default()),
        git,
        forge: Arc::new(GitForge),
        repos: dir.join("repos"),
        config: LabConfig {
            server: ThisServer {
                id: ServerId::new(Timestamp::from_millis(1), 1 << 16),
                name: "test".to_owned(),
                url: "http://127.0.0.1:9".to_owned(),
                roles: ServerRoles::all(),
                version: "0.0.0".to_owned(),
            },
            rules: setup.rules,
            import_limits: ImportLimits::default(),
            import_from: ImportFrom::PublicHttps,
            local_agents: 0,
            bytes: setup.bytes,
        },
        faults: Arc::new(|_| Ok(())),
    };
    Lab::open(parts).await.unwrap()
}

async fn run(dir: &Path, setup: &Setup) -> Running {
    let lab = open(dir, setup).await;
    let operator = setup.operator.clone().map(Secret::from_text);
    let bootstrap = lab.bootstrap(operator).await.unwrap();
    lab.start_loops();
    let key = AttemptKey::from_hex(lab.attempt_key()).unwrap();
    let clock = Arc::clone(&setup.clock);
    let directory: Arc<dyn devlab_server::auth::Directory> = lab.clone();
    let auth = Arc::new(Auth::new(directory, Arc::clone(&clock), key));
    let stop = lab.stopping().clone();
    let config = ServerConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        allowed_hosts: setup.allowed_hosts.clone(),
        rates: setup.rates,
        roles: ServerRoles::all(),
        instance: "test".to_owned(),
    };
    let app = Arc::new(App::new(config, auth, clock, stop.clone()));
    let (router, document) = devlab_server::routes::all(&app, Arc::clone(&lab)).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = listen::serve(listener, router, setup.limits, stop);
    Running {
        lab,
        addr,
        admin: bootstrap.admin,
        login_code: bootstrap.login_code,
        document: serde_json::to_value(document).unwrap(),
        serving: tokio::runtime::Handle::current().spawn(serving),
    }
}

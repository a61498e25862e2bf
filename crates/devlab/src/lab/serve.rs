//! A server in this process: store, repositories, loops and listener.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use devlab_agent::process::{ProcessRef, own_pid};
use devlab_core::OrgId;
use devlab_core::server::ServerRole;
use devlab_core::tx::RuleConfig;
use devlab_forge::forge::GitForge;
use devlab_forge::http::{GitHttp, HttpLimits};
use devlab_forge::import::{ImportFrom, ImportLimits};
use devlab_forge::{Git, GitBinary};
use devlab_orchestrator::{Lab, LabConfig, LabParts, Secret, ThisServer, Wakes};
use devlab_server::app::{App, ServerConfig};
use devlab_server::auth::{AttemptKey, Auth};
use devlab_server::forward::Forwarder;
use devlab_server::listen::{self, ListenLimits};
use devlab_server::rate::Rates;
use devlab_store::blobs::BlobStore;
use devlab_store::faults::FaultHook;
use devlab_store::postgres::{PostgresOptions, PostgresStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use devlab_store::{EffectSink, Store};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::away::patiently;
use super::faults;
use crate::context::Context;
use crate::home::{Credentials, Home, ServerFile};
use crate::settings::Settings;

/// How long closing the store may take.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Server {
    pub(crate) home: Home,
    /// Where it is reached from this machine.
    pub(crate) url: String,
    /// Where people reach the dashboard from this machine, unless it is switched off.
    pub(crate) dashboard: Option<String>,
    /// The default org.
    pub(crate) org: OrgId,
    pub(crate) lab: Arc<Lab>,
    /// What is wrong with the place of blobs, as it was asked at the start.
    pub(crate) blobs_trouble: Option<String>,
    /// The one-time login link, on the first start.
    pub(crate) login: Option<String>,
    store: Arc<dyn Store>,
    stop: CancellationToken,
    listener: TaskTracker,
    _lock: File,
}

/// Notes the administrator's token, if there is a new one, and where the server is.
fn keep_credentials(home: &Home, url: &str, admin: Option<&Secret>) -> anyhow::Result<()> {
    if let Some(admin) = admin {
        home.write_credentials(&Credentials {
            url: url.to_owned(),
            token: admin.reveal().to_owned(),
        })?;
    } else if let Some(mut own) = home.credentials().filter(|own| own.url != url) {
        url.clone_into(&mut own.url);
        home.write_credentials(&own)?;
    }
    Ok(())
}

impl Server {
    /// Starts one on this data folder. `agents` is how many agents its local runtime is meant to
    /// run.
    ///
    /// # Errors
    /// The folder is in use, git is missing or too old, the store cannot be opened, the address is
    /// taken.
    pub(crate) async fn start(context: &Context, agents: usize) -> anyhow::Result<Self> {
        let settings = &context.settings;
        let home = Home::ensure(settings.home()?)?;
        let lock = home.lock()?;
        home.refuse_restoring()?;
        let bind = settings.bind()?;
        // The address first: if it is taken, nothing has been touched yet.
        let listener = TcpListener::bind(bind).await.with_context(|| {
            format!("cannot listen on {bind}: choose another address with --bind or DEVLAB_BIND")
        })?;
        let bound = listener.local_addr()?;
        let people = dashboard_listener(settings, bound).await?;
        let dashboard = match &people {
            Some(listener) => Some(local_url(listener.local_addr()?)),
            None => None,
        };
        let url = local_url(bound);
        let this = this_server(context, &home, bound, &url)?;
        let open = async || open_lab(context, &home, this.clone(), agents).await;
        let (lab, store) = patiently(context, open).await?;
        let begin = async || {
            let operator = settings.orchestrator_token().map(Secret::from_text);
            Ok(lab.bootstrap(operator).await?)
        };
        let first = patiently(context, begin).await?;
        let ensure = async || {
            let known = home.credentials().map(|own| Secret::from_text(own.token));
            Ok(lab.ensure_admin(known).await?)
        };
        let admin = match first.admin {
            Some(admin) => Some(admin),
            None => patiently(context, ensure).await?,
        };
        keep_credentials(&home, &url, admin.as_ref())?;
        let login = first.login_code.map(|code| {
            let page = dashboard.as_ref().map(|url| format!("{url}/ui/login"));
            let page = page.unwrap_or_else(|| format!("{url}/login"));
            format!("{page}#{}", code.reveal())
        });
        let blobs_trouble = lab.look_at_blobs().await;
        let stop = lab.stopping().clone();
        let tracker = listen_on(context, &lab, listener, people)?;
        lab.start_loops();
        home.write_server(&ServerFile {
            process: ProcessRef::of(own_pid()).context("this process is not in the table")?,
            url: url.clone(),
            dashboard: dashboard.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            agents,
        })?;
        tracing::info!(%bound, home = %home.path().display(), "the lab is ready");
        Ok(Self {
            home,
            url,
            dashboard,
            org: first.org,
            lab,
            blobs_trouble,
            login,
            store,
            stop,
            listener: tracker,
            _lock: lock,
        })
    }

    /// A token for an org's local agents of this start.
    pub(crate) async fn agent_token(&self, org: OrgId) -> anyhow::Result<SecretString> {
        let note = format!("local agents of process {}", own_pid());
        let secret = self.lab.agent_token(org, note).await?;
        Ok(secret.reveal().into())
    }

    /// Ends what is under way in order, and closes the store.
    pub(crate) async fn shut_down(self) {
        self.home.remove_server();
        self.stop.cancel();
        self.listener.wait().await;
        self.lab.shut_down().await;
        match tokio::time::timeout(CLOSE_MAX, self.store.close()).await {
            Ok(Ok(())) => tracing::info!("the lab has stopped"),
            Ok(Err(error)) => tracing::error!(%error, "the store did not close well"),
            Err(_) => tracing::error!("the store took too long to close"),
        }
    }
}

/// How this machine reaches what listens there: a wildcard address is reached on loopback.
pub(crate) fn local_url(bound: SocketAddr) -> String {
    let ip = match bound.ip() {
        ip if !ip.is_unspecified() => ip,
        std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

/// git, as the environment finds it.
pub(crate) fn git(context: &Context) -> Git {
    let path = context.environment.raw("PATH").unwrap_or_default();
    Git::new(GitBinary::from_path(path))
}

/// Where the dashboard listens. The default port is for the first lab of a machine: another one gets
/// a free one.
async fn dashboard_listener(
    settings: &Settings,
    bound: SocketAddr,
) -> anyhow::Result<Option<TcpListener>> {
    let wanted = settings.dashboard_bind()?;
    let has_it = settings.roles()?.has(ServerRole::Dashboard);
    let Some(wanted) = wanted.filter(|_| has_it) else {
        return Ok(None);
    };
    if settings.dashboard_bind_is_set() {
        let taken = || {
            format!(
                "the dashboard cannot listen on {wanted}: choose another address with \
                 DEVLAB_DASHBOARD_BIND, or switch it off with DEVLAB_DASHBOARD_BIND=off"
            )
        };
        let listener = TcpListener::bind(wanted).await.with_context(taken)?;
        return Ok(Some(listener));
    }
    if let Ok(listener) = TcpListener::bind(wanted).await {
        return Ok(Some(listener));
    }
    let free = SocketAddr::new(wanted.ip(), 0);
    let listener = TcpListener::bind(free).await;
    let listener = listener.with_context(|| format!("no port is free next to {bound}"))?;
    Ok(Some(listener))
}

/// This server, as the others see it.
fn this_server(
    context: &Context,
    home: &Home,
    bound: SocketAddr,
    url: &str,
) -> anyhow::Result<ThisServer> {
    let settings = &context.settings;
    // Loopback is another server for each of them.
    let own = match bound.ip().is_unspecified() && settings.database()?.is_some() {
        true => format!("http://{}:{}", host_name(), bound.port()),
        false => url.to_owned(),
    };
    Ok(ThisServer {
        id: home.server_id(context.now())?,
        name: host_name(),
        url: settings.advertise()?.map_or(own, str::to_owned),
        roles: settings.roles()?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

async fn open_lab(
    context: &Context,
    home: &Home,
    server: ThisServer,
    agents: usize,
) -> anyhow::Result<(Arc<Lab>, Arc<dyn Store>)> {
    let git = git(context);
    git.version().await?;
    let backend = git.http_backend().await?;
    let plan = faults::plan(&context.settings)?;
    let wakes = Wakes::new();
    let hook = faults::of_store(Arc::clone(&plan));
    let store = open_store(context, home.database(), wakes.sink(), hook).await?;
    let blobs = BlobStore::open(&context.settings.blobs()?).context("cannot open the blobs")?;
    let parts = LabParts {
        store: Arc::clone(&store),
        blobs,
        wakes,
        clock: Arc::clone(&context.clock),
        git_http: GitHttp::new(git.clone(), backend, HttpLimits::default()),
        git,
        forge: Arc::new(GitForge),
        repos: home.repos(),
        config: LabConfig {
            server,
            rules: RuleConfig {
                lease_term: context.settings.lease()?,
                ..RuleConfig::default()
            },
            import_limits: ImportLimits::default(),
            import_from: ImportFrom::PublicHttps,
            local_agents: u32::try_from(agents).unwrap_or(u32::MAX),
            bytes: context.settings.bytes()?,
        },
        faults: Arc::new(move |point| plan.hit(point)),
    };
    match Lab::open(parts).await {
        Ok(lab) => Ok((lab, store)),
        Err(error) => {
            // It may be opened again.
            store.close().await.ok();
            Err(error.into())
        }
    }
}

/// PostgreSQL if it is named, and the embedded database in this folder if not.
pub(crate) async fn open_store(
    context: &Context,
    folder: PathBuf,
    effects: EffectSink,
    hook: FaultHook,
) -> anyhow::Result<Arc<dyn Store>> {
    if let Some(url) = context.settings.database()? {
        let mut options = PostgresOptions::new(url, effects);
        options.faults = Some(hook);
        // A test that moves the clock moves the store's; otherwise the database's counts.
        if context.settings.test_clock_file().is_some() {
            options.clock = Some(Arc::clone(&context.clock));
        }
        let opened = PostgresStore::open(options).await;
        return Ok(opened.context("cannot open the store in PostgreSQL")?);
    }
    let mut options = SqliteOptions::new(folder, Arc::clone(&context.clock), effects);
    options.faults = Some(hook);
    // Opening may recover and migrate.
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await?;
    Ok(opened.context("cannot open the store")?)
}

fn listen_on(
    context: &Context,
    lab: &Arc<Lab>,
    listener: TcpListener,
    people: Option<TcpListener>,
) -> anyhow::Result<TaskTracker> {
    let key = AttemptKey::from_hex(lab.attempt_key())
        .context("the stored key of attempts' tokens is damaged")?;
    let directory: Arc<Lab> = Arc::clone(lab);
    let auth = Arc::new(Auth::new(directory, Arc::clone(&context.clock), key));
    let this = lab.this_server();
    let mut allowed_hosts = context.settings.allowed_hosts();
    // The other servers call it by this name.
    let own = url::Url::parse(&this.url).ok();
    allowed_hosts.extend(own.and_then(|url| url.host_str().map(str::to_owned)));
    if let Some(people) = &people {
        let ip = people.local_addr()?.ip();
        allowed_hosts.extend((!ip.is_unspecified()).then(|| SocketAddr::new(ip, 0).to_string()));
    }
    let config = ServerConfig {
        bind: listener.local_addr()?.ip(),
        allowed_hosts,
        roles: this.roles.clone(),
        rates: Rates::default(),
        instance: format!("{:06x}", rand::random::<u32>() & 0xff_ffff),
    };
    let stop = lab.stopping().clone();
    let clock = Arc::clone(&context.clock);
    let mut app = App::new(config, auth, clock, stop.clone());
    if lab.is_shared() {
        let forward = Forwarder::new(Arc::clone(lab)).map_err(anyhow::Error::msg)?;
        app = app.with_others(forward);
    }
    let app = Arc::new(app);
    let (router, _document) = devlab_server::routes::all(&app, Arc::clone(lab))?;
    let tracker = TaskTracker::new();
    if let Some(people) = people {
        let dashboard = devlab_server::dashboard::router(&app, Arc::clone(lab), router.clone());
        let limits = ListenLimits::default();
        drop(tracker.spawn(listen::serve(people, dashboard, limits, stop.clone())));
    }
    drop(tracker.spawn(listen::serve(
        listener,
        router,
        ListenLimits::default(),
        stop,
    )));
    tracker.close();
    Ok(tracker)
}

/// Name of this machine.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

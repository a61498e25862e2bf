//! The lab itself: its store, its repositories, its settings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devlab_core::bytes::Retention;
use devlab_core::org::ProjectSettings;
use devlab_core::server::ServerRole;
use devlab_core::tx::{Read, RuleConfig, Tx};
use devlab_core::{Clock, Oid, OrgId, ProjectId};
use devlab_forge::Git;
use devlab_forge::forge::Forge;
use devlab_forge::http::GitHttp;
use devlab_forge::import::{ImportFrom, ImportLimits};
use devlab_store::blobs::BlobStore;
use devlab_store::{Store, StoreExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result};
use crate::folder;
use crate::homes::{self, Place, ThisServer};
use crate::loops::Loops;
use crate::secrets;
use crate::standing::Standings;
use crate::wakes::Wakes;

/// Called at every named point at which a test may break the lab.
pub type FaultHook = Arc<dyn Fn(&'static str) -> std::io::Result<()> + Send + Sync>;

/// Setting that holds the key of attempts' tokens.
const ATTEMPT_KEY_SETTING: &str = "attempt_token_key";
/// Most settings of projects that are kept parsed.
const SETTINGS_CACHE_MAX: usize = 1_000;
/// Imports at the same time; more wait. Each may take the disk and the network for minutes.
const IMPORTS_MAX: usize = 4;

/// Archives that are taken or taken in at the same time. Each may read or write everything there is.
const ARCHIVES_MAX: usize = 1;
/// Looks at the whole lab at one time.
const LOOKS_MAX: usize = 1;
/// Default of [`BytesConfig::seal_after`].
const SEAL_AFTER_DEFAULT: Duration = Duration::from_secs(60);
/// Default of [`BytesConfig::seal_from`].
const SEAL_FROM_DEFAULT: u64 = 16 * 1024;

/// How the lab behaves.
#[derive(Debug, Clone)]
pub struct LabConfig {
    /// This server.
    pub server: ThisServer,
    /// Leases and back-off.
    pub rules: RuleConfig,
    /// Bounds of an import.
    pub import_limits: ImportLimits,
    /// Where imports may come from.
    pub import_from: ImportFrom,
    /// Agents that the local runtime is meant to run here.
    pub local_agents: u32,
    /// What becomes of logs, artifacts and refs.
    pub bytes: BytesConfig,
}

/// What becomes of the bytes of attempts that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytesConfig {
    /// How long after the end of its attempt a log is sealed.
    pub seal_after: Duration,
    /// Logs of fewer bytes stay in the store: a blob of its own would cost more than it saves.
    pub seal_from: u64,
    /// How long the bytes of a goal stay after its end, if its org says nothing else.
    pub retention: Retention,
}

impl Default for BytesConfig {
    fn default() -> Self {
        Self {
            seal_after: SEAL_AFTER_DEFAULT,
            seal_from: SEAL_FROM_DEFAULT,
            retention: Retention::default(),
        }
    }
}

/// What a lab is made of.
pub struct LabParts {
    /// The store. It must have been opened with the sink of `wakes`.
    pub store: Arc<dyn Store>,
    /// Bytes that are too many for the store.
    pub blobs: Arc<BlobStore>,
    /// Who waits.
    pub wakes: Arc<Wakes>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// git.
    pub git: Git,
    /// Smart HTTP.
    pub git_http: GitHttp,
    /// Where patches live.
    pub forge: Arc<dyn Forge>,
    /// Folder of the repositories.
    pub repos: PathBuf,
    /// How it behaves.
    pub config: LabConfig,
    /// Faults to inject; a hook that returns `Ok` does nothing.
    pub faults: FaultHook,
}

/// A lab: everything that a server needs to answer its callers.
pub struct Lab {
    store: Arc<dyn Store>,
    blobs: Arc<BlobStore>,
    /// Which lab this is, among those that may have had the same place of blobs.
    pub(crate) id: String,
    /// Whether it was seen that the place has what the lab's records name.
    pub(crate) place_has_ours: AtomicBool,
    /// When the place last said that it is this lab's, on the monotonic clock in milliseconds; below
    /// zero before it has.
    pub(crate) place_said_at: AtomicI64,
    /// Why the place is not this lab's, as it was last asked.
    pub(crate) place_refused: Mutex<Option<String>>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) git: Git,
    pub(crate) git_http: GitHttp,
    pub(crate) forge: Arc<dyn Forge>,
    repos: PathBuf,
    pub(crate) config: LabConfig,
    pub(crate) place: Place,
    faults: FaultHook,
    attempt_key: String,
    pub(crate) standings: Standings,
    settings: Mutex<HashMap<ProjectId, (Oid, Arc<ProjectSettings>)>>,
    pub(crate) imports: Semaphore,
    pub(crate) archives: Arc<Semaphore>,
    pub(crate) looks: Semaphore,
    pub(crate) loops: Loops,
    pub(crate) stop: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab")
            .field("repos", &self.repos)
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Opens a lab: makes what a first start needs, and brings what is stored about branches in
    /// line with the repositories. Loops start with [`Lab::start_loops`].
    ///
    /// # Errors
    /// [`devlab_core::Refusal::Conflict`] if the repositories are those of another lab; the store or
    /// the folder of repositories cannot be used.
    pub async fn open(parts: LabParts) -> Result<Arc<Self>> {
        std::fs::create_dir_all(&parts.repos).map_err(|source| Error::Io {
            what: format!("cannot make the folder {}", parts.repos.display()),
            source,
        })?;
        // Before anything is written: the store may be another lab's.
        folder::take(&parts.store, &parts.repos).await?;
        let attempt_key = parts
            .store
            .write(|tx| match tx.setting(ATTEMPT_KEY_SETTING)? {
                Some(key) => Ok(key),
                None => {
                    let key = secrets::random_key(tx);
                    tx.put_setting(ATTEMPT_KEY_SETTING, &key)?;
                    Ok(key)
                }
            });
        let id = folder::id_of(&parts.store).await?;
        let place = homes::take_place(&parts.store, &parts.config.server).await?;
        let lab = Arc::new(Self {
            place,
            attempt_key: attempt_key.await?,
            store: parts.store,
            blobs: parts.blobs,
            id,
            place_has_ours: AtomicBool::new(false),
            place_said_at: AtomicI64::new(-1),
            place_refused: Mutex::default(),
            wakes: parts.wakes,
            clock: parts.clock,
            git: parts.git,
            git_http: parts.git_http,
            forge: parts.forge,
            repos: parts.repos,
            config: parts.config,
            faults: parts.faults,
            standings: Standings::default(),
            settings: Mutex::default(),
            imports: Semaphore::new(IMPORTS_MAX),
            archives: Arc::new(Semaphore::new(ARCHIVES_MAX)),
            looks: Semaphore::new(LOOKS_MAX),
            loops: Loops::default(),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        });
        if lab.has_role(ServerRole::Git) {
            lab.sweep_repositories().await?;
            lab.adopt_projects().await?;
            lab.reconcile_branches(true).await?;
        } else {
            lab.expect_no_repositories().await?;
        }
        Ok(lab)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Bytes that are too many for the store.
    #[must_use]
    pub fn blobs(&self) -> &Arc<BlobStore> {
        &self.blobs
    }

    /// Reads something from a consistent view; see [`devlab_store::Store::read_unit`].
    ///
    /// # Errors
    /// Those of `unit`, and storage.
    pub async fn read<T, F>(&self, unit: F) -> devlab_core::Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> devlab_core::Result<T> + Send + 'static,
    {
        self.store.read(unit).await
    }

    /// Runs a transaction; see [`devlab_store::Store::write_unit`]. What a person asks for goes
    /// through [`Lab::mutate`] instead, which leaves an audit entry.
    ///
    /// # Errors
    /// Those of `unit`, and storage.
    pub async fn write<T, F>(&self, unit: F) -> devlab_core::Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> devlab_core::Result<T> + Send + 'static,
    {
        self.store.write(unit).await
    }

    /// Who waits, and what wakes them.
    #[must_use]
    pub fn wakes(&self) -> &Arc<Wakes> {
        &self.wakes
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How the lab behaves.
    #[must_use]
    pub fn config(&self) -> &LabConfig {
        &self.config
    }

    /// Key of attempts' tokens: 64 hexadecimal digits.
    #[must_use]
    pub fn attempt_key(&self) -> &str {
        &self.attempt_key
    }

    /// Ends when the lab is shutting down: streams and long polls end with it.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Does work that must not be dropped half-way, to its end, even if its caller goes away.
    ///
    /// # Errors
    /// That it panicked.
    pub async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        self.tracker.spawn(work).await.map_err(|join| Error::Io {
            what: "a request was cut off".to_owned(),
            source: std::io::Error::other(join),
        })
    }

    /// Stops the loops and waits for them.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// A named point at which a test may break the lab.
    pub(crate) fn fault(&self, point: &'static str) -> Result<()> {
        (self.faults)(point).map_err(Error::Injected)
    }

    /// Folder of a project's repository.
    #[must_use]
    pub fn repo_dir(&self, org: OrgId, project: ProjectId) -> PathBuf {
        self.repos
            .join(org.to_string())
            .join(format!("{project}.git"))
    }

    /// Folder of all repositories.
    #[must_use]
    pub fn repos(&self) -> &Path {
        &self.repos
    }

    pub(crate) fn cached_settings(
        &self,
        project: ProjectId,
        head: &Oid,
    ) -> Option<Arc<ProjectSettings>> {
        let cache = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        cache
            .get(&project)
            .filter(|(at, _)| at == head)
            .map(|(_, settings)| Arc::clone(settings))
    }

    pub(crate) fn cache_settings(
        &self,
        project: ProjectId,
        head: Oid,
        settings: Arc<ProjectSettings>,
    ) {
        let mut cache = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= SETTINGS_CACHE_MAX {
            cache.clear();
        }
        cache.insert(project, (head, settings));
    }
}

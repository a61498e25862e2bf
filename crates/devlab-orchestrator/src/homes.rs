//! Which server this is, what it does, and which repositories are on its disk.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devlab_core::limits::SERVER_TERM;
use devlab_core::org::Project;
use devlab_core::rules::servers::{self, Held};
use devlab_core::server::{Server, ServerRole, ServerRoles};
use devlab_core::tx::{Page, Read, Tx};
use devlab_core::{ProjectId, Refusal, ServerId, Timestamp};
use devlab_forge::BareRepo;
use devlab_store::StoreExt;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::lab::Lab;

/// Projects read at a time when all are looked at.
const PROJECTS_PAGE: u32 = 200;
/// Given up of a term, so that a loop stops before another server may take it.
const TERM_MARGIN: Duration = Duration::from_secs(2);

/// A server, as its own process knows it.
#[derive(Debug, Clone)]
pub struct ThisServer {
    /// Id of its data folder.
    pub id: ServerId,
    /// Name of its machine.
    pub name: String,
    /// Where the other servers reach it.
    pub url: String,
    /// What it does.
    pub roles: ServerRoles,
    /// Version of its program.
    pub version: String,
}

impl ThisServer {
    /// Its record in the store.
    pub(crate) fn record(&self, run: u64, now: Timestamp) -> Server {
        Server {
            id: self.id,
            name: self.name.clone(),
            url: self.url.clone(),
            roles: self.roles.clone(),
            version: self.version.clone(),
            run,
            started_at: now,
            seen_at: now,
            left: false,
        }
    }
}

/// What this server knows of itself and of the others.
#[derive(Debug)]
pub(crate) struct Place {
    /// Start of this server; see [`Server::run`].
    pub(crate) run: u64,
    /// Whether other servers may use the same store.
    pub(crate) is_shared: bool,
    duties: Mutex<HashMap<&'static str, Duty>>,
    /// Each with whether it was there when it was last looked for.
    peers: Mutex<HashMap<ServerId, (Server, bool)>>,
    /// Projects that are on their way here.
    pub(crate) arriving: Mutex<HashSet<ProjectId>>,
}

/// A loop that this server runs.
#[derive(Debug, Clone, Copy)]
struct Duty {
    /// Tells one time of running it from the next.
    term: u64,
    until: Instant,
}

impl Place {
    pub(crate) fn new(run: u64, is_shared: bool) -> Self {
        Self {
            run,
            is_shared,
            duties: Mutex::default(),
            peers: Mutex::default(),
            arriving: Mutex::default(),
        }
    }

    /// Notes which loops this server runs, for a term from `asked` on.
    pub(crate) fn on_duty(&self, asked: Instant, runs: &[(&'static str, bool)]) {
        let until = asked + SERVER_TERM.saturating_sub(TERM_MARGIN);
        let mut duties = self.duties.lock().unwrap_or_else(PoisonError::into_inner);
        duties.retain(|name, _| runs.iter().any(|(kept, _)| kept == name));
        for (name, is_new) in runs {
            let last = duties.get(name).map_or(0, |duty| duty.term);
            let term = last + u64::from(*is_new || last == 0);
            duties.insert(name, Duty { term, until });
        }
    }

    /// The term of this server at a loop; `None` while another one runs it.
    pub(crate) fn duty(&self, name: &'static str) -> Option<u64> {
        if !self.is_shared {
            return Some(1);
        }
        let duties = self.duties.lock().unwrap_or_else(PoisonError::into_inner);
        let duty = duties.get(name).filter(|duty| Instant::now() < duty.until);
        duty.map(|duty| duty.term)
    }

    pub(crate) fn know(&self, peers: Vec<Server>, now: Timestamp) {
        let known = |peer: Server| (peer.id, (peer.clone(), peer.is_there(now)));
        let peers = peers.into_iter().map(known).collect();
        *self.peers.lock().unwrap_or_else(PoisonError::into_inner) = peers;
    }

    fn peer(&self, id: ServerId) -> Option<Server> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let (peer, is_there) = peers.get(&id)?;
        is_there.then(|| peer.clone())
    }
}

impl Lab {
    /// This server.
    #[must_use]
    pub fn this_server(&self) -> &ThisServer {
        &self.config.server
    }

    /// Whether this server does this.
    #[must_use]
    pub fn has_role(&self, role: ServerRole) -> bool {
        self.config.server.roles.has(role)
    }

    /// Whether other servers may use the same store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.place.is_shared
    }

    /// All servers, oldest first, each with how many repositories it has, and the store's time.
    ///
    /// # Errors
    /// Storage only.
    pub async fn servers(&self) -> Result<(Vec<(Server, u64)>, Timestamp)> {
        let found = self.store().read(|view| {
            let mut servers = Vec::new();
            for server in view.servers()? {
                let projects = view.projects_at(server.id)?;
                servers.push((server, projects));
            }
            Ok((servers, view.now()))
        });
        Ok(found.await?)
    }

    /// Another server, if it is there as far as is known.
    ///
    /// # Errors
    /// Storage only.
    pub async fn peer(&self, id: ServerId) -> Result<Option<Server>> {
        if let Some(known) = self.place.peer(id) {
            return Ok(Some(known));
        }
        let looked = self.store().read(|view| Ok((view.servers()?, view.now())));
        let (peers, now) = looked.await?;
        self.place.know(peers, now);
        Ok(self.place.peer(id))
    }

    /// A project's repository, to read.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] if another server has it; it cannot be used.
    pub async fn repo(&self, project: &Project) -> Result<BareRepo> {
        self.expect_here(project)?;
        let dir = self.repo_dir(project.org, project.id);
        Ok(BareRepo::open(&self.git, &dir).await?)
    }

    /// A project's repository, to change, and the fence of what follows from it.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] if another server has it; [`Refusal::NotHome`] while it moves.
    pub(crate) async fn held_repo(&self, project: &Project) -> Result<(BareRepo, Held)> {
        let repo = self.repo(project).await?;
        Ok((repo, servers::hold(project, self.config.server.id)?))
    }

    /// Refuses a project whose repository another server has.
    ///
    /// # Errors
    /// [`Error::Elsewhere`].
    pub fn expect_here(&self, project: &Project) -> Result<()> {
        match project.home.server {
            Some(home) if home == self.config.server.id => Ok(()),
            home => Err(Error::Elsewhere { home }),
        }
    }

    /// Runs a transaction that follows from work on a repository: it happens only if this server
    /// still has the repository.
    pub(crate) async fn write_held<T, F>(&self, held: Held, mut unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> devlab_core::Result<T> + Send + 'static,
    {
        let done = self.store().write(move |tx| {
            servers::check(tx, &held)?;
            unit(tx)
        });
        Ok(done.await?)
    }

    /// Runs a transaction of a loop that runs in one place at a time. `None` if another server has
    /// taken it over.
    pub(crate) async fn write_on_duty<T, F>(
        &self,
        name: &'static str,
        mut unit: F,
    ) -> Result<Option<T>>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Tx) -> devlab_core::Result<T> + Send + 'static,
    {
        let (id, run) = (self.config.server.id, self.place.run);
        let is_shared = self.place.is_shared;
        let done = self.store().write(move |tx| {
            if is_shared && !servers::runs(tx, name, id, run)? {
                return Ok(None);
            }
            unit(tx).map(Some)
        });
        Ok(done.await?)
    }

    /// Refuses to make a repository here that is better made on another server.
    ///
    /// # Errors
    /// [`Error::Elsewhere`]; [`Refusal::Conflict`] if no server takes repositories.
    pub async fn expect_place(&self) -> Result<()> {
        if !self.place.is_shared {
            return Ok(());
        }
        let own = self.config.server.id;
        let place = self.store().read(move |view| servers::place(view, own));
        match place.await? {
            home if home == own => Ok(()),
            home => Err(Error::Elsewhere { home: Some(home) }),
        }
    }

    /// Refuses a server that would have repositories and nothing that looks after them.
    pub(crate) async fn expect_no_repositories(&self) -> Result<()> {
        let own = self.config.server.id;
        match self.store().read(move |view| view.projects_at(own)).await? {
            0 => Ok(()),
            count => Err(Refusal::Conflict(format!(
                "this server is the home of {count} projects: give it the role git, or move them to \
                 another server first"
            ))
            .into()),
        }
    }

    /// Takes on the projects whose repositories are on this disk and whose home is not known, or is
    /// a server that cannot come back because the store is this one's alone. Gives up moves to this
    /// server that its last process did not finish. For a start only.
    pub(crate) async fn adopt_projects(&self) -> Result<()> {
        let (own, is_shared) = (self.config.server.id, self.place.is_shared);
        let mut after = None;
        loop {
            let page = Page {
                after,
                limit: PROJECTS_PAGE,
            };
            let projects = self.store().read(move |view| view.projects(None, page));
            let projects = projects.await?;
            let Some(last) = projects.last() else {
                return Ok(());
            };
            after = Some(last.id.uuid());
            for project in projects {
                let id = project.id;
                if project.home.moving_to == Some(own) {
                    let epoch = Some(project.home.epoch);
                    let cancel = move |tx: &mut dyn Tx| servers::cancel_move(tx, id, epoch);
                    self.store().write(cancel).await?;
                }
                let is_lost = match project.home.server {
                    None => true,
                    Some(home) => !is_shared && home != own,
                };
                if is_lost && self.repo_dir(project.org, id).is_dir() {
                    let adopt = move |tx: &mut dyn Tx| adopt_lost(tx, id, own, is_shared);
                    self.store().write(adopt).await?;
                }
            }
        }
    }
}

fn adopt_lost(
    tx: &mut dyn Tx,
    id: ProjectId,
    own: ServerId,
    is_shared: bool,
) -> devlab_core::Result<()> {
    let project = tx.project(id)?.ok_or(Refusal::NotFound("project"))?;
    // Another server may have been quicker.
    match project.home.server {
        Some(home) if is_shared || home == own => Ok(()),
        Some(_) | None => servers::adopt(tx, id, own),
    }
}

/// Whether a project's home is this server, in a transaction.
pub(crate) fn project_here<R: Read + ?Sized>(
    view: &mut R,
    id: ProjectId,
    own: ServerId,
) -> devlab_core::Result<Option<Project>> {
    let project = view.project(id)?;
    Ok(project.filter(|project| servers::hold(project, own).is_ok()))
}

/// The place of a lab in a store, on its first transaction.
pub(crate) async fn take_place(
    store: &Arc<dyn devlab_store::Store>,
    this: &ThisServer,
) -> Result<Place> {
    let this = this.clone();
    let run = store.write(move |tx| {
        let now = tx.now();
        servers::start(tx, this.record(0, now))
    });
    Ok(Place::new(run.await?, store.is_shared()))
}

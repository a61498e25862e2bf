//! The throw-away lab: a folder, a server, a checkout, three agents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use devlab_agent::process::ProcessRef;
use devlab_api::client::{Client, Page};
use devlab_api::task::Task;
use devlab_core::TaskId;
use devlab_runtime::local::LocalRuntime;
use devlab_runtime::{AgentSpec, Runtime};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{database, files, goal, history};
use crate::args::Demo;
use crate::checkout::git::Checkout;
use crate::checkout::project::{self, Place};
use crate::client::goals::tasks_of;
use crate::context::{Context, Lab};
use crate::environment::Environment;
use crate::failure::{Exit, Failure};
use crate::lab::serve::Server;
use crate::lab::{telemetry, up};
use crate::settings::{Key, Settings};

/// Names of the agents: as many as the goal has tasks that can begin at once. Two of these tasks
/// rely on both being begun before either is merged.
pub(super) const NAMES: [&str; 3] = ["ada", "grace", "linus"];
/// Length of a lease: short, so that a lost agent is noticed soon; long enough for a busy machine.
const LEASE_SECS: &str = "3";
/// How long agents may take to register.
const REGISTER_MAX: Duration = Duration::from_secs(30);
/// How often they are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Oldest Node that the drivers run on.
const NODE_MIN: (u32, u32) = (20, 19);
/// How often the removal of the folder is tried: a process that was just killed may still write.
const REMOVALS_MAX: usize = 40;
/// Pause between two tries.
const REMOVAL_PAUSE: Duration = Duration::from_millis(50);

/// The throw-away lab.
pub(super) struct Stage {
    folder: TempDir,
    pub(super) path: PathBuf,
    context: Context,
    pub(super) server: Server,
    pub(super) runtime: LocalRuntime,
    pub(super) lab: Lab,
    keep: bool,
}

/// What the lab was filled with.
pub(super) struct Set {
    /// The checkout and its project.
    pub(super) place: Place,
    /// Head of the project before anything was done.
    pub(super) base: String,
    /// Keys of the goal's tasks, by id; filled by [`Stage::schedule`].
    pub(super) keys: BTreeMap<TaskId, String>,
    /// The same keys in the order in which people think of them.
    order: Vec<String>,
    /// Agents that were killed on purpose.
    pub(super) killed: Vec<String>,
}

impl Set {
    /// Puts tasks in the order in which people think of them; the goal comes last.
    pub(super) fn sort(&self, tasks: &mut [Task]) {
        let place = |task: &Task| {
            let key = self.keys.get(&task.id)?;
            self.order.iter().position(|one| one == key)
        };
        tasks.sort_by_key(|task| place(task).unwrap_or(usize::MAX));
    }
}

impl Stage {
    /// Makes the folder, the checkout and a server without agents. Given up on the way, it leaves
    /// nothing.
    pub(super) async fn open(context: &Context, demo: &Demo) -> anyhow::Result<Self> {
        let path_env = context.environment.raw("PATH").unwrap_or_default();
        needs_node(path_env).await?;
        let folder = tempfile::Builder::new()
            .prefix("devlab-demo-")
            .tempdir()
            .context("cannot make a temporary folder: set TMPDIR to one that can be written")?;
        let path = folder.path().to_owned();
        files::write_to(&path.join("demo"))?;
        history::make(&path.join("demo"), &checkout(&path), path_env).await?;
        if demo.spec_kit {
            history::describe(&path.join("demo"), &checkout(&path), path_env).await?;
        }
        let own = own_context(context, &path)?;
        database::expect_empty(&own).await?;
        telemetry::to_file(&context.settings, &own.home()?.lab_log())?;
        let server = Server::start(&own, NAMES.len()).await?;
        Ok(Self {
            runtime: up::runtime(&own, &server.home)?,
            lab: own.lab()?,
            context: own,
            folder,
            path,
            server,
            keep: demo.keep,
        })
    }

    /// A client of the lab.
    pub(super) fn client(&self) -> &Client {
        &self.lab.client
    }

    /// Starts the agents, makes the project from the checkout, and waits for the agents.
    pub(super) async fn fill(&self, demo: &Demo) -> anyhow::Result<Set> {
        let token = self.server.agent_token(self.server.org).await?;
        let mut env = BTreeMap::new();
        if let Some(withhold) = demo.withhold_context {
            env.insert(
                "DEVLAB_TEST_WITHHOLD".to_owned(),
                withhold.as_str().to_owned(),
            );
        }
        for name in NAMES {
            let spec = AgentSpec {
                name: name.to_owned(),
                labels: Vec::new(),
                capacity: 1,
                home: self.server.home.agent(name),
                cache: Some(self.server.home.cache()),
                url: self.server.url.clone(),
                token: token.clone(),
                env: env.clone(),
            };
            self.runtime.start(spec).await?;
        }
        let checkout = Checkout::at(&self.context, checkout(&self.path));
        let place = project::ensure(&self.lab, checkout, None, Some("tally")).await?;
        project::bring(self.client(), &place).await?;
        let base = place
            .checkout
            .head()
            .await?
            .context("the checkout has no commit")?;
        let registered = tokio::time::timeout(REGISTER_MAX, self.registered()).await;
        registered.map_err(|_| Failure::new(Exit::Timeout, "the agents did not register"))??;
        Ok(Set {
            place,
            base,
            keys: BTreeMap::new(),
            order: Vec::new(),
            killed: Vec::new(),
        })
    }

    /// Until every agent is known.
    async fn registered(&self) -> anyhow::Result<()> {
        loop {
            let agents = self.client().agents(None, &Page::default()).await?.items;
            if agents.iter().filter(|agent| agent.online).count() >= NAMES.len() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Schedules the goal.
    pub(super) async fn schedule(&self, demo: &Demo, set: &mut Set) -> anyhow::Result<TaskId> {
        let text = files::text("goal.json")?;
        let project = set.place.project.id.to_string();
        let schedule = goal::schedule(&text, &self.path.join("demo"), &project)?;
        if demo.spec_kit {
            let goal = goal::feature(&self.path.join("demo"), &project)?;
            let goal = self.client().create_goal(&goal).await?.goal.id;
            for task in tasks_of(self.client(), goal).await? {
                let known = schedule
                    .tasks
                    .iter()
                    .find(|known| known.title == task.title);
                set.keys
                    .extend(known.map(|known| (task.id, known.key.clone())));
            }
            set.order = schedule.tasks.into_iter().map(|task| task.key).collect();
            return Ok(goal);
        }
        let scheduled = self.client().schedule(&schedule).await?;
        let keys = scheduled.tasks.iter().map(|(key, id)| (*id, key.clone()));
        set.keys = keys.collect();
        set.order = schedule.tasks.into_iter().map(|task| task.key).collect();
        Ok(scheduled.goal)
    }

    /// Ends everything; nothing is left unless it is to be kept. `hard` makes short work of it.
    pub(super) async fn strike(self, hard: &CancellationToken) {
        let Self {
            folder,
            server,
            runtime,
            keep,
            context,
            ..
        } = self;
        let own = server.lab.this_server().id;
        let in_order = async {
            runtime.stop_all(Duration::ZERO).await;
            server.shut_down().await;
            if !keep && let Err(error) = database::empty(&context, own).await {
                super::say(&format!("the database still has the demo's lab: {error:#}"));
            }
        };
        tokio::select! {
            () = in_order => {}
            () = hard.cancelled() => {
                kill_all(&runtime).await;
                if database::named(&context.environment).is_some() {
                    super::say("the database still has the demo's lab");
                }
            }
        }
        let path = folder.keep();
        if keep {
            let also = database::named(&context.environment).map_or("", |_| " and the database");
            super::say(&format!("everything is kept in {}{also}", path.display()));
        } else if let Err(error) = remove(&path).await {
            super::say(&format!("{} is still there: {error}", path.display()));
        }
    }
}

fn checkout(path: &Path) -> PathBuf {
    path.join("tally")
}

/// Ends the agents, who were told to stop already, by force; their supervisors end the rest.
async fn kill_all(runtime: &LocalRuntime) {
    for agent in runtime.list().await {
        let pid = agent.pid.and_then(|pid| i32::try_from(pid).ok());
        if let Some(process) = pid.and_then(ProcessRef::of) {
            process.signal(Signal::KILL);
        }
    }
    runtime.stop_all(Duration::ZERO).await;
}

async fn remove(path: &Path) -> std::io::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match tokio::fs::remove_dir_all(path).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) if tries >= REMOVALS_MAX => return Err(error),
            Err(_) => tokio::time::sleep(REMOVAL_PAUSE).await,
        }
    }
}

/// The drivers are Node programs.
async fn needs_node(path_env: &std::ffi::OsStr) -> anyhow::Result<()> {
    let found = Command::new("node")
        .arg("--version")
        .env_clear()
        .env("PATH", path_env)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let (major, minor) = NODE_MIN;
    let needed = format!(
        "the demo's programs need Node {major}.{minor} or later; on Debian 13: `apt-get install \
         nodejs`, elsewhere: https://nodejs.org/en/download"
    );
    let found = found.map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("{needed} (`node` does not start: {error})"),
        )
    })?;
    let version = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    match node_version(&version) {
        Some(found) if found >= NODE_MIN => Ok(()),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("{needed} (this is {version})"),
        )),
    }
}

/// Reads `v20.19.0`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Settings of the throw-away lab: nothing of the person's own lab, but the database that the
/// environment names.
fn own_context(context: &Context, path: &Path) -> anyhow::Result<Context> {
    let home = path.join("home").display().to_string();
    let mut flags = BTreeMap::from([
        (Key::Home, home),
        (Key::Bind, "127.0.0.1:0".to_owned()),
        (Key::LeaseSecs, LEASE_SECS.to_owned()),
        (Key::Agents, NAMES.len().to_string()),
    ]);
    let database = database::named(&context.environment);
    flags.extend(database.map(|url| (Key::Database, url.to_owned())));
    let settings = Settings::load(&Environment::default(), flags, NAMES.len())?;
    Ok(Context {
        settings,
        ..context.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_says_its_version() {
        assert_eq!(node_version("v20.19.0"), Some((20, 19)));
        assert_eq!(node_version("v22.1.0-nightly"), Some((22, 1)));
        for bad in ["", "20.19.0", "v20", "vx.1"] {
            assert_eq!(node_version(bad), None, "{bad}");
        }
        assert!(node_version("v20.9.0").unwrap() < NODE_MIN);
    }

    #[tokio::test]
    async fn without_node_the_demo_says_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = needs_node(empty.path().as_os_str()).await.unwrap_err();
        assert!(error.to_string().contains("Node 20.19"), "{error}");
    }
}

//! Whole agents against a whole server.

mod crash;
mod deliver;
mod network;
mod shared;
mod stop;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use devlab_agent::faults::Faults;
use devlab_agent::harness::{AgentConfig, AgentError, run};
use devlab_api::project::Project;
use devlab_api::task::{Attempt, Check, Command, CreateTask, Driver, TaskDetail};
use devlab_core::auth::Role;
use devlab_core::state::StateName;
use devlab_core::{AttemptId, TaskId};
use devlab_testing::TestServer;
use devlab_testing::git::Checkout;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::lab::HOST;

pub(super) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
const ORG: &str = "default";

/// A server with a project, and a home for an agent.
pub(super) struct World {
    pub(super) server: TestServer,
    pub(super) project: Project,
    pub(super) checkout: Checkout,
    pub(super) token: String,
    pub(super) home: TempDir,
    /// A folder that drivers leave traces in, for the test.
    pub(super) traces: TempDir,
}

/// An agent in this process.
pub(super) struct Running {
    pub(super) stop: CancellationToken,
    pub(super) hard_stop: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
}

impl World {
    pub(super) async fn new(files: &[(&str, &str)]) -> Self {
        Self::on(TestServer::start().await, files).await
    }

    pub(super) async fn on(server: TestServer, files: &[(&str, &str)]) -> Self {
        let (project, checkout) = server.project_with(ORG, files).await;
        Self {
            token: server.token(Role::Agent, ORG).await,
            server,
            project,
            checkout,
            home: tempfile::tempdir().unwrap(),
            traces: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn config(&self) -> AgentConfig {
        let token = SecretString::from(self.token.clone());
        AgentConfig::new(
            self.server.url(),
            token,
            "worker",
            self.home.path(),
            HOST,
            PATH,
        )
    }

    pub(super) fn start(&self, change: impl FnOnce(&mut AgentConfig)) -> Running {
        let mut config = self.config();
        change(&mut config);
        start(config)
    }

    pub(super) fn start_with_faults(&self, faults: Arc<dyn Faults>) -> Running {
        self.start(|config| config.faults = faults)
    }

    /// A leaf that a script does, with checks.
    pub(super) async fn task(&self, script: &str, checks: &[(&str, &str)]) -> TaskId {
        self.create(self.leaf(script, checks)).await
    }

    pub(super) fn leaf(&self, script: &str, checks: &[(&str, &str)]) -> CreateTask {
        let traces = self.traces.path().display().to_string();
        CreateTask {
            org: Some(ORG.to_owned()),
            project: Some(self.project.id.to_string()),
            title: "Do it".to_owned(),
            goal: Some("Do it well.".to_owned()),
            driver: Some(Driver::Command(Command {
                script: Some(script.to_owned()),
                env: [("TRACES".to_owned(), traces)].into(),
                ..Command::default()
            })),
            checks: checks
                .iter()
                .map(|(name, run)| Check {
                    name: (*name).to_owned(),
                    run: (*run).to_owned(),
                    timeout_secs: 60,
                })
                .collect(),
            review: Some(false),
            ..CreateTask::default()
        }
    }

    pub(super) async fn create(&self, task: CreateTask) -> TaskId {
        self.server.admin().create_task(&task).await.unwrap().id
    }

    pub(super) async fn detail(&self, task: TaskId) -> TaskDetail {
        self.server.admin().task(task).await.unwrap()
    }

    pub(super) async fn attempts(&self, task: TaskId) -> Vec<Attempt> {
        self.server.admin().attempts(task).await.unwrap().items
    }

    pub(super) async fn until_state(&self, task: TaskId, state: StateName) -> TaskDetail {
        let mut last = None;
        let deadline = tokio::time::Instant::now() + devlab_testing::PATIENCE;
        while tokio::time::Instant::now() < deadline {
            let detail = self.detail(task).await;
            if detail.task.state == state {
                return detail;
            }
            last = Some(detail);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let attempts = self.attempts(task).await;
        let newest = attempts.last().map(|attempt| attempt.id);
        let log = self.log(task, newest).await;
        panic!("{state} did not come: {last:#?}\n{attempts:#?}\n{log}");
    }

    pub(super) async fn log(&self, task: TaskId, attempt: Option<AttemptId>) -> String {
        let part = self.server.admin().log(task, attempt, 0, None).await;
        part.map_or_else(
            |error| error.to_string(),
            |part| String::from_utf8_lossy(&part.bytes).into_owned(),
        )
    }

    /// A file of the published branch.
    pub(super) async fn published(&self, path: &str) -> Option<String> {
        let url = self.server.git_url(&self.project);
        self.checkout.git(&["fetch", "-q", &url, "main"]).await;
        let shown = self
            .checkout
            .try_git(&["show", &format!("FETCH_HEAD:{path}")])
            .await;
        shown.ok.then_some(shown.stdout)
    }

    pub(super) fn trace(&self, name: &str) -> PathBuf {
        self.traces.path().join(name)
    }

    /// How many lines a trace has.
    pub(super) fn count(&self, name: &str) -> usize {
        std::fs::read_to_string(self.trace(name)).map_or(0, |text| text.lines().count())
    }
}

pub(super) fn start(config: AgentConfig) -> Running {
    let (stop, hard_stop) = (CancellationToken::new(), CancellationToken::new());
    let agent = run(config, stop.clone(), hard_stop.clone());
    Running {
        stop,
        hard_stop,
        task: tokio::runtime::Handle::current().spawn(agent),
    }
}

impl Running {
    pub(super) async fn ended(self) -> Result<(), AgentError> {
        within("the agent ends", self.task).await.unwrap()
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.ended().await.unwrap();
    }

    pub(super) async fn kill(self) {
        self.hard_stop.cancel();
        self.ended().await.unwrap();
    }
}

pub(super) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(devlab_testing::PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("waited too long until {what}"))
}

//! Whole tasks on a repository: real agents, worktrees, commits, pushes, checks and publications.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use devlab_api::client::{Client, EventQuery};
use devlab_api::project::{CreateProject, Project};
use devlab_api::task::{Command, CreateTask, Driver};
use devlab_api::words::EventKind;
use devlab_api::words::TaskId;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::repository;
use crate::args::{Args, Git};
use crate::lab::{Lab, Org, Process, devlab};
use crate::stats::{Metrics, Samples, count};

/// Agents of the parallel parts, and targets of the last one.
const EIGHT: u32 = 8;
/// Tasks before the measured ones, which make the agent's first clone.
const WARM_UP: u32 = 2;
/// Longest time between two finished tasks.
const TASK_MAX: Duration = Duration::from_secs(120);
/// How long agents may take to register.
const AGENTS_MAX: Duration = Duration::from_secs(30);

/// Homes of agents and the repository that is pushed are made in `folder`.
pub(crate) async fn run(
    lab: &Lab,
    args: &Args,
    size: &Git,
    folder: &Path,
) -> anyhow::Result<Metrics> {
    let bench = Bench {
        lab,
        args,
        repository: repository::make(folder, size.files).await?,
        folder,
    };
    let mut metrics = Metrics::new();
    bench.one_agent(size.sequential, &mut metrics).await?;
    for (name, targets) in [("one_target", 1), ("eight_targets", EIGHT)] {
        bench
            .eight_agents(name, targets, size.parallel, &mut metrics)
            .await
            .with_context(|| format!("eight agents, {name}"))?;
    }
    Ok(metrics)
}

struct Bench<'a> {
    lab: &'a Lab,
    args: &'a Args,
    repository: PathBuf,
    folder: &'a Path,
}

/// An org with a repository in each of its projects, agents, and an ear for finished tasks.
struct Site {
    org: Org,
    client: Client,
    projects: Vec<Project>,
    agents: Vec<Process>,
    done: Done,
}

impl Bench<'_> {
    /// One task after the other: from just before it is created until it is known to be done.
    async fn one_agent(&self, tasks: u32, metrics: &mut Metrics) -> anyhow::Result<()> {
        let mut site = self.site("one", 1, 1).await?;
        let mut samples = Samples::default();
        for number in 0..WARM_UP + tasks {
            let start = Instant::now();
            let task = site.create(number, 0).await?;
            let end = site.done.wait_for(task).await?;
            if number >= WARM_UP {
                samples.push(end - start);
            }
        }
        samples.report("one_agent_task", metrics);
        self.check_landed(&site, WARM_UP + tasks).await?;
        site.stop().await
    }

    /// Many tasks at once: how fast they are published, and how many verify attempts that took.
    async fn eight_agents(
        &self,
        name: &str,
        targets: u32,
        tasks: u32,
        metrics: &mut Metrics,
    ) -> anyhow::Result<()> {
        let mut site = self.site(name, EIGHT, targets).await?;
        // Every agent gets a chance to make its clones before the clock starts.
        let warm_up = EIGHT * targets;
        for number in 0..warm_up {
            site.create(number, number % targets).await?;
        }
        site.done.wait_for_all(usize::try_from(warm_up)?).await?;
        let start = Instant::now();
        let mut created = Vec::new();
        for number in warm_up..warm_up + tasks {
            created.push(site.create(number, number % targets).await?);
        }
        let end = site
            .done
            .wait_for_all(usize::try_from(warm_up + tasks)?)
            .await?;
        let rate = f64::from(tasks) / (end - start).as_secs_f64();
        metrics.insert(format!("{name}_published_per_s"), rate);
        let verified = verify_attempts(&site.client, &created).await?;
        metrics.insert(
            format!("{name}_verify_attempts"),
            f64::from(verified.attempts),
        );
        metrics.insert(format!("{name}_candidates"), count(verified.candidates));
        self.check_landed(&site, warm_up + tasks).await?;
        site.stop().await
    }

    async fn site(&self, name: &str, agents: u32, targets: u32) -> anyhow::Result<Site> {
        let org = self.lab.org(1).await?;
        let client = self.lab.client(org.operator(0))?;
        let mut projects = Vec::new();
        for index in 0..targets {
            let create = CreateProject {
                name: format!("bench-{index}"),
                ..CreateProject::default()
            };
            let project = client
                .create_project(&create)
                .await
                .context("POST /projects")?;
            let url = self.git_url(&project);
            repository::push(&self.repository, &url, org.operator(0)).await?;
            projects.push(project);
        }
        let done = Done::listen(client.clone()).await?;
        let mut processes = Vec::new();
        for index in 0..agents {
            let agent = format!("{name}-{index}").replace('_', "-");
            processes.push(self.agent(&agent, &org)?);
        }
        let mut site = Site {
            org,
            client,
            projects,
            agents: processes,
            done,
        };
        site.wait_for_agents().await?;
        Ok(site)
    }

    fn agent(&self, name: &str, org: &Org) -> anyhow::Result<Process> {
        let home = self.folder.join(name);
        std::fs::create_dir_all(&home)?;
        let mut command = devlab(&self.args.server_bin)?;
        command
            .args(["agent", "--name", name, "--capacity", "1", "--home"])
            .arg(&home)
            // As agents of one `devlab up` would have.
            .arg("--cache")
            .arg(self.folder.join("cache"))
            .env("DEVLAB_URL", &self.lab.url)
            .env("DEVLAB_TOKEN", &org.agent);
        let log = home.with_extension("log");
        Process::start(&mut command, &format!("agent {name}"), log)
    }

    fn git_url(&self, project: &Project) -> String {
        let server = self.lab.url.trim_end_matches('/');
        format!("{server}{}", project.git_path)
    }

    /// Makes sure that every task's commit is in a target: done has to be true.
    async fn check_landed(&self, site: &Site, tasks: u32) -> anyhow::Result<()> {
        let mut landed = 0;
        for project in &site.projects {
            let url = self.git_url(project);
            landed += repository::landed(&self.repository, &url, site.org.operator(0)).await?;
        }
        ensure!(
            landed == usize::try_from(tasks)?,
            "{tasks} tasks are done, but {landed} commits have landed"
        );
        Ok(())
    }
}

impl Site {
    /// A task that adds a file of its own, in one of the projects.
    async fn create(&self, number: u32, project: u32) -> anyhow::Result<TaskId> {
        let project = &self.projects[usize::try_from(project)?];
        let create = CreateTask {
            project: Some(project.id.to_string()),
            title: format!("Add file {number}"),
            driver: Some(Driver::Command(Command {
                script: Some(format!("echo x > added-{number}")),
                ..Command::default()
            })),
            review: Some(false),
            ..CreateTask::default()
        };
        Ok(self
            .client
            .create_task(&create)
            .await
            .context("POST /tasks")?
            .id)
    }

    async fn wait_for_agents(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            for agent in &mut self.agents {
                agent.check_alive()?;
            }
            let listed = self
                .client
                .agents(None, &devlab_api::client::Page::default())
                .await?;
            if listed.items.iter().filter(|agent| agent.online).count() >= self.agents.len() {
                return Ok(());
            }
            if start.elapsed() > AGENTS_MAX {
                bail!("the agents did not register within {AGENTS_MAX:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        for agent in self.agents {
            agent.stop().await?;
        }
        Ok(())
    }
}

/// Finished tasks and when this was heard.
struct Done {
    heard: mpsc::UnboundedReceiver<anyhow::Result<(TaskId, Instant)>>,
    known: HashMap<TaskId, Instant>,
    _listener: JoinSet<()>,
}

impl Done {
    /// Listens from now on.
    async fn listen(client: Client) -> anyhow::Result<Self> {
        let after = last_event(&client).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        let mut listener = JoinSet::new();
        listener.spawn(async move {
            let mut events = std::pin::pin!(client.follow_events(after, None));
            while let Some(event) = events.next().await {
                let item = match event {
                    Ok(event) if event.kind != EventKind::TaskState => continue,
                    Ok(event) => match (event.task, event.data["to"].as_str()) {
                        (Some(task), Some("done")) => Ok((task, Instant::now())),
                        (Some(task), Some(to @ ("failed" | "waiting" | "cancelled"))) => {
                            Err(anyhow::anyhow!("{task} became {to}: {}", event.data))
                        }
                        (_, _) => continue,
                    },
                    Err(error) => Err(error.into()),
                };
                if sender.send(item).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            heard,
            known: HashMap::new(),
            _listener: listener,
        })
    }

    /// When this task was done.
    async fn wait_for(&mut self, task: TaskId) -> anyhow::Result<Instant> {
        loop {
            if let Some(at) = self.known.get(&task) {
                return Ok(*at);
            }
            self.hear().await?;
        }
    }

    /// When so many tasks were done.
    async fn wait_for_all(&mut self, tasks: usize) -> anyhow::Result<Instant> {
        while self.known.len() < tasks {
            self.hear().await?;
        }
        self.known
            .values()
            .max()
            .copied()
            .context("no task was done")
    }

    async fn hear(&mut self) -> anyhow::Result<()> {
        let (task, at) = timeout(TASK_MAX, self.heard.recv())
            .await
            .with_context(|| format!("no task was done for {TASK_MAX:?}"))?
            .context("the event stream has ended")??;
        ensure!(
            self.known.insert(task, at).is_none(),
            "{task} was done twice"
        );
        Ok(())
    }
}

/// Place of the org's last event.
async fn last_event(client: &Client) -> anyhow::Result<u64> {
    let mut query = EventQuery::default();
    loop {
        let page = client.events(&query).await.context("GET /events")?;
        match page.items.last() {
            Some(event) => query.after = event.seq,
            None => return Ok(query.after),
        }
    }
}

struct Verified {
    candidates: usize,
    attempts: u32,
}

/// Verify attempts of all candidates of these tasks. A batch is one candidate of several tasks.
async fn verify_attempts(client: &Client, tasks: &[TaskId]) -> anyhow::Result<Verified> {
    let mut attempts = BTreeMap::new();
    for task in tasks {
        let candidates = client.candidates(*task).await.context("GET candidates")?;
        for candidate in candidates.items {
            attempts.insert(candidate.id, candidate.verify_attempts);
        }
    }
    Ok(Verified {
        candidates: attempts.len(),
        attempts: attempts.values().sum(),
    })
}

//! A lab in a temporary folder, and an agent that works in this process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::auth::{Principal, Role};
use devlab_core::check::{Check, CommandSpec, DriverSpec, Isolation};
use devlab_core::label::Labels;
use devlab_core::rules::agents::{self, Registration};
use devlab_core::rules::complete::CheckRun;
use devlab_core::rules::schedule::{self, Created, NewTask, Place};
use devlab_core::server::ServerRoles;
use devlab_core::state::StateName;
use devlab_core::task::{Made, Task, TaskSpec};
use devlab_core::tx::RuleConfig;
use devlab_core::{
    AgentId, Oid, OrgId, ProjectId, RefName, ServerId, SystemClock, TaskId, Timestamp, TokenId,
};
use devlab_forge::forge::GitForge;
use devlab_forge::http::{GitHttp, HttpLimits};
use devlab_forge::import::{ImportFrom, ImportLimits};
use devlab_forge::refs::RefUpdate;
use devlab_forge::{BareRepo, Git, GitBinary};
use devlab_orchestrator::projects::{self, NewProject};
use devlab_orchestrator::{Assignment, Delivered, Lab, LabConfig, LabParts, ThisServer, Wakes};
use devlab_store::blobs::{BlobPlace, BlobStore};
use devlab_store::sqlite::{SqliteOptions, SqliteStore};
use devlab_store::{Store, StoreExt};

/// Longest time that a test waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TestLab {
    pub(crate) lab: Arc<Lab>,
    pub(crate) who: Principal,
    pub(crate) org: OrgId,
    pub(crate) project: ProjectId,
    pub(crate) repo: BareRepo,
    pub(crate) agent: AgentId,
    pub(crate) dir: tempfile::TempDir,
}

fn git() -> Git {
    Git::new(GitBinary::from_path("/usr/bin:/bin:/usr/local/bin"))
}

pub(crate) async fn open_lab(dir: &Path) -> Arc<Lab> {
    open_lab_on(dir, dir).await.unwrap()
}

/// A lab whose database is in a folder of its own.
pub(crate) async fn open_lab_on(dir: &Path, state: &Path) -> devlab_orchestrator::Result<Arc<Lab>> {
    open_lab_with(dir, state, &dir.join("blobs")).await
}

/// A lab whose blobs are in another folder.
pub(crate) async fn open_lab_at(dir: &Path, blobs: &Path) -> Arc<Lab> {
    open_lab_with(dir, dir, blobs).await.unwrap()
}

async fn open_lab_with(
    dir: &Path,
    state: &Path,
    blobs: &Path,
) -> devlab_orchestrator::Result<Arc<Lab>> {
    let clock: Arc<dyn devlab_core::Clock> = Arc::new(SystemClock::new());
    let wakes = Wakes::new();
    let blobs = BlobStore::open(&BlobPlace::Folder(blobs.to_owned())).unwrap();
    let options = SqliteOptions::new(state, Arc::clone(&clock), wakes.sink());
    let store: Arc<dyn Store> = SqliteStore::open(options).unwrap();
    let git = git();
    let backend = git.http_backend().await.unwrap();
    let parts = LabParts {
        store: Arc::clone(&store),
        blobs,
        wakes,
        clock,
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
            rules: RuleConfig::default(),
            import_limits: ImportLimits::default(),
            import_from: ImportFrom::PublicHttps,
            local_agents: 0,
            bytes: devlab_orchestrator::BytesConfig::default(),
        },
        faults: Arc::new(|_| Ok(())),
    };
    let lab = Lab::open(parts).await;
    if lab.is_err() {
        // It may be opened again.
        store.close().await.unwrap();
    }
    lab
}

impl TestLab {
    pub(crate) async fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = open_lab(dir.path()).await;
        let bootstrap = lab.bootstrap(None).await.unwrap();
        let org = bootstrap.org;
        let new = NewProject {
            org,
            name: "parser".parse().unwrap(),
            default_branch: RefName::branch("main").unwrap(),
            upstream: None,
            home: lab.this_server().id,
        };
        let (id, head) = lab.make_repository(&new, None).await.unwrap();
        assert_eq!(head, None);
        let repo = BareRepo::open(&git(), &lab.repo_dir(org, id))
            .await
            .unwrap();
        let first = commit(&repo, None, files).await;
        point(&repo, "refs/heads/main", &first).await;
        let project = lab
            .store()
            .write(move |tx| projects::insert(tx, id, &new, Some(&first)))
            .await
            .unwrap();
        let agent = lab
            .store()
            .write(move |tx| {
                agents::register(
                    tx,
                    Registration {
                        org,
                        name: "one".to_owned(),
                        labels: Labels::default(),
                        capacity: 8,
                        runtime: "local".to_owned(),
                    },
                )
            })
            .await
            .unwrap();
        let who = Principal {
            token: TokenId::new(Timestamp::from_millis(1), 1),
            role: Role::Agent,
            org: Some(org),
            attempt: None,
        };
        lab.start_loops();
        Self {
            lab,
            who,
            org,
            project: project.id,
            repo,
            agent: agent.id,
            dir,
        }
    }

    pub(crate) async fn schedule(&self, new: NewTask) -> Created {
        let project = self.project;
        let project = self
            .lab
            .store()
            .read(move |view| view.project(project))
            .await
            .unwrap()
            .unwrap();
        let place = Place {
            org: self.org,
            project: Some(self.lab.project_place(&project).await.unwrap()),
            parent: None,
            depends_on: Vec::new(),
            draft: false,
        };
        self.lab
            .store()
            .write(move |tx| schedule::create(tx, &place, &new, &Made::by("operator:somebody")))
            .await
            .unwrap()
    }

    pub(crate) async fn task(&self, id: TaskId) -> Task {
        self.lab
            .store()
            .read(move |view| view.task(id))
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn until(&self, id: TaskId, state: StateName) -> Task {
        let mut commits = self.lab.wakes().commits();
        let wait = async {
            loop {
                let task = self.task(id).await;
                if task.state.name() == state {
                    return task;
                }
                commits.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(task) => task,
            Err(_) => panic!("{id} is {:?}, expected {state}", self.task(id).await),
        }
    }

    pub(crate) async fn claim(&self) -> Assignment {
        let claim_id = format!("c{}", self.lab.clock().monotonic().as_nanos());
        let claimed = self
            .lab
            .claim(&self.who, self.agent, claim_id, Duration::from_secs(10))
            .await;
        claimed.unwrap().expect("there is work")
    }

    /// Delivers an attempt: files written on its base (or on its prior work), checks as told.
    pub(crate) async fn deliver(
        &self,
        got: &Assignment,
        files: &[(&str, &str)],
        exit_code: i32,
    ) -> Oid {
        let base = got.attempt.base.clone().unwrap();
        let head = match got.attempt.kind {
            devlab_core::attempt::AttemptKind::Work => {
                let head = commit(&self.repo, Some(&base), files).await;
                let name = RefName::of_attempt(got.attempt.task, got.attempt.number);
                point(&self.repo, name.as_str(), &head).await;
                head
            }
            devlab_core::attempt::AttemptKind::Verify => base,
        };
        let tree = self.repo.tree_of(&head).await.unwrap();
        let checks = got
            .checks
            .checks
            .iter()
            .map(|check| CheckRun {
                check: check.name.clone(),
                tree: tree.clone(),
                exit_code,
                duration_ms: 1,
                log_offset: 0,
                log_len: 0,
                log_tail: "it said so".to_owned(),
                isolation: Isolation::Process,
            })
            .collect::<Vec<_>>();
        let ran = if exit_code == 0 {
            checks.len()
        } else {
            checks.len().min(1)
        };
        let delivered = Delivered {
            commit: Some(head.clone()),
            checks: checks[..ran].to_vec(),
            heard: 0,
            touched: None,
        };
        self.lab
            .deliver(&self.who, got.attempt.task, got.attempt.id, delivered)
            .await
            .unwrap();
        head
    }

    pub(crate) async fn main_file(&self, path: &str) -> Option<String> {
        let head = self
            .repo
            .resolve(&RefName::branch("main").unwrap())
            .await
            .unwrap()
            .unwrap();
        let bytes = self.repo.read_file(&head, path, 1 << 20).await.unwrap()?;
        Some(String::from_utf8(bytes).unwrap())
    }
}

/// Commits files on top of a commit, with plumbing.
pub(crate) async fn commit(repo: &BareRepo, base: Option<&Oid>, files: &[(&str, &str)]) -> Oid {
    let run = |args: Vec<String>, stdin: Option<String>, index: String| {
        let dir = repo.dir().to_owned();
        async move {
            use std::io::Write as _;
            let mut command = std::process::Command::new("git");
            command
                .arg("--git-dir")
                .arg(dir)
                .args(args)
                .env("GIT_INDEX_FILE", index);
            for (key, value) in [("NAME", "t"), ("EMAIL", "t@localhost")] {
                command.env(format!("GIT_AUTHOR_{key}"), value);
                command.env(format!("GIT_COMMITTER_{key}"), value);
            }
            command
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped());
            let mut child = command.spawn().unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(stdin.unwrap_or_default().as_bytes())
                .unwrap();
            let out = child.wait_with_output().unwrap();
            assert!(out.status.success());
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        }
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let index = tempfile::tempdir().unwrap();
    let index = index.path().join("index").display().to_string();
    if let Some(base) = base {
        run(words(&format!("read-tree {base}")), None, index.clone()).await;
    }
    for (path, text) in files {
        let blob = run(
            words("hash-object -w --stdin"),
            Some((*text).to_owned()),
            index.clone(),
        )
        .await;
        let add = format!("update-index --add --cacheinfo 100644,{blob},{path}");
        run(words(&add), None, index.clone()).await;
    }
    let tree = run(words("write-tree"), None, index.clone()).await;
    let mut args = words(&format!("commit-tree {tree} -m work"));
    if let Some(base) = base {
        args.extend(words(&format!("-p {base}")));
    }
    run(args, None, index).await.parse().unwrap()
}

pub(crate) async fn point(repo: &BareRepo, name: &str, to: &Oid) {
    let name: RefName = name.parse().unwrap();
    let old = repo.resolve(&name).await.unwrap();
    let update = RefUpdate {
        name,
        old,
        new: Some(to.clone()),
    };
    repo.update_refs(&[update]).await.unwrap();
}

/// A leaf that anybody can do.
pub(crate) fn leaf(key: &str, depends_on: &[&str]) -> NewTask {
    NewTask {
        key: key.to_owned(),
        spec: TaskSpec {
            title: format!("Do {key}"),
            goal: format!("Do {key}"),
            driver: Some(DriverSpec::Command(CommandSpec {
                argv: vec!["true".to_owned()],
                script: None,
                env: BTreeMap::new(),
                timeout_secs: 60,
            })),
            ..TaskSpec::default()
        },
        review: Some(false),
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
        ..NewTask::default()
    }
}

/// A goal of leaves.
pub(crate) fn goal(children: Vec<NewTask>) -> NewTask {
    NewTask {
        children,
        ..leaf("goal", &[])
    }
}

/// A check that a task brings itself.
pub(crate) fn check(name: &str) -> Check {
    Check {
        name: name.to_owned(),
        run: "true".to_owned(),
        timeout_secs: 60,
    }
}

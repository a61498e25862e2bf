//! Two orgs with everything in them.

use std::collections::BTreeMap;

use devlab_api::agent::Claimed;
use devlab_api::client::Client;
use devlab_api::plan::{CreateGoal, FileInput, PlanInput};
use devlab_api::project::Project;
use devlab_api::task::{CreateTask, Schedule, Task};
use devlab_api::template::{CreateTemplate, HookTrigger, NewTemplate};
use devlab_core::auth::Role;
use devlab_core::state::StateName;
use devlab_core::tx::RuleConfig;
use devlab_core::{
    AgentId, ArtifactId, AttemptId, OrgId, PatchId, ProjectId, TaskId, TemplateId, Timestamp,
    TokenId,
};
use devlab_testing::{Setup, TestServer, until};
use futures::StreamExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::artifacts::artifact;

/// Ids and names of things in one place.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) org: OrgId,
    pub(crate) org_name: String,
    pub(crate) project: ProjectId,
    pub(crate) project_name: String,
    pub(crate) head: String,
    /// A running leaf of the project, with a log.
    pub(crate) task: TaskId,
    /// A leaf whose result is reviewed.
    pub(crate) reviewed: TaskId,
    /// A composite of the project.
    pub(crate) composite: TaskId,
    /// A goal that waits for the approval of its plan.
    pub(crate) planned: TaskId,
    pub(crate) attempt: AttemptId,
    /// What that attempt has left.
    pub(crate) artifact: ArtifactId,
    pub(crate) agent: AgentId,
    pub(crate) patch: PatchId,
    pub(crate) token: TokenId,
    pub(crate) template: TemplateId,
}

impl Ids {
    /// Well-formed ids of nothing.
    pub(crate) fn of_nothing() -> Self {
        let at = Timestamp::from_millis(1_700_000_000_000);
        Self {
            org: OrgId::new(at, 1),
            org_name: "no-such-org".to_owned(),
            project: ProjectId::new(at, 2),
            project_name: "no-such-project".to_owned(),
            head: "0123456789012345678901234567890123456789".to_owned(),
            task: TaskId::new(at, 3),
            reviewed: TaskId::new(at, 9),
            composite: TaskId::new(at, 8),
            planned: TaskId::new(at, 10),
            attempt: AttemptId::new(at, 4),
            artifact: ArtifactId::new(at, 10),
            agent: AgentId::new(at, 5),
            patch: PatchId::new(at, 6),
            token: TokenId::new(at, 7),
            template: TemplateId::new(at, 11),
        }
    }

    /// All as text: what must not be seen elsewhere.
    pub(crate) fn texts(&self) -> Vec<String> {
        vec![
            self.org.to_string(),
            self.project.to_string(),
            self.task.to_string(),
            self.reviewed.to_string(),
            self.composite.to_string(),
            self.planned.to_string(),
            self.attempt.to_string(),
            self.artifact.to_string(),
            self.agent.to_string(),
            self.patch.to_string(),
            self.token.to_string(),
            self.template.to_string(),
            self.org_name.clone(),
            self.project_name.clone(),
            self.head.clone(),
        ]
    }

    /// A text with these ids replaced by words, so that two answers can be compared that repeat
    /// what they were asked.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (i, id) in self.texts().iter().enumerate() {
            text = text.replace(id.as_str(), &format!("<{i}>"));
        }
        text
    }
}

/// A server with two orgs.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) a: Ids,
    pub(crate) b: Ids,
    /// Secrets, by who holds them: `viewer` of `a`, `foreign viewer` of `b`, `global`, `metrics`.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// A lease that no test outlives.
const LEASE: Duration = Duration::from_secs(3_600);

impl World {
    pub(crate) async fn new() -> Self {
        let setup = Setup {
            rules: RuleConfig {
                lease_term: LEASE,
                ..RuleConfig::default()
            },
            ..Setup::default()
        };
        let server = TestServer::start_with(setup).await;
        let mut secrets = BTreeMap::new();
        for (org, prefix) in [("alpha-lab", ""), ("beta-lab", "foreign ")] {
            server.org(org).await;
            for role in [Role::Viewer, Role::Operator, Role::Admin, Role::Agent] {
                let secret = server.token(role, org).await;
                secrets.insert(format!("{prefix}{role}"), secret);
            }
        }
        secrets.insert("global".to_owned(), server.admin_secret().to_owned());
        let metrics = server.token(Role::Metrics, "").await;
        secrets.insert("metrics".to_owned(), metrics);
        Self {
            a: fill(&server, "alpha-lab").await,
            b: fill(&server, "beta-lab").await,
            server,
            secrets,
        }
    }

    pub(crate) fn admin(&self) -> Client {
        self.server.admin()
    }

    /// An archive of an org that this server does not have.
    pub(crate) async fn elsewhere(&self) -> Vec<u8> {
        let other = TestServer::start().await;
        let mut bytes = other.admin().export_org("default").await.unwrap();
        let mut archive = Vec::new();
        while let Some(piece) = bytes.next().await {
            archive.extend_from_slice(&piece.unwrap());
        }
        other.stop().await;
        archive
    }

    /// A new task of org `a`, without a project, whose agent asks something.
    pub(crate) async fn asking(&self) -> TaskId {
        let org = &self.a.org_name;
        let task = CreateTask {
            org: Some(org.clone()),
            title: "Ask".to_owned(),
            // Before everything else that is ready here.
            priority: 1_000,
            driver: Some(crate::driver()),
            ..CreateTask::default()
        };
        let task = self.admin().create_task(&task).await.unwrap();
        let name = format!("asks-{}", task.id);
        let agent = self.server.agent(org, &name.replace('_', "-"), 1).await;
        let mut work = agent.claim().await;
        // Those that were answered come first.
        while work.task != task.id {
            agent.finish(&work).await.unwrap();
            work = agent.claim().await;
        }
        agent.ask(&work, None, "Which?", &["a", "b"]).await.unwrap();
        task.id
    }

    /// A new task of org `a` with alternatives, of which one can be chosen.
    pub(crate) async fn choice(&self) -> (TaskId, TaskId) {
        let org = &self.a.org_name;
        let wanted = CreateTask {
            org: Some(org.clone()),
            project: Some(self.a.project_name.clone()),
            title: "Choose".to_owned(),
            review: Some(false),
            // Before everything else that is ready here, those that ask included.
            priority: 2_000,
            driver: Some(crate::driver()),
            best_of: Some(2),
            ..CreateTask::default()
        };
        let admin = self.admin();
        let task = admin.create_task(&wanted).await.unwrap().id;
        let begun = until("its branch", || async {
            let state = admin.task(task).await.unwrap().task.state;
            (state == StateName::Running).then_some(())
        });
        begun.await;
        let name = format!("tries-{task}").replace('_', "-");
        let agent = self.server.agent(org, &name, 1).await;
        loop {
            // Those that were not chosen before come first.
            let work = agent.claim().await;
            agent.deliver(&work, &[("b.txt", name.as_str())], 0).await;
            if admin.task(work.task).await.unwrap().task.parent == Some(task) {
                return (task, work.task);
            }
        }
    }

    /// A new task of org `a`, without a project.
    pub(crate) async fn task(&self, draft: bool) -> Task {
        let task = CreateTask {
            org: Some(self.a.org_name.clone()),
            title: "Fresh".to_owned(),
            draft,
            labels: vec!["nobody=has-this".to_owned()],
            ..CreateTask::default()
        };
        self.admin().create_task(&task).await.unwrap()
    }
}

/// Makes one of each kind of thing in an org.
async fn fill(server: &TestServer, org: &str) -> Ids {
    let files = [("README.md", org)];
    let (project, _checkout) = server.project_with(org, &files).await;
    let agent = server.agent(org, "one", 8).await;
    let reviewed = schedule(server, org, &project, true).await;
    let work = agent.claim().await;
    agent.deliver(&work, &[("a.txt", org)], 0).await;
    let patch = until("a patch", || async {
        server.admin().task(reviewed).await.unwrap().patch
    });
    let patch = patch.await;
    let composite = composite(server, org, &project).await;
    let planned = planned(server, org).await;
    let running = schedule(server, org, &project, false).await;
    let work: Claimed = agent.claim().await;
    assert_eq!(work.task, running);
    let text = format!("the log of {org}\n").into_bytes();
    let logged = agent
        .client
        .append_log(work.task, work.attempt, 0, text.into());
    logged.await.unwrap();
    let artifact = artifact(&agent, &work, "report.txt", org.as_bytes()).await;
    let token = server.new_token(Role::Viewer, org).await.token;
    let hooked = template(server, org, &project.name).await;
    Ids {
        org: project.org,
        org_name: org.to_owned(),
        project: project.id,
        project_name: project.name,
        head: project.head.unwrap(),
        task: running,
        reviewed,
        composite,
        planned,
        attempt: work.attempt,
        artifact: artifact.id,
        agent: agent.agent.id,
        patch,
        token: token.id,
        template: hooked.schedule.id,
    }
}

/// A webhook of a GitLab, which shows its secret.
pub(crate) async fn template(server: &TestServer, org: &str, project: &str) -> NewTemplate {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let wanted = CreateTemplate {
        name: format!("on-push-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
        goal: Schedule {
            org: Some(org.to_owned()),
            project: Some(project.to_owned()),
            task: Some(format!("Look for {org}")),
            ..Schedule::default()
        },
        cron: None,
        hook: Some(HookTrigger {
            forge: "gitlab".to_owned(),
            events: Vec::new(),
            branches: Vec::new(),
        }),
    };
    server.admin().create_template(&wanted).await.unwrap()
}

async fn schedule(server: &TestServer, org: &str, project: &Project, review: bool) -> TaskId {
    let wanted = Schedule {
        org: Some(org.to_owned()),
        project: Some(project.name.clone()),
        task: Some(format!("Write something for {org}")),
        review: Some(review),
        driver: Some(crate::driver()),
        ..Schedule::default()
    };
    server.admin().schedule(&wanted).await.unwrap().goal
}

/// A plan file.
pub(crate) const PLAN: &str =
    "title: A plan\ntasks:\n- {key: a, title: A task, labels: [nobody=has-this]}\n";

/// A goal that waits for the approval of its plan.
pub(crate) async fn planned(server: &TestServer, org: &str) -> TaskId {
    let goal = CreateGoal {
        org: Some(org.to_owned()),
        project: None,
        input: PlanInput::File(FileInput {
            name: "plan.yaml".to_owned(),
            text: PLAN.to_owned(),
        }),
        depends_on: Vec::new(),
        review: None,
        why: format!("{org} wants it"),
        approve: false,
    };
    server.admin().create_goal(&goal).await.unwrap().goal.id
}

/// A composite that stays one: its child needs an agent that nobody is.
async fn composite(server: &TestServer, org: &str, project: &Project) -> TaskId {
    let wanted = Schedule {
        org: Some(org.to_owned()),
        project: Some(project.name.clone()),
        title: Some("A graph".to_owned()),
        tasks: vec![devlab_api::task::GraphTask {
            key: "child".to_owned(),
            title: "A child".to_owned(),
            labels: vec!["nobody=has-this".to_owned()],
            driver: Some(crate::driver()),
            ..Default::default()
        }],
        ..Schedule::default()
    };
    server.admin().schedule(&wanted).await.unwrap().goal
}

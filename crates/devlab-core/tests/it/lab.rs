//! A small lab to test in: an org, a project, agents, and a git side that is only names of commits.

use std::collections::BTreeMap;
use std::time::Duration;

use devlab_core::ask::{AskKind, Question, Reply};
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState};
use devlab_core::check::{Check, CheckSet, CommandSpec, DriverSpec, Isolation};
use devlab_core::error::Error;
use devlab_core::label::Labels;
use devlab_core::org::{Org, Project, ProjectSettings};
use devlab_core::patch::{Patch, Verdict};
use devlab_core::policy::{Level, Policy, PolicyRevision};
use devlab_core::rules::agents::{self, Registration};
use devlab_core::rules::complete::{self, CheckRun, Outcome};
use devlab_core::rules::policy::{self, Setting};
use devlab_core::rules::review::{self, Remark};
use devlab_core::rules::schedule::{self, Created, NewTask, Place};
use devlab_core::rules::train::{self, Built};
use devlab_core::rules::{ask, claim, finish, lease, person};
use devlab_core::server::Home;
use devlab_core::state::State;
use devlab_core::task::{Made, Task, TaskSpec};
use devlab_core::train::{Candidate, DiffStat, Target, TrainStep};
use devlab_core::tx::{Effect, Read as _, RuleConfig, Tx};
use devlab_core::{
    AgentId, AttemptId, Oid, OrgId, ProjectId, RefName, Refusal, Result, ServerId, TaskId,
    Timestamp,
};

use crate::mem::MemTx;

/// Deepest queue that a test looks through at one time.
pub(crate) const MANY: u32 = 10_000;

/// The server that has the repository.
pub(crate) fn home() -> ServerId {
    ServerId::new(Timestamp::from_millis(1), 0x5e_0000)
}

/// What the start loop of the one server looks at.
pub(crate) fn startable(tx: &mut MemTx) -> Vec<TaskId> {
    let mut found = tx.startable(Some(home()), MANY).unwrap();
    found.extend(tx.startable(None, MANY).unwrap());
    found
}

/// What rules are run on, and what they do not know: the refs of the repository.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) tx: MemTx,
    pub(crate) cfg: RuleConfig,
    pub(crate) org: OrgId,
    pub(crate) project: ProjectId,
    pub(crate) settings: ProjectSettings,
    /// The refs themselves; the store only remembers what it was told.
    pub(crate) refs: BTreeMap<RefName, Oid>,
    pub(crate) trees: BTreeMap<Oid, Oid>,
    /// Whether units of work are known to succeed: then none is tried on a copy first.
    pub(crate) in_place: bool,
    oids: u64,
    claims: u64,
}

/// A leaf with a driver of its own.
pub(crate) fn leaf(key: &str, depends_on: &[&str]) -> NewTask {
    let driver = DriverSpec::Command(CommandSpec {
        argv: vec!["true".into()],
        script: None,
        env: BTreeMap::new(),
        timeout_secs: 60,
    });
    NewTask {
        key: key.into(),
        spec: TaskSpec {
            title: format!("do {key}"),
            driver: Some(driver),
            ..TaskSpec::default()
        },
        review: Some(false),
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
        ..NewTask::default()
    }
}

pub(crate) fn composite(key: &str, depends_on: &[&str], children: Vec<NewTask>) -> NewTask {
    NewTask {
        children,
        ..leaf(key, depends_on)
    }
}

pub(crate) fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        run: format!("make {name}"),
        timeout_secs: 60,
    }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    refusal(result).code()
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("should be refused: {other:?}"),
    }
}

impl Lab {
    pub(crate) fn new(seed: u128) -> Self {
        let mut tx = MemTx::new(Timestamp::from_millis(1_800_000_000_000), seed);
        let org = OrgId::new(tx.now, tx.random());
        let project = ProjectId::new(tx.now, tx.random());
        let main = RefName::branch("main").unwrap();
        let mut lab = Self {
            tx,
            cfg: RuleConfig::default(),
            org,
            project,
            settings: ProjectSettings {
                checks: CheckSet {
                    checks: vec![check("test")],
                    ..CheckSet::default()
                },
                ..ProjectSettings::default()
            },
            refs: BTreeMap::new(),
            trees: BTreeMap::new(),
            in_place: false,
            oids: 0,
            claims: 0,
        };
        let (name, created_at) = ("acme".parse().unwrap(), lab.tx.now);
        let org_row = Org {
            id: org,
            name,
            retention: None,
            created_at,
        };
        lab.tx.insert_org(&org_row).unwrap();
        let project_row = Project {
            id: project,
            org,
            name: "app".parse().unwrap(),
            default_branch: main.clone(),
            upstream: None,
            archived: false,
            home: Home {
                server: Some(home()),
                ..Home::default()
            },
            created_at,
        };
        lab.tx.insert_project(&project_row).unwrap();
        let head = lab.oid();
        lab.refs.insert(main.clone(), head.clone());
        lab.tx.set_branch_head(project, &main, Some(&head)).unwrap();
        lab
    }

    pub(crate) fn oid(&mut self) -> Oid {
        self.oids += 1;
        format!("{:040x}", self.oids).parse().unwrap()
    }

    /// Runs a unit of work: what it wrote is kept only if it succeeds.
    pub(crate) fn unit<T>(&mut self, work: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        if self.in_place {
            return work(&mut self.tx);
        }
        let mut trial = self.tx.clone();
        let result = work(&mut trial);
        match &result {
            Ok(_) => self.tx = trial,
            Err(Error::Storage(error)) => panic!("a rule misuses the store: {error}"),
            Err(Error::Refused(Refusal::StaleAttempt | Refusal::TaskCancelled)) => {
                assert!(trial == self.tx, "a stale write has changed something");
            }
            Err(Error::Refused(_)) => {}
        }
        result
    }

    pub(crate) fn set_clock_back(&mut self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.tx.now = Timestamp::from_millis(self.tx.now.as_millis() - millis);
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.tx.now = self.tx.now.plus(by);
    }

    pub(crate) fn task(&self, id: TaskId) -> &Task {
        &self.tx.tasks[&id]
    }

    pub(crate) fn state(&self, id: TaskId) -> State {
        self.task(id).state
    }

    pub(crate) fn place(&self, in_project: bool) -> Place {
        Place {
            org: self.org,
            project: in_project.then(|| (self.project, self.settings.clone())),
            parent: None,
            depends_on: vec![],
            draft: false,
        }
    }

    pub(crate) fn create(&mut self, place: &Place, new: &NewTask) -> Result<Created> {
        self.unit(|tx| schedule::create(tx, place, new, &Made::by("operator:somebody")))
    }

    /// Schedules a goal in the project.
    pub(crate) fn goal(&mut self, new: &NewTask) -> Created {
        let place = self.place(true);
        self.create(&place, new).unwrap()
    }

    /// Schedules a goal without a project.
    pub(crate) fn errand(&mut self, new: &NewTask) -> Created {
        let place = self.place(false);
        self.create(&place, new).unwrap()
    }

    pub(crate) fn agent(&mut self, name: &str, labels: &[&str], capacity: u32) -> AgentId {
        let registration = Registration {
            org: self.org,
            name: name.into(),
            labels: Labels::new(labels).unwrap(),
            capacity,
            runtime: "local".into(),
        };
        let agent = self.unit(|tx| agents::register(tx, registration));
        agent.unwrap().id
    }

    /// An agent that can do everything.
    pub(crate) fn able(&mut self) -> AgentId {
        self.able_too("able")
    }

    /// Another one.
    pub(crate) fn able_too(&mut self, name: &str) -> AgentId {
        self.agent(name, &["driver=default", "gpu", "linux"], 256)
    }

    pub(crate) fn claim(&mut self, agent: AgentId) -> Result<Option<Attempt>> {
        self.claims += 1;
        let id = format!("claim-{}", self.claims);
        self.claim_as(agent, &id)
    }

    pub(crate) fn claim_as(&mut self, agent: AgentId, id: &str) -> Result<Option<Attempt>> {
        let cfg = self.cfg;
        self.unit(|tx| claim::claim(tx, &cfg, agent, id))
    }

    /// Claims what has to be there.
    pub(crate) fn take(&mut self, agent: AgentId) -> Attempt {
        self.claim(agent).unwrap().expect("there is work")
    }

    pub(crate) fn heartbeat(&mut self, attempt: &Attempt) -> Result<State> {
        let cfg = self.cfg;
        self.unit(|tx| lease::heartbeat(tx, &cfg, attempt.task, attempt.id, None))
    }

    pub(crate) fn complete(&mut self, attempt: &Attempt, outcome: Outcome) -> Result<State> {
        let cfg = self.cfg;
        self.unit(|tx| complete::complete(tx, &cfg, attempt.task, attempt.id, outcome))
    }

    /// What the checks of an attempt come to.
    pub(crate) fn outcome(&mut self, attempt: &Attempt, passes: bool) -> Outcome {
        let task = self.task(attempt.task);
        let (set, result) = match (attempt.kind, attempt.candidate) {
            (AttemptKind::Verify, Some(id)) => {
                let candidate = &self.tx.candidates[&id];
                let result = candidate.tip.clone().zip(candidate.tree.clone());
                (Some(candidate.check_set.clone()), result)
            }
            _ if task.project.is_none() => (None, None),
            _ => {
                let set = task.check_set.clone();
                let (commit, tree) = (self.oid(), self.oid());
                self.trees.insert(commit.clone(), tree.clone());
                (set, Some((commit, tree)))
            }
        };
        let set = set.and_then(|hash| self.tx.check_sets.get(&hash).cloned());
        let names = set.unwrap_or_default().checks;
        let count = if passes { names.len() } else { 1 };
        let tree = result.as_ref().map(|(_, tree)| tree.clone());
        let run = |check: Check| CheckRun {
            check: check.name,
            tree: tree.clone().unwrap(),
            exit_code: i32::from(!passes),
            duration_ms: 1,
            log_offset: 0,
            log_len: 0,
            log_tail: "the end".into(),
            isolation: Isolation::Process,
        };
        Outcome::Delivered {
            checks: names.into_iter().take(count).map(run).collect(),
            result,
            protected: false,
            heard: 0,
        }
    }

    pub(crate) fn pass(&mut self, attempt: &Attempt) -> State {
        let outcome = self.outcome(attempt, true);
        self.complete(attempt, outcome).unwrap()
    }

    /// Delivers a result whose first check failed.
    pub(crate) fn fail_check(&mut self, attempt: &Attempt) -> State {
        let outcome = self.outcome(attempt, false);
        self.complete(attempt, outcome).unwrap()
    }

    pub(crate) fn fail_driver(&mut self, attempt: &Attempt) -> State {
        let outcome = Outcome::DriverFailed {
            reason: "exit code 1".into(),
            log_tail: "the end".into(),
            not_started: false,
        };
        self.complete(attempt, outcome).unwrap()
    }

    /// Reports that the driver's program could not be started.
    pub(crate) fn fail_to_start(&mut self, attempt: &Attempt) -> State {
        let outcome = Outcome::DriverFailed {
            reason: "exit code 127".into(),
            log_tail: "cannot start it".into(),
            not_started: true,
        };
        self.complete(attempt, outcome).unwrap()
    }

    /// What an attempt asks, with the work that it has done so far.
    pub(crate) fn asking(&mut self, attempt: &Attempt, kind: AskKind) -> Outcome {
        let in_project = self.task(attempt.task).project.is_some();
        Outcome::Asked {
            work: in_project.then(|| self.oid()),
            question: Question {
                kind,
                text: format!("what of {}?", attempt.number),
                choices: match kind {
                    AskKind::Question => vec!["this".into(), "that".into()],
                    AskKind::Start
                    | AskKind::Publication
                    | AskKind::Choice
                    | AskKind::Permission => vec![],
                },
            },
        }
    }

    /// Ends an attempt with a question.
    pub(crate) fn ask(&mut self, attempt: &Attempt) -> State {
        let outcome = self.asking(attempt, AskKind::Question);
        self.complete(attempt, outcome).unwrap()
    }

    pub(crate) fn answer(&mut self, id: TaskId, reply: &Reply) -> Result<Task> {
        self.unit(|tx| ask::answer(tx, id, "operator:bo", None, reply))
    }

    pub(crate) fn give_up(&mut self, attempt: &Attempt) -> State {
        self.complete(attempt, Outcome::GivenUp).unwrap()
    }

    /// Lets every lease end.
    pub(crate) fn expire(&mut self) -> u32 {
        self.advance(self.cfg.lease_term);
        let cfg = self.cfg;
        self.unit(|tx| lease::expire(tx, &cfg, MANY)).unwrap()
    }

    /// Lets every back-off end.
    pub(crate) fn release(&mut self) -> u32 {
        self.advance(Duration::from_secs(3600));
        self.release_now()
    }

    /// What the loop of back-offs does.
    pub(crate) fn release_now(&mut self) -> u32 {
        self.unit(|tx| lease::release_due(tx, MANY)).unwrap()
    }

    /// Gives every composite that is ready its branch, as the start loop does.
    pub(crate) fn start_all(&mut self) {
        let startable = startable(&mut self.tx);
        for id in startable {
            self.start(id);
        }
    }

    pub(crate) fn start(&mut self, id: TaskId) {
        let task = self.task(id);
        let from = task.target(&RefName::branch("main").unwrap());
        let base = task.project.map(|_| self.refs[&from].clone());
        let ready = task.state == State::Ready;
        if let (true, Some(base)) = (ready, &base) {
            self.refs.insert(RefName::of_composite(id), base.clone());
        }
        self.unit(|tx| finish::start(tx, id, base.as_ref()))
            .unwrap();
    }

    pub(crate) fn target(&self, branch: RefName) -> Target {
        Target {
            project: self.project,
            branch,
        }
    }

    pub(crate) fn main(&self) -> Target {
        self.target(RefName::branch("main").unwrap())
    }

    pub(crate) fn next(&mut self, target: &Target) -> TrainStep {
        self.unit(|tx| train::next(tx, target)).unwrap()
    }

    /// Reports the merges of a candidate. With `same_tree`, that of a single entry has the tree of
    /// its result, as it is when the target has not moved.
    pub(crate) fn build(&mut self, candidate: &Candidate, same_tree: bool) {
        let merges: Vec<Oid> = candidate.entries.iter().map(|_| self.oid()).collect();
        let tip = merges.last().cloned().unwrap();
        let own = self.trees.get(&candidate.entries[0].head).cloned();
        let tree = match own {
            Some(tree) if same_tree && candidate.entries.len() == 1 => tree,
            _ => self.oid(),
        };
        self.trees.insert(tip.clone(), tree.clone());
        let members = candidate.entries.iter().map(|entry| entry.task);
        let sizes = members.map(|id| self.task(id).review.then(DiffStat::default));
        let stats = sizes.collect();
        let built = Built {
            base: self.refs[&candidate.target.branch].clone(),
            stats,
            tip,
            tree,
            merges,
        };
        let id = candidate.id;
        self.unit(|tx| train::built(tx, id, built)).unwrap();
    }

    pub(crate) fn conflict(&mut self, candidate: &Candidate, index: usize) {
        let head = self.refs[&candidate.target.branch].clone();
        let (id, paths) = (candidate.id, vec!["a.rs".to_owned()]);
        self.unit(|tx| train::conflicted(tx, id, index, paths, &head))
            .unwrap();
    }

    /// Updates the ref if it is where the candidate was built on, and says what came of it.
    pub(crate) fn publish(&mut self, candidate: &Candidate) -> bool {
        let id = candidate.id;
        let branch = &candidate.target.branch;
        let actual = self.refs.get(branch).cloned();
        let fits = actual == candidate.base || actual == candidate.tip;
        if fits {
            self.refs
                .insert(branch.clone(), candidate.tip.clone().unwrap());
            let tip = candidate.tip.clone().unwrap();
            self.unit(|tx| train::published(tx, id, &tip)).unwrap();
        } else {
            self.unit(|tx| train::moved(tx, id, actual.as_ref()))
                .unwrap();
        }
        fits
    }

    /// Somebody pushes to a branch.
    pub(crate) fn push(&mut self, branch: &RefName) {
        let head = self.oid();
        self.refs.insert(branch.clone(), head);
    }

    /// Runs a train with clean merges and passing checks until it has nothing to do.
    pub(crate) fn run_train(&mut self, target: &Target, agent: AgentId) {
        for _ in 0..100 {
            match self.next(target) {
                TrainStep::Idle => {
                    let waits = self
                        .tx
                        .candidates
                        .values()
                        .find(|c| c.target == *target && c.state.is_live() && c.live.is_none());
                    if waits.is_none() {
                        return;
                    }
                    let attempt = self.take(agent);
                    assert_eq!(attempt.kind, AttemptKind::Verify);
                    self.pass(&attempt);
                }
                TrainStep::Build(candidate) => self.build(&candidate, true),
                TrainStep::Publish(candidate) => assert!(self.publish(&candidate)),
            }
        }
        panic!("the train does not come to rest");
    }

    pub(crate) fn cancel(&mut self, id: TaskId) -> Result<Task> {
        self.unit(|tx| person::cancel(tx, id))
    }

    pub(crate) fn fail(&mut self, id: TaskId) -> Result<Task> {
        self.unit(|tx| person::fail(tx, id))
    }

    pub(crate) fn retry(&mut self, id: TaskId) -> Result<Task> {
        self.unit(|tx| person::retry(tx, id))
    }

    /// Sets a policy, as the lab does: prepared first.
    pub(crate) fn set_policy(&mut self, level: Level, policy: Policy) -> Result<PolicyRevision> {
        let setting = self.setting(level, policy);
        let mut after = None;
        loop {
            after = self.unit(|tx| policy::prepare(tx, &setting, after))?;
            if after.is_none() {
                return self.unit(|tx| policy::set(tx, &setting));
            }
        }
    }

    pub(crate) fn setting(&self, level: Level, policy: Policy) -> Setting {
        Setting {
            level,
            org: self.org,
            policy,
            by: "admin:ada".into(),
            why: String::new(),
            instead_of: None,
        }
    }

    pub(crate) fn approve_task(&mut self, id: TaskId) -> Result<Task> {
        self.unit(|tx| person::approve(tx, id, "operator:bo", None))
    }

    pub(crate) fn add_edge(&mut self, dependency: TaskId, dependent: TaskId) -> Result<()> {
        self.unit(|tx| schedule::add_edge(tx, dependency, dependent, "depends_on[0]"))
    }

    pub(crate) fn patch_of(&self, task: TaskId) -> &Patch {
        let mut patches = self.tx.patches.values();
        patches.find(|patch| patch.task == task).expect("a patch")
    }

    pub(crate) fn judge(&mut self, task: TaskId, verdict: Verdict) -> Result<u32> {
        let patch = self.patch_of(task);
        let (id, head) = (patch.id, patch.head.clone());
        let remark = Remark {
            author: "ada".into(),
            body: "in my view".into(),
            verdict: Some(verdict),
            head: Some(head),
            rework: true,
        };
        self.unit(|tx| review::remark(tx, id, remark))
    }

    pub(crate) fn attempt_state(&self, id: AttemptId) -> AttemptState {
        self.tx.attempts[&id].state
    }

    /// The queues that were announced to waiting agents since the last look.
    pub(crate) fn woken(&mut self) -> usize {
        let effects = std::mem::take(&mut self.tx.effects);
        let ready = |effect: &&Effect| matches!(effect, Effect::Ready(..) | Effect::ReadyBut(..));
        effects.iter().filter(ready).count()
    }
}

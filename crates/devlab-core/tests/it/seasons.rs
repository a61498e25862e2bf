//! A goal of two thousand tasks, from its plan to its merge, in virtual time: agents fail and are
//! lost, results conflict, people are asked and answer late, and the plan changes on the way. One
//! seed decides everything, so the same seed has to end in the same state, to the last event.
//!
//! Nothing polls: agents look when they are free, and otherwise they, loops and people act when an
//! effect or an event says so. What a rule forgets to say leaves the goal where it is, and fails the
//! test, if no agent happens to be free later.

mod policies;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;
use std::time::Duration;

use devlab_core::ask::Reply;
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState};
use devlab_core::choice::{Alternative, Choice};
use devlab_core::event::EventKind;
use devlab_core::label::Labels;
use devlab_core::limits::GRAPH_TASKS_MAX;
use devlab_core::patch::Verdict;
use devlab_core::plan::{PlanState, PlanTask};
use devlab_core::policy::{Approvals, Concurrency, Conflicts, Level, Policy, Verifier};
use devlab_core::rules::plan::Running;
use devlab_core::rules::{lease, plan as plans};
use devlab_core::state::{State, WaitReason};
use devlab_core::train::{CandidateState, Target, TrainStep};
use devlab_core::tx::Effect;
use devlab_core::{AgentId, AttemptId, TaskId, Timestamp};

use crate::holds::is_in_the_way;
use crate::invariants;
use crate::lab::{Lab, MANY};
use crate::plans::{ruling, task};
use crate::world::Dice;

/// Agents, and what the last ones of them cannot do.
const AGENTS: usize = 24;
/// Tasks of a group, which is a composite.
const GROUP: usize = 40;
/// Tasks that are tried in two ways.
const WAYS: usize = 10;
/// A task ends within this time; a lease lasts longer, so that no heartbeats are needed.
const TASK_SECS_MAX: usize = 30 * 60;
const LEASE: Duration = Duration::from_secs(40 * 60);
/// What happens at most: several times what a season needs.
const STEPS_MAX: usize = 200_000;
/// Steps between two looks at all rules, besides those after a change of the plan.
const CHECK_EVERY: usize = 5_000;
/// How often the plan changes.
const REPLANS: usize = 3;

/// What happens at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// An agent looks for work.
    Look(usize),
    /// An attempt of an agent comes to its end.
    End(usize, AttemptId),
    /// An agent that was thought lost is back.
    Back(usize, AttemptId),
    /// A train has something to do.
    Train(Target),
    /// A composite gets its branch.
    Start(TaskId),
    /// Back-offs end.
    Release,
    /// Leases end.
    Expire,
    /// A person looks at a task that waits for one.
    Attend(TaskId),
}

/// What went wrong or was asked on the way.
type Counts = BTreeMap<&'static str, u64>;

struct Season {
    lab: Lab,
    dice: Dice,
    agents: Vec<(AgentId, Labels)>,
    idle: BTreeSet<usize>,
    agenda: BinaryHeap<Reverse<(Timestamp, u64, Happens)>>,
    order: u64,
    events_seen: usize,
    checked: usize,
    goal: TaskId,
    /// Tasks that are done.
    done: usize,
    replans: usize,
    counts: Counts,
}

/// As many tasks as a goal may have, the groups included: each task needs some of the few before it,
/// and each group perhaps the one before it.
fn planned(dice: &mut Dice) -> Vec<PlanTask> {
    let groups = GRAPH_TASKS_MAX / (GROUP + 1);
    let mut all: Vec<PlanTask> = Vec::new();
    for g in 0..groups {
        let mut group = task(&format!("g{g}"), &[]);
        if g > 0 && dice.one_in(3) {
            group.depends_on.push(format!("g{}", g - 1));
        }
        for n in 0..GROUP {
            let mut one = new_task(dice, &format!("t{n}"));
            for back in 1..=n.min(8) {
                if dice.one_in(6) {
                    one.depends_on.push(format!("t{}", n - back));
                }
            }
            group.tasks.push(one);
        }
        all.push(group);
    }
    for group in &mut all[..WAYS] {
        group.tasks[0].alternatives = vec![Alternative::default(); 2];
    }
    let left = GRAPH_TASKS_MAX - groups * (GROUP + 1) - 2 * WAYS;
    all.extend((0..left).map(|n| new_task(dice, &format!("x{n}"))));
    all
}

fn new_task(dice: &mut Dice, key: &str) -> PlanTask {
    let mut one = task(key, &[]);
    one.spec.title = format!("Do {key} {}", dice.below(1_000_000));
    let all: [&[&str]; 6] = [&[], &[], &[], &["gpu"], &["risky"], &["gpu", "risky"]];
    let labels = all[dice.below(6)];
    one.labels = Labels::new(labels).unwrap();
    one.review = dice.one_in(50);
    if dice.one_in(3) {
        one.spec.paths = vec![format!("src/{}", dice.below(30))];
    }
    one
}

impl Season {
    fn new(seed: u64) -> Self {
        let mut lab = Lab::new(u128::from(seed));
        lab.in_place = true;
        lab.cfg.lease_term = LEASE;
        let mut dice = Dice(seed);
        let policy = Policy {
            approvals: Approvals {
                tasks: Some(vec![Labels::new(["risky"]).unwrap()]),
                publication: Some(true),
                ..Approvals::default()
            },
            conflicts: dice.one_in(2).then_some(Conflicts::Hold),
            verifier: dice.one_in(2).then_some(Verifier::Other),
            concurrency: Concurrency {
                labels: [("gpu".to_owned(), 3)].into(),
                ..Concurrency::default()
            },
            ..Policy::default()
        };
        lab.set_policy(Level::Org(lab.org), policy).unwrap();
        let agents = (0..AGENTS).map(|n| {
            let all = ["driver=default", "gpu", "risky", "linux"];
            let labels = &all[..if n % 4 == 0 { 4 } else { 1 + n % 3 }];
            let id = lab.agent(&format!("agent-{n}"), labels, 1);
            (id, Labels::new(labels).unwrap())
        });
        let agents: Vec<_> = agents.collect();
        let goal = lab.planned(planned(&mut dice)).unwrap();
        let number = lab.tx.plans[&goal][0].revision.number;
        let mut season = Self {
            lab,
            dice,
            agents,
            idle: (0..AGENTS).collect(),
            agenda: BinaryHeap::new(),
            order: 0,
            events_seen: 0,
            checked: 0,
            goal,
            done: 0,
            replans: 0,
            counts: Counts::new(),
        };
        season.approve(number);
        season
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_insert(0) += 1;
    }

    fn at(&mut self, after: Duration, what: Happens) {
        self.order += 1;
        let at = self.lab.tx.now.plus(after);
        self.agenda.push(Reverse((at, self.order, what)));
    }

    fn secs(&mut self, most: usize) -> Duration {
        Duration::from_secs(1 + self.dice.below(most) as u64)
    }

    /// Lives until the goal has ended and nothing happens any more; looks at all rules now and then,
    /// which takes longer than the life.
    fn live(&mut self, checks: bool) {
        self.react();
        for step in 1..=STEPS_MAX {
            let Some(Reverse((at, _, what))) = self.agenda.pop() else {
                self.counts.insert("steps", step as u64);
                return;
            };
            self.lab.tx.now = self.lab.tx.now.max(at);
            self.happen(what);
            let is_new = self.replan();
            self.react();
            if checks && (is_new || step % CHECK_EVERY == 0) {
                invariants::check(&self.lab.tx, self.checked);
                self.checked = self.lab.tx.events.len();
            }
        }
        panic!("no end after {STEPS_MAX} steps");
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Look(agent) => self.look(agent),
            Happens::End(agent, attempt) => self.end(agent, attempt),
            Happens::Back(agent, attempt) => self.back(agent, attempt),
            Happens::Train(target) => self.train(&target),
            Happens::Start(id) => {
                if self.lab.state(id) == State::Ready {
                    self.lab.start(id);
                }
            }
            Happens::Release => {
                self.lab.release_now();
            }
            Happens::Expire => {
                let cfg = self.lab.cfg;
                self.lab.unit(|tx| lease::expire(tx, &cfg, MANY)).unwrap();
            }
            Happens::Attend(id) => self.attend(id),
        }
    }

    /// Puts on the agenda what effects and events ask for.
    fn react(&mut self) {
        for effect in std::mem::take(&mut self.lab.tx.effects) {
            match effect {
                Effect::Ready(_, requires) => self.wake(&requires, None),
                Effect::ReadyBut(_, requires, agent) => self.wake(&requires, Some(agent)),
                Effect::Train(target) => self.at(Duration::ZERO, Happens::Train(target)),
                Effect::Start(id) => self.at(Duration::ZERO, Happens::Start(id)),
                Effect::Later(at) => {
                    let after = at.since(self.lab.tx.now);
                    self.at(after, Happens::Release);
                }
                Effect::Control(_)
                | Effect::Forge
                | Effect::Attest
                | Effect::Tokens
                | Effect::LogGrew(_)
                | Effect::Missed => {}
            }
        }
        let mut waiting = Vec::new();
        for event in &self.lab.tx.events[self.events_seen..] {
            let (event, to) = (&event.event, event.event.data["to"].as_str());
            if event.kind == EventKind::TaskConflict && event.data["held"] == true {
                *self.counts.entry("held back").or_insert(0) += 1;
            }
            if event.kind == EventKind::TaskState {
                self.done += usize::from(to == Some("done"));
                waiting.extend(event.task.filter(|_| to == Some("waiting")));
            }
        }
        self.events_seen = self.lab.tx.events.len();
        for id in waiting {
            let after = self.secs(4 * 3600);
            self.at(after, Happens::Attend(id));
        }
    }

    fn look(&mut self, agent: usize) {
        let id = self.agents[agent].0;
        let Some(attempt) = self.lab.claim(id).unwrap() else {
            self.idle.insert(agent);
            return;
        };
        if attempt.kind == AttemptKind::Work {
            let task = self.lab.task(attempt.task).clone();
            assert_eq!(task.unmet, 0, "{task:?}");
            assert!(!is_in_the_way(&self.lab.tx, &task), "{task:?}");
        }
        let after = self.secs(TASK_SECS_MAX);
        if self.dice.one_in(60) {
            self.count("lost");
            self.at(LEASE + Duration::from_secs(1), Happens::Expire);
            let longest = [120, 4 * 3600][self.dice.below(2)];
            let gone = LEASE + self.secs(longest);
            self.at(gone, Happens::Back(agent, attempt.id));
            return;
        }
        self.at(after, Happens::End(agent, attempt.id));
    }

    /// Some agents that were lost come back with their work, to a task that somebody else may have
    /// by now.
    fn back(&mut self, agent: usize, id: AttemptId) {
        self.idle.remove(&agent);
        if self.lab.attempt_state(id) == AttemptState::Lost && self.dice.one_in(2) {
            self.count("came back");
            return self.end(agent, id);
        }
        self.at(Duration::ZERO, Happens::Look(agent));
    }

    fn end(&mut self, agent: usize, id: AttemptId) {
        self.at(Duration::ZERO, Happens::Look(agent));
        let attempt = self.lab.tx.attempts[&id].clone();
        if !attempt.state.may_write() {
            return;
        }
        let is_work = attempt.kind == AttemptKind::Work;
        match self.dice.below(100) {
            0..4 => {
                self.count(if is_work {
                    "check failed"
                } else {
                    "check failed on its target"
                });
                self.lab.fail_check(&attempt);
            }
            4..7 if is_work => {
                self.count("driver failed");
                self.lab.fail_driver(&attempt);
            }
            7..9 if is_work => {
                self.count("asked");
                self.lab.ask(&attempt);
            }
            9 => {
                self.count("given up");
                self.lab.give_up(&attempt);
            }
            _ => self.pass(&attempt),
        }
    }

    fn pass(&mut self, attempt: &Attempt) {
        if attempt.kind == AttemptKind::Work && self.dice.one_in(4) {
            let changed = [format!("src/{}", self.dice.below(30))];
            let saw = |tx: &mut dyn devlab_core::tx::Tx| {
                devlab_core::rules::forecast::saw(tx, attempt.id, &changed)
            };
            self.lab.unit(saw).unwrap();
        }
        self.lab.pass(attempt);
    }

    /// Does what a train has to do, until it is somebody else's turn.
    fn train(&mut self, target: &Target) {
        loop {
            match self.lab.next(target) {
                TrainStep::Idle => return,
                TrainStep::Build(candidate) if self.dice.one_in(20) => {
                    self.count("conflict");
                    let index = self.dice.below(candidate.entries.len());
                    self.lab.conflict(&candidate, index);
                }
                TrainStep::Build(candidate) => {
                    let same_tree = self.dice.one_in(2);
                    self.lab.build(&candidate, same_tree);
                }
                TrainStep::Publish(candidate) => {
                    let is_goal = candidate.entries[0].task == self.goal;
                    if is_goal && !self.counts.contains_key("moved") {
                        self.count("moved");
                        self.lab.push(&target.branch);
                    }
                    self.lab.publish(&candidate);
                }
            }
        }
    }

    fn attend(&mut self, id: TaskId) {
        let State::Waiting(reason, _) = self.lab.state(id) else {
            return;
        };
        match reason {
            WaitReason::Approval => {
                let is_way = self.lab.task(id).choice == Some(Choice::Alternative);
                self.count(if is_way { "chosen" } else { "approved" });
                self.lab.approve_task(id).unwrap();
            }
            WaitReason::Question | WaitReason::Permission => {
                self.count("answered");
                self.lab.answer(id, &Reply::Words("do".into())).unwrap();
            }
            WaitReason::Review => {
                let verdict = match self.dice.one_in(5) {
                    true => Verdict::Reject,
                    false => Verdict::Accept,
                };
                self.count("reviewed");
                self.lab.judge(id, verdict).unwrap();
            }
            WaitReason::Attention | WaitReason::Budget => {
                self.count("retried");
                self.lab.retry(id).unwrap();
            }
        }
    }

    /// The plan changes each time that a further part of the tasks is done.
    fn replan(&mut self) -> bool {
        let due = (self.replans + 1) * GRAPH_TASKS_MAX / (REPLANS + 2);
        if self.replans == REPLANS || self.done < due {
            return false;
        }
        self.replans += 1;
        let all = &self.lab.tx.plans[&self.goal];
        let current = all.iter().find(|s| s.revision.state == PlanState::Current);
        let mut tasks = current.unwrap().plan.tasks.clone();
        for group in &mut tasks {
            self.change(&mut group.tasks);
        }
        let revision = self.lab.propose(self.goal, tasks).unwrap();
        self.approve(revision.number);
        self.set_policy();
        self.count("planned again");
        true
    }

    /// Other words for some, and others in place of some.
    fn change(&mut self, tasks: &mut Vec<PlanTask>) {
        for at in 0..tasks.len() {
            match self.dice.below(60) {
                0 => tasks[at].spec.goal = format!("so {}", self.dice.below(1_000)),
                1 => {
                    let gone = tasks[at].key.clone();
                    let key = format!("r{}{gone}", self.replans);
                    tasks[at] = new_task(&mut self.dice, &key);
                    for one in &mut *tasks {
                        one.depends_on.retain(|needed| *needed != gone);
                    }
                }
                _ => {}
            }
        }
    }

    fn approve(&mut self, number: u32) {
        let running = match self.dice.one_in(2) {
            true => Running::Cancel,
            false => Running::Finish,
        };
        let (place, goal) = (self.lab.place(true), self.goal);
        let done = self
            .lab
            .unit(|tx| plans::approve(tx, &place, goal, number, &ruling(running)));
        done.unwrap();
    }

    /// Everything of the last plan is done, once, and nothing is left over.
    fn check_end(&self) {
        let tx = &self.lab.tx;
        invariants::check(tx, 0);
        assert_eq!(self.lab.state(self.goal), State::Done, "{:?}", self.counts);
        let all = &tx.plans[&self.goal];
        let current = all.iter().find(|s| s.revision.state == PlanState::Current);
        for (key, id) in &current.unwrap().tasks {
            let task = self.lab.task(*id);
            let is_spare =
                task.choice == Some(Choice::Alternative) && task.state == State::Cancelled;
            assert!(task.state == State::Done || is_spare, "{key}: {task:?}");
        }
        assert!(tx.live().is_empty() && tx.queue.is_empty() && tx.due.is_empty());
        let held = |task: &devlab_core::task::Task| task.held_by.is_some() || task.holds;
        assert!(!tx.tasks.values().any(held));
        let mut landed: BTreeMap<TaskId, u32> = BTreeMap::new();
        let published = |c: &&devlab_core::train::Candidate| c.state == CandidateState::Published;
        for candidate in tx.candidates.values().filter(published) {
            for entry in &candidate.entries {
                *landed.entry(entry.task).or_insert(0) += 1;
            }
        }
        for task in tx.tasks.values() {
            let times = u32::from(task.state == State::Done);
            let found = landed.get(&task.id).copied().unwrap_or(0);
            assert_eq!(found, times, "it landed {found} times: {task:?}");
        }
    }
}

/// Lives a season, or twice the same. Returns what happened in it.
fn season(seed: u64, twice: bool) -> Counts {
    let mut first = Season::new(seed);
    first.live(true);
    first.check_end();
    if !twice {
        return first.counts;
    }
    let mut again = Season::new(seed);
    again.live(false);
    assert!(
        first.lab.tx == again.lab.tx,
        "seed {seed} ended in another state"
    );
    first.counts
}

/// What no set of seasons may be without.
const HAPPENS: &[&str] = &[
    "answered",
    "approved",
    "asked",
    "came back",
    "check failed",
    "check failed on its target",
    "conflict",
    "driver failed",
    "chosen",
    "given up",
    "held back",
    "lost",
    "moved",
    "planned again",
    "policy",
    "retried",
    "reviewed",
];

/// Lives many seasons, as many at a time as there are cores, and every `nth` twice. Returns what
/// happened in all of them.
#[expect(clippy::print_stdout, reason = "a long set says how far it is")]
fn seasons(seeds: Range<u64>, nth: u64) -> Counts {
    const TOLD_EVERY: u64 = 100;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut counts = Counts::new();
    let step = usize::try_from(threads).unwrap();
    let mut told = seeds.start;
    for first in seeds.clone().step_by(step) {
        if first >= told + TOLD_EVERY {
            told = first;
            println!(
                "lived through the seasons of seeds {} to {}",
                seeds.start,
                told - 1
            );
        }
        // The name of a thread is in its panic.
        let seeds = (first..seeds.end.min(first + threads)).map(|seed| {
            let named = std::thread::Builder::new().name(format!("season of seed {seed}"));
            named.spawn(move || season(seed, seed % nth < 2)).unwrap()
        });
        let together: Vec<_> = seeds.collect();
        for one in together {
            for (what, times) in one.join().expect("a season has failed") {
                *counts.entry(what).or_insert(0) += times;
            }
        }
    }
    let never: Vec<_> = HAPPENS
        .iter()
        .filter(|w| !counts.contains_key(*w))
        .collect();
    // A few, such as one that is lived again because it has failed, need not have everything.
    let is_few = seeds.end - seeds.start < TOLD_EVERY;
    assert!(is_few || never.is_empty(), "never happened: {never:?}");
    counts
}

#[test]
fn a_goal_of_two_thousand_tasks_ends_the_same_way_for_the_same_seed() {
    println!("{:#?}", seasons(0..100, 2));
}

/// The long set, which `make chaos` runs; see `scripts/chaos`.
#[test]
#[ignore = "takes half an hour; run by `make chaos`"]
#[expect(
    clippy::disallowed_methods,
    reason = "its length is a choice of whoever runs it"
)]
fn many_goals_of_two_thousand_tasks() {
    let number = |name: &str, default: u64| {
        let given = std::env::var(name).ok();
        given.map_or(default, |text| text.parse().expect("a number"))
    };
    let first = number("DEVLAB_SEASONS_SEED", 0);
    let wanted = number("DEVLAB_SEASONS", 5_000);
    println!("{:#?}", seasons(first..first + wanted, 2));
}

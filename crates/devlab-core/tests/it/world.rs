//! One random history: what can happen, done by number, with the invariants checked after each.

use std::collections::BTreeMap;
use std::time::Duration;

use devlab_core::ask::Ask;
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState};
use devlab_core::label::Labels;
use devlab_core::patch::Verdict;
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::person::Change;
use devlab_core::rules::schedule::{NewTask, Place};
use devlab_core::rules::{agents, forecast, person, train};
use devlab_core::state::{ResumeTo, State, TaskKind, WaitReason};
use devlab_core::train::{CandidateState, TrainStep};
use devlab_core::tx::Read;
use devlab_core::{AgentId, RefName, TaskId};

use crate::invariants;
use crate::lab::{Lab, MANY, check, code, composite, home, leaf, startable};

/// A small generator, so that one number of a shrinking case decides a whole graph.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        (!list.is_empty()).then(|| list[self.below(list.len())].clone())
    }
}

/// A lab, and what the world around it remembers.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) dice: Dice,
    pub(crate) agents: Vec<AgentId>,
    /// Completions that were acknowledged, to be repeated.
    pub(crate) completed: Vec<(Attempt, Outcome)>,
    /// Answers that no attempt was told of yet.
    pub(crate) answered: BTreeMap<TaskId, Ask>,
    pub(crate) last_claim: Option<(AgentId, String, Attempt)>,
    pub(crate) claims: u64,
    /// How often each thing happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut lab = Lab::new(u128::from(seed));
        let mut dice = Dice(seed);
        let names = ["test", "lint"];
        let some = dice.below(3);
        // Room is short at times.
        lab.tx.queues_max = 1 + dice.below(4);
        lab.settings.checks.checks = names[..some].iter().map(|name| check(name)).collect();
        let agents = vec![
            lab.agent("able", &["driver=default", "gpu", "linux"], 4),
            lab.agent("gpu", &["driver=default", "gpu"], 2),
            lab.agent("plain", &[], 2),
        ];
        let mut world = Self {
            lab,
            dice,
            agents,
            completed: vec![],
            answered: BTreeMap::new(),
            last_claim: None,
            claims: 0,
            counts: BTreeMap::new(),
        };
        match world.dice.below(3) {
            0 => world.ask_before_publication(),
            1 => world.hold_back(),
            _ => {}
        }
        world.schedule();
        world
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_insert(0) += 1;
    }

    fn graph(&mut self, key: &str, depth: usize, in_project: bool) -> NewTask {
        let children = if depth < 3 && self.dice.below(4) > depth {
            1 + self.dice.below(5)
        } else {
            0
        };
        let mut list: Vec<NewTask> = Vec::new();
        for i in 0..children {
            let mut child = self.graph(&format!("k{i}"), depth + 1, in_project);
            for sibling in &list {
                if self.dice.one_in(5) {
                    child.depends_on.push(sibling.key.clone());
                }
            }
            list.push(child);
        }
        let mut new = composite(key, &[], list);
        let labels: &[&str] = [&[][..], &[], &["gpu"], &["linux"]][self.dice.below(4)];
        new.requires = Labels::new(labels).unwrap();
        new.priority = i16::try_from(self.dice.below(3)).unwrap() - 1;
        new.review = self.dice.one_in(8).then_some(true);
        new.side_effects = self.dice.one_in(12);
        if in_project && children == 0 && !new.side_effects {
            new.alternatives = self.alternatives();
        }
        if in_project && self.dice.one_in(3) {
            new.spec.paths = vec![self.some_path()];
        }
        if self.dice.one_in(6) {
            new.spec.driver = None;
        }
        if self.dice.one_in(6) {
            new.spec.checks = vec![check("own")];
        }
        new
    }

    fn some_path(&mut self) -> String {
        ["src", "src/a.rs", "docs/"][self.dice.below(3)].to_owned()
    }

    fn schedule(&mut self) {
        let in_project = !self.dice.one_in(3);
        let mut place = self.lab.place(in_project);
        place.draft = self.dice.one_in(8);
        let goals = self.tasks(|task| task.is_goal());
        if self.dice.one_in(3) {
            place.depends_on.extend(self.dice.pick(&goals));
        }
        // Some come to their end soon, which others rarely do.
        let is_short = self.dice.one_in(3);
        let depth = if is_short { 3 } else { 0 };
        let mut new = self.graph("goal", depth, in_project);
        if is_short {
            new.review = None;
            new.alternatives.clear();
        }
        self.lab.create(&place, &new).unwrap();
        self.count("schedule");
    }

    fn add_child(&mut self) {
        let parents = self.tasks(|task| task.kind == TaskKind::Composite);
        let Some(parent) = self.dice.pick(&parents) else {
            return;
        };
        let siblings = self.tasks(|task| task.parent == Some(parent));
        let place = Place {
            parent: Some(parent),
            depends_on: self.dice.pick(&siblings).into_iter().collect(),
            draft: self.dice.one_in(4),
            ..self.lab.place(self.lab.task(parent).project.is_some())
        };
        let new = self.graph("late", 2, place.project.is_some());
        let made = self.lab.create(&place, &new).is_ok();
        self.count(if made {
            "add child"
        } else {
            "add child refused"
        });
    }

    fn tasks(&self, keep: impl Fn(&devlab_core::task::Task) -> bool) -> Vec<TaskId> {
        let all = self.lab.tx.tasks.values();
        all.filter(|task| keep(task)).map(|task| task.id).collect()
    }

    pub(crate) fn pick_task(
        &mut self,
        keep: impl Fn(&devlab_core::task::Task) -> bool,
    ) -> Option<TaskId> {
        let tasks = self.tasks(keep);
        self.dice.pick(&tasks)
    }

    fn pick_attempt(&mut self, states: &[AttemptState]) -> Option<Attempt> {
        let fitting = self
            .lab
            .tx
            .attempts_where(|attempt| states.contains(&attempt.state));
        self.dice.pick(&fitting)
    }

    fn heartbeat(&mut self) {
        if let Some(attempt) = self.pick_attempt(&[AttemptState::Live]) {
            self.lab.heartbeat(&attempt).unwrap();
            self.count("heartbeat");
            if self.dice.one_in(2) {
                let changed = [self.some_path()];
                let saw = self.lab.unit(|tx| forecast::saw(tx, attempt.id, &changed));
                saw.unwrap();
            }
        }
    }

    fn complete(&mut self, how: &'static str) {
        let Some(attempt) = self.pick_attempt(&[AttemptState::Live]) else {
            return;
        };
        let has_checks = self.has_checks(&attempt);
        let outcome = match how {
            "check fails" if has_checks => self.lab.outcome(&attempt, false),
            "driver fails" => Outcome::DriverFailed {
                reason: "exit code 1".into(),
                log_tail: String::new(),
                not_started: false,
            },
            "give up" => Outcome::GivenUp,
            "protected" => match self.lab.outcome(&attempt, true) {
                Outcome::Delivered { result, checks, .. } => Outcome::Delivered {
                    result,
                    checks,
                    protected: true,
                    heard: 0,
                },
                other => other,
            },
            _ => self.lab.outcome(&attempt, true),
        };
        self.lab.complete(&attempt, outcome.clone()).unwrap();
        self.completed.push((attempt, outcome));
        self.count(how);
    }

    fn has_checks(&self, attempt: &Attempt) -> bool {
        let set = match attempt.candidate {
            Some(id) => Some(&self.lab.tx.candidates[&id].check_set),
            None => self.lab.task(attempt.task).check_set.as_ref(),
        };
        set.is_some_and(|hash| !self.lab.tx.check_sets[hash].checks.is_empty())
    }

    fn repeat(&mut self) {
        let Some((attempt, outcome)) = self.dice.pick(&self.completed.clone()) else {
            return;
        };
        let before = self.lab.tx.clone();
        self.lab.complete(&attempt, outcome).unwrap();
        assert!(before == self.lab.tx, "a result was applied twice");
        self.count("completion repeated");
    }

    /// An attempt that is over, or whose task somebody else has, writes: nothing changes.
    fn stale(&mut self) {
        let over = [
            AttemptState::Superseded,
            AttemptState::Cancelled,
            AttemptState::Succeeded,
            AttemptState::Failed,
            AttemptState::Asked,
        ];
        let Some(attempt) = self.pick_attempt(&over) else {
            return;
        };
        let before = self.lab.tx.clone();
        let expected = match attempt.state {
            AttemptState::Cancelled => "task_cancelled",
            _ => "stale_attempt",
        };
        assert_eq!(code(self.lab.heartbeat(&attempt)), expected);
        let outcome = self.lab.outcome(&attempt, true);
        let answer = self.lab.complete(&attempt, outcome);
        assert!(before == self.lab.tx, "a stale completion was applied");
        match attempt.state {
            AttemptState::Superseded => {
                assert_eq!(code(answer), expected);
                self.count("superseded write");
            }
            AttemptState::Cancelled => {
                assert_eq!(code(answer), expected);
                self.count("cancelled write");
            }
            _ => self.count("write after the end"),
        }
    }

    /// An attempt whose lease has ended comes back: it may, until the next claim.
    fn come_back(&mut self) {
        let Some(attempt) = self.pick_attempt(&[AttemptState::Lost]) else {
            return;
        };
        let task = self.lab.task(attempt.task);
        let may = attempt.kind == AttemptKind::Verify
            || matches!(
                task.state,
                State::Ready | State::Waiting(WaitReason::Attention, ResumeTo::Ready)
            );
        let result = if self.dice.one_in(2) {
            self.lab.heartbeat(&attempt)
        } else {
            let outcome = self.lab.outcome(&attempt, true);
            self.lab.complete(&attempt, outcome)
        };
        if may {
            result.unwrap();
            self.count("come back");
        } else {
            assert_eq!(code(result), "stale_attempt");
            self.count("come back too late");
        }
    }

    fn train(&mut self) {
        let targets = self.lab.tx.trains(home(), MANY).unwrap();
        let Some(target) = self.dice.pick(&targets) else {
            return;
        };
        match self.lab.next(&target) {
            TrainStep::Idle => self.count("train idle"),
            TrainStep::Build(candidate) => match self.dice.below(12) {
                6 => {
                    let index = self.dice.below(candidate.entries.len());
                    let id = candidate.id;
                    self.lab
                        .unit(|tx| train::unmergeable(tx, id, index, "no common history"))
                        .unwrap();
                    self.count("unmergeable");
                }
                0 => {
                    let index = self.dice.below(candidate.entries.len());
                    self.lab.conflict(&candidate, index);
                    self.count(if index == 0 {
                        "conflict"
                    } else {
                        "conflict behind"
                    });
                }
                1 => self.count("build cut short"),
                // Batches are rare: what conflicts behind their first part would be rarer still.
                2..=4 if candidate.entries.len() > 1 => {
                    let behind = self.dice.below(candidate.entries.len() - 1) + 1;
                    self.lab.conflict(&candidate, behind);
                    self.count("conflict behind");
                }
                how => {
                    self.lab.build(&candidate, how % 6 < 4);
                    self.count(if candidate.entries.len() == 1 {
                        "built"
                    } else {
                        "built batch"
                    });
                    let before = self.lab.tx.clone();
                    self.lab.conflict(&candidate, 0);
                    assert!(before == self.lab.tx, "a late report changes nothing");
                }
            },
            TrainStep::Publish(candidate) => {
                if self.dice.one_in(5) {
                    self.lab.push(&candidate.target.branch);
                }
                let fits = self.lab.publish(&candidate);
                self.count(if fits { "published" } else { "moved" });
                let before = self.lab.tx.clone();
                let (id, tip) = (candidate.id, candidate.tip.clone().unwrap());
                self.lab.unit(|tx| train::published(tx, id, &tip)).unwrap();
                assert!(before == self.lab.tx, "published twice");
            }
        }
    }

    fn review(&mut self, verdict: Verdict) {
        let waits = State::Waiting(WaitReason::Review, ResumeTo::Integrating);
        if let Some(task) = self.pick_task(|task| task.state == waits) {
            self.lab.judge(task, verdict).unwrap();
            self.count(match verdict {
                Verdict::Accept => "accept",
                Verdict::Reject => "reject",
            });
        }
    }

    fn end(&mut self, is_cancel: bool) {
        // Most often a leaf that is under way: what ends at the top ends everything below it.
        let any = self.dice.one_in(5);
        let Some(task) =
            self.pick_task(|task| any || (task.kind == TaskKind::Leaf && !task.state.is_end()))
        else {
            return;
        };
        let before = self.lab.task(task).clone();
        let publishing = self.lab.tx.candidates.values().any(|c| {
            c.state == CandidateState::Publishing && c.entries.iter().any(|e| e.task == task)
        });
        let result = if is_cancel {
            self.lab.cancel(task)
        } else {
            self.lab.fail(task)
        };
        if publishing {
            assert_eq!(code(result), "conflict");
            return self.count("end while publishing refused");
        }
        if before.state.is_end() {
            let again = is_cancel && before.state == State::Cancelled;
            assert_eq!(result.is_ok(), again);
            return self.count("end again");
        }
        assert!(result.unwrap().state.is_end());
        self.count(if is_cancel { "cancel" } else { "fail" });
    }

    fn retry(&mut self) {
        let retriable = |state| {
            matches!(
                state,
                State::Failed | State::Cancelled | State::Waiting(WaitReason::Attention, _)
            )
        };
        if let Some(task) = self.pick_task(|task| retriable(task.state)) {
            let done = self.lab.retry(task).is_ok();
            self.count(if done { "retry" } else { "retry refused" });
        }
    }

    fn edge(&mut self) {
        // Now and then one whose agent may come back.
        let lost = self.dice.one_in(4);
        let Some(to) = self.pick_task(|task| !lost || task.lost.is_some()) else {
            return;
        };
        let parent = self.lab.task(to).parent;
        let Some(from) = self.pick_task(|task| task.parent == parent) else {
            return;
        };
        let had_started = self.lab.state(to).has_started();
        let result = self.lab.add_edge(from, to);
        match result {
            Ok(()) => {
                assert!(!had_started, "work under way was touched");
                self.count("late edge");
            }
            refused => match code(refused) {
                "cycle" => self.count("edge refused: cycle"),
                "bad_state" => self.count("edge refused: started"),
                "invalid" => self.count("edge refused: alternatives"),
                other => panic!("unexpected {other}"),
            },
        }
    }

    fn priority(&mut self) {
        if let Some(task) = self.pick_task(|_| true) {
            let change = Change {
                priority: Some(i16::try_from(self.dice.below(5)).unwrap() - 2),
                ..Change::default()
            };
            self.lab
                .unit(|tx| person::update(tx, task, change))
                .unwrap();
            self.count("priority");
        }
    }

    fn give_driver(&mut self) {
        let lacks = Labels::new(["driver=default"]).unwrap();
        let Some(task) = self.pick_task(|task| task.requires.satisfies(&lacks)) else {
            return;
        };
        let driver = leaf("", &[]).spec.driver;
        assert!(driver.is_some());
        let change = Change {
            driver,
            ..Change::default()
        };
        match self.lab.unit(|tx| person::update(tx, task, change)) {
            Ok(task) => {
                assert!(!task.requires.satisfies(&lacks));
                self.count("driver given");
            }
            refused => assert_eq!(code(refused), "bad_state"),
        }
    }

    fn start(&mut self) {
        let startable = startable(&mut self.lab.tx);
        if let Some(task) = self.dice.pick(&startable) {
            self.lab.start(task);
            self.count("start");
            let before = self.lab.tx.clone();
            self.lab.start(task);
            assert!(before == self.lab.tx, "started twice");
        }
    }

    fn drain(&mut self) {
        let agent = self.dice.pick(&self.agents.clone()).unwrap();
        let draining = self.dice.one_in(3);
        self.lab
            .unit(|tx| agents::drain(tx, agent, draining))
            .unwrap();
        self.count("drain");
    }

    fn push(&mut self) {
        let branches: Vec<RefName> = self.lab.refs.keys().cloned().collect();
        let branch = self.dice.pick(&branches).unwrap();
        self.lab.push(&branch);
        self.count("push");
    }

    fn time(&mut self, how: usize) {
        match how {
            0 => {
                self.lab
                    .advance(Duration::from_millis(self.dice.below(3_000) as u64));
                self.count("time passes");
            }
            1 => {
                if self.lab.expire() > 0 {
                    self.count("lease ends");
                }
            }
            _ => {
                if self.lab.release() > 0 {
                    self.count("back-off ends");
                }
            }
        }
    }

    /// Does the thing with this number, and checks everything after it.
    pub(crate) fn act(&mut self, what: u8, seed: u32) {
        let seen = self.lab.tx.events.len();
        self.dice = Dice(u64::from(seed));
        let choices = self.choices();
        match what {
            0..18 => self.claim(),
            18..20 => self.claim_again(),
            20..22 => self.heartbeat(),
            22..38 => self.complete("pass"),
            38..40 => self.complete("check fails"),
            40 => self.complete("driver fails"),
            41 => self.complete("give up"),
            42 => self.complete("protected"),
            43 => self.repeat(),
            44..47 => self.stale(),
            47..50 => self.come_back(),
            50..62 => self.train(),
            62..66 => self.review(Verdict::Accept),
            66 => self.review(Verdict::Reject),
            67 => self.end(true),
            68 => self.end(false),
            69..73 => self.retry(),
            73..77 => self.edge(),
            77 => self.priority(),
            78 => self.give_driver(),
            79..83 => self.approve(),
            83..90 => self.start(),
            90..92 => self.drain(),
            92 => self.push(),
            93 => self.time(0),
            94..96 => self.time(1),
            96 => self.time(2),
            97..99 => self.add_child(),
            99 => self.schedule(),
            100..103 => self.propose(),
            103..106 => self.set_policy(),
            106..110 => self.decide(),
            110..112 => self.ask(),
            112..115 => self.answer(),
            115..117 => self.tell(),
            117..119 => self.hear(),
            119..121 => self.comment(),
            _ => self.choose(),
        }
        self.note_choices(&choices);
        invariants::check(&self.lab.tx, seen);
    }
}

/// How many things [`World::act`] knows.
pub(crate) const ACTS: u8 = 125;

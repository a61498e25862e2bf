//! Batches: how many runs of the checks it takes to land the good ones.

use std::collections::BTreeSet;

use devlab_core::limits::BATCH_MAX;
use devlab_core::state::State;
use devlab_core::train::{Candidate, CandidateState, TrainStep};
use devlab_core::{AgentId, TaskId};

use crate::lab::Lab;
use crate::trains::delivered;

/// Results that wait in a train, and what is wrong with them.
struct Train {
    lab: Lab,
    agent: AgentId,
    tasks: Vec<TaskId>,
    /// Fail on any tree.
    bad: BTreeSet<TaskId>,
    /// Fail on a tree that has both.
    pair: Option<(TaskId, TaskId)>,
    /// Sizes of the candidates that were verified, and whether each passed.
    runs: Vec<(usize, bool)>,
}

impl Train {
    fn of(count: usize) -> Self {
        let mut lab = Lab::new(1);
        let agent = lab.able();
        let tasks = (0..count).map(|_| delivered(&mut lab, agent, false));
        let tasks = tasks.collect();
        // Every case is a copy of this one, and goes on without any others.
        lab.tx.events.clear();
        lab.in_place = true;
        Self::from(&lab, agent, tasks)
    }

    fn from(lab: &Lab, agent: AgentId, tasks: Vec<TaskId>) -> Self {
        Self {
            lab: lab.clone(),
            agent,
            tasks,
            bad: BTreeSet::new(),
            pair: None,
            runs: vec![],
        }
    }

    fn with_bad(&self, bad: &[usize]) -> Self {
        let mut train = Self::from(&self.lab, self.agent, self.tasks.clone());
        train.bad = bad.iter().map(|index| self.tasks[*index]).collect();
        train
    }

    fn passes(&self, candidate: &Candidate) -> bool {
        let has = |task: &TaskId| candidate.entries.iter().any(|entry| entry.task == *task);
        let clash = self.pair.is_some_and(|(a, b)| {
            let there = |task| has(&task) || self.lab.state(task) == State::Done;
            (has(&a) || has(&b)) && there(a) && there(b)
        });
        !clash && !self.bad.iter().any(has)
    }

    /// Drives it until nothing waits in it. Every candidate has to be verified: no tree is known.
    fn drive(&mut self) {
        let main = self.lab.main();
        loop {
            match self.lab.next(&main) {
                TrainStep::Idle => return,
                TrainStep::Build(candidate) => {
                    self.lab.build(&candidate, false);
                    let now = self.lab.tx.candidates[&candidate.id].state;
                    assert_eq!(now, CandidateState::Verifying);
                    self.verify(&candidate);
                }
                TrainStep::Publish(candidate) => assert!(self.lab.publish(&candidate)),
            }
            assert!(self.runs.len() <= 6 * self.tasks.len(), "{:?}", self.runs);
        }
    }

    fn verify(&mut self, candidate: &Candidate) {
        let passes = self.passes(candidate);
        self.runs.push((candidate.entries.len(), passes));
        let agent = self.agent;
        // What was sent back is ready again: verification comes first.
        let verify = self.lab.take(agent);
        assert_eq!(verify.candidate, Some(candidate.id));
        let outcome = self.lab.outcome(&verify, passes);
        self.lab.complete(&verify, outcome).unwrap();
    }

    fn landed(&self) -> usize {
        let done = |task: &&TaskId| self.lab.state(**task) == State::Done;
        self.tasks.iter().filter(done).count()
    }

    /// Everything but the bad ones has landed, and those were sent back, once.
    fn check(&self) {
        assert_eq!(self.landed(), self.tasks.len() - self.bad.len());
        for task in &self.bad {
            let sent_back = self.lab.task(*task).tries.sent_back;
            assert_eq!((self.lab.state(*task), sent_back), (State::Ready, 1));
        }
    }
}

/// Worst number of runs, and their sum.
fn count(cases: impl Iterator<Item = Train>) -> (usize, usize) {
    let (mut worst, mut sum) = (0, 0);
    for mut train in cases {
        train.drive();
        train.check();
        worst = worst.max(train.runs.len());
        sum += train.runs.len();
    }
    (worst, sum)
}

#[test]
fn fifty_with_two_bad_ones_anywhere_land_the_others_with_a_third_of_the_runs() {
    let train = Train::of(50);
    let pairs = (0..50).flat_map(|a| (a + 1..50).map(move |b| [a, b]));
    let (worst, sum) = count(pairs.map(|bad| train.with_bad(&bad)));
    assert_eq!(worst, 16, "a third of one by one is 16");
    // Mean: 14.49.
    assert_eq!(sum, 17_749);
}

#[test]
fn fifty_with_one_bad_one_and_with_none() {
    let train = Train::of(50);
    let (worst, sum) = count((0..50).map(|bad| train.with_bad(&[bad])));
    assert_eq!((worst, sum), (10, 413), "mean 8.26");
    assert_eq!(count([train].into_iter()), (1, 1));
}

#[test]
fn each_bad_one_costs_a_search_and_no_more() {
    // Halving 24: five cuts, itself, and one that passes on the way.
    const SEARCH: usize = 7;
    let train = Train::of(24);
    for bad in [
        vec![],
        vec![0],
        vec![23],
        vec![0, 1],
        vec![22, 23],
        vec![0, 11, 12, 23],
        (0..24).step_by(2).collect(),
        (0..24).collect(),
    ] {
        let mut train = train.with_bad(&bad);
        train.drive();
        train.check();
        let most = 1 + bad.len() * SEARCH;
        assert!(train.runs.len() <= most, "{bad:?}: {:?}", train.runs);
    }
}

#[test]
fn two_that_do_not_go_together_end_with_the_first_in() {
    let train = Train::of(20);
    for (a, b) in [(0, 1), (0, 19), (7, 8), (9, 10), (3, 15), (18, 19)] {
        let mut train = train.with_bad(&[]);
        let (first, second) = (train.tasks[a], train.tasks[b]);
        train.pair = Some((first, second));
        train.drive();
        train.bad.insert(second);
        train.check();
    }
}

#[test]
fn what_was_in_no_failed_part_is_verified_together_again() {
    let mut train = Train::of(50).with_bad(&[2]);
    train.drive();
    train.check();
    let sizes: Vec<usize> = train.runs.iter().map(|(size, _)| *size).collect();
    // The failed part of 16 is cut on; the other 47 are together as soon as the culprit is found.
    assert_eq!(sizes, [50, 16, 8, 4, 2, 1, 47]);
}

#[test]
fn a_batch_has_a_bound_and_the_rest_follows() {
    let mut train = Train::of(BATCH_MAX + 6);
    train.drive();
    train.check();
    assert_eq!(train.runs, [(BATCH_MAX, true), (6, true)]);
}

#[test]
fn one_that_a_person_has_to_see_stays_alone_when_a_batch_around_it_is_cut() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let reviewed = [false, false, false, true, false, false];
    let tasks = reviewed.map(|review| delivered(&mut lab, agent, review));
    let mut train = Train::from(&lab, agent, tasks.to_vec());
    train.bad.insert(tasks[1]);
    train.drive();
    let sizes: Vec<usize> = train.runs.iter().map(|(size, _)| *size).collect();
    assert_eq!(sizes, [3, 2, 1, 1, 1, 1, 2]);
    assert_eq!(train.landed(), 4);
}

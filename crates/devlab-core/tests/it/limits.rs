//! Limits of concurrency are kept by the claim, and starve nobody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use devlab_core::attempt::{Attempt, AttemptKind};
use devlab_core::label::Labels;
use devlab_core::limit::{LimitKey, Scope};
use devlab_core::policy::{Level, Policy};
use devlab_core::rules::schedule::NewTask;
use devlab_core::rules::stuck;
use devlab_core::tx::{Effect, Read as _};
use devlab_core::{AgentId, TaskId};

use crate::lab::{Lab, leaf};
use crate::world::Dice;

fn most(total: Option<u32>, labels: &[(&str, u32)]) -> Policy {
    let mut policy = Policy::default();
    policy.concurrency.total = total;
    let labels = labels
        .iter()
        .map(|(name, most)| ((*name).to_owned(), *most));
    policy.concurrency.labels = labels.collect();
    policy
}

fn needs(labels: &[&str], priority: i16) -> NewTask {
    NewTask {
        requires: Labels::new(labels).unwrap(),
        priority,
        ..leaf("", &[])
    }
}

fn used(lab: &Lab, scope: Scope, label: Option<&str>) -> u32 {
    let key = LimitKey {
        scope,
        label: label.map(str::to_owned),
    };
    lab.tx.limits[&(lab.org, key)].used
}

/// What an agent that can do everything takes until there is nothing more for it.
fn take_all(lab: &mut Lab, agent: AgentId) -> Vec<Attempt> {
    std::iter::from_fn(|| lab.claim(agent).unwrap()).collect()
}

#[test]
fn a_limit_is_kept_at_every_level_and_what_it_does_not_concern_passes_by() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let inside: Vec<TaskId> = (0..9).map(|_| lab.goal(&leaf("", &[])).id).collect();
    let outside: Vec<TaskId> = (0..9).map(|_| lab.errand(&leaf("", &[])).id).collect();
    // Both are there before the limits are, and wait in one queue.
    lab.set_policy(Level::Project(lab.project), most(Some(2), &[]))
        .unwrap();
    lab.set_policy(Level::Org(lab.org), most(Some(5), &[]))
        .unwrap();
    let taken: Vec<TaskId> = take_all(&mut lab, agent).iter().map(|a| a.task).collect();
    assert_eq!(taken, [&inside[..2], &outside[..3]].concat());
    assert_eq!(used(&lab, Scope::Org, None), 5);
    let first = lab.tx.live().remove(0);
    assert_eq!(first.task, inside[0]);
    lab.fail_to_start(&first);
    let next = take_all(&mut lab, agent);
    assert_eq!(next.iter().map(|a| a.task).collect::<Vec<_>>(), [inside[2]]);
}

#[test]
fn what_runs_when_a_limit_comes_counts_under_it() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    for _ in 0..4 {
        lab.errand(&needs(&["gpu"], 0));
    }
    let running: Vec<Attempt> = (0..3).map(|_| lab.take(agent)).collect();
    lab.set_policy(Level::Org(lab.org), most(None, &[("gpu", 2)]))
        .unwrap();
    assert_eq!(used(&lab, Scope::Org, Some("gpu")), 3, "nobody is stopped");
    for (i, attempt) in running.iter().enumerate() {
        lab.tx.effects.clear();
        lab.fail_to_start(attempt);
        let claimed = lab.claim(agent).unwrap();
        assert_eq!(claimed.is_some(), i == 1, "after {} have ended", i + 1);
        assert_eq!(lab.woken() > 0, i == 1, "a wake for a free place");
    }
}

#[test]
fn a_limit_that_is_lifted_counts_no_more_and_one_that_comes_back_counts_all() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    for _ in 0..3 {
        lab.errand(&leaf("", &[]));
    }
    let level = Level::Org(lab.org);
    lab.set_policy(level, most(Some(1), &[])).unwrap();
    assert_eq!(take_all(&mut lab, agent).len(), 1);
    lab.tx.effects.clear();
    lab.set_policy(level, Policy::default()).unwrap();
    assert!(
        lab.tx.effects.contains(&Effect::Missed),
        "everybody looks again"
    );
    assert_eq!(take_all(&mut lab, agent).len(), 2);
    lab.set_policy(level, most(Some(4), &[])).unwrap();
    assert_eq!(used(&lab, Scope::Org, None), 3);
    lab.set_policy(level, Policy::default()).unwrap();
    for attempt in lab.tx.live() {
        lab.fail_to_start(&attempt);
    }
    lab.set_policy(level, Policy::default()).unwrap();
    assert!(lab.tx.limits.is_empty(), "no counter is left behind");
}

#[test]
fn a_runtime_takes_no_more_than_its_limit() {
    let mut lab = Lab::new(1);
    let known = lab.able();
    for _ in 0..4 {
        lab.errand(&leaf("", &[]));
    }
    lab.take(known);
    let mut policy = Policy::default();
    policy.concurrency.runtimes = BTreeMap::from([("local".into(), 2)]);
    lab.set_policy(Level::Org(lab.org), policy).unwrap();
    let new = lab.agent("new", &[], 4);
    assert_eq!(take_all(&mut lab, new).len(), 1);
    assert_eq!(take_all(&mut lab, known).len(), 0);
    let scope = Scope::Runtime("local".into());
    assert_eq!(used(&lab, scope, None), 2);
}

#[test]
fn a_limit_of_none_pauses_and_holds_up_nobody() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), most(None, &[("gpu", 0), ("linux", 1)]))
        .unwrap();
    let paused = lab.errand(&needs(&["gpu", "linux"], 1)).id;
    let free = lab.errand(&needs(&["linux"], 0)).id;
    let taken = take_all(&mut lab, agent);
    assert_eq!(taken.iter().map(|a| a.task).collect::<Vec<_>>(), [free]);
    let stored = lab.task(paused).clone();
    let why = stuck::reason(&mut lab.tx, &stored).unwrap().unwrap();
    assert!(why.contains("policy"), "{why}");
}

#[test]
fn a_verification_counts_too() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Project(lab.project), most(Some(1), &[]))
        .unwrap();
    lab.goal(&leaf("", &[]));
    lab.goal(&leaf("", &[]));
    let attempt = lab.take(agent);
    assert_eq!(lab.claim(agent).unwrap(), None);
    lab.pass(&attempt);
    let main = lab.main();
    let devlab_core::train::TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    lab.build(&candidate, false);
    let verify = lab.take(agent);
    assert_eq!(verify.kind, AttemptKind::Verify);
    assert_eq!(lab.claim(agent).unwrap(), None);
}

#[test]
fn an_agent_that_comes_back_takes_its_place_again() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), most(Some(1), &[]))
        .unwrap();
    lab.errand(&leaf("", &[]));
    lab.errand(&needs(&[], 5));
    let first = lab.take(agent);
    lab.expire();
    assert_eq!(used(&lab, Scope::Org, None), 0);
    let other = lab.agent("other", &[], 1);
    // The task itself is the best in line: another one takes its place.
    let low = lab
        .tx
        .queue
        .iter()
        .min_by_key(|e| e.rank())
        .unwrap()
        .clone();
    assert_eq!(low.work, devlab_core::tx::Work::Task(first.task));
    lab.unit(|tx| devlab_core::rules::person::update(tx, first.task, lowest()))
        .unwrap();
    assert_ne!(lab.take(other).task, first.task);
    lab.heartbeat(&first).unwrap();
    assert_eq!(used(&lab, Scope::Org, None), 2, "it has never stopped");
    assert_eq!(lab.claim(agent).unwrap(), None);
}

#[test]
fn an_agent_that_comes_back_counts_under_a_limit_that_came_while_it_was_lost() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.errand(&needs(&["gpu"], 0));
    let attempt = lab.take(agent);
    lab.advance(lab.cfg.lease_term * 2);
    lab.expire();
    let mut policy = most(Some(3), &[("gpu", 2)]);
    policy.concurrency.runtimes = BTreeMap::from([("local".to_owned(), 1)]);
    lab.set_policy(Level::Org(lab.org), policy).unwrap();
    let runtime = || Scope::Runtime("local".to_owned());
    assert_eq!(used(&lab, runtime(), None), 0);
    lab.heartbeat(&attempt).unwrap();
    for (scope, label) in [
        (runtime(), None),
        (Scope::Org, None),
        (Scope::Org, Some("gpu")),
    ] {
        assert_eq!(used(&lab, scope, label), 1, "{label:?}");
    }
}

fn lowest() -> devlab_core::rules::person::Change {
    devlab_core::rules::person::Change {
        priority: Some(-9),
        ..Default::default()
    }
}

#[test]
fn what_needs_two_limits_gets_both_though_others_need_only_one() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), most(None, &[("gpu", 1), ("linux", 1)]))
        .unwrap();
    lab.errand(&needs(&["gpu"], 0));
    lab.errand(&needs(&["linux"], 0));
    let mut running: VecDeque<Attempt> = take_all(&mut lab, agent).into();
    assert_eq!(running.len(), 2);
    let both = lab.errand(&needs(&["gpu", "linux"], 0)).id;
    for turn in 0..4 {
        for label in ["gpu", "linux"] {
            lab.errand(&needs(&[label], 0));
        }
        // One ends at a time, so both are never free together by themselves.
        let Some(ended) = running.pop_front() else {
            break;
        };
        lab.fail_to_start(&ended);
        let next = take_all(&mut lab, agent);
        if next.iter().any(|attempt| attempt.task == both) {
            assert_eq!(turn, 1, "as soon as both can be had");
            return;
        }
        running.extend(next);
    }
    panic!("it never runs");
}

#[test]
fn places_are_not_kept_where_they_come_together() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), most(Some(2), &[("gpu", 1)]))
        .unwrap();
    for _ in 0..3 {
        lab.errand(&needs(&["gpu"], 1));
    }
    let plain = lab.errand(&leaf("", &[])).id;
    let taken = take_all(&mut lab, agent);
    assert_eq!(taken.len(), 2, "the org's second place is not left empty");
    assert_eq!(taken[1].task, plain);
}

/// Random limits, random work of three kinds of agents: everything that can run does in the end,
/// and the counters never pass what they say.
#[test]
fn whatever_the_limits_everything_runs_and_none_is_passed() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut lab = Lab::new(u128::from(seed));
        let kinds: [&[&str]; 4] = [&["gpu", "linux"], &["gpu"], &["linux"], &[]];
        let agents: Vec<AgentId> = (0..4)
            .map(|i| lab.agent(&format!("agent-{i}"), kinds[usize::from(i > 2)], 3))
            .collect();
        let limit = |dice: &mut Dice| 1 + u32::try_from(dice.below(3)).unwrap();
        let org = most(
            Some(limit(&mut dice) + 1),
            &[("gpu", limit(&mut dice)), ("linux", limit(&mut dice))],
        );
        lab.set_policy(Level::Org(lab.org), org).unwrap();
        let mut open = BTreeSet::new();
        let mut rounds = 0;
        while rounds < 120 || !open.is_empty() {
            rounds += 1;
            assert!(rounds < 3_000, "it does not come to its end: {open:?}");
            if rounds <= 120 {
                let labels = kinds[dice.below(4)];
                open.insert(lab.errand(&needs(labels, 0)).id);
            }
            let agent = agents[dice.below(agents.len())];
            let held = lab.tx.live().iter().filter(|a| a.agent == agent).count();
            if held < 3 {
                lab.claim(agent).unwrap();
            }
            for slots in lab.tx.limits.values() {
                assert!(slots.most.is_none_or(|most| slots.used <= most));
            }
            if dice.one_in(2)
                && let Some(attempt) = dice.pick(&lab.tx.live())
            {
                lab.pass(&attempt);
                open.remove(&attempt.task);
            }
        }
    }
}

#[test]
fn a_claim_looks_at_one_head_of_what_waits_for_a_limit() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Project(lab.project), most(Some(1), &[]))
        .unwrap();
    for _ in 0..20 {
        lab.goal(&needs(&[], 9));
    }
    lab.take(agent);
    let free = lab.errand(&leaf("", &[])).id;
    let heads = lab.tx.queue_heads(lab.org, None).unwrap();
    assert_eq!(heads.len(), 2);
    assert_eq!(lab.take(agent).task, free);
}

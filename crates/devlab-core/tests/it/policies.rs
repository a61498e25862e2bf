//! What policies change.

use std::collections::BTreeMap;
use std::time::Duration;

use devlab_core::ask::AskKind;
use devlab_core::attempt::AttemptKind;
use devlab_core::label::Labels;
use devlab_core::policy::{Approvals, Level, Policy, Retries, RetryRule, Reviews, Running};
use devlab_core::rules::plan;
use devlab_core::rules::policy;
use devlab_core::rules::schedule::NewTask;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::Made;
use devlab_core::tx::Read as _;

use crate::graph::id;
use crate::lab::{Lab, code, composite, leaf, refusal};
use crate::plans::task;

const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);
const START: State = State::Waiting(WaitReason::Approval, ResumeTo::Ready);

fn retries(most: u8) -> Policy {
    let rule = RetryRule {
        most: Some(most),
        ..RetryRule::default()
    };
    Policy {
        retries: Retries {
            lost: rule,
            check: rule,
            driver: rule,
            conflict: rule,
        },
        ..Policy::default()
    }
}

fn approvals(approvals: Approvals) -> Policy {
    Policy {
        approvals,
        ..Policy::default()
    }
}

fn labelled(key: &str, labels: &[&str]) -> NewTask {
    NewTask {
        requires: Labels::new(labels).unwrap(),
        ..leaf(key, &[])
    }
}

#[test]
fn a_task_is_tried_as_often_as_the_most_specific_policy_says() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.set_policy(Level::Org(lab.org), retries(5)).unwrap();
    lab.set_policy(Level::Project(lab.project), retries(1))
        .unwrap();
    let (inside, outside) = (lab.goal(&leaf("", &[])).id, lab.errand(&leaf("", &[])).id);
    for (goal, tries) in [(inside, 2), (outside, 6)] {
        for attempt in 1..=tries {
            lab.release();
            let taken = lab.take(agent);
            assert_eq!(taken.task, goal);
            let state = lab.fail_driver(&taken);
            assert_eq!(state == ATTENTION, attempt == tries, "{attempt} of {tries}");
        }
    }
}

#[test]
fn each_kind_of_failure_has_its_own_number() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut policy = retries(0);
    policy.retries.check.most = Some(1);
    lab.set_policy(Level::Org(lab.org), policy).unwrap();
    let goal = lab.goal(&leaf("", &[])).id;
    let attempt = lab.take(agent);
    assert_eq!(lab.fail_check(&attempt), State::Ready);
    lab.release();
    let attempt = lab.take(agent);
    assert_eq!(lab.give_up(&attempt), ATTENTION);
    let goal_two = lab.goal(&leaf("", &[])).id;
    let attempt = lab.take(agent);
    assert_eq!(attempt.task, goal_two);
    lab.pass(&attempt);
    let main = lab.main();
    let devlab_core::train::TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate");
    };
    lab.conflict(&candidate, 0);
    assert_eq!(lab.state(goal_two), ATTENTION, "no conflict is tolerated");
    assert_eq!(lab.state(goal), ATTENTION);
}

#[test]
fn what_a_task_was_promised_stays_but_a_goals_policy_is_for_what_it_has() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[])]));
    lab.set_policy(Level::Org(lab.org), retries(0)).unwrap();
    let attempt = lab.take(agent);
    assert_eq!(
        lab.fail_driver(&attempt),
        State::Ready,
        "it was promised two"
    );
    lab.set_policy(Level::Goal(goal.id), Policy::default())
        .unwrap();
    lab.release();
    let attempt = lab.take(agent);
    assert_eq!(lab.fail_driver(&attempt), ATTENTION);
    let child = lab.set_policy(Level::Goal(id(&goal, "a")), Policy::default());
    assert_eq!(code(child), "invalid");
}

#[test]
fn a_long_pause_is_kept_and_a_clock_that_went_back_does_not_make_it_longer() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let hour = Duration::from_secs(3600);
    let mut policy = retries(9);
    policy.retries.driver.first_ms = Some(3_600_000);
    policy.retries.driver.longest_ms = Some(3_600_000);
    lab.set_policy(Level::Org(lab.org), policy).unwrap();
    lab.errand(&leaf("", &[]));
    let attempt = lab.take(agent);
    lab.fail_driver(&attempt);
    let until = lab.task(attempt.task).not_before.unwrap();
    let mut alarms = 0;
    while lab.tx.now < until {
        assert_eq!(lab.claim(agent).unwrap(), None, "it rests until {until}");
        lab.tx.now = lab.tx.next_due().unwrap().unwrap();
        alarms += lab.release_now();
    }
    assert!(alarms > 30, "an alarm is never far away: {alarms}");
    let attempt = lab.take(agent);

    lab.fail_driver(&attempt);
    lab.set_clock_back(10 * hour);
    assert_eq!(lab.release_now(), 1);
    lab.take(agent);
}

#[test]
fn nothing_of_a_goal_starts_before_it_is_approved_where_policy_says_so() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let wanted = approvals(Approvals {
        plan: Some(true),
        ..Approvals::default()
    });
    lab.set_policy(Level::Project(lab.project), wanted).unwrap();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    assert_eq!(lab.state(goal.id), State::Draft);
    let elsewhere = lab.errand(&leaf("", &[])).id;
    assert_eq!(lab.take(agent).task, elsewhere);
    lab.start_all();
    assert_eq!(lab.claim(agent).unwrap(), None);
    lab.approve_task(goal.id).unwrap();
    lab.start_all();
    assert_eq!(lab.take(agent).task, id(&goal, "a"));
}

#[test]
fn a_plan_needs_nobody_where_policy_says_so() {
    let mut lab = Lab::new(1);
    let planned = lab.planned(vec![task("a", &[])]).unwrap();
    let goal = lab.task(planned).clone();
    let by_itself = plan::approved_by_policy(&mut lab.tx, &goal).unwrap();
    assert_eq!(by_itself, None);
    let trusting = approvals(Approvals {
        plan: Some(false),
        ..Approvals::default()
    });
    lab.set_policy(Level::Goal(planned), trusting).unwrap();
    let ruling = plan::approved_by_policy(&mut lab.tx, &goal)
        .unwrap()
        .unwrap();
    assert_eq!(ruling.by, plan::BY_POLICY);
}

#[test]
fn a_task_with_certain_labels_waits_for_an_approval_and_says_who_gave_it() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let sets = [vec!["gpu", "linux"], vec!["prod"]];
    let wanted = approvals(Approvals {
        tasks: Some(sets.map(|set| Labels::new(set).unwrap()).to_vec()),
        ..Approvals::default()
    });
    lab.set_policy(Level::Org(lab.org), wanted).unwrap();
    let tasks = vec![
        labelled("free", &["gpu"]),
        labelled("held", &["gpu", "linux"]),
    ];
    let goal = lab.errand(&composite("", &[], tasks));
    let held = id(&goal, "held");
    assert_eq!(lab.state(held), START);
    assert_eq!(lab.take(agent).task, id(&goal, "free"));
    assert_eq!(lab.claim(agent).unwrap(), None, "it holds no agent");

    lab.add_edge(id(&goal, "free"), held).unwrap();
    assert_eq!(lab.state(held), State::Blocked, "it has not begun");
    let free = lab.tx.live().remove(0);
    lab.pass(&free);
    assert_eq!(lab.state(held), START);
    lab.approve_task(held).unwrap();
    assert_eq!(code(lab.approve_task(held)), "bad_state");
    let asks = lab.tx.asks(held).unwrap();
    assert_eq!(asks.len(), 1, "the same is asked once");
    assert_eq!(asks[0].kind, AskKind::Start);
    let answer = asks[0].answer.clone().unwrap();
    assert_eq!((answer.by.as_str(), answer.at), ("operator:bo", lab.tx.now));

    let attempt = lab.take(agent);
    assert_eq!(attempt.task, held);
    lab.fail_driver(&attempt);
    lab.release();
    assert_eq!(
        lab.take(agent).task,
        held,
        "what was approved is tried again"
    );
}

#[test]
fn a_goals_result_is_published_only_once_its_head_is_approved() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let wanted = approvals(Approvals {
        publication: Some(true),
        ..Approvals::default()
    });
    lab.set_policy(Level::Org(lab.org), wanted).unwrap();
    let goal = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    lab.start_all();
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    let branch = lab.target(devlab_core::RefName::of_composite(goal.id));
    lab.run_train(&branch, agent);
    assert_eq!(
        lab.state(id(&goal, "a")),
        State::Done,
        "inside, nobody is asked"
    );
    let main = lab.main();
    lab.run_train(&main, agent);
    let waits = State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
    assert_eq!(lab.state(goal.id), waits);
    assert!(lab.tx.entries.is_empty(), "it holds up nobody");
    let asked = lab.tx.asks(goal.id).unwrap();
    assert_eq!(asked[0].head, lab.task(goal.id).head);
    lab.approve_task(goal.id).unwrap();
    lab.push(&main.branch);
    lab.run_train(&main, agent);
    assert_eq!(lab.state(goal.id), State::Done);
}

#[test]
fn a_policy_can_only_ask_for_more_reviews_than_a_request() {
    for (policy, asked, goal, child) in [
        (None, None, true, false),
        (None, Some(false), false, false),
        (Some(Reviews::Asked), None, false, false),
        (Some(Reviews::Asked), Some(true), true, true),
        (Some(Reviews::Goals), Some(false), true, false),
        (Some(Reviews::All), Some(false), true, true),
    ] {
        let mut lab = Lab::new(1);
        let reviews = Policy {
            reviews: policy,
            ..Policy::default()
        };
        lab.set_policy(Level::Org(lab.org), reviews).unwrap();
        let asks = |new: NewTask| NewTask {
            review: asked,
            ..new
        };
        let new = asks(composite("", &[], vec![asks(leaf("a", &[]))]));
        let made = lab.goal(&new);
        let is = |id| lab.task(id).review;
        let found = (is(made.id), is(id(&made, "a")));
        assert_eq!(found, (goal, child), "{policy:?} {asked:?}");
        let errand = lab.errand(&leaf("", &[])).id;
        assert!(!lab.task(errand).review, "there is nothing to review");
    }
}

#[test]
fn what_becomes_of_running_work_is_the_policys_to_say_if_nobody_does() {
    for (policy, goes_on) in [(None, false), (Some(Running::Finish), true)] {
        let mut lab = Lab::new(1);
        let agent = lab.able();
        let finish = Policy {
            running: policy,
            ..Policy::default()
        };
        lab.set_policy(Level::Org(lab.org), finish).unwrap();
        let goal = lab.planned(vec![task("a", &[])]).unwrap();
        lab.approve(goal, 1, Running::Cancel).unwrap();
        lab.start_all();
        let attempt = lab.take(agent);
        let other = lab.propose(goal, vec![task("b", &[])]).unwrap();
        let place = lab.place(true);
        let ruling = plan::Ruling {
            by: "ada".into(),
            why: String::new(),
            running: None,
        };
        lab.unit(|tx| plan::approve(tx, &place, goal, other.number, &ruling))
            .unwrap();
        let is_live = lab.state(attempt.task) == State::Running;
        assert_eq!(is_live, goes_on);
    }
}

#[test]
fn a_policy_takes_the_place_of_the_one_that_its_author_knows() {
    let mut lab = Lab::new(1);
    let level = Level::Org(lab.org);
    let mut setting = lab.setting(level, retries(1));
    for (known, number) in [(Some(0), Some(1)), (Some(0), None), (Some(1), Some(2))] {
        setting.instead_of = known;
        let set = lab.unit(|tx| policy::set(tx, &setting));
        match number {
            Some(number) => assert_eq!(set.unwrap().number, number),
            None => assert_eq!(code(set), "outdated"),
        }
    }
    let history = lab.tx.policy_history(level).unwrap();
    let numbers: Vec<u32> = history.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(history[0].by, "admin:ada");
}

#[test]
fn what_makes_no_sense_is_refused_by_its_place() {
    let mut lab = Lab::new(1);
    let (org, project) = (Level::Org(lab.org), Level::Project(lab.project));
    let mut long = retries(1);
    long.retries.check.longest_ms = Some(3_600_001);
    let mut runtimes = Policy::default();
    runtimes.concurrency.runtimes = BTreeMap::from([("local".into(), 1)]);
    let mut odd = Policy::default();
    odd.concurrency.labels = BTreeMap::from([("a,b".into(), 1)]);
    let mut never = Policy::default();
    never.time_limits.driver_secs = Some(0);
    let share = |share| Policy {
        share: Some(share),
        ..Policy::default()
    };
    for (level, policy, field) in [
        (org, long, "retries.check.longest_ms"),
        (org, retries(101), "retries.lost.most"),
        (project, runtimes, "concurrency.runtimes"),
        (org, odd, "concurrency.labels"),
        (org, never, "time_limits.driver_secs"),
        (org, share(0), "share"),
        (project, share(1), "share"),
    ] {
        let said = refusal(lab.set_policy(level, policy)).to_string();
        assert!(said.starts_with(&format!("{field}: ")), "{field}: {said}");
    }
    assert!(
        lab.tx.policies.is_empty(),
        "a refused policy leaves nothing"
    );
}

#[test]
fn what_is_brought_in_by_its_author_is_under_no_terms() {
    let mut lab = Lab::new(1);
    let wanted = Policy {
        reviews: Some(Reviews::All),
        ..approvals(Approvals {
            publication: Some(true),
            ..Approvals::default()
        })
    };
    lab.set_policy(Level::Org(lab.org), wanted).unwrap();
    let agent = lab.able();
    let (place, head) = (lab.place(true), lab.oid());
    let id = devlab_core::TaskId::new(lab.tx.now, 7);
    let spec = leaf("sync", &[]).spec;
    lab.unit(|tx| {
        devlab_core::rules::schedule::adopt(
            tx,
            id,
            &place,
            &spec,
            &head,
            &Made::by("operator:somebody"),
        )
    })
    .unwrap();
    let main = lab.main();
    lab.run_train(&main, agent);
    assert_eq!(lab.state(id), State::Done);
    let kinds = lab.tx.attempts.values().map(|attempt| attempt.kind);
    assert!(kinds.into_iter().all(|kind| kind == AttemptKind::Verify));
}

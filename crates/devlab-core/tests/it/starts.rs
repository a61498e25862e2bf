//! Templates start goals.

use std::collections::BTreeMap;
use std::time::Duration;

use devlab_core::limits::{FIRINGS_KEPT, FIRINGS_PENDING_MAX};
use devlab_core::rules::schedule::{NewTask, Place};
use devlab_core::rules::start::{self, Delivery, NewTemplate};
use devlab_core::template::{
    Cron, Firing, Hook, HookForge, Outcome, ReadTemplates as _, Template, Trigger,
};
use devlab_core::tx::Page;
use devlab_core::{TaskId, Timestamp};

use crate::lab::{Lab, leaf, refusal};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn cron(overlap: bool) -> Trigger {
    Trigger::Cron(Cron {
        expression: "30 2 * * *".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        overlap,
    })
}

fn hook() -> Trigger {
    Trigger::Hook(Hook {
        forge: HookForge::Github,
        events: Vec::new(),
        branches: Vec::new(),
    })
}

fn goal() -> NewTask {
    let mut goal = leaf("", &[]);
    goal.spec.title = "Look at {branch}{date}".to_owned();
    goal
}

fn template(lab: &mut Lab, trigger: Trigger) -> Template {
    let new = NewTemplate {
        org: lab.org,
        project: None,
        name: "nightly".parse().unwrap(),
        goal: goal(),
        trigger,
        by: "somebody".to_owned(),
    };
    lab.unit(|tx| start::create(tx, &new)).unwrap()
}

/// What the loop does, on as many servers; returns the goals.
fn pass(lab: &mut Lab, servers: u32) -> Vec<TaskId> {
    let place = Place {
        org: lab.org,
        project: None,
        parent: None,
        depends_on: Vec::new(),
        draft: false,
    };
    for _ in 0..servers {
        lab.unit(|tx| start::note_due(tx, 10)).unwrap();
    }
    // All of them look before any of them makes a goal.
    let pending = lab.unit(|tx| tx.pending_firings(None, 10)).unwrap();
    let mut made = Vec::new();
    for _ in 0..servers {
        for firing in &pending {
            let settled = lab.unit(|tx| start::settle(tx, &place, firing.template, &firing.key));
            made.extend(settled.unwrap());
        }
    }
    made
}

fn firings(lab: &mut Lab, of: &Template) -> Vec<Firing> {
    lab.unit(|tx| tx.firings(of.id, 1_000)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_time_makes_one_goal_however_many_servers_look() {
    let mut lab = Lab::new(1);
    lab.tx.now = at("2026-10-23T12:00:00Z");
    let nightly = template(&mut lab, cron(true));
    // Through the night in which half past two comes twice, a look every quarter of an hour.
    let mut made = Vec::new();
    for _ in 0..4 * 24 * 4 {
        lab.advance(Duration::from_secs(900));
        made.extend(pass(&mut lab, 3));
    }
    assert_eq!(made.len(), 4);
    let firings = firings(&mut lab, &nightly);
    let days: Vec<_> = firings.iter().map(|f| f.values["date"].as_str()).collect();
    let wanted = ["2026-10-27", "2026-10-26", "2026-10-25", "2026-10-24"];
    assert_eq!(days, wanted);
    let spec = lab.tx.specs[&made[0]].clone();
    assert_eq!(spec.title, "Look at {branch}2026-10-24");
}

#[test]
fn an_outage_is_made_up_for_once() {
    let mut lab = Lab::new(1);
    lab.tx.now = at("2026-11-20T12:00:00Z");
    let nightly = template(&mut lab, cron(true));
    lab.advance(2 * DAY + Duration::from_secs(3600));
    assert_eq!(pass(&mut lab, 2).len(), 1, "two nights, one goal");
    assert_eq!(firings(&mut lab, &nightly)[0].values["date"], "2026-11-22");
    assert_eq!(pass(&mut lab, 2), []);
    // While no server makes its goals, one waits.
    for _ in 0..5 {
        lab.advance(DAY);
        lab.unit(|tx| start::note_due(tx, 10)).unwrap();
    }
    assert_eq!(pass(&mut lab, 2).len(), 1);
    // A clock that is put back starts nothing again.
    lab.tx.now = at("2026-11-22T01:00:00Z");
    assert_eq!(pass(&mut lab, 2), []);
    lab.tx.now = at("2026-11-28T01:30:00Z");
    assert_eq!(pass(&mut lab, 2).len(), 1);
}

#[test]
fn one_after_the_other_unless_it_may_overlap() {
    let mut lab = Lab::new(1);
    let nightly = template(&mut lab, cron(false));
    lab.advance(DAY);
    let first = pass(&mut lab, 1).pop().unwrap();
    lab.advance(DAY);
    assert_eq!(pass(&mut lab, 1), []);
    let why = firings(&mut lab, &nightly)[0].outcome.clone();
    assert_eq!(why, Some(Outcome::None(format!("{first} is not over"))));
    // However long ago that is.
    lab.advance(60 * DAY);
    assert_eq!(pass(&mut lab, 1), []);
    lab.cancel(first).unwrap();
    lab.advance(DAY);
    assert_eq!(pass(&mut lab, 1).len(), 1);
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_puts_nothing_off() {
    let mut lab = Lab::new(1);
    lab.tx.now = at("2026-03-01T12:00:00Z");
    let nightly = template(&mut lab, cron(false));
    let next = nightly.next_at;
    let now = std::mem::replace(&mut lab.tx.now, at("2027-03-01T12:00:00Z"));
    assert_eq!(pass(&mut lab, 1).len(), 1, "its time has come, as it seems");
    lab.tx.now = now;
    assert_ne!(lab.tx.template(nightly.id).unwrap().unwrap().next_at, next);
    let page = Page {
        after: None,
        limit: 1,
    };
    let last = lab.unit(|tx| start::reckon(tx, page)).unwrap();
    assert_eq!(last, Some(nightly.id), "there may be more");
    assert_eq!(lab.tx.template(nightly.id).unwrap().unwrap().next_at, next);
    let page = Page {
        after: Some(nightly.id.uuid()),
        limit: 1,
    };
    assert_eq!(lab.unit(|tx| start::reckon(tx, page)).unwrap(), None);
}

#[test]
fn what_is_missed_while_paused_is_not_made_up_for() {
    let mut lab = Lab::new(1);
    let nightly = template(&mut lab, cron(true));
    lab.unit(|tx| start::enable(tx, nightly.id, false)).unwrap();
    lab.advance(3 * DAY);
    assert_eq!(pass(&mut lab, 1), []);
    let back = lab.unit(|tx| start::enable(tx, nightly.id, true)).unwrap();
    assert!(back.next_at.unwrap() > lab.tx.now);
    assert_eq!(pass(&mut lab, 1), []);
    lab.unit(|tx| start::wish(tx, nightly.id)).unwrap();
    assert_eq!(pass(&mut lab, 1).len(), 1, "somebody wants it now");
}

fn delivery(n: u32, id: &str) -> Delivery {
    Delivery {
        digest: format!("{n:064x}"),
        id: Some(id.to_owned()),
        values: BTreeMap::from([("branch".to_owned(), "main".to_owned())]),
    }
}

#[test]
fn a_delivery_counts_once_by_what_it_says_and_by_its_id() {
    let mut lab = Lab::new(1);
    let hooked = template(&mut lab, hook());
    let arrive =
        |lab: &mut Lab, delivery: Delivery| lab.unit(|tx| start::arrive(tx, hooked.id, &delivery));
    arrive(&mut lab, delivery(1, "a")).unwrap();
    let before = "this delivery came before";
    // The id is not signed: another one does not make it another delivery.
    assert_eq!(
        refusal(arrive(&mut lab, delivery(1, "b"))).to_string(),
        before
    );
    assert_eq!(
        refusal(arrive(&mut lab, delivery(2, "a"))).to_string(),
        before
    );
    lab.advance(Duration::from_secs(1));
    arrive(&mut lab, delivery(2, "b")).unwrap();
    let made = pass(&mut lab, 2);
    assert_eq!(made.len(), 2);
    assert_eq!(lab.tx.specs[&made[0]].title, "Look at main{date}");
    assert_eq!(
        refusal(arrive(&mut lab, delivery(1, "c"))).to_string(),
        before
    );
    // What is known is bounded in time and in number.
    lab.advance(FIRINGS_KEPT + DAY);
    arrive(&mut lab, delivery(3, "d")).unwrap();
    assert_eq!(firings(&mut lab, &hooked).len(), 2, "and the last goal's");
    for n in 4..3 + u32::try_from(FIRINGS_PENDING_MAX).unwrap() {
        arrive(&mut lab, delivery(n, &n.to_string())).unwrap();
    }
    let full = refusal(arrive(&mut lab, delivery(900, "x"))).to_string();
    assert_eq!(full, "starts of a schedule that wait: the limit is 100");
    lab.unit(|tx| start::enable(tx, hooked.id, false)).unwrap();
    let paused = refusal(arrive(&mut lab, delivery(901, "y"))).to_string();
    assert_eq!(paused, "it is paused");
}

#[test]
fn a_name_is_taken_once_and_a_secret_is_a_webhooks() {
    let mut lab = Lab::new(1);
    let nightly = template(&mut lab, cron(true));
    let new = NewTemplate {
        org: lab.org,
        project: None,
        name: nightly.name.clone(),
        goal: goal(),
        trigger: hook(),
        by: String::new(),
    };
    let taken = refusal(lab.unit(|tx| start::create(tx, &new))).to_string();
    assert_eq!(taken, "a schedule named nightly exists already");
    let none = refusal(lab.unit(|tx| start::renew_secret(tx, nightly.id))).to_string();
    assert!(none.contains("has no secret"), "{none}");
}

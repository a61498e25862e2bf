//! The slots of a pool, and who gets them.

use std::sync::atomic::{AtomicU64, Ordering};

use devlab_core::Timestamp;

use super::*;

#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

fn org(n: u128) -> OrgId {
    OrgId::new(Timestamp::from_millis(1), n << 16)
}

fn granted(pool: &Pool) -> Vec<OrgId> {
    pool.switches().iter().map(|switch| switch.to).collect()
}

fn pool(slots: usize) -> Arc<Pool> {
    let clock: Arc<dyn Clock> = Arc::new(Hand::default());
    Pool::new(slots, "local", Labels::default(), clock)
}

fn asks(pool: &Pool, slot: usize, org: OrgId) {
    pool.starts(slot, org, format!("agent-{slot}"));
    pool.asks(slot, org, false);
}

#[test]
fn what_one_agent_may_not_take_another_one_looks_at_before_the_org_has_nothing() {
    let pool = pool(2);
    pool.tell(&[(org(1), 1, true)]);
    for slot in [0, 1] {
        asks(&pool, slot, org(1));
    }
    let turn = pool.turn(0, org(1)).unwrap();
    pool.found(turn, false);
    assert!(pool.turn(0, org(1)).is_none(), "it has looked");
    let turn = pool.turn(1, org(1)).unwrap();
    pool.found(turn, false);
    assert!(pool.turn(0, org(1)).is_none() && pool.turn(1, org(1)).is_none());
    pool.ready(org(1), &Labels::default());
    assert!(pool.turn(0, org(1)).is_some(), "there is news");
}

#[test]
fn what_the_only_agent_of_an_org_may_not_take_brings_another_one_of_it() {
    let pool = pool(2);
    let told = [(org(1), 1, true), (org(2), 1, false)];
    pool.tell(&told);
    for slot in [0, 1] {
        asks(&pool, slot, org(1 + slot as u128));
    }
    let turn = pool.turn(0, org(1)).unwrap();
    pool.found(turn, false);
    assert!(granted(&pool).is_empty(), "there may be nothing to do");
    pool.tell(&told);
    assert!(pool.turn(0, org(1)).is_none());
    assert_eq!(granted(&pool), [org(1)]);
}

#[test]
fn who_has_looked_in_vain_looks_again_at_what_was_perhaps_not_heard() {
    let pool = pool(1);
    let told = [(org(1), 1, true)];
    pool.tell(&told);
    asks(&pool, 0, org(1));
    let turn = pool.turn(0, org(1)).unwrap();
    pool.found(turn, false);
    pool.tell(&told);
    pool.tell(&told);
    assert!(pool.turn(0, org(1)).is_some());
}

#[test]
fn an_org_whose_agents_do_not_come_up_holds_up_nobody() {
    let clock = Arc::new(Hand::default());
    let pool = Pool::new(
        1,
        "local",
        Labels::default(),
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    let both = [(org(1), 1, true), (org(2), 1, true)];
    pool.tell(&both);
    let [bad] = granted(&pool)[..] else {
        panic!("one slot is granted once")
    };
    let good = if bad == org(1) { org(2) } else { org(1) };
    pool.starts(0, bad, "agent".to_owned());
    pool.fails(0, bad);
    pool.tell(&both);
    assert_eq!(granted(&pool), [good]);
    pool.starts(0, good, "agent".to_owned());
    pool.asks(0, good, false);
    pool.tell(&[(good, 1, false)]);

    // It is tried again after a while, and left out for longer.
    assert_eq!(granted(&pool), [] as [OrgId; 0]);
    clock.0.store(31, Ordering::SeqCst);
    pool.tell(&[(bad, 1, true)]);
    assert_eq!(granted(&pool), [bad]);
    pool.fails(0, bad);
    clock.0.store(90, Ordering::SeqCst);
    pool.tell(&[(bad, 1, true)]);
    assert_eq!(granted(&pool), [] as [OrgId; 0]);
    clock.0.store(92, Ordering::SeqCst);
    pool.tell(&[(bad, 1, true)]);
    assert_eq!(granted(&pool), [bad]);
}

//! Slots that several orgs share are granted by weighted fair share.
//!
//! Each org has a virtual time: how long it has held slots, divided by its weight. A slot that is free
//! goes to the org with the least virtual time among those that want one, so over time each gets
//! slots in proportion to its weight, however long its attempts are.
//!
//! An org that begins to want slots begins within the virtual times of those that want some. It is
//! not before the first of them: what it did not use is nobody's. And it is not behind the last of
//! them: what it used while nobody else wanted it is not held against it, so whatever an org has
//! had, and whatever another one has ready, its first task is not behind the other's second. Of
//! those that are level the one is first that holds less, then the one that has waited longest; so
//! orgs that come again and again with one task each get round to everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::OrgId;
use crate::limits::SHARE_MAX;

/// What one millisecond of a slot costs an org of weight 1.
const COST: u64 = SHARE_MAX as u64;
/// How far an org that holds slots may fall behind before an agent of another one that has work is
/// ended for it: as much as ten seconds of a slot cost an org of weight 1. Without it two orgs that
/// are level would change places at every end of an attempt.
const LAG: u64 = 10_000 * COST;

/// One org's account.
#[derive(Debug, Clone)]
struct Account {
    weight: u64,
    /// Virtual time at `at`.
    used: u64,
    /// Slots that it holds since `at`.
    held: u64,
    at: Duration,
    wants: bool,
    /// When it began to want slots, or got the last one since.
    since: Duration,
}

impl Account {
    fn used(&self, now: Duration) -> u64 {
        let millis = now.saturating_sub(self.at).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let cost = millis.saturating_mul(self.held).saturating_mul(COST) / self.weight;
        self.used.saturating_add(cost)
    }

    fn settle(&mut self, now: Duration) {
        self.used = self.used(now);
        self.at = self.at.max(now);
    }
}

/// Who has used how much. Times are of one clock that never goes back.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    accounts: BTreeMap<OrgId, Account>,
    /// The least virtual time at which somebody last wanted a slot: where newcomers begin.
    floor: u64,
}

impl Shares {
    fn account(&mut self, org: OrgId, now: Duration) -> &mut Account {
        let floor = self.floor;
        let account = self.accounts.entry(org).or_insert(Account {
            weight: 1,
            used: floor,
            held: 0,
            at: now,
            wants: false,
            since: now,
        });
        account.settle(now);
        account
    }

    /// Gives an org its weight: 1 unless its policy says more.
    pub fn weigh(&mut self, org: OrgId, weight: u32, now: Duration) {
        self.account(org, now).weight = u64::from(weight.clamp(1, SHARE_MAX));
    }

    /// An org wants slots, or no more of them.
    pub fn want(&mut self, org: OrgId, wants: bool, now: Duration) {
        let others = self.accounts.iter();
        let others = others.filter(|(id, account)| **id != org && account.wants);
        let (least, most) = others.fold((None, None), |(least, most), (_, account)| {
            let used = account.used(now);
            let least = least.map_or(used, |least: u64| least.min(used));
            (Some(least), most.max(Some(used)))
        });
        self.floor = self.floor.max(least.unwrap_or(0));
        let floor = self.floor;
        let account = self.account(org, now);
        if wants && !account.wants {
            account.used = account.used.max(floor).min(most.unwrap_or(u64::MAX));
            account.since = now;
        }
        account.wants = wants;
        // Whoever comes when nobody wants anything begins where the last one was.
        let used = account.used;
        if least.is_none() {
            self.floor = self.floor.max(used);
        }
    }

    /// Whether an org wants slots.
    #[must_use]
    pub fn wants(&self, org: OrgId) -> bool {
        self.accounts.get(&org).is_some_and(|account| account.wants)
    }

    /// An org holds one slot more. That alone costs what a millisecond does, so that attempts that
    /// end at once count too.
    pub fn take(&mut self, org: OrgId, now: Duration) {
        let account = self.account(org, now);
        account.held += 1;
        account.used = account.used.saturating_add(COST / account.weight);
        account.since = now;
    }

    /// An org holds one slot less.
    pub fn give_back(&mut self, org: OrgId, now: Duration) {
        let account = self.account(org, now);
        account.held = account.held.saturating_sub(1);
    }

    /// The org whose turn it is, of those that want slots and are not left out. `granted` has slots
    /// that were granted in this round and are not taken yet.
    fn first(
        &self,
        now: Duration,
        granted: &BTreeMap<OrgId, u64>,
        left_out: &BTreeSet<OrgId>,
    ) -> Option<OrgId> {
        let rank = |(id, account): (&OrgId, &Account)| {
            let held = account.held + granted.get(id).copied().unwrap_or(0);
            let for_its_weight = held.saturating_mul(COST) / account.weight;
            (account.used(now), for_its_weight, account.since, *id)
        };
        let candidates = self.accounts.iter();
        let candidates = candidates.filter(|(id, account)| account.wants && !left_out.contains(id));
        candidates.map(rank).min().map(|(_, _, _, id)| id)
    }

    /// Whether an org that has fallen behind `other`, who has a slot that is free and work for it,
    /// may still wait: it would have more for its weight than the other has with that slot, and is
    /// not far behind.
    fn may_wait(&self, org: OrgId, other: OrgId, now: Duration) -> bool {
        let (Some(own), Some(other)) = (self.accounts.get(&org), self.accounts.get(&other)) else {
            return false;
        };
        let would_have = (own.held + 1).saturating_mul(other.weight);
        let has = (other.held + 1).saturating_mul(own.weight);
        let is_near = other.used(now) <= own.used(now).saturating_add(LAG);
        own.held > 0 && would_have > has && is_near
    }
}

/// What a slot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Nothing runs in it.
    Empty,
    /// An agent of this org is being started in it.
    Starting(OrgId),
    /// An agent of this org asks for work.
    Idle(OrgId),
    /// An agent of this org works.
    Busy(OrgId),
    /// Its agent is being ended.
    Leaving,
    /// An agent of this org is there, and an operator lets it take no work.
    Drained(OrgId),
}

impl SlotState {
    /// The org whose agent is in it, as far as it stays there.
    #[must_use]
    pub fn org(self) -> Option<OrgId> {
        match self {
            Self::Starting(org) | Self::Idle(org) | Self::Busy(org) | Self::Drained(org) => {
                Some(org)
            }
            Self::Empty | Self::Leaving => None,
        }
    }
}

/// What becomes of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Nothing.
    Keep,
    /// Its agent may claim.
    Claim,
    /// It goes to an agent of this org.
    Switch(OrgId),
}

/// Grants the slots that are free. One agent at a time is started for an org: the next one once that
/// one has found work.
#[must_use]
pub fn grant(shares: &Shares, slots: &[SlotState], now: Duration) -> Vec<Grant> {
    let mut grants = vec![Grant::Keep; slots.len()];
    let mut granted = BTreeMap::new();
    let is_starting = |slot: &&SlotState| matches!(slot, SlotState::Starting(_));
    let starting = slots.iter().filter(is_starting);
    let mut left_out: BTreeSet<OrgId> = starting.filter_map(|slot| slot.org()).collect();
    while let Some(org) = shares.first(now, &granted, &left_out) {
        let is_free = |i: &usize| {
            let is_open = matches!(slots[*i], SlotState::Empty | SlotState::Idle(_));
            is_open && grants[*i] == Grant::Keep
        };
        let all = || (0..slots.len()).filter(is_free);
        if all().next().is_none() {
            return grants;
        }
        if let Some(own) = all().find(|i| slots[*i] == SlotState::Idle(org)) {
            grants[own] = Grant::Claim;
            *granted.entry(org).or_insert(0) += 1;
            continue;
        }
        let is_idle = |i: &usize| matches!(slots[*i], SlotState::Idle(_));
        let idle_of = |i: &usize| slots[*i].org().filter(|_| is_idle(i));
        let empty = all().find(|i| slots[*i] == SlotState::Empty);
        // Rather of somebody who has no use for it.
        let unused = all().find(|i| idle_of(i).is_some_and(|other| !shares.wants(other)));
        let waits = |other: OrgId| shares.may_wait(org, other, now);
        let other = all().find(|i| idle_of(i).is_some_and(|other| !waits(other)));
        match empty.or(unused).or(other) {
            Some(slot) if !granted.contains_key(&org) => grants[slot] = Grant::Switch(org),
            Some(_) | None => {}
        }
        left_out.insert(org);
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn org(n: u128) -> OrgId {
        OrgId::new(Timestamp::from_millis(1), n)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Slots, and work that takes its time; what a runtime and its agents do.
    struct World {
        shares: Shares,
        slots: Vec<SlotState>,
        /// When what each slot does ends.
        ends: Vec<u64>,
        now: u64,
        /// Tasks that are ready, by org.
        ready: BTreeMap<OrgId, u64>,
        /// Slot time that each has had.
        had: BTreeMap<OrgId, u64>,
        releases: u64,
        switches: u64,
        dice: u64,
    }

    impl World {
        fn new(slots: usize, seed: u64) -> Self {
            Self {
                shares: Shares::default(),
                slots: vec![SlotState::Empty; slots],
                ends: vec![0; slots],
                now: 0,
                ready: BTreeMap::new(),
                had: BTreeMap::new(),
                releases: 0,
                switches: 0,
                dice: seed,
            }
        }

        fn random(&mut self, below: u64) -> u64 {
            self.dice = self
                .dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.dice >> 33) % below
        }

        fn schedule(&mut self, org: OrgId, tasks: u64) {
            *self.ready.entry(org).or_insert(0) += tasks;
            self.shares.want(org, true, at(self.now));
        }

        /// Carries out what is granted; an agent takes `longest` at most for a task.
        fn settle(&mut self, longest: u64) {
            loop {
                let grants = grant(&self.shares, &self.slots, at(self.now));
                let mut changed = false;
                for (i, grant) in grants.into_iter().enumerate() {
                    match grant {
                        Grant::Keep => {}
                        Grant::Switch(org) => {
                            self.slots[i] = SlotState::Idle(org);
                            self.switches += 1;
                            changed = true;
                        }
                        Grant::Claim => {
                            let SlotState::Idle(org) = self.slots[i] else {
                                panic!("only who asks may claim");
                            };
                            changed = true;
                            let left = self.ready.get_mut(&org).unwrap();
                            if *left == 0 {
                                self.shares.want(org, false, at(self.now));
                                continue;
                            }
                            *left -= 1;
                            self.shares.take(org, at(self.now));
                            self.slots[i] = SlotState::Busy(org);
                            self.ends[i] = self.now + 1 + self.random(longest);
                        }
                    }
                }
                if !changed {
                    return;
                }
            }
        }

        /// The next end of something; returns whose it was.
        fn step(&mut self) -> Option<OrgId> {
            let busy =
                (0..self.slots.len()).filter(|i| matches!(self.slots[*i], SlotState::Busy(_)));
            let next = busy.min_by_key(|i| self.ends[*i])?;
            let SlotState::Busy(org) = self.slots[next] else {
                return None;
            };
            let passed = self.ends[next].max(self.now) - self.now;
            for slot in &self.slots {
                if let SlotState::Busy(org) = slot {
                    *self.had.entry(*org).or_insert(0) += passed;
                }
            }
            self.now += passed;
            self.shares.give_back(org, at(self.now));
            self.slots[next] = SlotState::Idle(org);
            self.releases += 1;
            Some(org)
        }
    }

    #[test]
    fn one_task_of_an_org_starts_within_two_releases_whatever_another_has_ready() {
        for slots in [1, 2, 4, 16] {
            for seed in 0..50 {
                let mut world = World::new(slots, seed);
                let (a, b) = (org(1), org(2));
                world
                    .shares
                    .weigh(a, 1 + u32::try_from(seed % 7).unwrap(), at(0));
                world.schedule(a, 100_000);
                world.settle(10_000);
                for _ in 0..world.random(500) {
                    world.step();
                    world.settle(10_000);
                }
                world.schedule(b, 1);
                let before = world.releases;
                world.settle(10_000);
                while world.ready[&b] > 0 {
                    world.step();
                    world.settle(10_000);
                }
                let waited = world.releases - before;
                assert!(waited <= 2, "{waited} releases, {slots} slots, seed {seed}");
            }
        }
    }

    #[test]
    fn over_time_each_has_slots_by_its_weight_however_long_its_attempts_are() {
        for seed in 0..20 {
            let mut world = World::new(3, seed);
            let weights = [(org(1), 1), (org(2), 2), (org(3), 5)];
            for (org, weight) in weights {
                world.shares.weigh(org, weight, at(0));
                world.schedule(org, 1_000_000);
            }
            for _ in 0..20_000 {
                // The first one's attempts are the longest.
                let longest = 1 + world.random(3) * 500;
                world.settle(longest);
                world.step();
            }
            let all: u64 = world.had.values().sum();
            for (org, weight) in weights {
                let share = world.had[&org] as f64 / all as f64;
                let wanted = f64::from(weight) / 8.0;
                assert!(
                    (share - wanted).abs() < 0.02,
                    "{share} of {wanted}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn what_an_org_did_not_use_is_no_credit() {
        let mut world = World::new(4, 1);
        let (a, b) = (org(1), org(2));
        world.schedule(b, 1);
        world.settle(100);
        world.step();
        world.settle(100);
        world.schedule(a, 100_000);
        for _ in 0..5_000 {
            world.settle(100);
            world.step();
        }
        let before = world.had[&a];
        world.schedule(b, 100_000);
        world.had.clear();
        for _ in 0..2_000 {
            world.settle(100);
            world.step();
        }
        assert!(before > 0);
        let (a, b) = (world.had[&a] as f64, world.had[&b] as f64);
        assert!((a / (a + b) - 0.5).abs() < 0.05, "{a} and {b}");
    }

    #[test]
    fn what_an_org_used_alone_is_not_held_against_it() {
        for slots in [1, 2, 4] {
            for seed in 0..20 {
                let mut world = World::new(slots, seed);
                let (a, b) = (org(1), org(2));
                world.schedule(b, 200);
                for _ in 0..200 {
                    world.settle(100_000);
                    world.step();
                }
                world.settle(1);
                world.schedule(a, 100_000);
                for _ in 0..20 {
                    world.settle(100);
                    world.step();
                }
                world.schedule(b, 1);
                let before = world.releases;
                world.settle(100);
                while world.ready[&b] > 0 {
                    world.step();
                    world.settle(100);
                }
                let waited = world.releases - before;
                assert!(waited <= 2, "{waited} releases, {slots} slots, seed {seed}");
            }
        }
    }

    #[test]
    fn orgs_that_come_again_and_again_get_round_to_everybody() {
        for slots in [1, 2] {
            let mut world = World::new(slots, 7);
            let many: Vec<_> = (1..=6).map(org).collect();
            let last = org(7);
            for org in &many {
                world.schedule(*org, 1);
            }
            world.schedule(last, 100_000);
            for _ in 0..4_000 {
                world.settle(1_000);
                let done = world.step().unwrap();
                if done != last {
                    world.schedule(done, 1);
                }
            }
            let all: u64 = world.had.values().sum();
            let share = world.had[&last] as f64 / all as f64;
            assert!(share > 0.1, "{share} with {slots} slots");
        }
    }

    #[test]
    fn of_those_that_are_level_the_one_that_has_waited_longest_is_next() {
        let mut shares = Shares::default();
        for (org, since) in [(org(2), 0), (org(1), 50)] {
            shares.weigh(org, 1, at(since));
            shares.want(org, true, at(since));
        }
        let granted = grant(&shares, &[SlotState::Empty], at(100));
        assert_eq!(granted, [Grant::Switch(org(2))]);
    }

    #[test]
    fn a_newcomer_gets_its_part_at_the_next_releases() {
        for (weight, part) in [(1, 4), (3, 6), (7, 7)] {
            let mut world = World::new(8, 5);
            let (a, b) = (org(1), org(2));
            world.shares.weigh(b, weight, at(0));
            world.schedule(a, 100_000);
            world.settle(1);
            world.schedule(b, 100_000);
            let held = |world: &World| world.slots.iter().filter(|s| s.org() == Some(b)).count();
            for _ in 0..part {
                world.ends.fill(1_000_000);
                let of_a = |i: &usize| world.slots[*i] == SlotState::Busy(a);
                let next = (0..8).find(of_a).unwrap();
                world.ends[next] = world.now + 100;
                world.step();
                world.settle(1);
            }
            assert_eq!(held(&world), part, "of 8 with weight {weight}");
        }
    }

    #[test]
    fn who_is_level_does_not_change_places_all_the_time() {
        let mut world = World::new(4, 3);
        world.schedule(org(1), 100_000);
        world.schedule(org(2), 100_000);
        for _ in 0..10_000 {
            world.settle(1_000);
            world.step();
        }
        let (switches, releases) = (world.switches, world.releases);
        assert!(switches * 20 < releases, "{switches} in {releases}");
    }

    #[test]
    fn nobody_waits_for_ever_whatever_comes() {
        for seed in 0..30 {
            let mut world = World::new(2, seed);
            let mut waited: BTreeMap<OrgId, u64> = BTreeMap::new();
            for round in 0..4_000_u64 {
                let who = org(u128::from(world.random(6)));
                let (weight, tasks) = (1 + world.random(9), 1 + world.random(20));
                if round % 10 == 0 {
                    let now = at(world.now);
                    world.shares.weigh(who, u32::try_from(weight).unwrap(), now);
                    world.schedule(who, tasks);
                }
                let had = world.ready.clone();
                world.settle(50);
                for (org, left) in &world.ready {
                    let served = had[org] > *left || *left == 0;
                    let count = waited.entry(*org).or_insert(0);
                    *count = if served { 0 } else { *count + 1 };
                    assert!(
                        *count < 400,
                        "{org} waits for {count} releases, seed {seed}"
                    );
                }
                world.step();
            }
        }
    }

    #[test]
    fn an_agent_is_not_ended_for_want_of_a_slot_that_is_empty() {
        let (a, b, now) = (org(1), org(2), at(0));
        let mut shares = Shares::default();
        shares.want(b, true, now);
        let slots = [SlotState::Idle(a), SlotState::Empty];
        assert_eq!(grant(&shares, &slots, now), [Grant::Keep, Grant::Switch(b)]);
        let slots = [SlotState::Idle(a), SlotState::Starting(b)];
        assert_eq!(grant(&shares, &slots, now), [Grant::Keep, Grant::Keep]);
        let slots = [SlotState::Idle(a), SlotState::Busy(b), SlotState::Leaving];
        let wanted = [Grant::Switch(b), Grant::Keep, Grant::Keep];
        assert_eq!(grant(&shares, &slots, now), wanted);
        shares.want(a, true, now);
        let slots = [SlotState::Idle(a), SlotState::Idle(a)];
        let both = grant(&shares, &slots, now);
        assert!(
            both.contains(&Grant::Claim) && both.contains(&Grant::Switch(b)),
            "{both:?}"
        );
    }
}

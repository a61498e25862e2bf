//! Attempts, agents, trains, candidates, receipts, patches.

use devlab_core::attempt::{Agent, Attempt, AttemptKind, AttemptState, Failure, Phase};
use devlab_core::check::{Isolation, Receipt};
use devlab_core::patch::{Patch, PatchComment, PatchState, Verdict};
use devlab_core::train::{Candidate, CandidateEntry, CandidateState, DiffStat, Target, TrainEntry};
use devlab_core::tx::Page;

use super::Lab;
use super::fixtures::{agent, at, attempt, branch, hash, id, labels, oid, project};
use crate::StoreExt;

const ALL: Page = Page {
    after: None,
    limit: 100,
};

fn full_attempt(n: u32) -> Attempt {
    Attempt {
        kind: AttemptKind::Verify,
        candidate: Some(id(77)),
        phase: Phase::Checking,
        base: Some(oid(1)),
        prior: Some(oid(2)),
        merges: Some(oid(3)),
        commit: Some(oid(4)),
        failure: Some(Failure::Check),
        terms: Some(hash("terms")),
        lane: "org".parse().unwrap(),
        ended_at: Some(at(9)),
        ..attempt(n)
    }
}

pub(super) async fn attempts(lab: Lab) {
    const STATES: [AttemptState; 6] = [
        AttemptState::Live,
        AttemptState::Lost,
        AttemptState::Superseded,
        AttemptState::Succeeded,
        AttemptState::Failed,
        AttemptState::Cancelled,
    ];
    lab.store
        .write(|tx| {
            for found in [attempt(1), full_attempt(2)] {
                tx.insert_attempt(&found)?;
                assert_eq!(tx.attempt(found.id)?, Some(found.clone()));
                assert_eq!(tx.attempt_by_claim(id(1), &found.claim_id)?, Some(found));
            }
            assert_eq!(tx.attempt(id(9))?, None);
            assert_eq!(
                tx.attempt_by_claim(id(2), "claim-1")?,
                None,
                "another agent's"
            );
            assert_eq!(tx.attempt_by_claim(id(1), "claim-9")?, None);
            for state in STATES {
                for phase in [Phase::Preparing, Phase::Driving, Phase::Delivering] {
                    let failure = (state == AttemptState::Failed).then_some(Failure::Driver);
                    let new = Attempt {
                        state,
                        phase,
                        failure,
                        lease_until: at(5),
                        commit: Some(oid(9)),
                        ended_at: Some(at(6)),
                        ..attempt(1)
                    };
                    tx.put_attempt(&new)?;
                    assert_eq!(tx.attempt(id(1))?, Some(new));
                }
            }
            let failed = Attempt {
                failure: Some(Failure::Lost),
                lane: "org,org+gpu".parse().unwrap(),
                ..attempt(1)
            };
            tx.put_attempt(&failed)?;
            assert_eq!(tx.attempts(id(1))?, [failed, full_attempt(2)]);
            assert_eq!(tx.attempts(id(2))?, []);
            Ok(())
        })
        .await
        .unwrap();
    let again = Attempt {
        id: id(8),
        ..attempt(1)
    };
    let doubled = lab.store.write(move |tx| tx.insert_attempt(&again)).await;
    assert!(doubled.is_err(), "one claim makes one attempt");
    assert!(
        lab.store
            .write(|tx| tx.put_attempt(&attempt(9)))
            .await
            .is_err()
    );
}

pub(super) async fn leases(lab: Lab) {
    let with = |n: u32, state: AttemptState, until: u32| Attempt {
        state,
        lease_until: at(until),
        agent: id(n % 2),
        ..attempt(n)
    };
    lab.store
        .write(move |tx| {
            assert_eq!(tx.next_expiry()?, None);
            tx.insert_attempt(&with(1, AttemptState::Live, 30))?;
            tx.insert_attempt(&with(2, AttemptState::Live, 10))?;
            tx.insert_attempt(&with(3, AttemptState::Lost, 5))?;
            tx.insert_attempt(&with(4, AttemptState::Live, 20))?;
            tx.insert_attempt(&with(5, AttemptState::Succeeded, 1))?;
            assert_eq!(tx.next_expiry()?, Some(at(10)));
            assert_eq!(tx.expired(at(9), 9)?, []);
            assert_eq!(tx.expired(at(20), 9)?, [id(2), id(4)]);
            assert_eq!(tx.expired(at(99), 2)?, [id(2), id(4)]);
            let mut live = tx.live_attempts()?;
            live.sort_unstable();
            assert_eq!(live, [id(1), id(2), id(4)]);
            let held: Vec<_> = tx.attempts_of_agent(id(1))?.iter().map(|a| a.id).collect();
            assert_eq!(held, [id(1), id(3)], "live and lost ones, oldest first");
            assert_eq!(tx.extend_leases(at(25))?, 3);
            assert_eq!(tx.extend_leases(at(25))?, 0);
            assert_eq!(tx.expired(at(24), 9)?, []);
            assert_eq!(tx.attempt(id(1))?, Some(with(1, AttemptState::Live, 25)));
            assert_eq!(tx.attempt(id(2))?, Some(with(2, AttemptState::Live, 25)));
            assert_eq!(tx.attempt(id(3))?, Some(with(3, AttemptState::Lost, 5)));
            tx.put_attempt(&with(2, AttemptState::Failed, 25))?;
            assert_eq!(tx.expired(at(99), 9)?, [id(1), id(4)]);
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn agents(lab: Lab) {
    lab.store
        .write(|tx| {
            for n in 1..4 {
                tx.put_agent(&agent(n, id(1)))?;
            }
            tx.put_agent(&agent(4, id(2)))?;
            let changed = Agent {
                labels: labels(""),
                capacity: 9,
                draining: true,
                lane: "runtime:local".parse().unwrap(),
                seen_at: at(50),
                runtime: "docker".into(),
                name: "renamed".into(),
                ..agent(2, id(1))
            };
            tx.put_agent(&changed)?;
            assert_eq!(tx.agent(id(2))?, Some(changed.clone()));
            assert_eq!(tx.agent(id(9))?, None);
            assert_eq!(tx.agent_by_name(id(1), "renamed")?, Some(changed.clone()));
            assert_eq!(tx.agent_by_name(id(1), "agent-2")?, None);
            assert_eq!(tx.agent_by_name(id(2), "agent-1")?, None, "another org's");
            let newest_first = [agent(3, id(1)), changed, agent(1, id(1))];
            assert_eq!(tx.agents(Some(id(1)), ALL)?, newest_first);
            assert_eq!(tx.agents(None, ALL)?.len(), 4);
            let page = Page {
                after: Some(newest_first[0].id.uuid()),
                limit: 1,
            };
            assert_eq!(tx.agents(None, page)?, newest_first[1..2]);
            tx.delete_agent(id(3))?;
            assert_eq!(tx.agent(id(3))?, None);
            Ok(())
        })
        .await
        .unwrap();
}

fn target(name: &str) -> Target {
    Target {
        project: id(1),
        branch: branch(name),
    }
}

fn entry(n: u32, target: Target) -> TrainEntry {
    TrainEntry {
        task: id(n),
        target,
        seq: 0,
        head: oid(n),
        batch_max: 16,
        candidate: None,
    }
}

pub(super) async fn trains(lab: Lab) {
    lab.store
        .write(|tx| {
            tx.insert_project(&project(1, id(1)))?;
            assert_eq!(tx.trains(id(7), 9)?, []);
            for n in [3, 1, 2] {
                tx.insert_train_entry(&entry(n, target("main")))?;
            }
            tx.insert_train_entry(&entry(4, target("next")))?;
            let tasks = |entries: Vec<TrainEntry>| -> Vec<_> {
                assert!(entries.is_sorted_by(|a, b| a.seq < b.seq));
                entries.iter().map(|e| e.task).collect()
            };
            assert_eq!(tasks(tx.train(&target("main"), 9)?), [id(3), id(1), id(2)]);
            assert_eq!(tasks(tx.train(&target("main"), 2)?), [id(3), id(1)]);
            assert_eq!(tasks(tx.train(&target("other"), 2)?), []);
            let mut targets = tx.trains(id(7), 9)?;
            targets.sort();
            assert_eq!(targets, [target("main"), target("next")]);
            assert_eq!(tx.trains(id(7), 1)?.len(), 1);
            assert_eq!(tx.trains(id(8), 9)?, [], "another server's");
            let old = tx.train_entry(id(1))?.unwrap();
            assert_eq!(
                TrainEntry {
                    seq: 0,
                    ..old.clone()
                },
                entry(1, target("main"))
            );
            let new = TrainEntry {
                head: oid(50),
                batch_max: 1,
                candidate: Some(id(60)),
                ..old
            };
            tx.put_train_entry(&new)?;
            assert_eq!(tx.train_entry(id(1))?, Some(new));
            tx.delete_train_entry(id(3))?;
            tx.delete_train_entry(id(3))?;
            assert_eq!(tx.train_entry(id(3))?, None);
            tx.insert_train_entry(&entry(3, target("main")))?;
            let order = tasks(tx.train(&target("main"), 9)?);
            assert_eq!(
                order,
                [id(1), id(2), id(3)],
                "whoever comes back waits at the end"
            );
            Ok(())
        })
        .await
        .unwrap();
    let twice = lab
        .store
        .write(|tx| tx.insert_train_entry(&entry(1, target("next"))))
        .await;
    assert!(twice.is_err(), "a task is in at most one train, once");
}

fn candidate(n: u32, state: CandidateState) -> Candidate {
    let member = |n: u32| CandidateEntry {
        task: id(n),
        head: oid(n),
        merge: None,
        stat: None,
    };
    Candidate {
        id: id(n),
        org: id(1),
        target: target("main"),
        state,
        entries: vec![member(1), member(2)],
        base: None,
        tip: None,
        tree: None,
        check_set: hash("checks"),
        live: None,
        lost: None,
        attempts: 0,
        stamp: at(n),
        updated_at: at(n),
    }
}

pub(super) async fn candidates(lab: Lab) {
    lab.store
        .write(|tx| {
            assert_eq!(tx.live_candidate(&target("main"))?, None);
            for (n, state) in [
                (1, CandidateState::Published),
                (2, CandidateState::Rejected),
            ] {
                tx.insert_candidate(&candidate(n, state))?;
                assert_eq!(tx.candidate(id(n))?, Some(candidate(n, state)));
                assert_eq!(tx.live_candidate(&target("main"))?, None);
            }
            tx.insert_candidate(&candidate(3, CandidateState::Building))?;
            let mut full = Candidate {
                base: Some(oid(1)),
                tip: Some(oid(2)),
                tree: Some(oid(3)),
                live: Some(id(4)),
                lost: Some(id(5)),
                attempts: 6,
                updated_at: at(7),
                ..candidate(3, CandidateState::Building)
            };
            for state in [
                CandidateState::Building,
                CandidateState::Verifying,
                CandidateState::Publishing,
            ] {
                full.state = state;
                tx.put_candidate(&full)?;
                assert_eq!(tx.live_candidate(&target("main"))?, Some(full.clone()));
                assert_eq!(tx.live_candidate(&target("next"))?, None);
            }
            let mut of_task = |n: u32| -> Vec<_> {
                let found = tx.candidates_of(id(n)).unwrap();
                found.iter().map(|c| c.id).collect()
            };
            assert_eq!(of_task(2), [id(1), id(2), id(3)], "oldest first");
            assert_eq!(of_task(9), []);
            full.entries.truncate(1);
            full.entries[0].merge = Some(oid(8));
            full.entries[0].stat = Some(DiffStat {
                files: 1,
                added: 2,
                removed: 3,
            });
            tx.put_candidate(&full)?;
            assert_eq!(tx.candidate(id(3))?, Some(full));
            let left: Vec<_> = tx.candidates_of(id(2))?.iter().map(|c| c.id).collect();
            assert_eq!(left, [id(1), id(2)]);
            Ok(())
        })
        .await
        .unwrap();
    let unknown = candidate(9, CandidateState::Building);
    assert!(
        lab.store
            .write(move |tx| tx.put_candidate(&unknown))
            .await
            .is_err()
    );
}

pub(super) async fn receipts(lab: Lab) {
    let receipt = |n: u32, tree: u32| Receipt {
        id: id(n),
        project: id(1),
        task: id(2 + n % 2),
        attempt: id(4),
        agent: id(5),
        candidate: (n == 1).then(|| id(6)),
        check: "test".into(),
        command: "make test".into(),
        check_hash: hash("check"),
        check_set: hash("set"),
        commit: oid(7),
        tree: oid(tree),
        exit_code: -9,
        passed: n == 2,
        duration_ms: 8,
        log_offset: 9,
        log_len: u64::from(u32::MAX) + 10,
        isolation: Isolation::Process,
        at: at(n),
    };
    lab.store
        .write(move |tx| {
            for (n, tree) in [(1, 1), (2, 1), (3, 2)] {
                tx.insert_receipt(&receipt(n, tree))?;
            }
            let newest_first = [receipt(2, 1), receipt(1, 1)];
            assert_eq!(tx.receipts_for_tree(id(1), &oid(1))?, newest_first);
            assert_eq!(
                tx.receipts_for_tree(id(2), &oid(1))?,
                [],
                "another project's"
            );
            assert_eq!(tx.receipts(id(3))?, [receipt(1, 1), receipt(3, 2)]);
            assert_eq!(tx.receipts(id(9))?, []);
            Ok(())
        })
        .await
        .unwrap();
}

fn patch(n: u32, state: PatchState) -> Patch {
    Patch {
        id: id(n),
        org: id(1 + n / 10),
        project: id(1 + n % 2),
        task: id(n),
        title: format!("patch {n}"),
        description: "why\nand what".into(),
        target: branch("main"),
        base: oid(1),
        head: oid(2),
        files: 3,
        added: 4,
        removed: 5,
        state,
        created_at: at(n),
        updated_at: at(n),
        told: n != 2,
        told_remarks: n,
    }
}

pub(super) async fn patches(lab: Lab) {
    lab.store
        .write(|tx| {
            tx.insert_project(&project(1, id(1)))?;
            tx.put_patch(&patch(1, PatchState::Open))?;
            tx.put_patch(&patch(2, PatchState::Closed))?;
            tx.put_patch(&patch(3, PatchState::Open))?;
            tx.put_patch(&patch(10, PatchState::Open))?;
            let changed = Patch {
                head: oid(9),
                added: 90,
                updated_at: at(50),
                title: "changed".into(),
                ..patch(3, PatchState::Merged)
            };
            tx.put_patch(&changed)?;
            assert_eq!(tx.patch(id(3))?, Some(changed.clone()));
            assert_eq!(tx.patch(id(9))?, None);
            assert_eq!(tx.patch_of_task(id(3))?, Some(changed));
            assert_eq!(tx.patch_of_task(id(9))?, None);
            assert_eq!(tx.untold_patches(id(7), 9)?, [patch(2, PatchState::Closed)]);
            assert_eq!(tx.untold_patches(id(7), 0)?, []);
            assert_eq!(tx.untold_patches(id(8), 9)?, [], "another server's");
            let org = Some(id(1));
            let mut list = |org, project, state, page| -> Vec<_> {
                let found = tx.patches(org, project, state, page).unwrap();
                found.iter().map(|p| p.id).collect()
            };
            assert_eq!(list(org, None, None, ALL), [id(3), id(2), id(1)]);
            assert_eq!(list(None, None, None, ALL).len(), 4);
            assert_eq!(list(org, Some(id(2)), None, ALL), [id(3), id(1)]);
            assert_eq!(list(org, None, Some(PatchState::Open), ALL), [id(1)]);
            assert_eq!(list(org, None, Some(PatchState::Merged), ALL), [id(3)]);
            let page = Page {
                after: Some(patch(3, PatchState::Open).id.uuid()),
                limit: 1,
            };
            assert_eq!(list(org, None, None, page), [id(2)]);
            Ok(())
        })
        .await
        .unwrap();
    comments(&lab).await;
}

async fn comments(lab: &Lab) {
    let comment = |patch: u32, number: u32, verdict: Option<Verdict>| PatchComment {
        patch: id(patch),
        number,
        author: "admin:1".into(),
        head: oid(number),
        body: "words".into(),
        verdict,
        at: at(number),
    };
    lab.store
        .write(move |tx| {
            let verdicts = [None, Some(Verdict::Accept), Some(Verdict::Reject)];
            let expected: Vec<_> = (1..).zip(verdicts).map(|(n, v)| comment(1, n, v)).collect();
            for comment in &expected {
                let number = tx.add_patch_comment(&PatchComment {
                    number: 99,
                    ..comment.clone()
                })?;
                assert_eq!(number, comment.number);
            }
            assert_eq!(tx.add_patch_comment(&comment(2, 1, None))?, 1);
            assert_eq!(tx.patch_comments(id(1))?, expected);
            assert_eq!(tx.patch_comments(id(3))?, []);
            Ok(())
        })
        .await
        .unwrap();
}

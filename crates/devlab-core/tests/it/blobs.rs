//! Blobs that are put, named and removed by several at once, each of whom may stop at any step:
//! whatever is named is there.

use std::collections::BTreeSet;
use std::time::Duration;

use devlab_core::bytes::{Artifact, BlobMark, ReadBytes, WriteBytes};
use devlab_core::check::Sha256Hex;
use devlab_core::rules::bytes::{self, CONDEMN_TERM, PIN_TERM, REMOVE_WITHIN};
use devlab_core::{ArtifactId, AttemptId, OrgId, TaskId, Timestamp};
use proptest::prelude::*;

use crate::mem::MemTx;

/// Different contents: few, so that actors meet.
const CONTENTS: usize = 3;
/// Who puts, and who removes.
const ACTORS: usize = 3;

#[derive(Debug, Clone)]
enum Act {
    /// The next step of somebody who puts; begins with this content.
    Put(usize, usize),
    /// The next step of somebody who removes; begins with this content.
    Remove(usize, usize),
    /// Somebody who puts stops, and begins anew.
    PutterDies(usize),
    /// The same of somebody who removes; another goes on with what is condemned.
    RemoverDies(usize),
    /// A name goes away.
    Drop(usize),
    /// Time passes, in minutes.
    Wait(u64),
    /// Pins that ended are forgotten.
    Forget,
}

fn act() -> impl Strategy<Value = Act> {
    let (actor, content) = (0..ACTORS, 0..CONTENTS);
    prop_oneof![
        8 => (actor.clone(), content.clone()).prop_map(|(a, c)| Act::Put(a, c)),
        8 => (actor.clone(), content.clone()).prop_map(|(a, c)| Act::Remove(a, c)),
        1 => actor.clone().prop_map(Act::PutterDies),
        1 => actor.prop_map(Act::RemoverDies),
        2 => content.prop_map(Act::Drop),
        2 => prop_oneof![1..4_u64, 8..15_u64, 300..400_u64].prop_map(Act::Wait),
        1 => Just(Act::Forget),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Putter {
    Idle,
    Pinned(usize, Timestamp),
    Put(usize, Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Remover {
    Idle,
    /// Condemned at this time.
    Condemned(usize, Timestamp),
    Removed(usize),
}

struct World {
    tx: MemTx,
    /// The place of blobs.
    objects: BTreeSet<usize>,
    putters: [Putter; ACTORS],
    removers: [Remover; ACTORS],
    named: u32,
    removed: u32,
}

fn blob(content: usize) -> Sha256Hex {
    Sha256Hex::of(&[u8::try_from(content).unwrap()])
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_millis(1_800_000_000_000);
        Self {
            tx: MemTx::new(now, 1),
            objects: BTreeSet::new(),
            putters: [Putter::Idle; ACTORS],
            removers: [Remover::Idle; ACTORS],
            named: 0,
            removed: 0,
        }
    }

    /// A transaction that may be refused: then it changes nothing.
    fn write<T>(&mut self, unit: impl FnOnce(&mut MemTx) -> devlab_core::Result<T>) -> Option<T> {
        let mut copy = self.tx.clone();
        let done = unit(&mut copy).ok()?;
        self.tx = copy;
        Some(done)
    }

    fn put(&mut self, actor: usize, content: usize) {
        self.putters[actor] = match self.putters[actor] {
            Putter::Idle => match self.write(|tx| bytes::pin(tx, &blob(content))) {
                Some(at) => Putter::Pinned(content, at),
                None => Putter::Idle,
            },
            Putter::Pinned(content, at) => {
                self.objects.insert(content);
                Putter::Put(content, at)
            }
            Putter::Put(content, at) => {
                let now = self.tx.now;
                let artifact = Artifact {
                    id: ArtifactId::new(now, content as u128),
                    org: OrgId::new(now, 1),
                    task: TaskId::new(now, 1),
                    attempt: AttemptId::new(Timestamp::from_millis(1), 1),
                    path: format!("{content}"),
                    blob: Some(blob(content)),
                    len: 1,
                    created_at: now,
                };
                let kept = self.write(|tx| bytes::keep(tx, &artifact, at));
                self.named += u32::from(kept.is_some());
                Putter::Idle
            }
        };
    }

    fn remove(&mut self, actor: usize, content: usize) {
        let now = self.tx.now;
        self.removers[actor] = match self.removers[actor] {
            Remover::Idle => {
                // What somebody left condemned comes first.
                let left = self.tx.condemned_blobs(now, 1).unwrap();
                let left = (0..CONTENTS).find(|content| left.contains(&blob(*content)));
                let content = left.unwrap_or(content);
                if left.is_some() && !self.objects.contains(&content) {
                    Remover::Removed(content)
                } else if self.objects.contains(&content)
                    && self.write(|tx| bytes::condemn(tx, &blob(content))) == Some(true)
                {
                    Remover::Condemned(content, now)
                } else {
                    Remover::Idle
                }
            }
            Remover::Condemned(content, at) if now.since(at) <= REMOVE_WITHIN => {
                self.removed += u32::from(self.objects.remove(&content));
                Remover::Removed(content)
            }
            Remover::Condemned(..) => Remover::Idle,
            Remover::Removed(content) => {
                self.write(|tx| bytes::pardon(tx, &blob(content)));
                Remover::Idle
            }
        };
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Put(actor, content) => self.put(*actor, *content),
            Act::Remove(actor, content) => self.remove(*actor, *content),
            Act::PutterDies(actor) => self.putters[*actor] = Putter::Idle,
            Act::RemoverDies(actor) => self.removers[*actor] = Remover::Idle,
            Act::Drop(content) => {
                let attempt = AttemptId::new(Timestamp::from_millis(1), 1);
                for mut artifact in self.tx.artifacts(attempt).unwrap() {
                    if artifact.blob == Some(blob(*content)) {
                        artifact.blob = None;
                        self.tx.put_artifact(&artifact).unwrap();
                    }
                }
            }
            Act::Wait(minutes) => {
                self.tx.now = self.tx.now.plus(Duration::from_secs(minutes * 60));
            }
            Act::Forget => {
                let now = self.tx.now;
                self.tx.forget_pins(now, 10).unwrap();
            }
        }
    }

    fn check(&mut self, after: &Act) {
        for content in 0..CONTENTS {
            if self.tx.names_blob(&blob(content)).unwrap() {
                assert!(
                    self.objects.contains(&content),
                    "{content} is lost after {after:?}"
                );
                let mark = self.tx.blob_mark(&blob(content)).unwrap();
                let is_condemned = matches!(mark, Some(BlobMark::Condemned(_)));
                assert!(!is_condemned, "{content} after {after:?}");
            }
        }
    }
}

#[test]
fn whatever_is_named_is_there() {
    let mut reach = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let reached = std::cell::RefCell::new(&mut reach);
    runner
        .run(&prop::collection::vec(act(), 1..120), |acts| {
            let mut world = World::new();
            for act in &acts {
                world.act(act);
                world.check(act);
            }
            let mut reached = reached.borrow_mut();
            reached.0 += world.named;
            reached.1 += world.removed;
            Ok(())
        })
        .unwrap();
    assert!(reach.0 > 1_000 && reach.1 > 1_000, "{reach:?}");
}

#[test]
fn a_put_that_takes_too_long_is_begun_again() {
    let mut world = World::new();
    world.put(0, 0);
    world.put(0, 0);
    world.tx.now = world.tx.now.plus(PIN_TERM);
    world.put(0, 0);
    assert_eq!(world.named, 0);
    world.remove(0, 0);
    let now = world.tx.now;
    assert_eq!(world.tx.condemned_blobs(now, 9).unwrap(), []);
    assert_eq!(
        world.tx.condemned_blobs(now.plus(CONDEMN_TERM), 9).unwrap(),
        [blob(0)]
    );
    let refused = bytes::pin(&mut world.tx, &blob(0)).unwrap_err();
    assert!(refused.to_string().contains("send them again"), "{refused}");
}

#[test]
fn a_mark_of_other_records_ends_when_it_is_over() {
    let mut world = World::new();
    for _ in 0..3 {
        world.put(0, 0);
    }
    assert_eq!(world.named, 1);
    // As a restore may find it: removed by records that are no more, named by those that are there.
    let until = world.tx.now.plus(CONDEMN_TERM);
    let condemned = Some(BlobMark::Condemned(until));
    world.tx.set_blob_mark(&blob(0), condemned).unwrap();
    let condemn = |world: &mut World| bytes::condemn(&mut world.tx, &blob(0)).unwrap();
    assert!(!condemn(&mut world));
    assert_eq!(
        world.tx.blob_mark(&blob(0)).unwrap(),
        condemned,
        "somebody may be at it"
    );
    world.tx.now = until;
    assert!(!condemn(&mut world));
    assert_eq!(world.tx.blob_mark(&blob(0)).unwrap(), None);
    assert!(bytes::pin(&mut world.tx, &blob(0)).is_ok());
}

//! What the units of a batch have changed, each until it is kept or taken back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use devlab_core::OrgId;
use devlab_core::tx::Queued;

/// A changed entity, and whether it is new.
#[derive(Debug, Clone)]
pub(super) struct Changed<V> {
    pub(super) value: V,
    pub(super) is_new: bool,
}

/// Entities that a batch has changed. What a unit changes can be taken back until [`Self::keep`].
#[derive(Debug)]
pub(super) struct Changes<K, V> {
    pub(super) map: HashMap<K, Changed<V>>,
    /// Keys of new entities, oldest first.
    pub(super) born: Vec<K>,
    undo: Vec<(K, Option<Changed<V>>)>,
    born_kept: usize,
}

impl<K, V> Default for Changes<K, V> {
    fn default() -> Self {
        Self {
            map: HashMap::new(),
            born: Vec::new(),
            undo: Vec::new(),
            born_kept: 0,
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Changes<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key).map(|changed| &changed.value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.born.push(key.clone());
        let old = self.map.insert(
            key.clone(),
            Changed {
                value,
                is_new: true,
            },
        );
        self.undo.push((key, old));
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let is_new = self.map.get(&key).is_some_and(|old| old.is_new);
        let old = self.map.insert(key.clone(), Changed { value, is_new });
        self.undo.push((key, old));
    }

    pub(super) fn keep(&mut self) {
        self.undo.clear();
        self.born_kept = self.born.len();
    }

    pub(super) fn take_back(&mut self) {
        while let Some((key, old)) = self.undo.pop() {
            match old {
                Some(old) => self.map.insert(key, old),
                None => self.map.remove(&key),
            };
        }
        self.born.truncate(self.born_kept);
    }

    pub(super) fn clear(&mut self) {
        self.map.clear();
        self.born.clear();
        self.keep();
    }
}

/// Things that are only ever added.
#[derive(Debug)]
pub(super) struct Added<T> {
    pub(super) all: Vec<T>,
    kept: usize,
}

impl<T> Default for Added<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            kept: 0,
        }
    }
}

impl<T> Added<T> {
    pub(super) fn keep(&mut self) {
        self.kept = self.all.len();
    }
    pub(super) fn take_back(&mut self) {
        self.all.truncate(self.kept);
    }
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.kept = 0;
    }
}

/// Place of an entry in its queue.
pub(super) type Place = ((i32, u8, i64, u64), [u8; 16]);

/// Place of an entry in its queue; see [`Queued::rank`].
pub(super) fn place(entry: &Queued) -> Place {
    (entry.rank(), crate::sql::queues::work_bytes(entry))
}

/// A change of a ready queue.
#[derive(Debug, Clone)]
pub(super) enum QueueStep {
    In(Queued),
    Out(Queued),
}

/// What a batch has put into ready queues and taken out.
#[derive(Debug, Default)]
pub(super) struct QueueChanges {
    pub(super) put_in: HashMap<(OrgId, String), BTreeMap<Place, Queued>>,
    pub(super) taken: HashMap<(OrgId, String), BTreeSet<Place>>,
    /// What `taken` names, to be written.
    pub(super) taken_entries: HashMap<[u8; 16], Queued>,
    pub(super) undo: Vec<QueueStep>,
}

impl QueueChanges {
    /// Puts an entry in that is not there.
    pub(super) fn enter(&mut self, entry: &Queued) {
        let key = (entry.org, entry.queue());
        let was_taken = self
            .taken
            .get_mut(&key)
            .is_some_and(|taken| taken.remove(&place(entry)));
        if was_taken {
            self.taken_entries
                .remove(&crate::sql::queues::work_bytes(entry));
        } else {
            let queue = self.put_in.entry(key).or_default();
            queue.insert(place(entry), entry.clone());
        }
    }

    /// Takes an entry out that is there.
    pub(super) fn leave(&mut self, entry: &Queued) {
        let key = (entry.org, entry.queue());
        let was_put_in = self
            .put_in
            .get_mut(&key)
            .is_some_and(|queue| queue.remove(&place(entry)).is_some());
        if !was_put_in {
            self.taken.entry(key).or_default().insert(place(entry));
            self.taken_entries
                .insert(crate::sql::queues::work_bytes(entry), entry.clone());
        }
    }

    pub(super) fn take_back(&mut self) {
        while let Some(step) = self.undo.pop() {
            match step {
                QueueStep::In(entry) => self.leave(&entry),
                QueueStep::Out(entry) => self.enter(&entry),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.put_in.clear();
        self.taken.clear();
        self.taken_entries.clear();
        self.undo.clear();
    }
}

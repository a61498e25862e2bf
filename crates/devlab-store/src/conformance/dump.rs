//! Records: what is loaded is what is dumped, and what one org takes along is its own.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use devlab_core::bytes::BlobMark;
use devlab_core::check::Sha256Hex;
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::id::kind;
use devlab_core::rules::lab_id::LAB_ID;
use devlab_core::{AttemptId, Error, OrgId, Refusal, TaskId, Timestamp};
use serde_json::{Value, json};

use super::Lab;
use super::fixtures::{at, id, made, spec, task};
use super::sample::{name, of_org, sample};
use crate::dump::{Counts, Loading, Scope, Source, kinds_of, load_logs};
use crate::{Store, StoreExt};

/// Records by kind, in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records(pub BTreeMap<String, VecDeque<String>>);

impl Source for Records {
    fn next(&mut self, kind: &'static str, line: &mut String) -> io::Result<bool> {
        let next = self.0.get_mut(kind).and_then(VecDeque::pop_front);
        line.push_str(next.as_deref().unwrap_or_default());
        Ok(next.is_some())
    }
}

impl Records {
    /// Everything that a store gives.
    ///
    /// # Panics
    /// It does not give it, or counts wrongly.
    pub async fn of(store: &dyn Store, scope: Scope) -> Self {
        let all = Arc::new(Mutex::new(Self::default()));
        let into = Arc::clone(&all);
        let counts = store
            .dump(
                scope,
                Box::new(move |record| {
                    let mut all = into.lock().unwrap();
                    let lines = all.0.entry(record.kind.to_owned()).or_default();
                    lines.push_back(record.line.to_owned());
                    Ok(())
                }),
            )
            .await
            .unwrap();
        let records = all.lock().unwrap().clone();
        for (kind, count) in &counts {
            let lines = records.0.get(*kind).map_or(0, VecDeque::len);
            assert_eq!(lines as u64, *count, "{kind}");
        }
        let kinds: Vec<_> = counts.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, kinds_of(scope));
        records
    }

    /// Puts them into a store, logs included.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(mut self, store: &dyn Store, how: Loading) -> devlab_core::Result<Counts> {
        if matches!(how, Loading::Org { .. }) {
            load_logs(store, &mut self).await?;
            return store.load(how, Box::new(self)).await;
        }
        // What is replaced has logs too.
        let mut logs = Self::default();
        logs.0.extend(self.0.remove_entry(crate::dump::LOGS));
        let counts = store.load(how, Box::new(self)).await?;
        load_logs(store, &mut logs).await?;
        Ok(counts)
    }

    fn json(&self, kind: &str) -> Vec<Value> {
        let lines = self.0.get(kind).into_iter().flatten();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

const EMPTY_ONLY: Loading = Loading::Lab { replace: false };

/// What is loaded is what is dumped, for every kind and column, and a store that was loaded goes on.
pub(super) async fn round_trip(lab: Lab) {
    let sample = sample();
    let store = lab.store.as_ref();
    for kind in kinds_of(Scope::Lab) {
        let rows = sample.json(kind);
        let keys = rows.first().unwrap_or_else(|| panic!("no {kind}"));
        for key in keys.as_object().unwrap().keys() {
            let given = rows.iter().any(|row| !row[key].is_null());
            assert!(given, "no row of {kind} has a {key}");
        }
    }
    sample.clone().load(store, EMPTY_ONLY).await.unwrap();
    let dumped = Records::of(store, Scope::Lab).await;
    for kind in kinds_of(Scope::Lab) {
        assert_eq!(dumped.json(kind), sample.json(kind), "{kind}");
    }
    let again = sample.clone().load(store, EMPTY_ONLY).await;
    assert!(
        matches!(&again, Err(Error::Refused(Refusal::Conflict(text))) if text.contains("not empty")),
        "{again:?}"
    );
    go_on(&lab).await;
    let marked = Sha256Hex::of(b"removed");
    let mark = marked.clone();
    let named = lab.store.write(move |tx| {
        tx.set_blob_mark(&mark, Some(BlobMark::Condemned(Timestamp::from_millis(1))))?;
        tx.put_setting(LAB_ID, "this one")
    });
    named.await.unwrap();
    let settings = Records::of(store, Scope::Lab).await.json("settings");
    assert_eq!(settings, sample.json("settings"), "no dump has its id");
    let replace = Loading::Lab { replace: true };
    sample.clone().load(store, replace).await.unwrap();
    assert_eq!(Records::of(store, Scope::Lab).await, dumped);
    let left = lab
        .store
        .read(move |view| Ok((view.setting(LAB_ID)?, view.blob_mark(&marked)?)));
    let nothing = (None, None);
    assert_eq!(
        left.await.unwrap(),
        nothing,
        "what was put there is another lab"
    );
}

/// Counts, numbers and lists of a loaded store are those of one that got there by itself.
async fn go_on(lab: &Lab) {
    let org: OrgId = id(1);
    let seq = lab.store.write(move |tx| {
        tx.append_event(&NewEvent {
            org,
            kind: EventKind::TaskCreated,
            project: None,
            task: None,
            attempt: None,
            data: json!({}),
        })?;
        tx.insert_task(&task(200), &spec("new"), &made())
    });
    assert_eq!(seq.await.unwrap(), 53);
    let (last, done) = lab
        .store
        .read(move |view| {
            let tries = view.task(id(1))?.unwrap().tries;
            assert_eq!((tries.lost, tries.sent_back), (1, 4));
            Ok((view.last_event()?, view.task_counts(Some(org))?))
        })
        .await
        .unwrap();
    assert_eq!(last, 121, "a place in the stream is never used again");
    let done = done
        .iter()
        .find(|(state, _)| state.as_str() == "done")
        .map(|(_, count)| *count);
    assert_eq!(done, Some(1));
}

/// An org takes along all that is its own and nothing else, into a lab that has other numbers.
pub(super) async fn org(lab: Lab) {
    let store = lab.store.as_ref();
    sample().load(store, EMPTY_ONLY).await.unwrap();
    let own = Records::of(store, Scope::Org(id(51))).await;
    let all = Records::of(store, Scope::Lab).await;
    for kind in kinds_of(Scope::Org(id(51))) {
        let rows: Vec<Value> = of_org(51)
            .filter(|(of, _)| *of == kind)
            .flat_map(|(_, rows)| rows)
            .collect();
        assert!(!rows.is_empty(), "{kind}");
        assert_eq!(own.json(kind), rows, "{kind}");
    }
    let import = |name: Option<&str>| Loading::Org {
        name: name.map(|name| name.parse().unwrap()),
        lease_until: at(500),
    };
    for name in [None, Some("other")] {
        let again = own.clone().load(store, import(name)).await;
        assert!(
            matches!(&again, Err(Error::Refused(Refusal::Conflict(text)))
                if text.contains(&id::<kind::Org>(51).to_string())),
            "{again:?}"
        );
    }
    assert_eq!(Records::of(store, Scope::Lab).await, all, "nothing came in");
}

/// The same into a lab that has something else already.
pub(super) async fn import(lab: Lab) {
    let store = lab.store.as_ref();
    let mut one = sample();
    // A lab that has org 1 only, and has come further.
    for (kind, rows) in of_org(51) {
        let lines = one.0.get_mut(kind).unwrap();
        let own: Vec<String> = rows.iter().map(ToString::to_string).collect();
        lines.retain(|line| !own.contains(line));
    }
    one.load(store, EMPTY_ONLY).await.unwrap();
    let mut two = Records::default();
    for (kind, rows) in of_org(51) {
        let lines = rows.iter().map(ToString::to_string).collect();
        two.0.insert(kind.to_owned(), lines);
    }
    let mut taken = two.clone();
    let named = taken.0["orgs"][0].replace("org-51", "org-1");
    taken.0.insert("orgs".to_owned(), [named].into());
    let how = |name: &str| Loading::Org {
        name: Some(name.parse().unwrap()),
        lease_until: at(500),
    };
    let clash = two.clone().load(store, how("org-1")).await;
    assert!(
        matches!(&clash, Err(Error::Refused(Refusal::Conflict(text))) if text.contains("--as")),
        "{clash:?}"
    );
    taken.load(store, how("moved")).await.unwrap();
    let now = Records::of(store, Scope::Org(id(51))).await;
    same_but_for_numbers(&now, &two);
    assert_eq!(now.json("orgs")[0]["name"], "moved");
    let seqs = |kind: &str| -> Vec<i64> {
        let rows = now.json(kind);
        rows.iter()
            .map(|row| row["seq"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(seqs("tasks"), [3, 4]);
    assert_eq!(seqs("task_specs"), [3, 4]);
    assert_eq!(seqs("ready"), [3]);
    assert_eq!(seqs("events"), [121, 122]);
    assert_eq!(seqs("audit"), [91]);
    let leases = now.json("attempts");
    let until = |n: usize| leases[n]["lease_until"].as_i64().unwrap();
    assert_eq!((until(0), until(1)), (19, at(500).as_millis()));
    // Where they come from its schedules go on.
    let schedules = now.json("templates");
    assert!(!schedules.is_empty());
    for schedule in schedules {
        let is = (&schedule["enabled"], &schedule["next_at"]);
        assert_eq!(is, (&Value::Bool(false), &Value::Null), "{schedule}");
    }
    let (title, log) = (
        lab.store.read(|view| {
            let task: TaskId = id(51);
            Ok(view.task_spec(task)?.unwrap().title)
        }),
        store.read_log(id::<kind::Attempt>(51), 0, 100),
    );
    assert_eq!(title.await.unwrap(), "one \"line\"");
    assert_eq!(log.await.unwrap(), (b"\x00\x01\xffhello".to_vec(), 8));
}

/// What comes in is what there was, but for places in sequences, leases, the name, and schedules,
/// which come paused.
fn same_but_for_numbers(now: &Records, then: &Records) {
    let strip = |rows: Vec<Value>| -> Vec<Value> {
        let clean = |mut row: Value| {
            for changed in ["seq", "lease_until", "enabled", "next_at"] {
                if let Some(value) = row.get_mut(changed) {
                    *value = Value::Null;
                }
            }
            row
        };
        rows.into_iter().map(clean).collect()
    };
    for kind in kinds_of(Scope::Org(id(51))) {
        if kind != "orgs" {
            assert_eq!(strip(now.json(kind)), strip(then.json(kind)), "{kind}");
        }
    }
}

/// A record that is none is refused by its kind and number, and leaves nothing behind.
pub(super) async fn bad_records(lab: Lab) {
    let store = lab.store.as_ref();
    let cases = [
        ("tasks", "\"leaf\"", "\"leave\"", "record 1 of tasks: kind"),
        (
            "tasks",
            ",\"unmet\":1",
            "",
            "record 1 of tasks: it has no unmet",
        ),
        (
            "settings",
            "{\"key\"",
            "{\"more\":1,\"key\"",
            "known of its more",
        ),
        ("audit", "{", "[", "record 1 of audit"),
        ("counters", "120", "\"many\"", "record 1 of counters"),
        ("projects", "\"tally\"", "null", "projects"),
    ];
    for (kind, from, to, says) in cases {
        let mut broken = sample();
        let first = broken.0.get_mut(kind).unwrap().front_mut().unwrap();
        assert!(first.contains(from), "{first}");
        *first = first.replace(from, to);
        let error = store.load(EMPTY_ONLY, Box::new(broken)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let gap = json!({"attempt": id::<kind::Attempt>(1), "start": 9, "bytes": ""}).to_string();
    for line in [gap, "{}".to_owned()] {
        let mut logs = Records::default();
        let is_gap = line.len() > 2;
        logs.0.insert("logs".to_owned(), [line].into());
        let loaded = load_logs(store, &mut logs).await;
        assert_eq!(
            matches!(loaded, Err(Error::Refused(Refusal::LogGap { .. }))),
            is_gap
        );
    }
    sample().load(store, EMPTY_ONLY).await.unwrap();
    let unknown: AttemptId = id(4000);
    store.append_log(unknown, 0, vec![1]).await.unwrap();
    let logs = Records::of(store, Scope::Lab).await;
    assert_eq!(
        logs.json("logs"),
        sample().json("logs"),
        "a log of nothing that is known stays"
    );
}

/// An archive of an org brings nothing in that would belong to another.
pub(super) async fn foreign_rows(lab: Lab) {
    let store = lab.store.as_ref();
    sample().load(store, EMPTY_ONLY).await.unwrap();
    let before = Records::of(store, Scope::Lab).await;
    let mut own = Records::default();
    let org = json!({"id": name::<kind::Org>(70), "name": "org-70", "retention": null,
        "created_at": 1});
    own.0.insert("orgs".to_owned(), [org.to_string()].into());
    let foreign = [
        ("due", json!({"task": name::<kind::Task>(2), "at": 1})),
        (
            "agents",
            json!({"id": name::<kind::Agent>(70), "org": name::<kind::Org>(1), "name": "spy",
                "labels": "", "capacity": 1, "runtime": "local", "draining": false, "lane": "",
                "created_at": 1, "seen_at": 1}),
        ),
    ];
    let how = Loading::Org {
        name: None,
        lease_until: at(1),
    };
    for (kind, row) in foreign {
        let mut with = own.clone();
        with.0.insert(kind.to_owned(), [row.to_string()].into());
        let error = store.load(how.clone(), Box::new(with)).await.unwrap_err();
        assert!(error.to_string().contains("do not belong"), "{error}");
    }
    assert_eq!(Records::of(store, Scope::Lab).await, before);
    store.load(how, Box::new(own)).await.unwrap();
}

/// A sink that fails ends the dump with its own words.
pub(super) async fn sinks_may_fail(lab: Lab) {
    let store = lab.store.as_ref();
    sample().load(store, EMPTY_ONLY).await.unwrap();
    let full = |_: crate::dump::Record<'_>| Err(io::ErrorKind::StorageFull.into());
    let error = store.dump(Scope::Lab, Box::new(full)).await.unwrap_err();
    let Error::Storage(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind, devlab_core::error::StorageErrorKind::Full);
    Records::of(store, Scope::Lab).await;
}

//! Every link, altered: by somebody without the key, and by somebody who has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devlab_core::check::Sha256Hex;
use devlab_core::provenance::dsse::sign;
use devlab_core::provenance::{PAYLOAD_TYPE, SecretKey};
use serde_json::{Value, json};

use super::{Clone, clone};

fn payload(envelope: &Value) -> Value {
    let bytes = STANDARD
        .decode(envelope["payload"].as_str().unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn set_payload(envelope: &mut Value, payload: &Value) {
    envelope["payload"] = STANDARD.encode(payload.to_string()).into();
}

/// Pointers to every value that is no list and no object.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{n}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

fn other(value: &Value) -> Value {
    match value {
        Value::Null => json!(1),
        Value::Bool(is) => json!(!is),
        Value::Number(n) => json!(n.as_i64().unwrap() + 1),
        // Still of the same form: ids, digests and times are read before they are judged.
        Value::String(text) => match text.strip_suffix('1') {
            Some(rest) => json!(format!("{rest}2")),
            None => json!(format!(
                "{}1",
                text.get(..text.len().saturating_sub(1)).unwrap()
            )),
        },
        Value::Array(_) | Value::Object(_) => unreachable!("a leaf"),
    }
}

/// The first link of each kind, by its number.
fn first_of_each(links: &[Value]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (n, link) in links.iter().enumerate() {
        let kind = payload(link)["predicate"]["link"]["kind"]
            .as_str()
            .unwrap()
            .to_owned();
        if found.iter().all(|(_, known)| *known != kind) {
            found.push((n, kind));
        }
    }
    found
}

fn links(note: &Value) -> Vec<Value> {
    note["links"].as_array().unwrap().clone()
}

#[test]
fn every_field_of_every_kind_of_link_is_signed() {
    let clone = clone();
    let note = clone.note(&clone.merge);
    let kinds = first_of_each(&links(&note));
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    let mut fields = 0;
    for (n, _) in kinds {
        let said = payload(&note["links"][n]);
        let mut pointers = Vec::new();
        leaves(&said, "", &mut pointers);
        for pointer in pointers {
            let mut altered = note.clone();
            let mut said = said.clone();
            let value = said.pointer_mut(&pointer).unwrap();
            *value = other(value);
            set_payload(&mut altered["links"][n], &said);
            clone.attach(&clone.merge, &altered);
            let broken = clone.broken(&clone.merge, &clone.root);
            let named = broken.starts_with(&format!("link {n}: "));
            assert!(named && broken.contains("altered"), "{pointer}: {broken}");
            fields += 1;
        }
    }
    assert!(fields > 80, "{fields}");
    every_link(&clone, &note);
    signatures(&clone, &note);
    order(&clone, &note);
    // Put back, it holds again.
    clone.attach(&clone.merge, &note);
    clone.verify(&clone.merge, &clone.root).ok();
    elsewhere(&clone, &note);
}

/// One field of each link, also of those whose kind has come before: another field from one to the next.
fn every_link(clone: &Clone, note: &Value) {
    for (n, link) in links(note).iter().enumerate() {
        let mut said = payload(link);
        let mut pointers = Vec::new();
        leaves(&said, "", &mut pointers);
        let value = said.pointer_mut(&pointers[n % pointers.len()]).unwrap();
        *value = other(value);
        let mut altered = note.clone();
        set_payload(&mut altered["links"][n], &said);
        clone.attach(&clone.merge, &altered);
        let broken = clone.broken(&clone.merge, &clone.root);
        let named = broken.starts_with(&format!("link {n}: "));
        assert!(named && broken.contains("altered"), "link {n}: {broken}");
    }
}

/// What an envelope says besides its payload.
fn signatures(clone: &Clone, note: &Value) {
    let last = links(note).len() - 1;
    for n in [0, last] {
        for pointer in ["/payloadType", "/signatures/0/keyid", "/signatures/0/sig"] {
            let mut altered = note.clone();
            let envelope = &mut altered["links"][n];
            let value = envelope.pointer_mut(pointer).unwrap();
            let text = value.as_str().unwrap();
            let first = if text.starts_with('a') { "b" } else { "a" };
            *value = json!(format!("{first}{}", &text[1..]));
            clone.attach(&clone.merge, &altered);
            let broken = clone.broken(&clone.merge, &clone.root);
            assert!(
                broken.starts_with(&format!("link {n}: ")),
                "{pointer}: {broken}"
            );
        }
        let mut altered = note.clone();
        altered["links"][n]["signatures"] = json!([]);
        clone.attach(&clone.merge, &altered);
        let broken = clone.broken(&clone.merge, &clone.root);
        assert!(broken.contains("0 signatures"), "{broken}");
    }
    // Another org's key.
    let other = SecretKey::new([7, 7]).public().unwrap().to_string();
    clone.attach(&clone.merge, note);
    let broken = clone.broken(&clone.merge, &other);
    assert!(
        broken.starts_with("link 0: ") && broken.contains("not its org's"),
        "{broken}"
    );
}

/// Links left out, doubled or swapped, each signed as it was.
fn order(clone: &Clone, note: &Value) {
    let all = links(note);
    for n in 0..all.len() {
        let mut altered = all.clone();
        altered.remove(n);
        let mut without = note.clone();
        without["links"] = altered.into();
        clone.attach(&clone.merge, &without);
        let broken = clone.broken(&clone.merge, &clone.root);
        let named = match n == all.len() - 1 {
            // Whatever came before it is the end now.
            true => broken.starts_with("the note: it does not end with the merge"),
            false => broken.starts_with(&format!("link {n}, the ")) && broken.contains("left out"),
        };
        assert!(named, "without {n}: {broken}");
    }
    let mut altered = note.clone();
    altered["links"].as_array_mut().unwrap().swap(2, 3);
    clone.attach(&clone.merge, &altered);
    let broken = clone.broken(&clone.merge, &clone.root);
    assert!(broken.starts_with("link 2, the "), "{broken}");
    let mut altered = note.clone();
    altered["links"]
        .as_array_mut()
        .unwrap()
        .insert(1, all[0].clone());
    clone.attach(&clone.merge, &altered);
    let broken = clone.broken(&clone.merge, &clone.root);
    assert!(broken.starts_with("link 1, the goal"), "{broken}");
    let mut altered = note.clone();
    altered["format"] = json!(2);
    clone.attach(&clone.merge, &altered);
    let broken = clone.broken(&clone.merge, &clone.root);
    assert!(
        broken.starts_with("the note: ") && broken.contains("format 2"),
        "{broken}"
    );
}

/// The note on another commit, and a commit that is another one.
fn elsewhere(clone: &Clone, note: &Value) {
    clone.attach("HEAD~1", note);
    let broken = clone.broken("HEAD~1", &clone.root);
    assert!(broken.contains("it is the provenance of"), "{broken}");
    // The same merge with another tree: somebody has put something in.
    let tree = clone.git(&["rev-parse", "HEAD~1^{tree}"]);
    let identity = ["-c", "user.name=M", "-c", "user.email=m@example.org"];
    let commit = [
        "commit-tree",
        tree.trim(),
        "-p",
        "HEAD^1",
        "-p",
        "HEAD^2",
        "-m",
        "Merge",
    ];
    let forged = clone.git(&[&identity[..], &commit].concat());
    clone.attach(forged.trim(), note);
    let broken = clone.broken(forged.trim(), &clone.root);
    assert!(broken.contains("it is the provenance of"), "{broken}");
    // git itself can be told to show that commit for the merge: it is not believed.
    clone.git(&["replace", &clone.merge, forged.trim()]);
    clone.verify(&clone.merge, &clone.root).ok();
    clone.git(&["replace", "--delete", &clone.merge]);
    // An object that the chain stands on, overwritten in the clone.
    let inner = clone.git(&["rev-parse", "HEAD^2"]);
    clone.git(&["repack", "-adq"]);
    let pack = clone.dir.join(".git/objects/pack");
    let pack = std::fs::read_dir(pack)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    for file in pack.filter(|file| file.extension().is_some_and(|e| e == "pack")) {
        let moved = clone.bench.path().join("moved.pack");
        std::fs::rename(&file, &moved).unwrap();
        std::fs::remove_file(file.with_extension("idx")).unwrap();
        let unpack = format!("git unpack-objects -q < '{}'", moved.display());
        let mut shell = std::process::Command::new("sh");
        let unpacked = shell.arg("-c").arg(unpack).current_dir(&clone.dir).status();
        assert!(unpacked.unwrap().success());
    }
    let object = |oid: &str| {
        clone
            .dir
            .join(format!(".git/objects/{}/{}", &oid[..2], &oid[2..]))
    };
    std::fs::remove_file(object(inner.trim())).unwrap();
    std::fs::copy(object(forged.trim()), object(inner.trim())).unwrap();
    let broken = clone.broken(&clone.merge, &clone.root);
    assert!(
        broken.contains("git fsck") || broken.contains("git cannot read"),
        "{broken}"
    );
}

/// Signs a chain anew, links as they are given, so that only what they say is left to be judged.
fn resigned(links: &[Value], key: &SecretKey) -> Value {
    let mut previous = Value::Null;
    let mut signed = Vec::new();
    for (n, said) in links.iter().enumerate() {
        let mut said = said.clone();
        said["predicate"]["number"] = json!(n);
        said["predicate"]["previous"] = previous;
        let bytes = said.to_string().into_bytes();
        previous = json!(Sha256Hex::of(&bytes));
        signed.push(serde_json::to_value(sign(PAYLOAD_TYPE, &bytes, key).unwrap()).unwrap());
    }
    json!({ "format": 1, "keys": [], "links": signed })
}

/// Where the last link of a kind is.
fn last(said: &[Value], kind: &str) -> usize {
    let is = |value: &Value| value["predicate"]["link"]["kind"] == kind;
    said.iter().rposition(is).unwrap()
}

type Change = fn(&mut Vec<Value>);

fn link<'a>(said: &'a mut [Value], kind: &str) -> &'a mut Value {
    let n = last(said, kind);
    &mut said[n]["predicate"]["link"]
}

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// What somebody with the key might say instead, and how it is found out: with `|`, it depends on what
/// was merged together.
const LIES: &[(&str, Change, &str)] = &[
    (
        "receipts left out",
        |said| {
            let n = last(said, "receipts");
            said.remove(n);
        },
        "no receipt says",
    ),
    (
        "all receipts emptied",
        |said| {
            for one in said
                .iter_mut()
                .filter(|one| one["predicate"]["link"]["kind"] == "receipts")
            {
                one["predicate"]["link"]["receipts"] = json!([]);
            }
        },
        "no receipt says",
    ),
    (
        "a failed check that passed",
        |said| {
            link(said, "receipts")["receipts"][0]["exit_code"] = json!(1);
        },
        "exit code is 1",
    ),
    (
        "a receipt of another tree",
        |said| {
            let tree = said[last(said, "attempt")]["predicate"]["link"]["commit"].clone();
            let n = last(said, "receipts");
            said[n]["predicate"]["link"]["tree"] = tree.clone();
            said[n]["subject"][0]["digest"]["gitTree"] = tree;
        },
        "is not the tree of",
    ),
    (
        "a verdict left out",
        |said| {
            let n = last(said, "verdict");
            said.remove(n);
        },
        "nobody has accepted",
    ),
    (
        "a verdict on something else",
        |said| {
            let n = last(said, "verdict");
            said[n]["predicate"]["link"]["commit"] = json!(ZEROS);
            said[n]["subject"][0]["digest"]["gitCommit"] = json!(ZEROS);
        },
        "nobody has accepted",
    ),
    (
        "a rejection",
        |said| {
            link(said, "verdict")["about"]["review"] = json!("reject");
        },
        "nobody has accepted",
    ),
    (
        "an attempt with another result",
        |said| {
            let base = said[last(said, "attempt")]["predicate"]["link"]["base"].clone();
            let n = last(said, "attempt");
            said[n]["predicate"]["link"]["commit"] = base.clone();
            said[n]["subject"][0]["digest"]["gitCommit"] = base;
        },
        "is not the result of its task",
    ),
    (
        "an attempt from elsewhere",
        |said| {
            link(said, "attempt")["base"] = json!(ZEROS);
        },
        "does not come after",
    ),
    (
        "an attempt under another policy",
        |said| {
            link(said, "attempt")["policy"] = json!("0".repeat(64));
        },
        "another policy",
    ),
    (
        "an attempt left out",
        |said| {
            let n = last(said, "attempt");
            said.remove(n);
        },
        "is not the result",
    ),
    (
        "a task left out",
        |said| {
            let n = last(said, "task");
            said.remove(n);
        },
        "not told of before",
    ),
    (
        "a task with all that belongs to it left out",
        |said| {
            let n = last(said, "task");
            let task = said[n]["predicate"]["link"]["task"].clone();
            said.retain(|one| one["predicate"]["link"]["task"] != task);
        },
        "is not the result of its task|of which it says nothing",
    ),
    (
        "a merge left out",
        |said| {
            let n = said
                .iter()
                .position(|one| one["predicate"]["link"]["kind"] == "merge")
                .unwrap();
            said.remove(n);
        },
        "it has no merge of it",
    ),
    (
        "a merge of another tree",
        |said| {
            let n = last(said, "merge");
            said[n]["predicate"]["link"]["tree"] = json!(ZEROS);
            said[n]["subject"][0]["digest"]["gitTree"] = json!(ZEROS);
        },
        "has another tree",
    ),
    (
        "a merge onto something else",
        |said| {
            link(said, "merge")["base"] = json!(ZEROS);
        },
        "is not a merge onto",
    ),
    (
        "a merge of something else",
        |said| {
            link(said, "merge")["head"] = json!(ZEROS);
        },
        "does not bring",
    ),
    (
        "a merge that is another commit",
        |said| {
            let n = last(said, "merge");
            said[n]["predicate"]["link"]["commit"] = json!(ZEROS);
            said[n]["predicate"]["link"]["batch"] = json!([ZEROS]);
            said[n]["subject"][0]["digest"]["gitCommit"] = json!(ZEROS);
        },
        "is not in this repository",
    ),
    (
        "a merge that needed another check",
        |said| {
            link(said, "merge")["checks"]["more"] = json!("0".repeat(64));
        },
        "no receipt says that \"more\" passed",
    ),
    (
        "a merge that needed none",
        |said| {
            link(said, "merge")["checks"] = json!({});
        },
        "by no check",
    ),
    (
        "a merge under another policy",
        |said| {
            link(said, "merge")["policy"] = json!("0".repeat(64));
        },
        "another policy",
    ),
    (
        "a plan with another task",
        |said| {
            let other = said[0]["predicate"]["link"]["org"]
                .as_str()
                .unwrap()
                .replace("org_", "task_");
            link(said, "plan")["tasks"]["T009"] = json!(other);
        },
        "of which it says nothing",
    ),
    (
        "a plan twice",
        |said| {
            let n = last(said, "plan");
            said.insert(n, said[n].clone());
        },
        "plan before",
    ),
    (
        "a subject that is another",
        |said| {
            let n = last(said, "merge");
            said[n]["subject"][0]["digest"]["gitCommit"] = json!(ZEROS);
        },
        "subject",
    ),
    (
        "a statement of another kind",
        |said| {
            said[0]["predicateType"] = json!("https://slsa.dev/provenance/v1");
        },
        "another kind",
    ),
    (
        "a field more",
        |said| {
            said[0]["predicate"]["link"]["more"] = json!(1);
        },
        "not a statement",
    ),
];

#[test]
fn what_is_said_is_held_against_the_repository_even_if_the_key_was_stolen() {
    let clone = clone();
    let note = clone.note(&clone.merge);
    let said: Vec<Value> = links(&note).iter().map(payload).collect();
    let thief = SecretKey::new([3, 5]);
    let key = thief.public().unwrap().to_string();
    clone.attach(&clone.merge, &resigned(&said, &thief));
    clone.verify(&clone.merge, &key).ok();
    for (name, change, found) in LIES {
        let mut lies = said.clone();
        change(&mut lies);
        clone.attach(&clone.merge, &resigned(&lies, &thief));
        let broken = clone.broken(&clone.merge, &key);
        let is_found = found.split('|').any(|part| broken.contains(part));
        assert!(is_found, "{name}: {broken}");
    }
}

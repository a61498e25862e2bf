use std::collections::BTreeMap;

use crate::check::{Isolation, Sha256Hex};
use crate::id::kind;
use crate::id::{Id, Kind};
use crate::patch::Verdict;
use crate::plan::revision::Origin;
use crate::plan::{PlanState, PlannerKind};
use crate::provenance::history::tests::id as commit_id;
use crate::provenance::link::{
    About, AttemptLink, Link, MergeLink, PlanLink, ReceiptItem, ReceiptsLink, TaskLink, VerdictLink,
};
use crate::provenance::note::{Note, OrgKey, rotate};
use crate::provenance::{History, SecretKey};
use crate::state::{StateName, TaskKind};
use crate::task::Proof;
use crate::{Oid, RefName, TaskId, Timestamp};

use super::verify;

/// A repository in memory.
#[derive(Default, Clone)]
struct Commits(BTreeMap<Oid, Vec<u8>>);

impl Commits {
    fn add(&mut self, tree: &Oid, parents: &[&Oid]) -> Oid {
        let mut content = format!("tree {tree}\n");
        for parent in parents {
            content.push_str(&format!("parent {parent}\n"));
        }
        content.push_str(&format!("author a <a@b> {0} +0000\n\nx\n", self.0.len()));
        let oid = commit_id(content.as_bytes());
        self.0.insert(oid.clone(), content.into_bytes());
        oid
    }
}

impl History for Commits {
    fn commit(&mut self, oid: &Oid) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.get(oid).cloned())
    }
}

fn at() -> Timestamp {
    Timestamp::from_millis(1)
}

fn id<K: Kind>(n: u128) -> Id<K> {
    Id::new(at(), n << 16)
}

fn oid(n: u32) -> Oid {
    format!("{n:040x}").parse().unwrap()
}

fn hash(text: &str) -> Sha256Hex {
    Sha256Hex::of(text.as_bytes())
}

const GOAL: u128 = 1;
const LEAF: u128 = 2;

fn task(n: u128, parent: Option<u128>) -> TaskLink {
    TaskLink {
        org: id(9),
        project: Some(id(8)),
        task: id(n),
        parent: parent.map(id),
        made_of: match n {
            GOAL => TaskKind::Composite,
            _ => TaskKind::Leaf,
        },
        title: "Greet".into(),
        words: hash("words"),
        state: StateName::Done,
        review: n == GOAL,
        brought: None,
        after: Vec::new(),
        policy: hash("policy"),
        earlier: Vec::new(),
        check_set: Some(hash("set")),
        at: at(),
    }
}

fn receipts(n: u128, tree: &Oid, commit: &Oid) -> Link {
    Link::Receipts(ReceiptsLink {
        task: id(n),
        tree: tree.clone(),
        receipts: vec![ReceiptItem {
            receipt: id(20),
            check: "test".into(),
            command: "true".into(),
            check_hash: hash("check"),
            check_set: hash("set"),
            commit: commit.clone(),
            exit_code: 0,
            passed: true,
            attempt: id(30),
            verifier: id(31),
            isolation: Isolation::Process,
            at: at(),
        }],
    })
}

fn merge(n: u128, target: RefName, [base, head, commit, tree]: [&Oid; 4]) -> Link {
    Link::Merge(MergeLink {
        task: id(n),
        candidate: id(40 + n),
        target,
        head: head.clone(),
        commit: commit.clone(),
        base: base.clone(),
        batch: vec![commit.clone()],
        tree: tree.clone(),
        check_set: hash("set"),
        checks: BTreeMap::from([("test".to_owned(), hash("check"))]),
        proof: Proof::Proven,
        policy: hash("policy"),
        at: at(),
    })
}

/// A goal of one task: its links, the commits that they name, and the goal's merge.
struct Chain {
    commits: Commits,
    links: Vec<Link>,
    merge: Oid,
}

fn chain() -> Chain {
    chain_with(|_| None)
}

/// `beside`: what the commit that ticks the goal's boxes has as its second parent, by the goal's base.
fn chain_with(beside: impl FnOnce(&Oid) -> Option<Oid>) -> Chain {
    let mut commits = Commits::default();
    let (t0, t1, t2) = (oid(100), oid(101), oid(102));
    let base = commits.add(&t0, &[]);
    let result = commits.add(&t1, &[&base]);
    let inner = commits.add(&t1, &[&base, &result]);
    // The goal's boxes are ticked on top of its branch.
    let beside = beside(&base);
    let on: Vec<&Oid> = [&inner].into_iter().chain(&beside).collect();
    let ticked = commits.add(&t2, &on);
    let outer = commits.add(&t2, &[&base, &ticked]);
    let main: RefName = "refs/heads/main".parse().unwrap();
    let links = vec![
        Link::Goal(task(GOAL, None)),
        Link::Plan(PlanLink {
            task: id(GOAL),
            number: 1,
            parent: None,
            state: PlanState::Current,
            plan: hash("plan"),
            origin: Origin {
                planner: PlannerKind::SpecKit,
                source: "specs/001".into(),
                commit: None,
                input: hash("input"),
                stories_in_turn: false,
                why: String::new(),
            },
            proposed_by: "operator:tok".into(),
            proposed_at: at(),
            decision: None,
            tasks: BTreeMap::from([("T001".to_owned(), id(LEAF))]),
        }),
        Link::Task(task(LEAF, Some(GOAL))),
        Link::Attempt(AttemptLink {
            task: id(LEAF),
            attempt: id(30),
            number: 1,
            agent: id(31),
            agent_name: Some("ada".into()),
            runtime: Some("local".into()),
            driver: Some("command".into()),
            isolation: Some(Isolation::Process),
            base: Some(base.clone()),
            commit: Some(result.clone()),
            policy: hash("policy"),
            at: at(),
            ended_at: Some(at()),
        }),
        receipts(LEAF, &t1, &result),
        merge(
            LEAF,
            RefName::of_composite(id(GOAL)),
            [&base, &result, &inner, &t1],
        ),
        Link::Verdict(VerdictLink {
            task: id(GOAL),
            about: About::Review(Verdict::Accept),
            by: "operator:tok".into(),
            commit: Some(inner.clone()),
            at: at(),
        }),
        receipts(GOAL, &t2, &outer),
        merge(GOAL, main, [&base, &inner, &outer, &t2]),
    ];
    Chain {
        commits,
        links,
        merge: outer,
    }
}

fn key(number: u32) -> OrgKey {
    let secret = SecretKey::new([number.into(), 0]);
    OrgKey {
        org: id(9),
        number,
        public: secret.public().unwrap(),
        secret: Some(secret),
        rotation: None,
        created_at: at(),
    }
}

/// Signs links and verifies them; why they do not hold.
fn judged(chain: &Chain) -> Result<(), String> {
    let note = Note::sign(&[key(1)], chain.links.clone()).unwrap();
    let note = Note::from_text(note.to_text().unwrap().as_bytes()).unwrap();
    let mut commits = chain.commits.clone();
    let verified = verify(&note, &chain.merge, &key(1).public, &mut commits);
    verified.map(drop).map_err(|broken| broken.to_string())
}

fn after(change: impl FnOnce(&mut Chain)) -> String {
    let mut chain = chain();
    change(&mut chain);
    judged(&chain).unwrap_err()
}

fn of<'a>(links: &'a mut [Link], name: &str) -> &'a mut Link {
    let mut all = links.iter_mut().rev();
    all.find(|link| link.name() == name).unwrap()
}

macro_rules! edit {
    ($chain:ident, $kind:ident, $link:ident, $what:expr) => {{
        let name = stringify!($kind).to_lowercase();
        let Link::$kind($link) = of(&mut $chain.links, &name) else {
            panic!("{name} is another");
        };
        $what
    }};
}

#[test]
fn a_chain_holds_as_it_is() {
    judged(&chain()).unwrap();
}

#[test]
fn a_result_has_to_be_what_was_attempted() {
    let told = after(|c| edit!(c, Attempt, link, link.commit = link.base.clone()));
    assert!(told.contains("is not the result of its task"), "{told}");
    let told = after(|c| edit!(c, Attempt, link, link.base = Some(oid(7))));
    assert!(told.contains("does not come after"), "{told}");
    let told = after(|c| edit!(c, Attempt, link, link.policy = hash("other")));
    assert!(told.contains("another policy"), "{told}");
    let mut chain = chain();
    edit!(chain, Attempt, link, link.policy = hash("other"));
    edit!(chain, Task, link, link.earlier = vec![hash("other")]);
    judged(&chain).expect("its task had that one before");
    // The goal is what its children came to.
    let told = after(|c| {
        edit!(c, Merge, link, link.head = link.base.clone());
        edit!(c, Merge, link, link.batch = vec![link.commit.clone()]);
    });
    assert!(told.contains("does not bring"), "{told}");
}

#[test]
fn boxes_are_ticked_on_the_result_or_on_what_it_and_its_target_come_to() {
    judged(&chain_with(|base| Some(base.clone()))).unwrap();
    let told = judged(&chain_with(|_| Some(oid(7)))).unwrap_err();
    assert!(told.contains("does not bring"), "{told}");
}

#[test]
fn what_was_brought_in_needs_no_attempt_and_nothing_else_does_without_one() {
    let told = after(|c| {
        c.links.remove(3);
    });
    assert!(told.contains("is not the result of its task"), "{told}");
    let mut brought = chain();
    brought.links.remove(3);
    let Link::Merge(merge) = brought.links[4].clone() else {
        panic!("the merge of the task");
    };
    edit!(brought, Task, link, link.brought = Some(merge.head));
    judged(&brought).unwrap();
}

#[test]
fn a_goal_is_what_its_branch_came_to() {
    // A side branch that nobody told of goes in instead.
    let told = after(|c| {
        let Link::Merge(last) = c.links.last().unwrap().clone() else {
            panic!("it ends with a merge");
        };
        let side = c.commits.add(&oid(103), &[&last.base]);
        let forged = c.commits.add(&last.tree, &[&last.base, &side]);
        edit!(c, Merge, link, link.head = side.clone());
        edit!(c, Merge, link, link.commit = forged.clone());
        edit!(c, Merge, link, link.batch = vec![forged.clone()]);
        edit!(c, Verdict, link, link.commit = Some(side));
        edit!(c, Receipts, link, link.receipts[0].commit = forged.clone());
        c.merge = forged;
    });
    assert!(told.contains("is not the result of its task"), "{told}");
}

#[test]
fn every_check_needs_a_receipt_of_that_tree() {
    let told = after(|c| edit!(c, Receipts, link, link.receipts.clear()));
    assert!(
        told.contains("no receipt says that \"test\" passed"),
        "{told}"
    );
    let told = after(|c| {
        edit!(c, Receipts, link, {
            link.receipts[0].passed = false;
            link.receipts[0].exit_code = 1;
        });
    });
    assert!(told.contains("no receipt says"), "{told}");
    let told = after(|c| edit!(c, Receipts, link, link.receipts[0].exit_code = 1));
    assert!(told.contains("exit code is 1"), "{told}");
    let told = after(|c| edit!(c, Receipts, link, link.tree = oid(55)));
    assert!(told.contains("is not the tree of"), "{told}");
    let told = after(|c| edit!(c, Merge, link, link.checks.clear()));
    assert!(told.contains("by no check"), "{told}");
}

#[test]
fn what_needs_a_review_needs_an_acceptance_of_that_commit() {
    let told = after(|c| edit!(c, Verdict, link, link.commit = Some(oid(5))));
    assert!(told.contains("nobody has accepted"), "{told}");
    let reject = About::Review(Verdict::Reject);
    let told = after(|c| edit!(c, Verdict, link, link.about = reject));
    assert!(told.contains("nobody has accepted"), "{told}");
    // An acceptance that was taken back is none, and one of the same commit after that is one again.
    let with = |c: &mut Chain, about: About, commit: Option<Oid>| {
        let place = c.links.iter().position(|link| link.name() == "verdict");
        let place = place.expect("a verdict");
        let Link::Verdict(mut verdict) = c.links[place].clone() else {
            panic!("a verdict");
        };
        verdict.about = about;
        verdict.commit = commit.or(verdict.commit);
        let last = c.links.len() - 2;
        c.links.insert(last, Link::Verdict(verdict));
    };
    let told = after(|c| with(c, reject, None));
    assert!(told.contains("nobody has accepted"), "{told}");
    let mut again = chain();
    with(&mut again, reject, None);
    with(&mut again, About::Review(Verdict::Accept), None);
    judged(&again).unwrap();
    // What is said of another result takes nothing back.
    let mut other = chain();
    with(&mut other, reject, Some(oid(5)));
    judged(&other).unwrap();
}

#[test]
fn a_merge_is_the_commit_that_the_repository_has() {
    let told = after(|c| edit!(c, Merge, link, link.tree = oid(1)));
    assert!(told.contains("has another tree"), "{told}");
    let told = after(|c| edit!(c, Merge, link, link.base = oid(1)));
    assert!(told.contains("is not a merge onto"), "{told}");
    let told = after(|c| edit!(c, Merge, link, link.batch = vec![oid(1)]));
    assert!(told.contains("not among the merges"), "{told}");
    let told = after(|c| edit!(c, Merge, link, link.policy = hash("other")));
    assert!(told.contains("another policy"), "{told}");
    let told = after(|c| {
        c.commits.0.remove(&c.merge);
    });
    assert!(told.contains("fetch its whole history"), "{told}");
    let told = after(|c| {
        let other = c.commits.0.values().next().unwrap().clone();
        c.commits.0.insert(c.merge.clone(), other);
    });
    assert!(told.contains("git fsck"), "{told}");
    let told = after(|c| {
        let Link::Merge(inner) = &mut c.links[5] else {
            panic!("the merge of the task");
        };
        inner.target = "refs/heads/main".parse().unwrap();
    });
    assert!(told.contains("not its parent's branch"), "{told}");
}

#[test]
fn everything_that_went_in_is_told_of() {
    let told = after(|c| {
        let Link::Merge(inner) = c.links[5].clone() else {
            panic!("the merge of the task");
        };
        // Another one went in with it, and is what the goal came to.
        let side = c.commits.add(&oid(103), &[&inner.base]);
        let more = c.commits.add(&inner.tree, &[&inner.commit, &side]);
        let outer = c.commits.add(&oid(102), &[&inner.base, &more]);
        if let Link::Merge(inner) = &mut c.links[5] {
            inner.batch.push(more.clone());
        }
        edit!(c, Verdict, link, link.commit = Some(more.clone()));
        edit!(c, Receipts, link, link.receipts[0].commit = outer.clone());
        edit!(c, Merge, link, link.head = more);
        edit!(c, Merge, link, link.commit = outer.clone());
        edit!(c, Merge, link, link.batch = vec![outer.clone()]);
        c.merge = outer;
    });
    assert!(told.contains("it says nothing of whose it is"), "{told}");
}

#[test]
fn nothing_is_left_out_or_said_of_something_else() {
    let told = after(|c| {
        c.links.remove(2);
    });
    assert!(told.contains("was not told of before"), "{told}");
    let told = after(|c| {
        let other: TaskId = id::<kind::Task>(70);
        edit!(c, Plan, link, link.tasks.insert("T002".into(), other));
    });
    assert!(told.contains("of which it says nothing"), "{told}");
    let told = after(|c| {
        c.links.pop();
    });
    assert!(told.contains("does not end with the merge"), "{told}");
    let told = after(|c| c.merge = oid(3));
    assert!(told.contains("it is the provenance of"), "{told}");
    let told = after(|c| edit!(c, Task, link, link.org = id(10)));
    assert!(told.contains("cannot have it"), "{told}");
    let told = after(|c| c.links.insert(1, Link::Goal(task(GOAL, None))));
    assert!(told.contains("the only one"), "{told}");
}

#[test]
fn links_keep_their_order_and_keys_vouch_for_keys() {
    let chain = chain();
    let mut second = key(2);
    second.rotation = Some(rotate(&key(1), second.public, at()).unwrap());
    let note = Note::sign(&[key(1), second], chain.links.clone()).unwrap();
    let judge = |note: &Note, number| {
        let mut commits = chain.commits.clone();
        let verified = verify(note, &chain.merge, &key(number).public, &mut commits);
        verified
            .map(|verified| verified.rotations)
            .map_err(|broken| broken.to_string())
    };
    assert_eq!(judge(&note, 1), Ok(1));
    assert_eq!(judge(&note, 2), Ok(0));
    assert!(judge(&note, 3).unwrap_err().contains("no rotation leads"));
    let mut altered = note.clone();
    altered.links.swap(3, 4);
    assert!(
        judge(&altered, 1)
            .unwrap_err()
            .contains("does not follow the link before")
    );
    let mut altered = note.clone();
    altered.keys.clear();
    assert!(judge(&altered, 1).unwrap_err().contains("not its org's"));
    // A key of another org, vouched for by nobody, or for another number.
    for change in [
        |key: &mut OrgKey| key.org = id(77),
        |key: &mut OrgKey| key.public = self::key(5).public,
    ] {
        let mut old = key(1);
        change(&mut old);
        let mut altered = note.clone();
        altered.keys = vec![rotate(&old, key(2).public, at()).unwrap()];
        assert!(judge(&altered, 1).is_err());
    }
}

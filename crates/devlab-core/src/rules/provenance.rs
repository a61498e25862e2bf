//! Provenance: which goals have none attached yet, the keys of orgs, and what there is to state.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::ask::{AskAnswer, AskKind};
use crate::attempt::{Attempt, AttemptKind, AttemptState};
use crate::check::{DriverSpec, Receipt, Sha256Hex};
use crate::error::{Refusal, Result};
use crate::git::Oid;
use crate::id::{CandidateId, OrgId, TaskId};
use crate::plan::PlanState;
use crate::provenance::link::{
    About, AttemptLink, Link, MergeLink, PlanLink, ReceiptItem, ReceiptsLink, TaskLink, VerdictLink,
};
use crate::provenance::note::{self, OrgKey};
use crate::provenance::{KEYS_MAX, LINKS_MAX, SecretKey};
use crate::state::{State, TaskKind};
use crate::task::{Task, TaskSpec};
use crate::train::{Candidate, CandidateState};
use crate::tx::{Effect, Read, Tx};

use super::policy::promised;
use super::verifier;

/// Remembers that a goal is in its target and has no provenance attached yet.
pub(super) fn owe(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    if task.is_goal() {
        tx.put_unattested(task.id)?;
        tx.effect(Effect::Attest);
    }
    Ok(())
}

/// The keys of an org, oldest first; the last one can sign. Makes a first one if there is none that
/// can: another lab keeps those of an org that came from there.
///
/// # Errors
/// [`Refusal::Limit`] after too many.
pub fn keys(tx: &mut dyn Tx, org: OrgId) -> Result<Vec<OrgKey>> {
    let mut keys = tx.org_keys(org)?;
    if keys.last().is_none_or(|newest| newest.secret.is_none()) {
        let first = fresh(tx, org, &keys)?;
        tx.insert_org_key(&first)?;
        keys.push(first);
    }
    Ok(keys)
}

/// Gives an org a new key, which the newest one signs. Returns all of them.
///
/// # Errors
/// [`Refusal::Limit`] after too many.
pub fn rotate(tx: &mut dyn Tx, org: OrgId) -> Result<Vec<OrgKey>> {
    let mut known = tx.org_keys(org)?;
    let Some(old) = known.last().filter(|newest| newest.secret.is_some()) else {
        return keys(tx, org);
    };
    let mut new = fresh(tx, org, &known)?;
    new.rotation = Some(note::rotate(old, new.public, new.created_at)?);
    tx.insert_org_key(&new)?;
    known.push(new);
    Ok(known)
}

fn fresh(tx: &mut dyn Tx, org: OrgId, known: &[OrgKey]) -> Result<OrgKey> {
    let number = known.last().map_or(1, |newest| newest.number + 1);
    if number > KEYS_MAX {
        let limit = u64::from(KEYS_MAX);
        let what = "keys of an org";
        return Err(Refusal::Limit { what, limit }.into());
    }
    let secret = SecretKey::new([tx.random(), tx.random()]);
    Ok(OrgKey {
        org,
        number,
        public: secret.public()?,
        secret: Some(secret),
        rotation: None,
        created_at: tx.now(),
    })
}

/// The merge commit that a goal's provenance is attached to, and the links of it; `None` if it was
/// not published.
///
/// # Errors
/// [`Refusal::Limit`] if there are too many.
pub fn links<R: Read + ?Sized>(view: &mut R, goal: TaskId) -> Result<Option<(Oid, Vec<Link>)>> {
    let Some(task) = view.task(goal)? else {
        return Ok(None);
    };
    let Some(merge) = task.published.clone() else {
        return Ok(None);
    };
    let mut links = Vec::new();
    add(view, &task, &mut links)?;
    Ok(Some((merge, links)))
}

/// Adds what there is to state of a task, and of those below it.
fn add<R: Read + ?Sized>(view: &mut R, task: &Task, links: &mut Vec<Link>) -> Result<()> {
    if links.len() > LINKS_MAX {
        let limit = LINKS_MAX as u64;
        let what = "links of a goal's provenance";
        return Err(Refusal::Limit { what, limit }.into());
    }
    let spec = view.task_spec(task.id)?;
    let spec = spec.ok_or(Refusal::NotFound("task"))?;
    let after = view.dependencies(task.id)?;
    let earlier = earlier(view, task)?;
    let link = task_link(task, &spec, after, earlier);
    links.push(match task.is_goal() {
        true => Link::Goal(link),
        false => Link::Task(link),
    });
    if task.kind == TaskKind::Composite {
        plans(view, task, links)?;
        for child in children(view, task.id)? {
            add(view, &child, links)?;
        }
    }
    if task.state != State::Done {
        return Ok(());
    }
    let published = published(view, task.id)?;
    let tree = published.as_ref().and_then(|c| c.tree.clone());
    if task.kind == TaskKind::Leaf {
        attempt(view, task, &spec, tree.as_ref(), links)?;
    }
    verdicts(view, task, links)?;
    if let Some(candidate) = published {
        merge(view, task, &candidate, links)?;
    }
    Ok(())
}

/// What policy promised a task when it was worked on, if it promises something else by now.
fn earlier<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Vec<Sha256Hex>> {
    let now = promised(task);
    let mut earlier: Vec<Sha256Hex> = Vec::new();
    if task.kind == TaskKind::Leaf {
        let work = view.attempts(task.id)?.into_iter();
        let work = work.filter(|attempt| attempt.kind == AttemptKind::Work);
        for terms in work.filter_map(|attempt| attempt.terms) {
            if terms != now && !earlier.contains(&terms) {
                earlier.push(terms);
            }
        }
    }
    Ok(earlier)
}

fn task_link(
    task: &Task,
    spec: &TaskSpec,
    after: Vec<TaskId>,
    earlier: Vec<Sha256Hex>,
) -> TaskLink {
    // It has maps with text keys only, and nothing that cannot be written.
    let words = serde_json::to_string(spec).unwrap_or_default();
    TaskLink {
        org: task.org,
        project: task.project,
        task: task.id,
        parent: task.parent,
        made_of: task.kind,
        title: spec.title.clone(),
        words: Sha256Hex::of(words.as_bytes()),
        state: task.state.name(),
        review: task.review,
        brought: task.merges.clone(),
        after,
        policy: promised(task),
        earlier,
        check_set: task.check_set.clone(),
        at: task.created_at,
    }
}

/// The plans that were carried out, in their order.
fn plans<R: Read + ?Sized>(view: &mut R, task: &Task, links: &mut Vec<Link>) -> Result<()> {
    for revision in view.plan_revisions(task.id)? {
        if !matches!(revision.state, PlanState::Current | PlanState::Superseded) {
            continue;
        }
        let plan = view.plan(task.id, revision.number)?;
        let plan = serde_json::to_string(&plan).unwrap_or_default();
        links.push(Link::Plan(PlanLink {
            task: task.id,
            number: revision.number,
            parent: revision.parent,
            state: revision.state,
            plan: Sha256Hex::of(plan.as_bytes()),
            origin: revision.origin,
            tasks: view.plan_tasks(task.id, revision.number)?,
            proposed_by: revision.proposed_by,
            proposed_at: revision.proposed_at,
            decision: revision.decision,
        }));
    }
    Ok(())
}

/// Children, in the order in which they went into their parent's branch; the others first.
fn children<R: Read + ?Sized>(view: &mut R, parent: TaskId) -> Result<Vec<Task>> {
    let (mut children, mut candidates) = (Vec::new(), Vec::new());
    for id in view.children(parent)? {
        let candidate = published(view, id)?;
        let index = |candidate: &Candidate| candidate.entries.iter().position(|one| one.task == id);
        let place = candidate.as_ref().map(|one| (one.id, index(one)));
        candidates.extend(candidate);
        if let Some(child) = view.task(id)? {
            children.push((place, child));
        }
    }
    let order = in_order(candidates);
    children.sort_by_key(|(place, child)| {
        let place = place.map(|(candidate, index)| (order.get(&candidate).copied(), index));
        (place, child.seq)
    });
    Ok(children.into_iter().map(|(_, child)| child).collect())
}

/// The places of candidates of one target: each begins where the one before it led to. Their times
/// do not tell, for a clock may go back; they order only what has nothing before it.
fn in_order(mut candidates: Vec<Candidate>) -> HashMap<CandidateId, usize> {
    candidates.sort_by_key(|one| (one.stamp, one.updated_at, one.id));
    candidates.dedup_by_key(|one| one.id);
    let tips: HashSet<&Oid> = candidates
        .iter()
        .filter_map(|one| one.tip.as_ref())
        .collect();
    let mut by_base: HashMap<&Oid, VecDeque<&Candidate>> = HashMap::new();
    for one in &candidates {
        if let Some(base) = &one.base {
            let after = by_base.entry(base).or_default();
            match one.tip.as_ref() == Some(base) {
                true => after.push_front(one),
                false => after.push_back(one),
            }
        }
    }
    let is_first = |one: &&Candidate| one.base.as_ref().is_none_or(|base| !tips.contains(base));
    let mut order = HashMap::new();
    // Those that follow upon nothing, and whatever a circle would leave.
    for start in candidates.iter().filter(is_first).chain(&candidates) {
        let mut next = Some(start);
        while let Some(one) = next.filter(|one| !order.contains_key(&one.id)) {
            order.insert(one.id, order.len());
            next = one.tip.as_ref().and_then(|tip| {
                let after = by_base.get_mut(tip)?;
                std::iter::from_fn(|| after.pop_front())
                    .find(|other| !order.contains_key(&other.id))
            });
        }
    }
    order
}

fn published<R: Read + ?Sized>(view: &mut R, task: TaskId) -> Result<Option<Candidate>> {
    let mut all = view.candidates_of(task)?;
    all.retain(|candidate| candidate.state == CandidateState::Published);
    Ok(all.pop())
}

/// The attempt whose result was adopted, with what its checks said.
fn attempt<R: Read + ?Sized>(
    view: &mut R,
    task: &Task,
    spec: &TaskSpec,
    published: Option<&Oid>,
    links: &mut Vec<Link>,
) -> Result<()> {
    let all = view.attempts(task.id)?;
    let adopted = |attempt: &&Attempt| {
        let is_adopted = attempt.commit.is_some() || attempt.state == AttemptState::Succeeded;
        attempt.kind == AttemptKind::Work && is_adopted && attempt.commit == task.head
    };
    let Some(attempt) = all.iter().rev().find(adopted) else {
        return Ok(());
    };
    let agent = view.agent(attempt.agent)?;
    let mut receipts = view.receipts(task.id)?;
    receipts.retain(|receipt| receipt.attempt == attempt.id);
    links.push(Link::Attempt(AttemptLink {
        task: task.id,
        attempt: attempt.id,
        number: attempt.number,
        agent: attempt.agent,
        agent_name: agent.as_ref().map(|agent| agent.name.clone()),
        runtime: agent.map(|agent| agent.runtime),
        driver: spec.driver.as_ref().map(|driver| match driver {
            DriverSpec::Command(_) => "command".to_owned(),
        }),
        isolation: receipts.first().map(|receipt| receipt.isolation),
        base: attempt.base.clone(),
        commit: attempt.commit.clone(),
        policy: attempt.terms.clone().unwrap_or_else(|| promised(task)),
        at: attempt.created_at,
        ended_at: attempt.ended_at,
    }));
    // Those about the tree that was published are told with its merge.
    receipts.retain(|receipt| Some(&receipt.tree) != published);
    by_tree(task.id, receipts, links);
    Ok(())
}

fn by_tree(task: TaskId, receipts: Vec<Receipt>, links: &mut Vec<Link>) {
    let mut trees: BTreeMap<Oid, Vec<ReceiptItem>> = BTreeMap::new();
    for receipt in receipts {
        let tree = receipt.tree.clone();
        trees.entry(tree).or_default().push(item(receipt));
    }
    let of_tree = |(tree, receipts)| {
        Link::Receipts(ReceiptsLink {
            task,
            tree,
            receipts,
        })
    };
    links.extend(trees.into_iter().map(of_tree));
}

fn item(receipt: Receipt) -> ReceiptItem {
    ReceiptItem {
        receipt: receipt.id,
        check: receipt.check,
        command: receipt.command,
        check_hash: receipt.check_hash,
        check_set: receipt.check_set,
        commit: receipt.commit,
        exit_code: receipt.exit_code,
        passed: receipt.passed,
        attempt: receipt.attempt,
        verifier: receipt.agent,
        isolation: receipt.isolation,
        at: receipt.at,
    }
}

/// What people decided about a task.
fn verdicts<R: Read + ?Sized>(view: &mut R, task: &Task, links: &mut Vec<Link>) -> Result<()> {
    for ask in view.asks(task.id)? {
        // Who took another alternative decided nothing for this one.
        let is_for = |answer: &AskAnswer| ask.kind != AskKind::Choice || answer.text.is_empty();
        if let Some(answer) = ask.answer.filter(is_for) {
            links.push(Link::Verdict(VerdictLink {
                task: task.id,
                about: About::Asked(ask.kind),
                by: answer.by,
                commit: ask.head,
                at: answer.at,
            }));
        }
    }
    let Some(patch) = view.patch_of_task(task.id)? else {
        return Ok(());
    };
    for remark in view.patch_comments(patch.id)? {
        if let Some(verdict) = remark.verdict {
            links.push(Link::Verdict(VerdictLink {
                task: task.id,
                about: About::Review(verdict),
                by: remark.author,
                commit: Some(remark.head),
                at: remark.at,
            }));
        }
    }
    Ok(())
}

/// The merge of a task, after the receipts of the tree that was published.
fn merge<R: Read + ?Sized>(
    view: &mut R,
    task: &Task,
    candidate: &Candidate,
    links: &mut Vec<Link>,
) -> Result<()> {
    let entry = candidate.entries.iter().find(|entry| entry.task == task.id);
    let (Some(entry), Some(base), Some(tree)) = (entry, &candidate.base, &candidate.tree) else {
        return Ok(());
    };
    let Some(commit) = entry.merge.clone() else {
        return Ok(());
    };
    let set = view.check_set(&candidate.check_set)?.unwrap_or_default();
    let names = set.checks.iter().map(|check| check.name.clone());
    let checks: BTreeMap<String, Sha256Hex> = names.zip(set.hashes()).collect();
    // The newest of each check that passed: what let it in.
    let barred = verifier::barred(view, candidate)?;
    let mut proof: BTreeMap<Sha256Hex, Receipt> = BTreeMap::new();
    for receipt in view.receipts_for_tree(candidate.target.project, tree)? {
        let is_wanted = checks.values().any(|hash| *hash == receipt.check_hash);
        if receipt.passed && is_wanted && Some(receipt.agent) != barred {
            proof.entry(receipt.check_hash.clone()).or_insert(receipt);
        }
    }
    by_tree(task.id, proof.into_values().collect(), links);
    let batch = candidate.entries.iter().filter_map(|e| e.merge.clone());
    links.push(Link::Merge(MergeLink {
        task: task.id,
        candidate: candidate.id,
        target: candidate.target.branch.clone(),
        head: entry.head.clone(),
        commit,
        base: base.clone(),
        batch: batch.collect(),
        tree: tree.clone(),
        check_set: candidate.check_set.clone(),
        checks,
        proof: task.proof,
        policy: promised(task),
        at: candidate.stamp,
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::RefName;
    use crate::id::ProjectId;
    use crate::time::Timestamp;
    use crate::train::Target;

    fn oid(n: u32) -> Oid {
        format!("{n:040x}").parse().unwrap()
    }

    fn candidate(n: u32, stamp: i64, base: u32, tip: u32) -> Candidate {
        let at = Timestamp::from_millis(1);
        let branch: RefName = "refs/heads/main".parse().unwrap();
        Candidate {
            id: CandidateId::new(at, u128::from(n) << 16),
            org: OrgId::new(at, 1 << 16),
            target: Target {
                project: ProjectId::new(at, 1 << 16),
                branch,
            },
            state: CandidateState::Published,
            entries: Vec::new(),
            base: Some(oid(base)),
            tip: Some(oid(tip)),
            tree: None,
            check_set: Sha256Hex::of(b""),
            live: None,
            lost: None,
            attempts: 0,
            stamp: Timestamp::from_millis(stamp),
            updated_at: at,
        }
    }

    fn numbers(candidates: &[Candidate]) -> Vec<usize> {
        let order = in_order(candidates.to_vec());
        candidates.iter().map(|one| order[&one.id]).collect()
    }

    #[test]
    fn merges_are_in_the_order_of_their_branch_whatever_the_clock_said() {
        let first = candidate(1, 300, 10, 11);
        let second = candidate(2, 200, 11, 12);
        let third = candidate(3, 100, 12, 13);
        assert_eq!(numbers(&[third.clone(), first, second]), [2, 0, 1]);
        // What changed nothing leads to where it began.
        let nothing = candidate(4, 50, 13, 13);
        let last = candidate(5, 40, 13, 14);
        assert_eq!(numbers(&[last, nothing, third]), [2, 1, 0]);
    }

    #[test]
    fn what_does_not_hang_together_has_a_place_all_the_same() {
        let (one, other) = (candidate(1, 20, 1, 2), candidate(2, 10, 5, 6));
        assert_eq!(numbers(&[one, other]), [1, 0]);
        let circle = [candidate(1, 1, 1, 2), candidate(2, 2, 2, 1)];
        assert_eq!(numbers(&circle), [0, 1]);
        assert_eq!(numbers(&[]), [0; 0]);
    }
}

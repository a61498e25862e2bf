//! Fetching what the units of a batch need to know, all at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use deadpool_postgres::ClientWrapper;
use devlab_core::limits::FEEDBACK_MAX;
use devlab_core::{AgentId, OrgId, TaskId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::errors::{is_lost, storage_error};
use super::keep::{
    keep_lists, keep_names, keep_policies, keep_queues, keep_rest, keep_tasks, keep_window,
    keep_work,
};
use super::overlay::{Known, Need, Overlay};
use super::writer::Trouble;
use crate::sql::accounts;
use crate::sql::error::DbError;
use crate::sql::tasks;

/// Entries of each queue that are fetched with its head.
pub(super) const HEADS: i64 = 64;
/// Entries that are fetched when those are used up.
pub(super) const MORE: i64 = 128;
/// Most tasks that are fetched because something fetched names them.
const NEIGHBOURS_MAX: usize = 5_000;

const BRANCH_HEADS: &str = "SELECT project, branch, head FROM branch_heads \
    WHERE (project, branch) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))";
const SPECS: &str = "SELECT t.id, s.title, s.goal, s.driver, s.checks, s.artifacts, s.paths FROM tasks t \
    JOIN task_specs s ON s.seq = t.seq WHERE t.id = ANY($1)";
const CHILDREN: &str = "SELECT parent, id FROM tasks WHERE parent = ANY($1) ORDER BY seq";
const DEPENDENCIES: &str = "SELECT dependent, dependency FROM edges WHERE dependent = ANY($1)";
const DEPENDENTS: &str = "SELECT dependency, dependent FROM edges WHERE dependency = ANY($1)";
const FEEDBACK: &str = "SELECT f.task, f.body FROM unnest($1::uuid[]) AS wanted (task), \
    LATERAL (SELECT seq, task, body FROM feedback WHERE task = wanted.task ORDER BY seq DESC \
    LIMIT $2) f ORDER BY f.seq";
const CHECK_SETS: &str = "SELECT hash, body FROM check_sets WHERE hash = ANY($1)";
const POLICIES: &str = "SELECT kind, level, org, number, policy, set_by, why, at FROM policies \
    WHERE level = ANY($1) AND latest = 1";
const TERMS: &str = "SELECT hash, body FROM terms WHERE hash = ANY($1)";
const LIMITS: &str = "SELECT name, used, most FROM limits WHERE org = $1";
const REMEMBERED: &str = "SELECT key, body, status, answer, expires_at FROM remembered \
    WHERE key = ANY($1)";
const SETTINGS: &str = "SELECT key, value FROM settings WHERE key = ANY($1)";
const ATTEMPT_COLUMNS: &str = "id, org, task, number, kind, candidate, agent, claim_id, state, \
    phase, lease_until, base, prior, merges, result, failure, terms, lane, created_at, \
    ended_at";
const AGENTS: &str = "SELECT id, org, name, labels, capacity, runtime, draining, lane, \
    created_at, seen_at FROM agents WHERE id = ANY($1)";
/// Steps from queue to queue, and reads the beginning of each.
const QUEUES: &str = "WITH RECURSIVE names(requires) AS ( \
    (SELECT requires FROM ready WHERE org = $1 ORDER BY requires LIMIT 1) \
    UNION ALL SELECT (SELECT r.requires FROM ready r WHERE r.org = $1 \
    AND r.requires > names.requires ORDER BY r.requires LIMIT 1) \
    FROM names WHERE names.requires IS NOT NULL) \
    SELECT e.requires, e.neg_priority, e.verify_first, e.neg_path, e.seq, e.work FROM names, \
    LATERAL (SELECT requires, neg_priority, verify_first, neg_path, seq, work FROM ready \
    WHERE org = $1 AND requires = names.requires \
    ORDER BY neg_priority, verify_first, neg_path, seq LIMIT $2) e \
    WHERE names.requires IS NOT NULL";
const WINDOW: &str = "SELECT requires, neg_priority, verify_first, neg_path, seq, work FROM ready \
    WHERE org = $1 AND requires = $2 \
    AND (neg_priority, verify_first, neg_path, seq) > ($3, $4, $5, $6) \
    ORDER BY neg_priority, verify_first, neg_path, seq LIMIT $7";

/// What is needed, by kind.
#[derive(Default)]
struct Wanted {
    orgs: Vec<Uuid>,
    org_names: Vec<String>,
    projects: Vec<Uuid>,
    project_names: (Vec<Uuid>, Vec<String>),
    heads: (Vec<Uuid>, Vec<String>),
    tasks: Vec<Uuid>,
    specs: Vec<Uuid>,
    children: Vec<Uuid>,
    dependencies: Vec<Uuid>,
    dependents: Vec<Uuid>,
    feedback: Vec<Uuid>,
    check_sets: Vec<String>,
    policies: Vec<Uuid>,
    terms: Vec<String>,
    limits: Vec<OrgId>,
    attempts: Vec<Uuid>,
    claims: (Vec<Uuid>, Vec<String>),
    held: Vec<Uuid>,
    agents: Vec<Uuid>,
    remembered: Vec<String>,
    settings: Vec<String>,
    queues: Vec<OrgId>,
    windows: Vec<(OrgId, String)>,
}

/// Fetches, and says for the rest that there is no such thing.
pub(super) async fn fetch(
    client: &ClientWrapper,
    overlay: &mut Overlay,
    needs: HashSet<Need>,
) -> Result<(), Trouble> {
    let mut wanted = Wanted::default();
    // Claims take one task of a queue after the other: each would ask only when it is its turn.
    let queued = overlay.queued_tasks();
    let claims = needs.iter().any(|need| match need {
        Need::Spec(task) | Need::Feedback(task) => queued.contains(task),
        _ => false,
    });
    for need in needs {
        wanted.sort_in(need, &mut overlay.known);
    }
    if claims {
        for task in queued {
            wanted.want_spec(task, &mut overlay.known);
            wanted.want_feedback(task, &mut overlay.known);
        }
    }
    Box::pin(wanted.fetch(client, overlay)).await?;
    // Who claims reads the task next, and who completes reads its task and what waits for it.
    let mut next = Wanted::default();
    for task in overlay.queued_tasks() {
        next.want_task(task, &mut overlay.known);
    }
    let of_attempts: Vec<TaskId> = overlay
        .known
        .attempts
        .values()
        .flatten()
        .map(|a| a.task)
        .collect();
    let neighbours: Vec<TaskId> = [&wanted.children, &wanted.dependencies, &wanted.dependents]
        .into_iter()
        .zip([
            &overlay.known.children,
            &overlay.known.dependencies,
            &overlay.known.dependents,
        ])
        .flat_map(|(asked, known)| {
            asked
                .iter()
                .map(move |id| known.get(&TaskId::from_uuid(*id)))
        })
        .flatten()
        .flatten()
        .copied()
        .take(NEIGHBOURS_MAX)
        .collect();
    // Who walks along edges or through children reads each of them.
    for task in neighbours {
        next.want_task(task, &mut overlay.known);
    }
    for task in of_attempts {
        next.want_task(task, &mut overlay.known);
        if is_new(&mut overlay.known.dependents, task) {
            next.dependents.push(task.uuid());
        }
    }
    if !wanted.agents.is_empty() {
        for id in &wanted.agents {
            let agent = AgentId::from_uuid(*id);
            if is_new(&mut overlay.known.held, agent) {
                next.held.push(*id);
            }
        }
    }
    Box::pin(next.fetch(client, overlay)).await
}

/// Notes that something will be known, as absent until it is found; `false` if it was noted before.
fn is_new<K: Eq + Hash, V: Default>(known: &mut HashMap<K, V>, key: K) -> bool {
    match known.entry(key) {
        Entry::Occupied(_) => false,
        Entry::Vacant(place) => {
            place.insert(V::default());
            true
        }
    }
}

impl Wanted {
    fn want_task(&mut self, task: TaskId, known: &mut Known) {
        if is_new(&mut known.tasks, task) {
            self.tasks.push(task.uuid());
        }
    }

    fn want_spec(&mut self, task: TaskId, known: &mut Known) {
        if is_new(&mut known.specs, task) {
            self.specs.push(task.uuid());
        }
    }

    fn want_feedback(&mut self, task: TaskId, known: &mut Known) {
        if is_new(&mut known.feedback, task) {
            self.feedback.push(task.uuid());
        }
    }

    /// Sorts a need in. What is not found is known to be absent.
    fn sort_in(&mut self, need: Need, known: &mut Known) {
        match need {
            Need::Task(id) => self.want_task(id, known),
            Need::Spec(id) => self.want_spec(id, known),
            Need::Children(id) => {
                known.children.insert(id, Vec::new());
                self.children.push(id.uuid());
            }
            Need::Dependencies(id) => {
                known.dependencies.insert(id, Vec::new());
                self.dependencies.push(id.uuid());
            }
            Need::Dependents(id) => {
                known.dependents.insert(id, Vec::new());
                self.dependents.push(id.uuid());
            }
            Need::Feedback(id) => self.want_feedback(id, known),
            Need::CheckSet(hash) => {
                self.check_sets.push(hash.as_str().to_owned());
                known.check_sets.insert(hash, None);
            }
            Need::Policies(_) | Need::Terms(_) | Need::Limits(_) => {
                self.sort_in_policy(need, known)
            }
            Need::Attempt(id) => {
                known.attempts.insert(id, None);
                self.attempts.push(id.uuid());
            }
            Need::Claim(agent, claim) => {
                self.claims.0.push(agent.uuid());
                self.claims.1.push(claim.clone());
                known.claims.insert((agent, claim), None);
            }
            Need::Held(agent) => {
                known.held.insert(agent, Vec::new());
                self.held.push(agent.uuid());
            }
            Need::Agent(id) => {
                known.agents.insert(id, None);
                self.agents.push(id.uuid());
            }
            Need::Remembered(key) => {
                known.remembered.insert(key.clone(), None);
                self.remembered.push(key);
            }
            Need::Setting(key) => {
                known.settings.insert(key.clone(), None);
                self.settings.push(key);
            }
            Need::Queues(org) => {
                known.queues.insert(org, BTreeMap::new());
                self.queues.push(org);
            }
            Need::Window(org, requires) => self.windows.push((org, requires)),
            Need::Org(_)
            | Need::OrgByName(_)
            | Need::Project(_)
            | Need::ProjectByName(..)
            | Need::BranchHead(..) => self.sort_in_name(need, known),
        }
    }

    fn sort_in_policy(&mut self, need: Need, known: &mut Known) {
        match need {
            Need::Policies(levels) => {
                let new = levels
                    .into_iter()
                    .filter(|l| is_new(&mut known.policies, *l));
                self.policies
                    .extend(new.map(devlab_core::policy::Level::uuid));
            }
            Need::Terms(hash) => {
                self.terms.push(hash.as_str().to_owned());
                known.terms.insert(hash, None);
            }
            Need::Limits(org) => {
                known.limits.insert(org, BTreeMap::new());
                self.limits.push(org);
            }
            // The others are sorted in by the caller.
            _ => {}
        }
    }

    fn sort_in_name(&mut self, need: Need, known: &mut Known) {
        match need {
            Need::Org(id) => {
                known.orgs.insert(id, None);
                self.orgs.push(id.uuid());
            }
            Need::OrgByName(name) => {
                self.org_names.push(name.as_str().to_owned());
                known.orgs_by_name.insert(name, None);
            }
            Need::Project(id) => {
                known.projects.insert(id, None);
                self.projects.push(id.uuid());
            }
            Need::ProjectByName(org, name) => {
                self.project_names.0.push(org.uuid());
                self.project_names.1.push(name.as_str().to_owned());
                known.projects_by_name.insert((org, name), None);
            }
            Need::BranchHead(project, branch) => {
                self.heads.0.push(project.uuid());
                self.heads.1.push(branch.as_str().to_owned());
                known.heads.insert((project, branch), None);
            }
            // The others are sorted in by the caller.
            _ => {}
        }
    }

    async fn fetch(&self, client: &ClientWrapper, overlay: &mut Overlay) -> Result<(), Trouble> {
        // All are sent before the first is answered.
        let known = &overlay.known;
        let (names, graph, work, rest, policies) = futures::future::join5(
            Box::pin(self.names(client)),
            Box::pin(self.graph(client)),
            Box::pin(self.work(client)),
            Box::pin(self.rest(client, known)),
            Box::pin(self.policies(client)),
        )
        .await;
        let known = &mut overlay.known;
        let [orgs, org_names, projects, project_names, heads] = names?;
        keep_names(known, orgs, org_names, projects, project_names, heads)?;
        let [tasks, specs, children, dependencies, dependents] = graph?;
        keep_tasks(known, tasks, specs)?;
        keep_lists(&mut known.children, children)?;
        keep_lists(&mut known.dependencies, dependencies)?;
        keep_lists(&mut known.dependents, dependents)?;
        let [attempts, claims, held, agents] = work?;
        keep_work(known, attempts, claims, held, agents)?;
        let (rows, limits) = policies?;
        keep_policies(known, rows, limits)?;
        let (rows, queues, windows) = rest?;
        keep_rest(known, rows)?;
        for (org, rows) in queues {
            keep_queues(known, org, rows)?;
        }
        for (org, requires, rows) in windows {
            keep_window(known, org, &requires, rows)?;
        }
        Ok(())
    }

    async fn names(&self, client: &ClientWrapper) -> Result<[Vec<Row>; 5], Trouble> {
        // The columns are those of the one reader of both stores.
        let org = format!("SELECT {} FROM orgs WHERE", accounts::ORG);
        let project = format!("SELECT {} FROM projects WHERE", accounts::PROJECT);
        let orgs = format!("{org} id = ANY($1)");
        let orgs_by_name = format!("{org} name = ANY($1)");
        let projects = format!("{project} id = ANY($1)");
        let projects_by_name =
            format!("{project} (org, name) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))");
        let (orgs, org_names, projects, project_names, heads) = futures::future::join5(
            by(client, &orgs, &self.orgs),
            by(client, &orgs_by_name, &self.org_names),
            by(client, &projects, &self.projects),
            by_pair(client, &projects_by_name, &self.project_names),
            by_pair(client, BRANCH_HEADS, &self.heads),
        )
        .await;
        Ok([orgs?, org_names?, projects?, project_names?, heads?])
    }

    async fn graph(&self, client: &ClientWrapper) -> Result<[Vec<Row>; 5], Trouble> {
        let tasks = format!("SELECT {} FROM tasks WHERE id = ANY($1)", tasks::COLUMNS);
        let (tasks, specs, children, dependencies, dependents) = futures::future::join5(
            by(client, &tasks, &self.tasks),
            by(client, SPECS, &self.specs),
            by(client, CHILDREN, &self.children),
            by(client, DEPENDENCIES, &self.dependencies),
            by(client, DEPENDENTS, &self.dependents),
        )
        .await;
        Ok([tasks?, specs?, children?, dependencies?, dependents?])
    }

    async fn work(&self, client: &ClientWrapper) -> Result<[Vec<Row>; 4], Trouble> {
        let select = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE");
        let attempts = format!("{select} id = ANY($1)");
        let claims =
            format!("{select} (agent, claim_id) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))");
        let held = format!("{select} agent = ANY($1) AND state < 2 ORDER BY seq");
        let (attempts, claims, held, agents) = futures::future::join4(
            by(client, &attempts, &self.attempts),
            by_pair(client, &claims, &self.claims),
            by(client, &held, &self.held),
            by(client, AGENTS, &self.agents),
        )
        .await;
        Ok([attempts?, claims?, held?, agents?])
    }

    async fn rest(&self, client: &ClientWrapper, known: &Known) -> Result<Rest, Trouble> {
        let rows = futures::future::join4(
            by(client, CHECK_SETS, &self.check_sets),
            by(client, REMEMBERED, &self.remembered),
            by(client, SETTINGS, &self.settings),
            self.feedback(client),
        );
        let (rows, queues, windows) = futures::future::join3(
            Box::pin(rows),
            Box::pin(self.queues(client)),
            Box::pin(self.windows(client, known)),
        )
        .await;
        let (check_sets, remembered, settings, feedback) = rows;
        Ok((
            [check_sets?, remembered?, settings?, feedback?],
            queues?,
            windows?,
        ))
    }

    async fn policies(&self, client: &ClientWrapper) -> Result<Policies, Trouble> {
        let (policies, terms) = futures::future::join(
            by(client, POLICIES, &self.policies),
            by(client, TERMS, &self.terms),
        )
        .await;
        let mut limits = Vec::new();
        for org in &self.limits {
            limits.push((*org, rows(client, LIMITS, &[&org.uuid()]).await?));
        }
        Ok(([policies?, terms?], limits))
    }

    async fn feedback(&self, client: &ClientWrapper) -> Result<Vec<Row>, Trouble> {
        if self.feedback.is_empty() {
            return Ok(Vec::new());
        }
        let most = FEEDBACK_MAX as i64;
        rows(client, FEEDBACK, &[&self.feedback, &most]).await
    }

    async fn queues(&self, client: &ClientWrapper) -> Result<Vec<(OrgId, Vec<Row>)>, Trouble> {
        let mut found = Vec::new();
        for org in &self.queues {
            let rows = rows(client, QUEUES, &[&org.uuid(), &HEADS]).await?;
            found.push((*org, rows));
        }
        Ok(found)
    }

    async fn windows(
        &self,
        client: &ClientWrapper,
        known: &Known,
    ) -> Result<Vec<(OrgId, String, Vec<Row>)>, Trouble> {
        let mut found = Vec::new();
        for (org, requires) in &self.windows {
            let window = known
                .queues
                .get(org)
                .and_then(|queues| queues.get(requires));
            let Some(last) = window.and_then(|window| window.entries.last()) else {
                continue;
            };
            let (neg_priority, verify_first, neg_path, seq) = last.rank();
            let params: [&(dyn ToSql + Sync); 7] = [
                &org.uuid(),
                requires,
                &neg_priority,
                &i16::from(verify_first),
                &neg_path,
                &crate::sql::codec::int(seq),
                &MORE,
            ];
            found.push((*org, requires.clone(), rows(client, WINDOW, &params).await?));
        }
        Ok(found)
    }
}

/// Rows of check sets, remembered answers, settings and feedback; queues; more of queues.
type Rest = (
    [Vec<Row>; 4],
    Vec<(OrgId, Vec<Row>)>,
    Vec<(OrgId, String, Vec<Row>)>,
);

/// Rows of policies and terms; limits of orgs.
type Policies = ([Vec<Row>; 2], Vec<(OrgId, Vec<Row>)>);

async fn rows(
    client: &ClientWrapper,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Trouble> {
    let found = async {
        let statement = client.prepare_cached(sql).await?;
        client.query(&statement, params).await
    };
    found.await.map_err(|error| Trouble::of(&error))
}

async fn by<T: ToSql + Sync>(
    client: &ClientWrapper,
    sql: &str,
    keys: &Vec<T>,
) -> Result<Vec<Row>, Trouble> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    rows(client, sql, &[keys]).await
}

async fn by_pair(
    client: &ClientWrapper,
    sql: &str,
    (first, second): &(Vec<Uuid>, Vec<String>),
) -> Result<Vec<Row>, Trouble> {
    if first.is_empty() {
        return Ok(Vec::new());
    }
    rows(client, sql, &[first, second]).await
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Failed(match devlab_core::Error::from(error) {
            devlab_core::Error::Storage(error) => error,
            devlab_core::Error::Refused(refusal) => devlab_core::StorageError::new(
                devlab_core::error::StorageErrorKind::Other,
                refusal.to_string(),
            ),
        })
    }
}

impl Trouble {
    /// What an error of the client library means for a batch.
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        if is_lost(error) {
            Self::Lost(storage_error(error))
        } else {
            Self::Failed(storage_error(error))
        }
    }
}

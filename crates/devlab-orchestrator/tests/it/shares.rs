//! Slots that several orgs share, with a real store; the runtime and its agents are played.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::attempt::Agent;
use devlab_core::auth::{Principal, Role};
use devlab_core::label::Labels;
use devlab_core::org::Org;
use devlab_core::rules::agents::{self, Registration};
use devlab_core::rules::schedule::{self, Place};
use devlab_core::state::StateName;
use devlab_core::task::Made;
use devlab_core::{OrgId, SystemClock, TaskId, Timestamp, TokenId};
use devlab_orchestrator::{Assignment, Delivered, Lab, Pool, Switch};
use devlab_store::StoreExt;

use super::bench_lab::{PATIENCE, leaf, open_lab};

/// What one org has ready.
const MANY: usize = 100_000;
/// Tasks in one transaction.
const AT_ONCE: usize = 2_000;

struct Shared {
    lab: Arc<Lab>,
    pool: Arc<Pool>,
    who: Principal,
    many: OrgId,
    other: OrgId,
    _dir: tempfile::TempDir,
}

impl Shared {
    async fn new(slots: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = open_lab(dir.path()).await;
        let many = lab.bootstrap(None).await.unwrap().org;
        let labels = Labels::new(["local"]).unwrap();
        let pool = Pool::new(slots, "local", labels, Arc::new(SystemClock::new()));
        lab.share_slots(&pool);
        let who = Principal {
            token: TokenId::new(Timestamp::from_millis(1), 1),
            role: Role::Admin,
            org: None,
            attempt: None,
        };
        let other = lab.store().write(|tx| {
            let now = tx.now();
            let org = Org {
                id: OrgId::new(now, tx.random()),
                name: "other".parse().unwrap(),
                retention: None,
                created_at: now,
            };
            tx.insert_org(&org)?;
            Ok(org.id)
        });
        let other = other.await.unwrap();
        Self {
            lab,
            pool,
            who,
            many,
            other,
            _dir: dir,
        }
    }

    async fn look(&self) {
        self.lab.look_for_pool(&self.pool, None).await.unwrap();
    }

    async fn schedule(&self, org: OrgId, count: usize) -> TaskId {
        let create = move |tx: &mut dyn devlab_core::tx::Tx| {
            let place = Place {
                org,
                project: None,
                parent: None,
                depends_on: Vec::new(),
                draft: false,
            };
            let mut last = None;
            for _ in 0..count {
                last = Some(
                    schedule::create(tx, &place, &leaf("", &[]), &Made::by("operator:somebody"))?
                        .id,
                );
            }
            Ok(last.unwrap())
        };
        self.lab.store().write(create).await.unwrap()
    }

    /// What a runtime does: an agent of an org in a slot.
    async fn start(&self, slot: usize, org: OrgId) -> Agent {
        let name = format!("{org}-{slot}");
        self.pool.starts(slot, org, name.clone());
        let register = move |tx: &mut dyn devlab_core::tx::Tx| {
            let registration = Registration {
                org,
                name: name.clone(),
                labels: Labels::new(["local"]).unwrap(),
                capacity: 1,
                runtime: "local".to_owned(),
            };
            agents::register(tx, registration)
        };
        self.lab.store().write(register).await.unwrap()
    }

    /// An agent asks until it gets something.
    fn ask(&self, agent: &Agent) -> tokio::task::JoinHandle<Assignment> {
        let (lab, who, id) = (Arc::clone(&self.lab), self.who.clone(), agent.id);
        let claim_id = format!("c{}", lab.clock().monotonic().as_nanos());
        #[expect(clippy::disallowed_methods, reason = "a test waits for it")]
        tokio::spawn(async move {
            let claimed = lab.claim(&who, id, claim_id, PATIENCE).await;
            claimed.unwrap().expect("its turn came")
        })
    }

    async fn finish(&self, work: &Assignment) {
        let delivered = Delivered {
            commit: None,
            checks: Vec::new(),
            heard: 0,
            touched: None,
        };
        let attempt = &work.attempt;
        let done = self
            .lab
            .deliver(&self.who, attempt.task, attempt.id, delivered);
        assert_eq!(done.await.unwrap().name(), StateName::Done);
    }

    /// What the runtime is told to do next.
    async fn told(&self) -> Vec<Switch> {
        let mut changed = self.pool.changed();
        let wait = async {
            loop {
                let switches = self.pool.switches();
                if !switches.is_empty() {
                    return switches;
                }
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_slot_that_is_released_goes_to_whoever_has_none() {
    let t = Shared::new(2).await;
    for _ in 0..MANY / AT_ONCE {
        t.schedule(t.many, AT_ONCE).await;
    }
    t.look().await;
    let mut works = Vec::new();
    for switch in [t.told().await, t.told().await].concat() {
        assert_eq!((switch.from, switch.to), (None, t.many));
        let agent = t.start(switch.slot, t.many).await;
        works.push((switch.slot, t.ask(&agent).await.unwrap(), agent));
    }
    let one = t.schedule(t.other, 1).await;
    assert!(t.pool.has_to_look(), "it was not known to share");
    t.look().await;
    assert_eq!(t.pool.switches(), [], "nobody is interrupted");
    let (slot, work, agent) = works.pop().unwrap();
    t.finish(&work).await;
    let again = t.ask(&agent);
    let switch = Switch {
        slot,
        from: Some(t.many),
        to: t.other,
    };
    assert_eq!(t.told().await, [switch], "after one release");
    assert!(
        !again.is_finished(),
        "others are ready, and it is not their turn"
    );
    again.abort();
    let newcomer = t.start(slot, t.other).await;
    let got = t.ask(&newcomer).await.unwrap();
    assert_eq!(got.attempt.task, one);
    // With nothing left to do its slot goes back.
    t.finish(&got).await;
    let idle = t.ask(&newcomer);
    let back = Switch {
        slot,
        from: Some(t.other),
        to: t.many,
    };
    assert_eq!(t.told().await, [back]);
    idle.abort();
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_gone_or_takes_no_work_keeps_no_slot_from_others() {
    let t = Shared::new(1).await;
    t.look().await;
    let agent = t.start(0, t.many).await;
    let idle = t.ask(&agent);
    t.schedule(t.other, 1).await;
    t.look().await;
    let switch = t.told().await;
    assert_eq!((switch[0].from, switch[0].to), (Some(t.many), t.other));
    // Its answer was lost, and it asks once more, although its slot is another one's.
    idle.abort();
    let late = t.ask(&agent);
    t.schedule(t.many, 1).await;
    let newcomer = t.start(0, t.other).await;
    let got = t.ask(&newcomer).await.unwrap();
    assert_eq!(got.attempt.org, t.other);
    assert!(!late.is_finished());
    // Once the slot is its org's again it would be given the task there.
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    assert_eq!(t.pool.overdue(Duration::ZERO), [], "it works");
    t.finish(&got).await;
    let waits = t.ask(&newcomer);
    let back = t.told().await;
    assert_eq!(back[0].to, t.many);
    waits.abort();
    let agent = t.start(0, t.many).await;
    assert_eq!(t.pool.overdue(Duration::from_secs(3_600)), []);
    let due = t.pool.overdue(Duration::ZERO);
    assert_eq!(due, [(0, t.many)], "it was started, and has not asked yet");
    let got = t.ask(&agent).await.unwrap();
    assert_eq!(got.attempt.org, t.many);
    t.lab.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_claims_out_of_turn_by_not_waiting() {
    let t = Shared::new(1).await;
    t.look().await;
    t.schedule(t.many, 2).await;
    assert_eq!(t.told().await[0].to, t.many);
    let agent = t.start(0, t.many).await;
    let work = t.ask(&agent).await.unwrap();
    t.schedule(t.other, 1).await;
    t.look().await;
    t.finish(&work).await;
    let at_once = t
        .lab
        .claim(&t.who, agent.id, "at once".to_owned(), Duration::ZERO);
    assert!(at_once.await.unwrap().is_none(), "it is the other's turn");
    let again = t.ask(&agent);
    assert_eq!(t.told().await[0].to, t.other);
    again.abort();
    t.lab.shut_down().await;
}

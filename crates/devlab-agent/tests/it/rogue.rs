//! Drivers that try to stay: `setsid`, double forks, ignored SIGTERM, a cleared environment.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use devlab_agent::driver::stored_outcome;
use devlab_agent::process::{self, ProcessRef};
use devlab_agent::strays::{become_subreaper, end_marked, end_strays, ensure_gone};
use devlab_agent::supervise::{DriverEnd, MARK_VARIABLE};
use devlab_core::{Clock, SystemClock};
use rustix::process::Signal;

use crate::lab::{HOST, Lab, pids, unique, until};

/// Starts, below the shell that runs it, one process that left its session and one that did so with
/// a double fork and without an environment. All ignore SIGTERM and write down who they are.
const ROGUE: &str = r#"
pids=$1
trap '' TERM
echo $$ >> "$pids"
if [ "${2-}" = stay ]; then
    while :; do sleep 1; done
fi
setsid sh "$0" "$pids" stay &
( setsid env -i PATH="$PATH" sh "$0" "$pids" stay & ) &
while [ "$(wc -l < "$pids")" -lt 3 ]; do sleep 0.01; done
"#;
/// Processes of [`ROGUE`].
const ROGUES: usize = 3;

/// A lab whose driver starts the rogues and then does `last`.
fn rogue_lab(last: &str) -> Lab {
    let lab = Lab::script(&format!("sh ./rogue pids\n{last}"));
    std::fs::write(lab.path("rogue"), ROGUE).unwrap();
    lab
}

fn alive(rogues: &[ProcessRef]) -> Vec<ProcessRef> {
    rogues
        .iter()
        .copied()
        .filter(|rogue| rogue.is_alive())
        .collect()
}

#[tokio::test]
async fn rogues_are_gone_when_their_driver_exits() {
    let lab = rogue_lab("cp pids seen; exit 3");
    let outcome = lab.run().await;
    assert_eq!(outcome.end, DriverEnd::Exited { code: 3 });
    // The two that stay, each with its `sleep`, which may be between two at the moment.
    assert!((2..=4).contains(&outcome.leftovers), "{outcome:?}");
    assert_eq!(outcome.survivors, 0);
    let rogues = pids(lab.path("seen"), ROGUES).await;
    assert_eq!(alive(&rogues), []);
    assert_eq!(process::marked(MARK_VARIABLE, &lab.spec.mark), []);
}

#[tokio::test]
async fn rogues_are_gone_two_seconds_after_a_cancel() {
    let lab = rogue_lab("sleep 1000");
    let clock = SystemClock::new();
    let cancel = async {
        let rogues = pids(lab.path("pids"), ROGUES).await;
        assert!(alive(&rogues).len() >= 2);
        lab.cancel.cancel();
        (rogues, clock.monotonic())
    };
    let (outcome, (rogues, at)) = tokio::join!(lab.run(), cancel);
    let took = clock.monotonic() - at;
    assert_eq!(alive(&rogues), []);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(outcome.end, DriverEnd::Cancelled);
    assert!(outcome.leftovers >= 2, "{outcome:?}");
    assert!(lab.output().contains("was cancelled"));
}

#[tokio::test]
async fn a_supervisor_that_hangs_does_not_stop_a_cancel() {
    become_subreaper().unwrap();
    let lab = rogue_lab("sleep 1000");
    let ready = lab.driver.prepare(&lab.spec, &lab.log).unwrap();
    let supervisor = ready.supervisor();
    let cancel = async {
        let rogues = pids(lab.path("pids"), ROGUES).await;
        supervisor.signal(Signal::STOP);
        lab.cancel.cancel();
        rogues
    };
    let run = lab.driver.run(ready, &lab.spec, &lab.log, &lab.cancel);
    let (outcome, rogues) = tokio::join!(run, cancel);
    assert_eq!(outcome.end, DriverEnd::Cancelled);
    assert_eq!((alive(&rogues), supervisor.is_alive()), (vec![], false));
}

#[tokio::test]
async fn rogues_are_gone_after_their_supervisor_was_killed() {
    become_subreaper().unwrap();
    let lab = rogue_lab("sleep 1000");
    let ready = lab.driver.prepare(&lab.spec, &lab.log).unwrap();
    let supervisor = ready.supervisor();
    let kill = async {
        let rogues = pids(lab.path("pids"), ROGUES).await;
        supervisor.signal(Signal::KILL);
        rogues
    };
    let run = lab.driver.run(ready, &lab.spec, &lab.log, &lab.cancel);
    let (outcome, rogues) = tokio::join!(run, kill);
    assert!(
        matches!(outcome.end, DriverEnd::Failed { .. }),
        "{outcome:?}"
    );
    assert_eq!(outcome.survivors, 0);
    assert_eq!(alive(&rogues), []);
}

/// An agent in a process of its own, with its driver running.
struct OtherAgent {
    lab: Lab,
    agent: Child,
    agent_ref: ProcessRef,
    supervisor: ProcessRef,
    mark: String,
    rogues: Vec<ProcessRef>,
}

impl OtherAgent {
    async fn start(time_limit_ms: u64) -> Self {
        let lab = rogue_lab("");
        let mark = unique();
        let folder = lab.folder.path();
        let script = format!(
            "cd '{}'; echo $$ > driver; sh ./rogue pids; sleep 1000",
            folder.display()
        );
        let agent = Command::new(HOST)
            .arg("agent")
            .arg(folder)
            .args([&mark, &time_limit_ms.to_string(), &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let agent_ref = ProcessRef::of(i32::try_from(agent.id()).unwrap()).unwrap();
        let rogues = pids(lab.path("pids"), ROGUES).await;
        let supervisor = std::fs::read(lab.path("supervisor")).unwrap();
        let supervisor = serde_json::from_slice(&supervisor).unwrap();
        Self {
            lab,
            agent,
            agent_ref,
            supervisor,
            mark,
            rogues,
        }
    }

    fn kill(&mut self) {
        self.agent.kill().unwrap();
        self.agent.wait().unwrap();
    }
}

#[tokio::test]
async fn rogues_are_gone_after_their_agent_was_killed() {
    let mut other = OtherAgent::start(600_000).await;
    other.kill();
    let (supervisor, mark) = (other.supervisor, other.mark.clone());
    tokio::task::spawn_blocking(move || ensure_gone(supervisor, &mark, &SystemClock::new()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (alive(&other.rogues), supervisor.is_alive()),
        (vec![], false)
    );
    let outcome = stored_outcome(&other.lab.spec.status_path()).unwrap();
    assert_eq!(outcome.end, DriverEnd::Cancelled);
}

#[tokio::test]
async fn rogues_are_gone_after_agent_and_supervisor_were_killed_together() {
    become_subreaper().unwrap();
    let mut other = OtherAgent::start(600_000).await;
    // So that it cannot clean up after its supervisor.
    other.agent_ref.signal(Signal::STOP);
    let driver = pids(other.lab.path("driver"), 1).await[0];
    other.supervisor.signal(Signal::KILL);
    let gone = || (!driver.is_alive()).then_some(());
    until("the kernel has ended the driver", gone).await;
    other.kill();
    let (supervisor, mark) = (other.supervisor, other.mark.clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ended = tokio::task::spawn_blocking(move || {
        ensure_gone(supervisor, &mark, &*clock)?;
        // One of them has no mark; its new parent, which is this process, knows it by its session.
        end_strays(&*clock)
    });
    ended.await.unwrap().unwrap();
    assert_eq!(alive(&other.rogues), []);
}

#[tokio::test]
async fn a_supervisor_that_hangs_is_ended_for_a_restarted_agent() {
    let mut other = OtherAgent::start(600_000).await;
    other.supervisor.signal(Signal::STOP);
    other.kill();
    let (supervisor, mark) = (other.supervisor, other.mark.clone());
    tokio::task::spawn_blocking(move || ensure_gone(supervisor, &mark, &SystemClock::new()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (alive(&other.rogues), supervisor.is_alive()),
        (vec![], false)
    );
}

#[tokio::test]
async fn time_is_limited_when_the_agent_hangs() {
    let mut other = OtherAgent::start(3_000).await;
    other.agent_ref.signal(Signal::STOP);
    let status = other.lab.spec.status_path();
    let outcome = until("the supervisor has ended its driver", || {
        stored_outcome(&status)
    })
    .await;
    assert_eq!(outcome.end, DriverEnd::TimedOut);
    assert_eq!(alive(&other.rogues), []);
    other.kill();
}

#[tokio::test]
async fn the_marked_are_found_wherever_they_are() {
    let mark = unique();
    // Not our own child: that would make it a stray, which another test may end at any time.
    let mut child = Command::new("sh")
        .args(["-c", "setsid sleep 1000 & wait"])
        .env(MARK_VARIABLE, &mark)
        .spawn()
        .unwrap();
    let two = || (process::marked(MARK_VARIABLE, &mark).len() == 2).then_some(());
    until("both have started", two).await;
    let ended = end_marked(&mark, &SystemClock::new()).unwrap();
    assert_eq!(ended, 2);
    child.wait().unwrap();
    assert_eq!(end_marked(&mark, &SystemClock::new()).unwrap(), 0);
}

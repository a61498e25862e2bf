//! The local runtime with real processes: shell scripts in the place of agents.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use devlab_runtime::local::{LocalConfig, LocalRuntime};
use devlab_runtime::{AgentSpec, Runtime, RuntimeError};

const PATIENCE: Duration = Duration::from_secs(20);

fn runtime(dir: &Path, script: &str) -> LocalRuntime {
    let executable = dir.join("agent.sh");
    std::fs::write(&executable, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&executable, PermissionsExt::from_mode(0o755)).unwrap();
    LocalRuntime::new(LocalConfig {
        executable,
        logs: dir.join("logs"),
        env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
    })
}

fn spec(dir: &Path, name: &str) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        labels: vec!["a".to_owned(), "b".to_owned()],
        capacity: 2,
        home: dir.join(name),
        cache: Some(dir.join("cache")),
        url: "http://127.0.0.1:1".to_owned(),
        token: "dl_secret".to_owned().into(),
        env: BTreeMap::from([("EXTRA".to_owned(), "yes".to_owned())]),
    }
}

fn log(dir: &Path, name: &str) -> String {
    let path: PathBuf = dir.join(format!("logs/agent-{name}.log"));
    std::fs::read_to_string(path).unwrap_or_default()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, wait).await;
    assert!(done.is_ok(), "waited in vain for {what}");
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn an_agent_gets_its_arguments_and_its_token_by_pipe_only() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(
        dir.path(),
        "read token; echo \"$@ | $EXTRA | got ${#token}\"; env; trap 'exit 0' TERM; \
         while :; do sleep 0.05; done",
    );
    runtime.start(spec(dir.path(), "one")).await.unwrap();
    assert!(matches!(
        runtime.start(spec(dir.path(), "one")).await,
        Err(RuntimeError::NameTaken(_))
    ));
    until("its first words", || {
        log(dir.path(), "one").contains("PATH=")
    })
    .await;
    let text = log(dir.path(), "one");
    assert!(
        text.contains("--name one --url http://127.0.0.1:1 --capacity 2 --home"),
        "{text}"
    );
    assert!(text.contains("/cache --labels a,b | yes | got 9"), "{text}");
    assert!(!text.contains("dl_secret"), "{text}");
    let pid = runtime.list().await[0].pid.unwrap();
    runtime.stop("one", Duration::from_secs(5)).await.unwrap();
    assert!(!is_alive(pid));
    assert!(runtime.list().await.is_empty());
    assert!(matches!(
        runtime.stop("one", Duration::ZERO).await,
        Err(RuntimeError::Unknown(_))
    ));
}

#[tokio::test]
async fn an_agent_that_ends_is_started_again_with_pauses() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path(), "echo started; exit 3");
    let began = tokio::time::Instant::now();
    runtime.start(spec(dir.path(), "one")).await.unwrap();
    until("three starts", || {
        log(dir.path(), "one").matches("started").count() >= 3
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(600));
    assert!(log(dir.path(), "one").contains("exit status: 3"));
    runtime.stop("one", Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_ignores_signals_is_killed_after_its_grace() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(
        dir.path(),
        "trap 'echo term' TERM; echo up; while :; do sleep 0.05; done",
    );
    runtime.start(spec(dir.path(), "one")).await.unwrap();
    until("its start", || log(dir.path(), "one").contains("up")).await;
    let pid = runtime.list().await[0].pid.unwrap();
    runtime.stop_all(Duration::from_millis(200)).await;
    assert!(!is_alive(pid));
    assert_eq!(log(dir.path(), "one").matches("term\n").count(), 2);
}

#[tokio::test]
async fn dropping_the_runtime_ends_its_agents() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path(), "echo up; exec sleep 300");
    runtime.start(spec(dir.path(), "one")).await.unwrap();
    until("its start", || log(dir.path(), "one").contains("up")).await;
    let pid = runtime.list().await[0].pid.unwrap();
    drop(runtime);
    until("its end", || !is_alive(pid)).await;
}

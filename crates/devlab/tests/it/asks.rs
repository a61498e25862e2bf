//! Drivers that ask, and people who answer, with real agents and repositories.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use serde_json::Value;

use crate::bench::{Bench, json, until};

/// Asks once, and goes on with the answer from where it was.
const ASKS: &str = r#"
if test -e "$DEVLAB_CONTEXT/answers.json"; then
  test "$(cat half.txt)" = half || exit 1
  grep -q 'Tabs or spaces' "$DEVLAB_CONTEXT/prompt.md" || exit 2
  grep -q '"text": "spaces"' "$DEVLAB_CONTEXT/answers.json" || exit 3
  echo spaces > style.txt
else
  echo half > half.txt
  echo '{"text": "Tabs or spaces?", "choices": ["tabs", "spaces"]}' > "$DEVLAB_QUESTION"
  exit 75
fi
"#;

fn show(bench: &Bench, id: &str) -> Value {
    json(bench, &["task", "show", id])
}

fn until_state(bench: &Bench, id: &str, state: &str) -> Value {
    until(state, || {
        let shown = show(bench, id);
        (shown["state"] == state).then_some(shown)
    })
}

/// A task without a repository that runs a script.
fn errand(bench: &Bench, script: &str) -> String {
    let made = json(
        bench,
        &["task", "create", "Errand", "--", "sh", "-c", script],
    );
    made["id"].as_str().unwrap().to_owned()
}

/// What `GET /v1/state` says of the org.
fn state(bench: &Bench) -> Value {
    let own = std::fs::read(bench.home().join("credentials.json")).unwrap();
    let own: Value = serde_json::from_slice(&own).unwrap();
    let (url, token) = (own["url"].as_str().unwrap(), own["token"].as_str().unwrap());
    let address = url.trim_start_matches("http://").parse().unwrap();
    let request = devlab_testing::raw::Request::get("/v1/state").token(token);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(request.send(address)).json()["orgs"][0].clone()
}

fn attempt_states(bench: &Bench, id: &str) -> Vec<String> {
    let attempts = json(bench, &["task", "attempts", id]);
    let states = attempts.as_array().unwrap().iter();
    states
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_question_outlives_the_lab_and_its_answer_goes_on_with_the_work_elsewhere() {
    let bench = Bench::new();
    let folder = bench.checkout("app");
    bench.up(1);
    let run = bench
        .run_in(&folder, &["run", "Format it", "--", "sh", "-c", ASKS])
        .fails_with(1);
    assert!(run.err.contains("it asks: Tabs or spaces?"), "{}", run.err);
    assert!(run.err.contains("devlab task answer"), "{}", run.err);
    let goal = json(&bench, &["goal", "list"])[0].clone();
    let id = goal["id"].as_str().unwrap().to_owned();
    assert_eq!(goal["question"]["text"], "Tabs or spaces?");
    assert_eq!(state(&bench)["goals"][0]["question"], goal["question"]);
    let list = bench.run(&["task", "list"]).ok().out;
    assert!(list.contains("waiting: question"), "{list}");
    assert!(list.contains("Tabs or spaces?"), "{list}");
    let shown = bench.run(&["task", "show", &id]).ok().out;
    for words in ["1) tabs", "2) spaces", "nobody has answered yet"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let agents = json(&bench, &["agents", "list"]);
    assert_eq!(agents[0]["attempts"], serde_json::json!([]), "{agents}");

    // Another machine goes on: of this one's agent nothing is left.
    bench.run(&["down"]).ok();
    std::fs::remove_dir_all(bench.home().join("agents")).unwrap();
    std::fs::remove_dir_all(bench.home().join("cache")).ok();
    bench.up(1);
    assert_eq!(show(&bench, &id)["waiting_for"], "question");
    bench
        .run(&["task", "answer", &id, "--choice", "3"])
        .fails_with(2);
    bench
        .run(&["task", "answer", &id, "--number", "7", "spaces"])
        .fails_with(1);
    bench.run(&["task", "answer", &id, "--choice", "2"]).ok();
    let done = until_state(&bench, &id, "done");
    assert_eq!(done["attempts"], 2, "{done}");
    let tries = serde_json::json!({"lost": 0, "check": 0, "driver": 0, "sent_back": 0});
    assert_eq!(done["tries"], tries);
    assert_eq!(attempt_states(&bench, &id), ["asked", "succeeded"]);
    bench.run_in(&folder, &["project", "sync"]).ok();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(
        (read("half.txt"), read("style.txt")),
        ("half\n".into(), "spaces\n".into())
    );

    // What was asked, who answered what, and when, is kept.
    let answer = &done["asks"][0]["answer"];
    assert!(answer["by"].as_str().unwrap().starts_with("admin:"));
    assert_eq!(answer["text"], "spaces");
    assert!(answer["at"].is_string());
    let audit = bench.run(&["audit"]).ok().out;
    assert!(audit.contains("task.answer"), "{audit}");
    let refused = bench
        .run(&["task", "answer", &id, "tabs"])
        .fails_with(1)
        .err;
    assert!(
        refused.contains("done") && refused.contains("it asks nothing"),
        "{refused}"
    );
}

#[test]
fn a_question_is_asked_only_with_words_and_only_so_often() {
    let bench = Bench::new();
    bench.up(2);
    // Exit code 75 alone is a failure like any other, and says what is missing.
    let silent = errand(&bench, "exit 75");
    let shown = until_state(&bench, &silent, "waiting");
    assert_eq!(shown["waiting_for"], "attention");
    let reason = shown["feedback"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("DEVLAB_QUESTION"), "{reason}");
    assert_eq!(shown["tries"]["driver"], 3);

    let script = r#"echo '{"kind": "permission", "text": "May I?"}' > "$DEVLAB_QUESTION"; exit 75"#;
    let asks = errand(&bench, script);
    for number in 1..=8 {
        let shown = until("a question", || {
            let shown = show(&bench, &asks);
            (shown["question"]["number"] == number).then_some(shown)
        });
        assert_eq!(shown["waiting_for"], "permission");
        assert_eq!(
            shown["question"]["choices"],
            serde_json::json!(["yes", "no"])
        );
        bench.run(&["task", "answer", &asks, "--choice", "1"]).ok();
    }
    let shown = until("the end of questions", || {
        let shown = show(&bench, &asks);
        (shown["waiting_for"] == "attention").then_some(shown)
    });
    assert_eq!(shown["asks"].as_array().unwrap().len(), 8);
    let reason = shown["feedback"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("more than 8 times"), "{reason}");

    // A task that is over asks nothing any more.
    let go = bench.path().join("go");
    let waits = format!(
        "until test -e '{}'; do sleep 0.05; done; {script}",
        go.display()
    );
    let over = errand(&bench, &waits);
    until_state(&bench, &over, "running");
    bench.run(&["task", "cancel", &over]).ok();
    std::fs::write(go, "").unwrap();
    let refused = bench
        .run(&["task", "answer", &over, "yes"])
        .fails_with(1)
        .err;
    assert!(refused.contains("cancelled"), "{refused}");
    until("its agent's end", || {
        let agents = json(&bench, &["agents", "list"]);
        let free = |agent: &Value| agent["attempts"] == serde_json::json!([]);
        agents.as_array().unwrap().iter().all(free).then_some(())
    });
    assert_eq!(show(&bench, &over)["state"], "cancelled");
    assert_eq!(show(&bench, &over)["asks"], Value::Null);
}

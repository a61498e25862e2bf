//! Plans on the command line, with real agents.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::{Bench, SPEC, TASKS, json, until};

/// Leaves a file of its own for each task, and ticks every box.
const DRIVER: &str = "echo hello > $DEVLAB_TASK.txt; sed -i 's/^- \\[ \\]/- [X]/' specs/*/tasks.md";

/// A checkout with a feature, and a project that was made of it.
fn with_feature(bench: &Bench) -> PathBuf {
    let folder = bench.feature();
    bench.commit(&folder, "Describe the greeting");
    let first = ["run", "Look around", "--output", "json", "--", "true"];
    bench.run_in(&folder, &first).ok();
    folder
}

fn state_of(bench: &Bench, goal: &str) -> String {
    let shown = json(bench, &["goal", "show", goal]);
    shown["goal"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_feature_is_planned_shown_approved_carried_out_and_ticked_off() {
    let bench = Bench::new();
    bench.up(2);
    let folder = with_feature(&bench);
    let create = [
        "goal",
        "create",
        "--project",
        "greeting",
        "--spec-kit",
        "specs/001-greeting",
        "--review",
        "false",
        "--why",
        "people ask",
        "--",
        "sh",
        "-c",
        DRIVER,
    ];
    let made = json(&bench, &create);
    let goal = made["goal"]["id"].as_str().unwrap();
    assert_eq!(made["plan"]["state"], "proposed");
    assert_eq!(made["plan"]["tasks"][1]["depends_on"][0], "T001");
    let shown = bench.run(&["plan", "show", goal]).ok().out;
    for words in [
        "proposed",
        "specs/001-greeting at ",
        "people ask",
        "Write the words",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let diff = bench.run(&["plan", "diff", goal]).ok().out;
    assert!(diff.contains("+ T001 Write the words"), "{diff}");
    assert_eq!(state_of(&bench, goal), "draft");

    let approved = bench.run(&["plan", "approve", goal, "looks good"]).ok().out;
    assert!(approved.contains("revision 1 is current"), "{approved}");
    until("the goal's end", || {
        (state_of(&bench, goal) == "done").then_some(())
    });
    let history = json(&bench, &["plan", "history", goal]);
    assert_eq!(history[0]["state"], "current");
    assert_eq!(history[0]["decision"]["why"], "looks good");

    bench.run_in(&folder, &["project", "sync"]).ok();
    let landed = std::fs::read_to_string(folder.join("specs/001-greeting/tasks.md")).unwrap();
    assert_eq!(landed, TASKS.replace("- [ ]", "- [X]"));

    // Its merges bring in the boxes with the results, and are made again as they are.
    let looked = json(&bench, &["verify"]);
    assert_eq!(looked["ok"], true, "{looked}");
    assert!(looked["merges"].as_u64().unwrap() > 2, "{looked}");
}

/// Waits until somebody lets it go on, then does its task.
fn patient(go: &Path) -> String {
    format!(
        "until [ -e '{}' ]; do sleep 0.05; done; {DRIVER}",
        go.display()
    )
}

/// Plans the feature again. The command need not be said: what says the same is the same task, and an
/// unchanged feature the same plan.
fn planned_again(bench: &Bench, goal: &str, before: &Value) -> Value {
    let propose = ["plan", "propose", goal, "--spec-kit", "specs/001-greeting"];
    let again = json(bench, &[&propose[..], &["--approve"]].concat());
    assert_eq!(again["number"], 2, "{again}");
    for (at, task) in before["tasks"].as_array().unwrap().iter().enumerate() {
        assert!(task["task"].is_string(), "{before}");
        assert_eq!(again["tasks"][at]["task"], task["task"], "{again}");
    }
    let same = bench.run(&propose).fails_with(1).err;
    assert!(same.contains("has not changed"), "{same}");
    again
}

#[test]
fn a_feature_that_changes_under_way_lands_ticked_as_what_was_done_and_proven() {
    let bench = Bench::new();
    bench.up(2);
    let folder = with_feature(&bench);
    let tasks = folder.join("specs/001-greeting/tasks.md");
    let go = bench.path().join("go");
    let driver = patient(&go);
    let feature = ["--spec-kit", "specs/001-greeting"];
    let create = [
        "goal",
        "create",
        "--project",
        "greeting",
        "--review",
        "false",
    ];
    let run = ["--approve", "--", "sh", "-c", driver.as_str()];
    let made = json(&bench, &[&create[..], &feature, &run].concat());
    let goal = made["goal"]["id"].as_str().unwrap();

    // Another task comes, and is planned in turn: two, one after the other.
    let more = TASKS.to_owned() + "- [ ] T004 [US1] Say goodbye\n";
    let bring = |text: &str, why: &str| {
        std::fs::write(&tasks, text).unwrap();
        bench.commit(&folder, why);
        bench.run_in(&folder, &["project", "sync"]).ok();
    };
    bring(&more, "Say goodbye");
    let again = planned_again(&bench, goal, &made["plan"]);
    let goodbye = again["tasks"][3]["task"].as_str().unwrap();
    let own = format!(
        "title: Say goodbye\ndriver: {{command: {{script: \"{driver}\"}}}}\ntasks:\n\
         - {{key: words, title: Find the words}}\n\
         - {{key: say, title: Say them, depends_on: [words]}}\n",
        driver = driver.replace('\\', "\\\\").replace('"', "\\\""),
    );
    std::fs::write(bench.path().join("own.yaml"), own).unwrap();
    let propose = ["plan", "propose", goodbye, "--plan", "own.yaml"];
    let proposed = bench.run(&propose).ok().out;
    assert!(proposed.contains("+ words Find the words"), "{proposed}");
    bench.run(&["plan", "approve", goodbye]).ok();
    let shown = json(&bench, &["task", "show", goodbye]);
    assert_eq!(shown["kind"], "composite", "{shown}");

    // Numbers change, and nobody plans what is new.
    let last = more
        .replace("T004", "T005")
        .replace("T003", "T004")
        .replace(
            "- [ ] T002",
            "- [ ] T002 [P] [US1] Greet by hand\n- [ ] T003",
        );
    bring(&last, "Greet by hand");
    std::fs::write(&go, "").unwrap();
    until("the goal's end", || {
        (state_of(&bench, goal) == "done").then_some(())
    });
    bench.run_in(&folder, &["project", "sync"]).ok();
    let landed = std::fs::read_to_string(&tasks).unwrap();
    let expected = last.replace("- [ ]", "- [X]");
    assert_eq!(landed, expected.replace("- [X] T002", "- [ ] T002"));
    let looked = json(&bench, &["verify"]);
    assert_eq!(looked["ok"], true, "{looked}");
    until("the provenance", || {
        let fetched = bench.run_in(&folder, &["provenance", "fetch"]);
        let verify = ["provenance", "verify", "HEAD", "--output", "json"];
        let verified = bench.run_in(&folder, &verify);
        let holds = fetched.code == 0 && verified.code == 0;
        // The project has no checks, so that nothing is proven by them; the chain holds.
        holds.then(|| assert_eq!(verified.json()["proven"], false))
    });
}

#[test]
fn an_input_is_compiled_without_a_lab_and_its_mistakes_are_named() {
    let bench = Bench::new();
    let folder = bench.path().join("specs/001-greeting");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("spec.md"), SPEC).unwrap();
    std::fs::write(folder.join("tasks.md"), TASKS).unwrap();
    let compile = ["plan", "compile", "--spec-kit", "specs/001-greeting/"];
    let table = bench.run(&compile).ok().out;
    assert!(table.contains("T002"), "{table}");
    let compiled = json(&bench, &compile);
    assert_eq!(compiled["planner"], "spec_kit");
    assert_eq!(compiled["plan"]["tasks"].as_array().unwrap().len(), 3);
    let dot = bench
        .run(&[&compile[..], &["--output", "dot"]].concat())
        .ok()
        .out;
    assert!(dot.contains("\"T001\" -> \"T003\";"), "{dot}");

    std::fs::write(folder.join("tasks.md"), TASKS.replace("T003", "T002")).unwrap();
    let wrong = bench.run(&compile).fails_with(2).err;
    let line = "specs/001-greeting/tasks.md:10: T002 is used twice: first at line 9";
    assert!(wrong.contains(line), "{wrong}");

    let plan = Path::new("plan.yaml");
    let text =
        "title: Greeting\ntasks:\n- {key: a, title: A}\n- {key: b, title: B, depends_on: [c]}\n";
    std::fs::write(bench.path().join(plan), text).unwrap();
    let wrong = bench
        .run(&["plan", "compile", "--plan", "plan.yaml"])
        .fails_with(2)
        .err;
    let line = "plan.yaml:4: tasks[1].depends_on[0]: there is no sibling c";
    assert!(wrong.contains(line), "{wrong}");
    bench.run(&["plan", "compile"]).fails_with(2);
    let both = [
        "plan",
        "compile",
        "--plan",
        "plan.yaml",
        "--spec-kit",
        "specs",
    ];
    bench.run(&both).fails_with(2);
    let schema = bench.run(&["plan", "schema"]).ok().json();
    assert_eq!(schema["title"], "devlab plan");
}

#[test]
fn a_plan_file_is_proposed_again_and_only_what_it_changes_is_new() {
    let bench = Bench::new();
    bench.up(0);
    let file = bench.path().join("plan.yaml");
    let driver = "driver: {command: {argv: ['true']}}\n";
    let first = format!("title: Greeting\n{driver}tasks:\n- {{key: a, title: A}}\n");
    std::fs::write(&file, &first).unwrap();
    let made = json(
        &bench,
        &["goal", "create", "--plan", "plan.yaml", "--approve"],
    );
    let goal = made["goal"]["id"].as_str().unwrap();
    let task = made["plan"]["tasks"][0]["task"].clone();
    assert!(task.is_string(), "{made}");
    let id = task.as_str().unwrap();
    bench.run(&["task", "tell", id, "Mind the gap"]).ok();
    let told = json(&bench, &["task", "show", id]);
    assert_eq!(told["feedback"][0]["message"], "Mind the gap", "{told}");
    bench.run(&["task", "tell", goal, "You too"]).fails_with(2);
    let propose = ["plan", "propose", goal, "--plan", "plan.yaml"];
    let same = bench.run(&propose).fails_with(1).err;
    assert!(same.contains("has not changed"), "{same}");

    std::fs::write(&file, first + "- {key: b, title: B, depends_on: [a]}\n").unwrap();
    let proposed = bench.run(&propose).ok().out;
    assert!(proposed.contains("+ b B"), "{proposed}");
    let rejected = bench.run(&["plan", "reject", goal, "not now"]).ok().out;
    assert!(rejected.contains("revision 2 is rejected"), "{rejected}");
    bench.run(&["plan", "approve", goal]).fails_with(5);
    let again = json(
        &bench,
        &[&propose[..], &["--approve", "--running", "finish"]].concat(),
    );
    assert_eq!(again["number"], 3);
    assert_eq!(
        again["tasks"][0]["task"], task,
        "what is kept is the same task"
    );
    assert_eq!(
        json(&bench, &["plan", "history", goal])
            .as_array()
            .unwrap()
            .len(),
        3
    );
    bench
        .run(&["plan", "show", goal, "--revision", "9"])
        .fails_with(5);
}

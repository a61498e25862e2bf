//! What an agent hands in.

use devlab_api::client::Page;
use devlab_api::task::{Command, CreateTask, Driver};
use devlab_core::state::StateName;
use devlab_core::task::{Feedback, Proof};

use super::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_done_with_its_checks_and_its_whole_log() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = "echo working; test -f a.txt; echo new > b.txt; \
                  echo \"$DEVLAB_TASK_TITLE/$DEVLAB_TASK_GOAL\"; env | sed -n 's/=.*//p' > names; \
                  git log -1 --format=%s; cat \"$DEVLAB_CONTEXT/prompt.md\"; touch $HOME/planted";
    let checks = [
        ("files", "echo checking; test -f b.txt"),
        (
            "clean",
            "test -z \"${TRACES:-}\" && test -z \"$(ls -A $HOME)\" && echo clean",
        ),
    ];
    let task = world.task(script, &checks).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.proof, done.task.attempts), (Proof::Proven, 1));
    assert_eq!(world.published("b.txt").await.as_deref(), Some("new"));
    let log = world.log(task, None).await;
    for part in [
        "working\n",
        "Do it/Do it well.\n",
        "Begin\n",
        "# Do it\n\nDo it well.\n",
        "devlab: check files: ",
        "devlab: check clean passed",
    ] {
        assert!(log.contains(part), "{part:?} is not in\n{log}");
    }
    let receipts = world.server.admin().receipts(task).await.unwrap().items;
    let outputs: Vec<&str> = receipts
        .iter()
        .map(|receipt| {
            let from = usize::try_from(receipt.log_offset).unwrap();
            &log[from..from + usize::try_from(receipt.log_len).unwrap()]
        })
        .collect();
    assert_eq!(outputs, ["checking\n", "clean\n"]);
    assert!(receipts.iter().all(|receipt| receipt.passed));
    let names = world.published("names").await.unwrap();
    assert!(
        !names.contains("TOKEN") && names.contains("DEVLAB_CONTEXT"),
        "{names}"
    );
    let left: Vec<_> = std::fs::read_dir(world.home.path().join("attempts"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_on_from_the_earlier_work_with_the_log_of_what_failed() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    // Succeeds only with both: the earlier work, and the words of the check.
    let script = "if test -f \"$DEVLAB_CONTEXT/failed-check.log\"; then \
                    grep -q earlier b.txt && sed -n 's/wanted: //p' \"$DEVLAB_CONTEXT/failed-check.log\" > b.txt; \
                  else echo earlier > b.txt; fi";
    let check = "grep -q magic b.txt || { echo 'wanted: magic'; exit 3; }";
    let task = world.task(script, &[("words", check)]).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.attempts, done.task.tries.check), (2, 1));
    assert_eq!(world.published("b.txt").await.as_deref(), Some("magic"));
    let receipts = world.server.admin().receipts(task).await.unwrap().items;
    let mut codes: Vec<i32> = receipts.iter().map(|receipt| receipt.exit_code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_in_the_tree_and_in_the_context_unless_it_is_withheld() {
    for withheld in [false, true] {
        let world = World::new(&[("list", "one\n")]).await;
        // The first try waits until something else has landed in the same place.
        let mine = "touch $TRACES/begun; if test -f \"$DEVLAB_CONTEXT/conflict.json\"; then \
                      grep -q '\"list\"' \"$DEVLAB_CONTEXT/conflict.json\"; \
                      grep -v '^[<=>|]' list > x; mv x list; \
                    else while ! test -e $TRACES/go; do sleep 0.02; done; echo mine >> list; fi";
        let agent = world.start(|config| {
            config.capacity = 2;
            config.withhold.conflict = withheld;
        });
        let task = world.task(mine, &[]).await;
        crate::lab::until("the driver has begun", || {
            world.trace("begun").exists().then_some(())
        })
        .await;
        let other = world.task("echo theirs >> list", &[]).await;
        world.until_state(other, StateName::Done).await;
        std::fs::write(world.trace("go"), "").unwrap();
        let done = world.until_state(task, StateName::Done).await;
        agent.stop().await;
        let list = world.published("list").await.unwrap();
        assert_eq!(list, "one\ntheirs\nmine", "withheld: {withheld}");
        assert_eq!(done.task.tries.sent_back, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_fails_is_told_so_next_time() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = "if test -f \"$DEVLAB_CONTEXT/feedback.json\"; then echo ok > ok; else echo 'no luck'; exit 7; fi";
    let task = world.task(script, &[]).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.attempts, done.task.tries.driver), (2, 1));
    let [
        Feedback::DriverFailed {
            reason, log_tail, ..
        },
    ] = done.feedback.as_slice()
    else {
        panic!("{:?}", done.feedback)
    };
    assert_eq!(reason, "exit code 7");
    assert!(log_tail.starts_with("no luck\n"), "{log_tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_exist_is_tried_once() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let mut new = world.leaf("", &[]);
    new.driver = Some(Driver::Command(Command {
        argv: vec!["no-such-program".to_owned()],
        ..Command::default()
    }));
    let task = world.create(new).await;
    let stopped = world.until_state(task, StateName::Waiting).await;
    agent.stop().await;
    assert_eq!((stopped.task.attempts, stopped.task.tries.driver), (1, 1));
    let [
        Feedback::DriverFailed {
            reason, log_tail, ..
        },
    ] = stopped.feedback.as_slice()
    else {
        panic!("{:?}", stopped.feedback)
    };
    assert_eq!(reason, "its program cannot be started (exit code 127)");
    assert!(
        log_tail.contains("cannot start no-such-program"),
        "{log_tail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_committed_is_the_drivers_failure() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = "if test -f \"$DEVLAB_CONTEXT/feedback.json\"; then echo ok > ok; else mkdir sub; cd sub; \
                  git init -q; echo x > x; git add x; git -c user.name=a -c user.email=a@b commit -qm x; fi";
    let task = world.task(script, &[]).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    let [Feedback::DriverFailed { reason, .. }] = done.feedback.as_slice() else {
        panic!("{:?}", done.feedback)
    };
    assert!(reason.contains("other git repositories (sub)"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_comes_before_the_driver_and_before_the_checks() {
    let file = "setup = \"echo prepared; touch prepared; test ! -e broken\"\n\
                [[check]]\nname = \"first\"\nrun = \"test -e prepared\"\n";
    let files = [(".devlab/project.toml", file), (".gitignore", "prepared\n")];
    let world = World::new(&files).await;
    let agent = world.start(|_| {});
    let task = world.task("test -e prepared && touch done", &[]).await;
    world.until_state(task, StateName::Done).await;
    let log = world.log(task, None).await;
    assert_eq!(log.matches("\nprepared\n").count(), 2, "{log}");

    // One that fails after the driver is a failure of the first check.
    let script = "if test -f \"$DEVLAB_CONTEXT/failed-check.log\"; then rm broken; else touch broken; fi; touch more";
    let task = world.task(script, &[]).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    let [Feedback::CheckFailed { check, .. }] = done.feedback.as_slice() else {
        panic!("{:?}", done.feedback)
    };
    assert_eq!(check, "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_repository_runs_in_an_empty_folder() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let task = CreateTask {
        project: None,
        checks: Vec::new(),
        ..world.leaf("test -z \"$(ls -A)\" && echo \"in $PWD\"", &[])
    };
    let task = world.create(task).await;
    let done = world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!((done.task.proof, done.task.attempts), (Proof::Unproven, 1));
    assert!(world.log(task, None).await.contains("/tree\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_names_no_driver_goes_to_an_agent_that_has_one() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let task = CreateTask {
        driver: None,
        ..world.leaf("", &[])
    };
    let driver = world.leaf("echo mine > mine", &[]).driver;
    let agent = world.start(|config| config.default_driver = driver);
    let task = world.create(task).await;
    world.until_state(task, StateName::Done).await;
    agent.stop().await;
    assert_eq!(world.published("mine").await.as_deref(), Some("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_tree_shows_nothing_of_its_last_use() {
    let world = World::new(&[(".gitignore", "ignored\n"), ("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let look = "find . -path ./.git -prune -o -type f -print | sort | tr '\\n' ' '";
    for n in 0..3 {
        // The ignored folder is a repository of the driver's own, which `git clean` respects.
        let script = format!(
            "{look} > $TRACES/seen-{n}; ls -id . >> $TRACES/folders; mkdir ignored; \
             (cd ignored && git init -q && touch x); echo {n} > a.txt; rm -rf .git"
        );
        let check = format!(
            "{look}; test ! -e ignored && test ! -e .git && mkdir ignored && test $(cat a.txt) = {n}"
        );
        let task = world.task(&script, &[("clean", &check)]).await;
        let done = world.until_state(task, StateName::Done).await;
        assert_eq!(done.task.attempts, 1, "{n}");
        let seen = std::fs::read_to_string(world.trace(&format!("seen-{n}"))).unwrap();
        assert_eq!(seen, "./.gitignore ./a.txt ", "{n}");
    }
    agent.stop().await;
    let folders = std::fs::read_to_string(world.trace("folders")).unwrap();
    let mut lines: Vec<&str> = folders.lines().collect();
    lines.dedup();
    assert_eq!(lines.len(), 1, "the tree was not used again: {folders}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_wants_kept_is_kept_even_if_its_driver_fails() {
    let world = World::new(&[(".gitignore", "report\n"), ("a.txt", "a\n")]).await;
    let agent = world.start(|_| {});
    let script = "mkdir -p report/deep; echo why > report/deep/why.txt; echo no > other.txt; \
                  ln -s /etc/passwd report/link; exit 3";
    let task = CreateTask {
        artifacts: vec!["report".to_owned()],
        ..world.leaf(script, &[])
    };
    let task = world.create(task).await;
    let client = world.server.admin();
    let kept = devlab_testing::until("an artifact", || async {
        let kept = client
            .artifacts(task, None, &Page::default())
            .await
            .unwrap()
            .items;
        (!kept.is_empty()).then_some(kept)
    });
    let kept = kept.await;
    let paths: Vec<&str> = kept.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths[0], "report/deep/why.txt");
    assert!(
        paths.iter().all(|path| *path == "report/deep/why.txt"),
        "{paths:?}"
    );
    devlab_testing::until("its log", || async {
        let log = world.log(task, Some(kept[0].attempt)).await;
        let is_said = log.contains("kept report/deep/why.txt");
        (is_said && log.contains("not kept: report/link")).then_some(())
    })
    .await;
    agent.kill().await;
}

//! Small files that ask for very much: each is refused at its line before it is made.

use std::collections::BTreeMap;

use super::*;
use crate::check::CommandSpec;
use crate::limits::COMMAND_BYTES_MAX;

#[test]
fn what_is_many_in_few_letters_is_refused_at_its_line() {
    let range = "T001-T999,".repeat(50_000);
    refuse(
        &format!("## Phase 1: Setup\n- [ ] T001 a\n- [ ] T002 b (depends on {range})\n"),
        &["3: T002 names more than 1000 others"],
    );
    let mut text = "## Phase 1: Setup\n".to_owned();
    text.extend((1..=2_100).map(|id| format!("- [ ] T{id:04} [P] depends on T0001-T0900\n")));
    let problems = feature(&text).plan().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].line, Some(1_113));
    assert!(
        problems[0].message.contains("1000000 dependencies"),
        "{problems:?}"
    );
    // An id that thousands need; of a heading that thousands stand under they get the beginning.
    let long = "1".repeat(100_000);
    let many: String = (1..2_000)
        .map(|id| format!("- [ ] T{id:04} [P] a\n"))
        .collect();
    let text = format!("## Phase 1: Setup\n- [ ] T{long} a\n{many}");
    let problems = feature(&text).plan().unwrap_err();
    assert!(problems[0].message.contains("bytes"), "{problems:?}");
    assert!(problems[0].line > Some(1_000), "{problems:?}");
    let plan = feature(&format!("## Phase 1: Setup {long}\n{many}"));
    let group = plan.plan().unwrap().tasks[7].group.clone();
    assert_eq!(
        group.map(|group| group.chars().count()),
        Some(TITLE_CHARS_MAX)
    );
}

#[test]
fn a_story_or_driver_that_is_too_large_is_not_told_to_every_task() {
    let tasks = |count: usize| {
        let tasks = (1..=count).map(|id| format!("- [ ] T{id:04} [P] [US1] a\n"));
        format!(
            "## Phase 1: User Story 1 - Log in\n{}",
            tasks.collect::<String>()
        )
    };
    let with_story = |bytes: usize, count: usize| {
        let mut feature = feature(&tasks(count));
        let more = format!("says.\n{}", "x".repeat(bytes));
        feature.spec = SPEC.replacen("says.", &more, 1);
        feature
    };
    let problems = with_story(GOAL_BYTES_MAX, 2).plan().unwrap_err();
    let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = "specs/001-log-in/spec.md:3: User Story 1 has more than 262144 bytes, which is the \
                    most that a task can be told";
    assert_eq!(found, [expected]);
    // What each may be told is too much for all.
    let each = GOAL_BYTES_MAX - 1024;
    let most = PLAN_BYTES_MAX / (GOAL_BYTES_MAX - 1024);
    assert!(with_story(each, most - 2).plan().is_ok());
    let problems = with_story(each, most + 2).plan().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].message.contains("134217728 bytes"),
        "{problems:?}"
    );
    // A driver is one for all.
    let mut feature = feature(&tasks(2));
    feature.driver = Some(DriverSpec::Command(CommandSpec {
        argv: Vec::new(),
        script: Some("x".repeat(COMMAND_BYTES_MAX + 1)),
        env: BTreeMap::new(),
        timeout_secs: 60,
    }));
    let problems = feature.plan().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].at, "driver.command.argv");
}

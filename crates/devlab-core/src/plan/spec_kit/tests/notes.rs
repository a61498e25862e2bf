//! What a person is told who may expect another order.

use super::*;

fn notes(tasks: &str) -> Vec<String> {
    let plan = feature(tasks).plan().expect("a plan");
    let notes = plan
        .warnings
        .iter()
        .filter(|note| note.file.ends_with(TASKS_FILE));
    notes
        .map(|note| format!("{}: {}", note.line.unwrap_or(0), note.message))
        .collect()
}

#[test]
fn tests_below_the_implementation_are_named() {
    let story = "## Phase 1: User Story 1 - Log in\n";
    let tests = "### Tests for User Story 1\n- [ ] T001 [P] [US1] a\n- [ ] T002 [P] [US1] b\n";
    let code = "### Implementation for User Story 1\n- [ ] T003 [P] [US1] c\n";
    let below = format!("{story}{code}{tests}");
    check(&below, "T003\nT001\nT002\n");
    let expected = "5: the implementation above does not wait for T001: put `### Tests` above \
                    `### Implementation`";
    assert_eq!(notes(&below), [expected]);
    assert!(notes(&format!("{story}{tests}{code}")).is_empty());
    // Parts that follow each other: each has its tests before it.
    let more = "### Tests\n- [ ] T004 [US1] d\n### Implementation\n- [ ] T005 [US1] e\n";
    assert!(notes(&format!("{story}{tests}{code}{more}")).is_empty());
}

#[test]
fn words_that_add_no_dependency_are_named() {
    let text = "## Phase 1: Setup\n- [ ] T001 [P] a\n- [ ] T002 [P] b (depends on: T001)\n\
                - [ ] T003 [P] c\n  It depends on the work of T001/T002.\n";
    check(text, "T001\nT002 needs T001\nT003\n");
    let expected = "4: T003 does not wait for T001, which other words part from `depends on`";
    assert_eq!(notes(text), [expected]);
}

//! One small file for each rule, then any file at all.

use std::collections::{BTreeSet, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;

use super::lines::Section;
use super::*;

mod bounds;
mod notes;

const SPEC: &str = "\
# Feature Specification: Log in

### User Story 1 - Log in (Priority: P1)

A member logs in, as FR-002 says.

**Acceptance Scenarios**:

1. **Given** an account, **When** its password is given, **Then** the member is in

---

### User Story 2 - Log out (Priority: P2)

A member logs out.

## Requirements

- **FR-001**: The system MUST keep passwords hashed
  with a slow hash
- **FR-002**: The system MUST let a member in

## Success Criteria

- **SC-001**: It takes [NEEDS CLARIFICATION: how long?]
";

fn feature(tasks: &str) -> SpecKit {
    SpecKit {
        folder: "specs/001-log-in".to_owned(),
        spec: SPEC.to_owned(),
        tasks: tasks.to_owned(),
        stories_in_parallel: true,
        driver: None,
    }
}

/// The graph of a plan, a line for each task.
fn graph(plan: &Plan) -> String {
    let line = |task: &PlanTask| {
        let done = if task.done { " done" } else { "" };
        let needs = match task.depends_on.is_empty() {
            true => String::new(),
            false => format!(" needs {}", task.depends_on.join(" ")),
        };
        format!("{}{done}{needs}\n", task.key)
    };
    plan.tasks.iter().map(line).collect()
}

fn check(tasks: &str, expected: &str) {
    let plan = feature(tasks).plan().expect("a plan");
    assert_eq!(graph(&plan), expected, "{tasks}");
}

fn check_in_turn(tasks: &str, expected: &str) {
    let mut feature = feature(tasks);
    feature.stories_in_parallel = false;
    assert_eq!(graph(&feature.plan().expect("a plan")), expected);
}

fn refuse(tasks: &str, expected: &[&str]) {
    let problems = feature(tasks).plan().expect_err("problems");
    let found: Vec<_> = problems
        .iter()
        .map(|problem| {
            assert_eq!(problem.file, "specs/001-log-in/tasks.md");
            format!("{}: {}", problem.line.unwrap_or(0), problem.message)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn in_a_phase_parallel_marks_decide() {
    check(
        "## Phase 1: Setup\n\
         - [ ] T001 a\n- [ ] T002 [P] b\n- [ ] T003 [P] c\n- [ ] T004 d\n- [ ] T005 e\n- [ ] T006 [P] f\n",
        "T001\nT002 needs T001\nT003 needs T001\nT004 needs T002 T003\nT005 needs T004\nT006 needs T005\n",
    );
}

const STORIES: &str = "\
## Phase 1: Setup
- [ ] T001 a
## Phase 2: Foundational (Blocking Prerequisites)
- [ ] T002 [P] b
- [ ] T003 [P] c
## Phase 3: User Story 1 - Log in (Priority: P1)
- [ ] T004 [US1] d
- [ ] T005 [P] [US1] e
## Phase 4: User Story 2 - Log out (Priority: P2)
- [ ] T006 [P] [US2] f
## Phase 5: Polish & Cross-Cutting Concerns
- [ ] T007 [P] g
- [ ] T008 h
## Dependencies & Execution Order
- [ ] not a task
";

#[test]
fn phases_follow_each_other_and_stories_may_run_in_parallel() {
    check(
        STORIES,
        "T001\nT002 needs T001\nT003 needs T001\n\
         T004 needs T002 T003\nT005 needs T004\nT006 needs T002 T003\n\
         T007 needs T005 T006\nT008 needs T007\n",
    );
    check_in_turn(
        STORIES,
        "T001\nT002 needs T001\nT003 needs T001\n\
         T004 needs T002 T003\nT005 needs T004\nT006 needs T005\n\
         T007 needs T006\nT008 needs T007\n",
    );
}

#[test]
fn tests_come_before_implementation() {
    check(
        "## Phase 1: User Story 1 - Log in\n\
         ### Tests for User Story 1\n- [ ] T001 [P] [US1] a\n- [ ] T002 [P] [US1] b\n\
         ### Implementation for User Story 1\n- [ ] T003 [P] [US1] c\n- [ ] T004 [P] [US1] d\n- [ ] T005 [US1] e\n",
        "T001\nT002\nT003 needs T001 T002\nT004 needs T001 T002\nT005 needs T003 T004\n",
    );
}

#[test]
fn words_add_dependencies() {
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a\n- [ ] T002 [P] b\n\
         - [ ] T003 [P] c (depends on T001, T002)\n- [ ] T004 [P] d\n  It depends on T003.\n",
        "T001\nT002\nT003 needs T001 T002\nT004 needs T003\n",
    );
}

#[test]
fn tasks_of_one_file_run_in_the_order_of_their_ids() {
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in src/a.rs\n- [ ] T003 [P] b in `src/a.rs`\n- [ ] T002 [P] c in src/a.rs\n\
         ## Phase 2: User Story 1 - x\n- [ ] T004 [US1] d in src/b.rs\n\
         ## Phase 3: User Story 2 - y\n- [ ] T005 [US2] e in src/b.rs, src/a.rs\n",
        "T001\nT003 needs T002\nT002 needs T001\n\
         T004 needs T001 T003 T002\nT005 needs T001 T003 T002 T004\n",
    );
    // What a task says itself is stronger.
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in src/a.rs (depends on T002)\n- [ ] T002 [P] b in src/a.rs\n",
        "T001 needs T002\nT002\n",
    );
}

#[test]
fn no_two_tasks_of_one_file_are_beside_each_other() {
    // One of them says that it waits for another.
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in a.rs (depends on T002)\n- [ ] T002 [P] b in a.rs\n\
         - [ ] T003 [P] c in a.rs\n",
        "T001 needs T002\nT002\nT003 needs T001\n",
    );
    // The same by a task of no file: no cycle.
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in a.rs (depends on T005)\n- [ ] T002 [P] b in a.rs\n\
         - [ ] T005 [P] c (depends on T002)\n",
        "T001 needs T002 T005\nT002\nT005 needs T002\n",
    );
    // What waits for something else does not lose its place in line.
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in a.rs (depends on T003)\n- [ ] T002 [P] b in a.rs\n\
         - [ ] T003 [P] c\n",
        "T001 needs T003\nT002 needs T001\nT003\n",
    );
    // A later phase has an id between.
    check(
        "## Phase 1: Setup\n- [ ] T001 [P] a in a.rs\n- [ ] T003 [P] b in a.rs\n\
         ## Phase 2: Foundational\n- [ ] T002 [P] c in a.rs\n",
        "T001\nT003 needs T001\nT002 needs T001 T003\n",
    );
    // Lines below a task are part of its words.
    let text =
        "## Phase 1: Setup\n- [ ] T001 [P] a\n  in src/a.rs, b.rs\n- [ ] T002 [P] b in src/a.rs\n";
    check(text, "T001\nT002 needs T001\n");
    let plan = feature(text).plan().unwrap();
    assert_eq!(plan.tasks[0].spec.paths, ["src/a.rs", "b.rs"]);
}

#[test]
fn every_convergence_is_a_barrier() {
    check(
        "## Phase 1: User Story 1 - x\n- [X] T001 [US1] a\n\
         ## Phase 2: Polish\n- [x] T002 [P] b\n- [ ] T003 [P] c\n\
         ## Phase 3: Convergence\n- [ ] T004 d per FR-001 (missing)\n\
         ## Phase 4: Convergence\n- [ ] T005 e\n",
        "T001 done\nT002 done needs T001\nT003 needs T001\nT004 needs T002 T003\nT005 needs T004\n",
    );
}

#[test]
fn a_story_may_have_any_title() {
    let text = "## Phase 1: User Story 1 - Currency convergence\n- [ ] T001 [US1] a\n";
    check(text, "T001\n");
}

#[test]
fn what_is_hidden_is_no_task() {
    check(
        "# Tasks: Log in\n\n## Phase 1: Setup\n<!--\n- [ ] T009 sample\n-->\n- [ ] T001 a\n```bash\n- [ ] T001 again\n```\n\
         ~~~~\n~~~\n- [ ] T008 no\n~~~~\n",
        "T001\n",
    );
}

#[test]
fn mistakes_are_named_with_their_lines() {
    refuse(
        "- [ ] T001 too early\n## Phase 1: Setup\n- [ ] T002 a\n- [ ] T002 b\n- [ ] T03 c\n- [-] T004 d\n\
         \x20 - [ ] T005 e\n- [ ] T006 [US1] f\n- [ ] T007 [P]\n- [ ] T008 g (depends on T099)\n- [ ] TXXX h\n\
         ## Phase 2: User Story 1 - x\n- [ ] T010 [US2] i\n- [ ] T011 [US1] [US2] j\n## Phase 3: User Story 9 - y\n",
        &[
            "1: T001 stands outside a phase: put it under `## Phase N: …`",
            "5: T03 is not a task's id: T and at least three digits",
            "6: a box is `[ ]`, or `[X]` when its task is done",
            "7: a task must begin at the margin, without indentation",
            "8: T006: [US1] stands outside a story",
            "9: T007 says nothing",
            "10: T008 depends on T099, which is not there",
            "11: TXXX is not a task's id: T and at least three digits",
            "13: T010 is of story 2, in the phase of story 1",
            "14: T011 is of two stories",
            "15: spec.md has no `### User Story 9 - …`",
        ],
    );
    refuse(
        "## Phase 1: Setup\n- [ ] T001 a\n- [ ] T001 b\n",
        &["3: T001 is used twice: first at line 2"],
    );
    refuse(
        "## Phase 1: Setup\n- [ ] T001 a (depends on T002)\n- [ ] T002 b\n",
        &["2: is a cycle: T001 needs T002 needs T001"],
    );
    refuse(
        "## Phase 1: Setup\n```\n- [ ] T001 a\n",
        &["2: is begun and never ended: nothing after it is read"],
    );
    let problems = feature("").plan().unwrap_err();
    assert!(
        problems[0].message.starts_with("has no task"),
        "{problems:?}"
    );
}

#[test]
fn a_prompt_carries_the_story_its_scenarios_and_the_requirements_that_are_named() {
    let text = "## Phase 1: User Story 1 - Log in\n- [ ] T001 [US1] Hash as FR-001 says\n  in src/hash.rs\n";
    let plan = feature(text).plan().unwrap();
    insta::assert_snapshot!(plan.tasks[0].spec.goal, @r#"
    Hash as FR-001 says
      in src/hash.rs

    ## Requirements

    - FR-001: The system MUST keep passwords hashed
      with a slow hash
    - FR-002: The system MUST let a member in

    ## User Story 1 - Log in (Priority: P1)

    A member logs in, as FR-002 says.

    **Acceptance Scenarios**:

    1. **Given** an account, **When** its password is given, **Then** the member is in

    ## Where this belongs

    This is one task of the feature "Log in", which is described in specs/001-log-in/spec.md and the files beside it. Do this task and no other: others do the rest. Leave the boxes in specs/001-log-in/tasks.md alone; they are ticked when the work has landed.
    "#);
    assert_eq!(plan.tasks[0].spec.title, "Hash as FR-001 says");
    let group = plan.tasks[0].group.as_deref();
    assert_eq!(group, Some("Phase 1: User Story 1 - Log in"));
}

#[test]
fn a_person_is_told_what_is_open() {
    let text = "## Phase 1: Setup\n- [ ] T001 As FR-404 says\n- [ ] without an id\n";
    let plan = feature(text).plan().unwrap();
    let found: Vec<_> = plan.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "specs/001-log-in/spec.md:25: is open: [NEEDS CLARIFICATION: how long?]",
        "specs/001-log-in/tasks.md:3: is not executed: it has no id such as T001",
        "specs/001-log-in/tasks.md:2: T001 names FR-404, which spec.md does not have",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_barrier_of_too_many_dependencies_is_refused() {
    let phase = |number: usize, first: usize| {
        let tasks = (first..first + 1_100).map(|id| format!("- [ ] T{id:04} [P] a\n"));
        format!("## Phase {number}: Setup\n{}", tasks.collect::<String>())
    };
    let problems = feature(&(phase(1, 0) + &phase(2, 2_000)))
        .plan()
        .unwrap_err();
    assert!(problems[0].message.contains("dependencies"), "{problems:?}");
}

/// A task of a random file: parallel, done, file, whether the file is named below its line, explicit
/// dependency on an earlier one or on one of the next two.
type Wish = (bool, bool, u8, bool, Option<u16>);
/// Tests and others of each phase.
type Phases = [(Vec<Wish>, Vec<Wish>)];

/// A file in which ids are in order: setup, foundational, stories with tests, polish, convergence.
fn written(phases: &Phases) -> String {
    let ids: Vec<usize> = (1..=count(phases)).collect();
    written_with(phases, &ids, true)
}

fn count(phases: &Phases) -> usize {
    let both = phases
        .iter()
        .map(|(tests, tasks)| tests.len() + tasks.len());
    both.sum()
}

/// The same with these ids. Tasks share files, or each has one of its own.
fn written_with(phases: &Phases, ids: &[usize], share: bool) -> String {
    let mut text = String::new();
    let mut place = 0;
    let last = phases.len() - 1;
    for (i, (tests, tasks)) in phases.iter().enumerate() {
        let story = (i > 1 && i < last)
            .then(|| i - 1)
            .filter(|story| *story <= 2);
        let title = match (i, story) {
            (0, _) => "Setup".to_owned(),
            (1, _) => "Foundational".to_owned(),
            (_, Some(story)) => format!("User Story {story} - x"),
            (_, None) => "Convergence".to_owned(),
        };
        text += &format!("## Phase {}: {title}\n", i + 1);
        let parts = [("Tests", tests), ("Implementation", tasks)];
        for (part, tasks) in parts {
            text += &format!("### {part}\n");
            for (parallel, done, file, below, depends) in tasks {
                let id = ids[place];
                let box_ = if *done { 'X' } else { ' ' };
                let parallel = if *parallel { " [P]" } else { "" };
                let marker = story.map_or(String::new(), |story| format!(" [US{story}]"));
                let on = depends.map(|on| usize::from(on) % (place + 3).min(ids.len()));
                let on = on.filter(|on| *on != place).map(|on| ids[on]);
                let on = on.map_or(String::new(), |on| format!(" (depends on T{on:03})"));
                let file = if share {
                    usize::from(*file)
                } else {
                    100 + place
                };
                let file = format!("in src/f{file}.rs");
                let words = if *below {
                    format!("it{on}\n  {file}")
                } else {
                    format!("it {file}{on}")
                };
                text += &format!("- [{box_}] T{id:03}{parallel}{marker} Do {words}\n");
                place += 1;
            }
        }
    }
    text
}

fn wishes(most: usize) -> impl Strategy<Value = Vec<Wish>> {
    let on = proptest::option::weighted(0.3, any::<u16>());
    vec(
        (any::<bool>(), any::<bool>(), 0..12_u8, any::<bool>(), on),
        0..most,
    )
}

fn phases() -> impl Strategy<Value = Vec<(Vec<Wish>, Vec<Wish>)>> {
    let head = (Just(Vec::new()), wishes(5));
    let rest = vec((wishes(4), wishes(6)), 2..6);
    (head, rest).prop_map(|(head, rest)| std::iter::once(head).chain(rest).collect())
}

/// Ids that are in order, nearly, or not at all.
fn ids() -> impl Strategy<Value = Vec<usize>> {
    let spread = prop_oneof![Just(1_usize), Just(6), Just(200)];
    (spread, vec(any::<u16>(), 60)).prop_map(|(spread, noise)| {
        let mut places: Vec<usize> = (0..noise.len()).collect();
        places.sort_by_key(|&place| 2 * place + usize::from(noise[place]) % spread);
        let mut ids = vec![0; places.len()];
        for (id, place) in (1..).zip(places) {
            ids[place] = id;
        }
        ids
    })
}

/// Everything that each task needs, directly or not.
fn reach(plan: &Plan) -> Vec<BTreeSet<usize>> {
    let by_key: HashMap<&str, usize> = (0..)
        .zip(&plan.tasks)
        .map(|(i, t)| (t.key.as_str(), i))
        .collect();
    let mut reach = vec![BTreeSet::new(); plan.tasks.len()];
    for i in crate::plan::order(&plan.tasks) {
        let mut all = BTreeSet::new();
        for key in &plan.tasks[i].depends_on {
            let j = by_key[key.as_str()];
            all.insert(j);
            all.extend(&reach[j]);
        }
        reach[i] = all;
    }
    reach
}

/// Whether ids alone are an order of execution.
fn by_id(plan: &Plan) -> bool {
    let before = |task: &PlanTask| task.depends_on.iter().all(|on| *on < task.key);
    plan.tasks.iter().all(before)
}

proptest! {
    #[test]
    fn every_rule_holds_in_any_file(phases in phases(), ids in ids(), parallel in any::<bool>()) {
        // As many as there are tasks, each once, in the same order.
        let mut sorted = ids[..count(&phases)].to_vec();
        sorted.sort_unstable();
        let rank = |id: &usize| sorted.binary_search(id).unwrap() + 1;
        let ids: Vec<usize> = ids[..count(&phases)].iter().map(rank).collect();
        let text = written_with(&phases, &ids, true);
        let mut feature = feature(&text);
        feature.stories_in_parallel = parallel;
        let mut problems = Problems { file: String::new(), found: Vec::new() };
        let file = lines::parse(&text, &mut problems);
        prop_assert!(problems.found.is_empty());
        if file.tasks.is_empty() {
            return Ok(());
        }
        let mut apart = feature.clone();
        apart.tasks = written_with(&phases, &ids, false);
        let (plan, apart) = match (feature.plan(), apart.plan()) {
            (Ok(plan), Ok(apart)) => (plan, apart),
            (Err(one), Err(_)) => {
                prop_assert!(one.iter().all(|p| p.message.contains("cycle")), "{one:?}\n{text}");
                return Ok(());
            }
            (one, _) => return Err(TestCaseError::fail(format!("files decide: {one:?}\n{text}"))),
        };
        let in_order = by_id(&apart);
        let reach = reach(&plan);
        let kind = |i: usize| file.phases[file.tasks[i].phase].kind;
        for (i, task) in file.tasks.iter().enumerate() {
            for (j, earlier) in file.tasks[..i].iter().enumerate() {
                let together = task.phase == earlier.phase;
                let stories = matches!((kind(i), kind(j)), (PhaseKind::Story(_), PhaseKind::Story(_)));
                if together && (!task.parallel || !earlier.parallel) {
                    prop_assert!(reach[i].contains(&j), "[P]: {} {}\n{text}", task.id, earlier.id);
                }
                if !(together || parallel && stories) {
                    prop_assert!(reach[i].contains(&j), "phase: {} {}\n{text}", task.id, earlier.id);
                }
                if together && task.section == Section::Implementation && earlier.section == Section::Tests {
                    prop_assert!(reach[i].contains(&j), "tests: {} {}\n{text}", task.id, earlier.id);
                }
            }
            let paths = &plan.tasks[i].spec.paths;
            prop_assert_eq!(paths.len(), 1);
            for (j, other) in file.tasks.iter().enumerate() {
                if i != j && plan.tasks[j].spec.paths == *paths {
                    let waits = reach[i].contains(&j);
                    prop_assert!(waits || reach[j].contains(&i), "{} {}\n{text}", task.id, other.id);
                    let due = other.id < task.id;
                    prop_assert!(!in_order || waits == due, "{} {}\n{text}", task.id, other.id);
                }
            }
        }
    }

    #[test]
    fn boxes_change_nothing_but_what_is_done(phases in phases()) {
        let before = feature(&written(&phases));
        let Ok(plan) = before.plan() else { return Ok(()) };
        let ids: BTreeSet<&str> = plan.tasks.iter().map(|task| task.key.as_str()).collect();
        let mut after = before.clone();
        after.tasks = tick(&before.tasks, &ids, &before.tasks, &before.tasks);
        prop_assert_eq!(after.input_hash(), before.input_hash());
        let mut ticked = after.plan().unwrap();
        prop_assert!(ticked.tasks.iter().all(|task| task.done));
        crate::plan::diff::without_new_ticks(&plan.tasks, &mut ticked.tasks);
        prop_assert_eq!(ticked, plan);
    }

    #[test]
    fn no_text_breaks_the_compiler(tasks in "(?s).{0,400}", spec in "(?s).{0,200}") {
        let mut feature = feature(&tasks);
        feature.spec = spec;
        let planned = feature.plan();
        prop_assert!(planned.is_ok() || !planned.unwrap_err().is_empty());
    }

    #[test]
    fn no_mutilated_file_breaks_the_compiler(
        phases in phases(), at in any::<u16>(), len in 0..40_usize, put in "[-\\[\\] T0-9P`<!#\n]{0,8}",
    ) {
        let mut text: Vec<char> = written(&phases).chars().collect();
        let at = usize::from(at) % (text.len() + 1);
        let end = (at + len).min(text.len());
        text.splice(at..end, put.chars());
        let text: String = text.into_iter().collect();
        let planned = feature(&text).plan();
        let ids = BTreeSet::from(["T001", "T002"]);
        let ticked = tick(&text, &ids, &text, &text);
        prop_assert_eq!(ticked.len(), text.len());
        if let Ok(plan) = planned {
            let mut again = feature(&ticked).plan().expect("ticks break nothing");
            crate::plan::diff::without_new_ticks(&plan.tasks, &mut again.tasks);
            prop_assert_eq!(again, plan);
        }
    }
}

/// Ten thousand tasks in stories of a hundred: issue 5 allows 100 ms in a release build. The test
/// binary is not optimised, so the bound here only catches what is not near linear; `devlab-bench
/// planner` measures.
#[test]
fn a_large_feature_compiles_without_losing_anything() {
    let mut text = String::from("## Phase 1: Setup\n- [ ] T00000 a\n");
    let mut id = 0;
    for phase in 2..102 {
        text += &format!("## Phase {phase}: User Story {} - x\n", 1 + phase % 2);
        for i in 0..100 {
            id += 1;
            let parallel = if i % 5 == 0 { "" } else { "[P] " };
            text += &format!("- [ ] T{id:05} {parallel}Do it in src/f{id}.rs as FR-001 says\n");
        }
    }
    let plan = feature(&text).plan().unwrap();
    assert_eq!(plan.count(), 10_001);
    assert!(plan.count_edges() < 60_000, "{}", plan.count_edges());
}

/// What the real Spec-Kit makes; see `scripts/interop-spec-kit`.
fn real() -> SpecKit {
    SpecKit {
        folder: "specs/001-login-page".to_owned(),
        spec: include_str!("../../../tests/fixtures/spec-kit/001-login-page/spec.md").to_owned(),
        tasks: include_str!("../../../tests/fixtures/spec-kit/001-login-page/tasks.md").to_owned(),
        stories_in_parallel: true,
        driver: None,
    }
}

#[test]
fn what_spec_kit_itself_writes_is_a_plan() {
    let plan = real().plan().expect("a plan");
    let warnings: Vec<_> = plan.warnings.iter().map(|w| format!("{w}\n")).collect();
    insta::assert_snapshot!(format!("{}\n{}", graph(&plan), warnings.concat()));
    insta::assert_snapshot!(plan.tasks[12].spec.goal);
    assert_eq!(plan.tasks[12].spec.paths, ["src/models/entity21.py"]);
}

#[test]
fn a_changed_feature_differs_only_in_what_it_touches() {
    let before = real();
    let mut after = before.clone();
    after.spec = before.spec.replace(
        "System MUST specific_capability",
        "System MUST hash with Argon2id",
    );
    assert_ne!(after.spec, before.spec);
    after.tasks = before
        .tasks
        .replace("- [ ] T016 [US1] Add validation and error handling\n", "")
        .replace(
            "- [ ] T021 [US2] Implement Service2 in src/services/service2.py\n",
            "- [ ] T037 [US2] Log every logout in src/services/audit.py\n\
             - [X] T021 [US2] Implement Service2 in src/services/service2.py\n",
        );
    let (old, mut new) = (before.plan().unwrap(), after.plan().unwrap());
    crate::plan::diff::without_new_ticks(&old.tasks, &mut new.tasks);
    insta::assert_snapshot!(crate::plan::diff::diff(&old, &new).to_string());
}

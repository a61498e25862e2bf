//! Goals that are done by a plan, from a file or a Spec-Kit feature to what landed.

use devlab_api::client::{Client, ClientError};
use devlab_api::plan::{
    ApprovePlan, CreateGoal, FileInput, OnRunning, PlanDetail, PlanInput, PlannedGoal, ProposePlan,
    RejectPlan, SingleInput, SpecKitInput,
};
use devlab_api::project::{Project, SyncProject};
use devlab_core::plan::PlanState;
use devlab_core::plan::diff::Change;
use devlab_core::state::StateName;
use devlab_core::{RefName, TaskId};
use devlab_testing::{ScriptedAgent, TestServer, until};

const SPEC: &str = "# Feature Specification: Greeting\n\n\
    ### User Story 1 - Greet (Priority: P1)\n\nSomebody is greeted, as FR-001 says.\n\n\
    - **FR-001**: The system MUST greet\n";
const TASKS: &str = "# Tasks: Greeting\n\n## Phase 1: Setup\n\n\
    - [X] T001 Make the folder\n- [ ] T002 Write the words in words.txt\n\n\
    ## Phase 2: User Story 1 - Greet (Priority: P1)\n\n- [ ] T003 [US1] Greet in greet.txt\n";

/// Branch that people push changes of the feature to.
const NEXT: &str = "next";

fn goal(project: Option<&Project>, input: PlanInput) -> CreateGoal {
    CreateGoal {
        org: None,
        project: project.map(|project| project.name.clone()),
        input,
        depends_on: Vec::new(),
        review: None,
        why: "we want it".to_owned(),
        approve: false,
    }
}

fn file(tasks: &str) -> PlanInput {
    PlanInput::File(FileInput {
        name: "plan.yaml".to_owned(),
        text: format!(
            "title: A goal\nreview: false\ndriver: {{command: {{argv: ['true']}}}}\ntasks:\n{tasks}"
        ),
    })
}

fn feature() -> PlanInput {
    feature_at(None)
}

/// The feature as somebody wants to have it from now on.
fn changed() -> PlanInput {
    feature_at(Some(NEXT))
}

fn feature_at(at: Option<&str>) -> PlanInput {
    PlanInput::SpecKit(SpecKitInput {
        folder: "specs/001-greeting/".to_owned(),
        at: at.map(str::to_owned),
        stories_in_parallel: None,
        driver: Some(crate::driver()),
        no_driver: false,
    })
}

fn propose(input: PlanInput, parent: Option<u32>) -> ProposePlan {
    ProposePlan {
        input,
        parent,
        why: "it changed".to_owned(),
        approve: false,
        running: None,
    }
}

async fn state(client: &Client, id: TaskId) -> StateName {
    client.task(id).await.unwrap().task.state
}

async fn until_state(client: &Client, id: TaskId, wanted: StateName) {
    let reached = || async { (state(client, id).await == wanted).then_some(()) };
    until(wanted.as_str(), reached).await;
}

fn code<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    outcome.unwrap_err().code().unwrap().to_owned()
}

fn id(plan: &PlanDetail, key: &str) -> TaskId {
    let task = plan.tasks.iter().find(|task| task.key == key);
    task.unwrap().task.unwrap()
}

/// A server with a project in which a feature is described.
async fn with_feature() -> (TestServer, Project, devlab_testing::git::Checkout) {
    let server = TestServer::start().await;
    let files = [
        ("specs/001-greeting/spec.md", SPEC),
        ("specs/001-greeting/tasks.md", TASKS),
        ("README.md", "Greeting\n"),
    ];
    let (project, checkout) = server.project_with("default", &files).await;
    (server, project, checkout)
}

async fn land(client: &Client, agent: &ScriptedAgent, name: &str) -> TaskId {
    let work = agent.claim().await;
    agent.deliver(&work, &[(name, "done\n")], 0).await;
    until_state(client, work.task, StateName::Done).await;
    work.task
}

#[tokio::test]
async fn a_feature_is_planned_approved_and_carried_out() {
    let (server, project, _) = with_feature().await;
    let client = server.admin();
    let made: PlannedGoal = client
        .create_goal(&goal(Some(&project), feature()))
        .await
        .unwrap();
    let goal = made.goal.id;
    assert_eq!(made.goal.state, StateName::Draft);
    let plan = &made.plan;
    assert_eq!(plan.title, "Greeting");
    assert_eq!(plan.revision.state, PlanState::Proposed);
    assert_eq!(plan.revision.origin.commit, project.head);
    assert_eq!(plan.revision.origin.source, "specs/001-greeting");
    assert_eq!(plan.revision.origin.why, "we want it");
    let tasks: Vec<_> = plan
        .tasks
        .iter()
        .map(|t| (t.key.as_str(), t.done, t.task))
        .collect();
    let expected = [
        ("T001", true, None),
        ("T002", false, None),
        ("T003", false, None),
    ];
    assert_eq!(tasks, expected);
    assert!(
        plan.tasks[2]
            .goal
            .contains("- FR-001: The system MUST greet")
    );

    let begun = client.activate_task(goal).await;
    assert_eq!(code(begun), "conflict", "only an approval begins it");
    let ruling = ApprovePlan {
        why: "good".to_owned(),
        running: Some(OnRunning::Cancel),
    };
    let plan = client.approve_plan(goal, 1, &ruling).await.unwrap();
    let decision = plan.revision.decision.clone().unwrap();
    assert_eq!(
        (plan.revision.state, decision.why.as_str()),
        (PlanState::Current, "good")
    );

    let agent = server.agent("default", "one", 8).await;
    assert_eq!(land(&client, &agent, "words.txt").await, id(&plan, "T002"));
    assert_eq!(land(&client, &agent, "greet.txt").await, id(&plan, "T003"));
    until_state(&client, goal, StateName::Waiting).await;
    let late = propose(file("- {key: a, title: A}\n"), Some(1));
    let late = client.propose_plan(goal, &late).await;
    assert_eq!(code(late), "conflict", "its result is settled");
    server.stop().await;
}

#[tokio::test]
async fn a_changed_feature_is_planned_again_and_only_what_it_touches() {
    let (server, project, checkout) = with_feature().await;
    let client = server.admin();
    let wanted = CreateGoal {
        approve: true,
        review: Some(false),
        ..goal(Some(&project), feature())
    };
    let made = client.create_goal(&wanted).await.unwrap();
    let goal = made.goal.id;
    assert_eq!(made.plan.revision.state, PlanState::Current);
    let agent = server.agent("default", "one", 8).await;
    let done = land(&client, &agent, "words.txt").await;
    let working = agent.claim().await;
    assert_eq!(working.task, id(&made.plan, "T003"));

    // Somebody ticks a box: that is no change.
    let ticked = TASKS.replace("- [ ] T002", "- [X] T002");
    let folder = "specs/001-greeting/tasks.md";
    checkout.commit(&[(folder, &ticked)], "Tick").await;
    server.push(&checkout, &project, NEXT).await;
    let same = client
        .propose_plan(goal, &propose(changed(), Some(1)))
        .await;
    assert_eq!(code(same), "conflict");

    let more = format!("{ticked}- [ ] T004 [US1] Say goodbye in bye.txt\n");
    let head = checkout.commit(&[(folder, &more)], "Say goodbye").await;
    server.push(&checkout, &project, NEXT).await;
    let sync = SyncProject {
        commit: head,
        pushed_branch: None,
    };
    client.sync_project(project.id, &sync).await.unwrap();
    let late = client.propose_plan(goal, &propose(changed(), None)).await;
    assert_eq!(code(late), "outdated");
    let next = client
        .propose_plan(goal, &propose(changed(), Some(1)))
        .await
        .unwrap();
    assert_eq!((next.revision.number, next.revision.parent), (2, Some(1)));
    let diff = client.plan_diff(goal, 2, None).await.unwrap();
    let changes: Vec<_> = diff
        .tasks
        .iter()
        .map(|t| (t.key.as_str(), t.change))
        .collect();
    let expected = [
        ("T001", Change::Kept),
        ("T002", Change::Kept),
        ("T003", Change::Kept),
        ("T004", Change::Added),
    ];
    assert_eq!(changes, expected);

    let plan = client
        .approve_plan(goal, 2, &ApprovePlan::default())
        .await
        .unwrap();
    assert_eq!(id(&plan, "T002"), done);
    assert_eq!(id(&plan, "T003"), working.task);
    assert_eq!(state(&client, done).await, StateName::Done);
    agent.heartbeat(&working).await.unwrap();
    agent
        .deliver(&working, &[("greet.txt", "hello\n")], 0)
        .await;
    assert_eq!(land(&client, &agent, "bye.txt").await, id(&plan, "T004"));
    let all = client.plans(goal).await.unwrap().items;
    let states: Vec<_> = all.iter().map(|revision| revision.state).collect();
    assert_eq!(states, [PlanState::Superseded, PlanState::Current]);

    // What was added while the goal was at work is ticked as well, without a conflict.
    until_state(&client, goal, StateName::Done).await;
    let main = RefName::branch("main").unwrap();
    let now = landed(&server, &project, &main, folder).await;
    assert_eq!(now, more.replace("- [ ]", "- [X]"));
    server.stop().await;
}

#[tokio::test]
async fn what_landed_is_ticked_off_by_devlab_and_by_nobody_else() {
    let (server, project, checkout) = with_feature().await;
    let client = server.admin();
    let wanted = CreateGoal {
        approve: true,
        review: Some(false),
        ..goal(Some(&project), feature())
    };
    let goal = client.create_goal(&wanted).await.unwrap().goal.id;
    let agent = server.agent("default", "one", 8).await;
    let path = "specs/001-greeting/tasks.md";
    // Both tick all boxes, and one of them has more to say.
    let all = TASKS.replace("- [ ]", "- [X]");
    let remark = format!("{all}\nIt was easy.\n");
    for (name, ticked) in [("words.txt", &all), ("greet.txt", &remark)] {
        let work = agent.claim().await;
        agent
            .deliver(&work, &[(name, "done\n"), (path, ticked)], 0)
            .await;
        until_state(&client, work.task, StateName::Done).await;
        if name == "words.txt" {
            let branch = RefName::of_composite(goal);
            let now = landed(&server, &project, &branch, path).await;
            assert_eq!(now, TASKS, "the goal's branch has no tick of an agent");
        }
    }
    until_state(&client, goal, StateName::Done).await;
    let main = RefName::branch("main").unwrap();
    let now = landed(&server, &project, &main, path).await;
    assert_eq!(now, remark, "what is done is ticked, and words stay");
    let url = server.git_url(&project);
    checkout.git(&["fetch", "-q", &url, "main"]).await;
    let log = checkout
        .git(&["log", "--format=%an <- %s", "FETCH_HEAD"])
        .await;
    let ticks = format!("devlab <- Tick what is done in {path}");
    assert_eq!(
        log.lines().filter(|line| *line == ticks).count(),
        1,
        "{log}"
    );
    server.stop().await;
}

/// A file as it is in a branch of the project's repository.
async fn landed(server: &TestServer, project: &Project, branch: &RefName, path: &str) -> String {
    let id = project.id;
    let known = server
        .lab()
        .read(move |view| view.project(id))
        .await
        .unwrap();
    let repo = server.lab().repo(&known.unwrap()).await.unwrap();
    let head = repo.resolve(branch).await.unwrap().unwrap();
    let bytes = repo.read_file(&head, path, 1 << 20).await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_rejected_plan_begins_nothing_and_another_may() {
    let server = TestServer::start().await;
    let client = server.admin();
    let first = goal(None, file("- {key: a, title: A}\n"));
    let id = client.create_goal(&first).await.unwrap().goal.id;
    let why = "too little".to_owned();
    let rejected = client
        .reject_plan(id, 1, &RejectPlan { why })
        .await
        .unwrap();
    assert_eq!(rejected.decision.unwrap().why, "too little");
    let approved = client.approve_plan(id, 1, &ApprovePlan::default()).await;
    assert_eq!(code(approved), "conflict");
    let missing = client.approve_plan(id, 7, &ApprovePlan::default()).await;
    assert_eq!(code(missing), "not_found");

    let second = file("- {key: a, title: A}\n- {key: b, title: B, depends_on: [a]}\n");
    let wanted = ProposePlan {
        approve: true,
        ..propose(second, None)
    };
    let plan = client.propose_plan(id, &wanted).await.unwrap();
    assert_eq!(
        (plan.revision.number, plan.revision.state),
        (2, PlanState::Current)
    );
    let agent = server.agent("default", "one", 8).await;
    for _ in 0..2 {
        let work = agent.claim().await;
        agent.finish(&work).await.unwrap();
    }
    until_state(&client, id, StateName::Done).await;
    server.stop().await;
}

#[tokio::test]
async fn one_task_is_a_plan_too() {
    let server = TestServer::start().await;
    let client = server.admin();
    let single = PlanInput::Single(SingleInput {
        title: "Say hello".to_owned(),
        driver: Some(crate::driver()),
        ..SingleInput::default()
    });
    let wanted = CreateGoal {
        approve: true,
        ..goal(None, single)
    };
    let made = client.create_goal(&wanted).await.unwrap();
    let agent = server.agent("default", "one", 8).await;
    let work = agent.claim().await;
    assert_eq!(work.task, made.plan.tasks[0].task.unwrap());
    agent.finish(&work).await.unwrap();
    until_state(&client, made.goal.id, StateName::Done).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_input_is_named_with_its_lines() {
    let (server, project, checkout) = with_feature().await;
    let client = server.admin();
    let wrong = file("- {key: a, title: A, depends_on: [b]}\n- {key: a, title: ''}\n");
    let error = client.create_goal(&goal(None, wrong)).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (422, "plan_invalid")
    );
    let lines: Vec<_> = problem
        .problems
        .iter()
        .map(|p| (p.file.as_str(), p.line))
        .collect();
    let at = |line| ("plan.yaml", Some(line));
    assert_eq!(lines, [at(5), at(6), at(6)], "{:?}", problem.problems);

    let broken = TASKS.replace("T003", "T002");
    let folder = "specs/001-greeting/tasks.md";
    checkout.commit(&[(folder, &broken)], "Break it").await;
    server.push(&checkout, &project, NEXT).await;
    let error = client
        .create_goal(&goal(Some(&project), changed()))
        .await
        .unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(problem.problems[0].file, folder);
    assert_eq!(problem.problems[0].line, Some(10), "{:?}", problem.problems);

    // The commit before is still a plan.
    let PlanInput::SpecKit(mut old) = feature() else {
        unreachable!("it is one");
    };
    old.at.clone_from(&project.head);
    let input = PlanInput::SpecKit(old.clone());
    client
        .create_goal(&goal(Some(&project), input))
        .await
        .unwrap();
    for (folder, at) in [
        ("specs/009-none", None),
        ("../etc", None),
        ("specs/001-greeting", Some("nope")),
    ] {
        old.folder = folder.to_owned();
        old.at = at.map(str::to_owned);
        let input = PlanInput::SpecKit(old.clone());
        let refused = client.create_goal(&goal(Some(&project), input)).await;
        assert_eq!(code(refused), "invalid", "{folder} {at:?}");
    }
    assert_eq!(
        code(client.create_goal(&goal(None, feature())).await),
        "invalid"
    );
    server.stop().await;
}

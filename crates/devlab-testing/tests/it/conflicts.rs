//! What tasks say that they will touch, over HTTP.

use devlab_api::agent::Update;
use devlab_api::client::EventQuery;
use devlab_api::task::{ConflictKind, CreateTask};
use devlab_core::event::EventKind;
use devlab_core::state::StateName;
use devlab_testing::TestServer;

fn task(title: &str, project: &str, paths: &[&str]) -> CreateTask {
    CreateTask {
        title: title.to_owned(),
        project: Some(project.to_owned()),
        driver: Some(crate::driver()),
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
        ..CreateTask::default()
    }
}

#[tokio::test]
async fn tasks_that_declare_the_same_paths_are_shown_with_each_other() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.rs", "")]).await;
    let admin = server.admin();
    let name = project.id.to_string();
    let one = task("One", &name, &["src/", "docs/a.md"]);
    let one = admin.create_task(&one).await.unwrap();
    let two = task("Two", &name, &["src/b.rs"]);
    let two = admin.create_task(&two).await.unwrap();
    let other = admin.create_task(&task("Other", &name, &["srcs"])).await;
    let other = other.unwrap();

    let met = admin.conflicts(one.id).await.unwrap().items;
    assert_eq!(met.len(), 1);
    assert_eq!(met[0].paths, ["src/b.rs"]);
    assert_eq!(met[0].kind, ConflictKind::Declared);
    let mut sides = [&met[0].first, &met[0].second].map(|side| (&side.title[..], side.state));
    sides.sort_unstable_by_key(|side| side.0);
    assert_eq!(
        sides,
        [("One", StateName::Ready), ("Two", StateName::Ready)]
    );
    let detail = admin.task(two.id).await.unwrap();
    assert_eq!(
        (detail.paths, detail.conflicts),
        (vec!["src/b.rs".to_owned()], met)
    );
    assert!(admin.conflicts(other.id).await.unwrap().items.is_empty());

    let wrong = admin.create_task(&task("Wrong", &name, &["/etc"])).await;
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.code(), Some("invalid"), "{wrong}");
    let field = wrong.problem().and_then(|problem| problem.field.as_deref());
    assert_eq!(field, Some("paths[0]"), "{wrong}");
    server.stop().await;
}

#[tokio::test]
async fn what_an_agent_says_it_has_changed_is_shown_and_told() {
    let server = TestServer::start().await;
    let (project, _checkout) = server.project_with("default", &[("a.rs", "")]).await;
    let admin = server.admin();
    let name = project.id.to_string();
    let one = admin.create_task(&task("One", &name, &[])).await.unwrap();
    let two = admin.create_task(&task("Two", &name, &["lib"])).await;
    let two = two.unwrap();
    let agent = server.agent("default", "worker", 2).await;
    let (first, second) = (agent.claim().await, agent.claim().await);
    assert_eq!([first.task, second.task], [one.id, two.id]);
    assert!(admin.conflicts(one.id).await.unwrap().items.is_empty());

    let says = |touched: Vec<String>| Update {
        task: first.task,
        attempt: first.attempt,
        phase: None,
        touched: Some(touched),
        complete: None,
    };
    let changed = vec![
        "src/x.rs".to_owned(),
        "lib/y.rs".to_owned(),
        "/no".to_owned(),
    ];
    let told = agent.client.update_attempt(&says(changed)).await.unwrap();
    assert_eq!(told.state, StateName::Running);
    let met = admin.conflicts(two.id).await.unwrap().items;
    assert_eq!(met.len(), 1);
    assert_eq!(
        (met[0].kind, &met[0].paths[..]),
        (ConflictKind::Observed, &["lib/y.rs".to_owned()][..])
    );
    let events = admin.events(&EventQuery::default()).await.unwrap().items;
    let said = events
        .iter()
        .find(|event| event.kind == EventKind::TaskConflict);
    let said = said.unwrap();
    assert_eq!(said.task, Some(one.id));
    assert_eq!(said.data["with"], two.id.to_string());
    assert_eq!(said.data["held"], false);

    let many = (0..=1_000).map(|n| format!("f{n}")).collect();
    let refused = agent.client.update_attempt(&says(many)).await.unwrap_err();
    assert_eq!(refused.code(), Some("invalid"), "{refused}");
    server.stop().await;
}

//! Agents of one machine that share their copies of projects.

use devlab_core::state::StateName;

use super::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_one_agent_has_used_is_taken_by_another() {
    let world = World::new(&[("a.txt", "a\n")]).await;
    let cache = tempfile::tempdir().unwrap();
    let other_home = tempfile::tempdir().unwrap();
    let script = "ls -di . >> $TRACES/trees; echo line >> log.txt";
    let checks = [("log", "test -f log.txt")];
    for home in [world.home.path(), other_home.path()] {
        let agent = world.start(|config| {
            config.home = home.to_owned();
            config.cache = Some(cache.path().to_owned());
        });
        let task = world.task(script, &checks).await;
        world.until_state(task, StateName::Done).await;
        agent.stop().await;
        assert!(!home.join("repos").exists());
    }
    let trees = std::fs::read_to_string(world.trace("trees")).unwrap();
    let inodes: Vec<&str> = trees.lines().collect();
    assert_eq!(inodes.len(), 2, "{trees}");
    assert_eq!(inodes[0], inodes[1]);
    let copies = std::fs::read_dir(cache.path()).unwrap().flatten();
    let mut names: Vec<String> = copies
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let project = &world.project.id;
    let wanted = [
        format!("{project}.fetch"),
        format!("{project}.git"),
        format!("{project}.lock"),
        "trash".to_owned(),
    ];
    assert_eq!(names, wanted);
}

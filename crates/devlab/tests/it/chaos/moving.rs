//! Repositories that move from one server to the other while work goes on.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use devlab_api::project::MoveProject;

use super::breaking::Miss;
use super::plan::Who;
use super::world::{World, insist, within};

/// Longest time until a repository has come to its new home, with everything that is done to both.
const MOVED_MAX: Duration = Duration::from_secs(60);

/// Moves the goal's repository to the server that is not its home; asks again while one of the two,
/// or the database, fails in the middle.
pub(super) async fn to_the_other(world: &World) -> Result<String, Miss> {
    let _turn = world.moving.lock().await;
    if world.is_over.load(Ordering::Relaxed) {
        return Err(Miss::Late("the goal was done before the move".to_owned()));
    }
    let id = world.project.id;
    let project = insist(|| world.client.project(id)).await;
    let project = project.map_err(|error| Miss::Wrong(format!("no home is told: {error}")))?;
    let (own, other) = (world.server_id(Who::Server), world.server_id(Who::Other));
    let (from, to) = match project.home.map(|home| home.to_string()) {
        Some(home) if home == own => (Who::Server, other),
        _ => (Who::Other, own),
    };
    let wanted = MoveProject {
        to: to.clone(),
        lost: false,
    };
    let (tries, said) = (Mutex::new(0), Mutex::new(String::new()));
    let moved = within(MOVED_MAX, || async {
        *tries.lock().unwrap() += 1;
        match world.slow_client.move_project(id, &wanted).await {
            Ok(project) => (project.home?.to_string() == to).then_some(()),
            Err(error) => {
                *said.lock().unwrap() = error.to_string();
                None
            }
        }
    });
    if moved.await.is_none() {
        let said = said.lock().unwrap();
        return Err(Miss::Wrong(format!("{id} does not move to {to}: {said}")));
    }
    let tries = tries.lock().unwrap();
    Ok(format!(
        "moved the repository from {from:?} at the {tries}. try"
    ))
}

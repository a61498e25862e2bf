//! Servers, and who runs which loop.

use std::time::Duration;

use devlab_core::ServerId;
use devlab_core::server::{LoopState, Server, ServerRoles};

use super::Lab;
use super::fixtures::{at, id, project};
use crate::StoreExt;

fn server(n: u32) -> Server {
    Server {
        id: id(n),
        name: format!("machine-{n}"),
        url: format!("http://machine-{n}:18080"),
        roles: "api,git".parse().unwrap(),
        version: "1.2.3".to_owned(),
        run: u64::from(n),
        started_at: at(n),
        seen_at: at(n + 1),
        left: false,
    }
}

pub(super) async fn servers(lab: Lab) {
    lab.store
        .write(|tx| {
            assert_eq!(tx.servers()?, []);
            tx.put_server(&server(2))?;
            tx.put_server(&server(1))?;
            let changed = Server {
                name: "other".to_owned(),
                url: "https://other".to_owned(),
                roles: ServerRoles::all(),
                version: "2.0.0".to_owned(),
                run: 9,
                started_at: at(20),
                seen_at: at(21),
                left: true,
                ..server(2)
            };
            tx.put_server(&changed)?;
            assert_eq!(tx.servers()?, [server(1), changed.clone()], "oldest first");
            assert_eq!(tx.server(id(2))?, Some(changed));
            tx.delete_server(id(2))?;
            assert_eq!(tx.server(id(2))?, None);
            for n in [1, 2] {
                tx.insert_project(&project(n, id(1)))?;
            }
            let at_home: ServerId = id(7);
            assert_eq!((tx.projects_at(at_home)?, tx.projects_at(id(8))?), (2, 0));
            Ok(())
        })
        .await
        .unwrap();
}

pub(super) async fn loops(lab: Lab) {
    lab.store
        .write(|tx| {
            let state = LoopState {
                name: "leases".to_owned(),
                holder: Some(id(1)),
                run: 3,
                until: at(5),
                fired_at: None,
            };
            assert_eq!(tx.loop_state("leases")?, None);
            tx.put_loop_state(&state)?;
            assert_eq!(tx.loop_state("leases")?, Some(state.clone()));
            let changed = LoopState {
                holder: None,
                run: 4,
                until: at(5).plus(Duration::from_secs(1)),
                fired_at: Some(at(6)),
                ..state
            };
            tx.put_loop_state(&changed)?;
            assert_eq!(tx.loop_state("leases")?, Some(changed));
            assert_eq!(tx.loop_state("due")?, None);
            Ok(())
        })
        .await
        .unwrap();
}

//! Servers share the loops, fire once, and hold repositories under a fence.

use std::time::Duration;

use devlab_core::limits::{SERVER_BEAT, SERVER_FORGOTTEN_AFTER, SERVER_TERM};
use devlab_core::rules::lab_id;
use devlab_core::rules::servers::{self, Held};
use devlab_core::server::{Server, ServerRole, ServerRoles};
use devlab_core::tx::{Read, Tx};
use devlab_core::{Error, Refusal, ServerId, Timestamp};

use crate::lab::{Lab, home};
use crate::mem::MemTx;
use crate::world::Dice;

const LOOPS: [&str; 2] = ["leases", "due"];

fn id(n: u32) -> ServerId {
    ServerId::new(Timestamp::from_millis(1), u128::from(n) << 16)
}

fn server(n: u32, now: Timestamp) -> Server {
    Server {
        id: id(n),
        name: format!("machine-{n}"),
        url: format!("http://machine-{n}"),
        roles: ServerRoles::all(),
        version: "1".to_owned(),
        run: 0,
        started_at: now,
        seen_at: now,
        left: false,
    }
}

fn start(tx: &mut MemTx, n: u32) -> u64 {
    let now = tx.now;
    servers::start(tx, server(n, now)).unwrap()
}

fn runners(tx: &mut MemTx, name: &str, starts: &[(u32, u64)]) -> Vec<u32> {
    let mut found = Vec::new();
    for (n, run) in starts {
        if servers::runs(tx, name, id(*n), *run).unwrap() {
            found.push(*n);
        }
    }
    found
}

#[test]
fn a_loop_runs_in_one_place_whatever_happens_to_its_servers() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut tx = MemTx::default();
        // Every start that there ever was, those that were killed and wake again as well.
        let mut starts: Vec<(u32, u64)> = Vec::new();
        let mut taken_over = 0;
        for _ in 0..200 {
            match dice.below(5) {
                0 => {
                    let n = u32::try_from(dice.below(3)).unwrap();
                    let run = start(&mut tx, n);
                    starts.push((n, run));
                }
                1 => {
                    let long = SERVER_FORGOTTEN_AFTER.max(SERVER_TERM).as_secs() as usize;
                    let usual = 2 * SERVER_TERM.as_secs() as usize;
                    let most = if dice.one_in(20) { 2 * long } else { usual };
                    let secs = dice.below(most);
                    tx.now = tx.now.plus(Duration::from_secs(secs as u64));
                }
                2 if !starts.is_empty() => {
                    let (n, run) = starts[dice.below(starts.len())];
                    servers::leave(&mut tx, id(n), run, &LOOPS).unwrap();
                }
                _ if !starts.is_empty() => {
                    let (n, run) = starts[dice.below(starts.len())];
                    // Of one that was forgotten, whichever process comes back first goes on.
                    let back = Server {
                        run,
                        ..server(n, tx.now)
                    };
                    servers::come_back(&mut tx, back).unwrap();
                    let is_latest = tx.servers.get(&id(n)).is_some_and(|known| known.run == run);
                    match servers::beat(&mut tx, id(n), run, &LOOPS) {
                        Ok(runs) => {
                            assert!(is_latest, "an earlier process of this server goes on");
                            taken_over += runs.iter().filter(|(_, is_new)| *is_new).count();
                            for (name, _) in runs {
                                assert_eq!(runners(&mut tx, name, &starts), [n]);
                            }
                        }
                        Err(error) => assert!(!is_latest, "{error}"),
                    }
                }
                _ => {}
            }
            for name in LOOPS {
                assert!(runners(&mut tx, name, &starts).len() <= 1, "seed {seed}");
            }
        }
        assert!(taken_over > 0, "seed {seed}: nobody ever ran anything");
    }
}

#[test]
fn a_server_that_was_forgotten_comes_back_as_itself() {
    let mut tx = MemTx::default();
    let (one, two) = (start(&mut tx, 1), start(&mut tx, 2));
    let at = tx.servers[&id(1)].started_at;
    tx.now = tx.now.plus(SERVER_FORGOTTEN_AFTER);
    start(&mut tx, 3);
    assert!(!tx.servers.contains_key(&id(1)) && !tx.servers.contains_key(&id(2)));
    let back = |tx: &mut MemTx, n, run| {
        let known = Server {
            run,
            ..server(n, tx.now)
        };
        servers::come_back(tx, known).unwrap();
        servers::beat(tx, id(n), run, &LOOPS)
    };
    assert_eq!(back(&mut tx, 1, one).unwrap().len(), 2);
    let known = &tx.servers[&id(1)];
    assert_eq!((known.run, known.started_at), (one, at));
    assert!(known.is_there(tx.now));
    // Another process has its folder by now, so it is not this one that comes back.
    let again = start(&mut tx, 2);
    let error = back(&mut tx, 2, two).unwrap_err();
    assert!(
        matches!(error, Error::Refused(Refusal::Conflict(_))),
        "{error}"
    );
    assert_eq!(tx.servers[&id(2)].run, again);
}

#[test]
fn a_lab_that_was_replaced_is_not_the_one_that_a_server_knows() {
    let mut tx = MemTx::default();
    let own = lab_id::lab_id(&mut tx).unwrap();
    lab_id::is_still(&mut tx, &own).unwrap();
    let is_refused = |tx: &mut MemTx| {
        let outcome = lab_id::is_still(tx, &own);
        matches!(outcome, Err(Error::Refused(Refusal::Conflict(_))))
    };
    // Its records are in, and it has no id yet; then it has one.
    tx.settings.clear();
    assert!(is_refused(&mut tx));
    tx.put_setting(lab_id::LAB_ID, "another").unwrap();
    assert!(is_refused(&mut tx));
}

#[test]
fn a_loop_goes_to_another_server_when_its_own_is_silent_or_stops() {
    let mut tx = MemTx::default();
    let (one, two) = (start(&mut tx, 1), start(&mut tx, 2));
    let beat = |tx: &mut MemTx, n, run| servers::beat(tx, id(n), run, &LOOPS).unwrap().len();
    assert_eq!((beat(&mut tx, 1, one), beat(&mut tx, 2, two)), (2, 0));
    tx.now = tx.now.plus(SERVER_BEAT);
    assert_eq!((beat(&mut tx, 2, two), beat(&mut tx, 1, one)), (0, 2));
    tx.now = tx.now.plus(SERVER_TERM);
    assert_eq!((beat(&mut tx, 2, two), beat(&mut tx, 1, one)), (2, 0));
    servers::leave(&mut tx, id(2), two, &LOOPS).unwrap();
    assert!(!tx.servers[&id(2)].is_there(tx.now));
    assert_eq!(
        beat(&mut tx, 1, one),
        2,
        "without waiting for the end of a term"
    );
}

#[test]
fn a_server_that_was_lost_while_the_clock_was_ahead_keeps_nothing_once_it_is_back() {
    let mut tx = MemTx::default();
    let (one, two) = (start(&mut tx, 1), start(&mut tx, 2));
    let at = tx.now;
    tx.now = at.plus(Duration::from_secs(3600));
    assert_eq!(servers::beat(&mut tx, id(1), one, &LOOPS).unwrap().len(), 2);
    tx.now = at.plus(SERVER_BEAT);
    let known = tx.servers[&id(1)].clone();
    assert!(
        !known.is_there(tx.now),
        "nobody has heard of it at this time"
    );
    assert_eq!(servers::beat(&mut tx, id(2), two, &LOOPS).unwrap().len(), 2);
    assert_eq!(runners(&mut tx, LOOPS[0], &[(1, one), (2, two)]), [2]);
    // A step within a term changes nothing.
    tx.now = at;
    assert!(tx.servers[&id(2)].is_there(tx.now));
    assert_eq!(servers::beat(&mut tx, id(1), one, &LOOPS).unwrap(), []);
}

#[test]
fn what_is_done_once_in_a_period_is_done_by_one_of_all_who_ask() {
    let mut tx = MemTx::default();
    let every = Duration::from_secs(60);
    let mut fired = Vec::new();
    for second in 0..600 {
        tx.now = Timestamp::from_millis(1_000 * second);
        let times = (0..3).filter(|_| servers::fire(&mut tx, "forget", every).unwrap());
        let times = times.count();
        assert!(times <= 1);
        fired.extend((times == 1).then_some(second));
    }
    assert_eq!(fired, (0..10).map(|minute| minute * 60).collect::<Vec<_>>());
    tx.now = Timestamp::from_millis(0);
    assert!(
        servers::fire(&mut tx, "forget", every).unwrap(),
        "the clock was set back"
    );
}

fn held(tx: &mut MemTx, lab: &Lab, server: ServerId) -> std::result::Result<Held, Refusal> {
    servers::hold(&tx.project(lab.project).unwrap().unwrap(), server)
}

fn is_fenced(tx: &mut MemTx, held: &Held) -> bool {
    matches!(
        servers::check(tx, held),
        Err(Error::Refused(Refusal::NotHome))
    )
}

#[test]
fn an_old_home_changes_nothing() {
    let lab = Lab::new(1);
    let mut tx = lab.tx.clone();
    let before = held(&mut tx, &lab, home()).unwrap();
    assert!(held(&mut tx, &lab, id(2)).is_err(), "it is not its home");
    assert!(!is_fenced(&mut tx, &before));

    let epoch = servers::begin_move(&mut tx, lab.project, id(2)).unwrap();
    assert!(is_fenced(&mut tx, &before), "it is on its way");
    assert!(held(&mut tx, &lab, home()).is_err() && held(&mut tx, &lab, id(2)).is_err());
    let again = servers::begin_move(&mut tx, lab.project, id(2)).unwrap();
    let late = servers::finish_move(&mut tx, lab.project, id(2), epoch);
    assert!(late.is_err(), "the move was begun again since");
    servers::finish_move(&mut tx, lab.project, id(2), again).unwrap();
    assert!(is_fenced(&mut tx, &before));
    let there = held(&mut tx, &lab, id(2)).unwrap();
    assert!(!is_fenced(&mut tx, &there));

    // Back again: what was begun when it was here the first time is still refused.
    let epoch = servers::begin_move(&mut tx, lab.project, home()).unwrap();
    servers::finish_move(&mut tx, lab.project, home(), epoch).unwrap();
    assert!(is_fenced(&mut tx, &before) && is_fenced(&mut tx, &there));

    // A move that does not come about fences too: its home may have worked on meanwhile.
    let now = held(&mut tx, &lab, home()).unwrap();
    servers::begin_move(&mut tx, lab.project, id(2)).unwrap();
    servers::cancel_move(&mut tx, lab.project, None).unwrap();
    assert!(is_fenced(&mut tx, &now));
    // So does another process of the same server: this one may be a copy that was paused.
    let now = held(&mut tx, &lab, home()).unwrap();
    let again = Server {
        id: home(),
        ..server(0, tx.now)
    };
    servers::start(&mut tx, again).unwrap();
    assert!(is_fenced(&mut tx, &now));
    assert!(held(&mut tx, &lab, home()).is_ok());
}

#[test]
fn a_move_that_was_cut_off_is_in_nobodys_way() {
    let lab = Lab::new(1);
    let mut tx = lab.tx.clone();
    start(&mut tx, 1);
    let cut_off = servers::begin_move(&mut tx, lab.project, id(1)).unwrap();
    let other = servers::begin_move(&mut tx, lab.project, id(2));
    assert!(other.is_err(), "the server that it goes to is there");
    tx.now = tx.now.plus(SERVER_TERM);
    let other = servers::begin_move(&mut tx, lab.project, id(2)).unwrap();
    // The one that was cut off does not call off the other.
    servers::cancel_move(&mut tx, lab.project, Some(cut_off)).unwrap();
    servers::finish_move(&mut tx, lab.project, id(2), other).unwrap();
}

#[test]
fn a_new_repository_goes_where_there_are_fewest() {
    let lab = Lab::new(1);
    let mut tx = lab.tx.clone();
    assert!(servers::place(&mut tx, id(1)).is_err(), "nobody is there");
    start(&mut tx, 1);
    start(&mut tx, 2);
    assert_eq!(
        servers::place(&mut tx, id(2)).unwrap(),
        id(2),
        "rather here"
    );
    let epoch = servers::begin_move(&mut tx, lab.project, id(2)).unwrap();
    servers::finish_move(&mut tx, lab.project, id(2), epoch).unwrap();
    assert_eq!(servers::place(&mut tx, id(2)).unwrap(), id(1));
    let mut other = tx.server(id(1)).unwrap().unwrap();
    other.roles = ServerRole::Api.as_str().parse().unwrap();
    tx.put_server(&other).unwrap();
    assert_eq!(
        servers::place(&mut tx, id(2)).unwrap(),
        id(2),
        "it takes none"
    );
}

//! Goals that start by the clock, and by webhooks.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use devlab_core::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::bench::{Bench, json, until};
use crate::pair::Pair;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next last Sunday of March: the day on which Berlin has no half past two.
fn spring(now: Timestamp) -> String {
    let year: i32 = now.to_string()[..4].parse().unwrap();
    let sunday = |year: i32| {
        let days = (25..=31).map(|day| format!("{year}-03-{day}"));
        let of = |day: &String| time(&format!("{day}T12:00:00Z")).as_secs() / 86_400;
        // 1 January 1970 was a Thursday.
        let mut sundays = days.filter(|day| (of(day) + 4) % 7 == 0);
        sundays.next().unwrap()
    };
    let this = sunday(year);
    let noon_before = time(&format!("{this}T12:00:00Z")).minus(DAY);
    match noon_before > now {
        true => this,
        false => sunday(year + 1),
    }
}

fn starts(bench: &Bench) -> Vec<Value> {
    let shown = json(bench, &["schedule", "show", "nightly"]);
    shown["starts"].as_array().cloned().unwrap_or_default()
}

/// So many starts, each with a goal; the newest first.
fn made(bench: &Bench, count: usize) -> Vec<Value> {
    until(&format!("{count} goals"), || {
        let starts = starts(bench);
        let done = starts.iter().all(|start| start["goal"].is_string());
        (starts.len() >= count && done).then_some(starts)
    })
}

/// A process reads the file of its moved clock now and then: waits until it has.
fn clock_is_read(bench: &Bench, moved_to: Timestamp) {
    let mut count = 0;
    until("the moved clock to be read", || {
        count += 1;
        let name = format!("clock{count}");
        let add = ["schedule", "add", &name, "Clock", "--cron", "0 0 1 1 *"];
        let made = json(bench, &add)["schedule"]["created_at"].clone();
        (time(made.as_str().unwrap()) >= moved_to).then_some(())
    });
}

#[test]
fn a_schedule_goes_through_a_change_of_clocks_and_makes_up_for_an_outage_once() {
    let bench = Bench::new();
    bench.move_clock(Duration::ZERO);
    bench.up(1);
    let run = [
        "schedule",
        "add",
        "probe",
        "Probe",
        "--cron",
        "0 0 1 1 *",
        "--overlap",
    ];
    let began = json(&bench, &run)["schedule"]["created_at"].clone();
    let began = time(began.as_str().unwrap());
    let day = spring(began);
    let moved_to = |at: Timestamp| bench.move_clock(at.since(began));
    let gap = time(&format!("{day}T01:00:00Z"));
    moved_to(gap.minus(DAY / 2));
    clock_is_read(&bench, gap.minus(DAY / 2));
    let add = [
        "schedule",
        "add",
        "nightly",
        "Nightly {date}",
        "--zone",
        "Europe/Berlin",
        "--cron",
        "30 2 * * *",
        "--",
        "true",
    ];
    let added = json(&bench, &add);
    let next = |of: &Value| time(of["next_at"].as_str().unwrap());
    assert_eq!(
        next(&added["schedule"]),
        gap,
        "three o'clock comes after two"
    );
    assert_eq!(starts(&bench), Vec::<Value>::new());
    moved_to(gap.plus(Duration::from_secs(1)));
    let first = made(&bench, 1);
    assert_eq!(first[0]["values"]["date"], day);
    let goal = json(
        &bench,
        &["task", "show", first[0]["goal"].as_str().unwrap()],
    );
    assert_eq!(goal["title"], format!("Nightly {day}"));
    let shown = json(&bench, &["schedule", "show", "nightly"]);
    assert_eq!(
        next(&shown),
        gap.plus(DAY).minus(Duration::from_secs(1_800))
    );

    // Two days away, over two of its times.
    bench.run(&["down"]).ok();
    moved_to(gap.plus(2 * DAY + DAY / 4));
    bench.up(1);
    let starts = made(&bench, 2);
    let last = starts[0]["values"]["date"].as_str().unwrap();
    assert!(time(&format!("{last}T00:00:00Z")) > gap.plus(DAY), "{last}");
    bench.run(&["down"]).ok();
    bench.up(0);
    // Another one would have been noted by the time this one is made.
    json(&bench, &["schedule", "run", "probe"]);
    until("a wish is met", || {
        let shown = json(&bench, &["schedule", "show", "probe"]);
        shown["starts"][0]["goal"].is_string().then_some(())
    });
    assert_eq!(made(&bench, 2).len(), 2, "an outage is made up for once");
    bench.run(&["down"]).ok();
    bench.assert_nothing_left();
}

/// The server that fires stands still before each time, and wakes after another one has fired.
#[test]
fn a_time_is_met_once_however_many_servers_there_are() {
    const HOUR_MS: u64 = 3_600_000;
    const EVERYTHING: &str = "api,loops,git,dashboard";
    let mut pair = Pair::new().on_a_moved_clock();
    for server in ["one", "two"] {
        pair.start(server, EVERYTHING, "");
    }
    for (name, cron) in [("hourly", "0 * * * *"), ("probe", "0 0 1 1 *")] {
        let add = ["schedule", "add", name, "Look", "--cron", cron, "--overlap"];
        pair.asked("one", &add);
    }
    let starts = |pair: &Pair, server: &str, name: &str| {
        let shown = pair.asked(server, &["schedule", "show", name]);
        let starts = shown["starts"].as_array().cloned().unwrap_or_default();
        let made = starts.iter().filter(|start| start["goal"].is_string());
        (starts.len(), made.count())
    };
    for (round, still) in (1..).zip(["one", "two", "one", "two"]) {
        let other = if still == "one" { "two" } else { "one" };
        pair.signal(still, Signal::STOP);
        until("it to stand still", || {
            pair.stands_still(still).then_some(())
        });
        pair.goes_by(HOUR_MS);
        until(&format!("goal {round}"), || {
            (starts(&pair, other, "hourly") == (round, round)).then_some(())
        });
        pair.signal(still, Signal::CONT);
        // Another start would have been noted by the time a wish is met.
        pair.asked(still, &["schedule", "run", "probe"]);
        until("a wish is met", || {
            (starts(&pair, still, "probe") == (round, round)).then_some(())
        });
        assert_eq!(starts(&pair, still, "hourly"), (round, round));
    }
}

fn hex_mac(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Posts a body with curl; returns the status.
fn post(url: &str, headers: &[(&str, &str)], body: &str) -> u32 {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    curl.args(["--header", "content-type: application/json"]);
    for (name, value) in headers {
        curl.args(["--header", &format!("{name}: {value}")]);
    }
    let ended = curl.args(["--data-binary", body, url]).output().unwrap();
    String::from_utf8(ended.stdout).unwrap().parse().unwrap()
}

/// A webhook, its address and its secret.
fn hook(bench: &Bench, url: &str, forge: &str) -> (String, String) {
    let title = "Look at {branch}";
    let add = [
        "schedule", "add", forge, title, "--on", forge, "--branch", "main", "--", "true",
    ];
    let added = json(bench, &add);
    let path = added["schedule"]["hook_path"].as_str().unwrap();
    let secret = added["secret"].as_str().unwrap().to_owned();
    (format!("{url}{path}"), secret)
}

fn holds(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holds(&entry.path(), text));
        } else if let Ok(bytes) = std::fs::read(entry.path())
            && bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

fn push(branch: &str) -> String {
    let commit = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    json!({"ref": format!("refs/heads/{branch}"), "after": commit}).to_string()
}

#[test]
fn a_webhook_counts_once_and_only_if_it_is_signed() {
    let bench = Bench::new();
    let url = bench.up(0)["url"].as_str().unwrap().to_owned();
    let (hook_url, secret) = hook(&bench, &url, "github");
    let body = push("main");
    let send = |url: &str, id: &str, secret: &str, body: &str| {
        let signature = format!("sha256={}", hex_mac(secret, body));
        let headers = [
            ("x-hub-signature-256", &*signature),
            ("x-github-event", "push"),
            ("x-github-delivery", id),
        ];
        post(url, &headers, body)
    };
    assert_eq!(send(&hook_url, "1", "whsec_wrong", &body), 401);
    assert_eq!(post(&hook_url, &[("x-github-event", "push")], &body), 401);
    let nowhere = hook_url.replace("sched_0", "sched_7");
    assert_eq!(send(&nowhere, "1", &secret, &body), 401);
    assert_eq!(send(&hook_url, "1", &secret, &push("other")), 200);
    assert_eq!(send(&hook_url, "1", &secret, &body), 202);
    assert_eq!(send(&hook_url, "1", &secret, &body), 409);
    assert_eq!(
        send(&hook_url, "2", &secret, &body),
        409,
        "its id is not signed"
    );

    // It is still known after a restart, at another address.
    bench.run(&["down"]).ok();
    let again = bench.up(0)["url"].as_str().unwrap().to_owned();
    let moved = hook_url.replace(&url, &again);
    assert_eq!(send(&moved, "1", &secret, &body), 409);
    let shown = until("its goal", || {
        let shown = json(&bench, &["schedule", "show", "github"]);
        shown["starts"][0]["goal"].is_string().then_some(shown)
    });
    assert_eq!(shown["starts"].as_array().unwrap().len(), 1);
    let goal = shown["starts"][0]["goal"].as_str().unwrap();
    assert_eq!(
        json(&bench, &["task", "show", goal])["title"],
        "Look at main"
    );

    // Others have their own words.
    let (forgejo, its_secret) = hook(&bench, &again, "forgejo");
    let signature = hex_mac(&its_secret, &body);
    let headers = [
        ("x-forgejo-signature", &*signature),
        ("x-forgejo-event", "push"),
    ];
    assert_eq!(post(&forgejo, &headers, &body), 202);
    assert_eq!(post(&forgejo, &headers, &body), 409);
    let (gitlab, its_secret) = hook(&bench, &again, "gitlab");
    let headers = [
        ("x-gitlab-token", &*its_secret),
        ("x-gitlab-event", "Push Hook"),
    ];
    assert_eq!(post(&gitlab, &headers, &body), 202);
    assert_eq!(post(&gitlab, &headers, &body), 409);

    // Another secret is the end of the one before; neither is written down.
    let new = json(&bench, &["schedule", "secret", "github"])["secret"].clone();
    let later = push("main").replace("6dcb", "7dcb");
    assert_eq!(send(&moved, "3", &secret, &later), 401);
    assert_eq!(send(&moved, "3", new.as_str().unwrap(), &later), 202);
    bench.run(&["schedule", "pause", "github"]).ok();
    let last = push("main").replace("6dcb", "8dcb");
    assert_eq!(send(&moved, "4", new.as_str().unwrap(), &last), 409);
    bench.run(&["down"]).ok();
    assert_eq!(holds(&bench.home(), &secret), Vec::<String>::new());
    bench.assert_nothing_left();
}

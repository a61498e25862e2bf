//! A whole lab whose logs and artifacts are in a bucket of a real S3 server, which is restarted and
//! stands still meanwhile. `make interop-s3` runs it.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

use std::path::Path;

use devlab_store::conformance::gateway::Gateway;
use devlab_testing::raw::Request;
use rustix::process::Signal;
use serde_json::Value;

use crate::bench::{Bench, until};

/// What each task leaves as an artifact: more than one piece of an upload.
const REPORT_BYTES: usize = 12 << 20;

/// A lab whose blobs are below a prefix of the bucket.
fn lab(gateway: &Gateway, prefix: &str) -> Bench {
    Bench::sealing().with_env(&[
        ("DEVLAB_BLOBS", format!("s3://lab/{prefix}")),
        ("AWS_ENDPOINT_URL", gateway.url()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hush".to_owned()),
    ])
}

/// Runs a task to its end, which logs its name and leaves a report.
fn work(bench: &Bench, folder: &Path, name: &str) -> String {
    let script = format!(
        "echo {name} is done; echo {name} >{name}; head -c {REPORT_BYTES} /dev/urandom >report.bin"
    );
    let args = ["run", name, "--artifact", "report.bin", "--output", "json"];
    let args = [&args[..], &["--", "sh", "-c", &script]].concat();
    let done = bench.run_in(folder, &args).ok().json();
    done["task"]["id"].as_str().unwrap().to_owned()
}

/// What the server says of its store.
fn store(bench: &Bench) -> Value {
    let own = std::fs::read(bench.home().join("credentials.json")).unwrap();
    let own: Value = serde_json::from_slice(&own).unwrap();
    let address = own["url"].as_str().unwrap().trim_start_matches("http://");
    let get = Request::get("/v1/store").token(own["token"].as_str().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(get.send(address.parse().unwrap())).json()
}

/// Every task has a log and a report, and both can be read whole.
fn is_there(bench: &Bench, goals: &[(String, &str)]) {
    for (goal, name) in goals {
        let log = bench
            .run(&["task", "logs", goal, "--attempt", "1"])
            .ok()
            .out;
        assert!(log.contains(&format!("{name} is done")), "{log}");
        let kept = bench.run(&["artifact", "list", goal, "--output", "json"]);
        let kept = kept.ok().json();
        let report = &kept.as_array().unwrap()[0];
        assert_eq!(
            report["size"].as_u64(),
            Some(REPORT_BYTES as u64),
            "{kept:#}"
        );
        let into = bench.path().join(format!("of-{name}"));
        let get = ["artifact", "get", goal, "report.bin", "--into"];
        let get = [&get[..], &[into.to_str().unwrap()]].concat();
        bench.run(&get).ok();
        let got = std::fs::metadata(into.join("report.bin")).unwrap();
        assert_eq!(got.len(), REPORT_BYTES as u64);
    }
}

#[test]
#[ignore = "needs a gateway: make interop-s3"]
fn interop_a_lab_keeps_its_bytes_in_a_bucket_that_fails_now_and_then() {
    let mut gateway = Gateway::start();
    let bench = lab(&gateway, "one");
    let folder = bench.checkout("tally");
    bench.up(2);
    let mut goals = vec![(work(&bench, &folder, "first"), "first")];
    // The server stands still while a result comes in, and goes on.
    gateway.signal(Signal::STOP);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| work(&bench, &folder, "second"));
        until("an attempt to keep something", || {
            let tasks = bench.run(&["task", "list", "--output", "json"]).ok().json();
            let mut tasks = tasks.as_array().unwrap().iter();
            let is_live = tasks.any(|task| task["title"] == "second" && task["state"] == "running");
            is_live.then_some(())
        });
        gateway.signal(Signal::CONT);
        goals.push((running.join().unwrap(), "second"));
    });
    // It dies while the next one works, and comes back.
    gateway.kill();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| work(&bench, &folder, "third"));
        until("the lab to miss its bucket", || {
            store(&bench)["settings"].get("blobs_trouble").map(|_| ())
        });
        gateway.run();
        goals.push((running.join().unwrap(), "third"));
    });
    // A log and a report of each.
    until("the logs to be sealed", || {
        (gateway.blobs("one") >= 2 * goals.len()).then_some(())
    });
    is_there(&bench, &goals);
    let local = std::fs::read_dir(bench.home().join("blobs"));
    assert!(local.is_err(), "nothing of it is on the server's disk");

    // Its backup goes into a lab with another prefix, and into one with a folder.
    let to = bench.path().join("lab.tar");
    bench.run(&["backup", to.to_str().unwrap()]).ok();
    bench.run(&["verify"]).ok();
    bench.run(&["down"]).ok();
    for restored in [lab(&gateway, "two"), Bench::sealing()] {
        restored.run(&["restore", to.to_str().unwrap()]).ok();
        restored.up(1);
        is_there(&restored, &goals);
        restored.run(&["verify"]).ok();
        restored.run(&["down"]).ok();
    }
    assert!(gateway.blobs("two") >= 2 * goals.len());
    // A blob that somebody removed is missed.
    std::fs::remove_dir_all(gateway.bucket().join("one")).unwrap();
    let wrong = bench.run(&["verify"]).fails_with(1);
    assert!(wrong.out.contains("is not there"), "{wrong:?}");
}

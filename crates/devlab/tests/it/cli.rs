//! The command line: help, settings, exit codes.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::bench::Bench;

#[test]
fn the_help_names_every_command_and_exit_code() {
    let bench = Bench::new();
    insta::assert_snapshot!("help", bench.run(&["--help"]).ok().out);
    insta::assert_snapshot!("help_run", bench.run(&["run", "--help"]).ok().out);
}

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new();
    let script = bench.run(&["completions", "bash"]).ok().out;
    for command in [
        "project__subcmd__sync",
        "task__subcmd__checkout",
        "patch__subcmd__accept",
        "completions",
    ] {
        assert!(script.contains(command), "{command}");
    }
    for noun in [
        "org", "project", "goal", "task", "patch", "agents", "token", "up", "demo",
    ] {
        let help = bench.run(&[noun, "--help"]).ok().out;
        assert!(!help.contains("--withhold"), "{help}");
    }
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.home()).unwrap();
    std::fs::write(
        bench.home().join("devlab.toml"),
        "url = \"http://from-file\"\nlease_secs = 7\n",
    )
    .unwrap();
    let shown = |command: &mut std::process::Command| {
        let rows = crate::bench::Ended::of(command.output().unwrap())
            .ok()
            .json();
        move |name: &str| {
            let row = rows
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["name"] == name)
                .unwrap();
            (
                row["value"].as_str().unwrap_or("-").to_owned(),
                row["source"].as_str().unwrap().to_owned(),
            )
        }
    };
    let mut command = bench.devlab(&["config", "--output", "json", "--token", "dl_flag"]);
    let of = shown(command.env("DEVLAB_URL", "http://from-variable"));
    assert_eq!(
        of("DEVLAB_URL"),
        ("http://from-variable".into(), "variable DEVLAB_URL".into())
    );
    assert_eq!(of("DEVLAB_TOKEN"), ("********".into(), "flag".into()));
    assert_eq!(of("DEVLAB_LEASE_SECS").0, "7");
    assert!(of("DEVLAB_LEASE_SECS").1.ends_with("devlab.toml"));
    assert_eq!(of("DEVLAB_LOG"), ("info".into(), "default".into()));
    let of = shown(&mut bench.devlab(&["config", "--output", "json"]));
    assert_eq!(of("DEVLAB_URL").0, "http://from-file");
}

#[test]
fn exit_codes_say_what_kind_of_failure_it_was() {
    let bench = Bench::new();
    // Usage, twice: by the parser and by a setting.
    bench.run(&["task"]).fails_with(2);
    let mut wrong = bench.devlab(&["config"]);
    wrong.env("DEVLAB_LEASE_SECS", "soon");
    let wrong = crate::bench::Ended::of(wrong.output().unwrap()).fails_with(2);
    assert!(
        wrong.err.contains("DEVLAB_LEASE_SECS is \"soon\""),
        "{}",
        wrong.err
    );
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let away = bench
        .run(&["whoami", "--url", &url, "--token", "x"])
        .fails_with(3);
    assert!(away.err.contains("devlab up"), "{}", away.err);
    let missing = bench.run(&["goal", "schedule", "nothing.json", "--url", &url]);
    let missing = missing.fails_with(2);
    assert!(missing.err.contains("nothing.json"), "{}", missing.err);
    // Not in a checkout.
    let nowhere = bench.run(&["run", "do it", "--", "true"]).fails_with(2);
    assert!(nowhere.err.contains("no git checkout"), "{}", nowhere.err);
}

#[test]
fn a_program_gets_an_error_as_one_object() {
    let bench = Bench::new();
    let error = |args: &[&str], code| {
        let ended = bench.run(args).fails_with(code);
        assert_eq!(ended.out, "", "{ended:#?}");
        let error: serde_json::Value = serde_json::from_str(&ended.err).unwrap();
        assert_eq!(error["exit_code"], code);
        error
    };
    let parser = error(&["nonsense", "--output", "json"], 2);
    assert_eq!(parser["code"], "usage");
    assert_eq!(parser["message"], "unrecognized subcommand 'nonsense'");
    assert!(parser["help"].as_str().unwrap().contains("--help"));
    let away = ["whoami", "--url", "http://127.0.0.1:1", "--token", "x"];
    let away = error(&[&away[..], &["--output=json"]].concat(), 3);
    assert_eq!(away["code"], "unreachable");
    assert!(away["help"].as_str().unwrap().contains("devlab up"));
}

#[test]
fn something_else_that_answers_is_not_taken_for_a_lab() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _read = stream.read(&mut head).unwrap();
        stream
            .write_all(
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhey",
            )
            .unwrap();
    });
    let bench = Bench::new();
    let ended = bench
        .run(&["whoami", "--url", &url, "--token", "x"])
        .fails_with(3);
    assert!(ended.err.contains("502"), "{}", ended.err);
    answering.join().unwrap();
}

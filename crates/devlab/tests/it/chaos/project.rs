//! The project that a round works on, and its goal.

use std::collections::BTreeMap;

use devlab_api::task::{Command, Driver, GraphTask, Schedule};

/// Variable that every driver and its descendants carry.
pub(super) const MARK: &str = "DEVLAB_CHAOS_MARK";
/// Lines that each driver writes to its log.
pub(super) const LOG_LINES: u32 = 150;
/// The graph: key, what it depends on.
pub(super) const TASKS: [(&str, &[&str]); 7] = [
    ("alpha", &[]),
    ("beta", &[]),
    ("gamma", &[]),
    ("repair", &["alpha"]),
    ("strays", &["beta"]),
    ("delta", &["alpha", "beta", "gamma"]),
    ("omega", &["delta", "repair", "strays"]),
];

const SETTINGS: &str = "[[check]]\nname = 'sound'\nrun = 'sh sound.sh'\n";

/// Says what the repair has to say, which no driver can know before it has read a failed log.
const CHECK: &str = r#"set -eu
for file in out/*.txt; do
    [ -e "$file" ] || continue
    [ -s "$file" ] || { echo "$file is empty"; exit 1; }
done
if [ -e repair.txt ]; then
    wanted="mended $(cksum <sound.sh | cut -d' ' -f1)"
    if ! grep -qx "$wanted" repair.txt; then
        echo "repair.txt must say: $wanted"
        exit 1
    fi
fi
echo "everything is sound"
"#;

/// What every task does: a line of its own file, a line below its heading in the shared list.
const WORK: &str = r#"
echo "begin $KEY"
number=0
while [ "$number" -lt "$LINES_WANTED" ]; do
    number=$((number + 1))
    echo "$KEY line $number of the work that was asked for"
done
sleep 0.2
mkdir -p out
if [ -e "$DEVLAB_CONTEXT/feedback.json" ] && [ -e "out/$KEY.txt" ]; then
    echo "goes on from earlier work"
else
    echo "$KEY by $DEVLAB_TASK" >>"out/$KEY.txt"
    sed -i "s/^# $KEY\$/&\n$KEY was here/" list.txt
fi
"#;

const REPAIR: &str = r#"
if [ -e "$DEVLAB_CONTEXT/failed-check.log" ]; then
    sed -n 's/^repair.txt must say: //p' "$DEVLAB_CONTEXT/failed-check.log" >repair.txt
else
    echo "not yet" >repair.txt
fi
"#;

/// One that keeps the output open, and one that has let go of everything.
const STRAYS: &str = r"
setsid sh -c 'setsid sleep 611 & setsid sleep 612 >/dev/null 2>&1 </dev/null &' &
(setsid sh -c '(sleep 613 &) &' >/dev/null 2>&1 </dev/null &)
";

/// Files of the first commit.
pub(super) fn files() -> Vec<(&'static str, String)> {
    let heading = |(key, _): &(&str, &[&str])| format!("# {key}\n\n-\n-\n-\n\n");
    vec![
        (".devlab/project.toml", SETTINGS.to_owned()),
        ("sound.sh", CHECK.to_owned()),
        ("list.txt", TASKS.iter().map(heading).collect()),
        ("out/.keep", String::new()),
    ]
}

/// The goal. `mark` names the round in the environment of every driver.
pub(super) fn goal(project: String, mark: &str) -> Schedule {
    let tasks = TASKS.iter().map(|(key, depends_on)| GraphTask {
        key: (*key).to_owned(),
        title: format!("Do {key}"),
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
        driver: Some(driver(key, mark)),
        ..GraphTask::default()
    });
    Schedule {
        project: Some(project),
        title: Some("Everything, once".to_owned()),
        tasks: tasks.collect(),
        review: Some(false),
        ..Schedule::default()
    }
}

fn driver(key: &str, mark: &str) -> Driver {
    let own = match key {
        "repair" => REPAIR,
        "strays" => STRAYS,
        _ => "",
    };
    Driver::Command(Command {
        script: Some(format!("{WORK}{own}\necho \"end $KEY\"\n")),
        env: BTreeMap::from([
            ("KEY".to_owned(), key.to_owned()),
            ("LINES_WANTED".to_owned(), LOG_LINES.to_string()),
            (MARK.to_owned(), mark.to_owned()),
        ]),
        ..Command::default()
    })
}

//! The project that a round works on, and its goal.

use std::collections::BTreeMap;

use devlab_api::task::{Command, Driver, GraphTask, Schedule};

/// Variable that every driver and its descendants carry.
pub(super) const MARK: &str = "DEVLAB_CHAOS_MARK";
/// Lines that each driver writes to its log.
pub(super) const LOG_LINES: u32 = 150;
/// The graph: key, what it depends on.
pub(super) const TASKS: [(&str, &[&str]); 9] = [
    ("north", &[]),
    ("south", &[]),
    ("alpha", &[]),
    ("beta", &[]),
    ("gamma", &[]),
    ("repair", &["alpha"]),
    ("strays", &["beta"]),
    ("delta", &["alpha", "beta", "gamma", "north", "south"]),
    ("omega", &["delta", "repair", "strays"]),
];
/// Two that change the same line, and what that line says in the end.
pub(super) const RIVALS: [&str; 2] = ["north", "south"];
pub(super) const SHARED: &str = "names: north south";
/// File of a round's folder that is there once a driver has a conflict before it.
pub(super) const RESOLVING: &str = "resolving";

const SETTINGS: &str =
    "artifacts = ['out/*.txt']\n[[check]]\nname = 'sound'\nrun = 'sh sound.sh'\n";

/// Says what the repair has to say, which no driver can know before it has read a failed log.
const CHECK: &str = r#"set -eu
for file in out/*.txt; do
    [ -e "$file" ] || continue
    [ -s "$file" ] || { echo "$file is empty"; exit 1; }
done
for key in north south; do
    if [ -e "out/$key.txt" ] && ! grep -q "^names:.* $key" shared.txt; then
        echo "shared.txt does not name $key"
        exit 1
    fi
done
if [ "$(wc -l <shared.txt)" -ne 1 ]; then
    echo "shared.txt must have one line"
    exit 1
fi
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

/// Begins before the other has landed, unless the other has died; writes its own name into the one
/// line of a file. In a conflict, both sides' names are between the markers.
const RIVAL: &str = r#"
: >"$DEVLAB_CHAOS_MARK/begun-$KEY"
looks=0
until [ -e "$DEVLAB_CHAOS_MARK/begun-north" ] && [ -e "$DEVLAB_CHAOS_MARK/begun-south" ]; do
    looks=$((looks + 1))
    [ "$looks" -le 40 ] || break
    sleep 0.1
done
if grep -q '^<<<<<<<' shared.txt; then
    grep -q 'shared.txt' "$DEVLAB_CONTEXT/conflict.json" || exit 1
    : >"$DEVLAB_CHAOS_MARK/resolving"
    sleep 0.3
fi
names=$(sed -n 's/^names://p' shared.txt | tr ' ' '\n')
echo "names:" $(printf '%s\n' $names "$KEY" | sort -u) >shared.txt
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
        ("shared.txt", "names:\n".to_owned()),
    ]
}

/// The goal. `mark` names the round in the environment of every driver.
pub(super) fn goal(project: String, mark: &str) -> Schedule {
    let tasks = TASKS.iter().map(|(key, depends_on)| GraphTask {
        key: (*key).to_owned(),
        title: format!("Do {key}"),
        depends_on: depends_on.iter().map(|key| (*key).to_owned()).collect(),
        driver: Some(driver(key, mark)),
        // Both at once, while everybody is free.
        priority: i16::from(RIVALS.contains(key)),
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
        "north" | "south" => RIVAL,
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

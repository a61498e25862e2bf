"""Fills in the templates of a Spec-Kit feature with fixed words.

usage: spec-kit-fill.py FOLDER TASKS_JSON

FOLDER has the spec.md and plan.md that Spec-Kit's scripts made; TASKS_JSON is
what setup-tasks.sh said, with the template of tasks.md in it.
"""

import json
import pathlib
import re
import sys

FEATURE = "Login page"
WORDS = {
    "FEATURE NAME": FEATURE,
    "###-feature-name": "001-login-page",
    "DATE": "2026-11-24",
}
# Marks of the format itself.
KEPT = re.compile(r"^(P\??|US\d+|X| |ID|Story|NEEDS CLARIFICATION.*)$")


def words(placeholder: str, number: str) -> str:
    """A placeholder's words, as they may stand in a text or a path."""
    if KEPT.match(placeholder):
        return f"[{placeholder}]"
    if placeholder in WORDS:
        return WORDS[placeholder]
    first = re.split(r"[,:]| - ", placeholder)[0]
    return re.sub(r"[^A-Za-z0-9]+", "_", first).strip("_") + number


def fill(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        story = re.search(r"\[US(\d+)\]|User Story (\d+) -", line)
        number = next((n for n in story.groups() if n), "") if story else ""
        lines.append(
            re.sub(r"\[([^\[\]]+)\](?!\()", lambda m: words(m[1], number), line)
        )
    return "\n".join(lines)


def tasks(template: str) -> str:
    """The sample tasks as tasks: with ids, and without what only explains."""
    text = re.sub(r"^\[Add more .*\]$", "", template, flags=re.M)
    text = fill(text).replace("Phase N:", "Phase 6:")
    last = max(int(n) for n in re.findall(r"T(\d{3})", text))
    while "TXXX" in text:
        last += 1
        text = text.replace("TXXX", f"T{last:03}", 1)
    # As /speckit.converge appends it, after what is there.
    return text.rstrip("\n") + (
        "\n\n## Phase 7: Convergence\n\n"
        f"- [ ] T{last + 1:03} Keep passwords hashed per FR-001 (missing)\n"
        f"- [ ] T{last + 2:03} Show what went wrong per US1/AC2 (partial)\n"
    )


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    said = pathlib.Path(sys.argv[2]).read_text().strip().splitlines()[-1]
    for name in ["spec.md", "plan.md"]:
        path = folder / name
        path.write_text(fill(path.read_text()))
    template = json.loads(said)["TASKS_TEMPLATE_CONTENT"]
    (folder / "tasks.md").write_text(tasks(template))


main()

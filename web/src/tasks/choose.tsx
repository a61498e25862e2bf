import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, Split, X } from "lucide-react";
import { useId, useState } from "react";
import { api } from "../api/client";
import { ASIDE, choice as choiceQuery } from "../api/queries";
import type { TaskChoice } from "../api/types";
import { Counts } from "../diff/files";
import { useLab } from "../shell/lab";
import { count } from "../text/words";
import { Button, ButtonLink } from "../ui/button";
import { cx } from "../ui/cx";
import { StateIcon, stateWords } from "../ui/state";
import { Ago } from "../ui/time";
import { tell, tellProblem } from "../ui/toast";
import { applyChanges } from "./collection";

type Alternative = TaskChoice["alternatives"][number];

/** The alternatives of a task, side by side, for whoever takes one of them. */
export function Choose({ org, task, here }: { org: string; task: string; here?: string }) {
  const found = useQuery({ ...choiceQuery(org, task), ...ASIDE }).data;
  return found ? <Panel org={org} choice={found} here={here} /> : null;
}

function Panel({ org, choice, here }: { org: string; choice: TaskChoice; here: string | undefined }) {
  const { readOnly } = useLab();
  const client = useQueryClient();
  const heading = useId();
  const [busy, setBusy] = useState<string>();
  const take = async (alternative: Alternative) => {
    if (busy) return;
    setBusy(alternative.task);
    try {
      await api.POST("/v1/tasks/{id}/choice", {
        params: { path: { id: choice.task } },
        body: { alternative: alternative.task, head: alternative.head ?? null },
      });
      tell("Taken: it goes on, and the others are called off");
    } catch (error) {
      tellProblem("It could not be taken", error);
    }
    setBusy(undefined);
    const changed = choice.alternatives.map((one) => one.task);
    await applyChanges(client, org, new Set([choice.task, ...changed]));
    await client.invalidateQueries({ queryKey: choiceQuery(org, choice.task).queryKey });
  };
  const ready = choice.alternatives.filter((one) => one.choosable).length;
  return (
    <section
      aria-labelledby={heading}
      className={cx(
        "rounded-lg border",
        ready > 0 ? "border-transparent bg-amber-soft" : "border-line bg-surface",
      )}
    >
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-0.5 px-4 pt-3 pb-2">
        <Split className={cx("size-4", ready > 0 ? "text-amber" : "text-ink-3")} aria-hidden="true" />
        <h2 id={heading} className="font-medium">
          {choice.chosen
            ? "One of several ways was taken"
            : ready > 0
              ? "Take one of them"
              : "Several ways at once"}
        </h2>
        <p className="text-xs text-ink-2">
          <Note choice={choice} ready={ready} />
        </p>
      </div>
      <ul className="divide-y divide-line border-t border-line">
        {choice.alternatives.map((one) => (
          <Row
            key={one.task}
            org={org}
            one={one}
            isHere={one.task === here}
            isTaken={one.task === choice.chosen}
            busy={busy === one.task}
            blocked={readOnly}
            onTake={() => void take(one)}
          />
        ))}
      </ul>
    </section>
  );
}

function Note({ choice, ready }: { choice: TaskChoice; ready: number }) {
  if (choice.chosen) {
    const by =
      choice.by === "checks"
        ? "the only one whose checks passed"
        : choice.by === "policy"
          ? "the first whose checks passed"
          : `by ${choice.by ?? "somebody"}`;
    return (
      <>
        {by} {choice.at && <Ago at={choice.at} />}
      </>
    );
  }
  const open = choice.alternatives.filter((one) =>
    ["ready", "running", "blocked"].includes(one.state),
  ).length;
  return (
    <>
      {ready > 0 && `${count(ready, "result")} passed the checks`}
      {ready > 0 && open > 0 && ", "}
      {open > 0 && `${open} still at work`}
    </>
  );
}

function Row({
  org,
  one,
  isHere,
  isTaken,
  busy,
  blocked,
  onTake,
}: {
  org: string;
  one: Alternative;
  isHere: boolean;
  isTaken: boolean;
  busy: boolean;
  blocked: string | false;
  onTake: () => void;
}) {
  return (
    <li className={cx("flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5", isHere && "bg-hover")}>
      <StateIcon state={one.state} />
      <div className="min-w-0 flex-1 basis-56">
        <p className="line-clamp-2 font-medium">
          {one.title}
          {isHere && <span className="font-normal text-ink-3"> (this task)</span>}
        </p>
        <p className="flex flex-wrap items-center gap-x-2.5 gap-y-0.5 text-xs text-ink-2">
          <span>{isTaken ? "Taken" : one.choosable ? "Passed, waits for the choice" : stateWords(one)}</span>
          {one.diff && (
            <span className="flex items-center gap-1.5">
              {count(one.diff.files, "file")} <Counts added={one.diff.added} removed={one.diff.removed} />
            </span>
          )}
          {(one.checks ?? []).map((check) => (
            <span key={check.check} className="inline-flex items-center gap-1">
              {check.passed ? (
                <Check className="size-3 text-green" aria-label="passed" />
              ) : (
                <X className="size-3 text-red" aria-label="failed" />
              )}
              {check.check}
            </span>
          ))}
        </p>
      </div>
      {one.head && (
        <ButtonLink
          size="sm"
          look="quiet"
          to="/o/$org/tasks/$task"
          params={{ org, task: one.task }}
          search={{ tab: "changes" }}
        >
          Changes
        </ButtonLink>
      )}
      {one.choosable && (
        <Button size="sm" look="primary" busy={busy} blocked={blocked} onClick={onTake}>
          Take this one
        </Button>
      )}
    </li>
  );
}

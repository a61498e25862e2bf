import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { ASIDE, attempts } from "../api/queries";
import type { Attempt, AttemptState, Task } from "../api/types";
import { type Edge, type GraphNode, outline } from "../graph/model";
import { exact, millis, span } from "../text/time";
import { AttemptGlyph } from "../ui/attempt-glyph";
import { cx } from "../ui/cx";
import { Empty } from "../ui/empty";
import { StateIcon, stateWords } from "../ui/state";
import { useNow } from "../ui/time";
import { rowPx } from "../ui/touch";
import { barPlaces } from "./attempt-bars";
import { attemptWords } from "./attempts";

const ROW_PX = rowPx(32);
const GRID = "grid grid-cols-[minmax(120px,220px)_minmax(0,1fr)] items-center";
const BAR: Record<AttemptState, string> = {
  live: "bg-blue text-surface",
  lost: "bg-amber text-surface",
  superseded: "border border-grey bg-grey-soft text-grey",
  succeeded: "bg-green text-surface",
  failed: "bg-red text-surface",
  cancelled: "border border-grey bg-grey-soft text-grey",
  asked: "bg-amber text-surface",
};
/** What the signs mean, in the order in which one looks for them. */
const LEGEND: readonly AttemptState[] = [
  "live",
  "succeeded",
  "failed",
  "lost",
  "asked",
  "cancelled",
  "superseded",
];
const TICKS = 5;

/** What was tried when: a bar for each attempt. Attempts are read for the rows in sight. */
export function GoalTimeline({
  goal,
  nodes,
  edges,
  tasks,
  selected,
  onSelect,
}: {
  goal: Task;
  nodes: readonly GraphNode[];
  edges: readonly Edge[];
  tasks: readonly Task[];
  selected: string | undefined;
  onSelect: (id: string) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const now = useNow();
  const byId = useMemo(() => new Map(tasks.map((task) => [task.id, task])), [tasks]);
  const items = useMemo(
    () => outline(nodes, edges, new Set()).filter(({ node }) => (byId.get(node.id)?.attempts ?? 0) > 0),
    [nodes, edges, byId],
  );
  const from = millis(goal.created_at);
  // It grows with the time while somebody works, and ends with the last change otherwise.
  const working = tasks.some((task) => task.live_attempt);
  const last = tasks.reduce((latest, task) => Math.max(latest, millis(task.updated_at)), from);
  const to = Math.max(from + 1_000, working ? now : last);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => place.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
    getItemKey: (index) => items[index]?.node.id ?? index,
  });
  if (items.length === 0) {
    return (
      <Empty title="Nothing has been tried yet" className="flex-1">
        Each attempt of an agent becomes a bar here.
      </Empty>
    );
  }
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <div className={cx(GRID, "h-8 shrink-0 border-b border-line bg-surface text-2xs text-ink-3")}>
        <span className="pl-4 md:pl-6">{items.length} tasks with attempts</span>
        <div className="flex h-full justify-between pr-4 md:pr-6">
          {Array.from({ length: TICKS }, (_, tick) => (
            <span
              // Ticks are told apart by their place only.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              key={tick}
              className={cx(
                "tnum self-center whitespace-nowrap",
                tick > 0 && tick < TICKS - 1 && "max-sm:hidden",
              )}
              title={exact(from + ((to - from) * tick) / (TICKS - 1))}
            >
              +{span(((to - from) * tick) / (TICKS - 1))}
            </span>
          ))}
        </div>
      </div>
      <div ref={place} className="min-h-0 flex-1 overflow-y-auto">
        <ul className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const task = byId.get(items[row.index]?.node.id ?? "");
            if (!task) return null;
            return (
              <li
                key={row.key}
                className={cx(
                  GRID,
                  "absolute inset-x-0 border-b border-line",
                  selected === task.id ? "bg-accent-soft" : "bg-surface",
                )}
                style={{ height: ROW_PX, transform: `translateY(${row.start}px)` }}
              >
                <button
                  type="button"
                  onClick={() => onSelect(task.id)}
                  className="flex h-full min-w-0 items-center gap-2 pl-4 text-left md:pl-6"
                >
                  <StateIcon state={task.state} />
                  <span className="truncate text-xs hover:underline">{task.title}</span>
                  <span className="sr-only">, {stateWords(task)}</span>
                </button>
                <Bars task={task} from={from} to={to} now={now} />
              </li>
            );
          })}
        </ul>
      </div>
      <Legend />
    </div>
  );
}

function Bars({ task, from, to, now }: { task: Task; from: number; to: number; now: number }) {
  const list = useQuery({ ...attempts(task.id), ...ASIDE }).data ?? [];
  const places = barPlaces(list, from, to, now);
  return (
    <div className="relative mr-4 h-full md:mr-6">
      {list.map((attempt, at) => {
        const lasted = (attempt.ended_at ? millis(attempt.ended_at) : now) - millis(attempt.created_at);
        return (
          <span
            key={attempt.id}
            role="img"
            aria-label={wordsOf(attempt, lasted)}
            title={wordsOf(attempt, lasted)}
            className={cx(
              "absolute top-1/2 flex min-w-3.5 -translate-y-1/2 items-center justify-end rounded-sm",
              attempt.kind === "verify" ? "h-2.5" : "h-3.5",
              BAR[attempt.state],
            )}
            style={places[at]}
          >
            <Sign state={attempt.state} />
          </span>
        );
      })}
    </div>
  );
}

/** A sign at the end of its bar: what came of it. */
function Sign({ state }: { state: AttemptState }) {
  return <AttemptGlyph state={state} className="mx-0.5 size-2.5 shrink-0" />;
}

function Legend() {
  return (
    <ul
      aria-label="Signs of attempts"
      className="flex shrink-0 flex-wrap gap-x-4 gap-y-1 border-t border-line bg-surface px-4 py-2 text-2xs text-ink-2 md:px-6"
    >
      {LEGEND.map((state) => (
        <li key={state} className="inline-flex items-center gap-1.5">
          <span className={cx("flex h-3.5 items-center rounded-sm", BAR[state])}>
            <Sign state={state} />
          </span>
          {state === "live" ? "at work" : state}
        </li>
      ))}
    </ul>
  );
}

function wordsOf(attempt: Attempt, lasted: number): string {
  const name = attempt.kind === "verify" ? "Verification" : "Attempt";
  return `${name} ${attempt.number}: ${attemptWords(attempt)}, ${span(lasted)}`;
}

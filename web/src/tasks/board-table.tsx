import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { projects } from "../api/queries";
import type { Task } from "../api/types";
import type { BOARD_SORTS } from "../search";
import { useShortcuts } from "../shell/shortcuts";
import { cx } from "../ui/cx";
import { Tick } from "../ui/field";
import { StateIcon, stateWords, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { rowPx } from "../ui/touch";
import { type Group, type Place, whereIs } from "./filter";
import { TaskLink } from "./row";

type Sort = (typeof BOARD_SORTS)[number];

const ROW_PX = rowPx(36);
const BAR_PX = 64;
const GRID =
  "grid grid-cols-[44px_24px_minmax(0,1fr)_84px] items-center sm:grid-cols-[44px_150px_minmax(0,1fr)_120px_72px_84px_96px]";

/** One dense line for each task; only those in sight are in the page. */
export function BoardTable({
  org,
  tasks,
  groups,
  selected,
  onChoose,
  sort,
  onSort,
}: {
  org: string;
  /** Group by group, if there are groups. */
  tasks: readonly Task[];
  groups: readonly Group[] | undefined;
  selected: ReadonlySet<string>;
  onChoose: (ids: readonly string[], on: boolean) => void;
  sort: Sort;
  onSort: (sort: Sort) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<Place>({ id: undefined, at: 0 });
  const anchor = useRef<Place>({ id: undefined, at: 0 });
  const wantsFocus = useRef(false);
  const navigate = useNavigate();
  const names = useProjectNames(org);
  const { lines, lineOf } = useMemo(() => linesOf(tasks, groups), [tasks, groups]);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => place.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    // What can be done to the selected ones lies over the end.
    paddingEnd: selected.size > 0 ? BAR_PX : 0,
    getItemKey: (index) => {
      const line = lines[index];
      return typeof line === "number" ? (tasks[line]?.id ?? index) : `group ${line?.key ?? index}`;
    },
  });
  const at = useMemo(() => whereIs(active, tasks), [active, tasks]);
  const move = (to: number) => {
    const next = Math.min(tasks.length - 1, Math.max(0, to));
    setActive({ id: tasks[next]?.id, at: next });
    rows.scrollToIndex(lineOf(next));
    wantsFocus.current = true;
  };
  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = place.current?.querySelector<HTMLElement>(`[data-row="${at}"]`);
    if (row) {
      row.focus({ preventScroll: true });
      wantsFocus.current = false;
    }
  });
  const toggle = (index: number, range: boolean) => {
    const task = tasks[index];
    if (!task) return;
    const on = !selected.has(task.id);
    const other = range ? whereIs(anchor.current, tasks) : index;
    const from = Math.min(other, index);
    const to = Math.max(other, index);
    onChoose(
      tasks.slice(from, to + 1).map((one) => one.id),
      on,
    );
    anchor.current = { id: task.id, at: index };
  };
  useShortcuts([
    {
      keys: "j",
      label: "Next task",
      group: "Board",
      motion: true,
      run: () => move(wantsFocusless(place) ? at : at + 1),
    },
    { keys: "k", label: "Previous task", group: "Board", motion: true, run: () => move(at - 1) },
    { keys: "x", label: "Select the task", group: "Board", run: () => toggle(at, false) },
  ]);
  const onKey = (event: KeyboardEvent) => {
    const page = Math.floor((place.current?.clientHeight ?? 0) / ROW_PX) - 1;
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: tasks.length - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (event.shiftKey) toggle(at, false);
      move(to);
    } else if (event.key === " ") {
      event.preventDefault();
      toggle(at, event.shiftKey);
    } else if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.dataset["row"]) {
      const task = tasks[at];
      if (task) open(task);
    }
  };
  const open = (task: Task) =>
    void navigate(
      task.kind === "composite" && !task.parent
        ? { to: "/o/$org/goals/$goal", params: { org, goal: task.id } }
        : { to: "/o/$org/tasks/$task", params: { org, task: task.id } },
    );
  const allOn = tasks.length > 0 && tasks.every((task) => selected.has(task.id));
  return (
    <div
      role="grid"
      aria-label="Tasks"
      aria-rowcount={lines.length + 1}
      aria-multiselectable="true"
      className="flex min-h-0 flex-1 flex-col"
    >
      <div
        role="row"
        aria-rowindex={1}
        className={cx(
          GRID,
          "h-8 shrink-0 border-b border-line bg-surface text-xs font-medium text-ink-3 pointer-coarse:h-11",
        )}
      >
        <div role="columnheader" className="h-full">
          <Tick
            label="Select all that are shown"
            checked={allOn}
            onChange={() =>
              onChoose(
                tasks.map((task) => task.id),
                !allOn,
              )
            }
          />
        </div>
        <div role="columnheader">
          <span className="max-sm:sr-only">State</span>
        </div>
        <Head name="title" label="Title" sort={sort} onSort={onSort} />
        <div role="columnheader" className="hidden sm:block">
          Project
        </div>
        <Head name="priority" label="Priority" sort={sort} onSort={onSort} className="hidden sm:block" />
        <div role="columnheader" className="hidden sm:block">
          Attempts
        </div>
        <Head name="updated" label="Changed" sort={sort} onSort={onSort} />
      </div>
      <div ref={place} className="min-h-0 flex-1 overflow-y-auto" onKeyDown={onKey}>
        <div className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const line = lines[item.index];
            if (line === undefined) return null;
            if (typeof line !== "number") {
              return (
                <GroupHead
                  key={item.key}
                  group={line}
                  row={item.index + 2}
                  top={item.start}
                  selected={selected}
                  onChoose={onChoose}
                />
              );
            }
            const task = tasks[line];
            if (!task) return null;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={selected.has(task.id)}
                data-row={line}
                tabIndex={line === at ? 0 : -1}
                onFocus={() => setActive({ id: task.id, at: line })}
                onDoubleClick={() => open(task)}
                className={cx(
                  GRID,
                  "focus-inset absolute inset-x-0 border-b border-line transition-colors hover:bg-hover",
                  selected.has(task.id) ? "bg-accent-soft" : "bg-surface",
                )}
                style={{ height: ROW_PX, transform: `translateY(${item.start}px)` }}
              >
                <div role="gridcell" className="h-full">
                  <Tick
                    tabIndex={-1}
                    label={`Select ${task.title}`}
                    checked={selected.has(task.id)}
                    onChange={() => {}}
                    onClick={(event) => toggle(line, event.shiftKey)}
                  />
                </div>
                <div
                  role="gridcell"
                  className="flex min-w-0 items-center gap-2 text-xs text-ink-2"
                  title={stateWords(task)}
                >
                  <StateIcon state={task.state} />
                  <span className="truncate max-sm:sr-only">{stateWords(task)}</span>
                </div>
                <div role="gridcell" className="flex min-w-0 items-center gap-2 pr-3">
                  <TaskLink org={org} task={task} className="tap-text truncate hover:underline">
                    {task.title}
                  </TaskLink>
                  {!task.parent && <Tag>goal</Tag>}
                </div>
                <div role="gridcell" className="hidden truncate pr-2 text-xs text-ink-2 sm:block">
                  {task.project ? (names.get(task.project) ?? "") : ""}
                </div>
                <div role="gridcell" className="hidden pr-6 text-right text-xs text-ink-2 sm:block">
                  {task.priority || ""}
                </div>
                <div role="gridcell" className="hidden pr-8 text-right text-xs text-ink-2 sm:block">
                  {task.attempts || ""}
                </div>
                <div role="gridcell" className="text-xs text-ink-3">
                  <Ago at={task.updated_at} />
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** What stands in each line: the head of a group, or the place of a task. */
function linesOf(tasks: readonly Task[], groups: readonly Group[] | undefined) {
  const lines: Array<number | Group> = [];
  if (!groups) {
    for (let at = 0; at < tasks.length; at += 1) lines.push(at);
    return { lines, lineOf: (task: number) => task };
  }
  const places: number[] = [];
  for (const group of groups) {
    lines.push(group);
    for (const _ of group.tasks) {
      places.push(lines.length);
      lines.push(places.length - 1);
    }
  }
  return { lines, lineOf: (task: number) => places[task] ?? 0 };
}

function GroupHead({
  group,
  row,
  top,
  selected,
  onChoose,
}: {
  group: Group;
  row: number;
  top: number;
  selected: ReadonlySet<string>;
  onChoose: (ids: readonly string[], on: boolean) => void;
}) {
  const all = group.tasks.every((task) => selected.has(task.id));
  return (
    <div
      role="row"
      aria-rowindex={row}
      className="absolute inset-x-0 flex items-center border-b border-line bg-sunken"
      style={{ height: ROW_PX, transform: `translateY(${top}px)` }}
    >
      <div role="gridcell" className="h-full w-11 shrink-0">
        <Tick
          label={`Select the tasks of ${group.label}`}
          checked={all}
          onChange={() =>
            onChoose(
              group.tasks.map((task) => task.id),
              !all,
            )
          }
        />
      </div>
      <div role="gridcell" className="flex min-w-0 items-baseline gap-2 pr-3">
        <span className="truncate text-sm font-semibold">{group.label}</span>
        <span className="tnum text-xs text-ink-3">{group.tasks.length.toLocaleString()}</span>
      </div>
    </div>
  );
}

/** Whether no row has the focus yet: then the first key only shows where one is. */
function wantsFocusless(place: React.RefObject<HTMLDivElement | null>): boolean {
  return !place.current?.contains(document.activeElement);
}

function Head({
  name,
  label,
  sort,
  onSort,
  className,
}: {
  name: Sort;
  label: string;
  sort: Sort;
  onSort: (sort: Sort) => void;
  className?: string;
}) {
  const on = sort === name;
  return (
    <div
      role="columnheader"
      aria-sort={on ? (name === "title" ? "ascending" : "descending") : "none"}
      className={className}
    >
      <button
        type="button"
        onClick={() => onSort(on ? "newest" : name)}
        className={cx("tap inline-flex items-center gap-1 py-1 hover:text-ink", on && "text-ink")}
      >
        {label}
        {on && <ArrowDown className="size-3" aria-hidden="true" />}
      </button>
    </div>
  );
}

/** Names of projects by id. */
export function useProjectNames(org: string): Map<string, string> {
  const known = useQuery(projects(org)).data;
  return useMemo(() => new Map(known?.map((project) => [project.id, project.name])), [known]);
}

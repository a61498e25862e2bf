import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Columns3, FilterX, Rows3, Search, SquareKanban } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { ASIDE, projects } from "../api/queries";
import { STATES, type State, type Task } from "../api/types";
import type { BoardSearch } from "../search";
import { useLab } from "../shell/lab";
import { useShortcuts } from "../shell/shortcuts";
import { useTitle } from "../shell/title";
import { BoardColumns } from "../tasks/board-columns";
import { BoardTable, useProjectNames } from "../tasks/board-table";
import { BulkBar } from "../tasks/bulk-bar";
import { boardTasks } from "../tasks/collection";
import { columnsOf, filterTasks, groupTasks } from "../tasks/filter";
import { count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button, ButtonLink } from "../ui/button";
import { cx } from "../ui/cx";
import { Empty, Skeleton } from "../ui/empty";
import { Input, Select } from "../ui/field";
import { PageHead } from "../ui/page";
import { Segments } from "../ui/segments";
import { STATE_WORD, StateIcon } from "../ui/state";

const route = getRouteApi("/o/$org/board");

/** Every task of the org, as columns by state or as a dense table. */
export function BoardPage() {
  useTitle("Board");
  const { org } = useLab();
  const search = route.useSearch();
  const client = useQueryClient();
  const query = useQuery(boardTasks(client, org));
  const all = query.data?.tasks;
  const shown = useDeferredValue(search);
  const found = useMemo(() => (all ? filterTasks(all, shown) : []), [all, shown]);
  const names = useProjectNames(org);
  const groups = useMemo(() => {
    if (!shown.group || !all) return undefined;
    const titles = new Map(all.filter((task) => !task.parent).map((task) => [task.id, task.title]));
    return groupTasks(found, shown.group, {
      state: (state) => STATE_WORD[state],
      goal: (id) => titles.get(id) ?? "A goal that is archived",
      project: (id) => names.get(id) ?? "A project",
    });
  }, [all, found, shown.group, names]);
  const inOrder = useMemo(() => groups?.flatMap((group) => group.tasks) ?? found, [groups, found]);
  const counts = useMemo(() => countStates(all, search), [all, search]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const chosen = useMemo(
    () => (selected.size === 0 ? [] : found.filter((task) => selected.has(task.id))),
    [found, selected],
  );
  const choose = (ids: readonly string[], on: boolean) =>
    setSelected((before) => {
      const next = new Set(before);
      for (const id of ids) {
        if (on) next.add(id);
        else next.delete(id);
      }
      return next;
    });
  const view = search.view ?? "columns";
  const navigate = useNavigate({ from: "/o/$org/board" });
  const change = (next: Partial<BoardSearch>) =>
    void navigate({ search: (before) => clean({ ...before, ...next }), replace: true });
  useShortcuts([
    {
      keys: "v",
      label: "Columns or table",
      group: "Board",
      run: () => change({ view: view === "columns" ? "table" : "columns" }),
    },
    { keys: "Escape", label: "Clear the selection", group: "Board", run: () => setSelected(new Set()) },
  ]);
  const filtered = Boolean(search.states || search.q || search.project || search.kind);

  return (
    <div className="flex h-[calc(100dvh-45px)] min-h-0 flex-col md:h-dvh">
      <PageHead
        title="Board"
        meta={
          query.data && (
            <span aria-live="polite" className="tnum">
              {filtered ? `${found.length.toLocaleString()} of ` : ""}
              {query.data.cut && "the newest "}
              {count(query.data.tasks.length, "task")}
              {!query.data.complete &&
                (query.isError ? ", and more that could not be read" : ", reading more…")}
            </span>
          )
        }
        actions={
          <Segments
            label="View"
            value={view}
            onChange={(next) => change({ view: next })}
            options={[
              { value: "columns", label: "Columns", icon: <Columns3 /> },
              { value: "table", label: "Table", icon: <Rows3 /> },
            ]}
          />
        }
      >
        <Filters search={search} change={change} counts={counts} filtered={filtered} />
      </PageHead>
      <Ask query={query} loading={<Skeleton rows={10} />}>
        {(data) =>
          data.tasks.length === 0 ? (
            <Empty
              icon={<SquareKanban />}
              title="No tasks yet"
              className="flex-1"
              action={
                <ButtonLink look="primary" to="/o/$org/new" params={{ org }}>
                  Schedule the first
                </ButtonLink>
              }
            >
              A goal and its tasks appear here as soon as they are scheduled.
            </Empty>
          ) : found.length === 0 && view === "table" ? (
            <NothingFound onClear={() => change(NO_FILTER)} />
          ) : view === "table" ? (
            <BoardTable
              org={org}
              tasks={inOrder}
              groups={groups}
              selected={selected}
              onChoose={choose}
              sort={search.sort ?? "newest"}
              onSort={(sort) => change({ sort: sort === "newest" ? undefined : sort })}
            />
          ) : (
            <BoardColumns
              org={org}
              columns={columnsOf(found, shown.states)}
              selected={selected}
              onChoose={choose}
            />
          )
        }
      </Ask>
      {chosen.length > 0 && (
        <BulkBar
          org={org}
          tasks={chosen}
          onDone={(ids) => choose(ids, false)}
          onClear={() => setSelected(new Set())}
        />
      )}
    </div>
  );
}

const NO_FILTER = { states: undefined, q: undefined, project: undefined, kind: undefined };

function clean(search: Partial<BoardSearch>): BoardSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value)) as BoardSearch;
}

/** Counts by state of what the other filters let through. */
function countStates(all: readonly Task[] | undefined, search: BoardSearch): Map<State, number> {
  const counts = new Map<State, number>();
  for (const task of filterTasks(all ?? [], {
    ...search,
    states: undefined,
    sort: undefined,
  } as BoardSearch)) {
    counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  }
  return counts;
}

function NothingFound({ onClear }: { onClear: () => void }) {
  return (
    <Empty
      icon={<FilterX />}
      title="No task fits these filters"
      className="flex-1"
      action={<Button onClick={onClear}>Clear the filters</Button>}
    />
  );
}

function Filters({
  search,
  change,
  counts,
  filtered,
}: {
  search: BoardSearch;
  change: (next: Partial<BoardSearch>) => void;
  counts: Map<State, number>;
  filtered: boolean;
}) {
  const { org } = useLab();
  const known = useQuery({ ...projects(org), ...ASIDE }).data ?? [];
  const on = new Set(search.states?.split(",") ?? []);
  const toggle = (state: State) => {
    const next = new Set(on);
    if (!next.delete(state)) next.add(state);
    change({ states: STATES.filter((one) => next.has(one)).join(",") || undefined });
  };
  return (
    <div className="flex flex-wrap items-center gap-2 px-4 pb-3 md:px-6">
      <SearchBox value={search.q ?? ""} onChange={(q) => change({ q: q || undefined })} />
      <Select
        aria-label="Project"
        className="max-w-56"
        value={search.project ?? ""}
        onChange={(event) => change({ project: event.target.value || undefined })}
      >
        <option value="">All projects</option>
        {known.map((project) => (
          <option key={project.id} value={project.id}>
            {project.name}
          </option>
        ))}
      </Select>
      <Select
        aria-label="Kind"
        value={search.kind ?? ""}
        onChange={(event) => change({ kind: (event.target.value || undefined) as BoardSearch["kind"] })}
      >
        <option value="">Goals and tasks</option>
        <option value="goals">Goals only</option>
        <option value="leaves">Tasks of agents only</option>
      </Select>
      {search.view === "table" && (
        <Select
          aria-label="Group by"
          value={search.group ?? ""}
          onChange={(event) => change({ group: (event.target.value || undefined) as BoardSearch["group"] })}
        >
          <option value="">No groups</option>
          <option value="state">By state</option>
          <option value="goal">By goal</option>
          <option value="project">By project</option>
        </Select>
      )}
      <fieldset className="no-bar flex min-w-0 max-w-full gap-1 overflow-x-auto py-1">
        <legend className="sr-only">States</legend>
        {STATES.map((state) => {
          const n = counts.get(state) ?? 0;
          if (n === 0 && !on.has(state)) return null;
          return (
            <button
              key={state}
              type="button"
              aria-pressed={on.has(state)}
              onClick={() => toggle(state)}
              className={cx(
                "tap inline-flex h-6.5 shrink-0 items-center gap-1.5 rounded-full border px-2 text-xs font-medium transition-colors",
                on.has(state)
                  ? "border-accent bg-accent-soft text-ink"
                  : "border-line bg-surface text-ink-2 hover:border-line-strong",
              )}
            >
              <StateIcon state={state} className="size-3" />
              {STATE_WORD[state]}
              <span className="tnum text-ink-3">{n.toLocaleString()}</span>
            </button>
          );
        })}
      </fieldset>
      {filtered && (
        <Button
          size="sm"
          look="quiet"
          icon={<FilterX className="size-3.5" />}
          onClick={() => change(NO_FILTER)}
        >
          Clear
        </Button>
      )}
    </div>
  );
}

/** Typing is shown at once; the address follows. */
function SearchBox({ value, onChange }: { value: string; onChange: (q: string) => void }) {
  const [text, setText] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setText(value);
    sent.current = value;
  }, [value]);
  useShortcuts([{ keys: "/", label: "Search", group: "Board", run: () => box.current?.focus() }]);
  return (
    <span className="relative w-full sm:w-56">
      <Search
        className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-ink-3"
        aria-hidden="true"
      />
      <Input
        ref={box}
        type="search"
        aria-label="Search titles"
        placeholder="Search titles"
        value={text}
        className="pl-8"
        onChange={(event) => {
          setText(event.target.value);
          sent.current = event.target.value;
          onChange(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") box.current?.blur();
        }}
      />
    </span>
  );
}

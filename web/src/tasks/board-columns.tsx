import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type RefObject, useEffect, useLayoutEffect, useRef } from "react";
import type { State, Task } from "../api/types";
import { useShortcuts } from "../shell/shortcuts";
import { cx } from "../ui/cx";
import { Tick } from "../ui/field";
import { STATE_WORD, StateIcon, Tag, WAIT_WORD } from "../ui/state";
import { Ago } from "../ui/time";
import { useProjectNames } from "./board-table";
import type { Column } from "./filter";
import { TaskLink } from "./row";

const CARD_PX = 82;

/** A card that had the focus. */
interface Held {
  id: string | undefined;
  /** Its column then. */
  state: State | undefined;
  /** Whether the reader has not gone elsewhere since. */
  has: boolean;
}

/** A column for each state. Arrows move between cards and columns. */
export function BoardColumns({
  org,
  columns,
  selected,
  onChoose,
}: {
  org: string;
  columns: readonly Column[];
  selected: ReadonlySet<string>;
  onChoose: (ids: readonly string[], on: boolean) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const names = useProjectNames(org);
  // A column that appears while tasks are read stands before those that are there: the browser would keep
  // these in sight, and a board would open in its middle.
  const touched = useRef(false);
  const touch = () => {
    touched.current = true;
  };
  // The card that had the focus last, and whether it has it: it keeps it when it changes its column.
  const card = useRef<Held>({ id: undefined, state: undefined, has: false });
  const states = columns.map((column) => column.state).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is about columns that come and go
  useLayoutEffect(() => {
    if (place.current && !touched.current) place.current.scrollLeft = 0;
  }, [states]);
  const cards = (column: number) => [
    ...(place.current?.querySelectorAll<HTMLElement>(`[data-column="${column}"] [data-card]`) ?? []),
  ];
  const step = (dx: number, dy: number) => {
    const now = document.activeElement?.closest<HTMLElement>("[data-card]");
    if (!now) {
      const last = place.current?.querySelector<HTMLElement>(`[data-card="${card.current.id}"]`);
      (last ?? place.current?.querySelector<HTMLElement>("[data-card]"))?.focus();
      return;
    }
    const column = Number(now.closest<HTMLElement>("[data-column]")?.dataset["column"]);
    const own = cards(column);
    const row = own.indexOf(now);
    if (dy !== 0) {
      own[row + dy]?.focus();
      return;
    }
    for (let next = column + dx; next >= 0 && next < columns.length; next += dx) {
      const there = cards(next);
      if (there.length === 0) continue;
      there[Math.min(row, there.length - 1)]?.focus();
      return;
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, [number, number]> = {
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
    };
    const by = moves[event.key];
    if (!by) return;
    event.preventDefault();
    step(...by);
  };
  useShortcuts([
    { keys: "j", label: "Next card", group: "Board", motion: true, run: () => step(0, 1) },
    { keys: "k", label: "Previous card", group: "Board", motion: true, run: () => step(0, -1) },
    { keys: "h", label: "Column to the left", group: "Board", motion: true, run: () => step(-1, 0) },
    { keys: "l", label: "Column to the right", group: "Board", motion: true, run: () => step(1, 0) },
    {
      keys: "x",
      label: "Select the card",
      group: "Board",
      run: () => {
        const id = document.activeElement?.closest<HTMLElement>("[data-card]")?.dataset["card"];
        if (id) onChoose([id], !selected.has(id));
      },
    },
  ]);
  return (
    <div
      ref={place}
      onKeyDown={(event) => {
        touch();
        onKey(event);
      }}
      onFocus={(event) => {
        const id = event.target.closest<HTMLElement>("[data-card]")?.dataset["card"];
        const at = Number(event.target.closest<HTMLElement>("[data-column]")?.dataset["column"]);
        if (id) card.current = { id, state: columns[at]?.state, has: true };
      }}
      // React tells of it when the reader goes elsewhere, not when the card is taken out of the page.
      onBlur={() => {
        card.current.has = false;
      }}
      onWheel={touch}
      onPointerDown={touch}
      className="flex min-h-0 flex-1 snap-proximity max-md:snap-x scroll-px-3 gap-3 overflow-x-auto p-3 md:scroll-px-6 md:px-6"
    >
      {columns.map((column, index) => (
        <ColumnOf
          key={column.state}
          index={index}
          column={column}
          org={org}
          names={names}
          card={card}
          selected={selected}
          onChoose={onChoose}
        />
      ))}
    </div>
  );
}

function ColumnOf({
  index,
  column,
  org,
  names,
  card,
  selected,
  onChoose,
}: {
  index: number;
  column: Column;
  org: string;
  names: Map<string, string>;
  card: RefObject<Held>;
  selected: ReadonlySet<string>;
  onChoose: (ids: readonly string[], on: boolean) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const { tasks, state } = column;
  const cards = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => place.current,
    estimateSize: () => CARD_PX,
    overscan: 6,
    gap: 6,
    getItemKey: (item) => tasks[item]?.id ?? item,
  });
  useEffect(() => {
    const { id, state: before, has } = card.current;
    if (!has || document.activeElement !== document.body) return;
    const at = tasks.findIndex((task) => task.id === id);
    if (at < 0) return;
    const drawn = place.current?.querySelector<HTMLElement>(`[data-card="${id}"]`);
    // It has changed its column: once it has come into sight it is drawn, and this runs again. What the
    // reader has scrolled away stays where it is, and has the focus again when it comes back.
    const hasMoved = state !== before;
    if (drawn) drawn.focus({ preventScroll: !hasMoved });
    else if (hasMoved) cards.scrollToIndex(at);
  });
  return (
    <section
      aria-label={`${STATE_WORD[state]}, ${tasks.length}`}
      data-column={index}
      className="flex w-[min(272px,82vw)] shrink-0 snap-start flex-col rounded-lg bg-sunken/60"
    >
      <h2 className="flex h-9 shrink-0 items-center gap-2 px-3 text-sm font-semibold">
        <StateIcon state={state} />
        {STATE_WORD[state]}
        <span className="tnum font-normal text-ink-3">{tasks.length.toLocaleString()}</span>
      </h2>
      <div ref={place} className="min-h-0 flex-1 overflow-y-auto px-1.5 pb-1.5">
        <ul className="relative" style={{ height: cards.getTotalSize() }}>
          {cards.getVirtualItems().map((item) => {
            const task = tasks[item.index];
            if (!task) return null;
            return (
              <li
                key={item.key}
                className="absolute inset-x-0"
                style={{ height: CARD_PX, transform: `translateY(${item.start}px)` }}
              >
                <Card
                  org={org}
                  task={task}
                  project={task.project ? names.get(task.project) : undefined}
                  selected={selected.has(task.id)}
                  onChoose={(on) => onChoose([task.id], on)}
                />
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}

function Card({
  org,
  task,
  project,
  selected,
  onChoose,
}: {
  org: string;
  task: Task;
  project: string | undefined;
  selected: boolean;
  onChoose: (on: boolean) => void;
}) {
  return (
    <article
      className={cx(
        "group relative flex h-full flex-col justify-between rounded-md border p-2.5 transition-colors",
        selected ? "border-accent bg-accent-soft" : "border-line bg-surface hover:border-line-strong",
      )}
    >
      <CardLink org={org} task={task} />
      <div className="flex items-center gap-1.5 text-2xs text-ink-3">
        {task.waiting_for && <Tag hue="amber">{WAIT_WORD[task.waiting_for]}</Tag>}
        {!task.parent && <Tag>goal</Tag>}
        {project && !task.waiting_for && <span className="truncate">{project}</span>}
        {task.open_children > 0 && <span className="shrink-0">{task.open_children} left</span>}
        {task.attempts > 1 && <span className="shrink-0">try {task.attempts}</span>}
        <Ago at={task.updated_at} className="ml-auto shrink-0" />
      </div>
      <Tick
        tabIndex={-1}
        label={`Select ${task.title}`}
        checked={selected}
        onChange={(event) => onChoose(event.target.checked)}
        className={cx(
          "absolute top-0 right-0 z-1 size-8.5 pointer-coarse:size-11",
          !selected &&
            "opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100",
        )}
      />
    </article>
  );
}

function CardLink({ org, task }: { org: string; task: Task }) {
  return (
    <TaskLink
      org={org}
      task={task}
      card
      className="line-clamp-2 pr-5 leading-snug pointer-coarse:pr-8 outline-none after:absolute after:inset-0 after:rounded-md focus-visible:after:outline-2 focus-visible:after:outline-focus"
    >
      {task.title}
    </TaskLink>
  );
}

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, Merge } from "lucide-react";
import { useMemo, useRef } from "react";
import type { Task } from "../api/types";
import { criticalPath, type Edge, type GraphNode, type Meeting, meetingsOf, outline } from "../graph/model";
import { count } from "../text/words";
import { cx } from "../ui/cx";
import { StateIcon, stateWords, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { rowPx } from "../ui/touch";

const ROW_PX = rowPx(36);

/** The plan as a tree, dependencies first. */
export function GoalList({
  nodes,
  edges,
  meetings,
  tasks,
  folded,
  onFold,
  selected,
  onSelect,
}: {
  nodes: readonly GraphNode[];
  edges: readonly Edge[];
  meetings: readonly Meeting[];
  tasks: readonly Task[];
  folded: ReadonlySet<string>;
  onFold: (id: string) => void;
  selected: string | undefined;
  onSelect: (id: string) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const items = useMemo(() => outline(nodes, edges, folded), [nodes, edges, folded]);
  const critical = useMemo(() => criticalPath(nodes, edges), [nodes, edges]);
  const met = useMemo(() => meetingsOf(meetings), [meetings]);
  const byId = useMemo(() => new Map(tasks.map((task) => [task.id, task])), [tasks]);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => place.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    getItemKey: (index) => items[index]?.node.id ?? index,
  });
  return (
    <div ref={place} className="min-h-0 flex-1 overflow-y-auto">
      <ul className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const item = items[row.index];
          const task = item && byId.get(item.node.id);
          if (!item || !task) return null;
          const { node } = item;
          return (
            <li
              key={row.key}
              className={cx(
                "absolute inset-x-0 flex items-center gap-2 border-b border-line pr-4 transition-colors hover:bg-hover md:pr-6",
                selected === node.id ? "bg-accent-soft" : "bg-surface",
              )}
              style={{
                height: ROW_PX,
                transform: `translateY(${row.start}px)`,
                paddingLeft: 12 + item.depth * 22,
              }}
            >
              {node.kind === "composite" ? (
                <button
                  type="button"
                  aria-expanded={!folded.has(node.id)}
                  aria-label={`${folded.has(node.id) ? "Unfold" : "Fold"} ${node.title}`}
                  onClick={() => onFold(node.id)}
                  className="tap grid size-6 place-items-center rounded-sm text-ink-3 hover:bg-sunken"
                >
                  {folded.has(node.id) ? (
                    <ChevronRight className="size-3.5" />
                  ) : (
                    <ChevronDown className="size-3.5" />
                  )}
                </button>
              ) : (
                <span className="w-6 pointer-coarse:w-11" />
              )}
              <span title={stateWords(task)}>
                <StateIcon state={task.state} />
                <span className="sr-only">{stateWords(task)}:</span>
              </span>
              <button
                type="button"
                onClick={() => onSelect(node.id)}
                className={cx(
                  "min-w-0 flex-1 truncate py-1 text-left hover:underline pointer-coarse:min-h-11",
                  node.kind === "composite" && "font-medium",
                )}
              >
                {node.title}
              </button>
              {met.has(node.id) && (
                <span title={`Touches the same as ${count(met.get(node.id) ?? 0, "other task")}`}>
                  <Tag hue="amber">
                    <Merge className="size-3" aria-hidden="true" />
                    <span>
                      <span className="max-sm:sr-only">meets</span> {met.get(node.id)}
                    </span>
                  </Tag>
                </span>
              )}
              {critical.has(node.id) && (
                <Tag hue="blue">
                  critical<span className="max-sm:sr-only"> path</span>
                </Tag>
              )}
              <span className="hidden w-28 shrink-0 truncate text-xs text-ink-2 sm:block">
                {node.kind === "composite" ? `${item.done} of ${item.leaves}` : stateWords(task)}
              </span>
              <span className="w-20 shrink-0 text-right text-xs text-ink-3">
                <Ago at={task.updated_at} />
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

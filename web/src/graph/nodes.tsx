import { type NodeProps, ViewportPortal } from "@xyflow/react";
import { ChevronDown, ChevronRight, Merge, Route } from "lucide-react";
import { memo } from "react";
import { cx } from "../ui/cx";
import { StateIcon } from "../ui/state";
import type { Data, DrawnNode, Line } from "./drawn";
import { type Point, pathOf } from "./layout";
import { CRITICAL_WORDS, meetsWords, nodeWords } from "./words";

/** Where a node stands is said outside of it: it is drawn again for what it says only. */
const sameWords = (a: NodeProps<DrawnNode>, b: NodeProps<DrawnNode>) => a.data === b.data;

/** The outline of a node. The critical path is thicker besides its colour. */
function outlineOf({ critical, selected }: Data): string {
  return cx(
    critical ? "border-2 border-accent" : "border border-line-strong",
    selected && "outline-2 outline-offset-1 outline-focus",
  );
}

function CriticalMark() {
  return (
    <span
      title={CRITICAL_WORDS}
      className="absolute -top-2 left-2 grid size-4 place-items-center rounded-full bg-accent text-accent-ink"
    >
      <Route className="size-2.5" strokeWidth={2.5} aria-hidden="true" />
    </span>
  );
}

const TaskNode = memo(function TaskNode({ data }: NodeProps<DrawnNode>) {
  const { node, critical, leaves, done, meets, onSelect, onFold } = data;
  return (
    <div
      className={cx(
        "relative flex h-full w-full items-center gap-2 rounded-md bg-surface pl-2.5 text-left shadow-lift",
        outlineOf(data),
        node.state === "cancelled" && "opacity-60",
      )}
    >
      {critical && <CriticalMark />}
      <StateIcon state={node.state} />
      <button
        type="button"
        disabled={!onSelect}
        onClick={() => onSelect?.(node.id)}
        className="focus-inset nodrag h-full min-w-0 flex-1 rounded-sm pr-2.5 text-left enabled:cursor-pointer disabled:cursor-default"
      >
        <span className="line-clamp-2 text-xs leading-4">{node.title}</span>
        <span className="sr-only">, {nodeWords(data)}</span>
      </button>
      {meets > 0 && (
        <span title={meetsWords(meets)} className="pr-2 text-amber">
          <Merge className="size-3.5" aria-hidden="true" />
        </span>
      )}
      {node.kind === "composite" && leaves > 0 && (
        <button
          type="button"
          aria-label={`Unfold ${node.title}`}
          onClick={() => onFold(node.id)}
          className="nodrag flex h-full items-center gap-0.5 border-l border-line px-2 text-2xs text-ink-3 hover:bg-hover"
        >
          {done}/{leaves}
          <ChevronRight className="size-3" />
        </button>
      )}
    </div>
  );
}, sameWords);

const GroupNode = memo(function GroupNode({ data }: NodeProps<DrawnNode>) {
  const { node, critical, leaves, done, onSelect, onFold } = data;
  return (
    <div className={cx("relative h-full w-full rounded-lg bg-sunken/50", outlineOf(data))}>
      {critical && <CriticalMark />}
      <div className="flex h-9 items-center gap-2 pr-0.5 pl-3">
        <StateIcon state={node.state} />
        <button
          type="button"
          disabled={!onSelect}
          onClick={() => onSelect?.(node.id)}
          className="nodrag h-full min-w-0 flex-1 truncate text-left text-xs font-semibold"
        >
          <span>{node.title}</span>
          <span className="sr-only">, {nodeWords(data)}</span>
        </button>
        <span className="ml-auto shrink-0 text-2xs text-ink-3">
          {done}/{leaves}
        </span>
        <button
          type="button"
          aria-label={`Fold ${node.title}`}
          onClick={() => onFold(node.id)}
          className="tap-around nodrag grid h-full w-8 place-items-center rounded-md text-ink-3 hover:bg-hover pointer-coarse:w-11"
        >
          <ChevronDown className="size-3.5" />
        </button>
      </div>
    </div>
  );
}, sameWords);

const Way = memo(function Way({ way, className }: { way: readonly Point[]; className: string }) {
  return <path d={pathOf(way)} className={className} />;
});

/**
 * The lines of a graph, those of one depth in one picture: each in one of its own costs as much as a node
 * whenever the graph moves.
 */
export const Ways = memo(function Ways({ lines }: { lines: readonly Line[] }) {
  const depths = new Set(lines.map(({ z }) => z));
  return (
    <ViewportPortal>
      {[...depths].map((depth) => (
        <svg key={depth} aria-hidden="true" className="ways" style={{ zIndex: depth }}>
          {lines
            .filter(({ z }) => z === depth)
            .map(({ id, way, className }) => (
              <Way key={id} way={way} className={className} />
            ))}
        </svg>
      ))}
    </ViewportPortal>
  );
});

export const NODE_TYPES = { task: TaskNode, group_: GroupNode };

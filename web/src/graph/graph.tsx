import "@xyflow/react/dist/base.css";
import "./graph.css";
import {
  Background,
  BackgroundVariant,
  BaseEdge,
  Controls,
  type EdgeProps,
  type Edge as FlowEdge,
  type Node as FlowNode,
  Handle,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import { ChevronDown, ChevronRight, Merge } from "lucide-react";
import { memo, useEffect, useMemo, useState } from "react";
import { count } from "../text/words";
import { Spinner } from "../ui/button";
import { cx } from "../ui/cx";
import { STATE_WORD, StateIcon } from "../ui/state";
import { type Box, bracket, type Layout, layout, type Point, pathOf } from "./layout";
import { criticalPath, type Edge, type GraphNode, type Meeting, meetingsOf, outline } from "./model";

// The worker reads 1.6 MB of script first: it begins while the plan is still being read.
void layout([], [], new Set());

interface Data extends Record<string, unknown> {
  node: GraphNode;
  critical: boolean;
  selected: boolean;
  folded: boolean;
  leaves: number;
  done: number;
  /** How many others touch the same. */
  meets: number;
  onSelect: ((id: string) => void) | undefined;
  onFold: (id: string) => void;
}

/** A graph runs down a telephone, and across everything wider. */
const NARROW = matchMedia("(max-width: 640px)");

/** Smaller than this, what is on a telephone can be neither read nor pressed. */
const NARROW_ZOOM = 0.7;

/** A plan with more tasks is not shrunk to the screen. */
const LARGE = 60;
const LARGE_AT = { x: 8, y: 8, zoom: 0.7 };

const NO_MEETINGS: readonly Meeting[] = [];

/** A plan as a graph: who waits for whom, what decides when it is done. */
export function Graph({
  nodes,
  edges,
  meetings = NO_MEETINGS,
  folded,
  onFold,
  selected,
  onSelect,
}: {
  nodes: readonly GraphNode[];
  edges: readonly Edge[];
  meetings?: readonly Meeting[];
  folded: ReadonlySet<string>;
  onFold: (id: string) => void;
  selected?: string | undefined;
  onSelect?: (id: string) => void;
}) {
  const placed = useLayout(nodes, edges, folded);
  const critical = useMemo(() => criticalPath(nodes, edges), [nodes, edges]);
  const counts = useMemo(
    () => new Map(outline(nodes, edges, new Set()).map((item) => [item.node.id, item])),
    [nodes, edges],
  );
  const met = useMemo(() => meetingsOf(meetings), [meetings]);
  const drawn = useMemo(() => {
    const found: FlowNode<Data>[] = [];
    const place = (parent: string | undefined) => {
      for (const node of nodes) {
        if (node.parent !== parent) continue;
        const box = placed?.boxes.get(node.id);
        if (!box) continue;
        const open = node.kind === "composite" && !folded.has(node.id) && box.height > 60;
        found.push({
          id: node.id,
          type: open ? "group_" : "task",
          position: { x: box.x, y: box.y },
          width: box.width,
          height: box.height,
          ...(parent ? { parentId: parent } : {}),
          data: {
            node,
            critical: critical.has(node.id),
            selected: selected === node.id,
            folded: !open,
            leaves: counts.get(node.id)?.leaves ?? 0,
            done: counts.get(node.id)?.done ?? 0,
            meets: met.get(node.id) ?? 0,
            onSelect,
            onFold,
          },
        });
        if (open) place(node.id);
      }
    };
    place(undefined);
    return found;
  }, [nodes, placed, critical, counts, met, folded, onFold, onSelect, selected]);
  const lines = useMemo(() => {
    const states = new Map(nodes.map((node) => [node.id, node.state]));
    const shown = new Set(drawn.map((node) => node.id));
    return edges
      .filter(({ from, to }) => shown.has(from) && shown.has(to))
      .map(({ from, to }): FlowEdge => {
        const hot = critical.has(from) && critical.has(to);
        const dead = states.get(from) === "failed" || states.get(from) === "cancelled";
        return {
          id: `${from}>${to}`,
          type: "way",
          source: from,
          target: to,
          data: { way: placed?.ways.get(`${from}>${to}`) ?? [] },
          className: cx(
            "edge",
            hot && "edge-hot",
            dead && "edge-dead",
            states.get(from) === "done" && "edge-done",
          ),
          zIndex: hot ? 1 : 0,
        };
      });
  }, [edges, nodes, drawn, critical, placed]);
  const brackets = useMemo(() => {
    const shown = new Set(drawn.map((node) => node.id));
    const parents = new Map(nodes.map((node) => [node.id, node.parent]));
    const at = (id: string): Box | undefined => {
      const box = placed?.boxes.get(id);
      const parent = parents.get(id);
      const outer = parent && at(parent);
      return box && outer ? { ...box, x: box.x + outer.x, y: box.y + outer.y } : box;
    };
    return meetings.flatMap(({ first, second }): FlowEdge[] => {
      const [a, b] = [at(first), at(second)];
      if (!a || !b || !shown.has(first) || !shown.has(second)) return [];
      return [
        {
          id: `${first}~${second}`,
          type: "way",
          source: first,
          target: second,
          data: { way: bracket(a, b) },
          className: "edge edge-meets",
          zIndex: 2,
        },
      ];
    });
  }, [meetings, nodes, drawn, placed]);
  // A large plan is read from its beginning; all of it at once would be dust.
  const large = nodes.length > LARGE;
  if (!placed) {
    return (
      <div role="status" className="grid min-h-64 flex-1 place-items-center text-ink-3">
        <span className="flex items-center gap-2">
          <Spinner /> Laying out {nodes.length} tasks
        </span>
      </div>
    );
  }
  return (
    <div className="min-h-64 flex-1" role="group" aria-label="Graph of tasks">
      <ReactFlow
        nodes={drawn}
        edges={brackets.length > 0 ? [...lines, ...brackets] : lines}
        nodeTypes={TYPES}
        edgeTypes={EDGE_TYPES}
        fitView={!large}
        defaultViewport={LARGE_AT}
        fitViewOptions={{ maxZoom: 1, minZoom: NARROW.matches ? NARROW_ZOOM : 0.35, padding: 0.06 }}
        minZoom={0.1}
        maxZoom={1.6}
        onlyRenderVisibleElements={nodes.length > 100}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        panOnScroll
        proOptions={{ hideAttribution: true }}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

/** Places follow the form of the graph only: a task that changes its state stays where it is. */
function useLayout(nodes: readonly GraphNode[], edges: readonly Edge[], folded: ReadonlySet<string>) {
  const [placed, setPlaced] = useState<Layout>();
  const form = useMemo(
    () => JSON.stringify([nodes.map((node) => [node.id, node.parent, node.kind]), edges, [...folded]]),
    [nodes, edges, folded],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the form stands for all three
  useEffect(() => {
    let old = false;
    void layout(nodes, edges, folded, NARROW.matches).then((next) => {
      if (!old) setPlaced(next);
    });
    return () => {
      old = true;
    };
  }, [form]);
  return placed;
}

function meetsWords(meets: number): string {
  return `touches the same as ${count(meets, "other task")}`;
}

const TaskNode = memo(function TaskNode({ data }: NodeProps<FlowNode<Data>>) {
  const { node, critical, selected, leaves, done, meets, onSelect, onFold } = data;
  return (
    <div
      className={cx(
        "flex h-full w-full items-center gap-2 rounded-md border bg-surface pl-2.5 text-left shadow-lift",
        critical ? "border-accent" : "border-line-strong",
        selected && "outline-2 outline-offset-1 outline-focus",
        node.state === "cancelled" && "opacity-60",
      )}
    >
      <Handle type="target" position={Position.Left} />
      <StateIcon state={node.state} />
      <button
        type="button"
        disabled={!onSelect}
        onClick={() => onSelect?.(node.id)}
        className="focus-inset nodrag h-full min-w-0 flex-1 rounded-sm pr-2.5 text-left enabled:cursor-pointer disabled:cursor-default"
      >
        <span className="line-clamp-2 text-xs leading-4">{node.title}</span>
        <span className="sr-only">, {STATE_WORD[node.state]}</span>
        {meets > 0 && <span className="sr-only">, {meetsWords(meets)}</span>}
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
      <Handle type="source" position={Position.Right} />
    </div>
  );
});

const GroupNode = memo(function GroupNode({ data }: NodeProps<FlowNode<Data>>) {
  const { node, critical, selected, leaves, done, onSelect, onFold } = data;
  return (
    <div
      className={cx(
        "h-full w-full rounded-lg border bg-sunken/50",
        critical ? "border-accent" : "border-line-strong",
        selected && "outline-2 outline-offset-1 outline-focus",
      )}
    >
      <Handle type="target" position={Position.Left} />
      <div className="flex h-9 items-center gap-2 pr-0.5 pl-3">
        <StateIcon state={node.state} />
        <button
          type="button"
          disabled={!onSelect}
          onClick={() => onSelect?.(node.id)}
          className="nodrag h-full min-w-0 flex-1 truncate text-left text-xs font-semibold"
        >
          {node.title}
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
      <Handle type="source" position={Position.Right} />
    </div>
  );
});

/** An edge on the way that the layout found for it: around nodes, not through them. */
function WayEdge({ data }: EdgeProps) {
  return <BaseEdge path={pathOf((data?.["way"] as Point[] | undefined) ?? [])} />;
}

const EDGE_TYPES = { way: WayEdge };
const TYPES = { task: TaskNode, group_: GroupNode };

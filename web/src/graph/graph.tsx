import "@xyflow/react/dist/base.css";
import "./graph.css";
import { Background, BackgroundVariant, Controls, ReactFlow, useReactFlow, useStore } from "@xyflow/react";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Spinner } from "../ui/button";
import { type DrawnNode, drawnEdges, drawnMeetings, drawnNodes, steady } from "./drawn";
import { type Layout, layout } from "./layout";
import { criticalPath, type Edge, type GraphNode, type Meeting, meetingsOf, outline } from "./model";
import { NODE_TYPES, Ways } from "./nodes";
import { ViewWatch } from "./view";

// The worker reads 1.6 MB of script first: it begins while the plan is still being read.
void layout([], [], new Set());

/** A graph runs down a telephone, and across everything wider. */
const NARROW = matchMedia("(max-width: 640px)");

/** Smaller than this, what is on a telephone can be neither read nor pressed. */
const NARROW_ZOOM = 0.7;

/** A plan with more tasks is not shrunk to the screen. */
const LARGE = 60;
const LARGE_AT = { x: 8, y: 8, zoom: 0.7 };

const FIT = { maxZoom: 1, minZoom: 0.35, padding: 0.06 };
const NARROW_FIT = { ...FIT, minZoom: NARROW_ZOOM };
type Fit = typeof FIT;

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
  const meets = useMemo(() => meetingsOf(meetings), [meetings]);
  const before = useRef<DrawnNode[]>([]);
  const drawn = useMemo(() => {
    if (!placed) return [];
    const next = drawnNodes({ nodes, placed, critical, counts, meets, selected, onSelect, onFold });
    before.current = steady(before.current, next);
    return before.current;
  }, [nodes, placed, critical, counts, meets, onFold, onSelect, selected]);
  const lines = useMemo(() => {
    if (!placed) return [];
    const shown = new Set(drawn.map((node) => node.id));
    return [
      ...drawnEdges(nodes, edges, shown, critical, placed),
      ...drawnMeetings(nodes, meetings, shown, placed),
    ];
  }, [edges, meetings, nodes, drawn, critical, placed]);
  const fit = useFit();
  const [view] = useState(() => new ViewWatch());
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
        nodeTypes={NODE_TYPES}
        fitView={!large}
        defaultViewport={LARGE_AT}
        fitViewOptions={fit}
        onMoveStart={view.begin}
        onMove={view.go}
        minZoom={0.1}
        maxZoom={1.6}
        onlyRenderVisibleElements={nodes.length > 100}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        elementsSelectable={false}
        panOnScroll
        proOptions={{ hideAttribution: true }}
      >
        <Ways lines={lines} />
        {/* It is drawn anew at every step: beside many nodes that is felt. */}
        {!large && <Background variant={BackgroundVariant.Dots} gap={20} size={1} color="var(--line)" />}
        <Controls
          showInteractive={false}
          fitViewOptions={fit}
          onZoomIn={view.moved}
          onZoomOut={view.moved}
          onFitView={view.fitted}
        />
        {!large && <FitAgain view={view} fit={fit} />}
      </ReactFlow>
    </div>
  );
}

/** Fits the plan again when there is more or less room for it, unless somebody has moved it. */
function FitAgain({ view, fit }: { view: ViewWatch; fit: Fit }) {
  const { fitView } = useReactFlow();
  const room = useStore(({ width, height }) => `${width} ${height}`);
  // biome-ignore lint/correctness/useExhaustiveDependencies: for the room, not because of it
  useEffect(() => {
    if (!view.hasMoved) void fitView(fit);
  }, [room, fitView, view, fit]);
  return null;
}

/** How it is fitted to the screen, which may be turned. */
function useFit(): Fit {
  return useSyncExternalStore(watchNarrow, () => (NARROW.matches ? NARROW_FIT : FIT));
}

function watchNarrow(told: () => void): () => void {
  NARROW.addEventListener("change", told);
  return () => NARROW.removeEventListener("change", told);
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

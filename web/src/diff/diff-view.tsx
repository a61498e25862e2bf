import "../code/code.css";
import "./diff.css";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useReducer, useRef, useState } from "react";
import type { PatchComment } from "../api/types";
import { useShortcuts } from "../shell/shortcuts";
import { nameOf, type ReviewDrafts } from "./drafts";
import { FileHead, FileList, FileSteps } from "./files";
import { LineRow, PairRow } from "./lines";
import { type Diff, type Row, rowsOf, type Side, spot } from "./model";
import { type Anchor, remarksOf } from "./remarks";
import { Talk } from "./talk";
import { Highlighter } from "./tokens";

const LINE_PX = 20;
/** Keys by which a page is scrolled. */
const SCROLLS = /^(Arrow|Page|Home$|End$| $)/;
const HEIGHTS: Record<Row["kind"], number> = {
  file: 44,
  note: 40,
  hunk: 28,
  line: LINE_PX,
  pair: LINE_PX,
  talk: 150,
  end: 8,
};

export interface Said {
  comment: PatchComment;
  text: string;
}

/** Files changed: unified or side by side, with the remarks on their lines. */
export function DiffView({
  diff,
  view,
  comments,
  review,
  mayRemark,
}: {
  diff: Diff;
  view: "unified" | "split";
  comments: readonly PatchComment[];
  review: ReviewDrafts;
  /** Whether lines can be remarked on: a task's own diff has no discussion. */
  mayRemark: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  /** The line whose remark was begun just now: a row that comes back into sight takes no focus. */
  const begun = useRef<string>(undefined);
  const [chosen, setChosen] = useState<number>();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const highlighter = useHighlighter(redraw);
  const said = useMemo(() => saidBySpot(comments, diff), [comments, diff]);
  // By name, so that a letter that is typed lays out nothing anew.
  const unsent = [...review.drafts, ...(mayRemark ? review.writing : [])].map((one) => nameOf(one.anchor));
  const names = JSON.stringify(unsent);
  const talks = useMemo(() => new Set([...said.keys(), ...(JSON.parse(names) as string[])]), [said, names]);
  const rows = useMemo(() => rowsOf(diff, view, folded, talks), [diff, view, folded, talks]);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => HEIGHTS[rows[index]?.kind ?? "line"],
    overscan: 20,
    getItemKey: (index) => keyOf(rows[index], index),
  });
  const fold = (path: string) =>
    setFolded((before) => {
      const next = new Set(before);
      if (!next.delete(path)) next.add(path);
      return next;
    });
  const goTo = (file: number) => {
    setChosen(file);
    const at = rows.findIndex((row) => row.kind === "file" && row.file === file);
    if (at >= 0) list.scrollToIndex(at, { align: "start" });
  };
  const top = list.getVirtualItems().find((item) => item.end > (list.scrollOffset ?? 0) + 1);
  // One that was gone to counts until its reader scrolls: the last ones never come to the top.
  const current = Math.min(chosen ?? (top ? (rows[top.index]?.file ?? 0) : 0), diff.files.length - 1);
  const scrolls = () => setChosen(undefined);
  useShortcuts([
    {
      keys: "]",
      label: "Next file",
      group: "Changes",
      motion: true,
      run: () => goTo(Math.min(current + 1, diff.files.length - 1)),
    },
    {
      keys: "[",
      label: "Previous file",
      group: "Changes",
      motion: true,
      run: () => goTo(Math.max(0, current - 1)),
    },
  ]);
  const begin = (anchor: Anchor) => {
    begun.current = nameOf(anchor);
    review.begin(anchor);
  };
  const remark = mayRemark
    ? (file: number, side: Side, line: number) => {
        const path = diff.files[file]?.path;
        if (path) begin({ path, side, line });
      }
    : undefined;

  const draw = (row: Row) => {
    const file = diff.files[row.file];
    if (!file) return null;
    switch (row.kind) {
      case "file":
        return <FileHead file={file} folded={folded.has(file.path)} onFold={() => fold(file.path)} />;
      case "end":
        return <div className="h-2 rounded-b-md border-x border-b border-line bg-surface" />;
      case "note":
        return <p className="border-x border-line bg-surface px-4 py-2.5 text-ink-3">{row.text}</p>;
      case "hunk":
        return (
          <div className="truncate border-x border-line bg-sunken px-4 font-mono text-2xs leading-7 text-ink-3">
            {file.hunks[row.hunk]?.head}
          </div>
        );
      case "line":
      case "pair": {
        const hunk = file.hunks[row.hunk];
        if (!hunk) return null;
        const tokens = highlighter.current?.of(file, hunk);
        const shared = {
          hunk,
          tokens,
          onRemark: remark && ((side: Side, line: number) => remark(row.file, side, line)),
        };
        return row.kind === "line" ? (
          <LineRow {...shared} line={row.line} />
        ) : (
          <PairRow {...shared} left={row.left} right={row.right} />
        );
      }
      case "talk": {
        const anchor = { path: file.path, side: row.side, line: row.number };
        const name = nameOf(anchor);
        return (
          <Talk
            said={said.get(name) ?? []}
            review={review}
            anchor={anchor}
            mayRemark={mayRemark}
            isBegun={begun.current === name}
            onFocused={() => {
              begun.current = undefined;
            }}
            onWrite={() => begin(anchor)}
          />
        );
      }
    }
  };

  return (
    <div className="diff code grid min-h-0 flex-1 grid-rows-[auto_minmax(0,1fr)] lg:grid-cols-[240px_minmax(0,1fr)]">
      <FileSteps files={diff.files} current={current} onGo={goTo} />
      <FileList files={diff.files} current={current} folded={folded} onGo={goTo} />
      <div
        ref={box}
        tabIndex={0}
        role="region"
        aria-label="Changes"
        onWheel={scrolls}
        onTouchMove={scrolls}
        onPointerDown={scrolls}
        onKeyDown={(event) => SCROLLS.test(event.key) && scrolls()}
        className="focus-inset min-h-0 overflow-auto px-3 md:px-4 lg:col-start-2 lg:row-span-2 lg:row-start-1"
      >
        <div className="relative" style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              <div
                key={item.key}
                ref={list.measureElement}
                data-index={item.index}
                className="absolute inset-x-0"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {row && draw(row)}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function keyOf(row: Row | undefined, index: number): string | number {
  if (!row) return index;
  switch (row.kind) {
    case "file":
      return `f${row.file}`;
    case "note":
      return `n${row.file}`;
    case "end":
      return `e${row.file}`;
    case "hunk":
      return `h${row.file}.${row.hunk}`;
    case "line":
      return `l${row.file}.${row.hunk}.${row.line}`;
    case "pair":
      return `p${row.file}.${row.hunk}.${row.left}.${row.right}`;
    case "talk":
      return `t${row.file}.${row.side}.${row.number}`;
  }
}

function useHighlighter(redraw: () => void) {
  const highlighter = useRef<Highlighter>(undefined);
  highlighter.current ??= new Highlighter(redraw);
  useEffect(() => {
    highlighter.current ??= new Highlighter(redraw);
    return () => {
      highlighter.current?.close();
      highlighter.current = undefined;
    };
  }, [redraw]);
  return highlighter;
}

/** What was said of each line. */
function saidBySpot(comments: readonly PatchComment[], diff: Diff): Map<string, Said[]> {
  const found = new Map<string, Said[]>();
  const paths = new Set(diff.files.map((file) => file.path));
  for (const comment of comments) {
    for (const { anchor, text } of remarksOf(comment.body, paths)) {
      if (!anchor) continue;
      const name = spot(anchor.path, anchor.side, anchor.line);
      found.set(name, [...(found.get(name) ?? []), { comment, text }]);
    }
  }
  return found;
}

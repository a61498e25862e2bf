import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { cx } from "../ui/cx";
import { piecesOf } from "./ansi";
import type { LogClient, LogView } from "./client";
import { Marked } from "./marked";
import { placeOf, scrollTo } from "./scroll";

/** A wish to see a line; `count` tells two wishes for one line apart. */
export interface Jump {
  line: number;
  count: number;
}

const ROW_PX = 20;
/** So near to the end counts as the end, in pixels. */
const END_PX = 4;

/** The lines in sight. */
export function LogLines({
  client,
  view,
  wrap,
  follow,
  onFollow,
  word,
  marked,
  onMark,
  jump,
  hit,
}: {
  client: LogClient;
  view: LogView;
  wrap: boolean;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  word: string;
  marked: number | undefined;
  onMark: (line: number) => void;
  jump: Jump | undefined;
  hit: number | undefined;
}) {
  const box = useRef<HTMLDivElement>(null);
  const block = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(600);
  const bySelf = useRef(false);
  const marker = useRef(onMark);
  marker.current = onMark;
  const mark = useCallback((line: number) => marker.current(line), []);
  const place = placeOf(view.lines, ROW_PX, height, scroll);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const size = new ResizeObserver(() => setHeight(element.clientHeight));
    size.observe(element);
    return () => size.disconnect();
  }, []);

  const bring = (top: number) => {
    const element = box.current;
    if (!element || Math.abs(element.scrollTop - top) < 1) return;
    bySelf.current = true;
    element.scrollTop = top;
    setScroll(element.scrollTop);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the length of the log
  useLayoutEffect(() => {
    if (follow) bring(place.height - height);
  }, [follow, view.lines, height, wrap]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a wish is followed once
  useLayoutEffect(() => {
    if (jump) bring(scrollTo(jump.line, view.lines, ROW_PX, height));
  }, [jump]);

  // The held line is put in its place, whatever the heights of those before it are.
  useLayoutEffect(() => {
    const own = block.current;
    if (!own) return;
    let before = (place.anchor - place.first + place.part) * ROW_PX;
    if (wrap) {
      // Measuring lays the page out at once, at every step of a scroll: only where heights differ.
      const held = own.querySelector<HTMLElement>(`[data-line="${place.anchor}"]`);
      before = held ? held.offsetTop + place.part * held.offsetHeight : 0;
    }
    own.style.transform = `translateY(${Math.max(0, scroll + place.at - before)}px)`;
  });

  const lines = [];
  for (let index = place.first; index < place.end; index += 1) lines.push(index);
  const digits = String(view.lines).length;
  return (
    <>
      {marked !== undefined && (
        <Marked
          line={marked}
          last={view.lines}
          onMark={(line) => {
            onMark(line);
            bring(scrollTo(line - 1, view.lines, ROW_PX, height));
          }}
        />
      )}
      <div
        ref={box}
        tabIndex={0}
        role="region"
        aria-label="Lines of the log"
        className="log focus-inset relative min-h-64 flex-1 overflow-auto bg-surface font-mono text-xs"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          setScroll(scrollTop);
          if (bySelf.current) {
            bySelf.current = false;
            return;
          }
          const atEnd = scrollTop + clientHeight >= scrollHeight - END_PX;
          if (atEnd !== follow && view.state !== "complete") onFollow(atEnd);
          else if (follow && !atEnd) onFollow(false);
        }}
      >
        <div className="absolute inset-x-0 top-0" style={{ height: place.height }} />
        <div
          ref={block}
          className={cx("absolute top-0 left-0 will-change-transform", wrap ? "w-full" : "min-w-full w-max")}
        >
          {lines.map((index) => (
            <Line
              key={index}
              index={index}
              text={client.line(index)}
              digits={digits}
              wrap={wrap}
              word={word}
              isHit={hit === index}
              isMarked={marked === index + 1}
              onMark={mark}
            />
          ))}
        </div>
      </div>
    </>
  );
}

const Line = memo(function Line({
  index,
  text,
  digits,
  wrap,
  word,
  isHit,
  isMarked,
  onMark,
}: {
  index: number;
  text: string | undefined;
  digits: number;
  wrap: boolean;
  word: string;
  isHit: boolean;
  isMarked: boolean;
  onMark: (line: number) => void;
}) {
  return (
    <div
      data-line={index}
      className={cx(
        "flex leading-5 hover:bg-hover",
        wrap ? "min-h-5" : "h-5",
        isMarked ? "bg-accent-soft" : isHit && "bg-amber-soft",
      )}
    >
      <button
        type="button"
        tabIndex={-1}
        aria-label={`Link to line ${index + 1}`}
        onClick={() => onMark(index + 1)}
        className="sticky left-0 shrink-0 bg-inherit pr-3 pl-4 text-right text-ink-3 select-none hover:text-ink md:pl-6"
        style={{ width: `calc(${digits}ch + 36px)` }}
      >
        {index + 1}
      </button>
      <span className={cx("pr-4", wrap ? "min-w-0 break-all whitespace-pre-wrap" : "whitespace-pre")}>
        {text === undefined
          ? " "
          : piecesOf(text, word).map((piece, at) => (
              <span
                // Pieces have no name but their place.
                // biome-ignore lint/suspicious/noArrayIndexKey: see above
                key={at}
                className={cx(piece.className, piece.hit && "rounded-sm bg-amber text-surface")}
                style={piece.color ? { color: piece.color } : undefined}
              >
                {piece.text}
              </span>
            ))}
      </span>
    </div>
  );
});

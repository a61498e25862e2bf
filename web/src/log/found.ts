import { useEffect, useRef, useState } from "react";
import { count } from "../text/words";
import type { LogClient, LogView } from "./client";
import { Looking } from "./looking";
import type { Found } from "./protocol";

/** Time after the last key until the log is searched, and between two searches while it grows, in milliseconds. */
const SEARCH_MS = 150;
/** The same for lines that look like an error: nobody waits for these. */
const ERRORS_MS = 600;

/** What is found in a log; nothing, as long as it was not looked through. */
type Hits = Found | undefined;

/** How many there are; of very many, only some are counted. */
function number({ lines, more }: Found): string {
  return `${lines.length.toLocaleString()}${more ? "+" : ""}`;
}

/** Which hit is shown, of how many. */
export function hitWords(hits: Hits, at: number): string {
  if (!hits) return "Searching";
  return hits.lines.length === 0 ? "Nothing found" : `${(at + 1).toLocaleString()} of ${number(hits)}`;
}

/** How many lines look like an error. */
export function errorWords(hits: Hits): string {
  if (!hits) return "Looking for errors";
  if (hits.lines.length === 0) return "No errors";
  return hits.more ? `${number(hits)} error lines` : count(hits.lines.length, "error line");
}

/** The place of the first hit from this line on, or of the last one. */
function hitFrom(hits: readonly number[], line: number): number {
  const found = hits.findIndex((hit) => hit >= line);
  return found >= 0 ? found : Math.max(0, hits.length - 1);
}

/** The lines that have a word, and the one of them that is shown. */
export function useSearch(client: LogClient, view: LogView, jumpTo: (line: number) => void) {
  const [word, setWord] = useState("");
  const [hits, setHits] = useState<Hits>();
  const [at, setAt] = useState(0);
  const go = useRef(jumpTo);
  go.current = jumpTo;
  const looking = useRef<Looking<Found>>(undefined);
  /** Whether somebody has stepped on: the first answer does not take them back to its first hit. */
  const stepped = useRef(false);
  /** The line of the hit that is shown. */
  const here = useRef(0);
  useEffect(() => {
    // What another word has found says nothing about this one.
    setHits(undefined);
    stepped.current = false;
    if (word === "") return undefined;
    const own = new Looking({
      ask: () => client.find(word),
      first: SEARCH_MS,
      pause: SEARCH_MS,
      told: (found) => {
        setHits(found);
        const first = found.lines[0];
        if (!stepped.current && first !== undefined) {
          here.current = first;
          stepped.current = true;
          go.current(first);
        }
        setAt(hitFrom(found.lines, here.current));
      },
    });
    looking.current = own;
    return () => own.stop();
  }, [client, word]);
  useEffect(() => {
    if (view.bytes > 0) looking.current?.grown();
  }, [view.bytes]);
  const step = (by: number) => {
    const lines = hits?.lines ?? [];
    if (lines.length === 0) return;
    const next = (at + by + lines.length) % lines.length;
    here.current = lines[next] ?? 0;
    setAt(next);
    jumpTo(here.current);
  };
  return { word, setWord, hits, at, step };
}

/** The lines that look like an error. A log that is still being read is not looked through yet. */
export function useErrors(client: LogClient, view: LogView, jumpTo: (line: number) => void) {
  const [hits, setHits] = useState<Hits>();
  const at = useRef(-1);
  const looking = useRef<Looking<Found>>(undefined);
  const isHere = view.state !== "loading";
  useEffect(() => {
    if (!isHere) return undefined;
    const own = new Looking({
      ask: () => client.errors(),
      first: ERRORS_MS,
      pause: ERRORS_MS,
      told: setHits,
    });
    looking.current = own;
    return () => own.stop();
  }, [client, isHere]);
  useEffect(() => {
    if (view.bytes > 0) looking.current?.grown();
  }, [view.bytes]);
  const next = () => {
    const lines = hits?.lines ?? [];
    if (lines.length === 0) return;
    at.current = (at.current + 1) % lines.length;
    jumpTo(lines[at.current] ?? 0);
  };
  return { hits, next };
}

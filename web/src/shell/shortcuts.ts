import { useEffect, useRef, useState } from "react";
import { tell } from "../ui/toast";

export interface Shortcut {
  /** One key, or two in a row with a space between: `c`, `g b`, `Shift+x`. */
  keys: string;
  label: string;
  group: string;
  run: () => void;
  /** Why it does nothing now: the key says so instead, and no list has it. */
  blocked?: string | false | undefined;
  /** It moves about on the page: of no use in the palette. Only this a key does again while it is held down. */
  motion?: boolean;
}

/** Where the command key is ⌘. */
export const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

const KEY = "devlab.shortcuts";
/** How long the second key of two may take, in milliseconds. */
const SECOND_MS = 1_000;

type Sets = ReadonlyArray<readonly Shortcut[]>;

let sets: Sets = [];
const slots = new Map<number, readonly Shortcut[]>();
let slotsGiven = 0;
const watchers = new Set<() => void>();
let first = "";
let firstAt = 0;

/** Single keys can be turned off (WCAG 2.1.4): speech input types them by mistake. */
export function shortcutsOn(): boolean {
  return localStorage.getItem(KEY) !== "off";
}

export function setShortcutsOn(on: boolean): void {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
}

/** All that are there now, what came to the page last at the end. */
export const shortcutStore = {
  get: () => sets,
  subscribe: (watch: () => void) => {
    watchers.add(watch);
    return () => watchers.delete(watch);
  },
};

/**
 * Keeps a place its shortcuts, or none. Places are in the order in which they came to the page,
 * whenever their shortcuts change: what lies over another goes before it.
 */
function put(slot: number, own: readonly Shortcut[] | undefined): void {
  if (own) slots.set(slot, own);
  else slots.delete(slot);
  sets = [...slots].sort(([a], [b]) => a - b).map(([, set]) => set);
  for (const watch of watchers) watch();
}

/** What keys do now: of those that are the same the last, without what is blocked. */
export function inForce(all: Sets): Shortcut[] {
  const byKeys = new Map<string, Shortcut>();
  for (const one of all.flat()) byKeys.set(one.keys, one);
  return [...byKeys.values()].filter((one) => !one.blocked);
}

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest("input, textarea, select, [role=dialog], [role=menu]") !== null) &&
    !(target instanceof HTMLInputElement && target.type === "checkbox" && !target.closest("[role=dialog]"))
  );
}

function nameOf(event: KeyboardEvent): string {
  return event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
}

/** The shortcut that a key ends, if there is one. Exported for its test. */
export function match(all: Sets, before: string, key: string): Shortcut | undefined {
  const flat = all.flat().reverse();
  const pair = before ? flat.find((one) => one.keys === `${before} ${key}`) : undefined;
  return pair ?? flat.find((one) => one.keys === key);
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (suspended || typing(event.target) || !shortcutsOn()) return;
  const key = nameOf(event);
  const before = event.timeStamp - firstAt < SECOND_MS ? first : "";
  const found = match(sets, before, key);
  first = found ? "" : key;
  firstAt = event.timeStamp;
  if (!found) return;
  event.preventDefault();
  if (event.repeat && !found.motion) return;
  if (found.blocked) tell(found.blocked);
  else found.run();
}

let suspended = false;

/** While something lies over the page, also before it is drawn, its keys do nothing. */
export function suspendShortcuts(on: boolean): void {
  suspended = on;
}

let listening = false;

/** Makes shortcuts work while the component is there. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  // Taken while it is first drawn: a component comes before those in it, and after what was there.
  const [slot] = useState(() => {
    slotsGiven += 1;
    return slotsGiven;
  });
  const names = shortcuts.map((one) => `${one.keys} ${one.label} ${one.blocked || ""}`).join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names say when the set is another one
  useEffect(() => {
    if (!listening) {
      listening = true;
      addEventListener("keydown", onKey);
    }
    const own = latest.current.map((one, at) => ({
      ...one,
      run: () => latest.current[at]?.run(),
    }));
    put(slot, own);
    return () => put(slot, undefined);
  }, [slot, names]);
}

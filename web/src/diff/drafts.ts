import { useEffect, useMemo, useState } from "react";
import { type Principal, writerOf } from "../session/session";
import { tell } from "../ui/toast";
import { spot } from "./model";
import type { Anchor } from "./remarks";

/** A remark that is not sent. */
export interface Draft {
  anchor: Anchor;
  text: string;
  /** The commit that it was written on. */
  head: string;
}

/** What somebody has written of a patch and not sent. */
export interface Kept {
  /** Remarks of the review. */
  drafts: Draft[];
  /** Remarks that are being written. */
  writing: Draft[];
  /** The words of the verdict. */
  words: string;
}

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const PREFIX = "devlab.review.";
const DAY_MS = 24 * 3_600_000;
/** How long it is kept after it was last changed, in days: nobody goes on with a review that is older. */
export const KEPT_DAYS = 30;

const NOTHING: Kept = { drafts: [], writing: [], words: "" };

export function nameOf({ path, side, line }: Anchor): string {
  return spot(path, side, line);
}

/** The name of what is kept. */
export function keyOf(who: Pick<Principal, "role" | "org">, patch: string): string {
  return `${PREFIX}${writerOf(who)}.${patch}`;
}

function parsed(text: string | null): (Kept & { at: number }) | undefined {
  try {
    const found = JSON.parse(text ?? "null") as Partial<Kept & { at: number }> | null;
    return found ? { ...NOTHING, at: 0, ...found } : undefined;
  } catch {
    return undefined;
  }
}

export function read(key: string, store: Store = localStorage): Kept {
  const { drafts, writing, words } = parsed(store.getItem(key)) ?? NOTHING;
  return { drafts, writing, words };
}

/** Whether it could be kept: a browser's storage may be full. */
export function write(key: string, kept: Kept, now = Date.now(), store: Store = localStorage): boolean {
  try {
    const isEmpty = kept.drafts.length === 0 && kept.writing.length === 0 && !kept.words;
    if (isEmpty) store.removeItem(key);
    else store.setItem(key, JSON.stringify({ ...kept, at: now }));
    return true;
  } catch {
    return false;
  }
}

/** Drops what was written too long ago, of every patch. */
export function dropOld(now = Date.now(), store: Store = localStorage): void {
  const keys = Array.from({ length: store.length }, (_, at) => store.key(at) ?? "");
  for (const key of keys) {
    if (!key.startsWith(PREFIX)) continue;
    const { at = 0 } = parsed(store.getItem(key)) ?? {};
    if (now - at > KEPT_DAYS * DAY_MS) store.removeItem(key);
  }
}

function isSame(one: Draft, other: Draft): boolean {
  return one.text === other.text && one.head === other.head && nameOf(one.anchor) === nameOf(other.anchor);
}

const elsewhere = (anchor: Anchor) => (one: Draft) => nameOf(one.anchor) !== nameOf(anchor);

/** What can be done with it, each as what comes after. */
export const step = {
  /** Another line is written on; what was begun elsewhere stays if there is a word of it. */
  begin: (kept: Kept, anchor: Anchor, head: string): Kept => {
    const before = kept.writing.find((one) => nameOf(one.anchor) === nameOf(anchor));
    const others = kept.writing.filter((one) => elsewhere(anchor)(one) && one.text.trim());
    return { ...kept, writing: [...others, { anchor, text: before?.text ?? "", head }] };
  },
  type: (kept: Kept, anchor: Anchor, text: string): Kept => ({
    ...kept,
    writing: kept.writing.map((one) => (elsewhere(anchor)(one) ? one : { ...one, text })),
  }),
  cancel: (kept: Kept, anchor: Anchor): Kept => ({
    ...kept,
    writing: kept.writing.filter(elsewhere(anchor)),
  }),
  /** What is written of a line becomes a remark of the review. */
  add: (kept: Kept, anchor: Anchor): Kept => {
    const done = kept.writing.find((one) => !elsewhere(anchor)(one));
    if (!done?.text.trim()) return kept;
    return {
      ...step.cancel(kept, anchor),
      drafts: [...kept.drafts, { ...done, text: done.text.trim() }],
    };
  },
  remove: (kept: Kept, draft: Draft): Kept => ({
    ...kept,
    drafts: kept.drafts.filter((one) => !isSame(one, draft)),
  }),
  say: (kept: Kept, words: string): Kept => ({ ...kept, words }),
  /** These were sent; what was written since, here or in another tab, is still there. */
  sent: (kept: Kept, { drafts, words }: Pick<Kept, "drafts" | "words">): Kept => ({
    ...kept,
    drafts: kept.drafts.filter((one) => !drafts.some((other) => isSame(one, other))),
    words: kept.words === words ? "" : kept.words,
  }),
};

/** Where it is kept: in the browser, and in the page for as long as the browser takes no more. */
export class Keeper {
  private own: Kept | undefined;
  private readonly key: string;
  private readonly store: Store;

  constructor(key: string, store: Store = localStorage) {
    this.key = key;
    this.store = store;
  }

  /** Whether it lives only as long as the page. */
  get isFull(): boolean {
    return this.own !== undefined;
  }

  read(): Kept {
    return this.own ?? read(this.key, this.store);
  }

  /** Tried each time: what was sent must not come back from a time when there was room. */
  write(kept: Kept, now = Date.now()): void {
    this.own = write(this.key, kept, now, this.store) ? undefined : kept;
  }
}

/**
 * What is written of a patch and not sent. It is kept in the browser: it outlives the page, the tab and
 * the session, and a new head of the patch too. Tabs that show the same patch have it in common.
 */
export function useDrafts(who: Principal, patch: string, head: string) {
  const key = keyOf(who, patch);
  const keeper = useMemo(() => new Keeper(key), [key]);
  const [kept, setKept] = useState(() => keeper.read());
  useEffect(() => {
    dropOld();
    const listen = (event: StorageEvent) => event.key === key && setKept(keeper.read());
    addEventListener("storage", listen);
    return () => removeEventListener("storage", listen);
  }, [key, keeper]);
  const change = (next: (before: Kept) => Kept) => {
    // Another tab may have written since.
    const after = next(keeper.read());
    const wasFull = keeper.isFull;
    keeper.write(after);
    if (keeper.isFull && !wasFull) {
      tell("The browser keeps no more", "Send your remarks before you leave this page.");
    }
    setKept(after);
  };
  return {
    ...kept,
    head,
    begin: (anchor: Anchor) => change((before) => step.begin(before, anchor, head)),
    type: (anchor: Anchor, text: string) => change((before) => step.type(before, anchor, text)),
    cancel: (anchor: Anchor) => change((before) => step.cancel(before, anchor)),
    add: (anchor: Anchor) => change((before) => step.add(before, anchor)),
    remove: (draft: Draft) => change((before) => step.remove(before, draft)),
    say: (words: string) => change((before) => step.say(before, words)),
    sent: (what: Pick<Kept, "drafts" | "words">) => change((before) => step.sent(before, what)),
  };
}
export type ReviewDrafts = ReturnType<typeof useDrafts>;

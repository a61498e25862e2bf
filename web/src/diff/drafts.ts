import { useState } from "react";
import type { Anchor } from "./remarks";

/** A remark that is written but not sent. */
export interface Draft {
  anchor: Anchor;
  text: string;
}

/** Drafts of a review outlive a reload of the page, but belong to one head of one patch. */
export function useDrafts(patch: string | undefined, head: string) {
  const key = `devlab.review.${patch}.${head}`;
  const [drafts, setDrafts] = useState<Draft[]>(() => read(key));
  const keep = (next: Draft[]) => {
    if (next.length === 0) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(next));
    setDrafts(next);
  };
  return {
    drafts,
    add: (draft: Draft) => keep([...drafts, draft]),
    remove: (draft: Draft) => keep(drafts.filter((one) => one !== draft)),
    clear: () => keep([]),
  };
}

function read(key: string): Draft[] {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "[]") as Draft[];
  } catch {
    return [];
  }
}

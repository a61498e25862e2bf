import { api, body } from "./client";
import { type AuditFilter, PAGE_MAX } from "./queries";
import type { AuditEntry, Page } from "./types";

/** Most pages that are looked through at once for entries of the lab itself: few may be. */
const LOOKED_PAGES_MAX = 20;

/**
 * A page of the audit log, newest first: of an org, or without one of what concerns the whole lab. The
 * server then has the entries of every org too, so a page may hold few of them, or none, and go on.
 */
export async function auditPage(
  org: string | undefined,
  filter: AuditFilter,
  cursor: string | undefined,
  limit = PAGE_MAX,
  looked = LOOKED_PAGES_MAX,
): Promise<Page<AuditEntry>> {
  if (org !== undefined) return anyOf(org, filter, cursor, limit);
  const items: AuditEntry[] = [];
  let next: string | null | undefined = cursor;
  for (let read = 0; read < looked && items.length < limit; read += 1) {
    const page: Page<AuditEntry> = await anyOf(undefined, filter, next ?? undefined, PAGE_MAX);
    items.push(...page.items.filter((entry) => !entry.org));
    next = page.next;
    if (!next) break;
  }
  return { items, ...(next ? { next } : {}) };
}

/** A page of the entries that have one of the filter's texts. */
async function anyOf(
  org: string | undefined,
  { texts, ...times }: AuditFilter,
  cursor: string | undefined,
  limit: number,
): Promise<Page<AuditEntry>> {
  const read = (text: string | undefined) =>
    body(api.GET("/v1/audit", { params: { query: { org, text, ...times, cursor, limit } } }));
  return together(await Promise.all((texts ?? [undefined]).map(read)));
}

/** Pages of one log as one, as far down as all of them reach: below, others may be between. */
export function together(pages: readonly Page<AuditEntry>[]): Page<AuditEntry> {
  const last = (page: Page<AuditEntry>) => page.items.at(-1)?.seq ?? 0;
  const [shortest] = pages.filter((page) => page.next).sort((a, b) => last(b) - last(a));
  const end = shortest ? last(shortest) : 0;
  const entries = pages.flatMap((page) => page.items).filter((entry) => entry.seq >= end);
  const bySeq = new Map(entries.map((entry) => [entry.seq, entry]));
  const items = [...bySeq.values()].sort((a, b) => b.seq - a.seq);
  return { items, ...(shortest ? { next: shortest.next } : {}) };
}

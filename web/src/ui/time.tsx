import { useSyncExternalStore } from "react";
import { ago, ahead, exact, millis, span } from "../text/time";

/** One clock for the page: everything relative moves together. */
const TICK_MS = 1_000;
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(watch: () => void): () => void {
  watchers.add(watch);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of watchers) each();
  }, TICK_MS);
  return () => {
    watchers.delete(watch);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time now, rounded to `step` so that a page does not render more often than it has to. */
export function useNow(step = TICK_MS): number {
  return useSyncExternalStore(subscribe, () => Math.floor(now / step) * step);
}

/** How long ago; the exact time on hover. */
export function Ago({ at, className }: { at: string; className?: string }) {
  const then = millis(at);
  const old = Date.now() - then >= 60_000;
  const current = useNow(old ? 30_000 : TICK_MS);
  // What is a minute old by the exact clock is so by the coarse one too: time never runs back.
  return (
    <time dateTime={at} title={exact(then)} className={className}>
      {ago(then, Math.max(current, old ? then + 60_000 : then))}
    </time>
  );
}

/** How long until something; the exact time on hover. */
export function Until({ at }: { at: string }) {
  const then = millis(at);
  const current = useNow();
  return (
    <time dateTime={at} title={exact(then)}>
      {ahead(then, current)}
    </time>
  );
}

/** How long something took, or has been taking. */
export function Lasting({ from, to }: { from: string; to?: string | null | undefined }) {
  return to ? span(millis(to) - millis(from)) : <Running from={from} />;
}

function Running({ from }: { from: string }) {
  const current = useNow();
  return span(Math.max(0, current - millis(from)));
}

import { CloudOff } from "lucide-react";
import { useSyncExternalStore } from "react";
import { livenessStore, retryNow } from "../live/live";
import { ago } from "../text/time";
import { Button } from "../ui/button";
import { useNow } from "../ui/time";

/** A short cut, such as a restart, passes without a word. */
const PATIENCE_MS = 2_000;

/** Says that what is shown may be old. */
export function StaleBanner() {
  const liveness = useSyncExternalStore(livenessStore.subscribe, livenessStore.get);
  return liveness.state === "stale" ? <Banner since={liveness.since} /> : null;
}

function Banner({ since }: { since: number }) {
  const now = useNow();
  if (now - since < PATIENCE_MS) return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-2 border-b border-line bg-amber-soft px-4 py-1.5 text-amber md:px-6"
    >
      <CloudOff className="size-4" aria-hidden="true" />
      <span>
        <strong className="font-semibold">The lab does not answer.</strong> This page shows what was true{" "}
        {ago(since, now)}; it catches up by itself.
      </span>
      <Button size="sm" className="ml-auto" onClick={retryNow}>
        Try now
      </Button>
    </div>
  );
}

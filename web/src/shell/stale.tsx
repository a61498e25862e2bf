import { CloudOff } from "lucide-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { livenessStore, retryNow } from "../live/live";
import { ago } from "../text/time";
import { Button } from "../ui/button";
import { useNow } from "../ui/time";

/** A short cut, such as a restart, passes without a word. */
const PATIENCE_MS = 2_000;

/** Says that what is shown may be old. */
export function StaleBanner() {
  const liveness = useSyncExternalStore(livenessStore.subscribe, livenessStore.get);
  switch (liveness.state) {
    case "stale":
      return <Cut since={liveness.since} />;
    case "refused":
      return (
        <Banner what="This page is not live.">
          The lab refused to tell it of changes ({liveness.status}), so it may be old.
        </Banner>
      );
    case "connecting":
    case "live":
      return null;
  }
}

function Cut({ since }: { since: number }) {
  const now = useNow();
  if (now - since < PATIENCE_MS) return null;
  return (
    <Banner what="The lab does not answer.">
      This page shows what was true {ago(since, now)}; it catches up by itself.
    </Banner>
  );
}

function Banner({ what, children }: { what: string; children: ReactNode }) {
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-2 border-b border-line bg-amber-soft px-4 py-1.5 text-amber md:px-6"
    >
      <CloudOff className="size-4" aria-hidden="true" />
      <span>
        <strong className="font-semibold">{what}</strong> {children}
      </span>
      <Button size="sm" className="ml-auto" onClick={retryNow}>
        Try now
      </Button>
    </div>
  );
}

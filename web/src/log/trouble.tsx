import { TriangleAlert, Unplug } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import type { Trouble } from "./protocol";

/** A cut that is mended within this time passes without a word, in milliseconds. */
const PATIENCE_MS = 1_000;

/** What happened, and what comes next. */
function wordsOf({ status, final }: Trouble): string {
  switch (status) {
    case 0:
      return final
        ? "The part of the dashboard that reads logs has failed. Load the page again."
        : "The connection was cut. It is tried again by itself.";
    case 401:
      return "This login has ended. Log in again to read on.";
    case 403:
      return "Your token's role does not allow it. Log in with one that has the role, or ask an admin.";
    case 404:
      return "The server has no such log: it was removed, or it belongs to another org.";
    default:
      return final
        ? `The server refused with ${status}.`
        : `The server answered with ${status}. It is tried again by itself.`;
  }
}

interface Props {
  onRetry: () => void;
}

/** Instead of lines, while there are none. */
export function TroublePage({ trouble, onRetry }: Props & { trouble: Trouble }) {
  return (
    <div role="alert" className="flex flex-1 flex-col">
      <Empty
        icon={trouble.final ? <TriangleAlert /> : <Unplug />}
        title={trouble.status === 403 ? "You may not see this" : "The log cannot be read"}
        className="flex-1"
        action={<Button onClick={onRetry}>Try again</Button>}
      >
        {wordsOf(trouble)}
      </Empty>
    </div>
  );
}

/** Beside the lines that are there. */
export function TroubleBar({ trouble, onRetry }: Props & { trouble: Trouble | undefined }) {
  const [late, setLate] = useState(false);
  const has = trouble !== undefined;
  useEffect(() => {
    if (!has) return setLate(false);
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [has]);
  if (!trouble || !(late || trouble.final)) return null;
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line bg-amber-soft px-4 py-1 text-xs text-amber md:px-6"
    >
      <Unplug className="size-3.5 shrink-0" aria-hidden="true" />
      <span className="min-w-0 flex-1 basis-56">
        <strong className="font-semibold">The log is not read on.</strong> {wordsOf(trouble)}
      </span>
      <Button size="sm" onClick={onRetry}>
        Try again
      </Button>
    </div>
  );
}

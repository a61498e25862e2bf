import type { ReactNode } from "react";
import type { AttemptState } from "../api/types";

/** What a bar says besides its colour: three points, a tick, a cross, a gap, a question mark, a stroke, an arrow. */
const FORM: Record<AttemptState, ReactNode> = {
  live: <path d="M2.5 5h.01M5 5h.01M7.5 5h.01" />,
  succeeded: <path d="m2 5.3 2 2 4-4.4" />,
  failed: <path d="m2.3 2.3 5.4 5.4m0-5.4L2.3 7.7" />,
  lost: <path d="M1 5h2m4 0h2M5 2v1.6M5 6.4V8" />,
  asked: <path d="M3.2 3.4a1.8 1.8 0 1 1 2.6 1.7c-.6.3-.8.6-.8 1.1M5 8.4h.01" />,
  cancelled: <path d="m2.3 7.7 5.4-5.4" />,
  superseded: <path d="M1.5 5h7M6 2.5 8.5 5 6 7.5" />,
};

/** The sign of an attempt's state, on its bar. */
export function AttemptGlyph({ state, className }: { state: AttemptState; className?: string }) {
  return (
    <svg
      viewBox="0 0 10 10"
      className={className}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {FORM[state]}
    </svg>
  );
}

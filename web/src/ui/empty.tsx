import type { ReactNode } from "react";
import { asProblem } from "../api/problem";
import { Button } from "./button";
import { cx } from "./cx";

/** What a place shows that has nothing in it. */
export function Empty({
  icon,
  title,
  children,
  action,
  className,
  page = false,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  className?: string;
  /** It stands for the whole page. */
  page?: boolean;
}) {
  const Title = page ? "h1" : "h2";
  return (
    <div className={cx("flex flex-col items-center justify-center gap-2 px-6 py-12 text-center", className)}>
      {icon && <div className="mb-1 text-ink-3 [&_svg]:size-6">{icon}</div>}
      <Title className="text-base font-semibold">{title}</Title>
      {children && <div className="max-w-md text-ink-2 text-pretty">{children}</div>}
      {action && <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** What went wrong, what to do, and a way to try again. A refusal of permission says so. */
export function Failed({
  error,
  retry,
  className,
  page = false,
}: {
  error: unknown;
  retry?: () => void;
  className?: string;
  /** It stands for the whole page. */
  page?: boolean;
}) {
  const problem = asProblem(error);
  const denied = problem.status === 403;
  const absent = problem.status === 404;
  return (
    <div role="alert" className={className}>
      <Empty
        page={page}
        title={denied ? "You may not see this" : absent ? "There is no such thing here" : problem.title}
        action={retry && !denied && !absent ? <Button onClick={retry}>Try again</Button> : undefined}
      >
        <p>
          {denied
            ? "Your token's role does not allow it. Log in with one that has the role, or ask an admin."
            : absent
              ? "It was removed, or it belongs to an org that this login does not see."
              : problem.message}
        </p>
        {!denied && !absent && <p className="mt-1 text-ink-3">{problem.help}</p>}
        {problem.requestId && (
          <p className="mt-2 font-mono text-2xs text-ink-3">request {problem.requestId}</p>
        )}
      </Empty>
    </div>
  );
}

/** The form of what is being loaded. */
export function Skeleton({ rows = 6, className }: { rows?: number; className?: string }) {
  return (
    <div role="status" className={cx("flex flex-col gap-3 p-4", className)}>
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <div
          // The rows are all alike and never move.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          key={row}
          className="skeleton h-4"
          style={{ width: `${[88, 64, 76, 52, 82, 60][row % 6]}%` }}
        />
      ))}
    </div>
  );
}

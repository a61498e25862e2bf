import type { ReactNode } from "react";
import { cx } from "./cx";

/** The head of a page: where one is, what it is, and what can be done. */
export function PageHead({
  title,
  before,
  meta,
  actions,
  children,
}: {
  title: ReactNode;
  /** Where it belongs: a link to what is above. */
  before?: ReactNode;
  meta?: ReactNode;
  actions?: ReactNode;
  /** A row below: tabs, filters. */
  children?: ReactNode;
}) {
  return (
    <header className="border-b border-line bg-surface">
      <div
        className={cx(
          "flex flex-wrap gap-x-4 gap-y-2 px-4 pt-3.5 pb-3 md:px-6",
          before || meta ? "items-start" : "items-center",
        )}
      >
        <div className="min-w-0 flex-1 basis-44">
          {before && (
            <div className="mb-0.5 flex min-w-0 items-center gap-1.5 text-xs text-ink-3">{before}</div>
          )}
          <h1 className="text-lg font-semibold tracking-tight break-words">{title}</h1>
          {meta && (
            <div className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-2">
              {meta}
            </div>
          )}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </header>
  );
}

/** A titled part of a page. */
export function Section({
  title,
  note,
  actions,
  children,
  className,
  flush = false,
}: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Its content goes to the edges: a list. */
  flush?: boolean;
}) {
  return (
    <section className={cx("card min-w-0", className)} aria-label={title}>
      <div className="flex min-h-10 flex-wrap items-center gap-2 border-b border-line px-4 py-1.5">
        <h2 className="text-sm font-semibold">{title}</h2>
        {note && <span className="text-xs text-ink-3">{note}</span>}
        {actions && <div className="ml-auto flex items-center gap-1.5">{actions}</div>}
      </div>
      <div className={flush ? undefined : "p-4"}>{children}</div>
    </section>
  );
}

/** Pairs of a name and a value. */
export function Facts({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <dl
      className={cx(
        "grid grid-cols-[minmax(84px,auto)_minmax(0,1fr)] items-baseline gap-x-4 gap-y-2",
        className,
      )}
    >
      {children}
    </dl>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-3">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}

/** Text of a machine: a command, a log's end. */
export function Code({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <pre
      tabIndex={0}
      className={cx(
        "focus-inset overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs leading-relaxed whitespace-pre",
        className,
      )}
    >
      {children}
    </pre>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return (
    <kbd className="inline-flex h-4.5 min-w-4.5 items-center justify-center rounded-sm border border-line-strong bg-surface px-1 font-sans text-2xs text-ink-2">
      {children}
    </kbd>
  );
}

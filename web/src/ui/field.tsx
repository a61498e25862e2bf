import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./cx";

const BOX =
  "tap w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-ink transition-colors hover:border-ink-3 aria-invalid:border-red disabled:opacity-60";

/** A label, a control, a hint and what is wrong with it. */
export function Field({
  label,
  hint,
  error,
  children,
  className,
}: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": true | undefined;
  }) => ReactNode;
  className?: string;
}) {
  const id = useId();
  const about = hint || error ? `${id}-about` : undefined;
  return (
    <div className={cx("flex flex-col gap-1.5", className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": about, "aria-invalid": error ? true : undefined })}
      {about && (
        <p id={about} className={cx("text-xs", error ? "text-red" : "text-ink-3")}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...rest} className={cx(BOX, "h-8", className)} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...rest} className={cx(BOX, "py-2 leading-snug", className)} />;
}

/** The browser's own list: it works everywhere, with every way of pointing. */
export function Select({ className, children, ...rest }: ComponentProps<"select">) {
  return (
    <span className={cx("relative inline-flex", className)}>
      <select {...rest} className={cx(BOX, "h-8 appearance-none pr-7")}>
        {children}
      </select>
      <svg
        viewBox="0 0 12 12"
        className="pointer-events-none absolute top-1/2 right-2 size-3 -translate-y-1/2 text-ink-3"
        aria-hidden="true"
      >
        <path d="m3 4.5 3 3 3-3" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" />
      </svg>
    </span>
  );
}

/** A box to tick that fills its cell: what is around it can be pressed too. */
export function Tick({
  label,
  className = "size-full",
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { label: string }) {
  return (
    <label className={cx("grid cursor-pointer place-items-center", className)}>
      <input type="checkbox" {...rest} aria-label={label} className="size-3.5 accent-accent" />
    </label>
  );
}

export function Checkbox({
  label,
  className,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { label: ReactNode }) {
  return (
    <label className={cx("tap inline-flex items-center gap-2 text-sm", className)}>
      <input type="checkbox" {...rest} className="size-4 shrink-0 accent-accent" />
      {label}
    </label>
  );
}

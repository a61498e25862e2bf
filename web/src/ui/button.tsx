import { Link, type LinkProps } from "@tanstack/react-router";
import type { ComponentProps, ReactNode } from "react";
import { cx } from "./cx";

type Look = "primary" | "plain" | "quiet" | "danger";
type Size = "sm" | "md";

interface Common {
  look?: Look;
  size?: Size;
  /** A sign before the words; alone it needs `label`. */
  icon?: ReactNode;
  /** What it does, when it shows a sign only. */
  label?: string;
}

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-hover border-transparent shadow-lift",
  plain: "bg-surface text-ink border-line-strong hover:bg-hover shadow-lift",
  quiet: "bg-transparent text-ink-2 border-transparent hover:bg-hover hover:text-ink",
  danger: "bg-surface text-red border-line-strong hover:bg-red-soft shadow-lift",
};

function looks({ look = "plain", size = "md", icon }: Common, alone: boolean): string {
  return cx(
    "tap inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors select-none",
    "aria-disabled:opacity-50 disabled:opacity-50",
    size === "sm" ? "h-6.5 text-xs" : "h-8 text-sm",
    alone ? (size === "sm" ? "w-6.5" : "w-8") : size === "sm" ? "px-2" : "px-3",
    Boolean(icon) && !alone && (size === "sm" ? "pl-1.5" : "pl-2.5"),
    LOOKS[look],
  );
}

interface ButtonProps extends Common, Omit<ComponentProps<"button">, "disabled"> {
  /** Why it cannot be used now. It stays focusable, and says why. */
  blocked?: string | false | undefined;
  /** It is at work. */
  busy?: boolean | undefined;
}

export function Button({
  look,
  size,
  icon,
  label,
  blocked,
  busy,
  children,
  className,
  onClick,
  title,
  ...rest
}: ButtonProps) {
  const alone = children === undefined;
  const off = Boolean(blocked) || Boolean(busy);
  return (
    <button
      type="button"
      {...rest}
      aria-label={alone ? label : rest["aria-label"]}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      title={blocked || title || (alone ? label : undefined)}
      onClick={off ? (event) => event.preventDefault() : onClick}
      className={cx(looks({ look, size, icon }, alone), className)}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

type ButtonLinkProps = Common &
  LinkProps & { children?: ReactNode; className?: string; onClick?: () => void };

/** A link that looks like a button: it goes somewhere. */
export function ButtonLink({ look, size, icon, label, children, className, ...to }: ButtonLinkProps) {
  const alone = children === undefined;
  return (
    <Link
      {...to}
      aria-label={alone ? label : undefined}
      title={alone ? label : undefined}
      className={cx(looks({ look, size, icon }, alone), className)}
    >
      {icon}
      {children}
    </Link>
  );
}

export function Spinner() {
  return (
    <svg viewBox="0 0 16 16" className="size-3.5 animate-spin" aria-hidden="true">
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeOpacity=".25" strokeWidth="2" />
      <path d="M14 8a6 6 0 0 0-6-6" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}

import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { type ReactNode, useRef } from "react";
import { Button } from "./button";
import { cx } from "./cx";

/** A window over the page. Focus stays in it, Escape closes it unless it is held, and focus goes back. */
export function Dialog({
  open,
  onClose,
  title,
  description,
  children,
  footer,
  wide = false,
  plain = false,
  held = false,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  wide?: boolean;
  /** Without its head: the content is all there is. */
  plain?: boolean;
  /** Only its own buttons close it: what it shows, or waits for, is not shown again. */
  held?: boolean;
}) {
  const content = useRef<HTMLDivElement>(null);
  return (
    <Base.Root
      open={open}
      disablePointerDismissal={held}
      onOpenChange={(next) => !next && !held && onClose()}
    >
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-(--scrim) transition-opacity duration-(--quick) data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup
          // What was opened in order to write takes the first letter.
          initialFocus={() => content.current?.querySelector<HTMLElement>("input, textarea, select") ?? true}
          className={cx(
            "fixed top-[max(5vh,12px)] left-1/2 z-50 flex max-h-[88vh] w-[calc(100vw-24px)] -translate-x-1/2 flex-col overflow-hidden rounded-lg bg-raised text-ink shadow-pop outline-none sm:top-[10vh]",
            "transition-[opacity,translate] duration-(--quick) data-ending-style:opacity-0 data-starting-style:-translate-y-1 data-starting-style:opacity-0",
            wide ? "max-w-lg" : "max-w-md",
          )}
        >
          <div
            className={cx("flex items-start gap-3 border-b border-line py-3 pr-2.5 pl-4", plain && "sr-only")}
          >
            <div className="flex-1">
              <Base.Title className="text-base leading-8 font-semibold">{title}</Base.Title>
              {description && (
                <Base.Description render={<div />} className="text-ink-2">
                  {description}
                </Base.Description>
              )}
            </div>
            {!plain && !held && (
              <Button look="quiet" icon={<X className="size-4" />} label="Close" onClick={onClose} />
            )}
          </div>
          <div ref={content} className={cx("min-h-0 flex-1 overflow-y-auto", !plain && "p-4")}>
            {children}
          </div>
          {footer && (
            <div className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-3">{footer}</div>
          )}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

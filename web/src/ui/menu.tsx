import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import { cx } from "./cx";

export interface MenuAction {
  label: string;
  icon?: ReactNode;
  run: () => void;
  danger?: boolean;
  /** Why it cannot be chosen now. */
  blocked?: string | false | undefined;
}

/** A list of actions behind a button. Loaded with the pages that have one. */
export function Menu({ button, actions }: { button: ReactElement; actions: MenuAction[] }) {
  return (
    <Base.Root>
      <Base.Trigger render={button} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="z-50">
          <Base.Popup className="min-w-44 rounded-lg bg-raised p-1 text-sm shadow-pop outline-none transition-opacity duration-(--quick) data-ending-style:opacity-0 data-starting-style:opacity-0">
            {actions.map((action) => (
              <Base.Item
                key={action.label}
                disabled={Boolean(action.blocked)}
                title={action.blocked || undefined}
                onClick={action.run}
                className={cx(
                  "tap flex cursor-default items-center gap-2 rounded-md px-2 py-1.5 outline-none data-disabled:opacity-50 data-highlighted:bg-hover [&_svg]:size-3.5",
                  action.danger && "text-red",
                )}
              >
                {action.icon}
                {action.label}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

import type { ReactNode } from "react";
import { Dialog } from "../ui/dialog";

/** The navigation, where there is no room for it beside the page. */
export default function MenuSheet({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <Dialog open onClose={onClose} title="Menu">
      <div className="-m-4 h-[70vh]">{children}</div>
    </Dialog>
  );
}

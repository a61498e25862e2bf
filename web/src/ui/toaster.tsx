import { Toast } from "@base-ui/react/toast";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useEffect } from "react";
import { Button } from "./button";

/** What is said reaches the toasts through this, from anywhere. */
export const manager = Toast.createToastManager();

let isMounted: () => void;
/** Resolves once somebody listens to the manager. */
export const mounted = new Promise<void>((resolve) => {
  isMounted = resolve;
});

/** The corner of the page where things are said. */
export default function Toaster() {
  useEffect(() => isMounted(), []);
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-3 bottom-3 z-60 flex w-[min(360px,calc(100vw-24px))] flex-col gap-2">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="enter flex items-start gap-2.5 rounded-lg bg-raised p-3 text-sm shadow-pop transition-opacity data-ending-style:opacity-0"
    >
      {toast.type === "problem" ? (
        <CircleAlert className="mt-0.5 size-4 shrink-0 text-red" aria-hidden="true" />
      ) : (
        <CircleCheck className="mt-0.5 size-4 shrink-0 text-green" aria-hidden="true" />
      )}
      <div className="min-w-0 flex-1">
        <Toast.Title className="font-medium" />
        <Toast.Description className="text-ink-2" />
      </div>
      <Toast.Close
        render={<Button look="quiet" size="sm" icon={<X className="size-3.5" />} label="Dismiss" />}
      />
    </Toast.Root>
  ));
}

import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useTitle } from "../shell/title";
import { Empty, Failed } from "../ui/empty";

/** An address that leads nowhere. */
export function NotFound() {
  useTitle("Not found");
  return (
    <main className="grid min-h-[70vh] place-items-center">
      <Empty
        page
        icon={<Compass />}
        title="This address leads nowhere"
        action={
          <Link to="/" className="font-medium text-accent underline underline-offset-2">
            Go to the overview
          </Link>
        }
      >
        <p>Nothing is shown at {location.pathname}. A link may be cut short, or too old.</p>
      </Empty>
    </main>
  );
}

/** A page that could not be shown. */
export function RouteFailed({ error, reset }: { error: unknown; reset?: () => void }) {
  useTitle("Error");
  return (
    <main className="grid min-h-[70vh] place-items-center">
      <Failed page error={error} retry={() => (reset ? reset() : location.reload())} />
    </main>
  );
}

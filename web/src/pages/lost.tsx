import { Link, useRouter } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "../api/problem";
import { useTitle } from "../shell/title";
import { Empty, Failed } from "../ui/empty";

/** What takes the place of the shell. */
function Outside({ children }: { children: ReactNode }) {
  return <main className="grid min-h-dvh place-items-center">{children}</main>;
}

/** An address that leads nowhere. */
export function NotFound() {
  useTitle("Not found");
  return (
    <Outside>
      <Empty
        page
        icon={<Compass />}
        title="This address leads nowhere"
        action={
          <Link to="/" className="tap-text font-medium text-accent underline underline-offset-2">
            Go to the overview
          </Link>
        }
      >
        <p>Nothing is shown at {location.pathname}. A link may be cut short, or too old.</p>
      </Empty>
    </Outside>
  );
}

/** What a failed import is, in words. */
const NO_CODE = new Problem({
  status: 0,
  code: "no_code",
  title: "This page did not load",
  detail: "The server does not answer, or it has a newer dashboard by now.",
  help: "Try again: the dashboard is loaded anew as soon as the server answers.",
  request_id: "",
});

/** The app, or all of an org, could not be shown. */
export const RouteFailed = ({ error }: { error: unknown }) => (
  <Outside>
    <NotShown error={error} />
  </Outside>
);

/** A page could not be shown, within the shell, which is the landmark around it. */
export const PageFailed = ({ error }: { error: unknown }) => (
  <div className="grid min-h-[70vh] place-items-center">
    <NotShown error={error} />
  </div>
);

/** The server refused what is needed, or its code did not come. */
function NotShown({ error }: { error: unknown }) {
  useTitle("Error");
  const router = useRouter();
  const retry = async () => {
    if (error instanceof Problem) return router.invalidate();
    // Code that is missing is that of an older build: all of it is loaded anew, if there is a server.
    const health = await fetch("/api/health").catch(() => undefined);
    if (health?.ok) location.reload();
  };
  return <Failed page error={error instanceof TypeError ? NO_CODE : error} retry={() => void retry()} />;
}

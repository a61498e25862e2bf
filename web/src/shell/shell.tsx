import { CSPProvider } from "@base-ui/react/csp-provider";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Menu as MenuIcon } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Button } from "../ui/button";
import { Skeleton } from "../ui/empty";
import { whenWanted } from "../ui/toast";
import { useLab } from "./lab";
import { Mark } from "./mark";
import { NoticeWatcher } from "./notices";
import { suspendShortcuts, useShortcuts } from "./shortcuts";
import { Sidebar } from "./sidebar";
import { StaleBanner } from "./stale";
import { UnreadBanner } from "./unread";

const Palette = lazy(() => import("./palette"));
const Help = lazy(() => import("./help"));
const MenuSheet = lazy(() => import("./menu-sheet"));
const Toaster = lazy(() => import("../ui/toaster"));

type Over = "palette" | "help" | "menu" | null;

/** The frame of every page: navigation, palette, notices. */
export function Shell() {
  const { org } = useLab();
  const navigate = useNavigate();
  const [over, setOver] = useState<Over>(null);
  const [speaks, setSpeaks] = useState(false);
  useEffect(() => whenWanted(() => setSpeaks(true)), []);
  const go = (to: "/o/$org" | "/o/$org/board" | "/o/$org/agents" | "/o/$org/projects" | "/o/$org/new") =>
    void navigate({ to, params: { org } });
  useShortcuts([
    { keys: "g o", label: "Go to the overview", group: "Go", run: () => go("/o/$org") },
    { keys: "g b", label: "Go to the board", group: "Go", run: () => go("/o/$org/board") },
    { keys: "g a", label: "Go to agents", group: "Go", run: () => go("/o/$org/agents") },
    { keys: "g p", label: "Go to projects", group: "Go", run: () => go("/o/$org/projects") },
    { keys: "c", label: "Schedule new work", group: "Do", run: () => go("/o/$org/new") },
    { keys: "?", label: "Show shortcuts", group: "Do", run: () => setOver("help") },
  ]);
  useEffect(() => {
    const open = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setOver((now) => (now === "palette" ? null : "palette"));
    };
    addEventListener("keydown", open);
    return () => removeEventListener("keydown", open);
  }, []);
  useEffect(() => {
    suspendShortcuts(over !== null);
    return () => suspendShortcuts(false);
  }, [over]);
  useEffect(() => {
    // Loaded before it is asked for, so that the first letters are not lost.
    const timer = setTimeout(() => void import("./palette"), 1_500);
    return () => clearTimeout(timer);
  }, []);
  const close = () => setOver(null);
  const sidebar = (
    <Sidebar onPalette={() => setOver("palette")} onHelp={() => setOver("help")} onGo={close} />
  );
  return (
    <CSPProvider disableStyleElements>
      <a
        href="#main"
        className="sr-only z-60 rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the page
      </a>
      <div className="flex min-h-dvh flex-col md:grid md:grid-cols-[224px_minmax(0,1fr)]">
        <div className="hidden border-r border-line md:block">
          <div className="sticky top-0 h-dvh">{sidebar}</div>
        </div>
        <header className="flex items-center gap-2 border-b border-line bg-surface px-2 py-1 md:hidden">
          <Button
            look="quiet"
            icon={<MenuIcon className="size-4.5" />}
            label="Menu"
            onClick={() => setOver("menu")}
          />
          <Link to="/o/$org" params={{ org }} className="tap flex items-center gap-2 font-semibold">
            <Mark /> devlab
          </Link>
        </header>
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          <StaleBanner />
          <UnreadBanner />
          <main id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
            <Suspense fallback={<Skeleton rows={8} className="max-w-lg" />}>
              <Outlet />
            </Suspense>
          </main>
        </div>
      </div>
      <Suspense>
        {over === "palette" && <Palette onClose={close} onHelp={() => setOver("help")} />}
        {over === "help" && <Help onClose={close} />}
        {over === "menu" && <MenuSheet onClose={close}>{sidebar}</MenuSheet>}
        {speaks && <Toaster />}
      </Suspense>
      <NoticeWatcher />
    </CSPProvider>
  );
}

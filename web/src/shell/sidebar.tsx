import { useQuery } from "@tanstack/react-query";
import { Link, type LinkProps, useNavigate } from "@tanstack/react-router";
import {
  Bot,
  FolderGit2,
  Inbox,
  Keyboard,
  KeyRound,
  LogOut,
  Monitor,
  Moon,
  Plus,
  Scale,
  ScrollText,
  Search,
  SquareKanban,
  Sun,
} from "lucide-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { agents, orgs } from "../api/queries";
import { sessionOver } from "../router";
import { logOut } from "../session/session";
import { useInbox } from "../tasks/inbox";
import { shortId } from "../text/words";
import { Button, ButtonLink } from "../ui/button";
import { cx } from "../ui/cx";
import { Select } from "../ui/field";
import { Kbd } from "../ui/page";
import { chooseTheme, type Theme, theme, watchTheme } from "../ui/theme";
import { useLab } from "./lab";
import { Mark } from "./mark";
import { MAC } from "./shortcuts";

export function Sidebar({
  onPalette,
  onHelp,
  onGo,
}: {
  onPalette: () => void;
  onHelp: () => void;
  onGo: () => void;
}) {
  const { org, principal, notAdmin } = useLab();
  const inbox = useInbox(org);
  const waiting = inbox.items.length;
  const online = useQuery(agents(org)).data?.filter((agent) => agent.online).length;
  const params = { org };
  return (
    <aside aria-label="Navigation" className="flex h-full flex-col gap-3 bg-canvas px-2.5 py-3">
      <div className="flex items-center gap-2 px-1.5">
        <Mark />
        <OrgSwitch />
      </div>
      <div className="flex gap-1.5">
        <button
          type="button"
          onClick={onPalette}
          className="tap flex h-8 min-w-0 flex-1 items-center gap-2 rounded-md border border-line bg-surface px-2 text-ink-3 transition-colors hover:border-line-strong"
        >
          <Search className="size-3.5" aria-hidden="true" />
          <span className="flex-1 text-left">Find or do</span>
          <Kbd>{MAC ? "⌘K" : "Ctrl K"}</Kbd>
        </button>
        <ButtonLink
          to="/o/$org/new"
          params={params}
          icon={<Plus className="size-4" />}
          label="New work (c)"
          onClick={onGo}
        />
      </div>
      <nav aria-label="Pages" className="flex flex-col gap-px" onClickCapture={onGo}>
        <Item to="/o/$org" params={params} icon={<Inbox />} exact count={waiting} more={inbox.more} strong>
          Overview
        </Item>
        <Item to="/o/$org/board" params={params} icon={<SquareKanban />}>
          Board
        </Item>
        <Item to="/o/$org/agents" params={params} icon={<Bot />} count={online} about="online">
          Agents
        </Item>
        <Item to="/o/$org/projects" params={params} icon={<FolderGit2 />}>
          Projects
        </Item>
        <p className="eyebrow mt-4 mb-1 px-2">Administration</p>
        <Item to="/o/$org/admin/policy" params={params} icon={<Scale />}>
          Policy
        </Item>
        {!notAdmin && (
          <>
            <Item to="/o/$org/admin/tokens" params={params} icon={<KeyRound />}>
              Members
            </Item>
            <Item to="/o/$org/admin/audit" params={params} icon={<ScrollText />}>
              Audit log
            </Item>
          </>
        )}
      </nav>
      <div className="mt-auto flex items-center gap-0.5 border-t border-line pt-2">
        <div className="min-w-0 flex-1 px-1.5">
          <p className="truncate text-xs font-medium capitalize">{principal.role}</p>
          <p className="truncate text-2xs text-ink-3" title={principal.name}>
            {shortId(principal.name)}
          </p>
        </div>
        <ThemeSwitch />
        <Button
          look="quiet"
          size="sm"
          icon={<Keyboard className="size-4" />}
          label="Shortcuts (?)"
          onClick={onHelp}
        />
        <Button
          look="quiet"
          size="sm"
          icon={<LogOut className="size-4" />}
          label="Log out"
          onClick={() => void logOut().finally(sessionOver)}
        />
      </div>
    </aside>
  );
}

function Item({
  icon,
  children,
  count,
  more = false,
  about = "waiting for you",
  strong = false,
  exact = false,
  ...to
}: LinkProps & {
  icon: ReactNode;
  children: ReactNode;
  count?: number | undefined;
  /** There are more than that. */
  more?: boolean;
  about?: string;
  strong?: boolean;
  exact?: boolean;
}) {
  return (
    <Link
      {...to}
      activeOptions={{ exact, includeSearch: false }}
      className="tap group flex h-8 items-center gap-2.5 rounded-md px-2 font-medium text-ink-2 transition-colors hover:bg-hover hover:text-ink data-[status=active]:bg-sunken data-[status=active]:text-ink [&_svg]:size-4 [&_svg]:text-ink-3 data-[status=active]:[&_svg]:text-accent"
    >
      {icon}
      <span className="flex-1">{children}</span>
      {count ? (
        <span
          className={cx(
            "tnum rounded-full px-1.5 text-2xs leading-4.5",
            strong ? "bg-amber-soft font-semibold text-amber" : "text-ink-3",
          )}
        >
          {count > 99 ? "99+" : `${count}${more ? "+" : ""}`}
          <span className="sr-only"> {about}</span>
        </span>
      ) : null}
    </Link>
  );
}

/** The org, and the way to another one for those who see several. */
function OrgSwitch() {
  const { org, principal } = useLab();
  const navigate = useNavigate();
  const several = useQuery({ ...orgs, enabled: principal.org === null });
  const names = several.data?.map((one) => one.name) ?? [];
  if (principal.org || names.length < 2) {
    return <span className="truncate text-base font-semibold tracking-tight">{org}</span>;
  }
  return (
    <Select
      aria-label="Org"
      value={org}
      className="min-w-0 flex-1 [&_select]:h-7 [&_select]:border-transparent [&_select]:bg-transparent [&_select]:pl-1 [&_select]:text-base [&_select]:font-semibold"
      onChange={(event) => void navigate({ to: "/o/$org", params: { org: event.target.value } })}
    >
      {!names.includes(org) && <option>{org}</option>}
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </Select>
  );
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const THEME_ICON: Record<Theme, ReactNode> = {
  system: <Monitor className="size-4" />,
  light: <Sun className="size-4" />,
  dark: <Moon className="size-4" />,
};

function ThemeSwitch() {
  const now = useSyncExternalStore(watchTheme, theme);
  return (
    <Button
      look="quiet"
      size="sm"
      icon={THEME_ICON[now]}
      label={`Colours: ${now}`}
      onClick={() => chooseTheme(NEXT[now])}
    />
  );
}

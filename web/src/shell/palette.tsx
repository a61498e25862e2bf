import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import {
  Bot,
  Building2,
  FolderGit2,
  Inbox,
  Keyboard,
  KeyRound,
  LogOut,
  Plus,
  Scale,
  ScrollText,
  Search,
  SquareKanban,
  SunMoon,
} from "lucide-react";
import { type ReactNode, useDeferredValue, useState, useSyncExternalStore } from "react";
import { orgs, projects, tasksByText } from "../api/queries";
import { sessionOver } from "../router";
import { logOut } from "../session/session";
import { ACTION, ACTIONS, type Action, blockedFor, statesFor, useAct } from "../tasks/actions";
import { Dialog } from "../ui/dialog";
import { Kbd } from "../ui/page";
import { StateIcon, stateWords } from "../ui/state";
import { chooseTheme, type Theme, theme } from "../ui/theme";
import { useLab } from "./lab";
import { inForce, shortcutStore } from "./shortcuts";

const ITEM =
  "tap flex h-9 cursor-default items-center gap-2.5 rounded-md px-2.5 text-sm data-[selected=true]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 [&>svg]:text-ink-3";
const GROUP =
  "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-ink-3";

/** Every page, task, project and action, by a few letters. */
export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const { org, principal, notAdmin } = useLab();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const words = useDeferredValue(text.trim());
  const found = useQuery({
    ...tasksByText(org, words),
    enabled: words.length > 0,
    placeholderData: (before) => before,
  });
  const known = useQuery(projects(org)).data ?? [];
  const verb = verbOf(words);
  const several = useQuery({ ...orgs, enabled: principal.org === null }).data ?? [];
  const others = several.map((one) => one.name).filter((name) => name !== org);
  const sets = useSyncExternalStore(shortcutStore.subscribe, shortcutStore.get);
  // The page's own actions; those that go somewhere stand among the pages.
  const actions = inForce(sets).filter(
    (one) => one.group !== "Go" && !one.motion && one.keys !== "?" && one.keys !== "c",
  );
  const params = { org };
  const run = (act: () => void) => () => {
    onClose();
    act();
  };
  return (
    <Dialog open plain wide onClose={onClose} title="Find or do">
      <Command label="Find or do" loop className="flex max-h-[min(70vh,520px)] flex-col">
        <div className="flex items-center gap-2.5 border-b border-line px-4">
          <Search className="size-4 text-ink-3" aria-hidden="true" />
          <Command.Input
            value={text}
            onValueChange={setText}
            placeholder="A task, a page, an action; or: retry, cancel, approve …"
            className="h-12 flex-1 bg-transparent text-base outline-none"
          />
          <Kbd>Esc</Kbd>
        </div>
        <Command.List className="min-h-0 flex-1 overflow-y-auto p-1.5">
          <Command.Empty className="px-3 py-8 text-center text-ink-3">
            {found.isFetching ? "Looking…" : "Nothing fits."}
          </Command.Empty>
          {words && found.data && found.data.items.length > 0 && (
            <Command.Group heading="Goals and tasks" className={GROUP}>
              {found.data.items.map((task) => (
                <Command.Item
                  key={task.id}
                  value={`${task.title} ${task.id}`}
                  className={ITEM}
                  onSelect={run(
                    () =>
                      void navigate(
                        task.kind === "composite" && !task.parent
                          ? { to: "/o/$org/goals/$goal", params: { org, goal: task.id } }
                          : { to: "/o/$org/tasks/$task", params: { org, task: task.id } },
                      ),
                  )}
                >
                  <span className="flex">
                    <StateIcon state={task.state} />
                  </span>
                  <span className="min-w-0 flex-1 truncate">{task.title}</span>
                  <span className="shrink-0 text-xs text-ink-3">{stateWords(task)}</span>
                </Command.Item>
              ))}
            </Command.Group>
          )}
          {verb && <Deeds verb={verb} words={words.slice(verb.length)} onClose={onClose} />}
          <Command.Group heading="Go to" className={GROUP}>
            <Entry
              icon={<Inbox />}
              label="Overview"
              keys="g o"
              onSelect={run(() => void navigate({ to: "/o/$org", params }))}
            />
            <Entry
              icon={<SquareKanban />}
              label="Board"
              keys="g b"
              onSelect={run(() => void navigate({ to: "/o/$org/board", params }))}
            />
            <Entry
              icon={<Bot />}
              label="Agents and clusters"
              keys="g a"
              onSelect={run(() => void navigate({ to: "/o/$org/agents", params }))}
            />
            <Entry
              icon={<FolderGit2 />}
              label="Projects"
              keys="g p"
              onSelect={run(() => void navigate({ to: "/o/$org/projects", params }))}
            />
            <Entry
              icon={<Plus />}
              label="Schedule new work"
              keys="c"
              onSelect={run(() => void navigate({ to: "/o/$org/new", params }))}
            />
            <Entry
              icon={<Scale />}
              label="Policy"
              onSelect={run(() => void navigate({ to: "/o/$org/admin/policy", params }))}
            />
            {!notAdmin && (
              <>
                <Entry
                  icon={<KeyRound />}
                  label="Members and tokens"
                  onSelect={run(() => void navigate({ to: "/o/$org/admin/tokens", params }))}
                />
                <Entry
                  icon={<ScrollText />}
                  label="Audit log"
                  onSelect={run(() => void navigate({ to: "/o/$org/admin/audit", params }))}
                />
              </>
            )}
            <Entry icon={<Keyboard />} label="Keyboard shortcuts" keys="?" onSelect={run(onHelp)} />
          </Command.Group>
          {actions.length > 0 && (
            <Command.Group heading="On this page" className={GROUP}>
              {actions.map((one) => (
                <Entry key={one.keys} label={one.label} keys={one.keys} onSelect={run(one.run)} />
              ))}
            </Command.Group>
          )}
          {known.length > 0 && (
            <Command.Group heading="Projects" className={GROUP}>
              {known.map((project) => (
                <Entry
                  key={project.id}
                  icon={<FolderGit2 />}
                  label={project.name}
                  onSelect={run(
                    () =>
                      void navigate({
                        to: "/o/$org/projects/$project",
                        params: { org, project: project.id },
                      }),
                  )}
                />
              ))}
            </Command.Group>
          )}
          <Command.Group heading="This browser" className={GROUP}>
            {THEMES.filter((one) => one !== theme()).map((one) => (
              <Entry
                key={one}
                icon={<SunMoon />}
                label={one === "system" ? "Colours of the system" : `Colours: ${one}`}
                onSelect={run(() => chooseTheme(one))}
              />
            ))}
            {others.map((name) => (
              <Entry
                key={name}
                icon={<Building2 />}
                label={`Switch to org ${name}`}
                onSelect={run(() => void navigate({ to: "/o/$org", params: { org: name } }))}
              />
            ))}
            <Entry
              icon={<LogOut />}
              label="Log out"
              onSelect={run(() => void logOut().finally(sessionOver))}
            />
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}

const THEMES: readonly Theme[] = ["light", "dark", "system"];

/** The action that the text begins with: `retry`, as in `retry parser`. */
function verbOf(text: string): Action | undefined {
  const first = text.split(/\s/)[0]?.toLowerCase();
  return ACTIONS.find((one) => ACTION[one].label.toLowerCase() === first);
}

/** Tasks to which an action can be done, from any page. What ends work is asked for twice. */
function Deeds({ verb, words, onClose }: { verb: Action; words: string; onClose: () => void }) {
  const { org, readOnly } = useLab();
  const act = useAct(org);
  const [sure, setSure] = useState<string>();
  const { data } = useQuery({
    ...tasksByText(org, words.trim(), {
      name: verb,
      states: statesFor(verb),
      fits: (task) => !blockedFor(verb, task),
    }),
    enabled: !readOnly,
    placeholderData: (before) => before,
  });
  const able = data?.items ?? [];
  if (able.length === 0) return null;
  const { label, danger, icon } = ACTION[verb];
  return (
    <Command.Group heading={label} className={GROUP}>
      {able.map((task) => (
        <Command.Item
          key={task.id}
          value={`${label} ${task.title} ${task.id}`}
          className={ITEM}
          onSelect={() => {
            if (danger && sure !== task.id) {
              setSure(task.id);
              return;
            }
            onClose();
            void act(verb, [task]);
          }}
        >
          {icon}
          <span className="min-w-0 flex-1 truncate">
            {label} “{task.title}”
          </span>
          <span className={sure === task.id ? "shrink-0 text-xs text-red" : "shrink-0 text-xs text-ink-3"}>
            {sure === task.id ? "Once more to be sure" : stateWords(task)}
          </span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

function Entry({
  icon,
  label,
  keys,
  onSelect,
}: {
  icon?: ReactNode;
  label: string;
  keys?: string;
  onSelect: () => void;
}) {
  return (
    // Two keys may have one word, and are told apart by their value.
    <Command.Item value={keys ? `${label} ${keys}` : label} className={ITEM} onSelect={onSelect}>
      {icon}
      <span className="flex-1">{label}</span>
      {keys?.split(" ").map((key) => (
        <Kbd key={key}>{key}</Kbd>
      ))}
    </Command.Item>
  );
}

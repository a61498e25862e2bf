import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bot, Pause, Play, Server, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { api } from "../api/client";
import { agents as agentsQuery, attempts, clusters, keys, tasksIn, UNTOLD } from "../api/queries";
import type { Agent, Task } from "../api/types";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { attemptWords } from "../tasks/attempts";
import { TaskLink } from "../tasks/row";
import { count } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { Dialog } from "../ui/dialog";
import { Empty, Skeleton } from "../ui/empty";
import { Code, PageHead, Section } from "../ui/page";
import { StateIcon, Tag } from "../ui/state";
import { Ago } from "../ui/time";
import { tell, tellProblem } from "../ui/toast";

/** Who works, where, and on what. */
export function AgentsPage() {
  useTitle("Agents");
  const { org } = useLab();
  // An agent that is gone tells nobody.
  const query = useQuery({ ...agentsQuery(org), ...UNTOLD });
  const places = useQuery({ ...clusters(org), ...UNTOLD });
  const running = useQuery(tasksIn(org, ["running", "integrating"]));
  const byAttempt = useMemo(
    () =>
      new Map(
        running.data?.items
          .filter((task) => task.live_attempt)
          .map((task) => [task.live_attempt ?? "", task]),
      ),
    [running.data],
  );
  // An attempt of no task verifies a merge; as long as not all tasks are known it may be anything.
  const knowsAll = running.isSuccess && !running.isFetching && !running.data.more;
  const other = knowsAll ? "verifies a merge" : running.isError ? "busy; on what could not be read" : "busy";
  const online = query.data?.filter((agent) => agent.online) ?? [];
  return (
    <>
      <PageHead
        title="Agents"
        meta={
          query.data && (
            <>
              <span>
                {online.length} of {count(query.data.length, "agent")} online
              </span>
              <span>
                {count(
                  online.reduce((sum, agent) => sum + agent.capacity, 0),
                  "slot",
                )}
              </span>
            </>
          )
        }
      />
      <div className="flex flex-col gap-4 p-4 md:px-6">
        <Section title="Agents" flush>
          <Ask query={query} loading={<Skeleton rows={5} />}>
            {(list) =>
              list.length === 0 ? (
                <Empty icon={<Bot />} title="No agents yet">
                  <p>Work waits until one is there. Start one on this machine or on another:</p>
                  <Code className="mt-3 text-left">devlab agent --name laptop --capacity 2</Code>
                </Empty>
              ) : (
                <ul className="divide-y divide-line">
                  {sorted(list).map((agent) => (
                    <AgentRow key={agent.id} agent={agent} byAttempt={byAttempt} other={other} />
                  ))}
                </ul>
              )
            }
          </Ask>
        </Section>
        <Section title="Clusters" note="registered places where agents run" flush>
          <Ask query={places} loading={<Skeleton rows={2} />}>
            {(list) =>
              list.length === 0 ? (
                <Empty icon={<Server />} title="No clusters yet" className="py-8">
                  Agents can work without one. A cluster is a place whose agents the server starts or counts.
                </Empty>
              ) : (
                <ul className="divide-y divide-line">
                  {list.map((cluster) => (
                    <li
                      key={cluster.name}
                      className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5"
                    >
                      <span className="font-medium">{cluster.name}</span>
                      <Tag>{cluster.runtime}</Tag>
                      <span className="text-ink-2">{count(cluster.agents, "agent")} online</span>
                      {cluster.capacity > 0 && (
                        <span className="text-xs text-ink-3">
                          the server starts {cluster.capacity} itself
                        </span>
                      )}
                      <span className="text-xs text-ink-3">
                        isolation: {cluster.isolation}
                        {cluster.isolation === "process" && ", which is policy, not protection"}
                      </span>
                    </li>
                  ))}
                </ul>
              )
            }
          </Ask>
        </Section>
      </div>
    </>
  );
}

/** Those that work first, then those that could, then those that are gone. */
function sorted(list: readonly Agent[]): Agent[] {
  const rank = (agent: Agent) => (agent.attempts.length > 0 ? 0 : agent.online ? 1 : 2);
  return list.toSorted(
    (a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

function AgentRow({
  agent,
  byAttempt,
  other,
}: {
  agent: Agent;
  byAttempt: ReadonlyMap<string, Task>;
  /** What it does in an attempt that is of none of the tasks. */
  other: string;
}) {
  const { org, notAdmin } = useLab();
  const client = useQueryClient();
  const [asks, setAsks] = useState(false);
  const params = { path: { id: agent.id } };
  const run = async (what: string, send: () => Promise<unknown>) => {
    try {
      await send();
      tell(`${agent.name} ${what}`);
    } catch (error) {
      tellProblem("The agent was not changed", error);
    }
    await client.invalidateQueries({ queryKey: keys.agents(org) });
  };
  const remove = () => {
    setAsks(false);
    void run("was removed", () => api.DELETE("/v1/agents/{id}", { params }));
  };
  return (
    <li className="grid items-start gap-x-4 gap-y-2 px-4 py-3 sm:grid-cols-[minmax(160px,1fr)_minmax(0,2fr)_auto]">
      <div className="min-w-0">
        <p className="flex items-center gap-2">
          <span
            className={cx(
              "size-2 shrink-0 rounded-full border",
              agent.online ? "border-green bg-green" : "border-ink-3",
            )}
            aria-hidden="true"
          />
          <span className="truncate font-medium">{agent.name}</span>
          <span className="sr-only">{agent.online ? "online" : "offline"}</span>
          {agent.draining && <Tag hue="amber">draining</Tag>}
          {!agent.online && <Tag>offline</Tag>}
        </p>
        <p className="mt-0.5 flex flex-wrap items-center gap-1.5 text-xs text-ink-3">
          {agent.runtime} · seen <Ago at={agent.seen_at} />
        </p>
        {agent.labels.length > 0 && (
          <p className="mt-1.5 flex flex-wrap gap-1">
            {agent.labels.map((label) => (
              <Tag key={label}>{label}</Tag>
            ))}
          </p>
        )}
      </div>
      <div className="min-w-0">
        <Slots used={agent.attempts.length} of={agent.capacity} />
        <ul className="mt-1 flex flex-col gap-0.5">
          {agent.attempts.map((id) => {
            const task = byAttempt.get(id);
            return task ? (
              <Work key={id} org={org} task={task} attempt={id} />
            ) : (
              <li key={id} className="text-xs text-ink-3">
                {other}
              </li>
            );
          })}
        </ul>
      </div>
      <div className="flex gap-1.5">
        {agent.draining ? (
          <Button
            size="sm"
            icon={<Play className="size-3.5" />}
            blocked={notAdmin}
            onClick={() => void run("takes work again", () => api.POST("/v1/agents/{id}/resume", { params }))}
          >
            Resume
          </Button>
        ) : (
          <Button
            size="sm"
            icon={<Pause className="size-3.5" />}
            blocked={notAdmin}
            onClick={() => void run("takes no new work", () => api.POST("/v1/agents/{id}/drain", { params }))}
          >
            Drain
          </Button>
        )}
        <Button
          size="sm"
          look="danger"
          icon={<Trash2 className="size-3.5" />}
          label={`Remove ${agent.name}`}
          blocked={
            notAdmin ||
            (agent.attempts.length > 0
              ? `It holds ${count(agent.attempts.length, "attempt")}: drain it, and wait until they end`
              : undefined)
          }
          onClick={() => setAsks(true)}
        />
      </div>
      <Dialog
        open={asks}
        onClose={() => setAsks(false)}
        title={`Remove ${agent.name}?`}
        footer={
          <>
            <Button onClick={() => setAsks(false)}>Keep</Button>
            <Button look="danger" onClick={remove}>
              Remove
            </Button>
          </>
        }
      >
        <p className="text-ink-2">It is forgotten. If its process still runs, it registers again.</p>
      </Dialog>
    </li>
  );
}

function Slots({ used, of }: { used: number; of: number }) {
  const SHOWN = 24;
  return (
    <p className="flex items-center gap-2 text-xs text-ink-3">
      <span className="flex flex-wrap gap-0.5" aria-hidden="true">
        {Array.from({ length: Math.min(of, SHOWN) }, (_, slot) => (
          <span
            // Slots are all alike.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            key={slot}
            className={cx(
              "h-2.5 w-3.5 rounded-xs border",
              slot < used ? "border-blue bg-blue" : "border-line-strong",
            )}
          />
        ))}
      </span>
      {used} of {count(of, "slot")} in use
    </p>
  );
}

function Work({ org, task, attempt }: { org: string; task: Task; attempt: string }) {
  const live = useQuery(attempts(task.id)).data?.find((one) => one.id === attempt);
  return (
    <li className="flex min-w-0 items-center gap-2 text-xs">
      <StateIcon state={task.state} className="size-3" />
      <TaskLink org={org} task={task} className="tap-text truncate hover:underline" />
      {live && <span className="shrink-0 text-ink-3">{attemptWords(live)}</span>}
      <Link
        to="/o/$org/tasks/$task"
        params={{ org, task: task.id }}
        search={{ tab: "log", attempt }}
        className="tap inline-flex min-h-6 shrink-0 items-center font-medium text-accent hover:underline"
      >
        Log
      </Link>
    </li>
  );
}

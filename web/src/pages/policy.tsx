import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Gauge, PencilLine } from "lucide-react";
import { ASIDE, policy, projects, UNTOLD } from "../api/queries";
import type { PolicyRevision, PolicyView } from "../api/types";
import { EditPolicy } from "../policy/edit";
import { GROUPS, isSaidAt } from "../policy/fields";
import { asRead, type Said, written } from "../policy/form";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { Person } from "../tasks/person";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { cx } from "../ui/cx";
import { Empty, Skeleton } from "../ui/empty";
import { Select } from "../ui/field";
import { Code, PageHead, Section } from "../ui/page";
import { Tag } from "../ui/state";
import { Ago } from "../ui/time";

const route = getRouteApi("/o/$org/admin/policy");

/** What needs whom, and how much runs: of the org, of a project, or of a goal. */
export function PolicyPage() {
  useTitle("Policy");
  const { org, readOnly, notAdmin } = useLab();
  const { project, goal, edit } = route.useSearch();
  const navigate = useNavigate({ from: "/o/$org/admin/policy" });
  const known = useQuery({ ...projects(org), ...ASIDE }).data ?? [];
  // How much runs is told by no event. What is being edited stays as it was read.
  const query = useQuery({ ...policy(org, project, goal), ...(edit ? {} : UNTOLD) });
  const of = goal ? { goal } : project ? { project } : {};
  return (
    <>
      <PageHead
        title="Policy"
        meta={<span>What a person approves and reviews, what is tried again, and how much runs.</span>}
        actions={
          !edit && (
            <Button
              look="primary"
              icon={<PencilLine className="size-4" />}
              blocked={project || goal ? readOnly : notAdmin}
              onClick={() => void navigate({ search: { ...of, edit: "form" } })}
            >
              Edit
            </Button>
          )
        }
      >
        <div className="px-4 pb-3 md:px-6">
          <Select
            aria-label="Policy of"
            value={goal ? "goal" : (project ?? "")}
            onChange={(event) =>
              void navigate({ search: event.target.value ? { project: event.target.value } : {} })
            }
          >
            <option value="">The org {org}</option>
            {goal && <option value="goal">{query.data ? `Goal ${query.data.level.name}` : "A goal"}</option>}
            {known.map((one) => (
              <option key={one.id} value={one.id}>
                Project {one.name}
              </option>
            ))}
          </Select>
        </div>
      </PageHead>
      <div className="max-w-3xl p-4 md:px-6">
        <Ask query={query} loading={<Skeleton rows={10} />}>
          {(view) =>
            edit ? (
              <EditPolicy
                key={view.level.id}
                org={org}
                view={view}
                mode={edit}
                onMode={(mode) => void navigate({ search: { ...of, edit: mode }, replace: true })}
                onDone={() => void navigate({ search: of })}
              />
            ) : (
              <Shown view={view} />
            )
          }
        </Ask>
      </div>
    </>
  );
}

function Shown({ view }: { view: PolicyView }) {
  return (
    <div className="flex flex-col gap-4">
      <Limits view={view} />
      <InForce view={view} />
      <Own view={view} />
      {view.before.length > 0 && (
        <Section title="Before" note="newest first" flush>
          <ul className="divide-y divide-line">
            {view.before.map((one) => (
              <li key={one.number}>
                <details>
                  <summary className="tap flex flex-wrap items-center gap-x-3 px-4 py-2 hover:bg-hover">
                    <By revision={one} />
                  </summary>
                  <div className="px-4 pb-3">
                    <Code>{written(one.policy as unknown as Said)}</Code>
                  </div>
                </details>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </div>
  );
}

function By({ revision }: { revision: PolicyRevision }) {
  return (
    <>
      <span className="font-medium">Number {revision.number}</span>
      <span className="text-xs text-ink-3">
        by <Person name={revision.by} />, <Ago at={revision.at} />
      </span>
      {revision.why && <span className="min-w-0 text-ink-2">{revision.why}</span>}
    </>
  );
}

const LEVEL: Record<string, string> = { org: "org", project: "project", goal: "goal" };

function Own({ view }: { view: PolicyView }) {
  const { own, level } = view;
  const empty = !own || Object.keys(own.policy).length === 0;
  return (
    <Section title={`What the ${LEVEL[level.kind] ?? level.kind} says itself`}>
      {own && (
        <p className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-1">
          <By revision={own} />
        </p>
      )}
      {empty ? (
        <p className="text-ink-3">
          Nothing: {level.kind === "org" ? "the defaults hold" : "what the less specific levels say holds"}.
        </p>
      ) : (
        <Code>{written(own.policy as unknown as Said)}</Code>
      )}
    </Section>
  );
}

function Limits({ view }: { view: PolicyView }) {
  return (
    <Section title="How much runs" note="limits of all levels hold together" flush>
      {view.limits.length === 0 ? (
        <Empty icon={<Gauge />} title="No limits" className="py-8">
          As much runs at one time as agents have slots.
        </Empty>
      ) : (
        <ul className="divide-y divide-line">
          {view.limits.map((limit) => (
            <li
              key={`${limit.from} ${limit.of ?? ""}`}
              className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2"
            >
              <span className="min-w-0 flex-1 basis-40">
                {limit.of ? <code className="font-mono text-xs">{limit.of}</code> : "all attempts"}
              </span>
              <Tag>{limit.from}</Tag>
              <meter
                className="meter w-28"
                min={0}
                max={Math.max(limit.most, 1)}
                value={Math.min(limit.used, Math.max(limit.most, 1))}
                aria-label={`Used of ${limit.of ?? "all attempts"}`}
              />
              <span className={cx("w-20 text-right", limit.used > limit.most && "text-amber")}>
                {limit.used} of {limit.most}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** Every field with the value that counts, and who says it. */
function InForce({ view }: { view: PolicyView }) {
  return (
    <Section title="What is in force" note="for what is made or approved from now on" flush>
      {GROUPS.map((group) => {
        const rows = group.fields.flatMap((field) => {
          const found = view.fields.find((one) => one.name === field.name);
          return found && isSaidAt(field, view) ? [{ field, found }] : [];
        });
        if (rows.length === 0) return null;
        return (
          <section
            key={group.title}
            aria-label={group.title}
            className="border-b border-line last:border-b-0"
          >
            <h3 className="eyebrow px-4 pt-3">{group.title}</h3>
            <p className="px-4 pb-1 text-xs text-ink-3">{group.about}</p>
            <dl className="pb-2">
              {rows.map(({ field, found }) => (
                <div
                  key={field.name}
                  className="flex flex-wrap items-baseline gap-x-3 px-4 py-1 hover:bg-hover"
                  title={`${field.name}: ${field.about}`}
                >
                  <dt
                    className={cx("min-w-0 flex-1 basis-36 text-ink-2", field.name.endsWith("_ms") && "pl-4")}
                  >
                    {field.label}
                  </dt>
                  <dd className="flex min-w-0 flex-1 basis-40 items-baseline justify-between gap-3">
                    <span className={found.from === "default" ? "text-ink-2" : "font-medium"}>
                      {found.value === null ? openWords(field.name) : asRead(field, found.value)}
                    </span>
                    <span className="text-xs text-ink-3">
                      {found.from === "default" ? (
                        "default"
                      ) : (
                        <Tag hue="blue">
                          {found.from} {found.number}
                        </Tag>
                      )}
                    </span>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        );
      })}
    </Section>
  );
}

/** What holds where nobody says anything and there is no one value. */
function openWords(name: string): string {
  if (name === "approvals.plan") return "planned goals wait";
  if (name === "reviews") return "goals, unless a request says no";
  if (name.startsWith("time_limits.")) return "their own limits";
  if (name.endsWith("first_ms")) return "no pause";
  return "not said";
}

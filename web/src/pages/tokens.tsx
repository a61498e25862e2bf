import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Check, KeyRound, Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { api, body } from "../api/client";
import { asProblem } from "../api/problem";
import { keys, tokens, UNTOLD } from "../api/queries";
import type { NewToken, Token } from "../api/types";
import { useLab } from "../shell/lab";
import { useTitle } from "../shell/title";
import { useWhose, Whose } from "../shell/whose";
import { shortId } from "../text/words";
import { Ask } from "../ui/ask";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { cx } from "../ui/cx";
import { Dialog } from "../ui/dialog";
import { Empty } from "../ui/empty";
import { Checkbox, Field, Input, Select } from "../ui/field";
import { Code, PageHead, Section } from "../ui/page";
import { Tag } from "../ui/state";
import { Ago, useNow } from "../ui/time";
import { tell, tellProblem } from "../ui/toast";

const route = getRouteApi("/o/$org/admin/tokens");

const ROLES = [
  ["viewer", "reads everything of the org"],
  ["operator", "also changes projects and tasks, and reviews"],
  ["admin", "also changes tokens and agents"],
  ["agent", "claims tasks and works on them, and nothing else"],
] as const;

/** What each role may do, in the order of `ROLES`. */
const MAY: ReadonlyArray<[what: string, viewer: boolean, operator: boolean, admin: boolean, agent: boolean]> =
  [
    ["See goals, tasks, logs, patches and files", true, true, true, false],
    ["Schedule, approve, answer, cancel and retry", false, true, true, false],
    ["Review patches; set policies of projects and goals", false, true, true, false],
    ["Push to repositories", false, true, true, false],
    ["Make and revoke tokens, drain and remove agents", false, false, true, false],
    ["Read the audit log; set the org's policy; export it", false, false, true, false],
    ["Claim tasks, and deliver their results", false, false, false, true],
  ];

/** Who may do what: tokens of the org. */
export function TokensPage() {
  useTitle("Members and tokens");
  const { principal, notAdmin } = useLab();
  const { of, show } = route.useSearch();
  const org = useWhose(of);
  const navigate = useNavigate({ from: "/o/$org/admin/tokens" });
  const query = useQuery({ ...tokens(org), ...UNTOLD });
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  const now = useNow(60_000);
  const ended = (token: Token) =>
    Boolean(token.revoked_at) || Boolean(token.expires_at && Date.parse(token.expires_at) < now);
  return (
    <>
      <PageHead
        title="Members and tokens"
        meta={
          <span>
            A token is who a person, a program or an agent is. Its secret is shown once, when it is made.
          </span>
        }
        actions={
          <Button
            look="primary"
            icon={<Plus className="size-4" />}
            blocked={notAdmin}
            onClick={() => setMaking(true)}
          >
            New token
          </Button>
        }
      />
      <div className="flex max-w-2xl flex-col gap-3 p-4 md:px-6">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Whose
            of={of}
            onChange={(next) =>
              void navigate({
                search: { ...(next ? { of: next } : {}), ...(show ? { show } : {}) },
                replace: true,
              })
            }
          />
          <Checkbox
            label="Show those that have ended"
            checked={show === "all"}
            onChange={(event) =>
              void navigate({
                search: { ...(of ? { of } : {}), ...(event.target.checked ? { show: "all" } : {}) },
                replace: true,
              })
            }
          />
        </div>
        <Ask query={query}>
          {(list) => {
            const shown = list.filter((token) => show === "all" || !ended(token));
            const members = shown.filter((token) => token.role !== "agent");
            const agents = shown.filter((token) => token.role === "agent");
            const rows = (tokens: readonly Token[]) =>
              tokens.map((token) => (
                <Row
                  key={token.id}
                  token={token}
                  own={token.id === principal.name}
                  ended={ended(token)}
                  blocked={notAdmin}
                  onRevoke={() => setRevoking(token)}
                />
              ));
            return (
              <>
                <Section
                  title={org ? "Members" : "Of the lab"}
                  note={
                    org
                      ? "people, and programs that act for them"
                      : "they look after it and see every org, or read its metrics"
                  }
                  flush
                >
                  {members.length === 0 ? (
                    <Empty
                      icon={<KeyRound />}
                      title={`Nobody has a token of this ${org ? "org" : "kind"}`}
                      className="py-8"
                    >
                      Make one for each person and program, so that the audit log tells them apart.
                    </Empty>
                  ) : (
                    <ul className="divide-y divide-line">{rows(members)}</ul>
                  )}
                </Section>
                {agents.length > 0 && (
                  <Section title="Agents" note="they claim tasks" flush>
                    <ul className="divide-y divide-line">{rows(agents)}</ul>
                  </Section>
                )}
              </>
            );
          }}
        </Ask>
        <Roles />
      </div>
      {making && <Make org={org} onClose={() => setMaking(false)} />}
      {revoking && <Revoke org={org} token={revoking} onClose={() => setRevoking(undefined)} />}
    </>
  );
}

function Row({
  token,
  own,
  ended,
  blocked,
  onRevoke,
}: {
  token: Token;
  own: boolean;
  ended: boolean;
  blocked: string | false;
  onRevoke: () => void;
}) {
  return (
    <li
      className={cx(
        "grid grid-cols-[80px_minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1 px-4 py-2.5 sm:grid-cols-[80px_minmax(0,1fr)_110px_150px_auto]",
        ended && "text-ink-3",
      )}
    >
      <span>
        <Tag hue={token.role === "admin" ? "amber" : "grey"}>{token.role}</Tag>
      </span>
      <span className="min-w-0 truncate" title={token.note}>
        {token.note || <span className="text-ink-3">no note</span>}
        {own && <span className="ml-2 text-xs text-ink-3">this login</span>}
      </span>
      <span className="max-sm:row-span-2 sm:order-last">
        <Button
          size="sm"
          look="danger"
          blocked={blocked || (ended && "It has ended already.")}
          onClick={onRevoke}
        >
          Revoke
        </Button>
      </span>
      <code className="font-mono text-xs text-ink-3" title={token.id}>
        {shortId(token.id)}
      </code>
      <span className="text-xs text-ink-3 sm:text-right">
        {token.revoked_at ? (
          <>
            revoked <Ago at={token.revoked_at} />
          </>
        ) : token.expires_at ? (
          `ends ${new Date(token.expires_at).toLocaleDateString()}`
        ) : (
          <>
            made <Ago at={token.created_at} />
          </>
        )}
      </span>
    </li>
  );
}

/** What each role may do. */
function Roles() {
  return (
    <Section title="Roles" note="a role is fixed when its token is made" flush>
      <div className="focus-inset relative overflow-x-auto" tabIndex={0} role="group" aria-label="Roles">
        <table className="w-full text-left">
          <thead className="text-xs text-ink-3">
            <tr className="border-b border-line [&_th]:px-3 [&_th]:py-2 [&_th]:font-medium [&_th]:first:pl-4">
              <th scope="col">
                <span className="sr-only">What</span>
              </th>
              {ROLES.map(([role]) => (
                <th key={role} scope="col" className="w-20 text-center">
                  {role}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {MAY.map(([what, ...may]) => (
              <tr key={what} className="border-b border-line last:border-b-0 [&>*]:px-3 [&>*]:py-1.5">
                <th scope="row" className="min-w-56 pl-4! font-normal">
                  {what}
                </th>
                {ROLES.map(([role], at) => (
                  <td key={role} className="text-center">
                    {may[at] ? (
                      <>
                        <Check className="mx-auto size-4 text-green" aria-hidden="true" />
                        <span className="sr-only">yes</span>
                      </>
                    ) : (
                      <>
                        <span aria-hidden="true" className="text-ink-3">
                          –
                        </span>
                        <span className="sr-only">no</span>
                      </>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

const DAY_SECS = 24 * 3600;

/** Roles of tokens that belong to no org. */
const ROLES_OF_LAB = [
  ["admin", "looks after the whole lab, and may do everything in every org"],
  ["metrics", "reads the metrics of the lab, and nothing else"],
] as const;

/** A new token of an org, or without one of the lab itself. */
function Make({ org, onClose }: { org: string | undefined; onClose: () => void }) {
  const client = useQueryClient();
  const roles = org ? ROLES : ROLES_OF_LAB;
  const [role, setRole] = useState<string>(org ? "viewer" : "metrics");
  const [note, setNote] = useState("");
  const [days, setDays] = useState("90");
  const [made, setMade] = useState<NewToken>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // The server takes no key for it: two requests are two tokens, of which one is never seen.
    if (busy) return;
    setBusy(true);
    try {
      setMade(
        await body(
          api.POST("/v1/tokens", {
            body: {
              ...(org ? { org } : {}),
              role,
              note,
              ...(days ? { expires_in_secs: Number(days) * DAY_SECS } : {}),
            },
          }),
        ),
      );
      await client.invalidateQueries({ queryKey: keys.tokens(org) });
    } catch (cause) {
      setError(asProblem(cause).message);
      setBusy(false);
    }
  };
  if (made) {
    return (
      <Dialog
        open
        held
        onClose={onClose}
        title="The token's secret"
        footer={
          <Button look="primary" onClick={onClose}>
            I have kept it
          </Button>
        }
      >
        <p className="mb-3 text-ink-2">It is shown this once and stored nowhere. Copy it now.</p>
        <div className="flex items-center gap-2">
          <Code className="min-w-0 flex-1">{made.secret}</Code>
          <CopyButton text={made.secret} label="Copy the secret" />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      held={busy}
      onClose={onClose}
      title={org ? "New token" : "New token of the lab"}
      footer={
        <>
          <Button blocked={busy && "It is being made."} onClick={onClose}>
            Cancel
          </Button>
          <Button look="primary" type="submit" form="new-token" busy={busy}>
            Make it
          </Button>
        </>
      }
    >
      <form id="new-token" onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        <Field label="Role" hint={roles.find(([name]) => name === role)?.[1]}>
          {(control) => (
            <Select {...control} value={role} onChange={(event) => setRole(event.target.value)}>
              {roles.map(([name]) => (
                <option key={name}>{name}</option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="What it is for" error={error}>
          {(control) => (
            <Input
              {...control}
              value={note}
              onChange={(event) => setNote(event.target.value)}
              placeholder="Ada's laptop"
            />
          )}
        </Field>
        <Field label="It ends">
          {(control) => (
            <Select {...control} value={days} onChange={(event) => setDays(event.target.value)}>
              <option value="7">in a week</option>
              <option value="90">in 90 days</option>
              <option value="365">in a year</option>
              <option value="">never</option>
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}

function Revoke({ org, token, onClose }: { org: string | undefined; token: Token; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = async () => {
    onClose();
    try {
      await api.DELETE("/v1/tokens/{id}", { params: { path: { id: token.id } } });
      tell("The token was revoked");
      await client.invalidateQueries({ queryKey: keys.tokens(org) });
    } catch (error) {
      tellProblem("The token was not revoked", error);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Revoke this token?"
      footer={
        <>
          <Button onClick={onClose}>Keep</Button>
          <Button look="danger" onClick={() => void revoke()}>
            Revoke
          </Button>
        </>
      }
    >
      <p className="text-ink-2">
        {token.note ? `“${token.note}”` : "It"} stops working at once, its sessions and streams too. That
        cannot be undone.
      </p>
    </Dialog>
  );
}

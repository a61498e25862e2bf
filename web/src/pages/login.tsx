import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { asProblem } from "../api/problem";
import { logIn } from "../session/session";
import { Mark } from "../shell/mark";
import { useTitle } from "../shell/title";
import { Button } from "../ui/button";
import { Field, Input } from "../ui/field";

const route = getRouteApi("/login");

/** Log in with a token, or by the one-time link whose code stands behind `#`. */
export function LoginPage() {
  useTitle("Log in");
  const { next } = route.useSearch();
  const navigate = useNavigate();
  const [token, setToken] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const used = useRef(false);

  const enter = useCallback(
    async (credentials: { token: string } | { code: string }) => {
      setBusy(true);
      setError(undefined);
      try {
        const who = await logIn(credentials);
        if (next) await navigate({ href: next, replace: true });
        else if (who.org) await navigate({ to: "/o/$org", params: { org: who.org.name }, replace: true });
        else await navigate({ to: "/", replace: true });
      } catch (cause) {
        const problem = asProblem(cause);
        const refused = problem.status === 401 || problem.status === 403 || problem.status === 404;
        setError(
          refused
            ? "code" in credentials
              ? "This link was used already, or is too old. Log in with a token instead."
              : "The lab does not know this token, or it has ended."
            : `${problem.message} ${problem.help}`,
        );
        setBusy(false);
      }
    },
    [navigate, next],
  );

  useEffect(() => {
    const code = location.hash.slice(1);
    if (!code || used.current) return;
    used.current = true;
    // The code is good for one use; it must not stay in the history.
    history.replaceState(history.state, "", location.pathname + location.search);
    void enter({ code });
  }, [enter]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (token.trim()) void enter({ token: token.trim() });
    else setError("Paste a token.");
  };

  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-5" noValidate>
        <div className="flex flex-col gap-3">
          <Mark className="size-9" />
          <div>
            <h1 className="text-xl font-semibold tracking-tight">Log in to devlab</h1>
            <p className="mt-1 text-ink-2">
              The lab's token is in <code className="font-mono text-xs">credentials.json</code> in its data
              folder.
            </p>
          </div>
        </div>
        <Field
          label="Token"
          error={error}
          hint={
            <>
              <code className="font-mono">devlab token create</code> makes one for somebody else.
            </>
          }
        >
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="current-password"
              spellCheck={false}
              // The page has one field, and nothing else to read first.
              autoFocus
              value={token}
              onChange={(event) => setToken(event.target.value)}
              className="h-9 font-mono"
            />
          )}
        </Field>
        <Button look="primary" type="submit" busy={busy} className="h-9">
          Log in
        </Button>
      </form>
    </main>
  );
}

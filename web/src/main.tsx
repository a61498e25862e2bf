import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { whenUnauthorized } from "./api/client";
import { asProblem } from "./api/problem";
import { makeRouter, sessionOver, whenSessionOver } from "./router";
import { shareSecret } from "./session/secret";
import { beginTheme } from "./ui/theme";

beginTheme();
shareSecret(sessionOver);

const RETRIES = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says what is old; nothing is read again by itself.
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => {
        const { status, code } = asProblem(error);
        return failures < RETRIES && (status >= 500 || status === 429 || code === "offline");
      },
    },
  },
});

const router = makeRouter(client);

whenUnauthorized(sessionOver);
whenSessionOver(() => {
  client.clear();
  const { location } = router.state;
  if (location.pathname === "/login") return;
  void router.navigate({ to: "/login", search: { next: location.href } });
});

const place = document.getElementById("root");
if (!place) throw new Error("the page has no root");
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);

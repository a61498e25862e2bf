/** Light, dark, or what the system says. The choice is this browser's. */
export type Theme = "system" | "light" | "dark";

const KEY = "devlab.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

const watchers = new Set<() => void>();

/** Told when the choice changes. */
export function watchTheme(watch: () => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

function paint(): void {
  const chosen = theme();
  const shown = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset["theme"] = shown;
}

/** Paints before the first render, and again when the system changes. */
export function beginTheme(): void {
  paint();
  dark.addEventListener("change", paint);
}

export function chooseTheme(next: Theme): void {
  if (next === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  paint();
  for (const watch of watchers) watch();
}

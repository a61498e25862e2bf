/** `1 task`, `2 tasks`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

/** A size in bytes: `512 B`, `1.4 MiB`. */
export function bytes(n: number): string {
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/** The part of a commit id that people read. */
export function short(commit: string): string {
  return commit.slice(0, 8);
}

/** The last characters of an id: enough to tell two apart. */
export function shortId(id: string): string {
  const at = id.indexOf("_");
  return at < 0 ? id : `${id.slice(0, at + 1)}…${id.slice(-6)}`;
}

/** First letter large. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

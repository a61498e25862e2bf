import { shortId } from "../text/words";

/** Who did something: the server names a role and a token. */
export function Person({ name }: { name: string }) {
  const [role, id] = name.split(":");
  return (
    <span className="font-medium text-ink" title={name}>
      {id ? `${role} ${shortId(id)}` : name}
    </span>
  );
}

import type { Problem } from "../api/problem";

/** Why an input is no plan: everything that is wrong with it, with its place. */
export function Problems({ refusal }: { refusal: Problem }) {
  return (
    <div role="alert" className="rounded-md bg-red-soft px-3 py-2 text-red">
      <p>
        <strong className="font-semibold">{refusal.title}.</strong> {refusal.message}{" "}
        {refusal.problems.length === 0 && refusal.help}
      </p>
      {refusal.problems.length > 0 && (
        <ul className="mt-1 list-disc pl-5">
          {refusal.problems.map((one) => (
            <li key={`${one.file}${one.line}${one.at}${one.message}`}>
              {(one.file || one.line || one.at) && (
                <code className="font-mono text-xs">
                  {[one.file, one.line].filter(Boolean).join(":") || one.at}
                </code>
              )}{" "}
              {one.message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

import { Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "../ui/button";
import { Input } from "../ui/field";
import type { Faults } from "./form";

/** A short field of a row. */
export interface RowField<T> {
  /** Its label, from the row's number. */
  label: (number: number) => string;
  name: keyof T & string;
  placeholder: string;
  mono?: boolean;
  /** A mistake of the row is shown at this one. */
  faulty?: boolean;
}

/** A list of things that are typed: a row of fields for each, one more, and one less. */
export function Rows<T extends object>({
  what,
  items,
  fields,
  columns,
  faults,
  name,
  more,
  blank,
  onChange,
}: {
  /** What a row is: `task`. */
  what: string;
  items: readonly T[];
  fields: ReadonlyArray<RowField<T>>;
  /** Class with the widths of the fields. */
  columns: string;
  faults: Faults;
  /** Name of the list among the faults: `steps` has `steps.0`. */
  name: string;
  /** What a row has below its fields. */
  more?: (item: T, number: number, set: (next: Partial<T>) => void) => ReactNode;
  /** A new row, for a list of so many. */
  blank: (count: number) => T;
  onChange: (items: T[]) => void;
}) {
  const set = (at: number, next: Partial<T>) =>
    onChange(items.map((item, index) => (index === at ? { ...item, ...next } : item)));
  return (
    <>
      <ol className="divide-y divide-line">
        {items.map((item, at) => {
          const fault = faults[`${name}.${at}`];
          return (
            <li
              // What names a row is being typed; its place is what it has.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              key={at}
              className="flex flex-col gap-2 p-3"
            >
              <div className={`grid gap-2 ${columns}`}>
                {fields.map((field) => (
                  <Input
                    key={field.name}
                    aria-label={field.label(at + 1)}
                    aria-invalid={field.faulty && fault ? true : undefined}
                    value={String(item[field.name])}
                    placeholder={field.placeholder}
                    className={field.mono ? "font-mono" : undefined}
                    onChange={(event) => set(at, { [field.name]: event.target.value } as Partial<T>)}
                  />
                ))}
                <Button
                  look="quiet"
                  icon={<Trash2 className="size-4" />}
                  label={`Leave out ${what} ${at + 1}`}
                  onClick={() => onChange(items.filter((_, index) => index !== at))}
                />
              </div>
              {more?.(item, at + 1, (next) => set(at, next))}
              {fault && <Fault>{fault}</Fault>}
            </li>
          );
        })}
      </ol>
      <div className="flex items-center gap-3 border-t border-line p-3 first:border-t-0">
        <Button
          size="sm"
          icon={<Plus className="size-3.5" />}
          onClick={() => onChange([...items, blank(items.length)])}
        >
          Add a {what}
        </Button>
        {faults[name] && <Fault>{faults[name]}</Fault>}
      </div>
    </>
  );
}

function Fault({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="text-xs text-red">
      {children}
    </p>
  );
}

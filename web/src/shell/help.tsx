import { useState, useSyncExternalStore } from "react";
import { Dialog } from "../ui/dialog";
import { Checkbox } from "../ui/field";
import { Kbd } from "../ui/page";
import { inForce, MAC, setShortcutsOn, shortcutStore, shortcutsOn } from "./shortcuts";

/** The sheet of shortcuts: those of every page, and of the one behind it. */
export default function Help({ onClose }: { onClose: () => void }) {
  const sets = useSyncExternalStore(shortcutStore.subscribe, shortcutStore.get);
  const [on, setOn] = useState(shortcutsOn());
  const groups = Map.groupBy(inForce(sets), (one) => one.group);
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts" wide>
      <div className="columns-1 gap-8 sm:columns-2">
        <Group name="Everywhere" rows={[["Command palette", [MAC ? "⌘" : "Ctrl", "K"]]]} />
        {[...groups].map(([name, shortcuts]) => (
          <Group key={name} name={name} rows={shortcuts.map((one) => [one.label, one.keys.split(/[ +]/)])} />
        ))}
      </div>
      <Checkbox
        className="mt-2"
        label="Single keys are shortcuts (turn this off for speech input)"
        checked={on}
        onChange={(event) => {
          setShortcutsOn(event.target.checked);
          setOn(event.target.checked);
        }}
      />
    </Dialog>
  );
}

function Group({ name, rows }: { name: string; rows: Array<[string, string[]]> }) {
  return (
    <section className="mb-4 break-inside-avoid">
      <h3 className="eyebrow mb-1">{name}</h3>
      <dl>
        {rows.map(([label, keys]) => (
          <div key={label} className="flex items-center justify-between gap-4 py-1">
            <dt>{label}</dt>
            <dd className="flex gap-1">
              {keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

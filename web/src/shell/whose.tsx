import { Segments } from "../ui/segments";
import { useLab } from "./lab";

/** Whose entries a page of the administration shows: the org's, or (`undefined`) the lab's own. */
export function useWhose(of: "lab" | undefined): string | undefined {
  const { org, ofLab } = useLab();
  return of === "lab" && ofLab ? undefined : org;
}

/** What belongs to no org is seen by those only who look after the whole lab. */
export function Whose({
  of,
  onChange,
}: {
  of: "lab" | undefined;
  onChange: (of: "lab" | undefined) => void;
}) {
  const { ofLab } = useLab();
  if (!ofLab) return null;
  return (
    <Segments<"org" | "lab">
      label="Whose"
      value={of ?? "org"}
      onChange={(next) => onChange(next === "lab" ? next : undefined)}
      options={[
        { value: "org", label: "This org" },
        { value: "lab", label: "The lab's own" },
      ]}
    />
  );
}

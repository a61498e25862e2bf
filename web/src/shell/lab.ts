import { getRouteApi } from "@tanstack/react-router";
import { may, type Principal } from "../session/session";

const route = getRouteApi("/o/$org");

export interface LabView {
  /** Name of the org that the page shows. */
  org: string;
  principal: Principal;
  /** Why the reader may not change anything, or `false`. */
  readOnly: string | false;
  /** Why the reader may not administer, or `false`. */
  notAdmin: string | false;
  /** Whether the reader looks after the whole lab, not one org of it. */
  ofLab: boolean;
}

/** Whose page this is, and what the reader may do on it. */
export function useLab(): LabView {
  const { org } = route.useParams();
  const { principal } = route.useRouteContext();
  return {
    org,
    principal,
    readOnly: may.change(principal) ? false : `Your role (${principal.role}) may only read.`,
    notAdmin: may.administer(principal) ? false : `This needs an admin; your role is ${principal.role}.`,
    ofLab: may.administer(principal) && !principal.org,
  };
}

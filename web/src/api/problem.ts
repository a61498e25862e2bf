import type { components } from "./schema";

/** What the server says when it refuses: an RFC 9457 problem document. */
export interface ProblemBody {
  status: number;
  code: string;
  title: string;
  detail: string;
  help: string;
  request_id: string;
  field?: string | null;
  problems?: PlanProblem[];
}

/** What is wrong with the input of a plan, and where. */
type PlanProblem = components["schemas"]["PlanProblem"];

/** An answer that is not a success, or no answer at all (`code` is then `offline`). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly help: string;
  readonly requestId: string;
  readonly field: string | undefined;
  readonly problems: readonly PlanProblem[];

  constructor(body: ProblemBody) {
    super(body.detail || body.title);
    this.name = "Problem";
    this.status = body.status;
    this.code = body.code;
    this.title = body.title;
    this.help = body.help;
    this.requestId = body.request_id;
    this.field = body.field ?? undefined;
    this.problems = body.problems ?? [];
  }

  /** The server cannot be reached. */
  static offline(): Problem {
    return new Problem({
      status: 0,
      code: "offline",
      title: "The lab does not answer",
      detail: "No answer came from the server.",
      help: "Is devlab running? Start it with: devlab up",
      request_id: "",
    });
  }

  /** A download that did not come whole: refused on the way with a status, or cut off (0). */
  static brokenOff(status = 0): Problem {
    return new Problem({
      status,
      code: "broken_off",
      title: "The download broke off",
      detail: status ? `The server answered with ${status}.` : "The connection broke off before the end.",
      help: "No file was saved. Try again.",
      request_id: "",
    });
  }

  /** The problem of an answer, whatever its body is. */
  static async of(response: Response): Promise<Problem> {
    try {
      const body: unknown = await response.json();
      if (isProblemBody(body)) return new Problem(body);
    } catch {
      // Not JSON: a proxy's page, or a cut connection.
    }
    return new Problem({
      status: response.status,
      code: "unexpected",
      title: "An unexpected answer",
      detail: `The server answered with ${response.status}.`,
      help: "Try again; if it stays, look at the server's log.",
      request_id: response.headers.get("x-request-id") ?? "",
    });
  }
}

function isProblemBody(body: unknown): body is ProblemBody {
  return typeof body === "object" && body !== null && "code" in body && "title" in body;
}

/** Anything that was thrown, as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return Problem.offline();
  return new Problem({
    status: 0,
    code: "defect",
    title: "The dashboard failed",
    detail: error instanceof Error ? error.message : String(error),
    help: "Load the page again. If it stays, please report it with what you did.",
    request_id: "",
  });
}

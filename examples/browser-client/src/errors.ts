// What can go wrong, as one type: a code for the program, a sentence for the user.

const SENTENCES = {
  bad_answer: "The answer cannot be read. Please try again.",
  logged_out: "You have logged out.",
  login_failed: "Name or password is wrong.",
  login_required: "Please log in.",
  not_resent: "Please start the upload again.",
  refused: "The service refused the request.",
  session_ended: "Your session has ended. Please log in again.",
  session_replaced: "There was a login in another tab. Please start again.",
  throttled: "Too many attempts. Please try again in # s.",
  unavailable: "The service is busy. Please try again.",
  unreachable: "The service cannot be reached. Please try again.",
};

type Known = keyof typeof SENTENCES;

/**
 * Names what went wrong; stable, for programs and translations.
 *
 * | code | means | the session |
 * |---|---|---|
 * | `session_ended`, `logged_out`, `login_required` | there is no session (any more) | is over |
 * | `session_replaced` | a login elsewhere; nothing was sent in the other's name | is another |
 * | `login_failed` | wrong name or password | |
 * | `unreachable`, `unavailable`, `throttled` | nothing is known; try again | goes on |
 * | `bad_answer`, `broken_off` | an answer was no JSON, too long, or ended early | goes on |
 * | `not_resent` | a body that can be read only once met an expired token | goes on |
 * | `refused` | the service said no, see `status` and `reason` | goes on |
 */
export type ErrorCode = Known | "broken_off";

/** What is known beyond the code. */
interface Details {
  cause?: unknown;
  reason?: string | undefined;
  retryAfter?: number | undefined;
  status?: number;
}

/**
 * Reports a failure, with a sentence that can be shown to the user as it is.
 *
 * @remarks
 * Security: neither the message nor any member ever holds a token, a password or a cookie.
 */
export class ClientError extends Error {
  /** What went wrong. */
  declare readonly code: ErrorCode;
  /** The service's own code, like `csrf_cross_site`, where it gave one. */
  declare readonly reason: string | undefined;
  /** After how many seconds another attempt makes sense, where the service said so. */
  declare readonly retryAfter: number | undefined;
  /** The HTTP status; 0 where there was no answer. */
  declare readonly status: number;

  /** Makes the error for `code`; its own sentence unless `message` is another. */
  constructor(code: ErrorCode, details?: Details, message = SENTENCES[code as Known]) {
    super(message);
    Object.assign(this, { name: "ClientError", code, status: 0 }, details);
  }
}

/** Waits for an answer; none becomes a {@link ClientError}, unless the caller called it off. */
export const arrived = <T>(answer: Promise<T>, signal?: AbortSignal): Promise<T> =>
  answer.catch((cause) => {
    const calledOff = signal?.aborted && cause?.name !== "TimeoutError";
    throw calledOff ? cause : new ClientError("unreachable", { cause });
  });

/** Reads a JSON body; an empty one gives an empty object. */
export async function readJson(response: Response): Promise<any> {
  const text = await arrived(response.text());
  try {
    return JSON.parse(text || "{}");
  } catch (cause) {
    throw new ClientError("bad_answer", { cause, status: response.status });
  }
}

/** Turns a response that is no success into the error for it. */
export async function refusal(response: Response): Promise<ClientError> {
  const { status, headers } = response;
  const { code: reason, detail } = Object(await readJson(response).catch(() => {}));
  const retryAfter = Number(headers.get("Retry-After")) || undefined;
  const code =
    status === 401
      ? "login_required"
      : status === 429
        ? "throttled"
        : status < 500
          ? "refused"
          : "unavailable";
  const message =
    code === "refused" && detail
      ? String(detail)
      : SENTENCES[code].replace("#", String(retryAfter ?? 1));
  return new ClientError(code, { status, reason, retryAfter }, message);
}

// The client: what it knows of the session, and what it does when that is not enough.

import { arrived, ClientError, type ErrorCode, readJson, refusal } from "./errors.js";
import { browser, type Platform } from "./platform.js";
import { type Grant, joinTabs, type Message } from "./tabs.js";
import { openWire } from "./wire.js";

/** Settings of {@link createClient}; all of them have defaults. */
export interface ClientOptions {
  /** The service's address; the page's own where absent. Relative URLs start here. */
  base?: string | URL;
  /**
   * `memory` (default): the service answers `access` in the body (`--delivery access-in-body`), the
   * token is kept in a variable and sent as `Authorization: Bearer`. `cookies`: both tokens are
   * HttpOnly cookies, and this script never sees one.
   *
   * @remarks
   * Security: a script that is injected into the page can read memory, but no HttpOnly cookie.
   */
  mode?: "memory" | "cookies";
  /**
   * Further origins that get the credentials, beside that of `base`.
   *
   * @remarks
   * Security: each of them can use the access token as it likes.
   */
  origins?: readonly string[];
  /** The endpoints, where they differ from those of portcullis. */
  paths?: Partial<typeof PATHS>;
  /** The cookies with the CSRF token, best first; default `__Host-csrftoken`, `csrftoken`. */
  csrfCookies?: readonly string[];
  /** Refresh when fewer seconds are left, or half of a lifetime that is short; default 60. */
  skew?: number;
  /** The most milliseconds a refresh, login or logout, or the wait for another's, takes. */
  timeout?: number;
  /** Called once whenever the session is lost or left, here or in another tab. */
  onEnded?: (why: ClientError) => void;
  /** Called when another tab has logged in, with the `user` of its login where that is known. */
  onLogin?: (user: unknown) => void;
}

/** What `fetch` takes, and `json`: a value that is sent as the body, by POST unless told. */
export interface JsonInit extends RequestInit {
  json?: unknown;
}

/** A session with one service. Nothing of it outlives the page, and no member shows a token. */
export interface Client {
  /** `unknown` until the first answer, then `open` or `over`. */
  readonly session: "unknown" | "open" | "over";
  /**
   * Sends a request as the user; to be used wherever `fetch` is asked for.
   *
   * Refreshes beforehand when the access token is about to expire, and once after a 401, and then
   * sends the request once more: never under another session than it was begun in. Any status is a
   * result, a second 401 as well.
   *
   * @remarks
   * Security: requests to other origins than the service's go out as they are, without credentials
   * of ours. A redirect of a request that carries a token is a failure (`unreachable`): it could
   * take the token anywhere.
   *
   * @throws ClientError when there is no answer, or no telling whether the session goes on.
   */
  request(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Sends a request as {@link request} does, with a JSON body; throws anything but a success. */
  send(input: RequestInfo | URL, init?: JsonInit): Promise<Response>;
  /** Sends a request as {@link send} does, and reads the JSON it answers. */
  json<T = any>(input: RequestInfo | URL, init?: JsonInit): Promise<T>;
  /** Logs in and gives the `user` that the service answers. */
  login<T = any>(credentials: Readonly<Record<string, string>>): Promise<T>;
  /**
   * Logs out; of all devices after a `send` to `/api/auth/logout-all/`.
   *
   * @throws ClientError when the service did not do it: the user is then still logged in.
   */
  logout(): Promise<void>;
  /** Gets new tokens now; tells whether there is a session. */
  refresh(): Promise<boolean>;
  /** Forgets the session and listens to nothing more; it does not log out. */
  close(): void;
}

/** What refresh answers when the session is over: portcullis 401, simplejwt also 400. */
const REFUSED = [400, 401];

const PATHS = {
  csrf: "/api/csrf/",
  login: "/api/auth/login/",
  logout: "/api/auth/logout/",
  refresh: "/api/auth/refresh/",
};

/**
 * Makes a client; one for each service and page is enough, several get along.
 *
 * @remarks
 * Security: keeps tokens in memory alone, puts none into a URL or a log, and sends them to the
 * service's origin and `origins` only. What it cannot do is protect a page that runs foreign
 * scripts: use a strict Content-Security-Policy.
 *
 * @throws TypeError when an address in `options` is none.
 */
export function createClient(options: ClientOptions = {}, platform: Platform = browser()): Client {
  const { mode, skew = 60, timeout = 10_000 } = options;
  const { now, page } = platform;
  const cookies = mode === "cookies";
  const base = new URL(options.base ?? page, page);
  const own = new Set([base.href, ...(options.origins ?? [])].map((url) => new URL(url).origin));
  const paths = { ...PATHS, ...options.paths };
  const csrfCookies = options.csrfCookies ?? ["__Host-csrftoken", "csrftoken"];
  const wire = openWire(platform, base, paths.csrf, csrfCookies, timeout);
  /** Nothing is known. Where no token is in memory, ask for one; a cookie may be there. */
  const unknown: Grant = { expires: 0, renewAt: cookies ? Infinity : 0 };

  let grant = unknown;
  /** Why the session is over. */
  let ended: ClientError | undefined;
  /** Counts sessions: what was begun in one is never finished in another. */
  let epoch = 0;
  /** Counts everything that was learnt about the session. */
  let version = 0;
  let refreshing: Promise<void> | undefined;
  const closed = new AbortController();
  const tabs = joinTabs(`portcullis ${cookies} ${base.origin}`, platform, timeout, receive);
  platform.onReturn(() => {
    // A frozen page is told nothing, so ask; a refusal comes by the callback.
    if (grant !== unknown) renew(version).catch(() => {});
  }, closed.signal);

  // --- What is known ----------------------------------------------------------------------------

  /** Tells the application, apart from all that waits for us and from exceptions of its own. */
  function notify(callback: "onEnded" | "onLogin", value: any) {
    queueMicrotask(() => options[callback]?.(value));
  }

  /** Takes over what login or refresh gave, to this tab or another. */
  function adopt(found: Grant) {
    const before = claims(grant.token).user_id;
    const after = claims(found.token).user_id;
    // Django writes numbers where we write texts.
    if (before && after && String(before) !== String(after)) replace();
    ended = undefined;
    grant = found;
    version += 1;
  }

  /** Lets another session take the place of the one that the application knows. */
  function replace() {
    if (grant !== unknown) notify("onEnded", new ClientError("session_replaced"));
    epoch += 1;
    grant = unknown;
  }

  function end(code: ErrorCode, tell?: boolean) {
    if (tell) tabs.post({ kind: "ended", code });
    if (ended) return;
    // For a visitor of whom nothing is known, nothing has ended.
    ended = new ClientError(grant === unknown ? "login_required" : code);
    grant = unknown;
    epoch += 1;
    version += 1;
    notify("onEnded", ended);
  }

  function receive(message: Message) {
    const { kind } = message;
    if (kind === "ended") end(message.code);
    if (kind === "login") {
      replace();
      adopt(message.grant);
      notify("onLogin", message.user);
    }
    // What comes late does not bring a session back.
    if (kind === "token" && !ended) adopt(message.grant);
  }

  /** Reads what login and refresh answer; the time counts from when they were asked. */
  function granted(body: any, asked: number): Grant {
    const token = cookies ? undefined : body.access;
    if (!cookies && typeof token !== "string") throw new ClientError("bad_answer");
    // Django tells it in the token alone. By difference: no clock has to agree with another.
    const { exp, iat } = claims(token);
    const life = (body.expires_in ?? exp - iat) * 1000;
    if (!(life > 0)) return { token, expires: 0, renewAt: Infinity };
    const expires = asked + life;
    return { token, expires, renewAt: expires - Math.min(skew * 1000, life / 2) };
  }

  // --- Renewing it ------------------------------------------------------------------------------

  /** Gets new tokens, unless more than `seen` is known by now: once for all tabs that ask. */
  const renew = async (seen: number): Promise<void> =>
    version === seen && !ended
      ? (refreshing ??= tabs
          .exclusively(() => turn(seen))
          .finally(() => {
            refreshing = undefined;
          }))
      : undefined;

  async function turn(seen: number): Promise<void> {
    if (version !== seen || ended) return;
    const began = epoch;
    const asked = now();
    const answer = await wire.post(paths.refresh).catch((problem) => problem);
    if (epoch !== began) return; // a logout or a login came first: this counts for nothing
    if (!(answer instanceof Error)) {
      adopt(granted(answer, asked));
      tabs.post({ kind: "token", grant });
    } else if (REFUSED.includes((answer as ClientError).status)) {
      end("session_ended", true);
    } else {
      throw answer;
    }
  }

  // --- Requests ---------------------------------------------------------------------------------

  async function request(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    let made = 0;
    const make = () => {
      // What a stream has given is gone.
      if (made++ && init?.body instanceof ReadableStream) throw new ClientError("not_resent");
      return new Request(input instanceof Request ? input.clone() : new URL(input, base), init);
    };
    const first = make();
    if (!own.has(new URL(first.url).origin)) return arrived(platform.fetch(first), first.signal);
    const began = epoch;
    const known = grant;
    /** What a user began is not finished as another, nor as nobody. */
    const unchanged = () => {
      if (epoch === began || known === unknown) return;
      throw ended ?? new ClientError("session_replaced");
    };
    if (!ended && now() >= grant.renewAt) {
      await renew(version).catch((problem) => {
        if (now() >= grant.expires) throw problem; // else the token is good for this one
      });
      unchanged();
    }
    const seen = version;
    const response = await wire.send(make, first, grant.token);
    if (response.status !== 401 || ended || first.headers.has("Authorization")) return response;
    await renew(seen);
    if (ended) return response;
    unchanged();
    return wire.send(make, make(), grant.token);
  }

  async function send(input: RequestInfo | URL, init: JsonInit = {}): Promise<Response> {
    const { json, ...rest } = init;
    if (json !== undefined) {
      rest.method ??= "POST";
      rest.body = JSON.stringify(json);
      rest.headers = new Headers(rest.headers);
      rest.headers.set("Content-Type", "application/json");
    }
    const response = await request(input, rest);
    if (response.ok) return response;
    throw (response.status === 401 && ended) || (await refusal(response));
  }

  // --- The session ------------------------------------------------------------------------------

  return {
    get session() {
      return ended ? "over" : grant === unknown ? "unknown" : "open";
    },
    request,
    send,
    json: async (input, init) => readJson(await send(input, init)),
    login: (credentials) =>
      tabs.exclusively(async () => {
        const asked = now();
        const body: any = await wire.post(paths.login, credentials).catch((problem) => {
          throw problem.status === 401 ? new ClientError("login_failed", { status: 401 }) : problem;
        });
        const found = granted(body, asked);
        epoch += 1;
        grant = unknown;
        adopt(found);
        tabs.post({ kind: "login", user: body.user, grant });
        return body.user;
      }),
    logout: () =>
      tabs.exclusively(async () => {
        await wire.post(paths.logout, {}, grant.token);
        end("logged_out", true);
      }),
    async refresh() {
      ended = undefined;
      await renew(version);
      return !ended;
    },
    close() {
      options = {};
      closed.abort();
      tabs.close();
      end("logged_out");
    },
  };
}

/** The claims of a token, for its times and its user alone; none where it is no JWT. */
function claims(token: unknown): any {
  try {
    const payload = String(token).split(".")[1]!;
    return JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
}

// Sends requests, with the credentials that belong to them.

import { arrived, readJson, refusal } from "./errors.js";
import type { Platform } from "./platform.js";

/** Methods that change nothing, in exact case: all others need the CSRF token. */
const SAFE = /^(GET|HEAD|OPTIONS|TRACE)$/;

/** How requests to the service are sent. */
export interface Wire {
  /**
   * Sends `first` with `token` and, where the method is unsafe, the CSRF token; once more what
   * `make` makes when that CSRF token was stale.
   */
  send(make: () => Request, first: Request, token: string | undefined): Promise<Response>;
  /**
   * Posts JSON to one of the service's own endpoints, which always check the CSRF token, and reads
   * the answer; what is no success is thrown.
   */
  post(path: string, body?: unknown, token?: string): Promise<any>;
}

/** Makes the wire to the service at `base`; `timeout` is for the client's own requests. */
export function openWire(
  platform: Platform,
  base: URL,
  csrfPath: string,
  csrfCookies: readonly string[],
  timeout: number,
): Wire {
  let lastCsrf = "";

  /** The CSRF token: from its cookie, which other tabs renew too, where this page can read it. */
  function csrf(): string {
    const cookies = platform.cookies(base.origin).split("; ");
    for (const name of csrfCookies) {
      const found = cookies.find((pair) => pair.startsWith(name + "="));
      if (found) return found.slice(name.length + 1);
    }
    return lastCsrf;
  }

  async function fetchCsrf(): Promise<string> {
    const response = await arrived(platform.fetch(own(csrfPath)));
    if (!response.ok) throw await refusal(response);
    lastCsrf = Object(await readJson(response).catch(() => {})).csrfToken ?? "";
    return lastCsrf || csrf();
  }

  const own = (path: string, init?: RequestInit) =>
    new Request(new URL(path, base), {
      ...init,
      redirect: "error",
      credentials: "include",
      signal: AbortSignal.timeout(timeout),
    });

  async function send(
    make: () => Request,
    first: Request,
    token?: string,
    csrfNeeded = !token,
  ): Promise<Response> {
    const dressed = (request: Request, value: string) => {
      const clothed = new Request(request, {
        credentials: "include",
        // A redirect to somebody else would take the headers along.
        redirect: token || value ? "error" : request.redirect,
      });
      if (token && !request.headers.has("Authorization")) {
        clothed.headers.set("Authorization", `Bearer ${token}`);
      }
      if (value) clothed.headers.set("X-CSRFToken", value);
      return arrived(platform.fetch(clothed), request.signal);
    };
    if (SAFE.test(first.method)) return dressed(first, "");
    const response = await dressed(first, csrf() || (csrfNeeded ? await fetchCsrf() : ""));
    // Be it ours or Django's, a refusal that is about the CSRF token says so.
    const stale = response.status === 403 && /csrf/i.test(await response.clone().text());
    return stale ? dressed(make(), await fetchCsrf()) : response;
  }

  return {
    send,
    async post(path, body = {}, token) {
      const headers = { "Content-Type": "application/json" };
      const make = () => own(path, { method: "POST", headers, body: JSON.stringify(body) });
      const response = await send(make, make(), token, true);
      if (!response.ok) throw await refusal(response);
      const answer = Object(await readJson(response));
      lastCsrf = answer.csrfToken ?? lastCsrf; // login and logout renew it
      return answer;
    },
  };
}

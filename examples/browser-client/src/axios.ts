/**
 * Lets axios (1.12 or newer) send its requests through the client.
 *
 * @packageDocumentation
 */

import type { CreateAxiosDefaults } from "axios";

import type { Client } from "./client.js";

/**
 * Gives the settings with which an axios instance sends as the user.
 *
 * Refreshing, resending, CSRF and the rules about origins are the client's. A `ClientError` arrives
 * as the `cause` of an `AxiosError` that has the same `code` and message.
 *
 * @remarks
 * Security: turns off axios's own XSRF header, so that the token has one source.
 *
 * @example
 * ```ts
 * const api = axios.create({ baseURL: "/api/", ...axiosOptions(client) });
 * ```
 */
export function axiosOptions(client: Client): CreateAxiosDefaults {
  const fetch = (input: RequestInfo | URL, init?: RequestInit) => client.request(input, init);
  return {
    adapter: "fetch",
    env: { fetch },
    withXSRFToken: false,
  };
}

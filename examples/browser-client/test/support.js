// A browser profile with tabs, locks, channels, cookies and a clock, and a service behind it: all
// in memory, so that every rule can be tried at its edge.

import { createClient } from "../dist/client.js";

export const HOME = "https://app.example";
export const REFRESH = "POST /api/auth/refresh/";
export const LOGIN = "POST /api/auth/login/";
export const LOGOUT = "POST /api/auth/logout/";

/** A token as Django writes it; `n` makes it one of its kind. */
export function jwt(payload) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part(payload)}.signature`;
}

export const reply = (status, body = {}, headers = {}) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });

/** Lets everything happen that waits for nothing but its turn. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** A promise and its switches. */
export function gate() {
  let open, fail;
  const passed = new Promise((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { passed, open, fail };
}

/** Answers like portcullis does, unless told otherwise for the next times. */
export class Service {
  seen = [];
  valid = new Set();
  user = "7";
  life = 300;
  cookies = false;
  refreshable = true;
  #tokens = 0;
  #next = new Map();

  /** The next answers to `what`, like `GET /x`: responses, errors, or functions that give one. */
  next(what, ...answers) {
    this.#next.set(what, [...(this.#next.get(what) ?? []), ...answers]);
  }

  count(what) {
    return this.seen.filter((entry) => entry.what === what).length;
  }

  last(what) {
    return this.seen.findLast((entry) => entry.what === what);
  }

  /** What login and refresh answer. */
  grant(more = {}) {
    this.#tokens += 1;
    this.token = jwt({ user_id: this.user, jti: this.#tokens });
    this.valid.add(this.token);
    const access = this.cookies ? {} : { access: this.token };
    return reply(200, { ...access, expires_in: this.life, ...more });
  }

  async answer(request) {
    const { pathname } = new URL(request.url);
    const what = `${request.method} ${pathname}`;
    this.seen.push({
      what,
      url: request.url,
      token: request.headers.get("Authorization")?.replace("Bearer ", "") ?? null,
      csrf: request.headers.get("X-CSRFToken"),
      credentials: request.credentials,
      redirect: request.redirect,
      body: await request.clone().text(),
    });
    const scripted = this.#next.get(what)?.shift();
    const given = typeof scripted === "function" ? scripted(request) : scripted;
    if (given instanceof Error) throw given;
    if (given) return given;
    if (what === "GET /api/csrf/") return reply(200, { csrfToken: "fetched" });
    if (what === LOGIN) return this.grant({ user: { username: "ada" } });
    if (what === LOGOUT) return reply(200, { confirmed: true });
    if (what === REFRESH) {
      return this.refreshable ? this.grant() : reply(401, { code: "token_not_valid" });
    }
    const token = request.headers.get("Authorization")?.replace("Bearer ", "");
    const known = this.cookies ? this.valid.size > 0 : this.valid.has(token);
    return known ? reply(200, { ok: true }) : reply(401, { code: "token_not_valid" });
  }
}

const UNDER_WAY = new Set();

/** What the tabs of one browser share. */
export class Profile {
  time = 1_000_000_000_000;
  cookie = "csrftoken=from-cookie";
  service = new Service();
  /** Messages wait here while the hub is slow. */
  held = [];
  slow = false;
  messages = [];
  #channels = new Set();
  #queues = new Map();

  constructor({ locks = true, channels = true } = {}) {
    Object.assign(this, { locks, channels });
  }

  /** A tab with a client, and what its callbacks were told. */
  tab(options = {}) {
    const told = { ended: [], logins: [] };
    const client = createClient(
      {
        onEnded: (why) => told.ended.push(why.code),
        onLogin: (user) => told.logins.push(user),
        ...options,
      },
      this.platform(told),
    );
    return { client, ...told, told };
  }

  platform(told = {}) {
    const profile = this;
    return {
      page: `${HOME}/page`,
      now: () => profile.time,
      locks: profile.locks ? { request: (...all) => profile.#lock(...all) } : undefined,
      channel: (name) => (profile.channels ? profile.#open(name) : undefined),
      cookies: (origin) => (origin === HOME ? profile.cookie : ""),
      fetch: (request) => profile.#fetch(request),
      onReturn(listener, signal) {
        told.comeBack = () => signal.aborted || listener();
        told.isListening = () => !signal.aborted;
      },
    };
  }

  /** Delivers what a slow hub held back. */
  deliver() {
    for (const send of this.held.splice(0)) send();
  }

  async #fetch(request) {
    const { signal } = request;
    const calledOff = new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    const answer = Promise.race([this.service.answer(request), calledOff]);
    // A network holds on to what it has begun; else its signals would be collected as garbage.
    const begun = [request, answer];
    UNDER_WAY.add(begun);
    return answer.finally(() => UNDER_WAY.delete(begun));
  }

  #open(name) {
    const channel = {
      name,
      onmessage: null,
      postMessage: (message) => {
        const data = structuredClone(message);
        this.messages.push(data);
        const others = [...this.#channels].filter((one) => one !== channel && one.name === name);
        const send = () => {
          for (const one of others) if (this.#channels.has(one)) one.onmessage?.({ data });
        };
        if (this.slow) this.held.push(send);
        else queueMicrotask(send);
      },
      close: () => this.#channels.delete(channel),
    };
    this.#channels.add(channel);
    return channel;
  }

  /** Web Locks: first come, first served; a wait can be aborted, a held lock cannot. */
  async #lock(name, { signal }, work) {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    const turn = gate();
    queue.push(turn);
    if (queue.length === 1) turn.open();
    signal.addEventListener("abort", () => {
      const place = queue.indexOf(turn);
      if (place > 0) queue.splice(place, 1);
      turn.fail(signal.reason);
    });
    await turn.passed;
    try {
      return await work();
    } finally {
      queue.shift();
      queue[0]?.open();
    }
  }
}

/** Keeps Node.js from ending while only time-outs are left, which do not count for it. */
export function stayAwake(test) {
  const awake = setInterval(() => {}, 60_000);
  test.after(() => clearInterval(awake));
}

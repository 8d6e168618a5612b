// What the client takes from the browser, so that a test or another runtime can stand in for it.

/** The part of `LockManager` that is used. */
export interface Locks {
  /** Runs `work` while holding the lock `name`; fails when `signal` aborts the wait for it. */
  request<T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>): Promise<T>;
}

/** The part of `BroadcastChannel` that is used. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What the client asks of its surroundings. */
export interface Platform {
  /** The address of the page. */
  readonly page: string;
  /** Web Locks, where there are any: browsers have them on https and loopback only. */
  readonly locks?: Locks | undefined;
  /** Sends one request. */
  fetch(request: Request): Promise<Response>;
  /** The time in milliseconds, the same for all tabs. */
  now(): number;
  /** Opens a channel to the other tabs, where there are such channels. */
  channel(name: string): Channel | undefined;
  /** The cookies of `origin` that scripts of this page can read. */
  cookies(origin: string): string;
  /** Calls `listener` whenever the page comes back from the back/forward cache, until `signal`. */
  onReturn(listener: () => void, signal: AbortSignal): void;
}

/** Gives the browser's own platform, with what an old one lacks left out. */
export const browser = (): Platform => ({
  page: location.href,
  locks: navigator.locks as Locks | undefined,
  fetch: (request) => fetch(request),
  now: () => Date.now(),
  channel: (name) => globalThis.BroadcastChannel && new BroadcastChannel(name),
  cookies: (origin) => (origin === location.origin ? document.cookie : ""),
  onReturn: (listener, signal) =>
    addEventListener("pageshow", (event) => event.persisted && listener(), { signal }),
});

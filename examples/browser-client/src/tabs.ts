// The other tabs: what they tell each other, and how they take turns.

import type { ErrorCode } from "./errors.js";
import type { Platform } from "./platform.js";

/** An access token and its life, in milliseconds of the platform's clock. */
export interface Grant {
  /** Absent where it travels as a cookie. */
  token?: string | undefined;
  expires: number;
  renewAt: number;
}

/** What one tab tells the others. */
export type Message =
  | { kind: "token"; grant: Grant }
  | { kind: "login"; grant: Grant; user: unknown }
  | { kind: "ended"; code: ErrorCode }
  | { kind: "busy" }
  | { kind: "done" };

/** How long the news of a turn may take after its lock was given on; then the turn is repeated. */
const PATIENCE_MS = 1_000;

/** The other tabs of this origin that talk to the same service. */
export interface Tabs {
  post(message: Message): void;
  /**
   * Does `work` while no other tab does.
   *
   * Waits at most `timeout`: a lock that a frozen tab never gives back holds up nobody for ever.
   * The service forgives two tabs that refresh at once. `work` must wait for nothing but the
   * service: never for a callback of the application.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

/** Joins the tabs that share `name`. */
export function joinTabs(
  name: string,
  { channel: open, locks }: Platform,
  timeout: number,
  receive: (message: Message) => void,
): Tabs {
  const channel = open(name);
  /** Pending while another tab is known to be at work. */
  let busy: Promise<void> | undefined;
  let finish = () => {};

  if (channel) {
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind === "busy") {
        busy ??= new Promise((resolve) => {
          finish = resolve;
        });
      } else if (data.kind === "done") {
        finish();
        busy = undefined;
      } else {
        receive(data);
      }
    };
  }

  const post = (message: Message) => channel?.postMessage(message);

  async function exclusively<T>(work: () => Promise<T>): Promise<T> {
    let begun = false;
    const begin = async () => {
      begun = true;
      // A lock may come faster than the news of what its holder did. Without locks this is all
      // there is, and two tabs that begin in the same instant do not see each other.
      const patience = locks ? PATIENCE_MS : timeout;
      if (busy) await Promise.race([busy, new Promise((next) => setTimeout(next, patience))]);
      busy = undefined;
      post({ kind: "busy" });
      return work().finally(() => post({ kind: "done" }));
    };
    if (!locks) return begin();
    const signal = AbortSignal.timeout(timeout);
    return locks.request(name, { signal }, begin).catch((problem) => {
      if (begun) throw problem;
      return begin(); // the lock was not to be had
    });
  }

  return { post, exclusively, close: () => channel?.close() };
}

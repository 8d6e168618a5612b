/**
 * Logs in, keeps the session fresh and sends requests, against a service behind portcullis.
 *
 * @packageDocumentation
 */

export { createClient, type Client, type ClientOptions, type JsonInit } from "./client.js";
export { ClientError, type ErrorCode } from "./errors.js";
export type { Channel, Locks, Platform } from "./platform.js";

import { SSH_FX, SSH_FXP, v3, type NameEntry, type WireAttributes } from "@sluice/core/protocol";
import type { Reply } from "./exchange.ts";
import { StatusError } from "./status-error.ts";

/** STATUS OK. @throws StatusError for another status. */
export function doneOf(reply: Reply): void {
  const status = statusOf(reply);
  if (status === undefined) throw unexpected(reply);
  if (status.code !== SSH_FX.OK) throw status;
}

/** HANDLE. @throws StatusError */
export function handleOf(reply: Reply): Buffer {
  return expect(reply, SSH_FXP.HANDLE).reader.bytes();
}

/** DATA, or `undefined` at end of file. @throws StatusError */
export function dataOf(reply: Reply): Buffer | undefined {
  return isEnd(reply) ? undefined : expect(reply, SSH_FXP.DATA).reader.bytes();
}

/** NAME, or `undefined` when there are no more names. @throws StatusError */
export function namesOf(reply: Reply): NameEntry[] | undefined {
  if (isEnd(reply)) return undefined;
  const { reader } = expect(reply, SSH_FXP.NAME);
  const names: NameEntry[] = [];
  for (let left = reader.u32(); left > 0; left--) names.push(v3.readName(reader));
  return names;
}

/** NAME with a single name. @throws StatusError */
export function nameOf(reply: Reply): string {
  const [only, ...others] = namesOf(reply) ?? [];
  if (only === undefined || others.length > 0)
    throw new Error("The server answered with another number of names than 1");
  return only.name;
}

/** ATTRS. @throws StatusError */
export function attributesOf(reply: Reply): WireAttributes {
  return v3.readAttributes(expect(reply, SSH_FXP.ATTRS).reader);
}

/** What follows the id in a reply that is no STATUS; `undefined` for STATUS OK. @throws StatusError */
export function payloadOf(reply: Reply): Buffer | undefined {
  if (reply.type !== SSH_FXP.STATUS) return reply.reader.rest();
  doneOf(reply);
  return undefined;
}

const statuses = new WeakMap<Reply, StatusError>();

function statusOf(reply: Reply): StatusError | undefined {
  if (reply.type !== SSH_FXP.STATUS) return undefined;
  let status = statuses.get(reply);
  if (status === undefined) {
    const code = reply.reader.u32();
    // Some old servers send no message.
    statuses.set(reply, (status = new StatusError(code, reply.reader.remaining > 0 ? reply.reader.text() : "")));
  }
  return status;
}

function isEnd(reply: Reply): boolean {
  return statusOf(reply)?.code === SSH_FX.EOF;
}

function expect(reply: Reply, type: number): Reply {
  if (reply.type === type) return reply;
  throw statusOf(reply) ?? unexpected(reply);
}

function unexpected(reply: Reply): Error {
  return new Error(`The server answered with a packet of type ${reply.type}, which does not fit the request`);
}

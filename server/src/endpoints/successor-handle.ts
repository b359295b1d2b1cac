/** The handle that a session goes on under, once a form has changed its user's password: how it is derived, and how it is given. */
import type { KeyObject } from 'node:crypto';
import { setCookie } from '../http/session-cookie.ts';
import { handleFrom } from '../tokens/handle.ts';
import type { Visit } from './visit.ts';

export interface SuccessorPorts {
  /** Gives the handles: 256 bits that all replicas hold. */
  readonly handleKey: KeyObject;
}

/**
 * The same however often the form is sent, since a browser that sends it again takes the answer to the first, and its cookie, for
 * nothing. Whoever has the old cookies without the form, which says its id to nobody else, finds it as little as any other.
 */
export function successorOf(
  { handleKey }: SuccessorPorts,
  { handle, browser }: Visit,
  form: string,
): string | undefined {
  if (handle === undefined || browser === undefined || form === '') return undefined;
  return handleFrom(handleKey, [handle, browser, form]);
}

export function giveHandle({ reply, scheme }: Visit, handle: string): void {
  reply.header('set-cookie', setCookie(scheme, 'session', handle));
}

/**
 * PURE, given a {@link Sealer}. An authorization request on its way from page to page: nothing is stored for a stranger, so
 * it travels with the browser, sealed, and opens only beside that browser's cookie. What is sealed are the parameters as
 * they came: opening parses them anew, against what is registered now.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Sealer } from '../keys/keys.ts';
import { authorizationParameters } from '../protocol/authorization-request.ts';
import type { ParameterReading, Parameters } from '../protocol/parameters.ts';
import type { AuthorizationResponse } from '../protocol/redirect-uri.ts';
import type { EpochSeconds } from '../protocol/time.ts';

/** Seconds that a page may stay open before its form is refused. */
export const interactionLifetime = 30 * 60;
/** Seconds for which "Start again" still knows the request. */
export const sealedLifetime = 24 * 60 * 60;

/** What the following page has to say. */
export type Note =
  | {
      readonly kind: 'login';
      /** Left out: nothing went wrong, something was only typed. */
      readonly problem?: LoginProblem;
      /** As typed, to be filled in again. */
      readonly username: string;
    }
  /** The page for a new password has something to say. */
  | { readonly kind: 'password'; readonly problem: PasswordProblem }
  /** Nothing was given; `retry` is what the person did, to be done again. */
  | { readonly kind: 'unavailable'; readonly who: 'directory' | 'us'; readonly retry: 'login' | 'allow' }
  /** The request ends: the person did not sign in, or the directory said no. Nothing is in the answer but that. */
  | { readonly kind: 'cancelled' | 'refused' };

export const loginProblems = [
  'username_missing',
  'password_missing',
  'credentials',
  'locked',
  'disabled',
  'expired',
  'must_change_password',
  'password_expired',
  'outside_hours',
  'throttled',
] as const;
export type LoginProblem = (typeof loginProblems)[number];

/** What can go wrong with a new password; no word of it says what was typed. */
export const passwordProblems = [
  'current_missing',
  'new_missing',
  'mismatch',
  'same',
  'too_long',
  'credentials',
  'too_short',
  'in_history',
  'too_young',
  'refused',
  'not_allowed',
  'throttled',
] as const;
export type PasswordProblem = (typeof passwordProblems)[number];

/** Pages of ours that somebody signs in for, without a client. */
export type SignedInPage = 'device' | 'account' | 'password';

export interface Interaction {
  /** Id of the grant that this request gives; unique, so it also makes the form single-use. */
  readonly grantId: string;
  readonly startedAt: EpochSeconds;
  /** Uid of the client's owner, once it was looked up: one that is made anew under the same id is another. */
  readonly client?: string;
  /** What the sign-in is for, when it is a page of ours and no authorization request: then nobody is given anything. */
  readonly page?: SignedInPage;
  /** The authorization request as it came, see {@link readingOf}; or the parameters of the page of ours. */
  readonly parameters: readonly (readonly [string, string])[];
  readonly signedIn?: string;
  readonly switching?: boolean;
  /** Who has just shown a password that the directory wants changed, as typed. It opens the page for that and nothing else. */
  readonly changing?: string;
  /** Session that was chosen on the page of accounts. */
  readonly chosen?: string;
  /** Subject of the verified `id_token_hint`, as the client knows it: the answer is about nobody else. */
  readonly hinted?: string;
  /** What the consent page showed, and to whom: a click counts for that alone. */
  readonly shown?: {
    readonly session: string;
    readonly scopes: readonly string[];
    readonly claims?: readonly string[];
  };
  /** Scopes whose refusal the user has read about. */
  readonly told?: readonly string[];
  readonly note?: Note;
}

/** The answer to a request, kept for the page after the form and for a form that is sent twice. */
export interface Answer {
  readonly kind: 'issued' | 'partial' | 'denied' | 'refused';
  /** The whole response to the client, code and tokens included. */
  readonly response: AuthorizationResponse;
  /** Scopes that were refused. */
  readonly refused: readonly string[];
  /** To start again when the code in it has run out unread. */
  readonly interaction: Interaction;
}

/** @param browser the plain value of the browser's cookie. */
export function sealInteraction(sealer: Sealer, interaction: Interaction, browser: string): Buffer {
  return sealer.seal(packed(interaction), ['authorization request', browser]);
}

/**
 * One line of JSON, then the values of the parameters as they are: JSON would make six bytes of one, and a request that was
 * just short enough to come in would be too long to go on. Long values are deflated, as the form brings them over and over.
 * They all come from whoever wrote the request; what only we or the person know stays out of the deflated part, or the
 * length of a page would tell it to somebody who tries requests.
 */
function packed({ parameters, ...rest }: Interaction): Buffer {
  const values = parameters.map(([, value]) => Buffer.from(value));
  const names = parameters.map(([name], at) => [name, values[at]?.length ?? 0]);
  const plain = Buffer.concat(values);
  const deflated = plain.length > deflatedFrom ? deflateRawSync(plain) : plain;
  const isDeflated = deflated.length < plain.length;
  const head = { ...rest, ...(isDeflated ? { isDeflated } : {}), parameters: names };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), isDeflated ? deflated : plain]);
}

/** Bytes of values; few are not worth the work. */
const deflatedFrom = 1024;

/** Bytes of values; far more than a request may bring. */
const mostInflated = 262_144;

/** `null`: sealed by us, and written by a version that writes it otherwise. */
function unpacked(packed: Buffer): Interaction | null {
  const end = packed.indexOf('\n');
  const { parameters, isDeflated, ...rest } = JSON.parse(packed.subarray(0, end).toString()) as Omit<
    Interaction,
    'parameters'
  > & { readonly parameters: readonly (readonly [string, number])[]; readonly isDeflated?: boolean };
  const tail = packed.subarray(end + 1);
  const plain = isDeflated ? inflated(tail) : tail;
  if (plain === null) return null;
  let at = 0;
  const values = parameters.map(([name, length]): [string, string] => {
    at += length;
    return [name, plain.subarray(at - length, at).toString()];
  });
  return { ...rest, parameters: values };
}

function inflated(deflated: Buffer): Buffer | null {
  try {
    return inflateRawSync(deflated, { maxOutputLength: mostInflated });
  } catch {
    return null;
  }
}

export type Opened =
  /** `forgotten`: too old to begin anew. */
  | { readonly outcome: 'open' | 'expired' | 'forgotten'; readonly interaction: Interaction }
  /** Altered, or another browser's. */
  | { readonly outcome: 'unreadable' };

export function openInteraction(sealer: Sealer, sealed: Uint8Array, browser: string, now: EpochSeconds): Opened {
  const plain = sealer.open(sealed, ['authorization request', browser]);
  if (plain === null) return { outcome: 'unreadable' };
  const interaction = unpacked(plain);
  if (interaction === null) return { outcome: 'unreadable' };
  const age = now - interaction.startedAt;
  if (age > sealedLifetime) return { outcome: 'forgotten', interaction };
  return { outcome: age > interactionLifetime ? 'expired' : 'open', interaction };
}

/** Sealing in base64url makes a third more of what came in a request target of 16 KiB. A form has 32 KiB. */
export const maxSealedText = 27 * 1024;

export function sealedText(sealed: Buffer): string {
  return sealed.toString('base64url');
}

/** `null`: no base64url, or too long. */
export function sealedOf(text: string): Buffer | null {
  return /^[A-Za-z0-9_-]+$/.test(text) && text.length <= maxSealedText ? Buffer.from(text, 'base64url') : null;
}

export function sealAnswer(sealer: Sealer, answer: Answer, browser: string): Buffer {
  const place = ['authorization answer', browser, answer.interaction.grantId];
  return sealer.seal(Buffer.from(JSON.stringify(answer)), place);
}

export function openAnswer(sealer: Sealer, sealed: Uint8Array, browser: string, grantId: string): Answer | null {
  const plain = sealer.open(sealed, ['authorization answer', browser, grantId]);
  return plain === null ? null : (JSON.parse(plain.toString()) as Answer);
}

/** The parameters that travel. */
export function carried(parameters: Parameters): Interaction['parameters'] {
  return [...parameters].filter(([name]) => authorizationParameters.includes(name));
}

/** The authorization request as it came, to be parsed again. */
export function readingOf(interaction: Interaction): ParameterReading {
  return { parameters: new Map(interaction.parameters), problem: undefined };
}

/** The same request once more, from its beginning. */
export function restarted(interaction: Interaction, grantId: string, now: EpochSeconds): Interaction {
  const { page, parameters, told, hinted } = interaction;
  return {
    grantId,
    startedAt: now,
    parameters,
    ...(page === undefined ? {} : { page }),
    ...(told === undefined ? {} : { told }),
    ...(hinted === undefined ? {} : { hinted }),
  };
}

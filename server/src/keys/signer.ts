/**
 * Signing JWTs of ours. Signatures of one event-loop turn are made together, which costs half as much each as one by one
 * between socket writes; a flush is capped so that a turn stays near two milliseconds.
 */
import { type KeyObject, sign } from 'node:crypto';
import type { SigningAlgorithm } from '../protocol/terms.ts';
import { ecdsaDerToConcat } from './der.ts';
import type { Signer } from './keys.ts';

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
}

/** No key of this algorithm may sign now. */
export class NoSigningKey extends Error {
  readonly code = 'no_signing_key';
  constructor(algorithm: SigningAlgorithm) {
    super(`no active signing key for ${algorithm}`);
    this.name = 'NoSigningKey';
  }
}

/** One flush: 64 signatures of ES256, or 8 of RS256, which cost eight times as much. */
const flushBudget = 64;
const cost: Readonly<Record<SigningAlgorithm, number>> = { ES256: 1, RS256: 8 };

interface Waiting {
  readonly key: SigningKey;
  readonly input: string;
  readonly since: number;
  readonly resolve: (jwt: string) => void;
  readonly reject: (error: unknown) => void;
}

export interface SignerOptions {
  /** The key that signs now. */
  readonly active: (algorithm: SigningAlgorithm) => SigningKey | undefined;
  /** Told of every signature made, with the seconds since it was asked for. */
  readonly onSigned?: (algorithm: SigningAlgorithm, seconds: number) => void;
}

export function createSigner({ active, onSigned }: SignerOptions): Signer {
  const headers = new WeakMap<SigningKey, Map<string, string>>();
  let waiting: Waiting[] = [];

  const flush = (): void => {
    let budget = flushBudget;
    let done = 0;
    for (const one of waiting) {
      budget -= cost[one.key.algorithm];
      if (budget < 0 && done > 0) break;
      done += 1;
      try {
        one.resolve(`${one.input}.${signature(one.key, one.input)}`);
        onSigned?.(one.key.algorithm, (performance.now() - one.since) / 1000);
      } catch (error) {
        one.reject(error);
      }
    }
    waiting = waiting.slice(done);
    if (waiting.length > 0) setImmediate(flush);
  };

  return {
    sign(algorithm, type, claims) {
      const key = active(algorithm);
      if (key === undefined) return Promise.reject(new NoSigningKey(algorithm));
      const input = `${headerOf(headers, key, type)}.${encoded(JSON.stringify(claims))}`;
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ key, input, since: performance.now(), resolve, reject });
      });
    },
  };
}

/** What is being encoded or signed; nothing reads it but the line that follows. */
const bytes = Buffer.allocUnsafeSlow(16_384);

/** Text → base64url of its UTF-8. */
function encoded(text: string): string {
  // A character has at most three bytes.
  if (3 * text.length > bytes.length) return Buffer.from(text).toString('base64url');
  return bytes.toString('base64url', 0, bytes.write(text));
}

/** The encoded header, made once per key and `typ`. */
function headerOf(headers: WeakMap<SigningKey, Map<string, string>>, key: SigningKey, type: string): string {
  let byType = headers.get(key);
  if (byType === undefined) {
    byType = new Map();
    headers.set(key, byType);
  }
  let header = byType.get(type);
  if (header === undefined) {
    header = Buffer.from(JSON.stringify({ alg: key.algorithm, typ: type, kid: key.kid })).toString('base64url');
    byType.set(type, header);
  }
  return header;
}

export function signature(key: SigningKey, input: string): string {
  const bytes = sign('sha256', Buffer.from(input), key.privateKey);
  return (key.algorithm === 'ES256' ? ecdsaDerToConcat(bytes, 32) : bytes).toString('base64url');
}

/** What an application knows about itself: the Secret that the operator wrote for its Client. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

export interface Credentials {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientName: string;
  /** A public client has none. */
  readonly clientSecret: string | undefined;
  readonly grantTypes: readonly string[];
  readonly scopes: readonly string[];
}

/** @throws Error in one sentence when the file is missing or is no such Secret. Read anew each time: secrets rotate. */
export async function readCredentials(file: string): Promise<Credentials> {
  const secret: unknown = parse(await readFile(file, 'utf8'));
  const value = (key: string): string | undefined => {
    const plain = member(member(secret, 'stringData'), key);
    const encoded = member(member(secret, 'data'), key);
    if (typeof plain === 'string') return plain;
    return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
  };
  const issuer = value('issuer-uri');
  const clientId = value('client-id');
  if (issuer === undefined || clientId === undefined) {
    throw new Error(`${file} has no issuer-uri and client-id: is it the Secret of a Client?`);
  }
  return {
    issuer,
    clientId,
    clientName: value('client-name') ?? clientId,
    clientSecret: value('client-secret'),
    grantTypes: list(value('authorization-grant-types')),
    scopes: list(value('scope')),
  };
}

function list(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').filter((part) => part !== '');
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

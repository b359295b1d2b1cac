/** Many tenants made of one: objects and registry rows that a real run left behind, told again under other names. Pure. */
import { createHash } from 'node:crypto';
import { digestOf, idOfDigest } from '../../../operator/src/controllers/client/secret.ts';
import type { AnyObject } from '../../support/kube-cluster.ts';

/** What a real run left behind of one Client, as the API server keeps it: managed fields and all. */
export interface Recording {
  /** Uid of the namespace `kube-system`: the name of the source. */
  readonly source: string;
  /** Of the ServiceAccounts. */
  readonly keys: AnyObject;
  readonly namespace: AnyObject;
  readonly server: AnyObject;
  readonly scope: AnyObject;
  readonly client: AnyObject;
  /** The Secret of the Client. */
  readonly secret: AnyObject;
  /** Others that the operator reads by name. */
  readonly secrets: readonly AnyObject[];
  /** The row of the Client in the registry. */
  readonly row: Readonly<Record<string, unknown>>;
}

export interface Told {
  readonly client: string;
  readonly secret: string;
  readonly row: string;
  readonly namespace: string;
}

/** The bearer token of whoever measures: its calls do not count. */
export const harness = 'harness';

const placeholder = '<the scope>';
const encoded = (text: string): string => Buffer.from(text).toString('base64');
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export function uidOf(what: string): string {
  const hex = hashOf(what);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** One who tells the recording again for the Client of a number; each has a secret of its own. */
export function teller(recording: Recording, perNamespace: number): (index: number) => Told {
  const { client, secret, row } = recording;
  const { namespace, name, uid } = client.metadata;
  const value = Buffer.from(secret.data['client-secret'], 'base64').toString();
  const texts = { client: JSON.stringify(client), secret: JSON.stringify(secret), row: JSON.stringify(row) };
  const id = `${namespace}.${name}`;
  const scope = scopeOf(recording);
  return (index) => {
    const space = spaceOf(index, perNamespace);
    const app = nameOf(index);
    const own = createHash('sha256').update(`secret ${index}`).digest('base64url');
    const pairs: readonly (readonly [string, string])[] = [
      // Names in base64 first: they are the values of the Secret.
      [encoded(value), encoded(own)],
      [encoded(id), encoded(`${space}.${app}`)],
      [value, own],
      [digestOf(value), digestOf(own)],
      [idOfDigest(digestOf(value)), idOfDigest(digestOf(own))],
      [secret.metadata.uid, uidOf(`secret ${index}`)],
      [uid, uidOf(`client ${index}`)],
      [namespace, space],
      [name, app],
      [`"resourceVersion":"${client.metadata.resourceVersion}"`, `"resourceVersion":"${1000 + index * 2}"`],
      [`"resourceVersion":"${secret.metadata.resourceVersion}"`, `"resourceVersion":"${1001 + index * 2}"`],
    ];
    // The scope is one for all, though it is called after its namespace.
    const tell = (text: string) =>
      pairs
        .reduce((told, [from, to]) => told.replaceAll(from, to), text.replaceAll(scope, placeholder))
        .replaceAll(placeholder, scope);
    return { client: tell(texts.client), secret: tell(texts.secret), row: tell(texts.row), namespace: space };
  };
}

const scopeOf = ({ scope }: Recording): string => scope.spec.name;

export const nameOf = (index: number): string => `app-${String(index).padStart(6, '0')}`;
export const spaceOf = (index: number, perNamespace: number): string =>
  `team-${String(Math.floor(index / perNamespace)).padStart(5, '0')}`;

/** The Clients of `examples/resources` that the sample application offers to walk through, in the order of its page. */
import { readCredentials } from '../application/credentials.ts';
import type { Registered } from '../application/walk.ts';
import type { CheckedApplication, CheckedName } from '../check/facts.ts';
import { type Folders, secretFile } from './folders.ts';
import type { ResourceStatus } from './status.ts';

export const offeredKeys = [
  'order-desk',
  'ledger',
  'pocket-clock',
  'loyalty',
  'showroom',
  'wall-display',
  'television',
  'night-report',
  'courier',
] as const;
export type OfferedKey = (typeof offeredKeys)[number];

type Offered = Pick<Registered, 'about' | 'responseTypes' | 'signsOut'> & { readonly namespace: string };

const offered: Readonly<Record<OfferedKey, Offered>> = {
  'order-desk': {
    namespace: 'orders',
    about:
      'A web application that wants to see and change orders. The directory lets finance change them, nobody else.',
    signsOut: true,
  },
  ledger: {
    namespace: 'finance',
    about: 'A web application for the members of the group finance. Others get nothing, whichever way it asks.',
  },
  'pocket-clock': {
    namespace: 'harbour',
    about: 'An app on a telephone. It can keep no secret, so PKCE alone protects its code, and it asks each time.',
  },
  loyalty: {
    namespace: 'partners',
    about:
      'Another company’s application. It knows people by a subject of its own (pairwise), its access tokens are opaque, and what it learns is signed.',
  },
  showroom: {
    namespace: 'orders',
    about: 'A web application that knows who is there before it exchanges its code (hybrid).',
    responseTypes: ['code id_token', 'code token', 'code id_token token', 'code'],
    signsOut: true,
  },
  'wall-display': {
    namespace: 'harbour',
    about:
      'An application that lives in the browser alone: tokens come straight back (implicit). New applications use a code and PKCE instead.',
    responseTypes: ['id_token token', 'id_token', 'token'],
  },
  television: {
    namespace: 'harbour',
    about: 'A device without a keyboard. It shows a code, and a person enters it on another screen.',
  },
  'night-report': {
    namespace: 'orders',
    about: 'A program without users. It gets a token with its own secret.',
  },
  courier: {
    namespace: 'orders',
    about:
      'The same with opaque tokens: they say nothing to whoever finds them. Stockroom, an API, may ask what they mean.',
  },
};

export function registeredOffers(folders: Folders): readonly (Registered & { readonly key: OfferedKey })[] {
  return offeredKeys.map((key) => {
    const { namespace, ...offer } = offered[key];
    return { key, ...offer, secretFile: secretFile(folders, namespace, `${key}-oauth2`) };
  });
}

/** People put Clients of their own beside those that the demo shows; what is wrong with theirs must not hold up ours. */
export function isNeeded({ kind, namespace, name }: Pick<ResourceStatus, 'kind' | 'namespace' | 'name'>): boolean {
  if (kind === 'AuthorizationServer' || kind === 'LdapBinding') return true;
  if (kind !== 'Client') return false;
  const shown = offeredKeys.some((key) => key === name && offered[key].namespace === namespace);
  return shown || (name === 'stockroom' && namespace === 'orders');
}

/** An API that may ask what tokens mean. */
export function resourceServer(folders: Folders): Registered {
  return { key: 'stockroom', about: 'An API.', secretFile: secretFile(folders, 'orders', 'stockroom-oauth2') };
}

/** What the check is told of each; an application without a secret has an empty one. */
export async function checkedApplications(
  folders: Folders,
): Promise<Readonly<Record<CheckedName, CheckedApplication>>> {
  const all = [...registeredOffers(folders), resourceServer(folders)];
  const known = async (key: CheckedName): Promise<CheckedApplication> => {
    const {
      clientId,
      clientSecret = '',
      scopes,
    } = await readCredentials(all.find((one) => one.key === key)?.secretFile ?? '');
    return { clientId, clientSecret, scopes };
  };
  return {
    'order-desk': await known('order-desk'),
    ledger: await known('ledger'),
    'pocket-clock': await known('pocket-clock'),
    loyalty: await known('loyalty'),
    showroom: await known('showroom'),
    'wall-display': await known('wall-display'),
    television: await known('television'),
    'night-report': await known('night-report'),
    courier: await known('courier'),
    stockroom: await known('stockroom'),
  };
}

/** What this server is (RFC 4512 §5.1): the only entry that strangers may read. */
import { type Entry, type SearchOutcome, select } from './entries.ts';
import { evaluate } from './filter.ts';
import { ResultCode, type SearchRequest } from './message.ts';
import { type AttributeType, attributeType } from './schema.ts';

export type RootDse = Pick<Entry, 'attributes'>;

const operational = ['namingContexts', 'supportedLDAPVersion', 'vendorName'] as const;

export function makeRootDse(suffix: string): RootDse {
  const values: Record<(typeof operational)[number] | 'objectClass', string> = {
    objectClass: 'top',
    namingContexts: suffix,
    supportedLDAPVersion: '3',
    vendorName: 'Nauthera sample directory',
  };
  const attributes: RootDse['attributes'] = new Map();
  for (const [name, value] of Object.entries(values)) {
    const type = attributeType(name);
    if (type === undefined) throw new Error(`attribute ${name} is not known here`);
    // Every attribute of the root DSE but its class is operational, whatever the type is elsewhere.
    attributes.set(name, { type: { ...type, operational: name !== 'objectClass' }, values: [Buffer.from(value)] });
  }
  return { attributes };
}

export function searchRootDse(rootDse: RootDse, request: SearchRequest): SearchOutcome {
  const values = (type: AttributeType) => rootDse.attributes.get(type.name)?.values ?? [];
  const matches = evaluate(request.filter, values) === true;
  return {
    code: ResultCode.success,
    entries: matches ? [{ dn: '', attributes: select(request, rootDse, values) }] : [],
  };
}

/** The registry as the operator uses it, over the database. */
import type { Sealer } from '../keys/keys.ts';
import { type Database, DatabaseUnavailable, type Statement } from '../store/database.ts';
import { noteChecks, scanChecks } from './checks.ts';
import { readClock, readSecretUse, revokeClientTokens } from './client-secrets.ts';
import { admission, fenced } from './fence.ts';
import { fingerprintOf, isSameRow } from './fingerprint.ts';
import { followIds } from './follow-ids.ts';
import { formatOf, oldestFormat } from './format.ts';
import { deleteIdentity, listIdentities, putIdentity } from './identities.ts';
import { wishKeys } from './key-wishes.ts';
import type { Owner, RegistrationKind } from './registration.ts';
import type { Fence, PutResult, Registration, Registry, StoredRegistration } from './registry.ts';
import { listReports } from './reports.ts';
import { getStored, rowOf, scanOwners } from './scan.ts';
import type { Revision } from './snapshot.ts';
import { type RowWithMore, toRow } from './stored-row.ts';
import { checkRegistration } from './validate.ts';

export interface RegistryOptions {
  readonly database: Database;
  /** Who writes. */
  readonly fence: Fence;
  /** With the key-encryption key: bind passwords are sealed by it. */
  readonly sealer: Sealer;
  /** Of a row that is written; default: {@link formatOf}. */
  readonly formatOf?: (registration: Registration) => number;
  /** One line about something that repairs itself. */
  readonly onProblem?: (problem: string) => void;
}

/** Every method throws `DatabaseUnavailable`; those that write throw `RegistryFenced`. */
export function openRegistry(options: RegistryOptions): Registry {
  const { database, fence, sealer } = options;
  // The first statement raises the fence, also where it changes nothing: until then an older leader could still write, and what
  // was read may be about to change.
  let admitted = false;
  const putAll = async (registrations: readonly Registration[]): Promise<readonly PutResult[]> => {
    const results = await putMany(options, registrations);
    admitted ||= results.some(({ outcome }) => outcome !== 'invalid' && outcome !== 'held');
    return results;
  };
  return {
    fingerprint: (registration) => fingerprintOf(registration, sealer),
    put: async (registration) => answered((await putAll([registration]))[0]),
    putMany: putAll,
    delete: (kind, uid) => remove(options, kind, uid),
    get: (kind, id) => getStored(database, kind, id),
    adopt: (from, server) => adopt(options, from, server),
    scanOwners: () => scanOwners(database, fence.source),
    scanChecks: () => scanChecks(database, fence.source),
    noteChecks: (checks) => noteChecks(database, fence, checks),
    stands: (registration, stored) => admitted && stands(options, registration, stored),
    follow: (onChange) => followIds(database, onChange, options.onProblem ?? (() => undefined)),
    reports: () => listReports(database),
    clock: () => readClock(database),
    secretUse: (digest) => readSecretUse(database, digest),
    revokeTokens: (uid) => revokeClientTokens(database, fence, uid),
    wishKeys: (wish) => wishKeys(database, fence, wish),
    identities: () => listIdentities(database, fence),
    putIdentity: (identity) => putIdentity(database, fence, identity),
    deleteIdentity: (identity) => deleteIdentity(database, fence, identity),
  };
}

export const mostAtOnce = 500;

const putRows: Statement = {
  name: 'registry_put',
  text: `SELECT place, outcome, owner_source, owner_namespace, owner_name, owner_uid, epoch, n
    FROM registry_put($1, $2, $3, $4::jsonb)`,
};

// What is served to nobody is written in any case: a reader that does not know the row leaves it out, which is the same.
const putNewerRows: Statement = {
  name: 'registry_put_newer',
  text: `WITH asked AS MATERIALIZED (
      SELECT row, coalesce((row ->> 'withdrawn')::boolean OR (row ->> 'format')::int <= (SELECT min(format)
        FROM replica_reports WHERE reported_at > now() - interval '15 seconds'), true) AS known
      FROM jsonb_array_elements($4::jsonb) AS row)
    SELECT place, outcome, owner_source, owner_namespace, owner_name, owner_uid, epoch, n
    FROM registry_put($1, $2, $3, (SELECT coalesce(jsonb_agg(row), '[]') FROM asked WHERE known))
    UNION ALL
    SELECT (row ->> 'place')::int, 'held', NULL, NULL, NULL, NULL, NULL, NULL FROM asked WHERE NOT known`,
};

interface PutRow {
  readonly place: number;
  readonly outcome: 'written' | 'unchanged' | 'conflict' | 'reserved' | 'fenced' | 'held';
  readonly owner_source: string;
  readonly owner_namespace: string;
  readonly owner_name: string;
  readonly owner_uid: string;
  readonly epoch: string;
  readonly n: number;
}

/** What is invalid today, claimed by nobody yet, perhaps to be held back, or not read from here is for `put` to say. */
function stands(
  { sealer, formatOf: format = formatOf }: RegistryOptions,
  registration: Registration,
  stored: StoredRegistration,
): boolean {
  const { kind, id, value } = registration;
  if (stored.adopted === true || format(registration) > oldestFormat) return false;
  const row = rowOf(stored);
  return (
    row !== undefined &&
    isSameRow(toRow(registration, sealer), row) &&
    isAllowedAs(registration, row) &&
    checkRegistration(kind, id, value) === null
  );
}

/** What is left out stays as it is. */
function isAllowedAs({ allowedBy }: Registration, { generation, policy }: RowWithMore): boolean {
  if (allowedBy === undefined) return true;
  return allowedBy.generation === generation && (allowedBy.policy ?? null) === policy;
}

async function putMany(
  options: RegistryOptions,
  registrations: readonly Registration[],
): Promise<readonly PutResult[]> {
  if (registrations.length > mostAtOnce) throw new RangeError(`at most ${mostAtOnce} registrations at once`);
  const results = new Map<number, PutResult>();
  const valid: Placed[] = [];
  for (const [place, registration] of registrations.entries()) {
    const { kind, id, owner, value } = registration;
    if (owner.source !== options.fence.source) throw new RangeError('a registration belongs to another source');
    const problem = checkRegistration(kind, id, value);
    if (problem === null) valid.push({ registration, place });
    else results.set(place, { outcome: 'invalid', problem });
  }
  for (const wave of waves(valid)) {
    for (const [place, result] of await putWave(options, wave)) results.set(place, result);
  }
  return registrations.map((_, place) => answered(results.get(place)));
}

interface Placed {
  readonly registration: Registration;
  readonly place: number;
}

/** Nearly always one. A later registration of the same id or resource waits for the earlier one to be written. */
function waves(placed: readonly Placed[]): readonly (readonly Placed[])[] {
  const found: { taken: Set<string>; members: Placed[] }[] = [];
  for (const one of placed) {
    const { kind, id, owner } = one.registration;
    const keys = [`id ${kind}/${id}`, `uid ${kind}/${owner.uid}`, `name ${kind}/${owner.namespace}/${owner.name}`];
    const after = found.findLastIndex(({ taken }) => keys.some((key) => taken.has(key)));
    const wave = found[after + 1] ?? { taken: new Set(), members: [] };
    if (after + 1 === found.length) found.push(wave);
    for (const key of keys) wave.taken.add(key);
    wave.members.push(one);
  }
  return found.map(({ members }) => members);
}

async function putWave(
  { database, fence, sealer, formatOf: format = formatOf }: RegistryOptions,
  wave: readonly Placed[],
): Promise<readonly [number, PutResult][]> {
  const input = wave.map(({ registration, place }) => {
    const { sealed, ...row } = toRow(registration, sealer, format(registration));
    const { traceparent, allowedBy } = registration;
    return {
      ...row,
      place,
      sealed: sealed === null ? null : `\\x${sealed.toString('hex')}`,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...allowedBy,
    };
  });
  const statement = input.some((row) => row.format > oldestFormat) ? putNewerRows : putRows;
  const { rows } = await database.run<PutRow>(statement, [...admission(fence), JSON.stringify(input)]);
  return rows.map((row) => {
    if (row.outcome === 'fenced') throw fenced();
    if (row.outcome === 'written' || row.outcome === 'unchanged') {
      return [row.place, { outcome: row.outcome, revision: { epoch: row.epoch, n: row.n } }];
    }
    if (row.outcome === 'held') {
      return [row.place, { outcome: 'held', format: input.find(({ place }) => place === row.place)?.format ?? 0 }];
    }
    const owner: Owner = {
      source: row.owner_source,
      namespace: row.owner_namespace,
      name: row.owner_name,
      uid: row.owner_uid,
    };
    return [row.place, { outcome: 'conflict', owner, reserved: row.outcome === 'reserved' }];
  });
}

function answered(result: PutResult | undefined): PutResult {
  if (result === undefined) throw new Error('the registry did not answer for every registration');
  return result;
}

const deleteRows: Statement = {
  name: 'registry_delete',
  text: 'SELECT outcome, epoch, n FROM registry_delete($1, $2, $3, $4, $5)',
};

async function remove(
  { database, fence }: RegistryOptions,
  kind: RegistrationKind,
  uid: string,
): Promise<Revision | null> {
  const { rows } = await database.run<{ outcome: 'deleted' | 'absent' | 'fenced' } & Revision>(deleteRows, [
    ...admission(fence),
    kind,
    uid,
  ]);
  const [row] = rows;
  if (row?.outcome === 'fenced') throw fenced();
  return row?.outcome === 'deleted' ? { epoch: row.epoch, n: row.n } : null;
}

const adoptRows: Statement = {
  name: 'registry_adopt',
  text: 'SELECT outcome FROM registry_adopt($1, $2, $3, $4, $5, $6, $7)',
};

/** In steps: one statement over 100,000 rows would not end in its time. */
const mostAdoptedAtOnce = 5_000;
const mostAdoptions = 200;

async function adopt(
  { database, fence }: RegistryOptions,
  from: string,
  { namespace, name }: Pick<Owner, 'namespace' | 'name'>,
): Promise<'adopted' | 'refused'> {
  // Bounded: a database that somebody changed may say "left" for ever.
  for (let step = 0; step < mostAdoptions; step += 1) {
    const { rows } = await database.run<{ outcome: 'left' | 'adopted' | 'refused' | 'fenced' }>(adoptRows, [
      ...admission(fence),
      from,
      namespace,
      name,
      mostAdoptedAtOnce,
    ]);
    const outcome = rows[0]?.outcome ?? 'refused';
    if (outcome === 'fenced') throw fenced();
    if (outcome !== 'left') return outcome;
  }
  throw new DatabaseUnavailable('taking over its rows does not come to an end');
}

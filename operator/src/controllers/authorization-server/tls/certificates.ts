/** Keeps the certificate of an AuthorizationServer: makes what is due, repairs what was edited, tells who is to trust whom. */

import {
  type Authorities,
  bundleOf,
  lifetimes,
  nextStep,
  planAuthorities,
  type Renewal,
  renewalOf,
  type Serving,
  validityFrom,
} from '../../../certificates/lifecycle.ts';
import type { ConditionDraft } from '../../../runtime/conditions.ts';
import type { NewSecret, Observed, Secret } from '../../../sources/source.ts';
import { pausedAnnotation } from '../../annotations.ts';
import type { ServerResource } from '../../attachment.ts';
import { serverLabel } from '../../key-encryption.ts';
import type { Looked } from '../../polling.ts';
import type { World } from '../../world.ts';
import { judgeGiven } from './given.ts';
import {
  authoritySecret,
  changeOf,
  isOurs,
  type Kept,
  readAuthorities,
  readServing,
  servingSecret,
} from './secrets.ts';
import { certificateTime, timeOf } from './time.ts';
import { generated, wantedCertificate } from './wanted.ts';

export interface ServerCertificate {
  /** Whether pods can show one, or need none. */
  readonly usable: boolean;
  readonly problem: ConditionDraft | undefined;
  /** The authorities that signed it, in PEM; `undefined`: none that is known here. */
  readonly bundle: string | undefined;
  /** Those among {@link bundle} that Clients need to reach the issuer. */
  readonly forClients: string | undefined;
  readonly looked: readonly Looked[];
  /** Milliseconds until the next step. */
  readonly lookAgainAfter: number | undefined;
}

const none: ServerCertificate = {
  usable: true,
  problem: undefined,
  bundle: undefined,
  forClients: undefined,
  looked: [],
  lookAgainAfter: undefined,
};

/** Timers know no longer times, and clocks are set. */
const longest = 86_400_000;

function timeTo(moment: number, now: number): number {
  return Math.min(Math.max(moment - now, 0), longest);
}

export async function keepCertificate(
  world: World,
  server: ServerResource,
  issuer: string,
): Promise<ServerCertificate> {
  const wanted = wantedCertificate(server, issuer);
  if (wanted.from === 'nobody') return none;
  if (wanted.from === 'operator') {
    const kept = await keepGenerated(world, server, wanted.names);
    return { ...kept, forClients: wanted.forClients ? kept.bundle : undefined };
  }
  const { secretName: name, names, forClients } = wanted;
  const { namespace } = server;
  const secret = await world.secrets.read(namespace, name);
  const { now } = await certificateTime(world, server);
  const { until, ...given } = judgeGiven(secret, { name, namespace, names, now });
  return {
    ...given,
    forClients: forClients ? given.bundle : undefined,
    looked: [{ kind: 'Secret', namespace, name, found: secret }],
    lookAgainAfter: until === undefined ? undefined : timeTo(until, now),
  };
}

async function keepGenerated(
  world: World,
  server: ServerResource,
  names: readonly string[],
): Promise<ServerCertificate> {
  const { namespace } = server;
  const place = { authority: generated.authority(server.name), serving: generated.serving(server.name) };
  const found: Found = {
    authority: await world.secrets.read(namespace, place.authority),
    serving: await world.secrets.read(namespace, place.serving),
  };
  const foreign = [found.authority, found.serving].find((one) => one !== undefined && !isOurs(one, server));
  const looked = (kept: Found): Looked[] => [
    { kind: 'Secret', namespace, name: place.authority, found: kept.authority },
    { kind: 'Secret', namespace, name: place.serving, found: kept.serving },
  ];
  if (foreign !== undefined) {
    const message = `Secret "${foreign.name}" is in the way of the generated certificate. Delete it, or name it in spec.tls.secretRef with mode Secret`;
    const problem = { type: 'Deployed', status: 'False', reason: 'ApplyFailed', message } as const;
    return { ...none, usable: false, problem, looked: looked(found) };
  }
  if (server.annotations[pausedAnnotation] === 'true') return { ...leftAlone(found), looked: looked(found) };
  const stands: Kept = { authorities: readAuthorities(found.authority), serving: readServing(found.serving) };
  const now = timeOf(await certificateTime(world, server), stands);
  const authorities = await keepAuthorities(world, server, found, { stands, now });
  const serving = await keepServing(world, server, found.serving, { authorities, names, now });
  return {
    ...none,
    bundle: bundleOf(authorities),
    looked: looked(found),
    lookAgainAfter: timeTo(nextStep(authorities, serving), now),
  };
}

interface Found {
  readonly authority: Secret | undefined;
  readonly serving: Secret | undefined;
}

function leftAlone(found: Found): ServerCertificate {
  const { signing, next, former } = readAuthorities(found.authority);
  if (signing === undefined || found.serving === undefined) return { ...none, usable: false };
  return { ...none, bundle: bundleOf({ signing, ...(next === undefined ? {} : { next }), former }) };
}

async function keepAuthorities(
  world: World,
  server: ServerResource,
  found: Found,
  { stands, now }: { readonly stands: Kept; readonly now: number },
): Promise<Authorities> {
  const step = planAuthorities(stands.authorities, stands.serving, now);
  const name = generated.authority(server.name);
  const map = `${server.name}-ca`;
  if (step.step === 'keep') {
    const moved = step.moved ? `Secret "${name}": which certificate authorities are trusted has moved on` : undefined;
    const repaired = `Secret "${name}" was edited and has been put back`;
    const note = moved === undefined ? (['DriftRepaired', repaired] as const) : (['SecretRotated', moved] as const);
    await write(world, server, found.authority, authoritySecret(server, step.authorities), note);
    return step.authorities;
  }
  const { issueAuthority } = await import('../../../certificates/issue.ts');
  const made = await issueAuthority(server, validityFrom(now, lifetimes.authority));
  const authorities: Authorities =
    step.step === 'first' ? { signing: made, former: step.former } : { ...step.authorities, next: made };
  const lost = found.authority !== undefined || found.serving !== undefined;
  const note =
    step.step === 'publish'
      ? ([
          'SecretRotated',
          `a new certificate authority is published in ConfigMap "${map}"; it signs nothing yet`,
        ] as const)
      : lost
        ? (['SecretRecreated', recreated(name, map, step.notBefore)] as const)
        : (['SecretCreated', `made a certificate authority, in Secret "${name}" and ConfigMap "${map}"`] as const);
  await write(world, server, found.authority, authoritySecret(server, authorities), note);
  return authorities;
}

function recreated(secret: string, map: string, notBefore: number | undefined): string {
  if (notBefore === undefined)
    return `the certificate authority in Secret "${secret}" was lost: there is a new one, in ConfigMap "${map}" beside the old one`;
  const from = new Date(notBefore).toISOString().slice(0, 10);
  return `the certificate authority in Secret "${secret}" is not valid before ${from}: there is a new one, in ConfigMap "${map}" in its place. See why a clock was ahead when it was made`;
}

async function keepServing(
  world: World,
  server: ServerResource,
  secret: Secret | undefined,
  {
    authorities,
    names,
    now,
  }: { readonly authorities: Authorities; readonly names: readonly string[]; readonly now: number },
): Promise<Serving> {
  const found = readServing(secret);
  const renewal = renewalOf(found, authorities, { names, now });
  if (renewal === undefined && found !== undefined) {
    const note = [
      'DriftRepaired',
      `Secret "${generated.serving(server.name)}" was edited and has been put back`,
    ] as const;
    await write(world, server, secret, servingSecret(server, found), note);
    return found;
  }
  const { issueServing } = await import('../../../certificates/issue.ts');
  const validity = validityFrom(now, lifetimes.serving);
  const made = await issueServing(authorities.signing, { name: server.name, names, validity });
  const serving = { ...made, authority: authorities.signing.certificate };
  const until = validity.notAfter.toISOString().slice(0, 10);
  const note = `Secret "${generated.serving(server.name)}": issued a certificate that is valid until ${until}${why[renewal ?? 'missing']}`;
  await write(world, server, secret, servingSecret(server, serving), [eventOf(renewal ?? 'missing', secret), note]);
  return serving;
}

const why: Readonly<Record<Renewal, string>> = {
  missing: '',
  unusable: '; what stood there could not be used',
  untrusted: '; the one before was not of the authority that is published',
  names: '; the names have changed',
  due: '',
};

function eventOf(renewal: Renewal, before: Secret | undefined): string {
  if (renewal === 'due' || renewal === 'names') return 'SecretRotated';
  return before === undefined ? 'SecretCreated' : 'DriftRepaired';
}

/** Somebody else wrote it meanwhile: decide anew. */
class CertificateMoved extends Error {
  readonly code = 'certificate_moved';
}

/** @param event reason and note, when something is written */
async function write(
  { secrets, events }: World,
  server: ServerResource,
  before: Secret | undefined,
  wanted: NewSecret,
  [reason, note]: readonly [reason: string, note: string],
): Promise<void> {
  const next = before === undefined ? wanted : changeOf(before, wanted);
  if (next === undefined) return;
  // What cannot be changed can be deleted.
  if (before?.immutable === true) await secrets.delete(before);
  const written =
    before === undefined || before.immutable === true ? await secrets.create(next) : await secrets.update(before, next);
  if (written === 'exists' || written === 'changed')
    throw new CertificateMoved(`Secret ${next.name} changed meanwhile`);
  events.record(server, { type: reason === 'SecretRecreated' ? 'Warning' : 'Normal', reason, note });
}

/** Where all goes. Otherwise a server that is made anew goes on with the authority that clients trust. */
export async function discardAuthorities(
  { secrets, pods }: World,
  server: Observed<'AuthorizationServer'>,
): Promise<void> {
  if (pods === undefined || server.spec?.deletionPolicy !== 'Delete') return;
  const secret = await secrets.read(server.namespace, generated.authority(server.name));
  if (secret?.labels[serverLabel] === server.name) await secrets.delete(secret);
}

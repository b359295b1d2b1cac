import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kindNames, readyOrder, reasonInfo, reasons, standing } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { eventWords, reasonMeanings } from '../../../crds/src/reason-words.ts';

const any = { Blocked: 'R', Pending: 'R' };
const server = { ServerNotFound: 'R', DefaultServerAmbiguous: 'S', RefNotPermitted: 'S' };
const references = {
  ResolvedRefs: '-',
  ...any,
  ...server,
  ScopeNotFound: 'R',
  SecretNotFound: 'R',
  SecretKeyNotFound: 'R',
  SecretInvalid: 'S',
};
const accepted = {
  Accepted: '-',
  ...any,
  NotAllowedByServer: 'S',
  PolicyViolation: 'S',
  Conflict: 'S',
  InvalidSpec: 'S',
};
const programmed = {
  Programmed: '-',
  ...any,
  NotServedYet: 'R',
  NoReplica: 'R',
  DatabaseUnavailable: 'R',
  RejectedByServer: 'S',
};
const ready = { Ready: '-', ...any, Deleting: '-' };

/** R: Reconciling, S: Stalled, -: neither. Nothing else may be written to a status. */
const newer = { NewerVersion: '-' };
const table = {
  AuthorizationServer: {
    Ready: ready,
    DatabaseReady: {
      DatabaseReady: '-',
      SingleRole: '-',
      ...any,
      SecretNotFound: 'R',
      SecretKeyNotFound: 'R',
      CaNotFound: 'R',
      DatabaseUnreachable: 'R',
      DatabaseLoginFailed: 'S',
      DatabaseTlsFailed: 'S',
      DatabasePermissionMissing: 'S',
      DatabaseVersionUnsupported: 'S',
      DatabaseInUse: 'S',
      MigrationRunning: 'R',
      MigrationFailed: 'S',
    },
    Deployed: {
      Deployed: '-',
      Standalone: '-',
      ...any,
      Conflict: 'S',
      InvalidSpec: 'S',
      RollingOut: 'R',
      ApplyFailed: 'R',
      RolloutStuck: 'S',
      SecretNotFound: 'R',
      SecretKeyNotFound: 'R',
      SecretInvalid: 'S',
      CertificateExpired: 'S',
      CertificateNameMismatch: 'S',
    },
    KeysReady: {
      KeysReady: '-',
      ...any,
      KeysPending: 'R',
      KeyEncryptionKeyNotFound: 'S',
      KeyEncryptionKeyMismatch: 'S',
      RotationOverdue: 'R',
    },
    BrandingAdjusted: { ContrastTooLow: '-', LogoNotFound: '-', LogoInvalid: '-' },
    ClientAddressUnknown: { ProxyNotTrusted: '-' },
    RetirementHeld: { TooManyOrphans: '-' },
    Paused: { PausedByAnnotation: '-' },
    UnknownFields: newer,
  },
  Client: {
    Ready: { ...ready, Suspended: '-' },
    ResolvedRefs: { ...references, ScopeNotAllowed: 'S', SecretNotOwned: 'S', LogoNotFound: 'R', LogoInvalid: 'S' },
    Accepted: accepted,
    Programmed: programmed,
    RotationBlocked: { OldSecretInUse: '-', SecretImmutable: '-' },
    UnknownFields: newer,
  },
  Scope: { Ready: ready, Accepted: { ...accepted, ...server }, Programmed: programmed, UnknownFields: newer },
  LdapBinding: {
    Ready: ready,
    ResolvedRefs: { ...references, CaNotFound: 'R' },
    Accepted: accepted,
    Programmed: programmed,
    TLSReady: {
      TLSReady: '-',
      ...any,
      ConnectFailed: 'R',
      CertificateUntrusted: 'S',
      CertificateNameMismatch: 'S',
      CertificateExpired: 'S',
      NoReplica: 'R',
    },
    BindSucceeded: { BindSucceeded: '-', ...any, BindRejected: 'S', BindFailed: 'R', NoReplica: 'R' },
    SearchBaseFound: {
      SearchBaseFound: '-',
      ...any,
      SearchBaseNotFound: 'S',
      SearchNotPermitted: 'S',
      InvalidFilter: 'S',
      NoReplica: 'R',
    },
    Degraded: { ServerUnreachable: '-', SweepStopped: '-', PolicyNotReadable: '-', ReplicasDisagree: '-' },
    UnknownFields: newer,
  },
};

const letters = { Reconciling: 'R', Stalled: 'S', None: '-' } as const;
const found = Object.fromEntries(
  kindNames.map((kind) => [
    kind,
    Object.fromEntries(
      Object.entries(reasons[kind]).map(([type, list]) => [
        type,
        Object.fromEntries(Object.entries(list).map(([reason, info]) => [reason, letters[info.standing]])),
      ]),
    ),
  ]),
);

describe('reasons', () => {
  it.each(kindNames)('%s: the list is closed', (kind) => expect(found[kind]).toEqual(table[kind]));

  it.each(kindNames)('%s: every condition that Ready depends on can be True and can wait', (kind) => {
    for (const type of readyOrder[kind])
      for (const reason of [type, 'Blocked', 'Pending']) expect(reasonInfo(kind, type, reason)).toBeDefined();
  });

  it('they are words that Kubernetes takes', () => {
    for (const kind of kindNames)
      for (const [type, list] of Object.entries(reasons[kind]))
        for (const word of [type, ...Object.keys(list)]) expect(word).toMatch(/^[A-Z][A-Za-z]{2,62}$/);
  });

  it('an invented one throws', () => {
    expect(standing('Client', 'Accepted', 'PolicyViolation')).toBe('Stalled');
    expect(() => standing('Client', 'Accepted', 'Nope')).toThrow('Client has no reason Nope for Accepted');
  });
});

describe('the page about reasons', () => {
  it('says of every reason what it means, and of no other', () => {
    const all = kindNames.flatMap((kind) => Object.values(reasons[kind]).flatMap((table) => Object.keys(table)));
    expect(Object.keys(reasonMeanings).sort()).toEqual([...new Set(all)].sort());
    for (const meaning of Object.values(reasonMeanings)) expect(meaning).toMatch(/^[A-Z`].*[^.]$/);
  });

  it('names Events that the operator tells, each by its own word', () => {
    const folder = fileURLToPath(new URL('../../../operator/src/', import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const source = files.map((name) => readFileSync(`${folder}${name}`, 'utf8')).join('\n');
    const untold = Object.keys(eventWords).filter((reason) => !source.includes(`'${reason}'`));
    expect(untold).toEqual([]);
  });
});

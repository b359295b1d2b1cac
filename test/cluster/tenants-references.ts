/** Every field of our kinds that names a Secret or a ConfigMap, aimed at those of a neighbour, `bank`, by a tenant, `mallory`. */
import type { AnyObject } from '../support/kube-cluster.ts';

/** How it must end: the API server refuses it, or the operator says why it counts for nothing. */
export type Answer =
  | { readonly refused: RegExp }
  | { readonly condition: string; readonly reason: string; readonly says: RegExp };

export interface Attack {
  readonly title: string;
  readonly kind: 'AuthorizationServer' | 'Client' | 'Scope' | 'LdapBinding';
  readonly spec: AnyObject;
  readonly answer: Answer;
}

/** Objects of `bank` that no resource names: whoever reads one was sent there by the tenant. */
export const decoys = { secret: 'decoy', configMap: 'decoy-ca' } as const;

export const machine = { grantTypes: ['client_credentials'] };
export const directory = {
  vendor: 'OpenLDAP',
  servers: [{ url: 'ldaps://127.0.0.1:9' }],
  bind: { dn: 'cn=reader,dc=example', passwordSecretRef: { name: 'reader' } },
  userSearch: { base: 'dc=example' },
};
const own = { authorizationServerRef: { name: 'own' } };
/** Waits for its database for ever, whatever else it names. */
const waiting = { issuer: 'https://mallory.example', database: { secretRef: { name: 'nowhere' } } };
const ofDatabase = (more: AnyObject) => ({ ...waiting, database: { secretRef: { name: 'own-database' }, ...more } });

interface Reference {
  readonly kind: Attack['kind'];
  /** As the CRD has it: the field that holds the name. */
  readonly field: string;
  readonly decoy: string;
  readonly spec: (ref: AnyObject) => AnyObject;
  /** What is said where the namespace has no such object; left out: that the server waits for its database. */
  readonly missing?: { readonly condition: string; readonly reason: string };
  /** The operator makes the object: that it is not there is no reason to say anything. */
  readonly isWritten?: true;
}

const secret = { decoy: decoys.secret };
const configMap = { decoy: decoys.configMap };
const toServer = (field: string, spec: Reference['spec']) => ({ kind: 'AuthorizationServer', field, spec }) as const;
const databaseWaits = { condition: 'DatabaseReady', reason: 'SecretNotFound' };

export const references: readonly Reference[] = [
  { ...toServer('database.secretRef.name', (ref) => ({ ...waiting, database: { secretRef: ref } })), ...secret },
  {
    ...toServer('database.operatorSecretRef.name', (ref) =>
      ofDatabase({ operatorSecretRef: ref, migratorSecretRef: { name: 'own-database' } }),
    ),
    ...secret,
  },
  {
    ...toServer('database.migratorSecretRef.name', (ref) =>
      ofDatabase({ migratorSecretRef: ref, operatorSecretRef: { name: 'own-database' } }),
    ),
    ...secret,
  },
  {
    ...toServer('database.caBundleRef.name', (ref) => ofDatabase({ caBundleRef: { ...ref, kind: 'Secret' } })),
    ...secret,
    missing: { condition: 'DatabaseReady', reason: 'CaNotFound' },
  },
  {
    ...toServer('keyEncryption.secretRef.name', (ref) => ({ ...waiting, keyEncryption: { secretRef: ref } })),
    ...secret,
  },
  { ...toServer('tls.secretRef.name', (ref) => ({ ...waiting, tls: { mode: 'Secret', secretRef: ref } })), ...secret },
  {
    ...toServer('pod.imagePullSecrets[]', ({ name }) => ({ ...waiting, pod: { imagePullSecrets: [name] } })),
    ...secret,
  },
  {
    ...toServer('pod.env[].secretKeyRef.name', (ref) => ({
      ...waiting,
      pod: { env: [{ name: 'TAKEN', secretKeyRef: { key: 'password', ...ref } }] },
    })),
    ...secret,
  },
  {
    ...toServer('exposure.ingress.tlsSecretName', ({ name, ...more }) => ({
      ...waiting,
      exposure: { mode: 'Ingress', ingress: { tlsSecretName: name, ...more } },
    })),
    ...secret,
  },
  {
    ...toServer('trustedClusters[].caBundleRef.name', (ref) => ({
      ...waiting,
      trustedClusters: [{ name: 'mine', issuer: 'https://k', jwksUri: 'https://keys.example/jwks', caBundleRef: ref }],
    })),
    ...configMap,
  },
  {
    ...toServer('mutualTls.caBundleRef.name', (ref) => ({
      ...waiting,
      mutualTls: { mode: 'Listener', caBundleRef: ref },
    })),
    ...configMap,
  },
  {
    ...toServer('branding.logo.configMapRef.name', (ref) => ({
      ...waiting,
      branding: { logo: { configMapRef: ref } },
    })),
    ...configMap,
  },
  {
    kind: 'Client',
    field: 'secret.name',
    ...secret,
    spec: ({ name, ...more }) => ({ ...own, ...machine, secret: { name, ...more } }),
    isWritten: true,
  },
  {
    kind: 'Client',
    field: 'secret.adopt',
    ...secret,
    spec: ({ name, ...more }) => ({ ...own, ...machine, secret: { adopt: name, ...more } }),
    missing: { condition: 'ResolvedRefs', reason: 'SecretNotFound' },
  },
  {
    kind: 'Client',
    field: 'logo.configMapRef.name',
    ...configMap,
    spec: (ref) => ({ ...own, ...machine, logo: { configMapRef: ref } }),
    missing: { condition: 'ResolvedRefs', reason: 'LogoNotFound' },
  },
  {
    kind: 'LdapBinding',
    field: 'bind.passwordSecretRef.name',
    ...secret,
    spec: (ref) => ({ ...own, ...directory, bind: { ...directory.bind, passwordSecretRef: ref } }),
    missing: { condition: 'ResolvedRefs', reason: 'SecretNotFound' },
  },
  {
    kind: 'LdapBinding',
    field: 'tls.caBundleRef.name',
    ...configMap,
    spec: (ref) => ({ ...own, ...directory, tls: { caBundleRef: ref } }),
    missing: { condition: 'ResolvedRefs', reason: 'CaNotFound' },
  },
];

const paths = (decoy: string) => [
  `bank/${decoy}`,
  `../bank/${decoy}`,
  `../../bank/secrets/${decoy}`,
  `%2e%2e%2fbank%2f${decoy}`,
  `bank%2F${decoy}`,
  `${decoy}?namespace=bank`,
  `${decoy}#`,
  `bank\\${decoy}`,
  `${decoy}\u0000`,
  '..',
  '',
];

/** As a refusal names it: of a list the first. */
const inWords = (field: string): RegExp =>
  new RegExp(`spec\\.${field.replaceAll('[]', '[0]').replaceAll(/[.[\]]/g, String.raw`\$&`)}`);

export const attacksByReference: readonly Attack[] = references.flatMap(
  ({ field, kind, decoy, spec, missing = databaseWaits, isWritten }) => [
    ...paths(decoy).map((name) => ({
      title: `${field} ${JSON.stringify(name)}`,
      kind,
      spec: spec({ name }),
      answer: { refused: inWords(field) },
    })),
    ...(isWritten === true
      ? []
      : [
          {
            title: `${field} by the bare name`,
            kind,
            spec: spec({ name: decoy }),
            answer: { ...missing, says: /namespace mallory/ },
          },
          {
            title: `${field} with a namespace beside it`,
            kind,
            spec: spec({ name: decoy, namespace: 'bank' }),
            answer: { ...missing, says: /namespace mallory/ },
          },
        ]),
  ],
);

/** PURE. AuthorizationServer: one authorization server, its database, keys, lifetimes, and who may attach to it. */

import { type Static, Type } from 'typebox';
import { branding } from './branding.ts';
import { clientPolicy } from './client-policy.ts';
import { notLongerThan } from './duration.ts';
import { exposure, monitoring, networkPolicy } from './exposure.ts';
import { choice, group, keyed, text, whole } from './field.ts';
import { lifetimes, signing } from './lifetimes.ts';
import { mutualTls } from './mutual-tls.ts';
import { admission } from './namespace-selection.ts';
import { outbound, trustedProxies } from './networks.ts';
import { autoscaling, pod, replicas } from './pod.ts';
import { bundleRef, secretRef } from './references.ts';
import { computed, status } from './status.ts';
import { tls } from './tls.ts';
import { trustedClusters } from './trusted-clusters.ts';
import { issuerRule } from './uri-rules.ts';

export const authorizationServerSpec = group(
  {
    issuer: Type.Optional(
      text({
        what: 'The URL that names this server in every token and document (RFC 8414). It cannot be changed.',
        max: 512,
        allowed: 'https, or http on 127.0.0.1, [::1] and localhost; no query, fragment or slash at the end',
        rules: [issuerRule],
        example: 'https://id.example.com',
        leftOut: 'https://<name>.<namespace>.svc in a cluster, the listening address without one; status shows it',
      }),
    ),
    database: Type.Optional(
      group(
        {
          secretRef: secretRef(
            'The Secret with the connection.',
            'Its entry uri holds postgres://…; optional entries are direct-uri (migrations and notifications, beside a pooler) and ca.crt. What CloudNativePG writes fits as it is.',
            'pg-app',
            'without a cluster --database names the database; in a cluster the server waits for it',
          ),
          operatorSecretRef: secretRef(
            'The Secret with the connection that the operator uses, as another role of the database: it writes registrations and reads no session. Give migratorSecretRef with it.',
            'Its entries are those of secretRef, with another user.',
            'nauthera-operator-database',
            'the operator uses secretRef, and one role does everything',
          ),
          migratorSecretRef: secretRef(
            'The Secret with the connection that migrations use, as the role that owns the tables. They grant the users of secretRef and operatorSecretRef what each needs. Give operatorSecretRef with it.',
            'Its entries are those of secretRef, with another user.',
            'nauthera-migrator-database',
            'migrations use secretRef, and one role does everything',
          ),
          caBundleRef: bundleRef(
            'The certificates (PEM) that issue the one of the database. With them every connection to it is TLS, and the server must show a certificate of that authority with its name in it, whatever sslmode says. They take the place of an entry ca.crt in the Secrets.',
            'ca.crt',
            'pg-ca',
            'an entry ca.crt of the Secret with the connection says it, or sslmode in its uri',
          ),
        },
        {
          what: 'The Postgres database of this server. One database serves one AuthorizationServer.',
          rules: [
            {
              rule: 'has(self.operatorSecretRef) == has(self.migratorSecretRef)',
              message:
                'give operatorSecretRef and migratorSecretRef together: then each of operator, migrations and servers has a role of its own',
            },
            {
              rule: '!has(self.operatorSecretRef) || has(self.secretRef)',
              message: 'name the Secret of the servers in secretRef, too',
            },
          ],
          example: { secretRef: { name: 'pg-app' } },
          leftOut: 'without a cluster --database names the database; in a cluster the server waits for it',
        },
      ),
    ),
    keyEncryption: Type.Optional(
      group(
        {
          secretRef: secretRef(
            'The Secret with the key.',
            'Its entry key-encryption-key holds 32 random bytes in base64; while it is being replaced, a second line is the next or the older key, which only opens.',
            'default-key-encryption-key',
            'a Secret <name>-key-encryption-key is generated once and never overwritten; without a cluster --key-file',
          ),
        },
        {
          what: 'The key that encrypts signing keys and bind passwords in the database.',
          example: { secretRef: { name: 'default-key-encryption-key' } },
          leftOut:
            'a Secret <name>-key-encryption-key is generated once and never overwritten; without a cluster --key-file',
        },
      ),
    ),
    tls,
    replicas,
    autoscaling,
    pod,
    exposure,
    networkPolicy,
    monitoring,
    lifetimes,
    signing,
    allowedClients: admission('Which namespaces may attach Clients.'),
    allowedScopes: admission('Which namespaces may attach Scopes.'),
    allowedLdapBindings: admission(
      'Which namespaces may attach LdapBindings. A binding from elsewhere is never asked about anyone.',
    ),
    clientPolicies: Type.Optional(
      keyed('name', clientPolicy, {
        what: 'What the selected namespaces are granted. A resource is accepted if any one policy that matches its namespace would accept it.',
        max: 32,
        example: [{ name: 'shop-team', namespaces: { from: 'All' }, clientIds: ['shop-*'] }],
        leftOut:
          'where no policy matches: authorization code, refresh and client credentials, names and audiences of the own namespace, any redirect host; no implicit, hybrid or device flow and no implicit consent',
      }),
    ),
    trustedClusters,
    mutualTls,
    trustedProxies,
    outbound,
    branding,
    deletionPolicy: choice(['Retain', 'Delete'], {
      what: 'What goes with this object when it is deleted, beside what is registered with it.',
      allowed:
        'Retain keeps the database, the generated key-encryption key and the generated certificate authority; Delete removes that key and that authority: what the key encrypted cannot be read any more',
      default: 'Retain',
      example: 'Retain',
    }),
  },
  {
    what: 'What the server is and whom it serves.',
    default: {},
    example: { issuer: 'https://id.example.com' },
    rules: [
      {
        rule: `has(self.issuer) == has(oldSelf.issuer) && (!has(self.issuer) || self.issuer == oldSelf.issuer)`,
        message:
          'issuer cannot change, every token and relying party names it: create a second AuthorizationServer with the new issuer, move the Clients, then delete this one',
        fieldPath: '.issuer',
      },
      {
        rule: `!has(self.trustedProxies) || !has(self.trustedProxies.certificateHeader) || (has(self.mutualTls) && self.mutualTls.mode == 'Listener')`,
        message: 'no certificate counts while mutualTls.mode is Off: set Listener, or leave certificateHeader out',
        fieldPath: '.trustedProxies.certificateHeader',
      },
      {
        rule: notLongerThan('self.lifetimes.idToken', 'self.signing.rotation.retireAfter', " + duration('60s')"),
        message: 'must be at least lifetimes.idToken and 60 s: a token must not outlive the key that verifies it',
        fieldPath: '.signing.rotation.retireAfter',
      },
    ],
  },
);
export type AuthorizationServerSpec = Static<typeof authorizationServerSpec>;

export const authorizationServerStatus = status({
  issuer: computed('The issuer in force.', 512, 'https://id.example.com'),
  endpoints: Type.Optional(
    group(
      {
        discovery: computed(
          'OpenID Connect discovery document.',
          640,
          'https://id.example.com/.well-known/openid-configuration',
        ),
        authorization: computed('Authorization endpoint.', 640, 'https://id.example.com/authorize'),
        token: computed('Token endpoint.', 640, 'https://id.example.com/token'),
        userinfo: computed('Userinfo endpoint.', 640, 'https://id.example.com/userinfo'),
        jwks: computed('Public keys.', 640, 'https://id.example.com/jwks'),
        deviceAuthorization: computed(
          'Device authorization endpoint.',
          640,
          'https://id.example.com/device_authorization',
        ),
        introspection: computed('Introspection endpoint.', 640, 'https://id.example.com/introspect'),
        revocation: computed('Revocation endpoint.', 640, 'https://id.example.com/revoke'),
        endSession: computed('Where applications send users to sign them out.', 640, 'https://id.example.com/logout'),
      },
      {
        what: 'Where the server answers.',
        example: { token: 'https://id.example.com/token' },
        leftOut: 'not known yet',
      },
    ),
  ),
  version: computed('Version of the server that runs.', 64, '0.1.0'),
  replicas: Type.Optional(
    whole({ what: 'Server processes that run.', min: 0, max: 10_000, example: 3, leftOut: 'not known yet' }),
  ),
  readyReplicas: Type.Optional(
    whole({
      what: 'Server processes that serve the newest configuration.',
      min: 0,
      max: 10_000,
      example: 3,
      leftOut: 'not known yet',
    }),
  ),
});
export type AuthorizationServerStatus = Static<typeof authorizationServerStatus>;

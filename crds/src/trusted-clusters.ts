/** PURE. Other clusters whose ServiceAccounts may speak for Clients of an AuthorizationServer. */
import { Type } from 'typebox';
import { publicKey } from './client-keys.ts';
import { entry, group, keyed, text } from './field.ts';
import { configMapKeyRef } from './references.ts';
import { namespaceName, printable } from './text-rules.ts';
import { calledUri } from './uri-rules.ts';

/** The cluster that a Client lives in; what is trusted beside it has other names. */
export const localCluster = 'local';

const key = publicKey("the cluster's API server");

export const trustedClusters = Type.Optional(
  keyed(
    'name',
    entry(
      {
        name: text({
          what: 'Name of the cluster, as authentication.serviceAccounts of Clients give it.',
          max: 63,
          rules: [
            {
              ...namespaceName,
              message:
                "must be a name: lower-case letters, digits and '-', beginning and ending with a letter or digit",
            },
            {
              rule: `self != '${localCluster}'`,
              message: 'is the cluster of the Clients themselves, which is trusted anyway: choose another name',
            },
          ],
          allowed: `a DNS label, not ${localCluster}`,
          example: 'west',
        }),
        issuer: text({
          what: 'Issuer (iss) of its ServiceAccount tokens, as its /.well-known/openid-configuration says. Several clusters may have the same one: the keys tell them apart.',
          max: 512,
          rules: [printable],
          example: 'https://kubernetes.default.svc.cluster.local',
        }),
        jwks: Type.Optional(
          group(
            {
              keys: keyed('kid', key, {
                what: "The cluster's public keys, as its /openid/v1/jwks lists them. List the new one beside the old one before it changes them.",
                min: 1,
                max: 10,
                allowed: 'RSA from 2048 bits, EC on P-256, P-384 or P-521, Ed25519; never private or symmetric keys',
                example: [{ kid: 'DHbXNvKo3ZjL', kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1B', y: 'x_FEzRu9m36H' }],
              }),
            },
            {
              what: 'Public keys with which the cluster signs the tokens of its ServiceAccounts.',
              allowed: 'this or jwksUri',
              example: { keys: [{ kid: '2030-01', kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg' }] },
              leftOut: 'they are fetched at jwksUri',
            },
          ),
        ),
        jwksUri: Type.Optional(
          text({
            what: 'Where the cluster publishes those keys as a JSON Web Key Set, readable without credentials. The server fetches it when a token has to be verified, so that a rotation there is followed, and keeps it for ten minutes.',
            max: 2048,
            rules: [calledUri],
            allowed:
              'this or jwks: https; a public host, a service <name>.<namespace>.svc of the namespace of this AuthorizationServer, or a host that outbound.allowed names',
            example: 'https://keys.west.example.com/openid/v1/jwks',
            leftOut: 'the keys stand in jwks',
          }),
        ),
        caBundleRef: configMapKeyRef(
          'Certificates of the authorities that are trusted at jwksUri, in PEM.',
          'ca.crt',
          'west-ca',
          'the authorities that the server trusts for all it calls',
        ),
      },
      [
        {
          rule: 'has(self.jwks) != has(self.jwksUri)',
          message:
            'list the keys of the cluster in jwks.keys, or name the URL that publishes them in jwksUri: one of the two',
          fieldPath: '.jwksUri',
        },
        {
          rule: '!has(self.caBundleRef) || has(self.jwksUri)',
          message: 'nothing is called without jwksUri: leave caBundleRef out',
          fieldPath: '.caBundleRef',
        },
      ],
    ),
    {
      what: 'Other clusters whose ServiceAccounts may speak for Clients (method kubernetes_service_account). Whoever holds the keys of such a cluster can be any of its ServiceAccounts; a key id that two of them have counts for neither. Keys of this cluster are told first, whoever else publishes them.',
      max: 8,
      example: [
        {
          name: 'west',
          issuer: 'https://kubernetes.default.svc.cluster.local',
          jwksUri: 'https://keys.west.example.com/openid/v1/jwks',
        },
      ],
      leftOut: 'ServiceAccounts of this cluster alone',
      rules: [
        {
          rule: 'self.all(c, !has(c.jwks) || c.jwks.keys.all(k, !self.exists(o, o.name != c.name && has(o.jwks) && o.jwks.keys.exists(p, p.kid == k.kid))))',
          message:
            'two clusters list a key with the same kid: nobody could tell whose tokens these are, so that key must go from one of them',
        },
      ],
    },
  ),
);

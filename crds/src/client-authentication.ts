/** PURE. How an application proves who it is at the token endpoint (OpenID Connect Core §9), and with what. */
import { Type } from 'typebox';
import { certificateRules, tls } from './client-certificate.ts';
import { jwks, jwksUri } from './client-keys.ts';
import { choice, entry, group, keyed, type Rule, text } from './field.ts';
import { type AuthenticationMethod, authenticationMethods } from './terms.ts';
import { namespaceName, objectName } from './text-rules.ts';
import { localCluster } from './trusted-clusters.ts';

const clusterName: Rule = {
  ...namespaceName,
  message:
    "must be the name of a cluster: lower-case letters, digits and '-', beginning and ending with a letter or digit",
};

const serviceAccounts = Type.Optional(
  keyed(
    ['name', 'cluster'],
    entry({
      name: text({
        what: 'Name of a ServiceAccount in the namespace of this Client: in this cluster, or in the namespace of the same name of another cluster.',
        max: 253,
        rules: [objectName],
        allowed: 'name of a ServiceAccount in the namespace of this Client',
        example: 'batch',
      }),
      cluster: text({
        what: 'The cluster that it is in, as trustedClusters of the AuthorizationServer names it.',
        max: 63,
        rules: [clusterName],
        allowed: `${localCluster} (this one), or a name of trustedClusters`,
        default: localCluster,
        example: 'west',
      }),
    }),
    {
      what: 'ServiceAccounts whose projected tokens (audience: the issuer, at most 24 hours) speak for the application. Such a token counts until it expires, even when its pod is gone.',
      min: 1,
      max: 10,
      allowed: 'with method kubernetes_service_account, and only then',
      example: [{ name: 'batch' }, { name: 'batch', cluster: 'west' }],
      leftOut: 'none',
    },
  ),
);

const authenticationRules: readonly Rule[] = [
  {
    rule: `self.method != 'private_key_jwt' || has(self.jwks) || has(self.jwksUri)`,
    message:
      'private_key_jwt needs the public keys of the application: list them in jwks.keys, or name the URL that publishes them in jwksUri',
    fieldPath: '.jwks',
  },
  {
    rule: '!has(self.jwks) || !has(self.jwksUri)',
    message: 'the keys are listed in jwks already: keep one of the two',
    fieldPath: '.jwksUri',
  },
  {
    rule: `self.method in ['private_key_jwt', 'self_signed_tls_client_auth'] || !has(self.jwksUri)`,
    message: 'only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwksUri out',
    fieldPath: '.jwksUri',
  },
  {
    rule: `self.method in ['private_key_jwt', 'self_signed_tls_client_auth'] || !has(self.jwks)`,
    message: 'only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwks out',
    fieldPath: '.jwks',
  },
  {
    rule: `self.method != 'kubernetes_service_account' || has(self.serviceAccounts)`,
    message: 'kubernetes_service_account needs the ServiceAccounts that the application runs as: list their names',
    fieldPath: '.serviceAccounts',
  },
  {
    rule: `self.method == 'kubernetes_service_account' || !has(self.serviceAccounts)`,
    message: 'only kubernetes_service_account uses ServiceAccounts: set that method, or leave serviceAccounts out',
    fieldPath: '.serviceAccounts',
  },
  ...certificateRules,
];

/** One that the schema knows only to say why it is refused. */
const method = (field: Parameters<typeof choice>[1]) =>
  Type.Unsafe<AuthenticationMethod>(
    choice([...authenticationMethods, 'client_secret_jwt'], {
      ...field,
      rules: [
        {
          rule: `self != 'client_secret_jwt'`,
          message:
            'client_secret_jwt would need the secret itself to be stored, and only its digest is: use private_key_jwt, whose private key stays with the application',
        },
      ],
    }),
  );

export const authentication = group(
  {
    method: method({
      what: 'How the application proves who it is at the token endpoint.',
      allowed:
        'client_secret_basic (secret in the Authorization header), client_secret_post (secret in the form), private_key_jwt (an assertion signed with a key of jwks or jwksUri), tls_client_auth (a certificate with the name in tls, of an authority that the server trusts), self_signed_tls_client_auth (a certificate over a key of jwks or jwksUri), kubernetes_service_account (the token of a ServiceAccount in place of such an assertion, with client_id beside it), none (a public client: an app in a browser or on a device, which can keep no secret); client_secret_jwt is refused',
      default: 'client_secret_basic',
      example: 'none',
    }),
    jwks,
    jwksUri,
    tls,
    serviceAccounts,
  },
  {
    what: 'Authentication of the application.',
    default: {},
    example: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'batch' }] },
    rules: authenticationRules,
  },
);

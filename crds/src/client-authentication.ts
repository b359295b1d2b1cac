/** PURE. How an application proves who it is at the token endpoint (OpenID Connect Core §9), and with what. */
import { Type } from 'typebox';
import { jwks, jwksUri } from './client-keys.ts';
import { choice, entry, group, keyed, type Rule, text } from './field.ts';
import { type AuthenticationMethod, authenticationMethods } from './terms.ts';
import { objectName } from './text-rules.ts';

const serviceAccounts = Type.Optional(
  keyed(
    'name',
    entry({
      name: text({
        what: 'Name of a ServiceAccount in the namespace of this Client.',
        max: 253,
        rules: [objectName],
        allowed: 'name of a ServiceAccount in the namespace of this Client',
        example: 'batch',
      }),
    }),
    {
      what: 'ServiceAccounts of this cluster whose projected tokens (audience: the issuer, at most 24 hours) speak for the application. Such a token counts until it expires, even when its pod is gone.',
      min: 1,
      max: 10,
      allowed: 'with method kubernetes_service_account, and only then',
      example: [{ name: 'batch' }],
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
    rule: `self.method == 'private_key_jwt' || !has(self.jwksUri)`,
    message: 'only private_key_jwt uses keys: set that method, or leave jwksUri out',
    fieldPath: '.jwksUri',
  },
  {
    rule: `self.method == 'private_key_jwt' || !has(self.jwks)`,
    message: 'only private_key_jwt uses keys: set that method, or leave jwks out',
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
        'client_secret_basic (secret in the Authorization header), client_secret_post (secret in the form), private_key_jwt (an assertion signed with a key of jwks or jwksUri), kubernetes_service_account (the token of a ServiceAccount in place of such an assertion, with client_id beside it), none (a public client: an app in a browser or on a device, which can keep no secret); client_secret_jwt is refused',
      default: 'client_secret_basic',
      example: 'none',
    }),
    jwks,
    jwksUri,
    serviceAccounts,
  },
  {
    what: 'Authentication of the application.',
    default: {},
    example: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'batch' }] },
    rules: authenticationRules,
  },
);

/** PURE. The Secret that a Client gets: its name and the names of its keys. */
import { Type } from 'typebox';
import { notLongerThan } from './duration.ts';
import { duration, group, text, texts } from './field.ts';
import { annotationNames, labels, objectName, unreserved } from './text-rules.ts';

/** The keys of a Client's Secret, by the names that `secret.keys` can change. */
export const secretKeys = [
  'type',
  'provider',
  'client-id',
  'client-secret',
  'client-name',
  'client-authentication-method',
  'authorization-grant-type',
  'authorization-grant-types',
  'redirect-uri',
  'redirect-uris',
  'scope',
  'user-name-attribute',
  'issuer-uri',
  'authorization-uri',
  'token-uri',
  'user-info-uri',
  'jwk-set-uri',
  'end-session-uri',
  'device-authorization-uri',
  'introspection-uri',
  'revocation-uri',
  'ca.crt',
] as const;
export type SecretKey = (typeof secretKeys)[number];

const knownKeys = `[${secretKeys.map((key) => `'${key}'`).join(', ')}]`;

/** What holds where a Client says nothing of it. There is no rotation by itself and no end that does not wait for the last use. */
export const secretRotationDefaults = { overlap: '24h', quiet: '24h' } as const;

const rotation = Type.Optional(
  group(
    {
      every: Type.Optional(
        duration({
          what: 'How old a secret becomes before a new one is written in its place.',
          min: '1h',
          max: '43800h',
          allowed: '1h to 43800h (5 years), written with h, m, s or ms; there is no unit for days',
          example: '2160h',
          leftOut: 'a new secret is written only when the annotation auth.nauthera.io/rotate-secret asks for it',
        }),
      ),
      overlap: Type.Optional(
        duration({
          what: 'For how long the old secret is accepted at least once a new one was written: time to read the new one.',
          min: '1h',
          max: '8760h',
          example: '48h',
          leftOut: secretRotationDefaults.overlap,
        }),
      ),
      quiet: Type.Optional(
        duration({
          what: 'For how long the old secret must not have been used before it ends, a twenty-fourth of it added: longer than the longest pause of anything that uses it, such as a job that runs once a day.',
          min: '1h',
          max: '8760h',
          example: '168h',
          leftOut: secretRotationDefaults.quiet,
        }),
      ),
      maxOverlap: Type.Optional(
        duration({
          what: 'After this long the old secret ends although it is in use; whatever still has it is then refused.',
          min: '1h',
          max: '43800h',
          allowed: '1h to 43800h (5 years), written with h, m, s or ms; not shorter than overlap',
          example: '720h',
          leftOut: 'never: the condition RotationBlocked tells of an old secret that is in use',
        }),
      ),
    },
    {
      what: 'How the secret is replaced by a new one without an application noticing: for a while both are accepted, two at most. It holds for a secret that was deleted or that the owner of an adopted Secret changed, too.',
      example: { every: '2160h' },
      leftOut: `no rotation by itself; overlap and quiet are ${secretRotationDefaults.overlap}, and no old secret ends while it is in use`,
      rules: [
        {
          rule: `!has(self.maxOverlap) || ${notLongerThan(`(has(self.overlap) ? self.overlap : '${secretRotationDefaults.overlap}')`, 'self.maxOverlap')}`,
          message: `must not be shorter than overlap (${secretRotationDefaults.overlap} when left out)`,
          fieldPath: '.maxOverlap',
        },
        {
          rule: `!has(self.every) || ${notLongerThan(`(has(self.overlap) ? self.overlap : '${secretRotationDefaults.overlap}')`, 'self.every')}`,
          message: `must not be shorter than overlap (${secretRotationDefaults.overlap} when left out): two secrets at most are accepted`,
          fieldPath: '.every',
        },
      ],
    },
  ),
);

export const secret = Type.Optional(
  group(
    {
      name: Type.Optional(
        text({
          what: 'Name of the Secret that the operator writes.',
          max: 253,
          rules: [objectName],
          allowed: 'name of a Secret that does not exist yet or is already of this Client',
          example: 'web-oauth2',
          leftOut: '<name of the Client>-oauth2; status.binding.name shows it',
        }),
      ),
      adopt: Type.Optional(
        text({
          what: 'Name of a Secret of this namespace that holds the secret of the application already. It is read and never written; whoever owns it changes the secret.',
          max: 253,
          rules: [objectName],
          allowed:
            'name of a Secret with the key client-secret (or its name in keys): 32 to 1024 printable ASCII characters without surrounding spaces or newline',
          example: 'web-login',
          leftOut: 'a secret is generated',
        }),
      ),
      keys: Type.Optional(
        texts({
          what: 'Other names for keys of the Secret, from the usual name to the wanted one; needed for envFrom, as shells cannot read hyphens.',
          allowed: `usual names are ${secretKeys.join(', ')}`,
          max: secretKeys.length,
          maxLength: 253,
          example: { 'client-id': 'CLIENT_ID', 'client-secret': 'CLIENT_SECRET' },
          leftOut: 'the usual names, as Service Binding and Spring read them',
          rules: [
            {
              rule: `self.all(k, k in ${knownKeys})`,
              message: `only these keys can be renamed: ${secretKeys.join(', ')}`,
            },
            {
              rule: `self.all(k, self[k].matches('^[-._a-zA-Z0-9]+$') && self[k] != '.' && !self[k].startsWith('..'))`,
              message: "a key of a Secret holds letters, digits, '-', '_' and '.' only, and does not begin with '..'",
            },
            {
              rule: `self.all(k, !self.exists(other, other != k && self[other] == self[k]) && (self[k] == k || !(self[k] in ${knownKeys}) || self[k] in self))`,
              message: 'two keys would get the same name: choose another name for one of them',
            },
          ],
        }),
      ),
      labels: Type.Optional(
        texts({
          what: 'Labels that the Secret gets beside those of the operator.',
          max: 32,
          maxLength: 63,
          allowed: 'labels; auth.nauthera.io/* and app.kubernetes.io/managed-by are reserved',
          example: { 'app.kubernetes.io/part-of': 'argocd' },
          leftOut: 'none are added',
          rules: [labels, unreserved],
        }),
      ),
      annotations: Type.Optional(
        texts({
          what: 'Annotations that the Secret gets beside those of the operator.',
          max: 32,
          maxLength: 4096,
          allowed: 'annotations; auth.nauthera.io/* and app.kubernetes.io/managed-by are reserved',
          example: { 'example.com/team': 'shop' },
          leftOut: 'none are added',
          rules: [annotationNames, unreserved],
        }),
      ),
      rotation,
    },
    {
      what: 'The Secret with the credentials, issuer and endpoints for the application.',
      example: { name: 'web-oauth2' },
      leftOut: 'a Secret <name of the Client>-oauth2 with the usual keys',
      rules: [
        {
          rule: '!has(self.adopt) || !has(self.name)',
          message:
            'no other Secret is written beside an adopted one: leave name out, or generate a secret without adopt',
          fieldPath: '.name',
        },
        {
          rule: '!has(self.adopt) || (!has(self.labels) && !has(self.annotations))',
          message: 'an adopted Secret is only read: put labels and annotations on it yourself',
          fieldPath: '.adopt',
        },
        {
          rule: '!has(self.adopt) || !has(self.rotation) || !has(self.rotation.every)',
          message:
            'whoever owns the adopted Secret replaces the secret in it: leave every out, or generate a secret without adopt',
          fieldPath: '.rotation.every',
        },
      ],
    },
  ),
);

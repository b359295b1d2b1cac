/** PURE. The Secret that a Client gets: its name and the names of its keys. */
import { Type } from 'typebox';
import { group, text, texts } from './field.ts';
import { objectName } from './text-rules.ts';

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
  'ca.crt',
] as const;
export type SecretKey = (typeof secretKeys)[number];

const knownKeys = `[${secretKeys.map((key) => `'${key}'`).join(', ')}]`;

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
    },
    {
      what: 'The Secret with the credentials, issuer and endpoints for the application.',
      example: { name: 'web-oauth2' },
      leftOut: 'a Secret <name of the Client>-oauth2 with the usual keys',
    },
  ),
);

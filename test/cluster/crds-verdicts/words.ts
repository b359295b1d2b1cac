/** A line of the table of verdicts: a manifest, what is wrong with it, and the words that several of them share. */
import type { Kind } from '@nauthera/crds';

export type Fields = Readonly<Record<string, unknown>>;

export interface Verdict {
  readonly title: string;
  readonly kind: Kind;
  /** Replaces members of the smallest working resource's spec; `undefined` takes one away. */
  readonly spec?: Fields;
  readonly metadata?: Fields;
  /** Members of the whole document. */
  readonly whole?: Fields;
  /** The same resource before the edit. */
  readonly before?: Fields;
  /** `path: message`, in the order of the schema. */
  readonly problems: readonly string[];
}

export const plain =
  'must be one line of plain text, without control characters and without marks that change its direction';
export const objectName =
  "must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
export const printable = 'must be printable ASCII without spaces';
export const scopeToken = 'must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)';
export const webPage =
  'must be a web page that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info or spaces';
export const claimName = 'must be a claim name: letters, digits and . _ : / # -, for example email';
export const claimReserved = 'is reserved, the protocol itself sets this claim: choose another name';
export const filterForm = 'must be an LDAP filter in parentheses (RFC 4515), for example (employeeType=staff)';
export const placeholder =
  'must hold {} as the whole value of an equality, for example (uid={}); never as a part of a value or as an attribute';
export const attribute = 'must be the name of an LDAP attribute, for example entryUUID';
export const dn = 'must be a distinguished name, for example ou=people,dc=example,dc=com';
export const notADuration =
  'must be a duration such as 90s, 5m or 336h (14 days): the units are h, m, s and ms, there is none for days';
export const tlsTogether = 'goes with mode Secret, and mode Secret needs it: name the Secret, or leave both out';
export const together = 'from: Selector and selector go together: set both or neither';
export const redirect = {
  m01: 'use https; http only for 127.0.0.1, [::1] and localhost; a public client may use a private scheme with a dot, such as com.example.app:/callback',
  m02: 'must be one exact URI without wildcard (*), fragment (#), user info (@), dot segments or spaces: list every URI that the app uses',
};
export const m03 =
  'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI';
export const m04 =
  'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account';
export const m05 =
  'refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token';
export const noSecretJwt =
  'client_secret_jwt would need the secret itself to be stored, and only its digest is: use private_key_jwt, whose private key stays with the application';
export const m06 =
  'clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one';

export const client = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  title,
  kind: 'Client',
  spec,
  problems,
});
export const server = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'AuthorizationServer',
});
export const scope = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'Scope',
});
export const ldap = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'LdapBinding',
});
export const edit = (verdict: Verdict, before: Fields): Verdict => ({ ...verdict, before });

export const machine = { grantTypes: ['client_credentials'], redirectUris: undefined };
export const device = 'urn:ietf:params:oauth:grant-type:device_code';
export const isPublic = { authentication: { method: 'none' } };

export const called =
  'must be one exact https URL without user info, fragment (#) or spaces, for example https://app.example.com/path';
export const edKey = { kid: 'k1', kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
export const ecKey = {
  kid: 'k2',
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
export const rsaKey = { kid: 'k3', kty: 'RSA', n: 'u'.repeat(342), e: 'AQAB' };

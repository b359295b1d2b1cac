/**
 * PURE. CEL rules for texts that occur in several kinds. Expressions keep to what both the API server (RE2) and the
 * offline evaluator (JavaScript) read alike: no flags, no look-around, no `\p`, no `.` next to unchecked input.
 */
import type { Rule } from './field.ts';

/** Text that people will read: no control character, nothing that turns the direction of what follows. */
export const plainText: Rule = {
  rule: String.raw`!self.matches('[\\x00-\\x1f\\x7f-\\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]')`,
  message: 'must be one line of plain text, without control characters and without marks that change its direction',
};

/** Name of an object that is looked up: a DNS label or subdomain (RFC 1123), so never a path. */
export const objectName: Rule = {
  rule: `self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,
  message:
    "must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
};

export const namespaceName: Rule = {
  rule: `self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,
  message:
    "must be the name of a namespace: lower-case letters, digits and '-', beginning and ending with a letter or digit",
};

/** A host by its name. A last label that begins with a digit would be read as an address. */
export const hostName: Rule = {
  rule: `self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])*[a-z]([-a-z0-9]*[a-z0-9])?$')`,
  message: "must be the name of a host: lower-case letters, digits, '-' and '.', for example app.example.com",
};

/** Key of a Secret or ConfigMap. */
export const dataKey: Rule = {
  rule: `self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')`,
  message: "must be a key of that object: letters, digits, '-', '_' and '.', not beginning with '..'",
};

const labelKey = '([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const labelText = '([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?';

export const labelName: Rule = {
  rule: `self.matches('^${labelKey}$')`,
  message: 'must be the name of a label, for example team or kubernetes.io/metadata.name',
};

export const labelValue: Rule = {
  rule: `self.matches('^${labelText}$')`,
  message:
    "must be the value of a label: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
};

export const labels: Rule = {
  rule: `self.all(k, k.matches('^${labelKey}$') && self[k].matches('^${labelText}$'))`,
  message: 'must be labels, for example {team: shop}',
};

export const annotationNames: Rule = {
  rule: `self.all(k, k.matches('^${labelKey}$'))`,
  message: 'must have the names of annotations, for example {example.com/team: shop}',
};

/** Words that the operator puts on its own objects: whoever could set them could pass one object off as another. */
export const unreserved: Rule = {
  rule: `self.all(k, !k.startsWith('auth.nauthera.io/') && k != 'app.kubernetes.io/managed-by')`,
  message: 'auth.nauthera.io/* and app.kubernetes.io/managed-by are set by the operator: choose other names',
};

/** A scope token of RFC 6749 §3.3: printable ASCII without space, quote and backslash. */
export const scopeToken: Rule = {
  rule: String.raw`self.matches(r'^[!#-\[\]-~]+$')`,
  message: 'must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)',
};

export const printable: Rule = {
  rule: `self.matches('^[!-~]+$')`,
  message: 'must be printable ASCII without spaces',
};

/** Client ids never begin as the subjects of users do, so one can never be taken for the other. */
export const noSubject: Rule = {
  rule: `!self.startsWith('u_')`,
  message: 'must not begin with u_: that is how the subjects of users begin, and the two must never be equal',
};

/** Claims that carry the protocol itself. */
export const reservedClaims = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'azp',
  'client_id',
  'scope',
  'cnf',
  'act',
  'may_act',
  'auth_time',
  'nonce',
  'sid',
  'acr',
  'amr',
  'at_hash',
  'c_hash',
  's_hash',
  'events',
] as const;

export const claimName: Rule = {
  rule: `self.matches('^[A-Za-z0-9_.:/#-]+$')`,
  message: 'must be a claim name: letters, digits and . _ : / # -, for example email',
};

export const claimNotReserved: Rule = {
  rule: `!(self in [${reservedClaims.map((name) => `'${name}'`).join(', ')}])`,
  message: 'is reserved, the protocol itself sets this claim: choose another name',
};

/** Description of an LDAP attribute (RFC 4512 §2.5): a name or an object identifier, with options. */
export const attributeName: Rule = {
  rule: `self.matches('^([A-Za-z][A-Za-z0-9-]*|[0-9]+([.][0-9]+)*)(;[A-Za-z0-9-]+)*$')`,
  message: 'must be the name of an LDAP attribute, for example entryUUID',
};

/** A pattern of a client policy. */
export const namePattern: Rule = {
  rule: `self.matches('^[!-)+-~]*[!-~]$')`,
  message: "must be an exact value, or a prefix that ends with the only '*', for example shop-*",
};

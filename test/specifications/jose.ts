/** Keys, algorithms, JWTs, and clients that authenticate with one. */
import { no, row, type Specification, when, yes } from './specification.ts';

export const rfc7517: Specification = {
  name: 'RFC 7517',
  title: 'JSON Web Key',
  url: 'https://www.rfc-editor.org/rfc/rfc7517',
  lines: [
    yes(
      '§4, §5',
      'Our key set: each key has its own `kid`, `alg` and `use`, RSA of 2048 bits or more, and no private member.',
      'flows/documents: RFC 7517: keys have kid, alg and use, and no private member',
    ),
    yes(
      '§5',
      'A key is published before it signs, and stays until the last token that it signed has expired.',
      'unit/keys/rotation: never meets a token whose key it does not have; the schedule is %s',
      'flows/key-rotation: verify every token across more than three rotations; a retired key is refused',
    ),
    yes(
      '§5',
      'A revoked key leaves the set and is refused everywhere within seconds.',
      'flows/key-rotation: F45, F52, A58: keys revoke is obeyed everywhere within seconds, and the next key signs',
    ),
    yes(
      '§5',
      'Key sets of clients: what may verify is kept, unknown keys are passed over, private members refused.',
      'unit/protocol/jwks-document: keeps what may verify, and of it the known members alone',
      'unit/protocol/jwks-document: %s: the set is not used',
    ),
  ],
};

export const rfc7518: Specification = {
  name: 'RFC 7518',
  title: 'JSON Web Algorithms',
  url: 'https://www.rfc-editor.org/rfc/rfc7518',
  lines: [
    yes(
      '§3.3, §3.4',
      'We sign with `ES256` and `RS256`; which one is the Client’s choice for ID tokens, the server’s for access tokens.',
      'unit/keys/jwt: jose accepts our %s',
      'unit/keys/jwt: RFC 7518 §3.4: 2,000 signatures of every DER length are r‖s',
      'flows/health: I11: the first algorithm of the server signs access tokens',
    ),
    yes(
      '§3.1',
      'Client assertions: `RS256`, `PS256`, `ES256`, `ES384`, `ES512`, `EdDSA` (RFC 8037, RFC 9864); the key says which, never the header.',
      'flows/client-assertions: private_key_jwt › %s is accepted',
      'unit/protocol/jwks-document: RFC 9864: Ed25519 is another name of EdDSA',
    ),
    no(
      '§3.2',
      '`invalid_client`, with the reason',
      '`HS256` and other MACs: we store digests of secrets, not secrets.',
      'flows/client-assertions: client_secret_jwt is refused with the reason, whoever sends it: %s',
    ),
    no(
      '§3.6',
      'refused wherever it is read',
      '`none`: nothing unsigned is issued or taken.',
      row('flows/client-assertions: private_key_jwt › %s: %s', 'F20, A53: none'),
      'flows/token-confusion: F20, A53, A58: forgeries of what would be taken › %s',
    ),
  ],
};

export const rfc7519: Specification = {
  name: 'RFC 7519',
  title: 'JSON Web Token',
  url: 'https://www.rfc-editor.org/rfc/rfc7519',
  lines: [
    yes(
      '§4.1',
      '`iss`, `aud`, `exp`, `iat`, `jti` are checked in type and value in everything we read.',
      'flows/token-confusion: an access token %s, though we signed it',
      'flows/token-confusion: an ID token %s, though we signed it: no hint',
    ),
    yes(
      '§5.1',
      '`typ` tells kinds apart: `at+jwt`, `JWT`, `logout+jwt`.',
      'unit/keys/jwt: A37: a token of one kind is not taken for another, seen before or not',
    ),
    yes(
      '§7.2',
      '`crit`, `jwk`, `jku` and `x5u` of a header lead nowhere, and any altered character refuses a token.',
      'flows/client-key-sets: A58: jku, x5u and jwk of a header lead nowhere',
      row('flows/client-assertions: private_key_jwt › %s: %s', 'crit'),
      'unit/keys/jwt: A57: any altered character refuses the token',
    ),
    no(
      'RFC 7516',
      'not in the metadata; an encrypted assertion is `invalid_client`',
      'Encrypted JWTs (JWE).',
      row('flows/client-assertions: private_key_jwt › %s: %s', 'an encrypted one'),
      'flows/documents: members are true and none is unknown',
    ),
  ],
};

export const rfc7523: Specification = {
  name: 'RFC 7523',
  title: 'JWT Profile for Client Authentication',
  url: 'https://www.rfc-editor.org/rfc/rfc7523',
  lines: [
    yes(
      '§2.2',
      '`private_key_jwt`, with keys in the Client or behind its `jwksUri`.',
      'flows/client-assertions: openid-client: PrivateKeyJwt works as it is',
      'flows/client-key-sets: parallel requests share one fetch; later ones need none',
    ),
    yes(
      '§3',
      '`iss`, `sub`, `aud`, `exp`, `jti` must be right, `iat` and `nbf` if sent; ten seconds of skew, at most an hour of life.',
      'flows/client-assertions: private_key_jwt › %s: %s',
    ),
    yes(
      '§3',
      'The audience is the issuer alone: an assertion for another server’s token endpoint is worth nothing here.',
      row('flows/client-assertions: private_key_jwt › %s: %s', 'the token endpoint as audience'),
    ),
    yes(
      '§3',
      'An assertion counts once, on all replicas together.',
      'flows/client-assertions: 50 at once on three replicas: one success',
      'flows/every-flow.suite: A22: a signed assertion is taken once, whoever gets it',
    ),
    yes(
      '§2.2',
      'What a Client names (keys, and where it is told of a logout) is called through one gate: public addresses, no redirects, resolved once.',
      'unit/outbound/gate: F24, A60: nothing is connected to that was not allowed › %s',
      'flows/client-key-sets: F24, A60, A83: a name that leads inside is not called, and no answer or line says where it led',
    ),
    when(
      '§2.2',
      'the Client names ServiceAccounts',
      'The token of a Kubernetes ServiceAccount stands in for an assertion.',
      'flows/service-account-tokens: kubernetes_service_account › %s is accepted',
    ),
    no(
      '§2.1',
      '`unsupported_grant_type`',
      'JWTs as authorization grants.',
      row('flows/client-credentials: %s is refused', 'RFC 7523 §2.1: a JWT as a grant'),
    ),
  ],
};

/**
 * The check of a registration, made when it is written and again when a replica loads it: the shape by schema, then the
 * rules that the endpoints rely on.
 */
import { Compile } from 'typebox/compile';
import { brandingProblem } from '../protocol/branding.ts';
import { checkClientMetadata, isPlainText, reservedClaims } from '../protocol/client-metadata.ts';
import { pictureProblem } from '../protocol/picture.ts';
import { publicKeyProblem } from '../protocol/public-keys.ts';
import { isScopeToken } from '../protocol/scope.ts';
import { checkServerMetadata } from '../protocol/server-metadata.ts';
import { builtInScopes } from '../protocol/terms.ts';
import {
  ClientRegistration,
  DirectoryRegistration,
  PublicJwk,
  type RegistrationKind,
  ScopeRegistration,
  SecretNotes,
  ServerRegistration,
} from './registration.ts';

// Compiled once: 100,000 registrations are checked at every start.
const shapes = {
  server: Compile(ServerRegistration),
  client: Compile(ClientRegistration),
  scope: Compile(ScopeRegistration),
  directory: Compile(DirectoryRegistration),
};

/** One sentence that says what is wrong, without any value of it; `null`: it may be served. Never throws. */
export function checkRegistration(kind: RegistrationKind, id: string, value: unknown): string | null {
  try {
    return isStorable(value)
      ? check(kind, id, value)
      : 'it holds a character that cannot be stored (NUL, or half of a pair)';
  } catch {
    return 'it could not be checked';
  }
}

const publicJwk = Compile(PublicJwk);

/** A key that may verify assertions, or `null`: a cluster may list some that may not. */
export function readPublicJwk(value: unknown): PublicJwk | null {
  return publicJwk.Check(value) && publicKeyProblem(value) === null ? value : null;
}

const secretNotes = Compile(SecretNotes);

/** What an operator noted about the secrets of a client; `undefined`: nothing, or nothing that can be read. */
export function readSecretNotes(body: unknown): SecretNotes | undefined {
  const notes = typeof body === 'object' && body !== null && 'secret_notes' in body ? body.secret_notes : undefined;
  return secretNotes.Check(notes) ? notes : undefined;
}

function check(kind: RegistrationKind, id: string, value: unknown): string | null {
  switch (kind) {
    case 'server':
      if (!shapes.server.Check(value)) return shapeProblem(kind, value);
      if (id !== 'self') return 'the id of the server is self';
      return checkServerMetadata(value) ?? brandingProblem(value.branding ?? {});
    case 'client':
      if (!shapes.client.Check(value)) return shapeProblem(kind, value);
      if (id !== value.client_id) return 'its id is not its client_id';
      return checkClientMetadata(value) ?? logoProblem(value);
    case 'scope':
      if (!shapes.scope.Check(value)) return shapeProblem(kind, value);
      return id === value.scope ? scopeProblem(value) : 'its id is not its scope';
    case 'directory':
      if (!shapes.directory.Check(value)) return shapeProblem(kind, value);
      return /^[^/]+\/[^/]+$/.test(id) ? directoryProblem(value) : 'its id is not <namespace>/<name>';
    default:
      return `${String(kind satisfies never)} is no kind of registration`;
  }
}

function logoProblem({ logo }: ClientRegistration): string | null {
  const problem = logo === undefined ? null : pictureProblem(logo);
  return problem === null ? null : `logo ${problem}`;
}

function scopeProblem(scope: ScopeRegistration): string | null {
  if (!isScopeToken(scope.scope)) return 'scope must be a token of RFC 6749 §3.3';
  if ((builtInScopes as readonly string[]).includes(scope.scope)) return 'scope is built in and cannot be redefined';
  const translated = Object.values(scope.translations ?? {});
  const texts = [scope, ...translated].flatMap(({ display_name, description = '' }) => [display_name, description]);
  if (!texts.every(isPlainText)) {
    return 'display_name and description must not hold control or direction-changing characters';
  }
  if (translated.length > 20) return 'translations must be at most 20';
  return reservedProblem('claims', scope.claims);
}

function directoryProblem(directory: DirectoryRegistration): string | null {
  const unknown = directory.consent_rules.flatMap((rule) => rule.scopes).some((scope) => !isScopeToken(scope));
  if (unknown) return 'consent_rules must name scopes by their token (RFC 6749 §3.3)';
  return reservedProblem('claims', Object.keys(directory.claims));
}

function reservedProblem(field: string, claims: readonly string[]): string | null {
  const reserved = claims.find((claim) => reservedClaims.includes(claim));
  return reserved === undefined ? null : `${field} must not hold the reserved claim ${reserved}`;
}

/** Names the place and the rule; a value may be a secret and is left out. */
function shapeProblem(kind: RegistrationKind, value: unknown): string {
  const [first] = shapes[kind].Errors(value);
  if (first === undefined) return 'it does not match the schema';
  const place = first.instancePath === '' ? 'it' : first.instancePath.slice(1).replaceAll('/', '.');
  // Members beyond the schema are measured against the schema `false`.
  return first.keyword === 'boolean' ? `${place} is not known here` : `${place} ${first.message}`;
}

/** Postgres keeps neither NUL nor a lone surrogate in jsonb. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  const members = value as Readonly<Record<string, unknown>>;
  return Object.keys(members).every((name) => isStorable(name) && isStorable(members[name]));
}

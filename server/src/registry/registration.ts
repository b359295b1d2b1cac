/**
 * What the operator declares and the server serves, in the words of the RFCs (RFC 7591 client metadata where it has
 * one). Every registration is checked against these schemas when it is written and again when a replica loads it: the
 * database is not trusted input. Durations are whole seconds.
 */
import { ClientRegistration, SecretNotes } from './client-registration.ts';
import { DirectoryRegistration } from './directory-registration.ts';
import { PublicJwk } from './schema.ts';
import { ScopeRegistration } from './scope-registration.ts';
import { type Branding, type KubernetesClusters, ServerRegistration } from './server-registration.ts';

export {
  type Branding,
  ClientRegistration,
  DirectoryRegistration,
  type KubernetesClusters,
  PublicJwk,
  ScopeRegistration,
  SecretNotes,
  ServerRegistration,
};

/** The newest row format this version writes and reads. A reader drops rows with a larger one and reports them. */
export const registrationFormat = 1;

export const registrationKinds = ['server', 'client', 'scope', 'directory'] as const;
export type RegistrationKind = (typeof registrationKinds)[number];

export interface RegistrationByKind {
  server: ServerRegistration;
  client: ClientRegistration;
  scope: ScopeRegistration;
  directory: DirectoryRegistration;
}

/** For the audit: what stands behind a client. */
export interface AllowedBy {
  /** `metadata.generation` of its resource that is registered. */
  readonly generation: number;
  /** The policy of the server that allowed it; left out: none was asked. */
  readonly policy?: string | undefined;
}

/** The resource that declared a registration. `source` is the cluster's id or the folder's `--source-name`. */
export interface Owner {
  readonly source: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

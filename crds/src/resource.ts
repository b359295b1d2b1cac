/** PURE. The resources as types: what `validate` returns, with every default filled in. */

import type { apiVersion } from './api.ts';
import type { AuthorizationServerSpec, AuthorizationServerStatus } from './authorization-server.ts';
import type { ClientSpec, ClientStatus } from './client.ts';
import type { Kind } from './kinds.ts';
import type { LdapBindingSpec, LdapBindingStatus } from './ldap-binding.ts';
import type { ObjectMeta } from './metadata.ts';
import type { ScopeSpec, ScopeStatus } from './scope.ts';

interface KubernetesObject<K extends Kind, Spec, Status> {
  apiVersion: typeof apiVersion;
  kind: K;
  metadata: ObjectMeta;
  spec: Spec;
  status: Status;
}

export interface AuthorizationServer
  extends KubernetesObject<'AuthorizationServer', AuthorizationServerSpec, AuthorizationServerStatus> {}
export interface Client extends KubernetesObject<'Client', ClientSpec, ClientStatus> {}
export interface Scope extends KubernetesObject<'Scope', ScopeSpec, ScopeStatus> {}
export interface LdapBinding extends KubernetesObject<'LdapBinding', LdapBindingSpec, LdapBindingStatus> {}

export interface ResourceByKind {
  AuthorizationServer: AuthorizationServer;
  Client: Client;
  Scope: Scope;
  LdapBinding: LdapBinding;
}
export type Resource = ResourceByKind[Kind];

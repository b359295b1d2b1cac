/** The resources of `auth.nauthera.io/v1alpha1`: types, names, checks and the words of their conditions. */

export { apiGroup, apiVersion, version } from './api.ts';
export {
  type AuthorizationServerSpec,
  type AuthorizationServerStatus,
} from './authorization-server.ts';
export type { ClientSpec, ClientStatus } from './client.ts';
export type { ClientPolicy } from './client-policy.ts';
export { type SecretKey, secretKeys, secretRotationDefaults } from './client-secret.ts';
export { durationMilliseconds, durationSeconds } from './duration.ts';
export { type Column, type Kind, type KindInfo, kindNames, kinds } from './kinds.ts';
export type { LdapBindingSpec, LdapBindingStatus } from './ldap-binding.ts';
export { logoBounds } from './logo.ts';
export type { ObjectMeta } from './metadata.ts';
export { isFreeVariable } from './pod.ts';
export type { Problem } from './problem.ts';
export {
  type Actor,
  type ConditionType,
  type Reason,
  type ReasonInfo,
  type ReasonOf,
  readyOrder,
  reasonInfo,
  reasons,
  type Standing,
  standing,
} from './reasons.ts';
export type { AuthorizationServer, Client, LdapBinding, Resource, ResourceByKind, Scope } from './resource.ts';
export { builtInScopes, type ScopeSpec, type ScopeStatus } from './scope.ts';
export { type Condition, pendingStatus } from './status.ts';
export { nearest } from './suggest.ts';
export {
  deviceCodeGrant,
  freeGrantTypes,
  freeResponseTypes,
  type GrantType,
  grantTypes,
  grantTypesOf,
  type ResponseType,
  responseTypes,
  type SigningAlgorithm,
  userGrantTypes,
} from './terms.ts';
export { localCluster } from './trusted-clusters.ts';
export { type Validation, validate } from './validate.ts';

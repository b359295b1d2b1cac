/** A case for each member of a client policy: what a namespace that it selects is refused, in which words, and granted. */
import { type AnyObject } from '../support/kube-cluster.ts';

interface Attempt {
  /** Default `Client`. */
  readonly kind?: 'Scope';
  readonly spec: AnyObject;
}

export interface PolicyCase {
  /** As the CRD calls it, from `clientPolicies[]` on. */
  readonly member: string;
  readonly policy: AnyObject;
  readonly refused: Attempt & {
    readonly field: string;
    readonly value: string;
    /** `NS`: the namespace. */
    readonly allowed: string;
  };
  readonly granted: Attempt;
}

const machine = { grantTypes: ['client_credentials'] };
const web = { redirectUris: ['https://shop.example/cb'] };
const refreshing = { ...web, grantTypes: ['authorization_code', 'refresh_token'] };

/** One selects the namespaces with the label `policy` and its {@link policyName}. */
export const policyCases: readonly PolicyCase[] = [
  {
    member: 'grantTypes',
    policy: { grantTypes: ['client_credentials'] },
    refused: { spec: web, field: 'grantTypes', value: 'authorization_code', allowed: 'client_credentials' },
    granted: { spec: machine },
  },
  {
    member: 'responseTypes',
    policy: { grantTypes: ['authorization_code', 'implicit'], responseTypes: ['code'] },
    refused: {
      spec: { ...web, grantTypes: ['implicit'], responseTypes: ['id_token'] },
      field: 'responseTypes',
      value: 'id_token',
      allowed: 'code',
    },
    granted: { spec: { ...web, grantTypes: ['authorization_code'] } },
  },
  {
    member: 'clientIds',
    policy: { clientIds: ['pay-*'] },
    refused: {
      spec: { ...machine, clientId: 'ledger-1' },
      field: 'clientId',
      value: 'ledger-1',
      allowed: 'NS.*, pay-*',
    },
    granted: { spec: { ...machine, clientId: 'pay-1' } },
  },
  {
    member: 'scopes',
    policy: { scopes: ['bank:*'] },
    refused: { spec: { ...machine, scopes: ['shop:read'] }, field: 'scopes', value: 'shop:read', allowed: 'bank:*' },
    granted: { spec: { ...machine, scopes: ['bank:read'] } },
  },
  {
    member: 'scopeNames',
    policy: { scopeNames: ['pay:*'] },
    refused: {
      kind: 'Scope',
      spec: { displayName: 'Read', name: 'shop:read' },
      field: 'name',
      value: 'shop:read',
      allowed: 'NS:*, pay:*',
    },
    granted: { kind: 'Scope', spec: { displayName: 'Read', name: 'pay:read' } },
  },
  {
    member: 'audiences',
    policy: { audiences: ['pay-api'] },
    refused: {
      spec: { ...machine, accessToken: { audiences: ['shop-api'] } },
      field: 'accessToken.audiences',
      value: 'shop-api',
      allowed: 'NS.*, pay-api',
    },
    granted: { spec: { ...machine, accessToken: { audiences: ['pay-api'] } } },
  },
  {
    member: 'redirectHosts',
    policy: { redirectHosts: ['*.pay.example'] },
    refused: { spec: web, field: 'redirectUris[0]', value: 'shop.example', allowed: '*.pay.example' },
    granted: { spec: { redirectUris: ['https://web.pay.example/cb'] } },
  },
  {
    member: 'authenticationMethods',
    policy: { authenticationMethods: ['client_secret_post'] },
    refused: {
      spec: machine,
      field: 'authentication.method',
      value: 'client_secret_basic',
      allowed: 'client_secret_post',
    },
    granted: { spec: { ...machine, authentication: { method: 'client_secret_post' } } },
  },
  {
    member: 'consentModes',
    policy: { consentModes: ['Always', 'Implicit'] },
    refused: { spec: web, field: 'consent.mode', value: 'Remember', allowed: 'Always, Implicit' },
    granted: { spec: { ...web, consent: { mode: 'Implicit' } } },
  },
  {
    member: 'profile',
    policy: { profile: 'OAuth21' },
    refused: {
      spec: { ...web, pkce: 'Optional' },
      field: 'pkce',
      value: 'Optional',
      allowed: 'Required (profile OAuth21)',
    },
    granted: { spec: web },
  },
  {
    member: 'maxLifetimes.accessToken',
    policy: { maxLifetimes: { accessToken: '2m' } },
    refused: {
      spec: { ...machine, accessToken: { lifetime: '3m' } },
      field: 'accessToken.lifetime',
      value: '3m',
      allowed: 'at most 2m',
    },
    granted: { spec: { ...machine, accessToken: { lifetime: '2m' } } },
  },
  {
    member: 'maxLifetimes.refreshToken.idle',
    policy: { maxLifetimes: { refreshToken: { idle: '1h' } } },
    refused: {
      spec: { ...web, refreshToken: { idle: '90m' } },
      field: 'refreshToken.idle',
      value: '90m',
      allowed: 'at most 1h',
    },
    granted: { spec: { ...web, refreshToken: { idle: '30m' } } },
  },
  {
    member: 'maxLifetimes.refreshToken.absolute',
    policy: { maxLifetimes: { refreshToken: { absolute: '12h' } } },
    refused: {
      spec: { ...web, refreshToken: { idle: '1h', absolute: '13h' } },
      field: 'refreshToken.absolute',
      value: '13h',
      allowed: 'at most 12h',
    },
    granted: { spec: web },
  },
];

/** Of a case: its member as a name of Kubernetes. */
export const policyName = (member: string): string =>
  member.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

interface SettingCase {
  readonly title: string;
  /** The policy of a member above that selects the namespace. */
  readonly member: string;
  readonly spec: AnyObject;
  /** `name value setBy`, as status has them. */
  readonly settings: readonly string[];
}

export const settingCases: readonly SettingCase[] = [
  {
    title: 'the server sets what nobody else does',
    member: 'grantTypes',
    spec: machine,
    settings: ['accessToken.lifetime 4m AuthorizationServer'],
  },
  {
    title: 'a Client sets its own',
    member: 'redirectHosts',
    spec: {
      ...refreshing,
      redirectUris: ['https://web.pay.example/cb'],
      accessToken: { lifetime: '3m' },
      refreshToken: { idle: '2h', absolute: '20h' },
    },
    settings: ['accessToken.lifetime 3m Client', 'refreshToken.idle 2h Client', 'refreshToken.absolute 20h Client'],
  },
  {
    title: 'a policy sets the profile, and nothing else that it does not name',
    member: 'profile',
    spec: refreshing,
    settings: [
      'profile OAuth21 policy profile',
      'accessToken.lifetime 4m AuthorizationServer',
      'refreshToken.idle 48h AuthorizationServer',
      'refreshToken.absolute 96h AuthorizationServer',
    ],
  },
  {
    title: 'a policy bounds what the server would give',
    member: 'maxLifetimes.accessToken',
    spec: machine,
    settings: ['accessToken.lifetime 2m policy max-lifetimes-access-token'],
  },
  {
    title: 'a policy bounds one of the lives of a refresh token',
    member: 'maxLifetimes.refreshToken.idle',
    spec: refreshing,
    settings: [
      'accessToken.lifetime 4m AuthorizationServer',
      'refreshToken.idle 1h policy max-lifetimes-refresh-token-idle',
      'refreshToken.absolute 96h AuthorizationServer',
    ],
  },
  {
    title: 'a bound of the whole life bounds the idle one too',
    member: 'maxLifetimes.refreshToken.absolute',
    spec: refreshing,
    settings: [
      'accessToken.lifetime 4m AuthorizationServer',
      'refreshToken.idle 12h policy max-lifetimes-refresh-token-absolute',
      'refreshToken.absolute 12h policy max-lifetimes-refresh-token-absolute',
    ],
  },
];

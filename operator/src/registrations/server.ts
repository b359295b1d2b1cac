/** PURE. AuthorizationServer → the settings of the server that its database serves. */
import {
  type AuthorizationServerSpec,
  type ClientPolicy,
  durationSeconds,
  freeGrantTypes,
  freeResponseTypes,
  type GrantType,
  grantTypes,
  grantTypesOf,
  responseTypes,
} from '@nauthera/crds';
import { type PublicJwk, readPublicJwk, type ServerRegistration } from '@nauthera/server/registry';
import { registerMutualTls } from './mutual-tls.ts';

/** Most keys of a cluster that are taken over. */
const mostClusterKeys = 20;

export interface PageColors {
  light?: string;
  dark?: string;
}

export interface Outside {
  /** As the cluster lists them; empty: there is no cluster, or its keys are not known. */
  readonly clusterKeys: readonly unknown[];
  /** Others that are trusted, by the names that Clients give them. */
  readonly trustedClusters?: NonNullable<NonNullable<ServerRegistration['kubernetes']>['clusters']>;
  /** PEM: whose certificates prove who an application is. */
  readonly clientAuthorities?: string | undefined;
  /** Accent colours that can be read; left out: ours. */
  readonly colors?: PageColors;
  /** A PNG file in base64. */
  readonly logo?: string | undefined;
}

/**
 * @param issuer the one in force: of the resource, or computed where it names none
 */
export function registerServer(
  spec: AuthorizationServerSpec,
  issuer: string,
  { clusterKeys, trustedClusters = [], clientAuthorities, colors = {}, logo }: Outside,
): ServerRegistration {
  const keys = usableKeys(clusterKeys);
  const { lifetimes, signing } = spec;
  return {
    issuer,
    ...(spec.branding?.displayName === undefined ? {} : { display_name: spec.branding.displayName }),
    lifetimes: {
      authorization_code: durationSeconds(lifetimes.authorizationCode),
      access_token: durationSeconds(lifetimes.accessToken),
      id_token: durationSeconds(lifetimes.idToken),
      refresh_token_idle: durationSeconds(lifetimes.refreshToken.idle),
      refresh_token_absolute: durationSeconds(lifetimes.refreshToken.absolute),
      session_idle: durationSeconds(lifetimes.session.idle),
      session_absolute: durationSeconds(lifetimes.session.absolute),
      device_code: durationSeconds(lifetimes.deviceCode),
    },
    signing: {
      algorithms: signing.algorithms,
      rotate_every: durationSeconds(signing.rotation.every),
      publish_before: durationSeconds(signing.rotation.publishBefore),
      retire_after: durationSeconds(signing.rotation.retireAfter),
    },
    ...trusted(spec.trustedProxies),
    ...registerMutualTls(spec, issuer, clientAuthorities),
    ...(spec.outbound?.allowed === undefined ? {} : { outbound_allowed: spec.outbound.allowed }),
    ...branded(spec.branding ?? {}, colors, logo),
    ...supported(spec.clientPolicies ?? []),
    ...clusters(keys, trustedClusters),
  };
}

function clusters(
  keys: PublicJwk[],
  trusted: NonNullable<Outside['trustedClusters']>,
): Pick<ServerRegistration, 'kubernetes'> {
  if (keys.length === 0 && trusted.length === 0) return {};
  return {
    kubernetes: {
      ...(keys.length === 0 ? {} : { jwks: { keys } }),
      ...(trusted.length === 0 ? {} : { clusters: trusted }),
    },
  };
}

const headers = { 'X-Forwarded-For': 'x-forwarded-for', Forwarded: 'forwarded', 'X-Real-IP': 'x-real-ip' } as const;

function trusted(proxies: AuthorizationServerSpec['trustedProxies']): Pick<ServerRegistration, 'trusted_proxies'> {
  if (proxies === undefined) return {};
  const passesCertificates = proxies.certificateHeader !== undefined;
  return {
    trusted_proxies: {
      cidrs: proxies.cidrs,
      header: headers[proxies.header],
      ...(passesCertificates ? { certificate_header: 'client-cert' as const } : {}),
    },
  };
}

/** Groups of which nothing is set are left out. */
function branded(
  { links = {}, texts = {} }: NonNullable<AuthorizationServerSpec['branding']>,
  colors: PageColors,
  logo: string | undefined,
): Pick<ServerRegistration, 'branding'> {
  const words = {
    ...(texts.usernameLabel === undefined ? {} : { username_label: texts.usernameLabel }),
    ...(texts.usernameHint === undefined ? {} : { username_hint: texts.usernameHint }),
    ...(texts.help === undefined ? {} : { help: texts.help }),
    ...(texts.footer === undefined ? {} : { footer: texts.footer }),
  };
  const branding = {
    ...(isEmpty(colors) ? {} : { colors }),
    ...(logo === undefined ? {} : { logo }),
    ...(isEmpty(links) ? {} : { links }),
    ...(isEmpty(words) ? {} : { texts: words }),
  };
  return isEmpty(branding) ? {} : { branding };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

type Supported = Required<Pick<ServerRegistration, 'grant_types_supported' | 'response_types_supported'>>;

/** As the metadata of the server names them. */
export function grantTypesSupported({ clientPolicies = [] }: AuthorizationServerSpec): readonly GrantType[] {
  return supported(clientPolicies).grant_types_supported;
}

/** What some Client could be allowed: where no policy matches, or by any one policy alone. */
function supported(policies: readonly ClientPolicy[]): Supported {
  const grants = new Set<string>(freeGrantTypes);
  const responses = new Set<string>(freeResponseTypes);
  for (const policy of policies) {
    const allowed: readonly string[] = policy.grantTypes ?? freeGrantTypes;
    for (const grant of allowed) grants.add(grant);
    for (const response of policy.responseTypes ?? freeResponseTypes)
      if (grantTypesOf(response).every((grant) => allowed.includes(grant))) responses.add(response);
  }
  return {
    grant_types_supported: grantTypes.filter((grant) => grants.has(grant)),
    response_types_supported: responseTypes.filter((response) => responses.has(response)),
  };
}

/** One that may not be used must not cost the others. */
function usableKeys(listed: readonly unknown[]): PublicJwk[] {
  const keys = new Map<string, PublicJwk>();
  for (const one of listed) {
    const key = readPublicJwk(one);
    if (key !== null && !keys.has(key.kid)) keys.set(key.kid, key);
  }
  return [...keys.values()].slice(0, mostClusterKeys);
}

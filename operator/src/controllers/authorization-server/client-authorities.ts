/** Authorities of the certificates of applications, pure: what the bundle holds, or why nobody is trusted. */
import type { AuthorizationServerSpec } from '@nauthera/crds';
import { authoritiesProblem } from '@nauthera/server/registry';
import { isMutualTlsOn } from '../../registrations/mutual-tls.ts';
import type { ConfigMap } from '../../sources/source.ts';

export interface ClientAuthorities {
  /** PEM. */
  readonly ca: string | undefined;
  /** For the owner of the server: certificates are refused until then. */
  readonly problem: string | undefined;
}

/** Name of the ConfigMap that is needed; `undefined`: none. */
export function authoritiesName(spec: AuthorizationServerSpec): string | undefined {
  return isMutualTlsOn(spec) ? spec.mutualTls?.caBundleRef?.name : undefined;
}

export function clientAuthoritiesOf(spec: AuthorizationServerSpec, bundle: ConfigMap | undefined): ClientAuthorities {
  const reference = spec.mutualTls?.caBundleRef;
  if (reference === undefined || !isMutualTlsOn(spec)) return { ca: undefined, problem: undefined };
  const without = (problem: string): ClientAuthorities => ({
    ca: undefined,
    problem: `tls_client_auth is left out: ConfigMap "${reference.name}"${problem}`,
  });
  if (bundle === undefined) return without(' does not exist');
  const ca = bundle.data[reference.key];
  if (ca === undefined) return without(` has no key "${reference.key}"`);
  const problem = authoritiesProblem(ca);
  return problem === null ? { ca, problem: undefined } : without(`, key "${reference.key}" ${problem}`);
}

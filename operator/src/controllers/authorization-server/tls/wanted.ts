/** Which certificate an AuthorizationServer shows, for which names, and who is to trust whom for it, pure. */
import type { ServerResource } from '../../attachment.ts';
import { transportOf } from '../deployment/transport.ts';

export type WantedCertificate =
  /** TLS ends before the pods. */
  | { readonly from: 'nobody' }
  | { readonly from: 'operator'; readonly names: readonly string[]; readonly forClients: boolean }
  | {
      readonly from: 'secret';
      readonly secretName: string;
      readonly names: readonly string[];
      readonly forClients: boolean;
    };

/** No Client's Secret is called so unless somebody wants it: theirs end in `-oauth2`. */
export const generated = {
  authority: (name: string) => `${name}-generated-ca`,
  serving: (name: string) => `${name}-generated-tls`,
};

/** The Secret that pods mount; `undefined`: they speak plain HTTP. */
export function servingSecretName(server: ServerResource): string | undefined {
  if (transportOf(server).name === 'http') return undefined;
  return server.spec.tls?.secretRef?.name ?? generated.serving(server.name);
}

export function wantedCertificate(server: ServerResource, issuer: string): WantedCertificate {
  const { tls, exposure, mutualTls } = server.spec;
  if (transportOf(server).name === 'http') return { from: 'nobody' };
  const own = serviceNames(server);
  const host = hostOf(issuer);
  const exposed = exposure !== undefined && exposure.mode !== 'None';
  const second = mutualTls?.mode === 'Listener' && mutualTls.url !== undefined ? [hostOf(mutualTls.url)] : [];
  // Whoever reaches the issuer through somebody else's certificate must not be told to trust this one alone.
  const forClients = !exposed && (tls !== undefined || own.includes(host));
  if (tls?.secretRef === undefined)
    return { from: 'operator', names: [...new Set([...own, host, ...second])], forClients };
  // Behind an Ingress or a Gateway the name that is looked for is theirs to choose.
  const names = [...new Set([...(exposed ? [] : [host]), ...second])];
  return { from: 'secret', secretName: tls.secretRef.name, names, forClients };
}

/** Of the Service, the shortest last: inside of its namespace, of the cluster. */
function serviceNames({ namespace, name }: ServerResource): readonly string[] {
  return [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`, `${name}.${namespace}`, name];
}

/** Of IPv6 without brackets, as certificates have it. */
function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}

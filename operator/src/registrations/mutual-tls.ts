/** PURE. Certificates of applications (RFC 8705), in the words of the registry. */
import type { AuthorizationServerSpec, ClientSpec } from '@nauthera/crds';
import type { ClientRegistration, ServerRegistration } from '@nauthera/server/registry';

/** The port that asks for certificates, where nobody says another. */
export const mutualTlsPort = 8444;

export function isMutualTlsOn({ mutualTls }: Pick<AuthorizationServerSpec, 'mutualTls'>): boolean {
  return mutualTls?.mode === 'Listener';
}

/** Where applications present certificates: scheme, host and port; `undefined`: nowhere. */
export function mutualTlsUrlOf(spec: Pick<AuthorizationServerSpec, 'mutualTls'>, issuer: string): string | undefined {
  if (!isMutualTlsOn(spec)) return undefined;
  return spec.mutualTls?.url ?? `https://${new URL(issuer).hostname}:${mutualTlsPort}`;
}

/** @param ca PEM; `undefined`: there are no authorities, and no certificate speaks by its name */
export function registerMutualTls(
  spec: Pick<AuthorizationServerSpec, 'mutualTls'>,
  issuer: string,
  ca: string | undefined,
): Pick<ServerRegistration, 'mutual_tls'> {
  const url = mutualTlsUrlOf(spec, issuer);
  return url === undefined ? {} : { mutual_tls: { url, ...(ca === undefined ? {} : { ca }) } };
}

type CertificateMembers = Pick<ClientRegistration, Extract<keyof ClientRegistration, `tls_client_${string}`>>;

/** The name that its certificate carries, and whether its tokens are bound to one. */
export function registerCertificate({ authentication, senderConstraint }: ClientSpec): CertificateMembers {
  const { subjectDn, sanDns, sanUri, sanIp, sanEmail } = authentication.tls ?? {};
  return {
    ...(subjectDn === undefined ? {} : { tls_client_auth_subject_dn: subjectDn }),
    ...(sanDns === undefined ? {} : { tls_client_auth_san_dns: sanDns }),
    ...(sanUri === undefined ? {} : { tls_client_auth_san_uri: sanUri }),
    ...(sanIp === undefined ? {} : { tls_client_auth_san_ip: sanIp }),
    ...(sanEmail === undefined ? {} : { tls_client_auth_san_email: sanEmail }),
    ...(senderConstraint === 'MTLS' ? { tls_client_certificate_bound_access_tokens: true } : {}),
  };
}

/** Whether it reaches the server where certificates are asked for, and nowhere else. */
export function needsCertificate({ authentication: { method }, senderConstraint }: ClientSpec): boolean {
  return method === 'tls_client_auth' || method === 'self_signed_tls_client_auth' || senderConstraint === 'MTLS';
}

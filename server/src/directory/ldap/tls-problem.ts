/** Why no verified TLS connection came about, for who can mend it. */
import type { DirectoryServerProbe } from '../../registry/report.ts';
import { codeOf, no, placeOf, wordsOf } from './probe-words.ts';
import { issuerShownBy, type ServerTarget } from './target.ts';

type TlsStep = NonNullable<DirectoryServerProbe['tls']>;

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'CERT_REVOKED',
  'CERT_REJECTED',
]);

/** @param field where the resource says which servers there are */
export async function tlsProblem(
  target: ServerTarget,
  field: 'spec.servers' | 'spec.srv.domain',
  error: unknown,
  signal: AbortSignal,
): Promise<TlsStep> {
  const place = placeOf(target);
  const code = codeOf(error);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return no('CertificateExpired', `${place}: its certificate ${when}. Have the directory's administrator renew it`);
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return no(
      'CertificateNameMismatch',
      `${place}: its certificate is not issued for "${target.host}"${namesIn(error)}. Use a name from the certificate in ${field === 'spec.servers' ? field : `the SRV records of ${field}`}`,
    );
  }
  if (code !== undefined && untrusted.has(code)) {
    const issuer = (await issuerShownBy(target, signal)) ?? 'unknown';
    return no(
      'CertificateUntrusted',
      `${place}: its certificate, issued by "${issuer}", is not trusted. Add that CA to the bundle named in spec.tls.caBundleRef`,
    );
  }
  return no(
    'ConnectFailed',
    `${place} cannot be reached over TLS (${wordsOf(error)}). Check ${field}, the network between, and that it speaks TLS 1.2 or newer`,
  );
}

/** Node lists what the certificate names; of that only the names are passed on. */
function namesIn(error: unknown): string {
  const cert = typeof error === 'object' && error !== null && 'cert' in error ? error.cert : undefined;
  const names = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? cert.subjectaltname : undefined;
  if (typeof names !== 'string') return '';
  const list = names.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
  return ` but for ${list.slice(0, 5).join(', ')}`;
}

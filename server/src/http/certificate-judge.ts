/** Whether a client's certificate proves who it is (RFC 8705 §2): by its name under an authority, or by its key alone. */
import type { X509Certificate } from 'node:crypto';
import { factsOf, isCurrent, judgeChain, readAuthorities } from '../protocol/certificate-chain.ts';
import { isSubject } from '../protocol/certificate-subject.ts';
import { keyOctets, octetsOf } from '../protocol/public-keys.ts';
import type { Clock } from '../protocol/time.ts';
import type { ClientRegistration, PublicJwk, ServerRegistration } from '../registry/registration.ts';
import type { KnownClient } from './client-assertion.ts';
import type { PresentedCertificate } from './client-certificate.ts';
import type { ClientKeys, KeyLocation } from './client-keys.ts';

export type CertificateProblem =
  | 'no_certificate'
  | 'untrusted_certificate'
  | 'expired_certificate'
  | 'wrong_certificate'
  | 'keys_unavailable';

export interface CertificateJudgeOptions {
  readonly server: () => ServerRegistration | undefined;
  readonly clock: Clock;
  readonly clientKeys: ClientKeys;
}

/** @returns `null`: it is that of the client. Of no client, or one that authenticates otherwise, the answer says nothing. */
export type JudgeCertificate = (
  presented: PresentedCertificate | undefined,
  client: KnownClient | undefined,
) => CertificateProblem | null;

/**
 * The chain is judged whoever is meant, so that a name which nobody has costs what a known one costs; then it is remembered
 * for as long as neither it nor the authorities change.
 */
export function createCertificateJudge({ server, clock, clientKeys }: CertificateJudgeOptions): JudgeCertificate {
  const chains = createChainJudge();
  return (presented, known) => {
    if (presented === undefined) return 'no_certificate';
    const now = clock.now() * 1000;
    const chain = chains(presented, server()?.mutual_tls?.ca, now);
    if (known?.value.token_endpoint_auth_method !== 'self_signed_tls_client_auth') {
      return chain ?? (isNamed(presented, known?.value) ? null : 'wrong_certificate');
    }
    if (!isCurrent(presented.certificate, now)) return 'expired_certificate';
    const location = locationOf(known);
    const keys = location === null ? (known.value.jwks?.keys ?? []) : clientKeys.known(location);
    if (keys === null) return 'keys_unavailable';
    return keys.some((key) => isOver(presented.certificate, key)) ? null : 'wrong_certificate';
  };
}

/** Has the keys that a certificate needs, before it is judged. */
export type FetchCertificateKeys = (presented: PresentedCertificate, client: KnownClient) => Promise<void>;

/** Nobody is called for a certificate that no key in the world would make hold. */
export function createCertificateKeyFetcher({ clock, clientKeys }: CertificateJudgeOptions): FetchCertificateKeys {
  return async ({ certificate }, known) => {
    const location = locationOf(known);
    if (location === null || !isCurrent(certificate, clock.now() * 1000)) return;
    await clientKeys.refresh(location, (key) => isOver(certificate, key));
  };
}

function locationOf({ value, owner }: KnownClient): KeyLocation | null {
  const { client_id: clientId, token_endpoint_auth_method: method, jwks_uri: url } = value;
  if (method !== 'self_signed_tls_client_auth' || url === undefined) return null;
  return { url, namespace: owner.namespace, clientId };
}

function isNamed({ certificate }: PresentedCertificate, client: ClientRegistration | undefined): boolean {
  const facts = factsOf(certificate);
  return client !== undefined && facts !== null && isSubject(client, facts);
}

const octets = new WeakMap<PublicJwk, Buffer>();

/** RFC 8705 §2.2.2: a registered certificate counts as it is; of a bare key every certificate over it does. */
function isOver(certificate: X509Certificate, key: PublicJwk): boolean {
  const [registered] = key.x5c ?? [];
  if (registered !== undefined) return certificate.raw.equals(Buffer.from(registered, 'base64'));
  let own = octets.get(key);
  if (own === undefined) {
    own = keyOctets(key);
    octets.set(key, own);
  }
  return octetsOf(certificate.publicKey).equals(own);
}

/** Milliseconds for which a judgement holds: certificates expire in the middle of connections. */
const rememberedFor = 10_000;

interface Judged {
  readonly ca: string;
  readonly at: number;
  readonly problem: CertificateProblem | null;
}

function createChainJudge(): (
  presented: PresentedCertificate,
  ca: string | undefined,
  now: number,
) => CertificateProblem | null {
  const judged = new WeakMap<PresentedCertificate, Judged>();
  let authorities: { readonly ca: string; readonly certificates: readonly X509Certificate[] } | undefined;
  return (presented, ca = '', now) => {
    const before = judged.get(presented);
    if (before?.ca === ca && Math.abs(now - before.at) < rememberedFor) return before.problem;
    if (authorities?.ca !== ca) authorities = { ca, certificates: readAuthorities(ca) ?? [] };
    const { certificates } = authorities;
    const problem = judgeChain(presented.certificate, presented.intermediates, certificates, now);
    judged.set(presented, { ca, at: now, problem });
    return problem;
  };
}

/** A certificate that somebody else keeps in a Secret, pure. */
import type { X509Certificate } from 'node:crypto';
import {
  type CertificateProblem,
  covers,
  inspect,
  isSignedBy,
  namesOf,
  readCertificates,
} from '../../../certificates/inspect.ts';
import type { ConditionDraft } from '../../../runtime/conditions.ts';
import type { Secret } from '../../../sources/source.ts';

export interface GivenCertificate {
  /** Whether pods can show it. */
  readonly usable: boolean;
  readonly problem: ConditionDraft | undefined;
  /** Epoch milliseconds: when it becomes another, if nobody touches it. */
  readonly until: number | undefined;
  /** The private authority that signed it, where the Secret tells it. */
  readonly bundle: string | undefined;
}

export function judgeGiven(
  secret: Secret | undefined,
  {
    name,
    namespace,
    names,
    now,
  }: {
    readonly name: string;
    readonly namespace: string;
    readonly names: readonly string[];
    readonly now: number;
  },
): GivenCertificate {
  const where = `Secret "${name}" named in spec.tls.secretRef`;
  if (secret === undefined)
    return broken('SecretNotFound', `${where} does not exist in namespace ${namespace}. Waiting for it`);
  const { 'tls.crt': certificate, 'tls.key': key } = secret.data;
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? 'tls.crt' : 'tls.key';
    return broken('SecretKeyNotFound', `${where} has no key "${missing}". Let it be of type kubernetes.io/tls`);
  }
  const found = inspect({ certificate, key });
  if (typeof found === 'string') return broken('SecretInvalid', `${where}, ${problems[found]}`);
  const bundle = bundleOf(certificate, secret.data['ca.crt']);
  const flaw = (reason: string, message: string): GivenCertificate => ({
    usable: true,
    problem: no(reason, message),
    until: found.from > now ? found.from : undefined,
    bundle,
  });
  if (found.until <= now)
    return flaw('CertificateExpired', `${where}: its certificate expired on ${date(found.until)}. Renew it`);
  if (found.from > now)
    return flaw(
      'SecretInvalid',
      `${where}: its certificate is not valid before ${date(found.from)}. Issue another one`,
    );
  const uncovered = names.filter((one) => !covers(found.leaf, one));
  if (uncovered.length > 0) {
    const has = namesOf(found.leaf).slice(0, 3).join(', ');
    const message = `${where}: its certificate is for ${has === '' ? 'no names' : has}, not for ${uncovered.join(', ')}. Issue one with that name`;
    return flaw('CertificateNameMismatch', message);
  }
  return { usable: true, problem: undefined, until: found.until, bundle };
}

const problems: Readonly<Record<CertificateProblem, string>> = {
  certificate: 'key "tls.crt": holds no certificates in PEM, leaf first. Correct it',
  key: 'key "tls.key": holds no private key in PEM without a passphrase. Correct it',
  pair: 'key "tls.key": is not the key of the first certificate in tls.crt. Correct it',
};

/** What `ca.crt` says counts where it leads from the certificate upwards: nobody is told to trust a stranger beside it. */
function bundleOf(certificate: string, ca: string | undefined): string | undefined {
  const [leaf, ...between] = readCertificates(certificate) ?? [];
  const authorities = readCertificates(ca ?? '') ?? [];
  const above = leaf === undefined ? new Set<X509Certificate>() : signersOf(leaf, [...between, ...authorities]);
  const ours = authorities.filter((one) => above.has(one));
  return ours.length > 0 ? ours.map((one) => one.toString()).join('') : undefined;
}

/** Those that signed it, those that signed these, and so on. */
function signersOf(leaf: X509Certificate, candidates: readonly X509Certificate[]): ReadonlySet<X509Certificate> {
  const found = new Set<X509Certificate>();
  const open = [leaf];
  for (const below of open) {
    for (const one of candidates) {
      if (found.has(one) || !isSignedBy(below, one)) continue;
      found.add(one);
      open.push(one);
    }
  }
  return found;
}

function broken(reason: string, message: string): GivenCertificate {
  return { usable: false, problem: no(reason, message), until: undefined, bundle: undefined };
}

function no(reason: string, message: string): ConditionDraft {
  return { type: 'Deployed', status: 'False', reason, message };
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

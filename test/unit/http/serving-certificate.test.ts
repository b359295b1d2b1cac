/** The pair that a server begins with; what becomes of later ones is told by flows/tls. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodeOf, sentenceOf } from '../../../server/src/exit.ts';
import { openServingCertificate } from '../../../server/src/http/serving-certificate.ts';
import { createLog, silentLog } from '../../../server/src/telemetry/log.ts';
import { makeAuthority } from '../../support/certificates.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nauthera-pair-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function put({ days = 30, crt, key }: { days?: number; crt?: string | null; key?: string | null } = {}) {
  const authority = await makeAuthority();
  const made = await authority.issue({ days });
  const files = { 'tls.crt': crt ?? made.certificatePem, 'tls.key': key ?? made.privateKeyPem };
  if (crt !== null) writeFileSync(join(folder, 'tls.crt'), files['tls.crt']);
  if (key !== null) writeFileSync(join(folder, 'tls.key'), files['tls.key']);
  return { ...made, authority };
}

describe('a server begins', () => {
  it('with the pair in its folder', async () => {
    const { certificatePem, privateKeyPem } = await put();
    const opened = await openServingCertificate({ folder, log: silentLog });
    opened.stop();
    expect(opened.current).toMatchObject({ cert: certificatePem, key: privateKeyPem });
  });

  it('with a chain, which ends with the first of it that ends', async () => {
    const short = await (await makeAuthority()).issue({ days: 3 });
    const made = await put();
    writeFileSync(join(folder, 'tls.crt'), made.certificatePem + short.certificatePem);
    const opened = await openServingCertificate({ folder, log: silentLog });
    opened.stop();
    expect(Math.round((opened.current.expiresAt - Date.now()) / 86_400_000)).toBe(3);
  });

  it('with one that has expired, and says so: clients are told by it', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    await put({ days: -1 });
    const log = createLog({ level: 'info', format: 'json', service: 'x', version: '0', destination });
    (await openServingCertificate({ folder, log })).stop();
    expect(lines).toEqual([expect.stringContaining('has expired')]);
  });

  it.each<[string, Parameters<typeof put>[0], string]>([
    ['no certificate', { crt: null }, 'tls.crt cannot be read: put the certificate chain there, leaf first'],
    ['no key', { key: null }, 'tls.key cannot be read: put the private key of the certificate there'],
    ['nonsense', { crt: 'x' }, 'tls.crt holds no certificates in PEM, leaf first'],
    ['an empty key', { key: '' }, notTheKey()],
    ['a broken key', { key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' }, notTheKey()],
  ])('not with %s: one line, and 2', async (_name, content, words) => {
    await put(content);
    const refused = await openServingCertificate({ folder, log: silentLog }).catch((error: unknown) => error);
    expect([exitCodeOf(refused), sentenceOf(refused)]).toEqual([2, `--tls-folder ${folder}: ${words}`]);
  });

  it('not with the key of another', async () => {
    await put({ key: (await (await makeAuthority()).issue()).privateKeyPem });
    await expect(openServingCertificate({ folder, log: silentLog })).rejects.toThrow(notTheKey());
  });
});

function notTheKey(): string {
  return 'tls.key is not the private key (PEM, without a passphrase) of the first certificate in tls.crt, or one of them is too weak';
}

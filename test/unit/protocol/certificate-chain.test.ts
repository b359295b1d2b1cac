import { beforeAll, describe, expect, it } from 'vitest';
import { judgeChain, readAuthorities } from '../../../server/src/protocol/certificate-chain.ts';
import { type ClientAuthority, clientAuthority, selfSigned, x509 } from '../../support/client-certificates.ts';

const clientUsage = x509.ExtendedKeyUsage.clientAuth;
const serverUsage = x509.ExtendedKeyUsage.serverAuth;
const nobodyKnows = new x509.Extension('1.3.6.1.4.1.99999.1', true, new Uint8Array([5, 0]));
/** permittedSubtrees: one DNS name. */
const onlyExample = new x509.Extension('2.5.29.30', false, Buffer.from('300fa00d300b82096578616d706c652e6f', 'hex'));

let root: ClientAuthority;
let other: ClientAuthority;
let middle: ClientAuthority;
beforeAll(async () => {
  root = await clientAuthority('Root');
  other = await clientAuthority('Other');
  middle = await root.under('Middle');
});

const judge = (
  leaf: { readonly x509: Parameters<typeof judgeChain>[0] },
  sent: readonly ClientAuthority[] = [],
  trusted: readonly ClientAuthority[] = [root],
) =>
  judgeChain(
    leaf.x509,
    sent.map((one) => one.x509),
    trusted.map((one) => one.x509),
    Date.now(),
  );

const judgeOwn = async (authority: ClientAuthority) => judge(await authority.issue(), [], [authority]);

describe('RFC 5280 §6: a certificate of a client leads to an authority', () => {
  it.each([
    ['issued by it', async () => judge(await root.issue())],
    ['for clients', async () => judge(await root.issue({ usages: [clientUsage] }))],
    ['for servers and clients', async () => judge(await root.issue({ usages: [serverUsage, clientUsage] }))],
    ['under one between', async () => judge(await middle.issue(), [middle])],
    ['with others sent along', async () => judge(await middle.issue(), [other, middle, other])],
    ['under one between that is trusted itself', async () => judge(await middle.issue(), [], [middle])],
    ['under one of several', async () => judge(await other.issue(), [], [root, other])],
    ['signed with RSASSA-PSS over SHA-256', async () => judgeOwn(await clientAuthority('PSS', { pss: 'SHA-256' }))],
    ['signed with RSASSA-PSS over SHA-512', async () => judgeOwn(await clientAuthority('PSS', { pss: 'SHA-512' }))],
    [
      'below as many as its path length allows',
      async () => {
        const short = await clientAuthority('Short', { pathLength: 1 });
        const below = await short.under('Below');
        return judge(await below.issue(), [below], [short]);
      },
    ],
  ])('trusted: %s', async (_name, run) => {
    expect(await run()).toBeNull();
  });

  it.each([
    ['nobody is trusted', async () => judge(await root.issue(), [], [])],
    ['issued by another', async () => judge(await other.issue())],
    ['what is between was not sent', async () => judge(await middle.issue())],
    ['self-signed', async () => judge(await selfSigned())],
    ['an authority of the same name', async () => judge(await (await clientAuthority('Root')).issue())],
    ['one between of the same name', async () => judge(await middle.issue(), [await root.under('Middle')])],
    ['signed over SHA-1', async () => judge(await root.issue({ hash: 'SHA-1' }))],
    ['signed with RSASSA-PSS over SHA-1', async () => judgeOwn(await clientAuthority('PSS', { pss: 'SHA-1' }))],
    ['for servers alone', async () => judge(await root.issue({ usages: [serverUsage] }))],
    ['a critical extension that nobody knows', async () => judge(await root.issue({ extensions: [nobodyKnows] }))],
    [
      'a key that does not sign',
      async () => {
        const usage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true);
        return judge(await root.issue({ extensions: [usage] }));
      },
    ],
    [
      'its issuer is no authority',
      async () => {
        const none = await root.under('None', { ca: false, usages: x509.KeyUsageFlags.digitalSignature });
        return judge(await none.issue(), [none]);
      },
    ],
    [
      'its issuer is not to issue',
      async () => {
        const none = await root.under('None', { usages: x509.KeyUsageFlags.cRLSign });
        return judge(await none.issue(), [none]);
      },
    ],
    [
      'its issuer has expired',
      async () => {
        const old = await root.under('Old', { days: -1 });
        return judge(await old.issue(), [old]);
      },
    ],
    [
      'the trusted one has expired',
      async () => {
        const old = await clientAuthority('Old', { days: -1 });
        return judge(await old.issue(), [], [old]);
      },
    ],
    [
      'more between than the path length allows',
      async () => {
        const short = await clientAuthority('Short', { pathLength: 0 });
        const below = await short.under('Below');
        return judge(await below.issue(), [below], [short]);
      },
    ],
    [
      'its issuer is for servers alone',
      async () => {
        const web = await root.under('Web', { extensions: [new x509.ExtendedKeyUsageExtension([serverUsage])] });
        return judge(await web.issue(), [web]);
      },
    ],
    [
      'its issuer is constrained in names, which nobody here checks',
      async () => {
        const narrow = await root.under('Narrow', { extensions: [onlyExample] });
        return judge(await narrow.issue(), [narrow]);
      },
    ],
    [
      'more between than anybody needs',
      async () => {
        const sent: ClientAuthority[] = [];
        let last = root;
        for (const name of ['1', '2', '3', '4', '5']) {
          last = await last.under(name);
          sent.push(last);
        }
        return judge(await last.issue(), sent);
      },
    ],
  ])('untrusted: %s', async (_name, run) => {
    expect(await run()).toBe('untrusted_certificate');
  });

  it.each([
    ['over', { days: -1 }],
    ['not begun', { from: 1, days: 30 }],
  ])('expired: %s', async (_name, request) => {
    expect(judge(await root.issue(request))).toBe('expired_certificate');
  });

  it('a chain made to be searched ends the search', async () => {
    // Every one of them could have issued every other: without a bound that is 8! signatures.
    const sent = await Promise.all(Array.from({ length: 8 }, () => clientAuthority('Loop')));
    const leaf = await (await clientAuthority('Loop')).issue();
    const begun = performance.now();
    expect(judge(leaf, sent)).toBe('untrusted_certificate');
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

describe('the bundle of authorities', () => {
  it('may hold several, and words between them', () => {
    expect(readAuthorities(`# ours\n${root.pem}\n${other.pem}`)).toHaveLength(2);
  });
  it.each(['', 'no PEM', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])('is not %j', (text) => {
    expect(readAuthorities(text)).toBeNull();
  });
});

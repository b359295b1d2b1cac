import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createClientAuthentication } from '../../../server/src/http/client-authentication.ts';
import { networkOf, sourceOf } from '../../../server/src/http/source.ts';

describe('A49: limits per address', () => {
  it.each([
    ['an IPv4 address is one', '192.0.2.1', '192.0.2.1'],
    ['written as IPv6 it is the same', '::ffff:192.0.2.1', '192.0.2.1'],
    ['of IPv6 the first 64 bits count', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['however they are written', '2001:db8:1:2::6', '2001:db8:1:2'],
    ['with zeros left out in the middle', '2001:db8::2:0:0:0:6', '2001:db8:0:2'],
    ['or at the end', '2001:db8::', '2001:db8:0:0'],
    ['with a zone', 'fe80::1%eth0', 'fe80:0:0:0'],
    ['loopback', '::1', '0:0:0:0'],
    ['no address', 'unknown', 'unknown'],
  ])('%s', (_, address, network) => expect(networkOf(address)).toBe(network));

  it('a network whose addresses nobody can count is one guesser', async () => {
    const authenticate = createClientAuthentication({
      client: () => undefined,
      judgeAssertion: () => Promise.reject(new Error('no assertion was sent')),
      judgeCertificate: () => 'no_certificate',
      fetchCertificateKeys: () => Promise.resolve(),
      fetchKeys: () => Promise.resolve(),
      useAssertion: () => Promise.reject(new Error('no assertion was sent')),
      onFailure: () => undefined,
      now: () => 0,
    });
    const trying = Array.from({ length: 30 }, async (_, index) => {
      const source = { address: `2001:db8::${index.toString(16)}`, limitFactor: 1 } as const;
      const parameters = new Map([
        ['client_id', 'shop.web'],
        ['client_secret', `guess ${index}`],
      ]);
      try {
        return await authenticate({ authorization: undefined, parameters, source });
      } catch (error) {
        return error instanceof Error && 'status' in error ? error.status : 'refused';
      }
    });
    const tries = await Promise.all(trying);
    expect(tries.filter((answer) => answer === 429)).toHaveLength(10);
  });

  it('the log still has the address itself', () => {
    const request = { socket: { remoteAddress: '2001:db8::6' }, headers: {} } as unknown as IncomingMessage;
    expect(sourceOf(request).address).toBe('2001:db8::6');
  });
});

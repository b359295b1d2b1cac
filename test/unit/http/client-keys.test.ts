import { describe, expect, it } from 'vitest';
import { createClientKeys } from '../../../server/src/http/client-keys.ts';
import { type OutboundAnswer, type OutboundCall, OutboundFailed } from '../../../server/src/outbound/gate.ts';
import type { PublicJwk } from '../../../server/src/registry/registration.ts';
import { jwkOf } from '../../support/client-keys.ts';

const one = jwkOf('ES256');
const two = jwkOf('ES256');
const place = { url: 'https://shop.example.com/jwks', namespace: 'shop', clientId: 'shop.job' };
const wanted = (key: PublicJwk) => ({ kid: key.kid, algorithm: 'ES256' as const });
const minutes = 60_000;

function setUp() {
  const calls: OutboundCall[] = [];
  const problems: string[] = [];
  let now = 0;
  let answer: () => Promise<OutboundAnswer> = () => Promise.reject(new OutboundFailed('unreachable'));
  const clientKeys = createClientKeys({
    gate: {
      call: (call) => {
        calls.push(call);
        return answer();
      },
    },
    now: () => now,
    onProblem: (clientId, problem) => problems.push(`${clientId} ${problem}`),
  });
  return {
    calls,
    problems,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    serve: (...keys: PublicJwk[]) => {
      answer = () => Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys })) });
    },
    fail: (given: OutboundAnswer | OutboundFailed) => {
      answer = () => (given instanceof OutboundFailed ? Promise.reject(given) : Promise.resolve(given));
    },
    hold: () => {
      const held = Promise.withResolvers<OutboundAnswer>();
      answer = () => held.promise;
      return held;
    },
    find: async (key = one, mayFetch = true, where = place) => {
      if (mayFetch) await clientKeys.refresh(where, wanted(key));
      return clientKeys.known(where)?.map(({ kid }) => kid) ?? null;
    },
  };
}

describe('keys by jwks_uri', () => {
  it('are fetched once and kept for ten minutes', async () => {
    const { serve, find, pass, calls } = setUp();
    serve(one);
    for (let round = 0; round < 5; round += 1) expect(await find()).toEqual([one.kid]);
    pass(10 * minutes - 1);
    await find();
    expect(calls).toEqual([
      {
        url: place.url,
        namespace: 'shop',
        method: 'GET',
        headers: { accept: 'application/jwk-set+json, application/json' },
      },
    ]);
    pass(1);
    serve(two);
    expect(await find()).toEqual([two.kid]);
    expect(calls).toHaveLength(2);
  });

  it('are fetched for what is worth it alone', async () => {
    const { serve, find, calls } = setUp();
    serve(one);
    expect(await find(one, false)).toBeNull();
    expect(calls).toEqual([]);
    await find();
    expect(await find(one, false)).toEqual([one.kid]);
    expect(calls).toHaveLength(1);
  });

  it('a key that is not among them is looked for again, every 30 s at most', async () => {
    const { serve, find, pass, calls } = setUp();
    serve(one);
    await find();
    serve(one, two);
    for (let round = 0; round < 50; round += 1) expect(await find(two)).toEqual([one.kid]);
    expect(calls).toHaveLength(1);
    pass(30_000);
    expect(await find(two)).toEqual([one.kid, two.kid]);
    for (let round = 0; round < 50; round += 1) await find(jwkOf('ES256'));
    expect(calls).toHaveLength(2);
  });

  it('requests that come at once share a fetch', async () => {
    const { hold, find, calls } = setUp();
    const held = hold();
    const found = Promise.all(Array.from({ length: 20 }, () => find()));
    held.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys: [one] })) });
    expect(new Set((await found).flat())).toEqual(new Set([one.kid]));
    expect(calls).toHaveLength(1);
  });

  it.each<[string, OutboundAnswer | OutboundFailed, string]>([
    ['no answer', new OutboundFailed('timeout'), 'timeout'],
    ['an error', { status: 500, headers: {}, body: Buffer.from('{"keys":[]}') }, 'it answered with status 500'],
    ['no key set', { status: 200, headers: {}, body: Buffer.from('<html>') }, 'it is no JWK set'],
  ])('%s: the last good ones do, for an hour', async (_, failure, problem) => {
    const { serve, fail, find, pass, problems } = setUp();
    serve(one);
    await find();
    fail(failure);
    pass(10 * minutes);
    expect(await find()).toEqual([one.kid]);
    pass(50 * minutes - 1);
    expect(await find()).toEqual([one.kid]);
    pass(1);
    expect(await find()).toBeNull();
    expect(new Set(problems)).toEqual(new Set([`shop.job jwks_uri: ${problem}`]));
  });

  it('a place that fails is tried every 10 s at most, and serves again when it does', async () => {
    const { serve, find, pass, calls } = setUp();
    for (let round = 0; round < 50; round += 1) expect(await find()).toBeNull();
    expect(calls).toHaveLength(1);
    pass(10_000);
    serve(one);
    expect(await find()).toEqual([one.kid]);
  });

  it('I9: what one namespace may fetch is not another’s', async () => {
    const { serve, find, calls } = setUp();
    serve(one);
    await find();
    await find(one, true, { ...place, namespace: 'bank' });
    expect(calls.map(({ namespace }) => namespace)).toEqual(['shop', 'bank']);
  });

  it('A83: a new set takes the place of the old one as a whole', async () => {
    const { serve, hold, find, pass } = setUp();
    serve(one);
    await find();
    pass(30_000);
    const held = hold();
    const waiting = find(two);
    expect(await find(one, false)).toEqual([one.kid]);
    held.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys: [two] })) });
    expect(await waiting).toEqual([two.kid]);
    expect(await find(one, false)).toEqual([two.kid]);
  });

  it('F28: a place that does not answer holds so many requests; the others are told to come back', async () => {
    const { hold, find, serve } = setUp();
    const held = hold();
    const at = (index: number) => ({ ...place, url: `https://x.example/${index}` });
    const asked = (index: number, count: number) => Array.from({ length: count }, () => find(one, true, at(index)));
    const outcomes = Promise.allSettled([...asked(0, 30), ...asked(1, 30)]);
    held.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys: [one] })) });
    const refused = (await outcomes).flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    // 24 for the first, and what is left of 32 for the second.
    expect(refused).toHaveLength(60 - 32);
    expect(refused[0]).toMatchObject({ status: 503, code: 'temporarily_unavailable', headers: { 'retry-after': '2' } });
    serve(one);
    expect(await find(one, true, at(3))).toEqual([one.kid]);
  });

  it('F28, I9: places of one namespace that do not answer leave room for those of others, up to 64 in all', async () => {
    const { hold, find } = setUp();
    const held = hold();
    const asked = (namespace: string, count: number) =>
      Array.from({ length: count }, (_, index) =>
        find(one, true, { ...place, namespace, url: `https://${namespace}.example/${index}` }),
      );
    const hostile = Promise.allSettled(asked('evil', 90));
    const honest = Promise.allSettled(asked('bank', 1));
    const many = Promise.allSettled(['a', 'b', 'c'].flatMap((namespace) => asked(namespace, 20)));
    held.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys: [one] })) });
    expect(await honest).toEqual([{ status: 'fulfilled', value: [one.kid] }]);
    const served = async (outcomes: typeof hostile) => (await outcomes).filter(({ status }) => status === 'fulfilled');
    expect(await served(hostile)).toHaveLength(32);
    expect(await served(many)).toHaveLength(64 - 32 - 1);
  });

  it('of more places than 1,000 the longest unused is forgotten', async () => {
    const { serve, find, calls } = setUp();
    serve(one);
    for (let index = 0; index <= 1000; index += 1)
      await find(one, true, { ...place, url: `https://x.example/${index}` });
    await find(one, true, { ...place, url: 'https://x.example/1000' });
    expect(calls).toHaveLength(1001);
    await find(one, true, { ...place, url: 'https://x.example/0' });
    expect(calls).toHaveLength(1002);
  });
});

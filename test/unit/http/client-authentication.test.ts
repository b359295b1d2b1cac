import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type AuthenticationFailure,
  type ClientAuthenticationOptions,
  createClientAuthentication,
} from '../../../server/src/http/client-authentication.ts';
import { HttpError } from '../../../server/src/http/http-error.ts';
import type { Source } from '../../../server/src/http/source.ts';
import { ProtocolError } from '../../../server/src/protocol/errors.ts';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import { aClient, anOwner, digestOf } from '../../support/builders.ts';

const clients = [
  aClient('basic'),
  aClient('post').with({ token_endpoint_auth_method: 'client_secret_post' }),
  aClient('public').public(),
  aClient('a:b/ü'.replace('ü', 'u')),
  aClient('rotating').with({ client_secret_digests: [digestOf('new'), digestOf('old')] }),
  aClient('signer').with({ token_endpoint_auth_method: 'private_key_jwt', client_secret_digests: [] }),
  aClient('empty').with({ client_secret_digests: [] }),
].map((client) => ({ value: client.build(), owner: anOwner(client.build().client_id) }));

function setUp(assertions: Partial<Pick<ClientAuthenticationOptions, 'judgeAssertion' | 'useAssertion'>> = {}) {
  const failures: AuthenticationFailure[] = [];
  const older: string[] = [];
  let now = 0;
  const authenticate = createClientAuthentication({
    client: (id) => clients.find((one) => one.value.client_id === id),
    judgeAssertion: () => Promise.reject(new Error('no assertion was sent')),
    fetchKeys: () => Promise.resolve(),
    judgeCertificate: () => 'no_certificate',
    fetchCertificateKeys: () => Promise.reject(new Error('no certificate was sent')),
    useAssertion: () => Promise.reject(new Error('no assertion was sent')),
    ...assertions,
    onFailure: (failure) => failures.push(failure),
    onOlderSecret: (digest) => older.push(digest),
    now: () => now,
  });
  const source: Source = { address: '192.0.2.1', limitFactor: 1 };
  return {
    failures,
    older,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
    ask: async (request: { authorization?: string; body?: string; source?: Source }) =>
      await authenticate({
        authorization: request.authorization,
        parameters: readParameters(request.body ?? '').parameters,
        source: request.source ?? source,
      }),
  };
}

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`;

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'no error';
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof HttpError) return error.code;
    throw error;
  }
}

describe('RFC 6749 §2.3: client authentication', () => {
  it.each([
    ['Basic', { authorization: basic('basic:secret-of-basic') }, 'basic', 'client_secret_basic'],
    [
      'Basic, scheme in any case',
      { authorization: `bAsIc ${basic('basic:secret-of-basic').slice(6)}` },
      'basic',
      'client_secret_basic',
    ],
    [
      '§2.3.1: both halves are form-decoded',
      { authorization: basic('a%3Ab%2Fu:secret%2Dof-a%3Ab%2Fu') },
      'a:b/u',
      'client_secret_basic',
    ],
    [
      'Basic with the same client_id in the body',
      { authorization: basic('basic:secret-of-basic'), body: 'client_id=basic' },
      'basic',
      'client_secret_basic',
    ],
    ['post', { body: 'client_id=post&client_secret=secret-of-post' }, 'post', 'client_secret_post'],
    ['none', { body: 'client_id=public' }, 'public', 'none'],
    ['I12: the new secret', { authorization: basic('rotating:new') }, 'rotating', 'client_secret_basic'],
    ['I12: the old secret', { authorization: basic('rotating:old') }, 'rotating', 'client_secret_basic'],
  ])('%s', async (_name, request, clientId, method) => {
    const client = await setUp().ask(request);
    expect(client.registration.client_id).toBe(clientId);
    expect(client.method).toBe(method);
    expect(client.uid).toBe(`uid-of-${clientId}`);
  });

  it.each([
    ['no credentials', {}, 'invalid_client', 'malformed'],
    ['an empty client id', { body: 'client_id=' }, 'invalid_client', 'malformed'],
    ['a wrong secret', { authorization: basic('basic:wrong') }, 'invalid_client', 'wrong_secret'],
    ['an empty secret', { authorization: basic('basic:') }, 'invalid_client', 'wrong_secret'],
    ['an unknown client', { authorization: basic('nobody:wrong') }, 'invalid_client', 'unknown_client'],
    ['an unknown public client', { body: 'client_id=nobody' }, 'invalid_client', 'unknown_client'],
    ['a confidential client without secret', { body: 'client_id=basic' }, 'invalid_client', 'wrong_method'],
    ['a client without any secret yet', { authorization: basic('empty:') }, 'invalid_client', 'wrong_secret'],
    [
      'its digest instead of its secret',
      { authorization: basic(`basic:${digestOf('secret-of-basic')}`) },
      'invalid_client',
      'wrong_secret',
    ],
    [
      'the other method, right secret',
      { body: 'client_id=basic&client_secret=secret-of-basic' },
      'invalid_client',
      'wrong_method',
    ],
    ['a public client with a secret', { body: 'client_id=public&client_secret=x' }, 'invalid_client', 'wrong_method'],
    ['an assertion', { body: 'client_id=basic&client_assertion=x' }, 'invalid_client', 'malformed'],
    ['a secret of 2 KiB', { body: `client_id=post&client_secret=${'x'.repeat(2048)}` }, 'invalid_client', 'malformed'],
    ['A64: another scheme', { authorization: 'Bearer x' }, 'invalid_client', 'malformed'],
    ['A64: no scheme', { authorization: '' }, 'invalid_client', 'malformed'],
    ['A64: nothing behind it', { authorization: 'Basic ' }, 'invalid_client', 'malformed'],
    ['A64: no colon', { authorization: basic('basic') }, 'invalid_client', 'malformed'],
    ['A64: no client id', { authorization: basic(':x') }, 'invalid_client', 'malformed'],
    ['A64: bad percent', { authorization: basic('basic:%zz') }, 'invalid_client', 'malformed'],
    [
      'A64: no UTF-8',
      { authorization: `Basic ${Buffer.from([0x62, 0xff, 0x3a, 0x61]).toString('base64')}` },
      'invalid_client',
      'malformed',
    ],
    ['A64: 10 KiB', { authorization: basic(`basic:${'x'.repeat(10_000)}`) }, 'invalid_client', 'malformed'],
    [
      'A84: characters that are no base64',
      { authorization: `Basic YmFzaWM6!!${Buffer.from('secret-of-basic').toString('base64')}` },
      'invalid_client',
      'malformed',
    ],
    ['A84: base64 with a space in it', { authorization: `Basic YmFz aWM6c2VjcmV0` }, 'invalid_client', 'malformed'],
    [
      'A84: base64 without padding',
      { authorization: basic('basic:secret-of-basic').replace(/=+$/, '').replace(/.$/, '') },
      'invalid_client',
      'malformed',
    ],
  ])('%s is refused', async (_name, request, code, reason) => {
    const { ask, failures } = setUp();
    expect(await codeOf(() => ask(request))).toBe(code);
    expect(failures.map((failure) => failure.reason)).toEqual([reason]);
  });

  it.each([
    ['Basic and a secret in the body', { authorization: basic('basic:secret-of-basic'), body: 'client_secret=x' }],
    ['Basic and an assertion', { authorization: basic('basic:secret-of-basic'), body: 'client_assertion=x' }],
    ['a secret in the body and an assertion', { body: 'client_id=post&client_secret=x&client_assertion_type=x' }],
    ['another client_id in the body', { authorization: basic('basic:secret-of-basic'), body: 'client_id=post' }],
  ])('never two at once: %s is invalid_request', async (_name, request) =>
    expect(await codeOf(() => setUp().ask(request))).toBe('invalid_request'),
  );

  it('A48: a stranger sees no difference between unknown and wrong', async () => {
    const { ask } = setUp();
    const answers = ['nobody:x', 'basic:x'].map((credentials) => ask({ authorization: basic(credentials) }));
    const errors = (await Promise.allSettled(answers)).map((answer) => {
      const error: unknown = answer.status === 'rejected' ? answer.reason : undefined;
      return error instanceof ProtocolError ? { code: error.code, description: error.description } : error;
    });
    expect(errors[0]).toEqual(errors[1]);
    expect(errors[0]).toHaveProperty('code', 'invalid_client');
  });

  it('the log never holds an id that a stranger typed', async () => {
    const { ask, failures } = setUp();
    await codeOf(() => ask({ authorization: basic('my-password:x') }));
    expect(JSON.stringify(failures)).not.toContain('my-password');
  });
});

describe('A49: failed client authentication is limited', () => {
  const wrong = { authorization: basic('basic:wrong') };
  const right = { authorization: basic('basic:secret-of-basic') };
  const times = async (count: number, run: () => Promise<unknown>) => {
    const codes: string[] = [];
    for (let round = 0; round < count; round += 1) codes.push(await codeOf(run));
    return codes;
  };

  it('20 a minute per client and source, then 429 with Retry-After, then again', async () => {
    const { ask, pass } = setUp();
    await times(20, () => ask(wrong));
    await expect(ask(right)).rejects.toThrow(HttpError);
    await expect(ask(wrong)).rejects.toMatchObject({ status: 429, headers: { 'retry-after': '3' } });
    pass(3);
    expect((await ask(right)).registration.client_id).toBe('basic');
  });

  it('never per client alone: another source gets in', async () => {
    const { ask } = setUp();
    await times(25, () => ask(wrong));
    expect((await ask({ ...right, source: { address: '192.0.2.2', limitFactor: 1 } })).uid).toBe('uid-of-basic');
  });

  it('never per source alone: another client gets in', async () => {
    const { ask } = setUp();
    await times(25, () => ask(wrong));
    expect((await ask({ authorization: basic('rotating:new') })).uid).toBe('uid-of-rotating');
  });

  it('I12: the use of a secret is told only of one that was replaced', async () => {
    const { ask, older } = setUp();
    await ask({ authorization: basic('rotating:new') });
    await ask({ authorization: basic('basic:secret-of-basic') });
    await codeOf(() => ask({ authorization: basic('rotating:wrong') }));
    await codeOf(() => ask({ body: 'client_id=rotating&client_secret=old' }));
    expect(older).toEqual([]);
    await ask({ authorization: basic('rotating:old') });
    expect(older).toEqual([digestOf('old')]);
  });

  it('a peer that may be a proxy for everybody gets 20 times as many', async () => {
    const { ask } = setUp();
    const source: Source = { address: '192.0.2.3', limitFactor: 20 };
    expect((await times(400, () => ask({ ...wrong, source }))).every((code) => code === 'invalid_client')).toBe(true);
    await expect(ask({ ...right, source })).rejects.toThrow(HttpError);
  });

  it('success does not count', async () => {
    const { ask } = setUp();
    expect(await times(100, () => ask(right))).not.toContain('invalid_client');
  });

  describe('assertions, which take a while to verify', () => {
    const type = encodeURIComponent('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    const request = { body: `client_id=signer&client_assertion_type=${type}&client_assertion=x.y.z` };
    const atOnce = (count: number, ask: (one: typeof request) => Promise<unknown>) =>
      Promise.all(Array.from({ length: count }, () => codeOf(() => ask(request))));
    const holds = { problem: null, once: null } as const;

    it('wrong ones that come all at once are no more than those that come one by one', async () => {
      let judged = 0;
      const { ask, failures } = setUp({
        judgeAssertion: async () => {
          judged += 1;
          await sleep(5);
          return { problem: 'wrong_signature' };
        },
      });
      await atOnce(200, ask);
      expect(judged).toBe(20);
      expect(failures.filter(({ reason }) => reason === 'throttled')).toHaveLength(180);
    });

    it('right ones that come all at once get in', async () => {
      let running = 0;
      const { ask } = setUp({
        judgeAssertion: async () => {
          running += 1;
          expect(running).toBeLessThanOrEqual(20);
          await sleep(1);
          running -= 1;
          return holds;
        },
      });
      expect(await atOnce(200, ask)).toEqual(Array.from({ length: 200 }, () => 'no error'));
    });

    it('one that nobody could judge counts as no failure, and keeps nobody waiting', async () => {
      let judged = 0;
      const judgeAssertion = () => {
        judged += 1;
        return judged <= 100
          ? Promise.reject(new HttpError(503, 'temporarily_unavailable', { description: 'x' }))
          : Promise.resolve(holds);
      };
      const { ask } = setUp({ judgeAssertion });
      expect(new Set(await atOnce(100, ask))).toEqual(new Set(['temporarily_unavailable']));
      expect(await codeOf(() => ask(request))).toBe('no error');
    });
  });
});

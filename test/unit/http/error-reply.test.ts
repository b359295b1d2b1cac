import Fastify from 'fastify';
import { afterAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../../server/src/directory/directory.ts';
import { createDelivery } from '../../../server/src/endpoints/respond.ts';
import { createErrorReply } from '../../../server/src/http/error-reply.ts';
import { HttpError, NotServing, TokenMissing } from '../../../server/src/http/http-error.ts';
import { jsonError, pageError, redirectError } from '../../../server/src/protocol/errors.ts';
import { verifyRedirectUri } from '../../../server/src/protocol/redirect-uri.ts';
import { DatabaseUnavailable } from '../../../server/src/store/database.ts';
import { logTo } from '../../support/captured-log.ts';

const secret = 'canary-1234';
const redirect = verifyRedirectUri({ redirect_uris: ['https://app/cb'] }, 'https://app/cb', {
  state: 's',
  issuer: 'https://id.example.com',
  mode: 'query',
});
const errors: Record<string, () => unknown> = {
  invalid_grant: () => jsonError('invalid_grant', 'the code is not valid', { detail: 'used before' }),
  invalid_client: () => jsonError('invalid_client', 'client authentication failed'),
  invalid_token: () => jsonError('invalid_token', 'the token has expired'),
  insufficient_scope: () => jsonError('insufficient_scope', 'openid is needed'),
  missing: () => new TokenMissing(),
  page: () => pageError('invalid_request', 'the redirect URI is not registered'),
  unknown_client: () => pageError('invalid_client', 'the client is not known'),
  not_found: () => pageError('not_found', 'there is nothing here'),
  redirect: () => redirect && redirectError(redirect, 'access_denied', 'the user said no'),
  too_many: () => new HttpError(429, 'invalid_client', { description: 'later', headers: { 'retry-after': '3' } }),
  database: () => new DatabaseUnavailable(`connect to postgres://a:${secret}@db failed`),
  directory: () => new DirectoryUnavailable('shop/people', 'no answer'),
  not_serving: () => new NotServing('registry: not confirmed for 10 s'),
  surprise: () => new TypeError(`cannot read ${secret}`),
  driver: () =>
    Object.assign(new Error(`duplicate key (${secret})`), { code: '23505', detail: `Key (hash)=(${secret})` }),
  text: () => secret,
};

const lines: string[] = [];
const app = Fastify({ genReqId: () => 'the-request' });
app.setErrorHandler(
  createErrorReply({
    renderError: ({ code, reference }) => `<html>${code} ${reference}</html>`,
    deliver: createDelivery(() => undefined),
    log: logTo(lines),
    issuer: () => 'https://id.example.com',
  }),
);
for (const errorsAs of ['json', 'page'] as const) {
  app.get(`/${errorsAs}/:name`, { config: { errors: errorsAs } }, async (request) => {
    throw errors[(request.params as { name: string }).name]?.();
  });
}
afterAll(() => app.close());

const ask = async (path: string) => {
  lines.length = 0;
  const response = await app.inject(path);
  return { ...response, status: response.statusCode, log: lines.join('') };
};

describe('errors become replies in one place', () => {
  it.each([
    ['invalid_grant', 400, 'invalid_grant', undefined],
    ['invalid_client', 401, 'invalid_client', 'Basic realm="https://id.example.com", charset="UTF-8"'],
    [
      'invalid_token',
      401,
      'invalid_token',
      'Bearer realm="https://id.example.com", error="invalid_token", error_description="the token has expired"',
    ],
    [
      'insufficient_scope',
      403,
      'insufficient_scope',
      'Bearer realm="https://id.example.com", error="insufficient_scope", error_description="openid is needed"',
    ],
    ['too_many', 429, 'invalid_client', undefined],
    ['database', 503, 'temporarily_unavailable', undefined],
    ['directory', 503, 'temporarily_unavailable', undefined],
    ['not_serving', 503, 'temporarily_unavailable', undefined],
    ['surprise', 500, 'server_error', undefined],
    ['driver', 500, 'server_error', undefined],
    ['text', 500, 'server_error', undefined],
  ])('RFC 6749 §5.2, RFC 6750 §3: %s is %i %s', async (name, status, code, challenge) => {
    const { status: found, headers, body } = await ask(`/json/${name}`);
    expect([found, (JSON.parse(body) as { error: string }).error]).toEqual([status, code]);
    expect(headers['www-authenticate']).toBe(challenge);
    expect(headers['cache-control']).toBe('no-store');
    if (status === 503) expect(headers['retry-after']).toMatch(/^\d+$/);
  });

  it('RFC 6750 §3: a request without a token gets a challenge without an error', async () => {
    const { status, headers, body } = await ask('/json/missing');
    expect([status, headers['www-authenticate'], body]).toEqual([401, 'Bearer realm="https://id.example.com"', '']);
  });

  it.each([
    ['/json/page', 400, 'invalid_request'],
    ['/page/not_found', 404, 'not_found'],
    ['/page/database', 503, 'temporarily_unavailable'],
    ['/page/surprise', 500, 'server_error'],
    ['/page/unknown_client', 400, 'invalid_client'],
    ['/page/missing', 400, 'invalid_token'],
  ])('A12: %s is a page of ours that goes nowhere', async (path, status, code) => {
    const { status: found, headers, body } = await ask(path);
    expect([found, body]).toEqual([status, `<html>${code} the-request</html>`]);
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers.location).toBeUndefined();
    expect(headers['www-authenticate'], 'a browser would ask for a password').toBeUndefined();
  });

  it('RFC 6749 §4.1.2.1: an error for the client goes by 303, with state and iss', async () => {
    const { status, headers } = await ask('/json/redirect');
    expect(status).toBe(303);
    expect(headers.location).toBe(
      'https://app/cb?error=access_denied&error_description=the+user+said+no&state=s&iss=https%3A%2F%2Fid.example.com#_',
    );
  });

  it('a stranger reads no detail, the log does, under the same reference', async () => {
    const { body, log } = await ask('/json/invalid_grant');
    expect(body).not.toContain('used before');
    expect(JSON.parse(log)).toMatchObject({
      'request.id': 'the-request',
      'error.detail': 'used before',
      level: 'info',
    });
  });

  it.each([
    ['/json/redirect', 'the user said no'],
    ['/page/unknown_client', 'the client is not known'],
    ['/page/page', 'the redirect URI is not registered'],
    ['/json/invalid_client', 'client authentication failed'],
    ['/page/missing', undefined],
  ])('%s: the log has the status that was sent, and what the stranger was told', async (path, said) => {
    const { status, log } = await ask(path);
    const line = JSON.parse(log) as Record<string, unknown>;
    expect([line['http.response.status_code'], line['error.detail']]).toEqual([status, said]);
  });

  it.each(['database', 'surprise', 'driver', 'text'])(
    'I4: %s carries no secret to the stranger or the log',
    async (name) => {
      for (const path of [`/json/${name}`, `/page/${name}`]) {
        const { body, log, headers } = await ask(path);
        expect(body + log + JSON.stringify(headers)).not.toContain(secret);
        expect(log).not.toBe('');
      }
    },
  );

  it('an unknown fault names the reference, and where it happened goes to the log', async () => {
    const { body, log } = await ask('/json/surprise');
    expect(body).toContain('the-request');
    expect(JSON.parse(log)).toMatchObject({ level: 'error', 'error.type': 'TypeError' });
    expect(log).toContain('error-reply.test.ts');
  });
});

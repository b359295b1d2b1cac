import { describe, expect, it } from 'vitest';
import { parseClaimsRequest } from '../../../server/src/protocol/claims-request.ts';

const parse = (request: unknown) => parseClaimsRequest(JSON.stringify(request));

describe('OIDC Core §5.5: the claims parameter', () => {
  it('names claims for the userinfo endpoint and for the ID token', () => {
    const asked = parse({
      userinfo: { given_name: { essential: true }, nickname: null, picture: null },
      id_token: { email: { value: 'ada@example.com' }, groups: { values: [['eng'], ['ops']] }, acr: null, amr: null },
    })?.asked;
    expect(asked).toEqual({
      userinfo: { given_name: null, nickname: null, picture: null },
      id_token: { email: ['ada@example.com'], groups: [['eng'], ['ops']], acr: null, amr: null },
      context: ['acr', 'amr'],
    });
  });

  it.each<[string, unknown]>([
    ['an unknown member', { verified_claims: { x: [1] } }],
    ['an unknown member of a claim', { userinfo: { email: { essential: true, purpose: 'because' } } }],
    ['a member that is null', { userinfo: null }],
    ['nothing', {}],
    ['names that every object has', { userinfo: { constructor: null, toString: null } }],
  ])('%s is ignored or asked for, never an error', (_title, request) => expect(parse(request)).not.toBeNull());

  it.each([
    ['no JSON', '{'],
    ['text', '"userinfo"'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a member that is a list', '{"userinfo":[]}'],
    ['a claim that is text', '{"userinfo":{"email":"x"}}'],
    ['a claim that is true', '{"userinfo":{"email":true}}'],
    ['essential that is text', '{"userinfo":{"email":{"essential":"yes"}}}'],
    ['values that are no list', '{"userinfo":{"email":{"values":"x"}}}'],
    ['a value with NUL, which no database keeps', '{"userinfo":{"email":{"value":"\\u0000"}}}'],
    ['half of a pair', '{"userinfo":{"email":{"values":[["\\ud800"]]}}}'],
    ['A63: 4 KiB and more', `{"x":"${'x'.repeat(4090)}"}`],
    ['A63: nine deep', `${'{"x":'.repeat(9)}1${'}'.repeat(9)}`],
    [
      'A63: more than fifty claims',
      JSON.stringify({ userinfo: Object.fromEntries([...Array(51).keys()].map((n) => [n, null])) }),
    ],
    ['A63: more than twenty values', JSON.stringify({ userinfo: { x: { values: [...Array(21).keys()] } } })],
    ['A63: a name beyond any claim', JSON.stringify({ userinfo: { ['x'.repeat(129)]: null } })],
  ])('%s is refused', (_title, text) => expect(parseClaimsRequest(text)).toBeNull());

  it('brackets inside of text are no depth', () =>
    expect(parse({ userinfo: { x: { value: '[[[[[[[[[[[["\\' } } })).not.toBeNull());

  it.each<[unknown, readonly string[] | undefined | null]>([
    [{ id_token: { sub: null } }, undefined],
    [{ id_token: { sub: { essential: true } } }, undefined],
    [{ id_token: { sub: { value: 'u_1' } } }, ['u_1']],
    [{ userinfo: { sub: { values: ['u_1', 'u_2'] } } }, ['u_1', 'u_2']],
    [{ userinfo: { sub: { values: ['u_1', 'u_2'] } }, id_token: { sub: { values: ['u_2', 'u_3'] } } }, ['u_2']],
    [{ userinfo: { sub: { value: 'u_1' } }, id_token: { sub: { value: 'u_2' } } }, null],
    [{ id_token: { sub: { value: 7 } } }, null],
    [{ id_token: { sub: { values: [] } } }, null],
  ])('§3.1.2.2: of %j the answer is about %j', (request, expected) => {
    const parsed = parse(request);
    expect(parsed === null ? null : parsed.subjects).toEqual(expected);
  });
});

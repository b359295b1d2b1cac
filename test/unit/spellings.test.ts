import { describe, expect, it } from 'vitest';
import { secretsIn } from '../support/spellings.ts';

const secret = 'k3y/of+the=canary';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const secrets = new Map([['canary', secret]]);

describe('a secret that leaked is found', () => {
  it.each([
    ['as it is', `said "${secret}" and`],
    ['URL-encoded', `/token?client_secret=${encodeURIComponent(secret)}&x=1`],
    ['in hex', `'\\x00${Buffer.from(secret).toString('hex')}ff'`],
    ['in base64', base64(secret)],
    ['within base64', base64(`a:${secret}:b`)],
    ['within base64, shifted by one', base64(`shop.web:${secret}`)],
    ['within base64, shifted by two', base64(`ab${secret}`)],
    ['within base64url', Buffer.from(`client:${secret}`).toString('base64url')],
  ])('%s', (_, text) => {
    expect(secretsIn(new Map([['log', text]]), secrets)).toEqual(['log: canary']);
  });

  it('and what is none is not', () => {
    expect(secretsIn(new Map([['log', `${secret.slice(1)} ${base64(secret.slice(0, -6))}`]]), secrets)).toEqual([]);
  });
});

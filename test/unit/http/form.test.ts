import { describe, expect, it } from 'vitest';
import { isFormContentType } from '../../../server/src/http/form.ts';

describe('A65: the token endpoint takes forms alone', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=UTF-8',
    'application/x-www-form-urlencoded;charset=utf-8',
    'application/x-www-form-urlencoded; charset=ISO-8859-1',
  ])('%s is one', (type) => expect(isFormContentType(type)).toBe(true));

  it.each([
    undefined,
    '',
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/x-www-form-urlencoded\t',
    'application/x-www-form-urlencoded\ta',
    '\tapplication/x-www-form-urlencoded',
    'application/x-www-form-urlencodedx',
    'Application/X-WWW-Form-Urlencoded',
    'application/x-www-form-urlencoded, application/json',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; charset=utf-8; x=y',
  ])('%j is none', (type) => expect(isFormContentType(type)).toBe(false));
});

import { describe, expect, it } from 'vitest';
import { DatabaseUnavailable } from '../../../server/src/store/database.ts';
import { asFailure, isWorthAnotherConnection, leavesConnectionUsable } from '../../../server/src/store/failures.ts';

const answered = (code: string) => Object.assign(new Error('said the server'), { code, severity: 'ERROR' });
const socket = (code: string) => Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });

describe('what a failed statement means', () => {
  it.each([
    // code, unavailable, another connection may do, this connection is usable
    ['23505', false, false, true],
    ['42601', false, false, true],
    ['40001', false, false, true],
    ['57014', true, false, true],
    ['55P03', true, false, true],
    ['40P01', true, false, true],
    ['53300', true, false, true],
    ['53100', true, false, true],
    ['25006', true, true, false],
    ['57P01', true, true, false],
    ['57P03', true, true, false],
    ['08006', true, true, false],
    ['25P03', true, false, false],
    ['28P01', true, false, true],
    ['3D000', true, false, true],
    ['0A000', false, true, false],
    ['26000', false, true, false],
  ])('SQLSTATE %s', (code, unavailable, elsewhere, usable) => {
    const error = answered(code);
    const failure = asFailure(error, 'sent');
    expect(failure instanceof DatabaseUnavailable).toBe(unavailable);
    // An answer says that it did not happen.
    if (failure instanceof DatabaseUnavailable) expect(failure).toMatchObject({ unknownOutcome: false, cause: error });
    else expect(failure).toBe(error);
    expect(isWorthAnotherConnection(error)).toBe(elsewhere);
    expect(leavesConnectionUsable(error)).toBe(usable);
  });

  const silent = [
    socket('ECONNREFUSED'),
    socket('ECONNRESET'),
    Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }),
    Object.assign(new Error('self-signed certificate'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
    Object.assign(new AggregateError([socket('ECONNREFUSED')]), { code: 'ECONNREFUSED' }),
    new Error('Connection terminated unexpectedly'),
    new Error('Query read timeout'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection terminated due to connection timeout'),
    new Error('Cannot use a pool after calling end on the pool'),
  ];
  it.each(silent)('no answer: %s', (error) => {
    expect(asFailure(error, 'unsent')).toMatchObject({ code: 'database_unavailable', unknownOutcome: false });
    expect(asFailure(error, 'in transaction')).toMatchObject({ code: 'database_unavailable', unknownOutcome: false });
    expect(asFailure(error, 'sent')).toMatchObject({ code: 'database_unavailable', unknownOutcome: true });
    expect(isWorthAnotherConnection(error)).toBe(false);
    expect(leavesConnectionUsable(error)).toBe(false);
  });

  it('every other error is thrown on as it is', () => {
    const mine = new TypeError('a mistake of ours');
    expect(asFailure(mine, 'sent')).toBe(mine);
    expect(asFailure('text', 'sent')).toBe('text');
  });
});

import { expect, it } from 'vitest';
import { type Blame, blameFor, type Circumstances, SearchFailed } from '../../../server/src/directory/ldap/blame.ts';
import { ConnectionLost, type LostReason } from '../../../server/src/directory/ldap/connection.ts';
import { PoolBusy } from '../../../server/src/directory/ldap/pool.ts';
import { ServiceBindRefused } from '../../../server/src/directory/ldap/service-bind.ts';

const lost = (reason: LostReason) => new ConnectionLost(reason, 'x');
const code = (resultCode: number) => new SearchFailed(resultCode);

type Row = readonly [
  title: string,
  error: unknown,
  more: Partial<Circumstances>,
  blame: `${Blame['server']}, ${string}`,
];
const rows: readonly Row[] = [
  ['time limit, of the first search', code(3), {}, 'doubted, next'],
  ['time limit, of a later one', code(3), { answers: 1 }, 'doubted, next'],
  ['size limit, of the first search', code(4), {}, 'doubted, next'],
  ['size limit, of a later one', code(4), { answers: 1 }, 'doubted, final'],
  ['administrative limit, of the first search', code(11), {}, 'doubted, next'],
  ['administrative limit, of a later one', code(11), { answers: 2 }, 'doubted, final'],
  ['busy', code(51), {}, 'failed, next'],
  ['busy in the middle', code(51), { answers: 1 }, 'failed, next'],
  ['unavailable', code(52), { answers: 1 }, 'failed, next'],
  ['no such base', code(32), {}, 'failed, next'],
  ['more bytes than an answer may have', lost('oversized'), {}, 'doubted, final'],
  ['the same, later', lost('oversized'), { answers: 1 }, 'doubted, final'],
  ['no answer at all', lost('timeout'), {}, 'failed, next'],
  ['no answer to a later search', lost('timeout'), { answers: 1 }, 'doubted, next'],
  ['bytes that are no answer', lost('malformed'), {}, 'failed, next'],
  ['bytes that are no answer, later', lost('malformed'), { answers: 1 }, 'failed, next'],
  ['closed', lost('closed'), {}, 'failed, next'],
  ['closed in the middle', lost('closed'), { answers: 1 }, 'failed, next'],
  ['given up early', lost('stopped'), { aborted: true, age: 899 }, 'left, next'],
  ['given up early, in the middle', lost('stopped'), { aborted: true, age: 899, answers: 1 }, 'left, next'],
  ['given up when the server was late', lost('stopped'), { aborted: true, age: 900 }, 'failed, next'],
  ['given up when a later search was late', lost('stopped'), { aborted: true, age: 900, answers: 1 }, 'doubted, next'],
  ['no connection free', new PoolBusy('x'), {}, 'left, next'],
  ['given up while connecting, early', new PoolBusy('x', true), { aborted: true }, 'left, next'],
  ['given up while connecting, late', new PoolBusy('x', true), { aborted: true, age: 900 }, 'failed, next'],
  ['no connection at all', new Error('ECONNREFUSED'), {}, 'failed, next'],
  ['the service account is refused', new ServiceBindRefused('ldaps://x'), {}, 'left, final'],
  ['a mistake of ours', new TypeError('x'), {}, 'left, final'],
  ['something thrown that is no error', 'x', {}, 'left, final'],
];

it.each(rows)('%s', (_title, error, more, expected) => {
  const { server, askNext } = blameFor(error, { answers: 0, age: 0, patience: 900, aborted: false, ...more });
  expect(`${server}, ${askNext ? 'next' : 'final'}`).toBe(expected);
});

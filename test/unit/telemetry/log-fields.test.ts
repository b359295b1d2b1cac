import { expect, it } from 'vitest';
import { auditFields as written } from '../../../server/src/telemetry/audit-log.ts';
import { auditFields, everyLine, lineFields } from '../../../server/src/telemetry/log-fields.ts';

it('every field of an audit line is on the list, and every one on the list is written', () => {
  const names = Object.keys(written({ event: 'token.issued', outcome: 'success' }));
  expect([...names, 'trace_id'].sort()).toEqual(Object.keys(auditFields).sort());
});

it('no field has two meanings', () => {
  expect(Object.keys(lineFields).filter((name) => name in everyLine)).toEqual([]);
});

import { expect, it } from 'vitest';
import { summaryOf } from '../../../server/src/store/statement-summary.ts';

it.each([
  ['SELECT a FROM sessions WHERE b = $1', 'SELECT sessions'],
  ['INSERT INTO consents (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = 1', 'INSERT consents'],
  ['DELETE FROM grants', 'DELETE grants'],
  ['WITH found AS (SELECT FROM codes FOR UPDATE) UPDATE grants SET a = 1 FROM found', 'UPDATE grants'],
  ['WITH found AS MATERIALIZED (SELECT a FROM codes) SELECT a FROM found', 'SELECT codes'],
  ['SELECT extract(epoch FROM now()), (SELECT a FROM other) AS a FROM revocations r', 'SELECT revocations'],
  ['SELECT place FROM registry_put($1, $2)', 'SELECT registry_put'],
  ['SELECT registry_wish_keys($1)', 'SELECT registry_wish_keys'],
  ['SELECT 1', 'SELECT'],
])('%s: %s', (text, summary) => expect(summaryOf({ name: 'x', text }).text).toBe(summary));

import { describe, expect, it } from 'vitest';
import { statusTable } from '../../../operator/src/status-view.ts';
import { aServerResource } from './resources.ts';

const status = (ready: 'True' | 'False', message: string) => ({
  issuer: 'http://127.0.0.1:9400',
  readyReplicas: 1,
  conditions: [
    {
      type: 'Ready',
      status: ready,
      reason: ready === 'True' ? 'Ready' : 'KeysPending',
      message,
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
});
const now = Date.parse('2026-01-01T00:00:30Z');

describe('the table of resources', () => {
  it('one table a kind; an issuer that is left out is the one served', () => {
    const server = aServerResource({}, { status: status('True', 'Serving') as never });
    expect(statusTable({ resources: [server], problems: [] }, now).split('\n')).toEqual([
      'authorizationservers',
      'NAMESPACE   NAME   READY   REASON   ISSUER                  REPLICAS   AGE',
      'auth        main   True    Ready    http://127.0.0.1:9400   1          30s',
    ]);
  });

  it('what is not ready and what cannot be used stands below, a line each', () => {
    const server = aServerResource({}, { status: status('False', 'keys are made. Waiting') as never });
    const problem = { file: 'a.yaml', line: 2, column: 1, field: '', message: 'not valid YAML' };
    expect(statusTable({ resources: [server], problems: [problem] }, now)).toMatch(
      /\n\nAuthorizationServer auth\/main: keys are made\. Waiting\na\.yaml:2:1 not valid YAML$/,
    );
  });

  it('nothing at all is said, not left out', () => {
    expect(statusTable({ resources: [], problems: [] }, now)).toBe(
      'no resources: put their YAML files into the folder',
    );
  });
});

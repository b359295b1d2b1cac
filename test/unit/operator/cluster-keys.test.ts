import { afterEach, describe, expect, it } from 'vitest';
import { ApiError, ApiUnavailable } from '../../../operator/src/runtime/kubernetes-api.ts';
import { type ClusterKeys, createClusterKeys } from '../../../operator/src/sources/cluster-keys.ts';

/** What the API server says, one answer after the other; the last one stays. */
type Answer = unknown;

const key = (kid: string) => ({ use: 'sig', kty: 'RSA', kid, alg: 'RS256', n: `n-of-${kid}`, e: 'AQAB' });
const away = new ApiUnavailable('no answer');
const error = (status: number) => new ApiError(`GET /openid/v1/jwks: ${status}`, { status });

let running: ClusterKeys | undefined;
afterEach(() => running?.stop());

function begin(...answers: readonly Answer[]) {
  const problems: string[] = [];
  const asked: string[] = [];
  let changes = 0;
  const keys = createClusterKeys({
    api: {
      request: <T>({ method, path, accept }: { method: string; path: string; accept?: string }) => {
        const answer = answers[Math.min(asked.length, answers.length - 1)];
        asked.push(`${method} ${path} ${accept}`);
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as T);
      },
    },
    onProblem: (problem) => problems.push(problem),
    every: 1,
    retry: 1,
  });
  running = keys;
  keys.onChange(() => {
    changes += 1;
  });
  return {
    keys,
    problems,
    asked,
    changes: () => changes,
    kids: () => keys.keys.map(({ kid }) => kid),
    /** After so many more questions. */
    later: (count: number) => {
      const wanted = asked.length + count;
      return expect.poll(() => asked.length, { interval: 1 }).toBeGreaterThanOrEqual(wanted);
    },
  };
}

describe('the keys of the cluster', () => {
  it('are known once it has started', async () => {
    const { keys, kids, asked } = begin({ keys: [key('b'), key('a')] });
    await keys.start();
    expect(kids()).toEqual(['a', 'b']);
    expect(asked[0]).toBe('GET /openid/v1/jwks application/jwk-set+json');
  });

  it('rotation is followed: the new one beside the old one, then alone', async () => {
    const { keys, kids, changes, later } = begin(
      { keys: [key('old')] },
      { keys: [key('old'), key('new')] },
      { keys: [key('new'), key('old')] },
      { keys: [key('new')] },
    );
    await keys.start();
    await later(5);
    expect(kids()).toEqual(['new']);
    // The order in which a replica lists them is no change.
    expect(changes()).toBe(3);
  });

  it.each<[string, Answer]>([
    ['the API server is away', away],
    ['it refuses', error(403)],
    ['it fails', error(500)],
    ['it knows nothing of keys', error(404)],
    ['it lists none', { keys: [] }],
    ['it says something else', 'ok'],
    ['its list is none', { keys: 'none' }],
  ])('the last good ones stay when %s', async (_name, answer) => {
    const { keys, kids, changes, problems, later } = begin({ keys: [key('a')] }, answer);
    await keys.start();
    await later(4);
    expect([kids(), changes()]).toEqual([['a'], 1]);
    // Said once, not every minute.
    expect(problems).toHaveLength(1);
  });

  it('F29: the first answer is waited for, or a start during an outage would take the keys away', async () => {
    const { keys, kids, asked } = begin(away, error(503), error(429), { keys: [key('a')] });
    await keys.start();
    expect(kids()).toEqual(['a']);
    expect(asked.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    ['a refusal', error(403)],
    ['nothing there', error(404)],
  ])('%s is an answer: the operator starts without them, and asks on', async (_name, answer) => {
    const { keys, kids, later } = begin(answer, answer, { keys: [key('a')] });
    await keys.start();
    expect(kids()).toEqual([]);
    await later(3);
    expect(kids()).toEqual(['a']);
  });

  it('public members alone are taken', async () => {
    const { keys } = begin({ keys: [{ ...key('a'), d: 'private', x5c: ['x'], more: 1 }, 'no key'] });
    await keys.start();
    expect(keys.keys).toEqual([key('a')]);
  });

  it.each([
    ['the first answer', 0],
    ['its next try', 1],
  ])('it ends when it is stopped while it waits for %s', async (_name, tries) => {
    const { keys, asked, later } = begin(away);
    const started = keys.start();
    await later(tries);
    await keys.stop();
    await started;
    const { length } = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toHaveLength(length);
  });
});

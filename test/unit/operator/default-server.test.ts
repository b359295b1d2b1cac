import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ApiRequest, KubernetesApi } from '../../../operator/src/runtime/kubernetes-api.ts';
import { ApiError } from '../../../operator/src/runtime/kubernetes-api.ts';
import { DefaultServer, readDefaultServer } from '../../../operator/src/sources/default-server.ts';

const yaml = (name: string, namespace = 'system', kind = 'AuthorizationServer') =>
  `apiVersion: auth.nauthera.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {}\n`;

describe('what the ConfigMap may hold', () => {
  it('an AuthorizationServer of the own namespace', () => {
    expect(readDefaultServer(yaml('main'), 'system').server).toBe('main');
  });

  it.each([
    ['another namespace', yaml('main', 'shop'), /namespace must be system/],
    ['another kind', yaml('main', 'system', 'Client'), /no AuthorizationServer/],
    ['a list', '- 1\n', /no object with a name/],
    ['what is no YAML', 'a: [', /no YAML/],
    ['nothing', '', /no object with a name/],
  ])('not %s', (_, text, said) => {
    expect(() => readDefaultServer(text, 'system')).toThrow(said);
  });
});

/** An API that answers what it is told to, and a ConfigMap that can be exchanged. */
function scene(...answers: readonly (Error | undefined)[]) {
  const requests: ApiRequest[] = [];
  const problems: string[] = [];
  const left = [...answers];
  let text: string | undefined = yaml('main');
  const api: Pick<KubernetesApi, 'request'> = {
    request: async <T>(request: ApiRequest): Promise<T> => {
      requests.push(request);
      const answer = left.shift();
      if (answer !== undefined) throw answer;
      return undefined as T;
    },
  };
  const server = new DefaultServer({
    api: {
      ...api,
      watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => sleep(0, { done: true, value: 0 }) }) }),
      close: () => sleep(0),
    },
    configMaps: {
      read: () =>
        Promise.resolve(
          text === undefined
            ? undefined
            : { namespace: 'system', name: 'given', data: { 'authorization-server.yaml': text } },
        ),
    },
    namespace: 'system',
    name: 'given',
    onApplied: () => undefined,
    onProblem: (problem) => void problems.push(problem),
    firstDelay: 5,
  });
  return { server, requests, problems, hold: (given: string | undefined) => (text = given) };
}

describe('the default server', () => {
  it('is applied with a manager of its own, once for each text, and never deleted', async () => {
    const { server, requests, hold } = scene();
    server.wake();
    server.wake();
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(1);
    expect(requests[0]).toMatchObject({
      method: 'PATCH',
      query: { fieldManager: 'nauthera-operator-default-server', force: true },
    });
    hold(undefined);
    server.wake();
    hold(`${yaml('main')}# more\n`);
    server.wake();
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(2);
    await server.stop();
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(['PATCH']));
  });

  it('is tried again until the API server takes it, and says why it does not', async () => {
    const refused = new ApiError('PATCH: 422', { status: 422, says: 'spec.issuer: use https' });
    const { server, requests, problems } = scene(refused, refused);
    server.wake();
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(3);
    await server.stop();
    expect(problems).toEqual(
      Array.from({ length: 2 }, () => 'ConfigMap given, authorization-server.yaml: spec.issuer: use https'),
    );
  });
});

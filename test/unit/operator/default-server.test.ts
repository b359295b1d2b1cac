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

/** An API that answers writes as it is told to and keeps what is written, and a ConfigMap that can be exchanged. */
function scene(...answers: readonly (Error | undefined)[]) {
  const requests: ApiRequest[] = [];
  const problems: string[] = [];
  const left = [...answers];
  let standing: unknown;
  let text: string | undefined = yaml('main');
  const api: Pick<KubernetesApi, 'request'> = {
    request: async <T>(request: ApiRequest): Promise<T> => {
      if (request.method === 'GET') {
        if (standing === undefined) throw new ApiError('GET: 404', { status: 404 });
        return standing as T;
      }
      requests.push(request);
      const answer = left.shift();
      if (answer !== undefined) throw answer;
      standing = request.body;
      return undefined as T;
    },
  };
  const lead = () =>
    new DefaultServer({
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
  return {
    server: lead(),
    lead,
    requests,
    problems,
    hold: (given: string | undefined) => (text = given),
    edit: (by: (object: Record<string, unknown>) => object) => (standing = by(standing as Record<string, unknown>)),
  };
}

describe('the default server', () => {
  it('is applied with a manager of its own, once for each text, and never deleted', async () => {
    const { server, requests, hold } = scene();
    server.wake();
    server.wake();
    await expect.poll(() => requests.length).toBe(1);
    expect(requests[0]).toMatchObject({
      method: 'PATCH',
      query: { fieldManager: 'nauthera-operator-default-server', force: true },
    });
    hold(undefined);
    server.wake();
    hold(yaml('main').replace('spec: {}', 'spec: {issuer: "https://id.example.com"}'));
    server.wake();
    await expect.poll(() => requests.length).toBe(2);
    await server.stop();
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(['PATCH']));
  });

  it('is not written by another leader, unless somebody edited what it says or the text says less', async () => {
    const { server, lead, requests, hold, edit } = scene();
    const issuer = 'spec: {issuer: "https://id.example.com", replicas: 2}';
    hold(yaml('main').replace('spec: {}', issuer));
    const leads = async (one: DefaultServer) => {
      one.wake();
      await one.stop();
      return requests.splice(0).length;
    };
    expect(await leads(server)).toBe(1);
    expect(await leads(lead())).toBe(0);
    // Defaults of the schema, and fields of others.
    edit((object) => ({ ...object, status: {}, spec: { issuer: 'https://id.example.com', replicas: 2, pod: {} } }));
    expect(await leads(lead())).toBe(0);
    edit((object) => ({ ...object, spec: { issuer: 'https://evil.example.com', replicas: 2 } }));
    expect(await leads(lead())).toBe(1);
    hold(yaml('main').replace('spec: {}', 'spec: {issuer: "https://id.example.com"}'));
    expect(await leads(lead())).toBe(1);
    expect(await leads(lead())).toBe(0);
  });

  it('is tried again until the API server takes it, and says why it does not', async () => {
    const refused = new ApiError('PATCH: 422', { status: 422, says: 'spec.issuer: use https' });
    const { server, requests, problems } = scene(refused, refused);
    server.wake();
    await expect.poll(() => requests.length).toBe(3);
    await server.stop();
    expect(problems).toEqual(
      Array.from({ length: 2 }, () => 'ConfigMap given, authorization-server.yaml: spec.issuer: use https'),
    );
  });
});

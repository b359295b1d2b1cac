import { describe, expect, it } from 'vitest';
import { adviceFor, Rarely } from '../../../operator/src/cluster-problems.ts';
import { ApiError, ApiUnavailable } from '../../../operator/src/runtime/kubernetes-api.ts';

const refused = (status: number, path: string) => new ApiError(`GET ${path}: ${status}`, { status });

describe('what the log says of a Kubernetes API that refuses', () => {
  it.each<[string, unknown, RegExp | undefined]>([
    [
      'the CRDs are not installed',
      refused(404, '/apis/auth.nauthera.io/v1alpha1/clients'),
      /^the API server does not know the kinds .* kubectl apply --server-side of the files in crds\. Waiting$/,
    ],
    ['a right is missing', refused(403, '/api/v1/secrets'), /^this user is not allowed to\. .*rbac\.yaml.* Waiting$/],
    ['credentials are not accepted', refused(401, '/api/v1/secrets'), /^the API server does not accept .*kubeconfig/],
    ['it is away', new ApiUnavailable('connect ECONNREFUSED'), /^the API server does not answer/],
    ['an object is not there', refused(404, '/api/v1/namespaces/shop/secrets/web'), undefined],
    ['it is overloaded', refused(429, '/api/v1/secrets'), undefined],
    ['something else', new Error('no'), undefined],
  ])('%s', (_, error, advice) => {
    if (advice === undefined) expect(adviceFor(error)).toBeUndefined();
    else expect(adviceFor(error)).toMatch(advice);
  });

  it('the same words are said once a minute', () => {
    let now = 0;
    const rarely = new Rarely(() => now);
    expect([rarely.isNews('a'), rarely.isNews('a'), rarely.isNews('b')]).toEqual([true, false, true]);
    now = 59_999;
    expect(rarely.isNews('a')).toBe(false);
    now = 60_000;
    expect([rarely.isNews('a'), rarely.isNews('a')]).toEqual([true, false]);
  });
});

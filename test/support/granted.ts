/** Rights that were just written: the API server hears of them a moment after it has stored them. */
import { type Right, rightsOf } from './chart.ts';
import type { TestCluster } from './kube-cluster.ts';
import { until } from './product.ts';

const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

async function isGranted(cluster: TestCluster, { subject, namespace, group, resource, name, verb }: Right) {
  const [, owner = '', account = ''] = /^ServiceAccount (.+)\/(.+)$/.exec(subject) ?? [];
  const [plural, subresource] = resource.split('/');
  const spec = {
    user: `system:serviceaccount:${owner}:${account}`,
    ...(resource.startsWith('/')
      ? { nonResourceAttributes: { path: resource, verb } }
      : { resourceAttributes: { namespace, group, resource: plural, subresource, name, verb } }),
  };
  return (await cluster.call('POST', reviews, { body: { spec } })).status.allowed === true;
}

/** Waits until the API server grants what stands in roles and bindings that it was given; each role comes as a whole. */
export async function untilGranted(cluster: TestCluster, rendered: string): Promise<void> {
  const one = new Map(
    rightsOf(rendered).map((right) => [[right.subject, right.namespace, right.group].join(' '), right] as const),
  );
  await Promise.all([...one].map(([what, right]) => until(`${what} has its rights`, () => isGranted(cluster, right))));
}

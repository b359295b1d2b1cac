/** Everything that a cluster holds, of every kind that its API lists. */
import { kubectl } from './kubectl.ts';

/** What comes and goes by itself: news, the API server's own notes, and what a node asks for when its certificate is old. */
const passing =
  /^(?:events|events[.]events[.]k8s[.]io|certificatesigningrequests[.]certificates[.]k8s[.]io|componentstatuses|ipaddresses[.]networking[.]k8s[.]io|[^.]+[.]metrics[.]k8s[.]io)$/;

/** `Kind/namespace/name`, without a namespace `Kind/name`, sorted. */
export async function inventory(): Promise<readonly string[]> {
  const kinds = (await kubectl('api-resources', '--verbs=list', '-o', 'name'))
    .split('\n')
    .filter((kind) => kind !== '' && !passing.test(kind));
  const path = '{range .items[*]}{.kind}{"/"}{.metadata.namespace}{"/"}{.metadata.name}{"\\n"}{end}';
  const all = await kubectl('get', kinds.join(','), '-A', '--ignore-not-found', '-o', `jsonpath=${path}`);
  return [...new Set(all.split('\n').filter((line) => line !== ''))].map((line) => line.replace('//', '/')).toSorted();
}

/** What there is now and was not there before. */
export async function addedSince(before: readonly string[]): Promise<readonly string[]> {
  const known = new Set(before);
  return (await inventory()).filter((one) => !known.has(one));
}

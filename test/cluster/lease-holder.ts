/** Leads when it can, and writes as fast as it may while it does: for tests that freeze it. Argument: name, kubeconfig. */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiPath, NotLeading } from '../../operator/src/runtime/kubernetes-api.ts';
import { connect, createApi } from '../../operator/src/runtime/kubernetes-client.ts';
import { createLeader } from '../../operator/src/runtime/leader.ts';

const [name = '', kubeconfig = ''] = process.argv.slice(2);
const connection = await connect({ kubeconfig, version: name });
const leader = createLeader({
  api: createApi(connection),
  namespace: connection.namespace,
  name: 'nauthera-operator',
  onLost: (reason) => {
    console.log(`lost: ${reason}`);
    process.exit(1);
  },
});
const leadership = await leader.acquire();
console.log(`leads: ${leadership?.leaseCreated} ${leadership?.leaseTransitions}`);

const api = createApi(connection, { mayWrite: () => leader.leading() });
const path = apiPath('api', 'v1', 'namespaces', connection.namespace, 'configmaps', 'written');
const metadata = { name: 'written', namespace: connection.namespace };
for (let count = 0; ; count += 1) {
  try {
    await api.request({
      method: 'PATCH',
      path,
      query: { fieldManager: name, force: true },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { by: name, count: String(count) } },
    });
  } catch (error) {
    // What was refused by the gate is the point of it; anything else passes.
    if (error instanceof NotLeading) console.log('refused');
    // A refusal waits for nothing: without a rest, no timer would ever run.
    await sleep(10);
  }
}

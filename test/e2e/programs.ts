/** Programs of the tests that run in pods: each becomes one file, which the product's image runs with its Node. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { images } from './images.ts';
import { apply } from './kubectl.ts';
import { list, restricted } from './services.ts';

const folder = join(import.meta.dirname, 'pods');
const oneFile = join(import.meta.dirname, '../../image/src/one-file.ts');

async function bundle(file: string): Promise<string> {
  const run = promisify(execFile);
  return (await run(process.execPath, [oneFile, join(folder, file)], { maxBuffer: 1 << 24 })).stdout;
}

export interface Program {
  readonly namespace: string;
  /** Of the pod. */
  readonly name: string;
  /** In `pods/`. */
  readonly file: string;
  /** The Secret of a Client, mounted at /oauth2; its `ca.crt` is trusted. */
  readonly secret: string;
}

/** Starts it as a pod that is not started again. */
export async function startProgram({ namespace, name, file, secret }: Program): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      restartPolicy: 'Never',
      securityContext: restricted.pod,
      containers: [
        {
          name,
          image: `${images.repository}:${images.tag}`,
          command: ['node', '/script/main.mjs'],
          env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/oauth2/ca.crt' }],
          securityContext: restricted.container,
          volumeMounts: [
            { name: 'script', mountPath: '/script' },
            { name: 'oauth2', mountPath: '/oauth2' },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'script', configMap: { name } },
        { name: 'oauth2', secret: { secretName: secret } },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
  const script = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: { 'main.mjs': await bundle(file) },
  };
  // Larger than what `kubectl apply` can note in an annotation.
  await apply(list([script, pod]), 'create');
}

/** What only somebody on the node can do. */
import { images } from './images.ts';
import { apply, inPod, kubectl } from './kubectl.ts';
import { list } from './services.ts';

/** A pod that sees every process of its node: in a namespace of its own, which is not restricted. */
export async function startNodeShell(namespace: string): Promise<void> {
  await apply(
    list([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'node', namespace },
        spec: {
          hostPID: true,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'shell',
              image: images.services,
              imagePullPolicy: 'IfNotPresent',
              command: ['sleep', '86400'],
              securityContext: { privileged: true, runAsUser: 0 },
            },
          ],
        },
      },
    ]),
  );
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/node', '--timeout=240s');
}

/**
 * The process of the node in whose command line the words stand: a program by its name, or a script with what follows it. Of
 * several, any; of none, an empty text.
 */
export async function findInNode(namespace: string, words: string): Promise<string> {
  const script = `
    for file in /proc/[0-9]*/cmdline; do
      [ "$file" != "/proc/$$/cmdline" ] || continue
      line=" $(tr '\\0' ' ' 2>/dev/null < "$file")"
      case "$line" in
        *" ${words} "* | *"/${words} "*) pid=\${file#/proc/}; echo "\${pid%/cmdline}"; exit ;;
      esac
    done`;
  return (await inPod(namespace, 'node', 'bash', '-c', script)).trim();
}

/** SIGKILL, a second later: who runs the command may be the one who is killed. */
export async function killInNode(namespace: string, pid: string): Promise<void> {
  await inPod(namespace, 'node', 'bash', '-c', `(sleep 1; kill -9 ${pid}) > /dev/null 2>&1 &`);
}

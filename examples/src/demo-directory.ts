/**
 * The sample directory as a pod of the chart's `demo`: never in earnest. It makes its certificate when it starts, writes its
 * authority into the ConfigMap that the chart made for it, and applies the LdapBinding that says where it is.
 *
 *     nauthera-demo-directory --name HOST --port 3269 --authority NAMESPACE/CONFIG-MAP --binding FILE
 *
 * `DEMO_DIRECTORY_PASSWORD` becomes the password of the account that reads. In a pod, NODE_EXTRA_CA_CERTS names the
 * authority of the Kubernetes API.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { startSampleDirectory } from './directory/server.ts';

const people = readFileSync(new URL('../directory.ldif', import.meta.url), 'utf8');
const account = 'cn=nauthera,ou=services,dc=tideclock,dc=example';
const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const pause = 2_000;

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'localhost' },
    port: { type: 'string', default: '3269' },
    authority: { type: 'string', default: '' },
    binding: { type: 'string', default: '' },
  },
});

const say = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);

/** A path of the Kubernetes API that this pod runs on. @throws with what it answered */
async function patch(path: string, type: string, body: string): Promise<void> {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  const response = await fetch(`https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`, {
    method: 'PATCH',
    headers: { 'content-type': type, authorization: `Bearer ${await readFile(tokenFile, 'utf8')}` },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path.split('?')[0]}: ${response.status} ${text.slice(0, 500)}`);
}

/** Until it was done: the kind may be about to come, the API server about to answer. */
async function persist(what: string, act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await act();
      return say(what);
    } catch (error) {
      say(`${what}: not yet: ${error instanceof Error ? error.message : String(error)}`);
      await sleep(pause);
    }
  }
}

function publishAuthority(target: string, caPem: string): Promise<void> {
  const [namespace = '', name = ''] = target.split('/');
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const body = JSON.stringify({ data: { 'ca.crt': caPem } });
  return persist('the certificate authority is published', () => patch(path, 'application/merge-patch+json', body));
}

async function applyBinding(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const { metadata } = parse(text) as { readonly metadata: { readonly name: string; readonly namespace: string } };
  const path = `/apis/auth.nauthera.io/v1alpha1/namespaces/${metadata.namespace}/ldapbindings/${metadata.name}`;
  const query = '?fieldManager=nauthera-demo&force=true';
  await persist('the LdapBinding is applied', () => patch(`${path}${query}`, 'application/apply-patch+yaml', text));
}

const directory = await startSampleDirectory({
  ldif: people,
  host: '0.0.0.0',
  port: Number(values.port),
  names: [values.name],
});
const password = process.env.DEMO_DIRECTORY_PASSWORD ?? '';
if (password !== '') directory.setAttribute(account, 'userPassword', [password]);
say(`listens on ${values.port} as ${values.name}`);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
if (values.authority !== '') await publishAuthority(values.authority, directory.caPem);
if (values.binding !== '') await applyBinding(values.binding);

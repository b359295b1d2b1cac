/**
 * What somebody may read who is not trusted with secrets, and the secrets that must not stand there: everything that the
 * cluster holds beside its Secrets, what every program wrote, and the rows of the database.
 */
import { get, inPod, kubectl } from './kubectl.ts';

interface Named {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

/** By where it was found. */
export async function everythingTold(database: string, namespaces: readonly string[]): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  const kinds = (await kubectl('api-resources', '--verbs=list', '--namespaced', '-o', 'name'))
    .split('\n')
    .filter((kind) => kind !== '' && kind !== 'secrets' && !kind.endsWith('.metrics.k8s.io'));
  for (const namespace of namespaces) {
    places.set(
      `objects of ${namespace}`,
      await kubectl(
        '-n',
        namespace,
        'get',
        kinds.join(','),
        '--ignore-not-found',
        '--show-managed-fields',
        '-o',
        'json',
      ),
    );
    const { items } = await get<{ items: readonly Named[] }>(namespace, 'pods');
    for (const { metadata } of items) {
      const logs = ['-n', namespace, 'logs', metadata.name, '--all-containers'];
      places.set(`log of ${namespace}/${metadata.name}`, await kubectl(...logs));
      // Of a container that ended in its pod; most did not.
      const earlier = await kubectl(...logs, '--previous').catch(() => '');
      if (earlier !== '') places.set(`earlier log of ${namespace}/${metadata.name}`, earlier);
    }
  }
  const dump = ['pg_dump', '-h', '/tmp', '-U', 'postgres', '--data-only', '--inserts', 'app'];
  places.set('database', await inPod(database, 'pg-rw', ...dump));
  return places;
}

/** Under which keys of a Secret something secret stands. */
const secret = /^(?:client-secret(?:-previous)?|password|uri|key-encryption-key|key[.]pem|(?:tls|ca)[.]key)$/;

interface Secret extends Named {
  readonly type: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** What the Secrets of these namespaces keep, by where: of keys in PEM, each line. */
export async function secretsKept(namespaces: readonly string[]): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  for (const namespace of namespaces) {
    const { items } = await get<{ items: readonly Secret[] }>(namespace, 'secrets');
    for (const { metadata, type, data = {} } of items) {
      // What helm notes of a release is the chart.
      if (type.startsWith('helm.sh/')) continue;
      for (const [key, value] of Object.entries(data).filter(([name]) => secret.test(name))) {
        const text = Buffer.from(value, 'base64').toString('latin1');
        const lines = text.includes('-----BEGIN')
          ? text.split('\n').filter((line) => /^[\w+/=]{24,}$/.test(line))
          : [text];
        for (const [at, line] of lines.entries()) secrets.set(`${metadata.name}, ${key}, ${at}`, line.trim());
      }
    }
  }
  return secrets;
}

/** Every documented value of the chart: it does something, and an API server takes what comes of it without a warning. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { documentedValues } from '../../charts/generate/values-document.ts';
import { imagesIn } from '../../image/src/image-list.ts';
import { chartFolder, helmAs, renderWholeChart } from '../support/chart.ts';
import { helmProgram } from '../support/kube-binaries.ts';
import { type AnyObject, objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { chartCases, monitoringKinds } from './chart-cases.ts';

let cluster: TestCluster;
const namespace = 'nauthera-system';
const restricted = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  'pod-security.kubernetes.io/warn': 'restricted',
};
/** The kinds are most of the text and have tests of their own. */
const withoutCrds = 'crds.enabled=false';
const rendered = new Map<string, Promise<string>>();
function render(...json: readonly string[]): Promise<string> {
  const key = json.join('\n');
  const text = rendered.get(key) ?? renderWholeChart({ json: [withoutCrds, ...json] });
  rendered.set(key, text);
  return text;
}

beforeAll(async () => {
  cluster = await startCluster();
  for (const [name, labels] of [
    [namespace, restricted],
    ['shop', {}],
    ['identity', {}],
  ] as const)
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  for (const kind of monitoringKinds) {
    await cluster.apply(kind);
    const served = await cluster.kubectl(['wait', `crd/${kind.metadata.name}`, '--for=condition=Established']);
    if (served.code !== 0) throw new Error(served.stderr);
  }
});

afterAll(() => cluster?.stop());

/** What the API server said against it; nothing: all is well. */
async function dryRun(text: string): Promise<string> {
  const handed = objectsOf(text)
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && String(metadata.name).endsWith('default-server'))
    .map((configMap) => configMap.data['authorization-server.yaml'] as string);
  const { code, stdout, stderr } = await cluster.kubectl(
    ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'],
    { stdin: [text, ...handed].join('\n---\n') },
  );
  return code === 0 ? stderr : `${stderr}${stdout}`;
}

describe('the values of the chart', () => {
  it('are all in the table', async () => {
    const documented = documentedValues(await readFile(join(chartFolder, 'values.yaml'), 'utf8'));
    expect(chartCases.map(({ value }) => value).toSorted()).toEqual(documented.map(({ path }) => path).toSorted());
  });

  it('the defaults are taken under restricted Pod Security, and a pod that is not restricted is refused', async () => {
    expect(await dryRun(await renderWholeChart())).toBe('');
    expect(await dryRun(await render('securityContext.allowPrivilegeEscalation=true'))).toMatch(/restricted/);
  });

  it.each(chartCases)('$value', async ({ json, silent }) => {
    const [changed, standard] = [await render(...json), await render(...json.slice(1))];
    expect(changed === standard).toBe(silent === true);
    expect(await dryRun(changed)).toBe('');
  });

  it('Helm 3 renders the same, and twice the same', async () => {
    const args = ['template', 'nauthera', chartFolder, '--namespace', namespace, '--kube-version=1.36.0'];
    const texts: string[] = [];
    for (const major of [3, 3, 4] as const) {
      const { stdout } = await promisify(execFile)(await helmProgram(major), args, { maxBuffer: 1 << 26 });
      texts.push(stdout);
    }
    expect(texts[0]).toBe(texts[1]);
    const sorted = (text: string | undefined) =>
      objectsOf(text ?? '')
        .map((object) => stringify(object, { sortMapEntries: true }))
        .toSorted();
    expect(sorted(texts[0])).toEqual(sorted(texts[2]));
  });
});

describe('what is rendered', () => {
  /** Rights have lists of their own. */
  const parts = (text: string): string =>
    objectsOf(text)
      .filter(({ kind }) => !/Role/.test(kind as string))
      .map((object: AnyObject) => stringify(object))
      .join('---\n');

  it('by default', async () => {
    await expect(parts(await render())).toMatchFileSnapshot('golden/chart-default.yaml');
  });

  it('for a mirror without internet, two namespaces, metrics and an address of its own', async () => {
    const text = await render(
      'global={"imageRegistry":"mirror.example.com","imagePullSecrets":["mirror"]}',
      `image.digest="sha256:${'ab'.repeat(32)}"`,
      'watchNamespaces=["shop","identity"]',
      'networkPolicy={"apiServerCidrs":["10.96.0.1/32"],"databaseCidrs":["10.1.0.0/16"],"directoryCidrs":["10.2.0.0/16"]}',
      'metrics={"serviceMonitor":{"enabled":true,"labels":{"release":"prometheus"}}}',
      'authorizationServer={"name":"main","spec":{"issuer":"https://id.example.com","database":{"secretRef":{"name":"pg-app"}}}}',
    );
    await expect(parts(text)).toMatchFileSnapshot('golden/chart-mirror.yaml');
    // Nothing is pulled from anywhere else, and nobody lacks the secret for it.
    const images = [...text.matchAll(/image[=:] ?"?([^\s"]+)/g)].map(([, image]) => image);
    expect(new Set(images)).toEqual(new Set([`mirror.example.com/nauthera/nauthera@sha256:${'ab'.repeat(32)}`]));
    expect(images).toHaveLength(4);
    expect([...text.matchAll(/imagePullSecrets:|--server-image-pull-secrets=mirror/g)]).toHaveLength(4);
  });
});

describe('what helm says at the end', () => {
  const notes = async (...set: readonly string[]) => {
    const args = ['install', 'mine', chartFolder, '--namespace', namespace, '--dry-run=client'];
    const said = await helmAs(4, { KUBECONFIG: cluster.kubeconfig }, ...args, ...set.flatMap((one) => ['--set', one]));
    return said.slice(said.indexOf('NOTES:'));
  };

  it('warns of what is missing, and gives commands that can be pasted', async () => {
    const said = await notes();
    expect([...said.matchAll(/^WARNING: no (\w+)/gm)].map(([, what]) => what)).toEqual([
      'issuer',
      'database',
      'directory',
    ]);
    expect(said).toContain(`--connect-to default.${namespace}.svc:443:127.0.0.1:8443`);
    const heredoc = /^kubectl apply .*<<'EOF'.*\n([\s\S]*?)^EOF$/m.exec(said)?.[1] ?? '';
    expect(heredoc).toContain('kind: Client');
    expect(await dryRun(heredoc.replace('name: first', `name: first, namespace: ${namespace}`))).toBe('');
  });

  it('speaks of the names and addresses of its user', async () => {
    const said = await notes(
      'authorizationServer.name=main',
      'authorizationServer.spec.issuer=https://id.example.com',
      'authorizationServer.spec.database.secretRef.name=pg-app',
    );
    expect([...said.matchAll(/^WARNING: no (\w+)/gm)].map(([, what]) => what)).toEqual(['directory']);
    expect(said).toContain(`kubectl wait -n ${namespace} authorizationserver/main --for=condition=Ready`);
    expect(said).toContain(`helm test mine -n ${namespace}`);
    expect(said).not.toContain('port-forward');
  });

  it('says where the people of a first try sign in', async () => {
    const inside = await notes('demo.enabled=true');
    expect(inside).toContain('Sign in as ada with ada-loves-engines');
    expect(inside).toContain(': https://127.0.0.1:8443/account, through such a tunnel');
    expect(inside).toMatch(new RegExp(`^kubectl port-forward -n ${namespace} service/default 8443:443$`, 'm'));
    const named = await notes('demo.enabled=true', 'authorizationServer.spec.issuer=https://id.example.com');
    expect(named).toMatch(/^4[.] Sign in as ada .*: https:[/][/]id[.]example[.]com[/]account$/m);
    expect(await notes()).not.toContain('Sign in as');
  });

  it('offers no test that is not there, and says what the server of somebody else needs', async () => {
    const said = await notes('authorizationServer.create=false');
    expect(said).toContain('There is no default server');
    expect(said).toContain('auth.nauthera.io/is-default: "true"');
    for (const without of ['authorizationServer.create=false', 'tests.enabled=false'])
      expect(await notes(without)).not.toContain('helm test');
  });
});

it('the list of images names every image in it: ours, and in a first try the Postgres beside it', async () => {
  const ours = 'nauthera/nauthera:9.9.9';
  const postgres = 'registry.example.com/postgres:18';
  expect(imagesIn(await render('image.tag="9.9.9"'))).toEqual([ours]);
  const rendered = await render('image.tag="9.9.9"', 'demo.enabled=true', `demo.postgres.image="${postgres}"`);
  expect(imagesIn(rendered)).toEqual([ours, postgres]);
  const named = rendered.split('\n').filter((line) => /^[^#]*\bimage\b.*[:=].*[:@]/.test(line));
  expect(named.filter((line) => ![ours, postgres].some((image) => line.includes(image)))).toEqual([]);
});

describe('what the documentation says', () => {
  const pages = ['install-with-helm', 'use-a-private-registry', 'uninstall', 'monitor'];
  /** Their YAML is no values. */
  const more = ['upgrade-and-roll-back', 'trace-requests'];
  const root = join(chartFolder, '../..');
  const blocks = async (language: string, from: readonly string[] = pages) => {
    const texts = await Promise.all(from.map((page) => readFile(join(root, `docs/how-to/${page}.md`), 'utf8')));
    return texts.flatMap((text) =>
      [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
        .filter(([, one]) => one === language)
        .map(([, , body = '']) => body),
    );
  };

  it('each block of values is taken', async () => {
    const values = await blocks('yaml');
    expect(values).toHaveLength(5);
    for (const value of values) {
      const text = await render(
        ...Object.entries(parse(value) as object).map(([key, one]) => `${key}=${JSON.stringify(one)}`),
      );
      expect(await dryRun(text)).toBe('');
    }
  });

  it('each command of helm is one that helm knows, on files that are there', async () => {
    const file = join(cluster.folder, 'values.yaml');
    await writeFile(file, (await blocks('yaml'))[0] ?? '');
    const commands = (await blocks('sh', [...pages, ...more]))
      .flatMap((text) => text.replaceAll(/ \\\n\s*/g, ' ').split('\n'))
      .filter((line) => line.startsWith('helm '));
    expect(commands).toHaveLength(10);
    // The others need a release that is there.
    for (const command of commands.filter((line) => !/^helm (uninstall|rollback)/.test(line))) {
      const args = command
        .replace(/oci:\S+ --version \S+/, 'charts/nauthera')
        .split(' ')
        .slice(1)
        .map((arg) => (arg === 'values.yaml' ? file : arg));
      if (args[0] === 'upgrade') args.push('--install');
      const words = args.map((arg) => (arg === 'charts/nauthera' ? chartFolder : arg));
      await helmAs(4, { KUBECONFIG: cluster.kubeconfig }, ...words, '--dry-run=client');
    }
  });
});

describe('the schema refuses', () => {
  it.each([
    ['a misspelt value', 'replicas=3', /replicas/],
    ['a misspelt member', 'image.tags="1"', /tags/],
    ['a misspelt field of the default server', 'authorizationServer.spec.lifetime={}', /lifetime/],
    ['a field deep in the default server', 'authorizationServer.spec.database.secretRef.namespace="x"', /namespace/],
    ['a text where a list belongs', 'imagePullSecrets="registry"', /imagePullSecrets/],
    ['a digest that is none', 'image.digest="0123"', /digest/],
    ['a policy that is none', 'image.pullPolicy="always"', /pullPolicy/],
    ['a log level that is none', 'log.level="loud"', /level/],
    ['a name that becomes no label', 'authorizationServer.name="Main"', /name/],
    ['a network that is none', 'networkPolicy.databaseCidrs=["10.1.0.0"]', /databaseCidrs/],
    ['a collector without a scheme', 'tracing.endpoint="collector.tracing:4318"', /endpoint/],
    ['a collector with a password in its address', 'tracing.endpoint="http://me:secret@collector:4318"', /endpoint/],
    ['a value of the wrong kind', 'crds.enabled="yes"', /enabled/],
    [
      'the directory of a first try beside a database of somebody',
      'demo.enabled=true,authorizationServer.spec.database.secretRef.name="pg-app"',
      /its directory lets anybody sign in/,
    ],
  ])('%s', async (_, json, said) => {
    await expect(render(json)).rejects.toThrow(said);
  });

  it('nothing that a parent chart puts into global', async () => {
    await expect(render('global.storageClass="fast"')).resolves.toContain('kind: Deployment');
  });
});

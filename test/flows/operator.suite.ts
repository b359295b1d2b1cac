/** The product without a cluster, end to end, on any database. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aBindingFile, aClientFile, aScopeFile, aSecretFile, aServerFile, Product, until } from '../support/product.ts';

export function operatorSuite(name: string, databaseUrl: () => Promise<string | undefined>): void {
  describe(`standalone on ${name}`, () => {
    let product: Product;
    beforeAll(async () => {
      product = await Product.make(await databaseUrl());
      await product.write('server.yaml', aServerFile());
      await product.write('shop/scope.yaml', aScopeFile());
      await product.write('shop/client.yaml', aClientFile());
      await product.write('shop/people.yaml', `${aBindingFile()}---\n${aSecretFile()}`);
      await product.start();
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
    });
    afterAll(() => product.end());
    // Whatever a case left behind: each begins with the same application, served.
    beforeEach(async () => {
      await product.write('shop/scope.yaml', aScopeFile());
      await product.write('shop/client.yaml', aClientFile());
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
    });

    const credentials = () => product.secret('shop', 'batch-oauth2');
    const issues = async (scope?: string) =>
      (await product.clientCredentials(await credentials(), scope)).status === 200;

    it('one YAML file becomes one token, with what stands in its Secret', async () => {
      const secret = await credentials();
      expect(secret).toMatchObject({
        type: 'oauth2',
        provider: 'nauthera',
        'client-id': 'shop.batch',
        'client-authentication-method': 'client_secret_basic',
        'authorization-grant-type': 'client_credentials',
        scope: 'shop:read',
        'issuer-uri': product.url,
      });
      expect(secret['client-secret']).toMatch(/^[A-Za-z0-9_-]{43}$/);
      const { status, body } = await product.clientCredentials(secret, 'shop:read');
      expect([status, body.token_type]).toEqual([200, 'Bearer']);
      const ready = await product.condition('Client', 'shop', 'batch');
      expect(ready).toMatchObject({
        status: 'True',
        message: 'Served by 1 replica as shop.batch',
        observedGeneration: 1,
      });
    });

    it('tells the metrics of server and operator at one address', async () => {
      const text = await (await fetch(`${product.managementUrl}/metrics`)).text();
      for (const line of [
        /^nauthera_build_info\{component="server",/m,
        /^nauthera_build_info\{component="operator",/m,
        /^nauthera_registry_entries\{kind="client"\} [1-9]/m,
        /^nauthera_resources\{kind="Client",ready="true",reason="Ready"\} [1-9]/m,
        /^nauthera_registry_writes_total\{kind="Client",operation="put"\} [1-9]/m,
        /^controller_runtime_reconcile_total\{controller="Client",result="success"\} [1-9]/m,
        /^process_resident_memory_bytes [1-9]/m,
      ])
        expect(text).toMatch(line);
    });

    it('Ready means that the next request works: a new file, a new token, no wait', async () => {
      await product.write('shop/second.yaml', aClientFile('', 'second'));
      await product.untilReason('Client', 'shop', 'second', 'Ready');
      expect((await product.clientCredentials(await product.secret('shop', 'second-oauth2'))).status).toBe(200);
    });

    it('an edit takes effect', async () => {
      await product.write('shop/client.yaml', aClientFile('  suspend: true\n'));
      await until('the suspended client is refused', async () => !(await issues()));
      expect(await product.untilReason('Client', 'shop', 'batch', 'Suspended')).toMatchObject({
        status: 'False',
        observedGeneration: 2,
      });
      await product.write('shop/client.yaml', aClientFile());
      await until('the client is served again', () => issues());
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
    });

    it.each([
      ['cut off', aClientFile().slice(0, -8), 'shop/client.yaml:6:12 not valid YAML: the " here is not closed'],
      [
        'a field that does not exist',
        aClientFile('  redirectUrls: []\n'),
        'shop/client.yaml:7:3 spec.redirectUrls: unknown field spec.redirectUrls: did you mean redirectUris?',
      ],
      [
        'a kind that does not exist',
        aClientFile().replace('kind: Client', 'kind: Cleint'),
        'shop/client.yaml:2:1 kind: "Cleint": must be one of',
      ],
      [
        'a label that is no text',
        aClientFile().replace('{name: batch', '{labels: {version: 1}, name: batch'),
        'shop/client.yaml:3:12 metadata.labels: not a map of texts',
      ],
      ['against a rule', aClientFile('  authentication: {method: none}\n'), 'a public client cannot prove who it is'],
      ['an id that cannot change', aClientFile('  clientId: shop.other\n'), 'clientId cannot change'],
    ])('a broken edit (%s) changes nothing served and says what is wrong', async (_, text, message) => {
      const before = await product.sql('SELECT * FROM registry ORDER BY kind, id');
      await product.write('shop/client.yaml', text);
      const refused = await product.untilReason('Client', 'shop', 'batch', 'InvalidSpec', 'Accepted');
      expect(refused.message).toContain(message);
      expect(await product.condition('Client', 'shop', 'batch')).toMatchObject({
        status: 'False',
        reason: 'InvalidSpec',
      });
      expect(await product.condition('Client', 'shop', 'batch', 'Stalled')).toMatchObject({ status: 'True' });
      const programmed = await product.condition('Client', 'shop', 'batch', 'Programmed');
      expect(programmed?.status).toBe('True');
      expect(programmed?.observedGeneration).toBeLessThanOrEqual(refused.observedGeneration);
      expect(await issues('shop:read')).toBe(true);
      expect(await product.sql('SELECT * FROM registry ORDER BY kind, id')).toEqual(before);
      await product.write('shop/client.yaml', aClientFile());
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
    });

    it('a scope that goes is inert alone: the client is served without it, and says so', async () => {
      await product.write(
        'shop/scope.yaml',
        aScopeFile().replace('shop:read', 'shop:reed').replace('name: read', 'name: reed'),
      );
      const refs = await product.untilReason('Client', 'shop', 'batch', 'ScopeNotFound', 'ResolvedRefs');
      expect(refs.message).toBe(
        'spec.scopes: no Scope "shop:read" on auth/main. Did you mean "shop:reed"? Waiting for it',
      );
      await until(
        'the scope is refused, the client is not',
        async () => (await issues()) && !(await issues('shop:read')),
      );
      await product.write('shop/scope.yaml', aScopeFile());
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
      expect(await issues('shop:read')).toBe(true);
    });

    it('an editor that renames on save, and a file that moves, delete nothing', async () => {
      const uid = (await product.resource('Client', 'shop', 'batch'))?.metadata.uid;
      const before = await credentials();
      const path = join(product.resources, 'shop/client.yaml');
      await rename(path, `${path}~`);
      await writeFile(`${path}.tmp`, await readFile(`${path}~`));
      await rename(`${path}.tmp`, join(product.resources, 'moved.yaml'));
      await sleep(6000);
      expect((await product.resource('Client', 'shop', 'batch'))?.metadata.uid).toBe(uid);
      expect(await credentials()).toEqual(before);
      expect(await issues()).toBe(true);
      await rename(join(product.resources, 'moved.yaml'), path);
    });

    it('two files with one name and different content: none of them counts, and both are named', async () => {
      await product.write('twin.yaml', aClientFile('  displayName: Twin\n'));
      const refused = await product.untilReason('Client', 'shop', 'batch', 'InvalidSpec', 'Accepted');
      expect(refused.message).toMatch(
        /stands 2 times with different content \(.*client\.yaml:1, .*twin\.yaml:1\): keep one/,
      );
      expect(await issues()).toBe(true);
      await product.remove('twin.yaml');
      await product.untilReason('Client', 'shop', 'batch', 'Ready');
    });

    it('A80: a Secret of that name that was not made for the client is neither read nor written', async () => {
      await product.write(
        'foreign.yaml',
        'apiVersion: v1\nkind: Secret\nmetadata: {name: taken-oauth2, namespace: shop}\nstringData: {client-secret: foreign}\n',
      );
      await product.write('shop/taken.yaml', aClientFile('', 'taken'));
      const refs = await product.untilReason('Client', 'shop', 'taken', 'SecretNotOwned', 'ResolvedRefs');
      expect(refs.message).toBe(
        'Secret "taken-oauth2" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt',
      );
      expect(await product.sql("SELECT id FROM registry WHERE id = 'shop.taken'")).toEqual([]);
      await product.remove('foreign.yaml');
      await product.untilReason('Client', 'shop', 'taken', 'Ready');
    });

    it('a deleted file ends the client: refused, its Secret gone; made anew it is another', async () => {
      const uid = (await product.resource('Client', 'shop', 'second'))?.metadata.uid;
      const secret = await product.secret('shop', 'second-oauth2');
      await product.remove('shop/second.yaml');
      await until('the client is refused', async () => (await product.clientCredentials(secret)).status === 401);
      await until('its Secret is gone', () =>
        readFile(product.secretFile('shop', 'second-oauth2')).then(
          () => false as const,
          () => true,
        ),
      );
      await until(
        'it is no longer shown',
        async () => (await product.resource('Client', 'shop', 'second')) === undefined,
      );
      await product.write('shop/second.yaml', aClientFile('', 'second'));
      await product.untilReason('Client', 'shop', 'second', 'Ready');
      expect((await product.resource('Client', 'shop', 'second'))?.metadata.uid).not.toBe(uid);
      expect((await product.secret('shop', 'second-oauth2'))['client-secret']).not.toBe(secret['client-secret']);
    });

    describe('a Secret that was', () => {
      it('I12: deleted is written with a new secret, and the old one works on', async () => {
        const old = await credentials();
        await rm(product.secretFile('shop', 'batch-oauth2'));
        const fresh = await until('a new Secret', async () => {
          const now = await credentials().catch(() => undefined);
          return now !== undefined && now['client-secret'] !== old['client-secret'] ? now : undefined;
        });
        await until(
          'both are accepted',
          async () =>
            (await product.clientCredentials(fresh)).status === 200 &&
            (await product.clientCredentials(old)).status === 200,
        );
        // Accepted before it can be read, and shown after that.
        await expect
          .poll(async () => (await product.resource('Client', 'shop', 'batch'))?.status.secrets)
          .toMatchObject([{ state: 'Current' }, { state: 'Retiring' }]);
      });

      it.each([
        ['in its secret', 'client-secret', /client-secret: .*/, 'client-secret: canary-edited'],
        ['elsewhere', 'scope', /scope: .*/, 'scope: edited'],
      ])('edited %s is repaired', async (_, key, find, replacement) => {
        const old = await credentials();
        const path = product.secretFile('shop', 'batch-oauth2');
        const text = await readFile(path, 'utf8');
        const edited = text.replace(find, replacement);
        expect(edited).not.toBe(text);
        await writeFile(path, edited);
        await until('repaired', async () => !(await credentials())[key]?.includes('edited'));
        await until(
          'the application works',
          async () => (await product.clientCredentials(await credentials())).status === 200,
        );
        expect((await product.clientCredentials(old)).status).toBe(200);
        if (key !== 'client-secret') expect(await credentials()).toEqual(old);
      });
    });

    describe('drift: equal again without a resync after', () => {
      const kinds = ['server', 'client', 'scope', 'directory'];
      const dump = () =>
        product.sql(
          // Since when an older secret is watched, a row that was lost does not know: it begins anew.
          `SELECT kind, id, source, namespace, name, uid, format, withdrawn, body - 'secret_notes' AS body, encode(sealed, $1) AS sealed
           FROM registry ORDER BY kind, id`,
          ['hex'],
        );
      const columns: Record<string, string> = {
        kind: "'scope'",
        id: "'stolen/' || id",
        source: "'elsewhere'",
        namespace: "'elsewhere'",
        name: "'stolen'",
        uid: 'gen_random_uuid()::text',
        format: '99',
        withdrawn: 'NOT withdrawn',
        body: 'body || \'{"stolen": true}\'',
        sealed: "'\\x00'",
        n: '0',
      };

      it('knows every column of the table', async () => {
        const found = await product.sql<{ column_name: string }>(
          "SELECT column_name FROM information_schema.columns WHERE table_name = 'registry'",
        );
        // What a row has from a cluster that is gone, it alone knows: nothing could put that back. The others tell of
        // its writing, and nothing is served by them.
        const beside = ['identity', 'adopted', 'traceparent', 'generation', 'policy'];
        expect(found.map((one) => one.column_name).sort()).toEqual([...Object.keys(columns), ...beside].sort());
      });

      it.each(
        kinds.flatMap((kind) =>
          [
            ...Object.keys(columns).map((column) => `UPDATE registry SET ${column} = ${columns[column]}`),
            'DELETE FROM registry',
          ].map((statement) => [kind, statement] as const),
        ),
      )('%s: %s', async (kind, statement) => {
        const before = await until('four kinds', async () => {
          const rows = await dump();
          return new Set(rows.map((row) => row.kind)).size === kinds.length ? rows : undefined;
        });
        // Of the scopes another one would be taken for the client's own kind.
        await product.sql(`${statement} WHERE kind = $1`, [kind]);
        await until('equal again', async () => JSON.stringify(await dump()) === JSON.stringify(before));
        await until(
          'the application works',
          async () => (await product.clientCredentials(await credentials(), 'shop:read')).status === 200,
        );
      });

      it('TRUNCATE', async () => {
        const before = await dump();
        await product.sql('TRUNCATE registry');
        await until('equal again', async () => JSON.stringify(await dump()) === JSON.stringify(before));
      });

      it('a changed or deleted identity is written back', async () => {
        // Without the statuses: those of the cases before may still be settling.
        const rows = () =>
          product.sql(
            `SELECT kind, namespace, name, uid, generation, accepted - 'status' AS accepted
             FROM registry_identities ORDER BY kind, namespace, name`,
          );
        const before = await rows();
        await product.sql("UPDATE registry_identities SET uid = 'stolen' WHERE kind = 'Client'");
        await product.sql("DELETE FROM registry_identities WHERE kind = 'Scope'");
        await until('equal again', async () => JSON.stringify(await rows()) === JSON.stringify(before));
      });
    });

    it('A78: no secret stands in the status, the table, the log or the registry', async () => {
      const secrets = [
        'canary-bind-password',
        ...(await Promise.all(
          ['batch-oauth2', 'second-oauth2'].map(
            async (one) => (await product.secret('shop', one))['client-secret'] ?? '',
          ),
        )),
      ];
      const key = (await readFile(join(product.resources, '.secrets/key-encryption-key'), 'utf8')).trim();
      const registry = JSON.stringify(
        await product.sql(
          'SELECT row_to_json(r)::text, row_to_json(i)::text AS i FROM registry r FULL JOIN registry_identities i ON i.uid = r.uid',
        ),
      );
      const outputs = [await product.statusText(), product.tables.join('\n'), product.log.join('\n'), registry].join(
        '\n',
      );
      for (const secret of [...secrets, key]) {
        expect(secret.length).toBeGreaterThan(10);
        expect(outputs.includes(secret)).toBe(false);
      }
    });

    it('a restart with nothing changed writes nothing and changes no status', async () => {
      const conditions = ({ resources }: Awaited<ReturnType<Product['status']>>) =>
        resources
          .filter(({ kind }) => kind === 'Client' || kind === 'Scope')
          .map(({ metadata, status: { conditions } }) => ({ metadata, conditions }));
      const shown = async () => ({
        conditions: conditions(await product.status()),
        revision: await product.sql('SELECT n FROM registry_revision'),
        identities: await product.sql(
          `SELECT * FROM registry_identities WHERE kind IN ('Client', 'Scope') ORDER BY kind, namespace, name`,
        ),
      });
      // What the cases before left behind may still be settling: at rest is what stays for longer than two looks at the folder.
      const before = await until('all is at rest', async () => {
        const first = await shown();
        await sleep(6000);
        return JSON.stringify(await shown()) === JSON.stringify(first) ? first : undefined;
      });
      await product.stop();
      await product.start();
      await until('served again', () => issues());
      await sleep(500);
      expect(await shown()).toEqual(before);
    });
  });
}

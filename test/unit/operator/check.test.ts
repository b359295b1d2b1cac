import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckPathError, check, renderCheck } from '../../../operator/src/check.ts';
import { aBindingFile, aClientFile, aScopeFile, aSecretFile, aServerFile } from '../../support/product.ts';

const ask = async (...documents: readonly string[]) => {
  const result = await check({ paths: ['-'], stdin: () => Promise.resolve(documents.join('---\n')) });
  return { ...result, lines: renderCheck(result).split('\n') };
};
const aLogoFile = (picture: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: logo, namespace: shop}\nbinaryData: {logo.png: ${picture}}\n`;
const inNamespace = (text: string, namespace: string) => text.replace('namespace: shop', `namespace: ${namespace}`);

describe('check', () => {
  it('a set that fits together: nothing but the sum', async () => {
    const { lines, notes } = await ask(aServerFile(), aScopeFile(), aClientFile(), aBindingFile());
    expect([lines, notes]).toEqual([['4 resources, 0 problems'], []]);
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      'M01: http',
      [
        aServerFile(),
        aClientFile('  redirectUris: ["http://app.example.com/cb"]\n').replace(
          'client_credentials',
          'authorization_code',
        ),
      ],
      /^-:\d+:\d+ spec\.redirectUris\[0\]: "http:\/\/app\.example\.com\/cb": use https; http only for 127\.0\.0\.1/,
    ],
    [
      'M07: an unknown field',
      [aClientFile('  redirectUrls: []\n')],
      /^-:7:3 spec\.redirectUrls: unknown field spec\.redirectUrls: did you mean redirectUris\?$/,
    ],
    [
      'M08: a namespace that is not invited',
      [
        aServerFile().replace(
          'allowedClients: {namespaces: {from: All}}',
          'allowedClients: {namespaces: {from: Same}}',
        ),
        aScopeFile(),
        aClientFile(),
      ],
      /AuthorizationServer auth\/main takes no Clients from namespace shop\. Its owner can add it in spec\.allowedClients\.namespaces \(now: Same\)$/,
    ],
    [
      'M09: beyond policy',
      [aServerFile(), aScopeFile(), aClientFile('  clientId: bank.web\n')],
      /spec\.clientId: "bank\.web" is refused by policy "built-in" of auth\/main, which allows shop\.\*/,
    ],
    [
      'M10: a misspelt scope',
      [aServerFile(), aScopeFile(), aClientFile().replace('shop:read', 'shop:raed')],
      /spec\.scopes: no Scope "shop:raed" on auth\/main\. Did you mean "shop:read"\?/,
    ],
    [
      'M11: a closed scope',
      [aServerFile(), aScopeFile(), inNamespace(aClientFile(), 'bank')],
      /Scope "shop:read" is not open to namespace bank/,
    ],
    [
      'M12: a server that is not there',
      [aServerFile(), aScopeFile(), aClientFile('  authorizationServerRef: {name: mian, namespace: auth}\n')],
      /no AuthorizationServer auth\/mian\. Check spec\.authorizationServerRef$/,
    ],
    [
      'M13: a client id that two claim',
      [aServerFile(), aScopeFile(), aClientFile(), aClientFile('  clientId: shop.batch\n', 'twin')],
      /client id "shop\.batch" belongs to an older Client/,
    ],
    [
      'the same resource twice',
      [aServerFile(), aScopeFile(), aClientFile(), aClientFile('  displayName: x\n')],
      /metadata\.name: Client shop\/batch stands in -:\d+ too: keep one$/,
    ],
    [
      'an unknown kind',
      ['apiVersion: auth.nauthera.io/v1alpha1\nkind: Cleint\nmetadata: {name: x}\n'],
      /kind: "Cleint": must be one of .*; did you mean Client\?$/,
    ],
    [
      'an unknown version',
      [aClientFile().replace('v1alpha1', 'v2')],
      /apiVersion: auth\.nauthera\.io\/v2 is not known: write auth\.nauthera\.io\/v1alpha1$/,
    ],
    [
      'an API group with a slip in it',
      [aClientFile().replace('auth.nauthera.io', 'auth.nautera.io')],
      /^-:1:1 apiVersion: auth\.nautera\.io\/v1alpha1 is not known: write auth\.nauthera\.io\/v1alpha1$/,
    ],
    [
      'a version without its group',
      [aClientFile().replace('auth.nauthera.io/', '')],
      /^-:1:1 apiVersion: v1alpha1 is not known: write auth\.nauthera\.io\/v1alpha1$/,
    ],
    [
      'a logo that is no picture',
      [aServerFile(), aScopeFile(), aClientFile('  logo: {configMapRef: {name: logo}}\n'), aLogoFile('aGVsbG8=')],
      /^-:\d+:\d+ spec\.logo\.configMapRef: ConfigMap "logo", key "logo\.png": is no PNG file\. Put a PNG file /,
    ],
    ['a ConfigMap in the wrong form', [aLogoFile('"<svg/>"')], /^-:\d+:\d+ binaryData\.logo\.png: not base64$/],
    ['YAML that is cut off', [aClientFile().slice(0, -8)], /^-:\d+:\d+ not valid YAML/],
    [
      'a Secret in the wrong form',
      ['apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: 1}\n'],
      /stringData: not a map of texts/,
    ],
  ])('%s: one line, with its place', async (_title, documents, expected) => {
    const { findings, lines } = await ask(...documents);
    expect(lines.slice(0, -1)).toEqual([expect.stringMatching(expected)]);
    expect(lines.at(-1)).toMatch(/^\d+ resources?, 1 problem$/);
    expect(findings.every(({ file, line, column }) => file === '-' && line > 0 && column > 0)).toBe(true);
  });

  it('a Client of a ServiceAccount is noted: a folder cannot serve it', async () => {
    const spec = 'spec:\n  authentication: {method: kubernetes_service_account, serviceAccounts: [{name: batch}]}';
    const { lines, notes } = await ask(aServerFile(), aScopeFile(), aClientFile().replace('spec:', spec));
    expect(notes).toEqual([
      expect.stringMatching(
        /spec\.authentication\.method: kubernetes_service_account works in a cluster alone: served from a folder, this Client is refused$/,
      ),
    ]);
    expect(lines).toEqual(['3 resources, 0 problems']);
  });

  it('a claim without openid is noted, not refused', async () => {
    const client = aClientFile().replace('scopes: [', 'scopes: [profile, email, ');
    const { lines, notes } = await ask(aServerFile(), aScopeFile(), client);
    expect(notes).toEqual([
      expect.stringMatching(
        /^-:\d+:3 spec\.scopes: profile and email without openid tells the app nothing about the user: add openid$/,
      ),
    ]);
    expect(lines).toEqual(['3 resources, 0 problems']);
    expect((await ask(aServerFile(), aScopeFile(), client.replace('[profile', '[openid, profile'))).notes).toEqual([]);
  });

  it('a reference to what does not stand in the files is noted where others of its kind do', async () => {
    const { notes } = await ask(aServerFile(), aBindingFile(), aSecretFile().replace('name: reader', 'name: raeder'));
    expect(notes).toEqual([
      expect.stringMatching(/^-:\d+:\d+ spec\.bind\.passwordSecretRef: Secret \S+ does not stand in these files$/),
    ]);
    expect((await ask(aServerFile(), aBindingFile(), aSecretFile())).notes).toEqual([]);
  });

  it('a logo that does not stand in the files is taken to be in order, and noted beside other ConfigMaps', async () => {
    const set = [aServerFile(), aScopeFile(), aClientFile('  logo: {configMapRef: {name: logo}}\n')];
    expect(await ask(...set)).toMatchObject({ lines: ['3 resources, 0 problems'], notes: [] });
    const { lines, notes } = await ask(...set, aLogoFile('aGVsbG8=').replace('name: logo', 'name: lgoo'));
    expect(lines).toEqual(['3 resources, 0 problems']);
    expect(notes).toEqual([
      expect.stringMatching(/^-:\d+:\d+ spec\.logo\.configMapRef: ConfigMap shop\/logo does not stand in these files$/),
    ]);
  });

  it('colours that people cannot read are noted: the pages would show others', async () => {
    const server = aServerFile('  branding: {colors: {light: "#ffcc00", dark: "#94c8f3"}}\n');
    const { lines, notes } = await ask(server, aScopeFile(), aClientFile());
    expect(lines).toEqual(['3 resources, 0 problems']);
    expect(notes).toEqual([
      expect.stringMatching(
        /^-:\d+:\d+ spec\.branding\.colors\.light: #ffcc00 has a contrast of 1\.2:1 on the pages, 4\.5:1 is needed\. #\w{6} is shown; choose a darker colour$/,
      ),
    ]);
  });

  it('what another API group means by its documents is not our business', async () => {
    const { lines } = await ask(
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [client.yaml]\n',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: Web_Shop}\n',
      'apiVersion: id.example.com/v1\nkind: Client\nmetadata: {name: web}\n',
    );
    expect(lines).toEqual(['0 resources, 0 problems']);
  });

  it('without a server in the set it says what it could not check', async () => {
    const { findings, notes } = await ask(aClientFile());
    expect([findings, notes]).toEqual([[], [expect.stringContaining('no AuthorizationServer stands in these files')]]);
  });

  it('what it cannot read it does not quote', async () => {
    const { lines } = await ask('apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: canary-secret\n');
    expect(lines.join('\n')).not.toContain('canary-secret');
    expect(lines).toHaveLength(2);
  });

  describe('files and folders', () => {
    let folder = '';
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nauthera-check-'));
      await writeFile(join(folder, 'b.yaml'), aClientFile('  redirectUrls: []\n'));
      await writeFile(join(folder, 'a.yaml'), `${aServerFile()}---\n${aScopeFile('  unknown: x\n')}`);
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('findings stand in order of file and line', async () => {
      const result = await check({ paths: [folder], stdin: () => Promise.resolve('') });
      expect(result.findings.map(({ file, field }) => [file.replace(`${folder}/`, ''), field])).toEqual([
        ['a.yaml', 'spec.unknown'],
        ['b.yaml', 'spec.redirectUrls'],
      ]);
    });

    it('a path that is not there is wrong usage', async () => {
      await expect(check({ paths: [join(folder, 'nothing')], stdin: () => Promise.resolve('') })).rejects.toThrow(
        CheckPathError,
      );
    });
  });
});

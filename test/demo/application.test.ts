import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCredentials } from '../../examples/src/application/credentials.ts';
import { flowsOf, responseTypesOf } from '../../examples/src/application/flows/begin.ts';
import { halfHash } from '../../examples/src/application/flows/front-channel.ts';
import { decodeToken } from '../../examples/src/application/jwt.ts';
import { recordingFetch } from '../../examples/src/application/recorder.ts';
import type { SampleUsers, Sandbox } from '../../examples/src/application/sandbox.ts';
import { type Application, startApplication } from '../../examples/src/application/server.ts';
import { readPage } from '../../examples/src/check/page.ts';
import { launchChromium } from '../support/chromium.ts';

const secretText = `kind: Secret
stringData:
  client-id: orders.order-desk
  client-name: Order desk <b>
  client-secret: the-secret-of-the-order-desk
  authorization-grant-types: authorization_code,refresh_token
  issuer-uri: http://127.0.0.1:9
  scope: openid,orders:read
`;

let folder = '';
let application: Application;
const performed: string[] = [];

const adas: SampleUsers['users'][number] = {
  username: 'ada',
  outcome: 'Found',
  account: 'Locked',
  subject: 'u_e0Z5dP4cFv7lF1n3bJ0pJc0bA7f3hYp2sGZr3m1qX9k',
  groups: ['staff'],
  groupCount: 23,
  claims: ['email', 'groups', 'name'],
  rules: [
    { name: 'clerks <b>', holds: true, why: 'is in staff' },
    { name: 'bosses', holds: false, why: 'is in none of its groups: finance' },
  ],
  scopes: [
    { scope: 'orders:read', allowed: true, why: 'by rule clerks <b>' },
    { scope: 'orders:write', allowed: false, why: 'rule bosses does not hold' },
  ],
};
let samples: SampleUsers | undefined;

const sandbox: Sandbox = {
  people: () => [{ username: 'ada', password: 'ada-loves-engines', name: 'Ada', title: 'Chief', groups: ['staff'] }],
  directory: {
    isRunning: () => true,
    isLocked: () => false,
    groups: () => ['staff', 'finance'],
    requests: () => [{ time: new Date(0), text: 'bind as nobody: accepted' }],
    perform(action, { username, group }) {
      performed.push([action, username, group].filter((word) => word !== '').join(' '));
      return Promise.resolve();
    },
  },
  sampleUsers: () => Promise.resolve(samples),
  bindingFile: 'examples/resources/directory.yaml',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-application-'));
  await writeFile(join(folder, 'secret.yaml'), secretText);
  application = await startApplication({
    sandbox,
    clients: [
      { key: 'order-desk', about: 'A web application.', secretFile: join(folder, 'secret.yaml') },
      { key: 'absent', about: 'Not there.', secretFile: join(folder, 'nothing.yaml') },
    ],
  });
});

afterAll(async () => {
  await application?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Headers are sent as given, `Host` included. */
function send(method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const outgoing = request(`${application.url}${path}`, { method, headers: { ...form, ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

describe('the sample application answers to its own address alone', () => {
  const own = () => ({ host: new URL(application.url).host, origin: application.url });
  const stop = 'action=stop&username=';

  it('its own button works', async () => {
    expect(await send('POST', '/directory', own(), stop)).toBe(303);
    expect(performed).toEqual(['stop']);
  });

  it.each([
    ['another host (DNS rebinding)', { host: 'evil.example' }],
    ['another port', { host: '127.0.0.1:1' }],
  ])('a page asked for under %s is not shown', async (_title, headers) => {
    expect(await send('GET', '/', headers)).toBe(403);
  });

  it.each([
    ['another origin', () => ({ ...own(), origin: 'http://evil.example' })],
    ['an opaque origin', () => ({ ...own(), origin: 'null' })],
    ['no origin', () => ({ host: own().host })],
  ])('a form from %s does nothing', async (_title, headers) => {
    const before = performed.length;
    expect(await send('POST', '/directory', headers(), stop)).toBe(403);
    expect(performed).toHaveLength(before);
  });

  it('an answer that this browser did not ask for is refused', async () => {
    expect(await send('GET', '/callback?code=c&state=s', own())).toBe(400);
    expect(await send('POST', '/callback/fragment', own(), 'fragment=%23code%3Dc%26state%3Ds')).toBe(400);
  });

  it('a form is taken from the authorization server’s page at the callback alone, and only one that was asked for', async () => {
    const foreign = { ...own(), origin: 'null' };
    expect(await send('POST', '/callback', foreign, 'code=c&state=s')).toBe(400);
    expect(await send('POST', '/callback/fragment', foreign, 'fragment=x')).toBe(403);
    expect(await send('POST', '/walks', foreign, 'key=order-desk')).toBe(403);
  });

  it('its pages run one script alone, in no frame', async () => {
    const response = await fetch(`${application.url}/callback`);
    const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(await response.text()) ?? [];
    const hash = createHash('sha256').update(script).digest('base64');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain(`script-src 'sha256-${hash}'`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe/);
  });
});

describe('what it believes of an answer that came through the browser', () => {
  it('at_hash and c_hash are as in the examples of OpenID Connect Core (A.3)', () => {
    expect(halfHash('jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y', 'RS256')).toBe('77QmUPtjPfzWtF2AnpK9RQ');
  });

  it.each([
    [['authorization_code'], ['browser'], ['code']],
    [['implicit'], ['browser'], ['id_token token', 'id_token', 'token']],
    [['authorization_code', 'client_credentials'], ['browser', 'machine'], ['code']],
    [['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], ['device'], []],
  ])('of a Client with %j it offers %j and %j', (grantTypes, flows, responseTypes) => {
    expect(flowsOf(grantTypes)).toEqual(flows);
    expect(responseTypesOf({ key: '', about: '', secretFile: '' }, grantTypes)).toEqual(responseTypes);
  });
});

describe('what it shows', () => {
  it('names are text, and a Client whose Secret is not there yet offers no button', async () => {
    const page = readPage(application.url, 200, await (await fetch(application.url)).text());
    expect(page.markup).toContain('Order desk &lt;b&gt;');
    expect(page.forms.flatMap((form) => form.buttons).map((button) => button.id)).not.toContain('start-absent');
    expect(page.markup).not.toContain('the-secret-of-the-order-desk');
  });

  it('an exchange is kept without the secret, in the header and in the form', async () => {
    const kept: unknown[] = [];
    const record = recordingFetch((exchange) => kept.push(exchange));
    const secret = 'the-secret-of-the-order-desk';
    await record(`${application.url}/style.css`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_secret: secret }),
      headers: { authorization: `Basic ${Buffer.from(`orders.order-desk:${secret}`).toString('base64')}` },
      redirect: 'manual',
    });
    const text = JSON.stringify(kept);
    expect(text).toContain('orders.order-desk');
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(4, 20));
  });

  it('a token is decoded whatever signed it, and anything else is not taken for one', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signature = createHmac('sha256', 'k').update('x').digest('base64url');
    expect(decodeToken(`${part({ alg: 'x' })}.${part({ sub: 'ß' })}.${signature}`)?.payload).toEqual({ sub: 'ß' });
    for (const text of ['', 'opaque', 'a.b', 'a.b.c', 'a.b.c.d']) expect(decodeToken(text)).toBeUndefined();
  });

  it('a Secret is read with plain values and with encoded ones, as the API server has it', async () => {
    const encoded = secretText
      .replace('stringData', 'data')
      .replaceAll(
        /^( {2}[a-z-]+: )(.*)$/gm,
        (_all, key: string, value: string) => key + Buffer.from(value).toString('base64'),
      );
    await writeFile(join(folder, 'encoded.yaml'), encoded);
    expect(await readCredentials(join(folder, 'encoded.yaml'))).toEqual(
      await readCredentials(join(folder, 'secret.yaml')),
    );
    await writeFile(join(folder, 'other.yaml'), 'kind: ConfigMap\ndata: {}\n');
    await expect(readCredentials(join(folder, 'other.yaml'))).rejects.toThrow('is it the Secret of a Client?');
  });

  it('after a button it shows the part of the page that the button is on', async () => {
    const press = async (body: string) => {
      const headers = { origin: application.url, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await fetch(`${application.url}/directory`, { method: 'POST', headers, body, redirect: 'manual' });
      return answer.headers.get('location');
    };
    expect(await press('action=lock&username=ada')).toBe('/#people');
    expect(await press('action=stop&username=')).toBe('/#directory');
    expect(await press('action=join&username=ada&group=finance')).toBe('/directory?user=ada#groups');
    expect(performed.at(-1)).toBe('join ada finance');
    expect(await press('action=leave&username=a%26b&group=finance')).toBe('/directory?user=a%26b#groups');
  });

  it.each(['light', 'dark'] as const)('axe finds nothing, and 320 px suffice (%s)', async (colorScheme) => {
    const browser = await launchChromium();
    try {
      const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 800 } });
      const page = await context.newPage();
      await page.goto(application.url);
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
      performed.length = 0;
      await page.click('#directory-switch');
      await expect.poll(() => performed).toEqual(['stop']);
    } finally {
      await browser.close();
    }
  });
});

describe('the page of the directory', () => {
  const ask = async (path = '/directory') => {
    const answer = await fetch(`${application.url}${path}`);
    return readPage(application.url, answer.status, await answer.text());
  };
  const nobody = { username: 'nemo', outcome: 'NotFound' };
  beforeAll(() => {
    samples = { binding: 'identity/people', users: [adas, nobody] };
  });

  it('shows what the status says: account, groups, names of claims, each rule and each scope with its reason', async () => {
    const { text, markup, links } = await ask();
    expect(text).toContain('What the directory says of Ada');
    for (const words of [
      'The LdapBinding identity/people names some people',
      'State Locked',
      'Nobody signs in with an account in this state',
      'Groups staff, and 22 more',
      'Claims email, groups, name',
      'holds clerks <b> : is in staff',
      'does not hold bosses : is in none of its groups: finance',
      'allowed orders:read : by rule clerks <b>',
      'refused orders:write : rule bosses does not hold',
    ])
      expect(text).toContain(words);
    expect(markup).toContain('clerks &lt;b&gt;');
    expect([links['user-ada'], links['user-nemo']]).toEqual(['/directory?user=ada', '/directory?user=nemo']);
  });

  it('says how soon a change shows, and that one is on its way', async () => {
    const { text } = await ask('/directory?user=ada');
    expect(text).toContain('within 40 seconds');
    expect(text).toContain('edit examples/resources/directory.yaml');
    expect(text).not.toContain('The directory has changed');
    samples = { binding: 'identity/people', users: [{ ...adas, groups: ['finance', 'staff'] }, nobody] };
    expect((await ask()).text).toContain('The directory has changed : ada is in staff now.');
    samples = { binding: 'identity/people', users: [adas, nobody] };
  });

  it.each([
    ['NotFound', 'Nobody has this name'],
    ['Ambiguous', 'Several entries have this name'],
    ['NotAsked', 'The directory is not asked about this name'],
    ['Unreadable', 'The entry lacks an attribute'],
  ])('%s: in words, and nothing more', async (outcome, words) => {
    samples = { binding: 'identity/people', users: [adas, { username: 'nemo', outcome }] };
    const { text, forms } = await ask('/directory?user=nemo');
    expect(text).toContain(words);
    expect([text.includes('consent rule decides'), forms]).toEqual([false, []]);
  });

  it('somebody else is not shown; while there is no status it says so', async () => {
    expect((await ask('/directory?user=zoe')).status).toBe(404);
    samples = { binding: 'identity/people', users: [] };
    expect((await ask('/directory?user=ada')).text).toContain('no server has looked for them yet');
    samples = undefined;
    expect((await ask()).text).toContain('cannot be read at the moment');
    samples = { binding: 'identity/people', users: [adas, nobody] };
  });

  it.each(['light', 'dark'] as const)('axe finds nothing, and 320 px suffice (%s)', async (colorScheme) => {
    const browser = await launchChromium();
    try {
      const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 800 } });
      const page = await context.newPage();
      await page.goto(application.url);
      await page.click('#explain-ada');
      await page.locator('body[data-page=directory]').waitFor();
      await page.waitForLoadState();
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
      performed.length = 0;
      await page.click('#join-finance');
      await expect.poll(() => performed).toEqual(['join ada finance']);
    } finally {
      await browser.close();
    }
  });
});

describe('the program for a Client of your own', () => {
  const program = join(import.meta.dirname, '../../examples/src/application/main.ts');
  const run = async (...args: readonly string[]) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
    const [code] = (await once(child, 'close')) as [number];
    return { code, said };
  };

  it('where its port is taken says so, and what to do', async () => {
    const port = new URL(application.url).port;
    const { code, said } = await run(join(folder, 'secret.yaml'), '--port', port);
    expect(code).toBe(1);
    expect(said).toContain(`port ${port} of 127.0.0.1 is in use: is another sample application running?`);
    expect(said).toContain('--port N');
    expect(said).not.toContain('EADDRINUSE');
  });

  it('--help names the port', async () => {
    const { code, said } = await run('--help');
    expect([code, said.includes('--port N'), said.includes('default 9501')]).toEqual([0, true, true]);
  });
});

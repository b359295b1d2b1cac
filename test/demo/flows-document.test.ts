/** What `npm run demo -- --check` plays, prints and writes down, and the page of the documentation that tells of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flowsDocument } from '../../examples/src/check/document.ts';
import type { Message } from '../../examples/src/check/messages.ts';
import type { ObservedRun } from '../../examples/src/check/report.ts';
import { readPeople } from '../../examples/src/demo/people.ts';
import { type Checkout, copyCheckout, root, type Terminal } from './checkout.ts';

let checkout: Checkout;
let terminal: Terminal;
let code: number;
let runs: readonly ObservedRun[];

beforeAll(async () => {
  checkout = await copyCheckout();
  terminal = checkout.terminal('npm run --silent demo -- --check --observations observations.json');
  code = await terminal.exited;
  const written = await readFile(join(checkout.folder, 'observations.json'), 'utf8').catch(() => '{"runs":[]}');
  runs = (JSON.parse(written) as { readonly runs: readonly ObservedRun[] }).runs;
  // The demo gives its start three minutes, and the check gives itself five.
}, 500_000);
afterAll(() => checkout?.remove());

const responseTypes: Readonly<Record<string, readonly string[]>> = {
  code: ['code', 'access token', 'ID token', 'refresh token'],
  token: ['access token'],
  id_token: ['ID token'],
  'id_token token': ['access token', 'ID token'],
  'code id_token': ['code', 'access token', 'ID token', 'refresh token'],
  'code token': ['code', 'access token', 'ID token', 'refresh token'],
  'code id_token token': ['code', 'access token', 'ID token', 'refresh token'],
};
const userFlows: Readonly<Record<string, readonly string[]>> = {
  ...responseTypes,
  device_code: ['access token', 'ID token', 'refresh token'],
  refresh_token: ['access token', 'ID token', 'refresh token'],
};

function runOf(flow: string, beginning: string): ObservedRun {
  const found = runs.find((run) => run.flow === flow && run.title.startsWith(beginning));
  if (found === undefined) throw new Error(`${flow} was not played "${beginning}"`);
  return found;
}

const told = ({ from, to, what }: Message) => `${from} → ${to} ${what}`;

/** The steps stand there in this order; others may stand between them. */
function expectSequence({ messages }: ObservedRun, steps: readonly RegExp[]): void {
  const lines = messages.map(told);
  let from = 0;
  for (const step of steps) {
    const at = lines.findIndex((line, index) => index >= from && step.test(line));
    expect(at, `${String(step)} after ${from} of\n${lines.join('\n')}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}

const asksDirectory = [/^server → directory search ou=people/, /^directory → server yes/];

describe('npm run demo -- --check', () => {
  it('plays every flow from a second process and exits 0', () => {
    expect(terminal.output).not.toContain('✗');
    expect(terminal.output).toMatch(/^\d+ steps passed, 0 failed$/m);
    expect(code).toBe(0);
  });

  it('prints a line for each message that it saw', () => {
    expect(runs.length).toBeGreaterThan(50);
    for (const { from, to, what } of runs.flatMap(({ messages }) => messages)) {
      expect(terminal.output).toContain(`    ✓ ${`${from} → ${to}`.padEnd(24)} ${what}`);
    }
  });

  it.each(Object.entries(userFlows))('%s is played three times, and says what was issued', (flow, issued) => {
    expect(runOf(flow, 'allowed').issued).toEqual(issued);
    expect(runOf(flow, 'refused:').issued).toEqual([]);
    expect(runOf(flow, 'directory down').issued).toEqual([]);
    for (const run of [runOf(flow, 'refused:'), runOf(flow, 'directory down')]) {
      expect(terminal.output).toContain(`  ${run.title}\n`);
    }
    expectSequence(runOf(flow, 'refused:'), [/^server → directory search/, /^directory → server no: /]);
    const down = runOf(flow, 'directory down');
    expectSequence(down, [/^directory → directory stops$/, /^server → directory no connection$/]);
  });

  it.each(Object.keys(responseTypes))('%s has every step of its sequence', (flow) => {
    const browser = [/user → server GET \/authorize/, /server → user page login/, /user → server POST \/login/];
    const consent = [/server → user .*page consent/, /user → server POST \/consent/, ...asksDirectory];
    const redeemed = [/application → server POST \/token/, /server → application 200/];
    const answer =
      flow === 'code' ? /user → application GET .* in the query/ : /user → application GET .* in the fragment/;
    const isCode = flow.split(' ').includes('code');
    expectSequence(runOf(flow, 'allowed'), [...browser, ...consent, answer, ...(isCode ? redeemed : [])]);
  });

  it.each(Object.keys(responseTypes))('%s with the directory down ends on a page of the server', (flow) => {
    expectSequence(runOf(flow, 'directory down'), [
      /user → server GET \/authorize/,
      /server → user .*page consent/,
      /user → server POST \/consent/,
      /server → user .*error page temporarily_unavailable \(503\)$/,
    ]);
  });

  it.each(['code', 'id_token token', 'code id_token'])('%s is answered by form_post, too', (flow) => {
    const posted = runOf(flow, 'the same with response_mode=form_post');
    expectSequence(posted, [/server → user .*page form-post/, /user → application POST /]);
  });

  it('the device flow has every step of its sequence', () => {
    expectSequence(runOf('device_code', 'allowed'), [
      /application → server POST \/device_authorization/,
      /server → application 200/,
      /application → server POST \/token/,
      /server → application 400/,
      /user → server GET \/device/,
      /server → user .*page device$/,
      /server → user .*page device-confirm/,
      /user → server POST \/device/,
      ...asksDirectory,
      /server → user .*page device-done/,
      /application → server POST \/token/,
      /server → application 200/,
    ]);
  });

  it('a refresh asks the directory, and client credentials ask nobody', () => {
    const [posts, answers] = [/application → server POST \/token/, /server → application 200/];
    expectSequence(runOf('refresh_token', 'allowed'), [posts, ...asksDirectory, answers]);
    const machine = runOf('client_credentials', 'allowed');
    expect(machine.messages.map(told)).toEqual(['application → server POST /token', 'server → application 200']);
    expect(runOf('client_credentials', 'directory down').issued).toEqual(['access token']);
  });

  it.each(['introspection', 'revocation', 'rp_initiated_logout'])(
    '%s is allowed, refused, and done with the directory down, which nobody asks',
    (flow) => {
      const played = runs.filter((run) => run.flow === flow);
      for (const beginning of ['allowed', 'refused: ', 'directory down']) {
        expect(played.map(({ title }) => title)).toContainEqual(expect.stringMatching(`^${beginning}`));
      }
      for (const { messages, issued } of played) {
        expect(issued).toEqual([]);
        expect(messages.filter(({ from, to }) => from === 'directory' || to === 'directory')).toEqual([]);
      }
    },
  );

  it('a token is asked about, handed back, and refused from then on', () => {
    expect(runOf('introspection', 'allowed').messages.map(told)).toEqual([
      'application → server POST /introspect',
      'server → application 200',
    ]);
    expect(runOf('introspection', 'allowed').messages.at(-1)?.names).toContain('active=true');
    expect(runOf('introspection', 'refused: night-report').messages.at(-1)?.names).toEqual(['active=false']);
    expectSequence(runOf('revocation', 'allowed'), [
      /application → server POST \/revoke/,
      /server → application 200/,
      /application → server POST \/token/,
      /server → application 400/,
      /application → server GET \/userinfo/,
      /server → application 401/,
    ]);
  });

  it('each of the three logouts has every step of its sequence', () => {
    const gone = [/user → application GET \/signed-out/];
    const over = [/user → server GET \/authorize/, /user → application GET \/callback/];
    expectSequence(runOf('rp_initiated_logout', 'allowed'), [/user → server GET \/logout/, ...gone, ...over]);
    expectSequence(runOf('backchannel_logout', 'allowed'), [
      /user → server GET \/logout/,
      ...gone,
      /server → application POST \/backchannel-logout/,
      /application → server 200/,
    ]);
    expectSequence(runOf('frontchannel_logout', 'allowed'), [
      /user → server GET \/logout/,
      /server → user .*page signed-out/,
      /user → application GET \/frontchannel-logout, in a frame/,
      /application → user 200/,
      ...gone,
      ...over,
    ]);
    const names = (flow: string) => runOf(flow, 'allowed').messages.flatMap((message) => message.names);
    expect(names('rp_initiated_logout')).toEqual(
      expect.arrayContaining(['id_token_hint', 'post_logout_redirect_uri', 'state', 'error=login_required']),
    );
    expect(names('backchannel_logout')).toContain('logout_token');
    expect(names('frontchannel_logout')).toEqual(expect.arrayContaining(['iss', 'sid']));
    for (const { flow, found } of runs) if (flow.endsWith('_logout')) expect(found).not.toEqual([]);
  });

  it('tells names, and no secret value', async () => {
    const people = readPeople(await readFile(join(root, 'examples/directory.ldif'), 'utf8'));
    const text = `${terminal.output}\n${JSON.stringify(runs)}`;
    for (const { password } of people) expect(text).not.toContain(password);
    // Codes, tokens, secrets, states and handles are at least 128 bits long.
    expect(/[\w-]{30,}/.exec(text)?.[0]).toBeUndefined();
    expect(text).not.toContain('eyJ');
  });
});

describe('docs/explanation/flows.md', () => {
  it('says what was seen; npm run gen:flows writes it anew', async () => {
    expect(await readFile(join(root, 'docs/explanation/flows.md'), 'utf8')).toBe(flowsDocument(runs));
  });

  it('shows every flow as a sequence between user, application, server and directory', async () => {
    const text = await readFile(join(root, 'docs/explanation/flows.md'), 'utf8');
    const diagrams = [...text.matchAll(/^```mermaid\nsequenceDiagram\n([\s\S]*?)^```$/gm)].map(([, body = '']) => body);
    expect(diagrams).toHaveLength(new Set(runs.map(({ flow }) => flow)).size);
    for (const diagram of diagrams) {
      expect(diagram).not.toMatch(/[;#]/);
      for (const line of diagram.trim().split('\n').slice(1)) {
        expect(line.trim()).toMatch(/^(participant \w+|\w+--?>>\w+: .+)$/);
      }
    }
  });

  it('fails on a flow that was not played, and on one without a chapter', () => {
    expect(() => flowsDocument(runs.filter(({ flow }) => flow !== 'token'))).toThrow('token was not played');
    const other = { flow: 'password', title: 'allowed', messages: [], issued: [], found: [] };
    expect(() => flowsDocument([...runs, other])).toThrow('no chapter for password');
  });
});

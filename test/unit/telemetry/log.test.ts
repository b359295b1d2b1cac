import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../server/src/telemetry/audit.ts';
import { createAuditLog } from '../../../server/src/telemetry/audit-log.ts';
import { createLog, type LogFields } from '../../../server/src/telemetry/log.ts';

function capture(format: 'json' | 'text', level: 'debug' | 'info' | 'error' = 'debug') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, log: createLog({ level, format, service: 'nauthera-server', version: '1', destination }) };
}

describe('the log', () => {
  it('one JSON object a line, with the names that collectors expect', () => {
    const { lines, log } = capture('json');
    log.named('keys').info('signing key published', { 'nauthera.kid': 'k' });
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      level: 'info',
      msg: 'signing key published',
      logger: 'keys',
      'service.name': 'nauthera-server',
      'service.version': '1',
      'nauthera.kid': 'k',
    });
  });

  it.each(['json', 'text'] as const)('I4: %s: a field that is not on the list is not written', (format) => {
    const { lines, log } = capture(format);
    const fields = { 'request.id': 'r', password: 'geheim', code: 'geheim', headers: { cookie: 'geheim' } };
    log.info('x', fields as LogFields);
    expect(lines.join('')).toContain('request.id');
    expect(lines.join('')).not.toContain('geheim');
  });

  it('levels below are not written', () => {
    const { lines, log } = capture('json', 'error');
    log.info('x');
    log.error('y');
    expect(lines).toHaveLength(1);
    expect(log.writes('info')).toBe(false);
  });

  it('audit events are lines of their own, with dotted names and an id that sorts by time', () => {
    const { lines, log } = capture('json');
    const counted: string[] = [];
    const audit = createAuditLog(log, (event) => counted.push(event));
    audit({ event: 'token.issued', outcome: 'success', clientId: 'shop.batch', scopes: ['orders'], requestId: 'r' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      audit: true,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string,
      event: 'token.issued',
      outcome: 'success',
      'client.id': 'shop.batch',
      scopes: ['orders'],
      'request.id': 'r',
    });
    expect(counted).toEqual(['token.issued']);
  });

  it('nothing that an audit event says is left out of its line', () => {
    const { lines, log } = capture('json');
    const event: Required<AuditEvent> = {
      id: 'an id',
      event: 'login.failed',
      outcome: 'refused',
      reason: 'a reason',
      requestId: 'a request',
      clientAddress: 'an address',
      userId: 'a user',
      userName: 'a user name',
      directory: 'a directory',
      directoryServer: 'its server',
      rule: 'a rule',
      clientId: 'a client',
      clientUid: 'its uid',
      clientGeneration: 4,
      policy: 'a policy',
      grantId: 'a grant',
      grantType: 'its type',
      scopes: ['a scope'],
      scopesRefused: ['another scope'],
      sessionId: 'a session',
      kid: 'a key',
      registrations: ['a registration'],
    };
    createAuditLog(log, () => undefined)(event);
    expect(JSON.stringify(JSON.parse(lines[0] ?? ''))).toBe(lines[0]?.trim());
    const written = Object.values(JSON.parse(lines[0] ?? '') as Record<string, unknown>);
    for (const said of Object.values(event)) expect(written).toContainEqual(said);
  });
});

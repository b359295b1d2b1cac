/**
 * Where a person connects a device (RFC 8628 §3.3): enter its code, see who asks for what, say yes or no, read how it ended.
 * One path; every form answers 303 to a GET of it. Nothing is remembered for the next device.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readForm, readQuery } from '../http/form.ts';
import { networkOf } from '../http/source.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { isWithin } from '../protocol/scope.ts';
import type { WaitingDevice } from '../store/device-answers.ts';
import type { Session } from '../store/sessions.ts';
import { readUserCode, shownUserCode } from '../tokens/user-code.ts';
import { type DeviceProblem, deviceConfirmPage, deviceDonePage, devicePage } from '../views/index.ts';
import { allow, type DecisionPorts, deny } from './device-decision.ts';
import { comparePlaces, placeOfDevice } from './device-place.ts';
import { clientOfDevice, type DeviceRequest, openDevice, sealDevice } from './device-request.ts';
import { claimsOfOwners } from './interaction.ts';
import { openPageForm, pageForm, requireSession, switchAccount, type Visitor } from './own-page.ts';
import { requestField, sendUnavailable } from './pages.ts';
import { clientText, requestedScope, scopeText } from './texts.ts';
import type { UserCodeTries } from './user-code-tries.ts';
import { goTo, openVisit, pathOf, sendErrorPage, sendPage, type Visit } from './visit.ts';

export interface DevicePorts extends DecisionPorts {
  readonly digestUserCode: (code: string) => Buffer;
  readonly tries: UserCodeTries;
}

const codeField = 'user_code';
/** The button, pressed without a code: a field that is empty is none. */
const emptyField = 'continue';

export function mountDevice(app: FastifyInstance, ports: DevicePorts): void {
  const config = { errors: 'page' } as const;
  app.get(endpointPaths.deviceVerification, { config, exposeHeadRoute: false }, (request, reply) =>
    show(ports, openVisit(ports, request, reply)),
  );
  app.post(endpointPaths.deviceVerification, { config }, (request, reply) =>
    post(ports, openVisit(ports, request, reply)),
  );
}

async function show(ports: DevicePorts, visit: Visit): Promise<FastifyReply> {
  const { parameters } = readQuery(visit.request);
  const typed = parameters.get(codeField)?.slice(0, longestTyped);
  const visitor = await requireSession(ports, visit, 'device', typed === undefined ? {} : { [codeField]: typed });
  if ('sent' in visitor) return visitor.sent;
  const request = openDevice(ports, parameters.get(requestField), visitor);
  if (request !== null) return showEnd(ports, visit, visitor, request);
  if (typed !== undefined) return enter(ports, visit, visitor, typed);
  return sendEnter(ports, visit, visitor, parameters.has(emptyField) ? { code: 'user_code_missing' } : undefined);
}

/** More than anybody types; longer ones come back shortened. */
const longestTyped = 64;

function sendEnter(
  ports: DevicePorts,
  visit: Visit,
  visitor: Visitor,
  problem: DeviceProblem | undefined,
  userCode?: string,
): FastifyReply {
  return sendPage(
    visit,
    devicePage({ ...visit.frame, form: pageForm(ports, visit, 'device', visitor), userCode, problem }),
  );
}

async function enter(ports: DevicePorts, visit: Visit, visitor: Visitor, typed: string): Promise<FastifyReply> {
  const again = (problem: DeviceProblem): FastifyReply => sendEnter(ports, visit, visitor, problem, typed);
  const code = readUserCode(typed);
  // Nothing of that form exists, so it is no guess.
  if (code === null) return again({ code: 'user_code_rejected' });
  const device = await lookUp(ports, visit, visitor.session, code);
  if (device === 'throttled') {
    ports.metrics.rateLimited.inc({ limiter: 'user_code' });
    return again({ code: 'too_many_tries', minutes: 1 });
  }
  if (device === null) return again({ code: 'user_code_rejected' });
  return sendConfirm(ports, visit, visitor, device, code);
}

function lookUp(
  { devices, digestUserCode, tries }: DevicePorts,
  { source }: Visit,
  { subject }: Session,
  code: string,
): Promise<WaitingDevice | 'throttled' | null> {
  return tries.attempt(() =>
    devices.enter({
      userCode: digestUserCode(code),
      address: networkOf(source.address),
      limitFactor: source.limitFactor,
      subject,
    }),
  );
}

function sendConfirm(
  ports: DevicePorts,
  visit: Visit,
  visitor: Visitor,
  device: WaitingDevice,
  userCode: string,
): FastifyReply {
  const asking = clientOfDevice(visit, device);
  if (asking === undefined) return sendEnter(ports, visit, visitor, { code: 'user_code_rejected' }, userCode);
  const { grantId, clientId, clientUid, network, age } = device;
  const { client, scopes } = asking;
  const { session } = visitor;
  const sealed = sealDevice(
    ports,
    { grantId, clientId, clientUid, scopes, claims: claimsOfOwners(visit, scopes), userCode },
    visitor,
  );
  return sendPage(
    visit,
    deviceConfirmPage({
      ...visit.frame,
      form: pageForm(ports, visit, 'device', visitor, { [requestField]: sealed }),
      client: {
        ...clientText(visit, client.value),
        namespace: client.owner.namespace,
        policyUri: client.value.policy_uri,
        tosUri: client.value.tos_uri,
      },
      user: { name: session.name, username: session.username },
      scopes: scopes.map((scope) => requestedScope(visit, scope, session)),
      userCode: shownUserCode(userCode),
      age,
      place: comparePlaces(network, placeOfDevice(visit.source)),
    }),
  );
}

async function post(ports: DevicePorts, visit: Visit): Promise<FastifyReply> {
  const { parameters: posted } = readForm(visit.request);
  const typed = posted.get(codeField)?.slice(0, longestTyped);
  // It changes nothing: the page that follows looks the code up, and asks who is there.
  if (typed !== undefined) return goTo(visit, 'device', { [codeField]: typed });
  if (!posted.has(requestField)) return goTo(visit, 'device', { [emptyField]: '1' });
  const visitor = await requireSession(ports, visit, 'device');
  if ('sent' in visitor) return visitor.sent;
  const parameters = openPageForm(ports, visit, 'device', visitor);
  const request = openDevice(ports, parameters?.get(requestField), visitor);
  if (parameters === undefined || request === null) return goTo(visit, 'device', {});
  const { userCode } = request;
  if (parameters.has('use-another')) return switchAccount(ports, visit, 'device', visitor, { [codeField]: userCode });
  const decision = parameters.get('decision');
  const asking = clientOfDevice(visit, request);
  const asShown = asking !== undefined && isWithin(claimsOfOwners(visit, asking.scopes), request.claims);
  if (!asShown || (decision !== 'allow' && decision !== 'deny')) {
    return goTo(visit, 'device', { [codeField]: userCode });
  }
  const { unavailable: _before, ...shown } = request;
  // Of what was shown, what the client may still have.
  const decided: DeviceRequest = { ...shown, scopes: asking.scopes };
  const deciding = { request: decided, client: asking.client.value, session: visitor.session };
  const outcome = decision === 'deny' ? await deny(ports, visit, deciding) : await allow(ports, visit, deciding);
  // Whoever was first: a form sent twice gets the one end that was written.
  const next: DeviceRequest = outcome === 'unavailable' ? { ...decided, unavailable: true } : decided;
  return goTo(visit, 'device', { [requestField]: sealDevice(ports, next, visitor) });
}

async function showEnd(
  ports: DevicePorts,
  visit: Visit,
  visitor: Visitor,
  request: DeviceRequest,
): Promise<FastifyReply> {
  const registered = visit.snapshot.client(request.clientId)?.value;
  const client = registered === undefined ? { name: request.clientId } : clientText(visit, registered);
  if (request.unavailable === true) {
    const fields = { [requestField]: sealDevice(ports, request, visitor), decision: 'allow' };
    return sendUnavailable(visit, client.name, 'directory', pageForm(ports, visit, 'device', visitor, fields));
  }
  const device = await ports.devices.answered(request.grantId, visitor.session.subject);
  const words = (scopes: readonly string[]) => scopes.map((scope) => scopeText(visit, scope));
  switch (device?.outcome) {
    case 'approved':
      return sendPage(
        visit,
        deviceDonePage({
          ...visit.frame,
          outcome: 'connected',
          client,
          scopes: words(device.scopes),
          refused: words(device.asked.filter((scope) => !device.scopes.includes(scope))),
          account: pathOf(visit, 'account'),
        }),
      );
    case 'denied':
      return sendPage(visit, deviceDonePage({ ...visit.frame, outcome: 'stopped' }));
    case 'refused':
      return sendErrorPage(visit, { code: 'access_denied', client, scopes: words(device.asked) });
    case null:
    case undefined:
      // It ran out while the page was read, or somebody else has answered.
      return sendEnter(ports, visit, visitor, { code: 'user_code_rejected' });
  }
}

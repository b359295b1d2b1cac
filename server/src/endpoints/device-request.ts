/**
 * A device's request on its way from the page that shows it to the click, and on to the page that says how it ended: sealed
 * for one browser and one session, so that a click counts for what was shown, and for the person it was shown to.
 */
import { sealedOf, sealedText } from '../interaction/sealed-request.ts';
import { stillOpen } from '../protocol/scope.ts';
import { deviceCodeGrant } from '../protocol/terms.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { Registered } from '../registry/snapshot.ts';
import type { FlowPorts } from './flow.ts';
import type { Visitor } from './own-page.ts';
import type { Visit } from './visit.ts';

export interface DeviceRequest {
  /** Id of the grant that a yes gives. */
  readonly grantId: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  /** Those that came with the scopes when they were shown, as their owners said then. */
  readonly claims: readonly string[];
  /** As it was entered, in its stored form. */
  readonly userCode: string;
  /** The directory could not be asked. */
  readonly unavailable?: true;
}

export function sealDevice({ sealer }: FlowPorts, request: DeviceRequest, visitor: Visitor): string {
  return sealedText(sealer.seal(Buffer.from(JSON.stringify(request)), place(visitor)));
}

/** `null`: altered, or shown to another browser or in another session. */
export function openDevice({ sealer }: FlowPorts, text: string | undefined, visitor: Visitor): DeviceRequest | null {
  const sealed = text === undefined ? null : sealedOf(text);
  const plain = sealed === null ? null : sealer.open(sealed, place(visitor));
  return plain === null ? null : (JSON.parse(plain.toString()) as DeviceRequest);
}

function place({ browser, session }: Visitor): readonly string[] {
  return ['device request', browser, session.id];
}

/** The client that asked and what it may still have, if it is the same one and may still ask. */
export function clientOfDevice(
  visit: Visit,
  { clientId, clientUid, scopes: asked }: Pick<DeviceRequest, 'clientId' | 'clientUid' | 'scopes'>,
): { readonly client: Registered<ClientRegistration>; readonly scopes: readonly string[] } | undefined {
  const client = visit.snapshot.client(clientId);
  if (client?.owner.uid !== clientUid || !client.value.grant_types.includes(deviceCodeGrant)) return undefined;
  const scopes = stillOpen(client.value, asked);
  return scopes === null ? undefined : { client, scopes };
}

/** A device without a keyboard (RFC 8628): it shows a code, and asks until a person has answered on another screen. */
import * as client from 'openid-client';
import type { Walk } from '../walk.ts';
import { addStep, attempt, reasonOf } from './steps.ts';
import { takeTokens } from './tokens.ts';

export async function beginDevice(walk: Walk): Promise<void> {
  const title = 'Show a code';
  const answer = await attempt(walk, 'device-authorization', title, () =>
    client.initiateDeviceAuthorization(walk.config, { scope: walk.credentials.scopes.join(' ') }),
  );
  if (answer === undefined) return;
  const device = {
    deviceCode: answer.device_code,
    userCode: answer.user_code,
    verificationUri: answer.verification_uri,
    verificationUriComplete: answer.verification_uri_complete,
    interval: answer.interval ?? 5,
  };
  walk.device = device;
  addStep(walk, {
    name: 'device-authorization',
    title,
    text: 'The short code is for the person, the long one stays in the device: whoever reads the screen cannot take the tokens.',
    parts: [{ type: 'user-code', device }],
  });
}

/** One question. A device asks by itself, every `interval` seconds; here each press of a button is one. */
export async function pollDevice(walk: Walk): Promise<void> {
  const { device } = walk;
  if (device === undefined) return;
  const title = 'Has somebody answered?';
  try {
    const tokens = await client.genericGrantRequest(walk.config, 'urn:ietf:params:oauth:grant-type:device_code', {
      device_code: device.deviceCode,
    });
    delete walk.device;
    takeTokens(walk, 'token', 'Somebody allowed it: the tokens', tokens);
  } catch (error) {
    const waiting = error instanceof client.ResponseBodyError ? waits[error.error] : undefined;
    if (waiting === undefined) delete walk.device;
    addStep(walk, {
      name: 'device-poll',
      title,
      text: waiting ?? reasonOf(error),
      outcome: waiting === undefined ? 'refused' : 'waiting',
    });
  }
}

const waits: Readonly<Record<string, string>> = {
  authorization_pending: 'Not yet (authorization_pending). Nothing is wrong, ask again in a few seconds.',
  slow_down:
    'Too soon after the last question (slow_down): from now on the device waits five seconds longer each time.',
};

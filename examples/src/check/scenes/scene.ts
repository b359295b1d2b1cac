/** What a scene is, and what several of them look at. */
import { decodeToken } from '../../application/jwt.ts';
import type { Report } from '../report.ts';
import type { World } from '../world.ts';

/** Independent of how the one before ended. */
export interface Scene {
  readonly title: string;
  readonly play: (world: World, report: Report) => Promise<void>;
}

/** Claims of an access token. @throws Error for an opaque one. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const payload = decodeToken(token)?.payload;
  if (typeof payload !== 'object' || payload === null) throw new Error('the access token is no JWT');
  return payload as Readonly<Record<string, unknown>>;
}

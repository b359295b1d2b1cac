import type { FastifyInstance } from 'fastify';
import type { KeySet } from '../keys/keys.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { mountDocument } from './document.ts';

/** The public keys (RFC 7517 §5), each from its publication until the last token signed with it has expired. */
export function mountJwks(app: FastifyInstance, keySet: KeySet): void {
  mountDocument(app, [endpointPaths.jwks], {
    dependsOn: () => [keySet.jwks()],
    build: () => (keySet.jwks().keys.length === 0 ? undefined : keySet.jwks()),
  });
}

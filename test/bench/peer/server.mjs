// The peer as a process of a bench: state in memory, secrets compared in memory, people who sign in with any password.

import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';
// Its own store in memory, by file: the package does not offer it.
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

const { PORT = '0', CLIENTS = '1000', FORMAT = 'jwt' } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const resource = 'https://api.example.com';
const jwk = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  alg,
  use: 'sig',
  kid: alg,
});
const clients = Array.from({ length: Number(CLIENTS) }, (_, index) => ({
  client_id: `bench.app-${index}`,
  client_secret: `secret-of-bench.app-${index}`,
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  redirect_uris: ['https://app.example.com/cb'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'ES256',
}));
// By itself it forgets the oldest of a thousand things: sessions and grants that a bench goes on with.
const store = new Map();
class EverythingInMemory extends MemoryAdapter {
  constructor(model) {
    super(model, store);
  }
}
const provider = new Provider(issuer, {
  adapter: EverythingInMemory,
  clients,
  jwks: { keys: [jwk('ec', { namedCurve: 'P-256' }, 'ES256'), jwk('rsa', { modulusLength: 2048 }, 'RS256')] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, name: id, email: `${id}@example.com` }) }),
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  pkce: { required: () => true },
  cookies: { keys: ['bench'] },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    devInteractions: { enabled: true },
    // A token for a resource is none for userinfo.
    resourceIndicators: {
      enabled: FORMAT !== 'userinfo',
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: '',
        audience: resource,
        accessTokenTTL: 3600,
        accessTokenFormat: FORMAT,
        ...(FORMAT === 'jwt' ? { jwt: { sign: { alg: 'ES256' } } } : {}),
      }),
    },
  },
});
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));
process.once('SIGTERM', () => process.exit(0));

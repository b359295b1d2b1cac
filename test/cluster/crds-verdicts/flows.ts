/** What a Client says of its flows: URIs, origins, logout, subjects. */
import { called, client, isPublic, machine, objectName, printable, redirect, type Verdict } from './words.ts';

const browsed =
  'must be one exact URL that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info, fragment (#) or spaces';
const origin =
  'must be an origin as browsers send it: https:// (http:// only for 127.0.0.1, [::1] and localhost), the host in lower case, a port if it is not the usual one, and nothing behind; never null or *';
const hostName = "must be the name of a host: lower-case letters, digits, '-' and '.', for example app.example.com";
const frame =
  'must have the scheme, host and port of one of redirectUris: use another address, or add a redirect URI at this one';
const noSector =
  'pairwise subjects belong to a host of the application: add an https redirect URI whose host has a name, or leave subjectType out';
const manySectors = 'the redirect URIs name several hosts: say here to which of them pairwise subjects belong';
const foreignSector =
  'must be the host of one of the https redirect URIs: nobody joins the sector of another application';
const two = ['https://a.example.com/cb', 'https://b.example.com/cb'];

export const flows: readonly Verdict[] = [
  client('everything that the flows may need', {
    logo: { configMapRef: { name: 'shop-logo' } },
    redirectUris: ['https://a.example.com:8443/cb?x=y', 'https://a.example.com', 'http://127.0.0.1/cb'],
    postLogoutRedirectUris: ['https://a.example.com/bye', 'http://[::1]:9500'],
    allowedOrigins: ['https://a.example.com', 'https://[2001:db8::1]:8443', 'http://localhost:3000'],
    accessToken: { format: 'opaque' },
    userinfo: { signingAlgorithm: 'ES256' },
    introspection: { audiences: ['https://api.example.com'] },
    subjectType: 'pairwise',
    logout: {
      backchannelUri: 'https://shop.shop.svc/backchannel?tenant=a',
      frontchannelUri: 'https://a.example.com:8443/frontchannel',
    },
  }),
  client('a sector of several', { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'b.example.com' }),
  client('a native application', {
    ...isPublic,
    redirectUris: ['com.example.app:/callback'],
    postLogoutRedirectUris: ['com.example.app:/signed-out'],
  }),
  client(
    'a post-logout URI in clear text',
    { postLogoutRedirectUris: ['http://app.example.com/bye'] },
    `spec.postLogoutRedirectUris[0]: ${redirect.m01}`,
  ),
  client(
    'a post-logout URI with a private scheme of a confidential client',
    { postLogoutRedirectUris: ['com.example.app:/bye'] },
    'spec.postLogoutRedirectUris: only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
  ),
  client('any origin', { allowedOrigins: ['*'] }, `spec.allowedOrigins[0]: ${origin}`),
  client('the null origin', { allowedOrigins: ['null'] }, `spec.allowedOrigins[0]: ${origin}`),
  client('an origin with a path', { allowedOrigins: ['https://a.example.com/'] }, `spec.allowedOrigins[0]: ${origin}`),
  client(
    'an origin with the usual port',
    { allowedOrigins: ['https://a.example.com:443'] },
    `spec.allowedOrigins[0]: ${origin}`,
  ),
  client('an origin in capitals', { allowedOrigins: ['https://A.example.com'] }, `spec.allowedOrigins[0]: ${origin}`),
  client(
    'a format that is none',
    { accessToken: { format: 'JWT' } },
    'spec.accessToken.format: must be one of jwt, opaque; did you mean jwt?',
  ),
  client(
    'introspection by a public client',
    { ...isPublic, introspection: { audiences: ['https://api.example.com'] } },
    'spec.introspection: a public client cannot prove who it is: for introspection use client_secret_basic, private_key_jwt or kubernetes_service_account',
  ),
  client(
    'an introspected audience with a space',
    { introspection: { audiences: ['a b'] } },
    `spec.introspection.audiences[0]: ${printable}`,
  ),
  client('pairwise without a host', { ...machine, subjectType: 'pairwise' }, `spec.subjectType: ${noSector}`),
  client(
    'pairwise on this machine',
    { redirectUris: ['https://localhost:8443/cb', 'http://127.0.0.1/cb'], subjectType: 'pairwise' },
    `spec.subjectType: ${noSector}`,
  ),
  client(
    'pairwise with two hosts',
    { redirectUris: two, subjectType: 'pairwise' },
    `spec.sectorIdentifier: ${manySectors}`,
  ),
  client(
    'a sector of public subjects',
    { redirectUris: two, sectorIdentifier: 'a.example.com' },
    'spec.sectorIdentifier: only pairwise subjects have a sector: set subjectType to pairwise, or leave sectorIdentifier out',
  ),
  client(
    'the sector of somebody else',
    { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'bank.example.com' },
    `spec.sectorIdentifier: ${foreignSector}`,
  ),
  client(
    'a sector that is a URL',
    { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'https://a.example.com' },
    `spec.sectorIdentifier: ${hostName}`,
    `spec.sectorIdentifier: ${foreignSector}`,
  ),
  client(
    'a logout token in clear text',
    { logout: { backchannelUri: 'http://127.0.0.1/logout' } },
    `spec.logout.backchannelUri: ${called}`,
  ),
  client(
    'a logout token with a fragment',
    { logout: { backchannelUri: 'https://a.example.com/#logout' } },
    `spec.logout.backchannelUri: ${called}`,
  ),
  client(
    'a frame of another port',
    { redirectUris: two, logout: { frontchannelUri: 'https://a.example.com:8443/logout' } },
    `spec.logout.frontchannelUri: ${frame}`,
  ),
  client(
    'a frame without redirect URIs',
    { ...machine, logout: { frontchannelUri: 'https://a.example.com/logout' } },
    `spec.logout.frontchannelUri: ${frame}`,
  ),
  client(
    'a frame with our parameters',
    { redirectUris: two, logout: { frontchannelUri: 'https://a.example.com/logout?x=1&sid=2' } },
    'spec.logout.frontchannelUri: must not hold iss or sid in its query: they are added when it is loaded',
  ),
  client(
    'a frame that is no web page',
    { logout: { frontchannelUri: 'javascript:alert(1)' } },
    `spec.logout.frontchannelUri: ${browsed}`,
  ),
  client(
    'a logo elsewhere',
    { logo: { configMapRef: { name: '../logo' } } },
    `spec.logo.configMapRef.name: ${objectName}`,
  ),
  client(
    'a logo from the web',
    { logo: { url: 'https://a.example.com/logo.png' } },
    'spec.logo.url: unknown field spec.logo.url: known here: configMapRef',
  ),
];

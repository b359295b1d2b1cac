/**
 * Every field that a line of the log may have, of the server and of the operator: type, allow-list and `docs/reference/logs.md`
 * come from here. Names are OpenTelemetry's semantic conventions where they have one, flat with dots; spans use the same.
 */
export interface Field {
  readonly type: 'string' | 'number' | 'boolean' | 'list';
  /** One sentence without a full stop. */
  readonly about: string;
}

/** On every line; the program itself sets them. */
export const everyLine = {
  time: { type: 'string', about: 'When it was written: RFC 3339 with milliseconds, UTC' },
  level: {
    type: 'string',
    about:
      '`error`: somebody must act; `warn`: degraded; `info`: start, stop, transitions, failed requests; `debug`: the rest',
  },
  'service.name': { type: 'string', about: '`nauthera-server`, `nauthera-operator` or `nauthera-standalone`' },
  'service.version': { type: 'string', about: 'Version of the program' },
  'k8s.pod.name': { type: 'string', about: 'The pod; left out where no host name is known' },
  logger: { type: 'string', about: 'The part of the program that speaks' },
  msg: { type: 'string', about: 'Constant text: what varies is a field' },
} as const satisfies Readonly<Record<string, Field>>;

export const traceFields = {
  trace_id: { type: 'string', about: 'The trace that it happened in; only with tracing' },
  span_id: { type: 'string', about: 'The span in it; only with tracing' },
} as const satisfies Readonly<Record<string, Field>>;

export const requestFields = {
  'request.id': {
    type: 'string',
    about:
      'The request: 32 hexadecimal digits, or what a trusted proxy sent as `X-Request-Id`; sent back under that name',
  },
  'http.request.method': { type: 'string', about: 'Method of the request' },
  'http.route': { type: 'string', about: 'The route that answered, never the path' },
  'http.response.status_code': { type: 'number', about: 'Status of the answer' },
  duration_ms: { type: 'number', about: 'How long it took, or how long until it is tried again: milliseconds' },
  'client.address': {
    type: 'string',
    about: 'Where the request came from: the client that a trusted proxy names, else the peer',
  },
  'nauthera.client.id': { type: 'string', about: 'Client id of a registered client' },
  'nauthera.grant_type': { type: 'string', about: 'Grant type of a token request' },
} as const satisfies Readonly<Record<string, Field>>;

export const errorFields = {
  'error.type': { type: 'string', about: 'What went wrong: an OAuth error, a code, or the name of an error' },
  'error.detail': { type: 'string', about: 'Our own words about it; never input' },
  'error.stack': { type: 'string', about: 'Where in the program; of surprises alone' },
} as const satisfies Readonly<Record<string, Field>>;

export const resourceFields = {
  'k8s.namespace.name': { type: 'string', about: 'Namespace of the resource' },
  'nauthera.kind': { type: 'string', about: 'Kind of the resource or of the registration' },
  'nauthera.name': { type: 'string', about: 'Name of the resource' },
  'nauthera.uid': { type: 'string', about: 'Uid of the resource' },
  'nauthera.generation': { type: 'number', about: 'Generation of the resource that was looked at' },
  'reconcile.id': { type: 'string', about: 'The pass over the resource: the same on every line that it wrote' },
  'nauthera.reason': { type: 'string', about: 'Reason of the condition `Ready`' },
} as const satisfies Readonly<Record<string, Field>>;

export const otherFields = {
  'nauthera.id': { type: 'string', about: 'Id of a registration, or `namespace/name` of an object of ours' },
  'nauthera.kid': { type: 'string', about: 'Key id of a signing key' },
  'nauthera.directory': { type: 'string', about: 'A directory: `namespace/name` of its LdapBinding' },
  'nauthera.directory.server': { type: 'string', about: 'URL of one of its servers' },
  'nauthera.revision': { type: 'number', about: 'Revision of the registry' },
  'nauthera.replica': { type: 'string', about: 'Name of the replica in its reports' },
  'nauthera.url': { type: 'string', about: 'An address that we listen on, or a path of the Kubernetes API' },
  count: { type: 'number', about: 'How many' },
} as const satisfies Readonly<Record<string, Field>>;

export const lineFields = {
  ...traceFields,
  ...requestFields,
  ...errorFields,
  ...resourceFields,
  ...otherFields,
} as const satisfies Readonly<Record<string, Field>>;

/** Beside those of every line, and `trace_id`. */
export const auditFields = {
  audit: { type: 'boolean', about: '`true`' },
  id: { type: 'string', about: 'Of the event: a UUID that sorts by time, the same in table and log' },
  event: { type: 'string', about: 'What happened, such as `token.issued`' },
  outcome: { type: 'string', about: '`success`, `refused` or `failure`' },
  reason: { type: 'string', about: 'Why, where there is more to say' },
  'request.id': { type: 'string', about: 'The request' },
  trace_id: { type: 'string', about: 'Its trace; only with tracing' },
  'client.address': { type: 'string', about: 'Where it came from' },
  'user.id': { type: 'string', about: 'Subject of the user' },
  'user.name': { type: 'string', about: "The directory's user name, never what was typed" },
  directory: { type: 'string', about: '`namespace/name` of the LdapBinding' },
  'directory.server': { type: 'string', about: 'URL of the server that answered' },
  rule: { type: 'string', about: 'Consent rules that decided' },
  'client.id': { type: 'string', about: 'Client id' },
  'client.uid': { type: 'string', about: 'Uid of its Client' },
  'client.generation': { type: 'number', about: 'Generation of its Client that allowed it' },
  policy: { type: 'string', about: 'Client policy of the server that allowed it' },
  'grant.id': { type: 'string', about: 'The grant' },
  'grant.type': { type: 'string', about: 'Grant type' },
  scopes: { type: 'list', about: 'Scopes that were given' },
  scopes_refused: { type: 'list', about: 'Scopes that were refused' },
  'session.id': { type: 'string', about: 'The session of the user' },
  kid: { type: 'string', about: 'Key id of a signing key' },
  registrations: { type: 'list', about: '`kind/id` of each registration' },
} as const satisfies Readonly<Record<string, Field>>;

type TypeOf<F extends Field> = F['type'] extends 'number' ? number : string;

/** `error.detail`: our own words about what was found; never input, never a secret. */
export type LogFields = { readonly [K in keyof typeof lineFields]?: TypeOf<(typeof lineFields)[K]> | undefined };

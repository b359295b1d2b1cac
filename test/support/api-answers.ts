/** Answers of the Kubernetes API as {@link ApiProxy} passes them on or makes them up. */

export interface FalseAnswer {
  readonly status: number;
  /** Of the `Status` object; default: what Kubernetes says with this code. */
  readonly reason?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

const reasons: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

export function statusAnswer({ status, reason = reasons[status], message, headers = {} }: FalseAnswer): Answer {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: message ?? `the proxy answers ${status}`,
    reason,
    code: status,
  };
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(body)),
  };
}

export function passedOn(headers: Answer['headers']): Record<string, string | string[]> {
  const hop = ['connection', 'transfer-encoding', 'content-length', 'keep-alive'];
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hop.includes(name) ? [] : [[name, typeof value === 'string' ? value : [...value]]],
    ),
  );
}

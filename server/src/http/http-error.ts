import type { ErrorCode } from '../protocol/errors.ts';

/** A refusal at the level of HTTP, with a status that its error code alone does not tell (405, 413, 414, 415, 429, 431). */
export class HttpError extends Error {
  readonly status: number;
  readonly code: ErrorCode;
  /** For the client; constant text. */
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    code: ErrorCode,
    fields: { readonly description: string; readonly headers?: Readonly<Record<string, string>> },
  ) {
    super(fields.description);
    this.name = 'HttpError';
    this.status = status;
    this.code = code;
    this.description = fields.description;
    this.headers = fields.headers ?? {};
  }
}

/** A protected resource was asked without a token: a challenge that names no error (RFC 6750 §3). */
export class TokenMissing extends Error {
  constructor() {
    super('no access token');
    this.name = 'TokenMissing';
  }
}

/** This replica must not issue anything now: 503, as JSON or as a page after the route. */
export class NotServing extends Error {
  readonly code = 'not_serving';
  /** For the log. */
  readonly detail: string;
  constructor(detail: string) {
    super('not serving');
    this.name = 'NotServing';
    this.detail = detail;
  }
}

/** A handler did not answer in time: 503. */
export class HandlerTimeout extends Error {
  readonly code = 'handler_timeout';
  constructor() {
    super('the handler took too long');
    this.name = 'HandlerTimeout';
  }
}

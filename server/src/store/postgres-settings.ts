/** How we connect to Postgres: the URL, TLS, types and limits. */
import pg from 'pg';

/** Server-side limits of every session (milliseconds), below the client's {@link queryTimeout}. */
export const sessionLimits = {
  statement_timeout: '3000',
  lock_timeout: '1000',
  idle_in_transaction_session_timeout: '5000',
} as const;
export const connectTimeout = 1_000;
export const queryTimeout = 4_000;

/**
 * Applies the limits to a session that is ours alone. Start-up parameters would be refused by a pooler, and a plain SET
 * would stick to a connection that other clients of a transaction-mode pooler use next. So: one statement that does
 * nothing unless the process id given at start-up is that of the process that answers, which behind a pooler it is not.
 * A row came back: direct connection, limits set.
 */
export function beginSession(processId: number, limited: boolean): string {
  const settings = Object.entries(sessionLimits).map(([name, value]) => `set_config('${name}', '${value}', false)`);
  return `SELECT 1${limited ? `, ${settings.join(', ')}` : ''},
    set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false),
    CASE WHEN version() LIKE '%linux%' THEN set_config('client_connection_check_interval', '2000', false) END
    WHERE pg_backend_pid() = ${processId}`;
}

/** The same limits for one transaction: what is left to do behind a pooler. */
export const limitTransaction = Object.entries(sessionLimits)
  .map(([name, value]) => `SET LOCAL ${name} = '${value}'`)
  .join('; ');

const int8 = 20;
const int8Array = 1016;

/** bigint as `number`: every bigint of ours counts or is an epoch; bytea, timestamptz and jsonb are as pg gives them. */
export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text' | 'binary' = 'text') => {
    if (oid === int8) return Number;
    const parse: (text: string) => unknown = pg.types.getTypeParser(oid, format);
    return oid === int8Array ? (text: string) => numbers(parse(text)) : parse;
  }) as typeof pg.types.getTypeParser,
};

function numbers(texts: unknown): unknown {
  return Array.isArray(texts) ? texts.map((text) => (text === null ? null : Number(text))) : texts;
}

/**
 * @param url `postgres://…` with libpq's parameters. Every `sslmode` but `disable` means `verify-full`: the certificate
 *   must be trusted and name the host.
 * @param ca PEM certificates that are trusted for this server alone; switches TLS on.
 * @throws RangeError for a URL that cannot be used; the message holds nothing of it.
 */
export function clientConfig(url: string, ca: string | undefined): pg.ClientConfig {
  const checked = checkedUrl(url);
  if (ca !== undefined) {
    // What the URL says would replace the option.
    for (const name of ['sslmode', 'sslrootcert', 'ssl']) checked.searchParams.delete(name);
  }
  return {
    connectionString: checked.href,
    ...(ca === undefined ? {} : { ssl: { ca } }),
    fallback_application_name: 'nauthera',
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  };
}

function checkedUrl(url: string): URL {
  if (!URL.canParse(url)) {
    throw new RangeError('the database URL cannot be read: postgres://USER:PASSWORD@HOST:PORT/NAME');
  }
  const parsed = new URL(url);
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:') {
    throw new RangeError('the database URL must begin with postgres:// or postgresql://');
  }
  const mode = parsed.searchParams.get('sslmode');
  if (mode === 'no-verify' || mode === 'allow' || parsed.searchParams.has('uselibpqcompat')) {
    throw new RangeError('the database URL asks for TLS without checking the certificate: use sslmode=verify-full');
  }
  if (mode !== null && mode !== 'disable') parsed.searchParams.set('sslmode', 'verify-full');
  return parsed;
}

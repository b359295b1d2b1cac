/**
 * The log: one JSON object a line, names as in OpenTelemetry's semantic conventions, flat with dots. Fields are an
 * allow-list, by type and again when writing: a secret in an object that was passed along does not reach a line.
 */
import { pino } from 'pino';
import { type LogFields, lineFields } from './log-fields.ts';

export type { LogFields } from './log-fields.ts';

const allowed: ReadonlySet<string> = new Set(Object.keys(lineFields));

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `message` is constant text; what varies is a field. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether lines of this level are written: for callers to whom making the fields costs something. */
  writes(level: LogLevel): boolean;
  /** A line of the audit stream: the fields of one event (`audit-log.ts`), as they are. */
  audit(event: Readonly<Record<string, unknown>>): void;
  /** The same log for another part of the program (`logger`). */
  named(logger: string): Log;
  flush(): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** `service.name`, e.g. `nauthera-server`. */
  readonly service: string;
  readonly version: string;
  readonly pod?: string | undefined;
  /** Where lines go; default: standard output, buffered up to 128 KiB or a second. */
  readonly destination?: { write(line: string): void };
}

interface Sink {
  readonly write: (level: LogLevel, logger: string, message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly writes: (level: LogLevel) => boolean;
  readonly flush: () => void;
}

export function createLog(options: LogOptions): Log {
  return logOf(options.format === 'json' ? jsonSink(options) : textSink(options), 'main');
}

/** Writes nothing: for programs that embed the server and for tests. */
export const silentLog: Log = logOf({ write: () => undefined, writes: () => false, flush: () => undefined }, 'none');

function logOf(sink: Sink, logger: string): Log {
  const line =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (sink.writes(level)) sink.write(level, logger, message, onlyAllowed(fields));
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    writes: sink.writes,
    audit: (event) => sink.write('info', 'audit', 'audit event', event),
    named: (name) => logOf(sink, name),
    flush: sink.flush,
  };
}

function onlyAllowed(fields: LogFields): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (allowed.has(name) && value !== undefined) kept[name] = value;
  return kept;
}

/**
 * A line is written by hand: its head is the same for a whole second, and the library would visit each member on its own,
 * which costs a token request a tenth of its time.
 */
function jsonSink({ level, service, version, pod, destination = bufferedOutput() }: JsonLogOptions): Sink {
  const least = logLevels.indexOf(level);
  const identity = { 'service.name': service, 'service.version': version, 'k8s.pod.name': pod };
  const base = JSON.stringify(identity).slice(1, -1);
  const time = clockText();
  return {
    write: (at, logger, message, fields) => {
      const members = JSON.stringify(fields).slice(1, -1);
      const rest = members === '' ? '' : `,${members}`;
      destination.write(
        `{"level":"${at}","time":"${time()}",${base},"logger":"${logger}"${rest},"msg":${JSON.stringify(message)}}\n`,
      );
    },
    writes: (at) => logLevels.indexOf(at) >= least,
    flush: () => destination.flush?.(),
  };
}

type JsonLogOptions = Omit<LogOptions, 'destination'> & {
  readonly destination?: NonNullable<LogOptions['destination']> & { flush?(): void };
};

/** Bytes that are collected before they are written. */
const chunk = 131_072;

/**
 * Standard output, written by the thread pool. Nobody waits for it. Lines are collected as bytes: as text, the pieces of all
 * of them would be moved by each collection of garbage until they are written.
 */
function bufferedOutput(): { write(line: string): void; flush(): void } {
  const out = pino.destination({ fd: 1, minLength: 0, maxWrite: 2 * chunk, sync: false });
  const bytes = Buffer.allocUnsafeSlow(chunk);
  let used = 0;
  const pass = (): void => {
    if (used === 0) return;
    out.write(bytes.toString('utf8', 0, used));
    used = 0;
  };
  // A buffer that nobody flushes would keep the last lines of a quiet hour.
  setInterval(pass, 1000).unref();
  return {
    write(line) {
      // A character has at most three bytes.
      if (3 * line.length > chunk - used) pass();
      if (3 * line.length > chunk) out.write(line);
      else used += bytes.write(line, used);
    },
    flush() {
      pass();
      try {
        out.flushSync();
      } catch {
        // Not open yet: there is nothing to flush.
      }
    },
  };
}

/** The time in RFC 3339 with milliseconds. */
function clockText(): () => string {
  let known = Number.NaN;
  let text = '';
  return () => {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== known) {
      known = second;
      text = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${text}${String(now - second * 1000).padStart(3, '0')}Z`;
  };
}

/** For people: `12:03:44.120 info  keys  message  name=value`. */
function textSink({ level, destination }: LogOptions): Sink {
  const out = destination ?? { write: (text: string) => void process.stdout.write(text) };
  const least = logLevels.indexOf(level);
  return {
    write: (at, logger, message, fields) => {
      const time = new Date().toISOString().slice(11, 23);
      const rest = Object.entries(fields).map(([name, value]) =>
        value === undefined ? '' : ` ${name}=${JSON.stringify(value)}`,
      );
      out.write(`${time} ${at.padEnd(5)} ${logger}: ${message}${rest.join('')}\n`);
    },
    writes: (at) => logLevels.indexOf(at) >= least,
    flush: () => undefined,
  };
}

/**
 * What the log may know of an error: its kind, our own words, and where it happened. Drivers put rows, DNs and URLs into
 * messages: of a stranger's error only the name, its code and the frames are kept.
 */
export function errorFields(error: unknown): Pick<LogFields, 'error.type' | 'error.detail' | 'error.stack'> {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const detail = 'detail' in error && typeof error.detail === 'string' && isOurs(error) ? error.detail : undefined;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    'error.type': code ?? error.name,
    ...(detail === undefined ? {} : { 'error.detail': detail }),
    ...(frames === undefined || frames.length === 0 ? {} : { 'error.stack': frames.slice(0, 12).join('\n') }),
  };
}

const ourErrors: ReadonlySet<string> = new Set(['ProtocolError', 'DirectoryUnavailable', 'NotServing']);

function isOurs(error: Error): boolean {
  return ourErrors.has(error.name);
}

/**
 * Settings of traces: OpenTelemetry's own environment variables, as every other program reads them. Here is what decides
 * whether there are traces, and what we do not do is refused; headers, times, certificates and attributes of the resource
 * are read by OpenTelemetry itself. Values are in no message: a URL may hold a password.
 */
export interface TracingSettings {
  /** Where spans go: OTLP over HTTP, in protobuf. */
  readonly url: string;
  readonly sampler: Sampler;
}

export interface Sampler {
  /** Whoever asks decides, where he is believed. */
  readonly parentBased: boolean;
  /** Of new traces, 0 to 1. */
  readonly ratio: number;
}

export type ReadTracing =
  | { readonly outcome: 'off' }
  | { readonly outcome: 'on'; readonly settings: TracingSettings }
  /** One sentence each. */
  | { readonly outcome: 'refused'; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** New traces that are kept, where nothing else is said. */
const standardRatio = 0.05;

const samplers: Readonly<Record<string, Omit<Sampler, 'ratio'> & { readonly ratio: number | 'argument' }>> = {
  always_on: { parentBased: false, ratio: 1 },
  always_off: { parentBased: false, ratio: 0 },
  traceidratio: { parentBased: false, ratio: 'argument' },
  parentbased_always_on: { parentBased: true, ratio: 1 },
  parentbased_always_off: { parentBased: true, ratio: 0 },
  parentbased_traceidratio: { parentBased: true, ratio: 'argument' },
};

/** Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. */
export function readTracingSettings(environment: Environment): ReadTracing {
  const read = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === '' ? undefined : value;
  };
  const isOff = read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || read('OTEL_TRACES_EXPORTER') === 'none';
  const names = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
  const name = names.find((one) => read(one) !== undefined);
  if (isOff || name === undefined) return { outcome: 'off' };
  const problems: string[] = [];
  const url = endpointOf(name, read(name) ?? '', problems);
  requireOneOf(read, ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'], 'http/protobuf', problems);
  requireOneOf(read, ['OTEL_TRACES_EXPORTER'], 'otlp', problems);
  const sampler = samplerOf(read, problems);
  if (problems.length > 0 || url === undefined || sampler === undefined) return { outcome: 'refused', problems };
  return { outcome: 'on', settings: { url, sampler } };
}

/** The endpoint of all signals has one path each; that of traces is taken as it is. */
function endpointOf(name: string, text: string, problems: string[]): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    problems.push(`${name}: must be an http or https URL, such as http://collector:4318`);
    return undefined;
  }
  if (name === 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') return text;
  return `${text.replace(/\/$/, '')}/v1/traces`;
}

type Read = (name: string) => string | undefined;

/** The first of the names that is set counts. */
function requireOneOf(read: Read, names: readonly string[], only: string, problems: string[]): void {
  const name = names.find((one) => read(one) !== undefined);
  if (name !== undefined && read(name) !== only) problems.push(`${name}: must be ${only}, nothing else is spoken here`);
}

function samplerOf(read: Read, problems: string[]): Sampler | undefined {
  const name = read('OTEL_TRACES_SAMPLER');
  const argument = read('OTEL_TRACES_SAMPLER_ARG');
  const known = samplers[name ?? 'parentbased_traceidratio'];
  if (known === undefined) {
    problems.push(`OTEL_TRACES_SAMPLER: must be one of ${Object.keys(samplers).join(', ')}`);
    return undefined;
  }
  if (known.ratio !== 'argument') return { ...known, ratio: known.ratio };
  // As its specification has it, whoever names a ratio and no number wants all.
  const ratio = argument === undefined ? (name === undefined ? standardRatio : 1) : Number(argument);
  if (ratio >= 0 && ratio <= 1) return { parentBased: known.parentBased, ratio };
  problems.push('OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1');
  return undefined;
}

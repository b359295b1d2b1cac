/** The commands of an operator on duty beside `keys`: their words, questions and exit codes. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify as toYaml } from 'yaml';
import { environmentOf } from './config/load.ts';
import { Exit } from './exit.ts';
import { outputs } from './key-commands.ts';
import type { Finding } from './probe.ts';

export type Flags = Readonly<Record<string, string | undefined>>;

/** Lines that end a help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  nauthera-server ${line}`).join('\n')}`;
}

export function addProbe(root: Command): void {
  root
    .command('probe <issuer>')
    .description(
      'Asks an issuer what every application asks first: over verified TLS, its discovery document and its keys. Ends with 0 when all is well, 1 when it answers and something is wrong, 3 when it did not answer in time.',
    )
    .option('--ca <FILE>', `PEM certificates to trust in place of the public ones. [${environmentOf('ca')}]`)
    .option('--timeout <SECONDS>', 'How long it may take until it answers. Default: 60.')
    .option('-o, --output <table|json|yaml>', 'How what was found is printed. Default: table.')
    .addHelpText(
      'after',
      examples('probe https://id.example.com', 'probe https://default.auth.svc --ca /etc/nauthera/ca.crt'),
    )
    .action(runProbe);
}

async function runProbe(issuer: string, flags: Flags): Promise<void> {
  const { probe } = await import('./probe.ts');
  const output = outputs.find((one) => one === (flags.output ?? 'table'));
  if (output === undefined) throw new Exit(2, `--output: must be one of ${outputs.join(', ')}`);
  const seconds = Number(flags.timeout ?? '60');
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 3600)
    throw new Exit(2, '--timeout: must be 0 to 3600 seconds');
  const file = flags.ca ?? process.env[environmentOf('ca')];
  const result = await probe({
    issuer,
    ...(file === undefined || file === '' ? {} : { ca: readCa(file) }),
    patience: seconds * 1000,
    onProgress: (line) => console.error(line),
  });
  const text = show(result.findings, output);
  if (text !== '') console.log(text);
  if (result.outcome !== 'good') throw new Exit(result.outcome === 'no' ? 1 : 3, result.problem);
}

function readCa(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch {
    // Said below.
  }
  throw new Exit(2, `--ca ${file}: cannot be read as PEM certificates`);
}

function show(findings: readonly Finding[], output: (typeof outputs)[number]): string {
  if (output === 'json') return JSON.stringify(findings, null, 2);
  if (output === 'yaml') return toYaml(findings).trimEnd();
  return findings.map(({ check, found }) => `${check.padEnd(9)}  ok  ${found}`).join('\n');
}

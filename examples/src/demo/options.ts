/** The command line of the demo. */
import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** Start, let another process play every flow, stop. */
  readonly check: boolean;
  /** With `check`: the file that gets every message that was seen, as JSON; one or none. */
  readonly observations: readonly string[];
  /** Forget what earlier runs kept. */
  readonly fresh: boolean;
  /** Any free ports instead of the well-known ones; resources are copied then, because they name one. */
  readonly freePorts: boolean;
  /** Where database, keys and Secrets are kept, relative to the current folder. */
  readonly folder: string;
}

export const usage = `Usage: npm run demo -- [OPTIONS]

Starts the whole product on this machine, reachable from it alone: the authorization server with an embedded Postgres, a
small LDAP directory, sample resources, and a sample application that shows every message of the flows.

  --check            play every flow from a second process, print what it did, stop; exit code 0, or 1 when a step failed
  --observations F   with --check: also write every message that was seen to the file F, as JSON
  --fresh            forget what earlier runs kept (database, keys, Secrets)
  --free-ports       use any free ports; resources are then read from a copy in the demo's folder
  --folder F         the demo's folder (default .demo, or .demo-free-ports with --free-ports)
  --help             this text

Examples:
  npm run demo
  npm run demo -- --check`;

/** @returns a problem as text where the command line is wrong. */
export function readOptions(args: readonly string[]): DemoOptions | 'help' | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: 'boolean', default: false },
        observations: { type: 'string' },
        fresh: { type: 'boolean', default: false },
        'free-ports': { type: 'boolean', default: false },
        folder: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return 'help';
    const freePorts = values['free-ports'];
    // Another demo may be running, and its database serves one process at a time.
    const folder = values.folder ?? (freePorts ? '.demo-free-ports' : '.demo');
    const observations = values.observations === undefined ? [] : [values.observations];
    if (observations.length > 0 && !values.check) return { problem: '--observations goes with --check' };
    return { check: values.check, observations, fresh: values.fresh, freePorts, folder };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

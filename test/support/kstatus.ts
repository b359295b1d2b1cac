/** How Flux and Helm 4 judge objects: kstatus, their library, built from `tools/kstatus`. */
import { execFile } from 'node:child_process';
import { type GoTool, goTool } from './go-tools.ts';

const kstatus: GoTool = {
  name: 'kstatus',
  module: 'kstatus',
  from: '.',
  versionOf: 'github.com/fluxcd/cli-utils',
};

/** Status and message of each. */
export async function judgedByKstatus(objects: readonly object[]): Promise<readonly (readonly string[])[]> {
  const program = await goTool(kstatus);
  const said = await new Promise<string>((resolve, reject) => {
    const child = execFile(program, { maxBuffer: 1 << 26 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(objects.map((one) => JSON.stringify(one)).join('\n'));
  });
  return said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
}

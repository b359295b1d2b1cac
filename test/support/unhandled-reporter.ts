/**
 * A reporter of vitest that writes down, in the file `UNHANDLED_ERRORS`, what went wrong outside of every test: the report as
 * JSON does not have it.
 */
import { writeFile } from 'node:fs/promises';
import type { Reporter } from 'vitest/node';

export default class UnhandledReporter implements Reporter {
  async onTestRunEnd(_modules: unknown, errors: Parameters<NonNullable<Reporter['onTestRunEnd']>>[1]): Promise<void> {
    const file = process.env['UNHANDLED_ERRORS'];
    if (file === undefined) throw new Error('UNHANDLED_ERRORS names no file');
    await writeFile(file, JSON.stringify(errors.map(({ name, message, stack }) => stack ?? `${name}: ${message}`)));
  }
}

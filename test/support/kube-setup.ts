/** Builds what the layer `cluster` runs before its first test: minutes of a cold build are no test's time. */
import { helmProgram, kubePrograms } from './kube-binaries.ts';

export async function setup(): Promise<void> {
  await kubePrograms();
  for (const major of [4, 3] as const) await helmProgram(major);
}

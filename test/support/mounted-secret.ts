/** A folder as the kubelet mounts a Secret: files are links through `..data`, which one rename turns to the next version. */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class MountedSecret {
  readonly folder: string;
  #version = 0;

  /** @param folder is made; must not be there yet */
  constructor(folder: string, data: Readonly<Record<string, string>>) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.write(data);
    for (const name of Object.keys(data)) symlinkSync(join('..data', name), join(folder, name));
  }

  /** Atomically: a reader finds all of the old or all of the new content. */
  write(data: Readonly<Record<string, string>>): void {
    const former = this.#version === 0 ? undefined : readlinkSync(join(this.folder, '..data'));
    this.#version += 1;
    const next = `..version_${this.#version}`;
    mkdirSync(join(this.folder, next));
    for (const [name, text] of Object.entries(data)) writeFileSync(join(this.folder, next, name), text);
    symlinkSync(next, join(this.folder, '..data_tmp'));
    renameSync(join(this.folder, '..data_tmp'), join(this.folder, '..data'));
    if (former !== undefined) rmSync(join(this.folder, former), { recursive: true });
  }
}

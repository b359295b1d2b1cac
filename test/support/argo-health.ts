/** How Argo CD judges an object of ours: the script of `charts/gitops`, run by the dialect of Lua that it has. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const file = join(import.meta.dirname, '../../charts/gitops/argocd-cm.yaml');

/** A table of Lua. `null` is left out, as in a decoded object. */
function lua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(lua).join(', ')}}`;
  if (typeof value === 'string') return luaString(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .filter(([, member]) => member !== null)
    .map(([key, member]) => `[${luaString(key)}] = ${lua(member)}`)
    .join(', ')}}`;
}

/** Byte by byte: Lua has other escapes than JSON. */
function luaString(text: string): string {
  return `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

/** Status and message. @throws when there is no `lua5.1` here, or the script fails */
export function judgedByArgo(object: unknown): readonly string[] {
  const { data } = parse(readFileSync(file, 'utf8')) as { data: Record<string, string> };
  const customizations = parse(data['resource.customizations'] ?? '') as Record<string, Record<string, string>>;
  const script = customizations['auth.nauthera.io/*']?.['health.lua'] ?? '';
  const program = `local obj = ${lua(object)}\nlocal judge = function()\n${script}\nend\nlocal found = judge()\nio.write(found.status, "\\n", found.message)`;
  try {
    return execFileSync('lua5.1', ['-'], { input: program, encoding: 'utf8' }).split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Error('lua5.1 is not here: apt-get install lua5.1', { cause: error });
    throw error;
  }
}

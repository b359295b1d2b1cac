/** `ceilings/tokens.ts` as a process of a bench. */
import type { Declared, Running, Stage } from './stage.ts';

export type Sign = 'inline' | 'batched' | 'stored';

export function tokensCeiling(
  stage: Stage,
  { databaseUrl, clients, sign }: Pick<Declared, 'databaseUrl'> & { readonly clients: number; readonly sign: Sign },
): Promise<Running> {
  return stage.program(new URL('ceilings/tokens.ts', import.meta.url).pathname, {
    CLIENTS: String(clients),
    SIGN: sign,
    DATABASE_URL: databaseUrl,
  });
}

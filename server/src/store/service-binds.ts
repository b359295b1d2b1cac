/**
 * What replicas know of the service passwords that they sign in to directories with: which one worked, which one was
 * refused, and who tries an unknown one just now, so that of all replicas one does. Only keyed digests are kept.
 */
import type { Database, Statement } from './database.ts';

// A claim ends by itself: a replica may be killed between asking and telling. A password that was accepted is claimed too: it
// may have been changed since, and then one try has to be enough.
const claim: Statement = {
  name: 'service_bind_claim',
  text: `WITH mine AS (
      INSERT INTO service_binds AS s (directory, fingerprint, state, claimed_until) VALUES ($1, $2, 'trying', now() + interval '5 seconds')
      ON CONFLICT (directory, fingerprint) DO UPDATE SET claimed_until = now() + interval '5 seconds'
      WHERE s.state <> 'refused' AND coalesce(s.claimed_until, '-infinity') <= now()
      RETURNING 1)
    SELECT CASE WHEN EXISTS (SELECT FROM mine) THEN 'claimed' ELSE s.state END AS state, s.server
    FROM (VALUES (1)) AS always(one) LEFT JOIN service_binds s ON s.directory = $1 AND s.fingerprint = $2`,
};

// A password that works is another one than those before: what was refused then may be right once more some day.
const accept: Statement = {
  name: 'service_bind_accept',
  text: `WITH others AS (DELETE FROM service_binds WHERE directory = $1 AND fingerprint <> $2)
    INSERT INTO service_binds (directory, fingerprint, state) VALUES ($1, $2, 'accepted')
    ON CONFLICT (directory, fingerprint) DO UPDATE SET state = 'accepted', claimed_until = NULL, server = NULL`,
};

const refuse: Statement = {
  name: 'service_bind_refuse',
  text: `INSERT INTO service_binds (directory, fingerprint, state, server) VALUES ($1, $2, 'refused', $3)
    ON CONFLICT (directory, fingerprint) DO UPDATE SET state = 'refused', claimed_until = NULL, server = $3`,
};

const release: Statement = {
  name: 'service_bind_release',
  text: `WITH proven AS (UPDATE service_binds SET claimed_until = NULL
      WHERE directory = $1 AND fingerprint = $2 AND state = 'accepted')
    DELETE FROM service_binds WHERE directory = $1 AND fingerprint = $2 AND state = 'trying'`,
};

export type ServiceBindClaim =
  | { readonly state: 'claimed' | 'wait' | 'confirming' }
  | { readonly state: 'refused'; readonly server: string };

export interface ServiceBindStore {
  claim(directory: string, fingerprint: Buffer): Promise<ServiceBindClaim>;
  settle(
    directory: string,
    fingerprint: Buffer,
    outcome: 'accepted' | 'refused' | 'undecided',
    server: string,
  ): Promise<void>;
}

interface ClaimRow {
  /** `null`: somebody else's row is not committed yet. */
  state: 'claimed' | 'trying' | 'accepted' | 'refused' | null;
  server: string | null;
}

export function serviceBindStore(database: Database): ServiceBindStore {
  return {
    async claim(directory, fingerprint) {
      const { rows } = await database.run<ClaimRow>(claim, [directory, fingerprint]);
      const state = rows[0]?.state ?? 'trying';
      if (state === 'refused') return { state, server: rows[0]?.server ?? '' };
      if (state === 'accepted') return { state: 'confirming' };
      return { state: state === 'trying' ? 'wait' : state };
    },
    async settle(directory, fingerprint, outcome, server) {
      switch (outcome) {
        case 'accepted':
          await database.run(accept, [directory, fingerprint]);
          return;
        case 'refused':
          await database.run(refuse, [directory, fingerprint, server]);
          return;
        case 'undecided':
          await database.run(release, [directory, fingerprint]);
          return;
      }
    },
  };
}

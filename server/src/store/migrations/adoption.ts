/**
 * Rows of a cluster that is gone are taken over by the one that was built in its place. There every resource has another
 * uid, while grants, consents and tokens hang on the uid that the client had: `identity` keeps that one beside it. Nothing
 * else is rewritten, however many grants there are.
 *
 * A row that was taken over is `adopted` until the resource of its namespace and name claims it; only then the new uid
 * inherits. Any later uid is a resource made anew, without the old one's grants.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** True for a row that is not there exactly as asked, or was not claimed yet. */
const differs = `(coalesce(r.adopted, false) OR (r.source, r.namespace, r.name, r.uid, r.format, r.withdrawn, r.body, r.sealed)
  IS DISTINCT FROM (source_, i.namespace, i.name, i.uid, i.format, i.withdrawn, i.body, i.sealed))`;

/** By uid or by (source, namespace, name): an edit by hand of either leaves the owner able to repair it. */
const own = `(r.uid = i.uid OR (r.source, r.namespace, r.name) = (source_, i.namespace, i.name))`;

/** True where somebody else has the id, or it is reserved for another namespace. */
const refused = `CASE WHEN r.id IS NOT NULL THEN NOT ${own}
  ELSE coalesce(t.uid <> i.uid AND (t.source, t.namespace) <> (source_, i.namespace), false) END`;

// The one server's id is no name that anybody could be impersonated by: its next owner need not wait.
const standing = `LEFT JOIN registry r ON r.kind = i.kind AND r.id = i.id
  LEFT JOIN registry_tombstones t ON t.kind = i.kind AND t.id = i.id AND t.kind <> 'server'
    AND t.deleted_at > now() - interval '24 hours'`;

/** As in the first migration, and: who claims an adopted row keeps its identity. */
const put = `CREATE OR REPLACE FUNCTION registry_put(source_ text, created_ bigint, transitions_ bigint, input_ jsonb)
RETURNS TABLE (place integer, outcome text, owner_source text, owner_namespace text, owner_name text, owner_uid text,
  epoch text, n bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  wanted registry_input[] := (SELECT array_agg(i) FROM jsonb_populate_recordset(NULL::registry_input, input_) i);
  granted registry_input[];
  former tid[];
  written text[] := '{}';
BEGIN
  IF EXISTS (SELECT FROM unnest(wanted) i LEFT JOIN registry r ON r.kind = i.kind AND r.id = i.id WHERE ${differs})
    OR NOT EXISTS (SELECT FROM registry_fences f
      WHERE f.source = source_ AND (f.lease_created, f.lease_transitions) = (created_, transitions_)) THEN
    IF NOT registry_admit(source_, created_, transitions_) THEN
      RETURN QUERY SELECT 0, 'fenced', NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint;
      RETURN;
    END IF;
    -- From here on nobody else changes the registry until we commit.
    PERFORM FROM registry_revision FOR UPDATE;
  END IF;

  RETURN QUERY
    SELECT i.place, CASE WHEN r.id IS NULL THEN 'reserved' ELSE 'conflict' END, coalesce(r.source, t.source),
      coalesce(r.namespace, t.namespace), coalesce(r.name, t.name), coalesce(r.uid, t.uid), NULL::text, NULL::bigint
    FROM unnest(wanted) i ${standing} WHERE ${refused};
  granted := (SELECT array_agg(i::registry_input) FROM unnest(wanted) i ${standing} WHERE NOT ${refused});

  -- Two index look-ups a row; one condition with OR would read the table for each.
  former := (SELECT array_agg(f.ctid) FROM (
    SELECT r.ctid FROM unnest(granted) i JOIN registry r ON r.uid = i.uid AND r.kind = i.kind AND r.id <> i.id
    UNION
    SELECT r.ctid FROM unnest(granted) i JOIN registry r ON r.source = source_ AND r.kind = i.kind
      AND r.namespace = i.namespace AND r.name = i.name AND r.id <> i.id) f);
  IF former IS NOT NULL THEN
    DELETE FROM registry WHERE ctid = ANY (former);
  END IF;

  IF EXISTS (SELECT FROM unnest(granted) i LEFT JOIN registry r ON r.kind = i.kind AND r.id = i.id WHERE ${differs}) THEN
    WITH touched AS (
      INSERT INTO registry AS r (kind, id, source, namespace, name, uid, format, withdrawn, body, sealed, n)
      SELECT i.kind, i.id, source_, i.namespace, i.name, i.uid, i.format, i.withdrawn, i.body, i.sealed, 0
      FROM unnest(granted) i
      ON CONFLICT (kind, id) DO UPDATE SET source = excluded.source, namespace = excluded.namespace, name = excluded.name,
        uid = excluded.uid, format = excluded.format, withdrawn = excluded.withdrawn, body = excluded.body,
        sealed = excluded.sealed, adopted = false,
        identity = CASE WHEN r.uid = excluded.uid THEN r.identity WHEN r.adopted THEN coalesce(r.identity, r.uid) END
      WHERE r.adopted OR (r.source, r.namespace, r.name, r.uid, r.format, r.withdrawn, r.body, r.sealed) IS DISTINCT FROM
        (excluded.source, excluded.namespace, excluded.name, excluded.uid, excluded.format, excluded.withdrawn,
          excluded.body, excluded.sealed)
      RETURNING r.kind || '/' || r.id AS key)
    SELECT array_agg(key) INTO written FROM touched;
    INSERT INTO audit (id, event, outcome, registrations) VALUES (gen_random_uuid(), 'registration.put', 'success', written);
  END IF;

  RETURN QUERY
    SELECT i.place, CASE WHEN i.kind || '/' || i.id = ANY (written) THEN 'written' ELSE 'unchanged' END,
      NULL::text, NULL::text, NULL::text, NULL::text, v.epoch, r.n
    FROM unnest(granted) i JOIN registry r ON r.kind = i.kind AND r.id = i.id CROSS JOIN registry_revision v;
END $$`;

/**
 * Takes over rows of another source, at most `most_` of them; `left`: there may be more. The server's own row comes last:
 * whoever is cut off in between goes on where it stopped. Refused where the database serves an AuthorizationServer of
 * neither the one source nor the caller.
 */
const adopt = `CREATE FUNCTION registry_adopt(source_ text, created_ bigint, transitions_ bigint, from_ text,
  namespace_ text, name_ text, most_ integer)
RETURNS TABLE (outcome text, moved bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  keys text[];
BEGIN
  IF NOT registry_admit(source_, created_, transitions_) THEN
    RETURN QUERY SELECT 'fenced', 0::bigint;
    RETURN;
  END IF;
  PERFORM FROM registry_revision FOR UPDATE;
  IF from_ = source_ OR EXISTS (SELECT FROM registry r WHERE r.kind = 'server' AND r.source <> from_
    AND (r.source, r.namespace, r.name) <> (source_, namespace_, name_)) THEN
    RETURN QUERY SELECT 'refused', 0::bigint;
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM registry r WHERE r.source = from_ AND r.kind <> 'server') THEN
    WITH page AS (SELECT r.kind, r.id FROM registry r WHERE r.source = from_ AND r.kind <> 'server' LIMIT most_),
      touched AS (UPDATE registry r SET source = source_, adopted = true FROM page
        WHERE r.kind = page.kind AND r.id = page.id RETURNING r.kind || '/' || r.id AS key)
    SELECT array_agg(key) INTO keys FROM touched;
    INSERT INTO audit (id, event, outcome, registrations) VALUES (gen_random_uuid(), 'registration.put', 'success', keys);
    RETURN QUERY SELECT 'left', cardinality(keys)::bigint;
    RETURN;
  END IF;
  -- Freed names stay reserved for the namespaces that freed them.
  UPDATE registry_tombstones SET source = source_ WHERE source = from_;
  UPDATE registry SET source = source_, namespace = namespace_, name = name_ WHERE kind = 'server' AND source = from_;
  RETURN QUERY SELECT 'adopted', 0::bigint;
END $$`;

const statements = [
  // Null: grants hang on the uid itself.
  `ALTER TABLE registry ADD COLUMN identity text, ADD COLUMN adopted boolean NOT NULL DEFAULT false`,
  put,
  adopt,
];

export const adoption: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};

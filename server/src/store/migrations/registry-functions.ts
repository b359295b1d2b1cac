/**
 * Functions of the registry. Trigger functions run with their owner's rights and search path: a role that may change a
 * registration and nothing else raises the revision all the same.
 *
 * `registry_put` and `registry_delete` are functions because each is one round trip and one transaction, and because every
 * statement inside sees what is committed by then: after the revision row is locked nobody else changes the registry, so
 * owner and reservation are decided on the truth.
 */
const triggerRights = 'LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT';

const raiseRevision = `CREATE FUNCTION registry_raise_revision() RETURNS trigger ${triggerRights} AS $$
DECLARE revision registry_revision;
BEGIN
  -- Once a transaction: INSERT … ON CONFLICT fires for INSERT and for UPDATE. xmin is the transaction that wrote the row.
  UPDATE registry_revision SET n = n + 1 WHERE xmin <> pg_current_xact_id()::xid RETURNING * INTO revision;
  IF FOUND THEN
    PERFORM pg_notify('nauthera_registry', revision.epoch || ':' || revision.n);
  ELSIF NOT EXISTS (SELECT FROM registry_revision) THEN
    -- Deleted by hand: nobody knows what was missed.
    INSERT INTO registry_revision (epoch, n) VALUES (gen_random_uuid()::text, 1);
  END IF;
  RETURN NULL;
END $$`;

const stamp = `CREATE FUNCTION registry_stamp() RETURNS trigger ${triggerRights} AS $$
BEGIN
  SELECT n INTO STRICT NEW.n FROM registry_revision;
  RETURN NEW;
END $$`;

const layTombstone = `CREATE FUNCTION registry_lay_tombstone() RETURNS trigger ${triggerRights} AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (OLD.kind, OLD.id) = (NEW.kind, NEW.id) THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO registry_tombstones (kind, id, source, namespace, name, uid, n)
    SELECT OLD.kind, OLD.id, OLD.source, OLD.namespace, OLD.name, OLD.uid, revision.n FROM registry_revision revision
    ON CONFLICT (kind, id) DO UPDATE SET source = excluded.source, namespace = excluded.namespace, name = excluded.name,
      uid = excluded.uid, n = excluded.n, deleted_at = excluded.deleted_at;
  RETURN NULL;
END $$`;

// A row and its own tombstone never stand side by side, or a reader could not tell which came last.
const liftTombstone = `CREATE FUNCTION registry_lift_tombstone() RETURNS trigger ${triggerRights} AS $$
BEGIN
  DELETE FROM registry_tombstones WHERE kind = NEW.kind AND id = NEW.id;
  RETURN NULL;
END $$`;

const beginEpoch = `CREATE FUNCTION registry_begin_epoch() RETURNS trigger ${triggerRights} AS $$
BEGIN
  UPDATE registry_revision SET epoch = gen_random_uuid()::text, n = n + 1;
  PERFORM pg_notify('nauthera_registry', '');
  RETURN NULL;
END $$`;

/** Records a leadership, and says whether it is the newest. The row stays locked, so that no newer one slips in between. */
const admit = `CREATE FUNCTION registry_admit(source_ text, created_ bigint, transitions_ bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO registry_fences AS fence (source, lease_created, lease_transitions) VALUES (source_, created_, transitions_)
    ON CONFLICT (source) DO UPDATE SET lease_created = excluded.lease_created, lease_transitions = excluded.lease_transitions
    WHERE (excluded.lease_created, excluded.lease_transitions) > (fence.lease_created, fence.lease_transitions);
  RETURN EXISTS (SELECT FROM registry_fences
    WHERE source = source_ AND (lease_created, lease_transitions) = (created_, transitions_));
END $$`;

const inputType = `CREATE TYPE registry_input AS (
  place integer, kind text, id text, namespace text, name text, uid text, format integer, withdrawn boolean, body jsonb,
  sealed bytea
)`;

/** True for a row that is not there exactly as asked. */
const differs = `(r.source, r.namespace, r.name, r.uid, r.format, r.withdrawn, r.body, r.sealed)
  IS DISTINCT FROM (source_, i.namespace, i.name, i.uid, i.format, i.withdrawn, i.body, i.sealed)`;

/** By uid or by (source, namespace, name): an edit by hand of either leaves the owner able to repair it. */
const own = `(r.uid = i.uid OR (r.source, r.namespace, r.name) = (source_, i.namespace, i.name))`;

/** True where somebody else has the id, or it is reserved for another namespace. */
const refused = `CASE WHEN r.id IS NOT NULL THEN NOT ${own}
  ELSE coalesce(t.uid <> i.uid AND (t.source, t.namespace) <> (source_, i.namespace), false) END`;

// The one server's id is no name that anybody could be impersonated by: its next owner need not wait.
const standing = `LEFT JOIN registry r ON r.kind = i.kind AND r.id = i.id
  LEFT JOIN registry_tombstones t ON t.kind = i.kind AND t.id = i.id AND t.kind <> 'server'
    AND t.deleted_at > now() - interval '24 hours'`;

/**
 * Rows of one source, distinct by id and by owner; one result a row. Nothing is written and no revision raised when every
 * row is there as asked (and the leadership is known).
 *
 * The uid of an owner may change: that is a resource made anew. An id that it had before is given up once the new one is
 * granted.
 */
const put = `CREATE FUNCTION registry_put(source_ text, created_ bigint, transitions_ bigint, input_ jsonb)
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
        sealed = excluded.sealed
      WHERE (r.source, r.namespace, r.name, r.uid, r.format, r.withdrawn, r.body, r.sealed) IS DISTINCT FROM
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
 * Removes what a resource of this source declared, by its uid. Sweeps tombstones that are a week old on the way; a follower
 * that was away for longer loads everything anew.
 */
const remove = `CREATE FUNCTION registry_delete(source_ text, created_ bigint, transitions_ bigint, kind_ text, uid_ text)
RETURNS TABLE (outcome text, epoch text, n bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  gone text[];
  swept bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM registry r WHERE r.source = source_ AND r.kind = kind_ AND r.uid = uid_) THEN
    RETURN QUERY SELECT 'absent', NULL::text, NULL::bigint;
    RETURN;
  END IF;
  IF NOT registry_admit(source_, created_, transitions_) THEN
    RETURN QUERY SELECT 'fenced', NULL::text, NULL::bigint;
    RETURN;
  END IF;
  WITH touched AS (DELETE FROM registry r WHERE r.source = source_ AND r.kind = kind_ AND r.uid = uid_
    RETURNING r.kind || '/' || r.id AS key)
  SELECT array_agg(key) INTO gone FROM touched;
  INSERT INTO audit (id, event, outcome, registrations)
    SELECT gen_random_uuid(), 'registration.deleted', 'success', gone WHERE gone IS NOT NULL;
  WITH old AS (DELETE FROM registry_tombstones t WHERE t.deleted_at < now() - interval '7 days' RETURNING t.n)
  SELECT max(old.n) INTO swept FROM old;
  IF swept IS NOT NULL THEN
    UPDATE registry_revision SET swept_n = greatest(swept_n, swept);
  END IF;
  RETURN QUERY SELECT CASE WHEN gone IS NULL THEN 'absent' ELSE 'deleted' END, v.epoch, v.n FROM registry_revision v;
END $$`;

export const registryFunctions = [
  raiseRevision,
  stamp,
  layTombstone,
  liftTombstone,
  beginEpoch,
  admit,
  inputType,
  put,
  remove,
];

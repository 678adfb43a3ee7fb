//! The queries of the catalog (PostgreSQL manual, chapter "System Catalogs"; 12 and later).
//!
//! `SCOPE` stands for a condition on the schema `n`, `NAMESPACE` for its name, NULL for the default one.

/// Schemas, and which one is the default.
pub(super) const SCHEMAS: &str = "\
SELECT n.nspname::text, n.nspname = current_schema() FROM pg_namespace n WHERE SCOPE ORDER BY 1";

/// Tables and views. A partition belongs to its table.
pub(super) const TABLES: &str = "\
SELECT c.oid::int8, NAMESPACE, c.relname::text, c.relkind::text, obj_description(c.oid, 'pg_class'),
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    array_remove(ARRAY[
        CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
        (SELECT 'INHERITS (' || string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) || ')'
            FROM pg_inherits h WHERE h.inhrelid = c.oid),
        'WITH (' || array_to_string(c.reloptions, ', ') || ')',
        CASE WHEN c.relrowsecurity THEN 'ROW LEVEL SECURITY' END
    ], NULL) || ARRAY(
        SELECT CASE WHEN NOT k.convalidated THEN 'NOT VALID of ' WHEN k.contype = 'c' THEN 'NO INHERIT of '
                ELSE 'the list of columns that ON DELETE sets of ' END || k.conname
        FROM pg_constraint k
        WHERE k.conrelid = c.oid AND (NOT k.convalidated OR (k.contype = 'c' AND k.connoinherit)
            OR to_jsonb(k) -> 'confdelsetcols' <> 'null')
        ORDER BY k.conname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND SCOPE
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2 NULLS FIRST, 3";

/// Columns. An enum that is not of the default schema says its own, even where `search_path` has it.
pub(super) const COLUMNS: &str = "\
SELECT a.attrelid::int8, a.attname::text,
    coalesce((SELECT quote_ident(m.nspname) || '.' || quote_ident(e.typname) || CASE WHEN e.oid = t.oid THEN '' ELSE '[]' END
        FROM pg_type e JOIN pg_namespace m ON m.oid = e.typnamespace
        WHERE e.oid IN (t.oid, t.typelem) AND e.typtype = 'e' AND m.nspname <> current_schema()),
        format_type(a.atttypid, a.atttypmod)),
    NOT a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text, a.attidentity::text,
    q.owned, q.start, q.increment, q.min, q.max, q.cache, q.cycle, q.type,
    CASE WHEN a.attcollation <> t.typcollation
        THEN (SELECT o.collname::text FROM pg_collation o WHERE o.oid = a.attcollation) END,
    col_description(a.attrelid, a.attnum)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN LATERAL (
    SELECT p.deptype = 'a' AS owned, s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS min,
        s.seqmax AS max, s.seqcache AS cache, s.seqcycle AS cycle, s.seqtypid::regtype::text AS type
    FROM pg_depend p JOIN pg_sequence s ON s.seqrelid = p.objid
    WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
        AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i')
    LIMIT 1
) q ON TRUE
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND SCOPE
ORDER BY a.attrelid, a.attnum";

/// Constraints. Those that PostgreSQL makes for the partitions of a table have a parent.
pub(super) const CONSTRAINTS: &str = "\
SELECT k.conrelid::int8, k.conname::text, k.contype::text,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
    k.condeferrable, k.condeferred,
    CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid) WHEN 'x' THEN pg_get_constraintdef(k.oid) END,
    (SELECT nullif(f.nspname::text, current_schema()::text) FROM pg_namespace f WHERE f.oid = r.relnamespace),
    r.relname::text,
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place),
    k.confdeltype::text, k.confupdtype::text, k.confmatchtype = 'f',
    ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(number, place)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
        WHERE u.place > i.indnkeyatts ORDER BY u.place),
    (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class r ON r.oid = k.confrelid
LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
WHERE k.contype IN ('p', 'u', 'c', 'f', 'x') AND k.conparentid = 0 AND NOT c.relispartition AND SCOPE
ORDER BY 1, 2";

/// Indexes that are not part of a constraint, a row for each part.
pub(super) const INDEXES: &str = "\
SELECT i.indrelid::int8, x.relname::text, i.indisunique, m.amname::text, pg_get_expr(i.indpred, i.indrelid),
    (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, x.reloptions,
    u.place > i.indnkeyatts,
    a.attname::text,
    CASE WHEN u.number = 0 THEN pg_get_indexdef(i.indexrelid, u.place::int, TRUE) END,
    pg_indexam_has_property(m.oid, 'can_order'), i.indoption[u.place - 1]::int4,
    CASE WHEN NOT oc.opcdefault THEN oc.opcname::text END,
    CASE WHEN i.indcollation[u.place - 1] <> coalesce(a.attcollation, t.typcollation)
        THEN (SELECT o.collname::text FROM pg_collation o WHERE o.oid = i.indcollation[u.place - 1]) END
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am m ON m.oid = x.relam
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY u(number, place)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number AND u.number <> 0
LEFT JOIN pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum = u.place
LEFT JOIN pg_type t ON t.oid = ia.atttypid
LEFT JOIN pg_opclass oc ON oc.oid = i.indclass[u.place - 1] AND u.place <= i.indnkeyatts
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND SCOPE
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY 1, 2, u.place";

/// Sequences that belong to no column.
pub(super) const SEQUENCES: &str = "\
SELECT NAMESPACE, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND SCOPE
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
ORDER BY 1 NULLS FIRST, 2";

/// Enum types.
pub(super) const ENUMS: &str = "\
SELECT NAMESPACE, t.typname::text,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND SCOPE
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY 1 NULLS FIRST, 2";

//! Changes of a type that leave the rows as they are stored.

/// True when PostgreSQL changes a column from one type to the other without writing its table anew (PostgreSQL manual, "ALTER
/// TABLE", notes): limits that are wider or gone.
pub fn keeps_stored_form(from: &str, to: &str) -> bool {
    let ((one, from_sizes), (other, to_sizes)) = (parts(from), parts(to));
    let is_text = |name: &str| matches!(name, "text" | "character varying");
    let wider = || match (from_sizes.as_slice(), to_sizes.as_slice()) {
        (_, []) => true,
        ([from], [to]) => from <= to,
        _ => false,
    };
    match (one.as_str(), other.as_str()) {
        (one, "text") if is_text(one) => true,
        (one, "character varying") if is_text(one) => {
            to_sizes.is_empty() || (one == "character varying" && !from_sizes.is_empty() && wider())
        }
        ("numeric", "numeric") => match (from_sizes.as_slice(), to_sizes.as_slice()) {
            (_, []) => true,
            ([from, scale], [to, other]) => from <= to && scale == other,
            _ => false,
        },
        ("bit varying", "bit varying") => wider() && (!from_sizes.is_empty() || to_sizes.is_empty()),
        ("cidr", "inet") => true,
        _ => false,
    }
}

/// What a column's values become when it changes to `to`, as USING has it; None where PostgreSQL converts them by itself, and to
/// the same everywhere. A cast by way of text is to a type without a length, so that the column refuses values that are too long
/// where the cast would cut them. Times get and lose the zone UTC, whatever the server's is.
pub fn conversion(column: &str, from: &str, to: &str) -> Option<String> {
    let is_number = |name: &str| {
        matches!(name, "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision")
    };
    let is_time = |name: &str| name == "date" || name.starts_with("timestamp");
    let (one, other) = (parts(from).0, parts(to).0);
    let converts = |is_one: &dyn Fn(&str) -> bool| is_one(&one) && is_one(&other);
    if converts(&is_time) {
        return in_utc(column, from, to);
    }
    if keeps_stored_form(from, to) || converts(&is_number) {
        return None;
    }
    let element = to.trim_end_matches("[]");
    let brackets = &to[element.len()..];
    let whole = match element.split_once('(').map(|(name, _)| name) {
        Some(name @ ("character varying" | "bit varying")) => name,
        Some("character") => "bpchar",
        Some("bit") => "\"bit\"",
        _ => element,
    };
    // An enum has casts to and from text only.
    Some(format!("{column}::text::{whole}{brackets}"))
}

/// PostgreSQL takes the session's zone for what has none.
fn in_utc(column: &str, from: &str, to: &str) -> Option<String> {
    let has_zone = |data_type: &str| data_type.ends_with(" with time zone");
    Some(match (from, to) {
        ("date", to) if has_zone(to) => format!("{column}::timestamp AT TIME ZONE 'UTC'"),
        (from, "date") if has_zone(from) => format!("({column} AT TIME ZONE 'UTC')::date"),
        (from, to) if has_zone(from) != has_zone(to) => format!("{column} AT TIME ZONE 'UTC'"),
        _ => return None,
    })
}

/// True when a change of a type may cut a part off the values: digits behind the point, the time of a day; or leaves values that are
/// none of the new type, as SQLite does with bytes.
pub fn loses_parts(from: &str, to: &str) -> bool {
    let scale = |data_type: &str| match parts(data_type) {
        (name, sizes) if name == "numeric" && !sizes.is_empty() => Some(sizes.get(1).copied().unwrap_or(0)),
        _ => None,
    };
    let is_number = |name: &str| matches!(name, "numeric" | "real" | "double precision");
    let (one, other) = (parts(from).0, parts(to).0);
    match (one.as_str(), other.as_str()) {
        (one, "numeric") if is_number(one) => {
            scale(to).is_some_and(|to| scale(from).is_none_or(|from| to < from))
        }
        ("numeric" | "double precision" | "bigint" | "integer", "real") => true,
        ("numeric" | "real" | "double precision", "smallint" | "integer" | "bigint") => true,
        ("numeric" | "bigint", "double precision") => true,
        (one, "date" | "time without time zone") => one.starts_with("timestamp"),
        ("BLOB", other) => other != "BLOB",
        (one, "BLOB") => one != "BLOB",
        _ => false,
    }
}

fn parts(data_type: &str) -> (String, Vec<u32>) {
    let Some((name, rest)) = data_type.split_once('(') else { return (data_type.to_owned(), Vec::new()) };
    let sizes = rest.trim_end_matches(')').split(',').filter_map(|size| size.trim().parse().ok());
    (name.to_owned(), sizes.collect())
}

#[cfg(test)]
mod tests {
    use super::{conversion, keeps_stored_form, loses_parts};

    #[test]
    fn casts_cut_nothing_off() {
        let using = |from, to| conversion("a", from, to);
        assert_eq!(
            using("text[]", "character varying(3)[]").as_deref(),
            Some("a::text::character varying[]")
        );
        assert_eq!(using("text", "numeric(5,2)").as_deref(), Some("a::text::numeric(5,2)"));
        assert_eq!(using("numeric(5,2)", "integer"), None);
        assert_eq!(using("timestamp(3) without time zone", "date"), None);
        for (from, to, loses) in [
            ("numeric(5,2)", "numeric(8,1)", true),
            ("numeric(5,2)", "numeric", false),
            ("double precision", "numeric(5,2)", true),
            ("integer", "numeric(5,2)", false),
            ("numeric(5,2)", "integer", true),
            ("timestamp with time zone", "date", true),
            ("date", "timestamp with time zone", false),
            ("INTEGER", "BLOB", true),
            ("BLOB", "TEXT", true),
            ("BLOB", "BLOB", false),
            ("INTEGER", "TEXT", false),
        ] {
            assert_eq!(loses_parts(from, to), loses, "{from} to {to}");
        }
    }

    #[test]
    fn times_change_their_zone_in_utc() {
        let (naive, aware) = ("timestamp(3) without time zone", "timestamp with time zone");
        for (from, to, using) in [
            (naive, aware, Some("a AT TIME ZONE 'UTC'")),
            (aware, naive, Some("a AT TIME ZONE 'UTC'")),
            ("date", aware, Some("a::timestamp AT TIME ZONE 'UTC'")),
            (aware, "date", Some("(a AT TIME ZONE 'UTC')::date")),
            (aware, "timestamp(3) with time zone", None),
            ("date", naive, None),
        ] {
            assert_eq!(conversion("a", from, to).as_deref(), using, "{from} to {to}");
        }
    }

    #[test]
    fn wider_limits_write_nothing() {
        for (from, to, free) in [
            ("character varying(10)", "character varying(20)", true),
            ("character varying(20)", "character varying(10)", false),
            ("character varying(20)", "text", true),
            ("text", "character varying", true),
            ("text", "character varying(10)", false),
            ("numeric(5,2)", "numeric(8,2)", true),
            ("numeric(5,2)", "numeric(8,3)", false),
            ("numeric(5,2)", "numeric", true),
            ("integer", "bigint", false),
            ("cidr", "inet", true),
        ] {
            assert_eq!(keeps_stored_form(from, to), free, "{from} to {to}");
        }
    }
}

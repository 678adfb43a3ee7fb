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

fn parts(data_type: &str) -> (String, Vec<u32>) {
    let Some((name, rest)) = data_type.split_once('(') else { return (data_type.to_owned(), Vec::new()) };
    let sizes = rest.trim_end_matches(')').split(',').filter_map(|size| size.trim().parse().ok());
    (name.to_owned(), sizes.collect())
}

#[cfg(test)]
mod tests {
    use super::keeps_stored_form;

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

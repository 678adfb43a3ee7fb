//! Names that a convention gives to constraints that have none in the database: `fk_%(table_name)s_%(column_0_name)s`.

use ormkit_core::schema::{Part, Table};

/// The constraint without a name that a convention calls `name`.
pub(super) fn find(table: &Table, name: &str, conventions: &[(String, String)]) -> Option<Part> {
    conventions.iter().find_map(|(kind, template)| {
        let called = |columns: &[String], referred: Option<(&str, &[String])>| {
            written(template, &table.name.name, columns, referred).is_some_and(|made| made == name)
        };
        match &**kind {
            "uq" => {
                let mut all = table.uniques.iter().filter(|unique| unique.name.is_none());
                all.find(|unique| called(&unique.columns, None)).cloned().map(Part::Unique)
            }
            "fk" => {
                let mut all = table.foreign_keys.iter().filter(|key| key.name.is_none());
                let found = all.find(|key| called(&key.columns, Some((&key.table.name, &key.referred))));
                found.cloned().map(Part::ForeignKey)
            }
            "pk" => {
                let key = table.primary_key.clone().filter(|key| key.name.is_none());
                key.filter(|key| called(&key.columns, None)).map(Part::PrimaryKey)
            }
            _ => None,
        }
    })
}

/// The template with its tokens filled in; None where one of them is not known (SQLAlchemy, "Configuring Constraint Naming
/// Conventions").
fn written(
    template: &str,
    table: &str,
    columns: &[String],
    referred: Option<(&str, &[String])>,
) -> Option<String> {
    let mut pieces = template.split("%(");
    let mut text = pieces.next()?.to_owned();
    for piece in pieces {
        let (token, rest) = piece.split_once(")s")?;
        text.push_str(&match token {
            "table_name" => table.to_owned(),
            "referred_table_name" => referred?.0.to_owned(),
            "column_0N_name" => columns.concat(),
            "column_0_N_name" => columns.join("_"),
            _ => {
                let (of, columns) = match token.strip_prefix("referred_") {
                    Some(token) => (token, referred?.1),
                    None => (token, columns),
                };
                let (place, what) = of.strip_prefix("column_")?.split_once('_')?;
                let column = columns.get(place.parse::<usize>().ok()?)?;
                match what {
                    "name" | "key" => column.clone(),
                    "label" => format!("{table}_{column}"),
                    _ => return None,
                }
            }
        });
        text.push_str(rest);
    }
    Some(text)
}

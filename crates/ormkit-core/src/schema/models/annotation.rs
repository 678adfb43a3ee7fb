//! Annotations as a class body can have them: an attribute that is called like a type hides it from type checkers.

use std::collections::HashSet;

use super::Uses;
use super::names::Naming;

/// The types that annotations name, and their modules.
const TYPES: [(&str, &str); 15] = [
    ("Any", "typing"),
    ("Decimal", "decimal"),
    ("UUID", "uuid"),
    ("bool", "builtins"),
    ("bytes", "builtins"),
    ("date", "datetime"),
    ("datetime", "datetime"),
    ("dict", "builtins"),
    ("float", "builtins"),
    ("int", "builtins"),
    ("list", "builtins"),
    ("str", "builtins"),
    ("time", "datetime"),
    ("timedelta", "datetime"),
    ("tuple", "builtins"),
];

/// An annotation in a class with such attributes: a hidden type is called by an alias. What it names is imported.
pub(super) fn written(
    annotation: &str,
    attributes: &HashSet<String>,
    naming: &Naming,
    uses: &mut Uses,
) -> String {
    let mut text = String::new();
    for part in annotation.split_inclusive(|char: char| !char.is_ascii_alphanumeric() && char != '_') {
        let word = part.trim_end_matches(|char: char| !char.is_ascii_alphanumeric() && char != '_');
        let Some((name, module)) = TYPES.iter().find(|(name, _)| *name == word) else {
            text.push_str(part);
            continue;
        };
        let called = match attributes.contains(*name) {
            true => alias(name, naming),
            false => (*name).to_owned(),
        };
        if called != *name {
            uses.standard(module, format!("{name} as {called}"));
        } else if *module != "builtins" {
            uses.standard(module, called.clone());
        }
        text.push_str(&called);
        text.push_str(&part[word.len()..]);
    }
    text
}

/// `date_type`: a name that no attribute has.
fn alias(name: &str, naming: &Naming) -> String {
    let mut alias = format!("{name}_type");
    while naming.is_attribute(&alias) {
        alias.push('_');
    }
    alias
}

//! What can be typed.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};

/// A command with its arguments.
#[derive(Clone)]
pub(super) enum Command {
    Inspect(Inspect),
    Sql(Sql),
    Ping,
}

/// `ormkit inspect`
#[derive(Clone)]
pub(super) struct Inspect {
    pub(super) schemas: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) output: Option<PathBuf>,
}

/// `ormkit sql`
#[derive(Clone)]
pub(super) struct Sql {
    pub(super) models: Vec<String>,
    /// `"postgresql"` or `"sqlite"`.
    pub(super) dialect: String,
    pub(super) drop: bool,
}

const ENVIRONMENT: &str = "\
Environment:
  DATABASE_URL  The database, where --url is not given
  NO_COLOR      No colours, whatever the terminal is

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found something.";

/// The whole of it.
pub(super) fn parser() -> Parser {
    Parser::new("ormkit")
        .about("An async ORM for PostgreSQL and SQLite: what its command line does")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(ENVIRONMENT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .args([
            Arg::new("url")
                .long("url")
                .global(true)
                .value_name("URL")
                .help("The database: postgresql://user@host/name, sqlite:///file.db"),
            flag("json", "Answer with JSON, for programs").global(true),
            flag("debug", "Show the traceback of an error").global(true),
        ])
        .subcommand(
            Parser::new("inspect")
                .about("Print Python models that map the tables of a database")
                .arg(many(
                    "schema",
                    "SCHEMA",
                    "A schema of PostgreSQL beside the default one; may be repeated",
                ))
                .arg(many("table", "TABLE", "Only this table; may be repeated"))
                .arg(
                    Arg::new("output")
                        .long("output")
                        .short('o')
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("Write a file, which must not exist, instead of printing"),
                ),
        )
        .subcommand(
            Parser::new("sql")
                .about("Print the SQL that makes the tables of models")
                .arg(models().required(true))
                .arg(
                    Arg::new("dialect")
                        .long("dialect")
                        .value_name("NAME")
                        .value_parser(["postgresql", "sqlite"])
                        .help("The database's language; without it that of --url"),
                )
                .arg(flag("drop", "The SQL that drops them instead")),
        )
        .subcommand(
            Parser::new("ping")
                .about("Connect to a database, and say what it is and how long a round trip takes"),
        )
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn many(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
}

fn models() -> Arg {
    many("models", "MODULE", "Where the models are: app.models, or app.models:Base; may be repeated")
}

fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many(name).into_iter().flatten().cloned().collect()
}

/// The command, and the database that it needs.
///
/// # Errors
/// What is missing.
pub(super) fn command(matches: &ArgMatches) -> Result<(Command, Option<String>), String> {
    let given = matches.get_one::<String>("url").cloned();
    let environment = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let needed = || {
        given.clone().or_else(environment).ok_or_else(|| {
            "there is no database: give --url, or set DATABASE_URL in the environment".to_owned()
        })
    };
    Ok(match matches.subcommand() {
        Some(("inspect", matches)) => {
            let inspect = Inspect {
                schemas: texts(matches, "schema"),
                tables: texts(matches, "table"),
                output: matches.get_one("output").cloned(),
            };
            (Command::Inspect(inspect), Some(needed()?))
        }
        Some(("sql", matches)) => {
            let said = matches.get_one::<String>("dialect").cloned();
            let dialect = match (said, given.clone().or_else(environment)) {
                (Some(dialect), _) => dialect,
                (None, Some(url)) if url.starts_with("sqlite") => "sqlite".to_owned(),
                (None, Some(_)) => "postgresql".to_owned(),
                (None, None) => return Err("which SQL? Give --dialect or --url".to_owned()),
            };
            let sql = Sql { models: texts(matches, "models"), dialect, drop: matches.get_flag("drop") };
            (Command::Sql(sql), None)
        }
        Some(("ping", _)) => (Command::Ping, Some(needed()?)),
        // Clap asks for one of those above.
        _ => return Err("which command?".to_owned()),
    })
}

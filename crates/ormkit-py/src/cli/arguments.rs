//! What can be typed.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use pyo3::prelude::*;

use super::migrate::{self, Migrate};

/// A command with its arguments.
#[derive(Clone)]
pub(super) enum Command {
    Inspect(Inspect),
    Sql(Sql),
    Lint(Lint),
    Migrate(Migrate),
    Ping,
}

/// `ormkit inspect`
#[derive(Clone)]
pub(super) struct Inspect {
    pub(super) schemas: Vec<String>,
    pub(super) all_schemas: bool,
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

/// `ormkit lint`
#[derive(Clone)]
pub(super) struct Lint {
    /// None: the steps from the database to the models.
    pub(super) files: Vec<PathBuf>,
    pub(super) models: Vec<String>,
    pub(super) dialect: Option<String>,
    /// The major version of PostgreSQL.
    pub(super) version: Option<u32>,
    pub(super) transaction: bool,
    /// The revisions of the project; true: only those that the database has not run.
    pub(super) project: Option<bool>,
}

const ENVIRONMENT: &str = "\
Environment:
  DATABASE_URL    The database, where --url is not given; without it that of alembic.ini
  ALEMBIC_CONFIG  The file, where -c is not given
  NO_COLOR        No colours, whatever the terminal is

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
            value("config", "FILE", "alembic.ini or pyproject.toml, instead of one in the working directory")
                .short('c')
                .global(true),
            value("name", "SECTION", "The section of the ini file [default: alembic]").short('n').global(true),
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
                .arg(flag("schemas", "All schemas of PostgreSQL").conflicts_with("schema"))
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
                .arg(dialect())
                .arg(flag("drop", "The SQL that drops them instead")),
        )
        .subcommand(
            Parser::new("lint")
                .about("Find unsafe steps, in SQL scripts, in revisions, or in what leads from a database to models")
                .after_help(
                    "A comment `ormkit: allow CODE` lets a statement pass. With findings the exit code is 3.",
                )
                .arg(
                    Arg::new("files")
                        .value_name("FILE")
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(PathBuf))
                        .help("SQL scripts, - for the standard input, and revision files (.py); without any, those of the project, or with --models the steps from --url to them"),
                )
                .arg(models().help("The models: dropping a column that they map is a finding of its own"))
                .arg(dialect())
                .arg(
                    Arg::new("postgres")
                        .long("postgres")
                        .value_name("VERSION")
                        .value_parser(value_parser!(u32))
                        .help("The major version of the server that will run the scripts [default: 15]"),
                )
                .arg(flag("pending", "Of the project's revisions only those that the database has not run").conflicts_with("files"))
                .arg(flag("transaction", "The scripts run in one transaction, as by psql -1")),
        )
        .subcommand(migrate::parser())
        .subcommand(
            Parser::new("ping")
                .about("Connect to a database, and say what it is and how long a round trip takes"),
        )
}

pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

pub(super) fn value(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

pub(super) fn many(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
}

pub(super) fn models() -> Arg {
    many("models", "MODULE", "Where the models are: app.models, or app.models:Base; may be repeated")
}

pub(super) fn dialect() -> Arg {
    Arg::new("dialect")
        .long("dialect")
        .value_name("NAME")
        .value_parser(["postgresql", "sqlite"])
        .help("The database's language; without it that of --url")
}

fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many(name).into_iter().flatten().cloned().collect()
}

/// Why there is no command.
pub(super) enum Mistake {
    /// What is missing.
    Usage(String),
    /// The configuration file cannot be read.
    Raised(PyErr),
}

impl From<&str> for Mistake {
    fn from(usage: &str) -> Self {
        Self::Usage(usage.to_owned())
    }
}

impl From<PyErr> for Mistake {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// The command, and the database that it needs: that of the command line, of the environment, or of the configuration file,
/// which `configured` reads.
///
/// # Errors
/// What is missing; what reading the file raises.
pub(super) fn command(
    matches: &ArgMatches,
    configured: impl Fn() -> PyResult<Option<String>>,
) -> Result<(Command, Option<String>), Mistake> {
    let given = matches.get_one::<String>("url").cloned();
    let environment = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let said = || given.clone().or_else(environment);
    let url = || said().map_or_else(&configured, |url| Ok(Some(url)));
    let needed = || {
        url()?.ok_or(Mistake::from(
            "there is no database: give --url, set DATABASE_URL, or say sqlalchemy.url in an alembic.ini",
        ))
    };
    Ok(match matches.subcommand() {
        Some(("inspect", matches)) => {
            let inspect = Inspect {
                schemas: texts(matches, "schema"),
                all_schemas: matches.get_flag("schemas"),
                tables: texts(matches, "table"),
                output: matches.get_one("output").cloned(),
            };
            (Command::Inspect(inspect), Some(needed()?))
        }
        Some(("sql", matches)) => {
            let dialect = language(matches.get_one("dialect").cloned(), url)?
                .ok_or("which SQL? Give --dialect or --url")?;
            let sql = Sql { models: texts(matches, "models"), dialect, drop: matches.get_flag("drop") };
            (Command::Sql(sql), None)
        }
        Some(("lint", matches)) => {
            let files: Vec<PathBuf> = matches.get_many("files").into_iter().flatten().cloned().collect();
            let (models, pending) = (texts(matches, "models"), matches.get_flag("pending"));
            let lint = Lint {
                project: (files.is_empty() && (models.is_empty() || pending)).then_some(pending),
                models,
                dialect: matches.get_one("dialect").cloned(),
                version: matches.get_one("postgres").copied(),
                transaction: matches.get_flag("transaction"),
                files,
            };
            match (lint.project, lint.files.is_empty()) {
                (Some(true), _) => (Command::Lint(lint), Some(needed()?)),
                (Some(false), _) => {
                    let dialect = language(lint.dialect.clone(), url)?;
                    (Command::Lint(Lint { dialect, ..lint }), None)
                }
                (None, true) => (Command::Lint(lint), Some(needed()?)),
                (None, false) => {
                    let dialect = language(lint.dialect.clone(), url)?;
                    if dialect.is_none() && !lint.files.iter().all(|file| is_revision(file)) {
                        return Err("which SQL? Give --dialect or --url".into());
                    }
                    (Command::Lint(Lint { dialect, ..lint }), None)
                }
            }
        }
        // It reads the configuration file by itself, for more than the database.
        Some(("migrate", matches)) => {
            let migrate = Migrate::of(matches).ok_or("which command?")?;
            (Command::Migrate(migrate), said())
        }
        Some(("ping", _)) => (Command::Ping, Some(needed()?)),
        // Clap asks for one of those above.
        _ => return Err("which command?".into()),
    })
}

fn is_revision(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "py")
}

impl Lint {
    /// The files that are no SQL, and the dialects in which they are looked at.
    pub(super) fn revisions(&self) -> (Vec<PathBuf>, Vec<String>) {
        let files = self.files.iter().filter(|file| is_revision(file)).cloned().collect();
        let both = || vec!["postgresql".to_owned(), "sqlite".to_owned()];
        (files, self.dialect.clone().map_or_else(both, |one| vec![one]))
    }

    /// The scripts.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(|file| !is_revision(file))
    }
}

/// The database's language: the one said, or that of a URL.
fn language(
    said: Option<String>,
    url: impl Fn() -> PyResult<Option<String>>,
) -> Result<Option<String>, Mistake> {
    let of_url = |url: String| if url.starts_with("sqlite") { "sqlite" } else { "postgresql" };
    match said {
        Some(dialect) => Ok(Some(dialect)),
        None => Ok(url()?.map(|url| of_url(url).to_owned())),
    }
}

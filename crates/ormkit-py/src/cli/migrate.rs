//! `ormkit migrate`: what can be typed. `ormkit.migrations` does it, because revisions are Python.

use clap::{Arg, ArgAction, ArgMatches, Command as Parser};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{dialect, flag, many, models, value};

/// What a comparison does without a database.
fn offline() -> [Arg; 2] {
    [
        flag("offline", "Compare with what the revision files build up, without any database"),
        dialect().requires("offline"),
    ]
}

/// A command about revisions with its arguments.
#[derive(Clone)]
pub(super) struct Migrate {
    verb: String,
    arguments: Vec<(String, Given)>,
}

/// An argument's value.
#[derive(Clone)]
enum Given {
    Flag(bool),
    Text(Option<String>),
    Texts(Vec<String>),
}

/// `ormkit migrate …`
pub(super) fn parser() -> Parser {
    Parser::new("migrate")
        .about("Make, run and look at revisions of a schema, as Alembic has them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .arg(
            Arg::new("x")
                .short('x')
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .global(true)
                .help("For revisions that ask context.get_x_argument(); may be repeated"),
        )
        .subcommands(making())
        .subcommands(running())
        .subcommands(looking())
}

fn making() -> Vec<Parser> {
    let file = |parser: Parser| {
        parser.args([
            Arg::new("message").value_name("MESSAGE").help("What it does, in words"),
            value("said", "MESSAGE", "The same").short('m').long("message").conflicts_with("message"),
            value("head", "REVISION", "The revision that it follows [default: head]"),
            flag("splice", "It may follow one that is no head, which begins a branch"),
            value("branch-label", "LABEL", "A name for the branch that begins with it"),
            many(
                "depends-on",
                "REVISION",
                "A revision of another branch that must be there; may be repeated",
            ),
            value("version-path", "FOLDER", "The folder for the file"),
            value("rev-id", "ID", "Its id, instead of a new one"),
        ])
    };
    let comparing = |parser: Parser| {
        let parser = parser.args(offline());
        parser.args([
            models(),
            many(
                "rename",
                "OLD:NEW",
                "users:people, shop.users:shop.people, or people.email:mail: not a drop and an add; may be repeated",
            ),
            flag("schemas", "Compare all schemas of PostgreSQL, also those that no model names"),
            flag("allow-drop", "Steps may lose rows or values"),
        ])
    };
    vec![
        Parser::new("init")
            .about("Make alembic.ini here, or what -c names, and a folder for revisions")
            .arg(Arg::new("folder").value_name("FOLDER").default_value("alembic").help("The folder")),
        comparing(file(
            Parser::new("create")
                .alias("revision")
                .about("Make an empty revision file [alias: revision]")
                .arg(flag("autogenerate", "Not an empty one: the same as auto")),
        )),
        comparing(file(
            Parser::new("auto").about("Make the revision that leads from the database to the models"),
        )),
        Parser::new("merge").about("Make a revision that joins several heads").args([
            Arg::new("revisions").value_name("REVISION").num_args(0..).help("Which [default: all heads]"),
            value("said", "MESSAGE", "What it does, in words").short('m').long("message"),
            value("branch-label", "LABEL", "A name for the branch that begins with it"),
            value("rev-id", "ID", "Its id, instead of a new one"),
        ]),
        Parser::new("squash")
            .about("Put one revision in the place of all up to one, made from the database")
            .args([
                Arg::new("target")
                    .value_name("REVISION")
                    .default_value("head")
                    .help("The last one that is replaced: where the database is"),
                value("said", "MESSAGE", "What it does, in words").short('m').long("message"),
                flag("leave-out", "Go on where the database has more than a revision file can be made of"),
            ]),
    ]
}

fn running() -> Vec<Parser> {
    let target =
        |default: &'static str| {
            Arg::new("target").value_name("REVISION").default_value(default).allow_hyphen_values(true).help(
                "An id or its beginning, head, heads, base, +1, -1, branch@head; with --sql also from:to",
            )
        };
    let locked = value(
        "lock-timeout",
        "SECONDS",
        "How long a statement waits for a lock before the revision is tried again",
    );
    vec![
        Parser::new("up")
            .alias("upgrade")
            .about("Run revisions, by themselves all of them [alias: upgrade]")
            .args([target("head"), flag("sql", "Print the SQL instead"), dialect(), locked.clone()]),
        Parser::new("down")
            .alias("downgrade")
            .about("Undo revisions, by itself the last one [alias: downgrade]")
            .args([target("-1"), flag("sql", "Print the SQL instead, from:to"), dialect(), locked]),
        Parser::new("stamp").about("Note revisions as run without running them").args([
            Arg::new("revisions").value_name("REVISION").num_args(1..).required(true).help("Which"),
            flag("purge", "Forget first what was noted"),
        ]),
    ]
}

fn looking() -> Vec<Parser> {
    let verbose = flag("verbose", "More about each").short('v');
    vec![
        Parser::new("status").about("Say where the database stands, and what waits"),
        Parser::new("current")
            .about("Print the revisions of the database")
            .args([flag("check-heads", "Exit with 3 where they are not the heads"), verbose.clone()]),
        Parser::new("history").about("Print the revisions, the newest first").args([
            value("range", "FROM:TO", "Only these").short('r').allow_hyphen_values(true),
            flag("indicate-current", "Mark those that the database has").short('i'),
            verbose.clone(),
        ]),
        Parser::new("heads").about("Print the revisions that none follows").arg(verbose.clone()),
        Parser::new("branches").about("Print the revisions that several follow").arg(verbose),
        Parser::new("show")
            .about("Print a revision")
            .arg(Arg::new("revision").value_name("REVISION").required(true).help("Which")),
        Parser::new("check")
            .about("Compare the models with the database: exit with 3 where they differ")
            .args([
                models(),
                many("rename", "OLD:NEW", "users:people, or people.email:mail; may be repeated"),
                flag("schemas", "Compare all schemas of PostgreSQL, also those that no model names"),
            ])
            .args(offline()),
    ]
}

impl Migrate {
    pub(super) fn of(matches: &ArgMatches) -> Option<Self> {
        let (verb, matches) = matches.subcommand()?;
        let parser = parser();
        let command = parser.find_subcommand(verb)?;
        let own = command.get_arguments().chain(parser.get_arguments());
        let arguments = own.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")).map(|arg| {
            let name = arg.get_id().as_str();
            let given = match arg.get_action() {
                ArgAction::SetTrue => Given::Flag(matches.get_flag(name)),
                ArgAction::Append => {
                    Given::Texts(matches.get_many(name).into_iter().flatten().cloned().collect())
                }
                _ if arg.get_num_args().is_some_and(|count| count.max_values() > 1) => {
                    Given::Texts(matches.get_many(name).into_iter().flatten().cloned().collect())
                }
                _ => Given::Text(matches.get_one(name).cloned()),
            };
            (name.replace('-', "_"), given)
        });
        let file = ["config", "name"]
            .map(|name| (name.to_owned(), Given::Text(matches.get_one::<String>(name).cloned())));
        Some(Self { verb: command.get_name().to_owned(), arguments: arguments.chain(file).collect() })
    }

    /// The verb and the arguments, by name.
    pub(super) fn for_python<'py>(&self, py: Python<'py>) -> PyResult<(String, Bound<'py, PyDict>)> {
        let arguments = PyDict::new(py);
        for (name, given) in &self.arguments {
            match given {
                Given::Flag(said) => arguments.set_item(name, said)?,
                Given::Text(text) => arguments.set_item(name, text)?,
                Given::Texts(texts) => arguments.set_item(name, texts)?,
            }
        }
        Ok((self.verb.clone(), arguments))
    }
}

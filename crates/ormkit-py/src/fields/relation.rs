//! `relationship(...)`.
use super::column::Given;
use super::{DataclassOptions, MappedColumn, Notes, refuse};
use crate::expr::Expr;
use crate::model::Table;
use crate::model::raise::unsupported;
use crate::model::with_def;
use ormkit_core::error::near_matches;
use ormkit_core::model::{Cascade, Lazy};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyList, PyString, PyTuple};

/// What `relationship` returns: options of a relation, until its class is mapped.
#[pyclass(frozen, module = "ormkit")]
pub(crate) struct RelationshipDecl {
    pub(crate) target: RelationshipTarget,
    pub(crate) back_populates: Option<String>,
    pub(crate) foreign_keys: Vec<RelationColumn>,
    pub(crate) remote_side: Vec<RelationColumn>,
    pub(crate) uselist: Option<bool>,
    pub(crate) order_by: Vec<RelationColumn>,
    pub(crate) cascade: Cascade,
    /// As the user wrote it.
    pub(crate) cascade_text: String,
    pub(crate) passive_deletes: bool,
    pub(crate) lazy: Lazy,
    /// Each object has one at the other end.
    pub(crate) inner_join: bool,
    pub(crate) view_only: bool,
    pub(crate) dataclass: DataclassOptions,
    pub(crate) post_update: bool,
    /// What links both ends of a many-to-many relation.
    pub(crate) secondary: Option<SecondaryTable>,
    /// What joins this class to the junction, or to the target.
    pub(crate) primary_join: Option<RelationJoin>,
    /// What joins the junction to the target.
    pub(crate) secondary_join: Option<RelationJoin>,
    /// An object of it has one parent.
    pub(crate) single_parent: bool,
    pub(crate) notes: Notes,
}

/// A condition that joins two tables, as it was given.
pub(crate) enum RelationJoin {
    /// `"User.id == links.c.user_id"`
    Text(String),
    /// A condition.
    Object(Py<PyAny>),
    /// What answers one.
    Callable(Py<PyAny>),
}

impl RelationJoin {
    fn of(given: Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(match given.cast::<PyString>() {
            Ok(text) => Self::Text(text.to_str()?.to_owned()),
            Err(_) if given.is_callable() => Self::Callable(given.unbind()),
            Err(_) => Self::Object(given.unbind()),
        })
    }

    /// Another handle on the same.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Object(object) => Self::Object(object.clone_ref(py)),
            Self::Callable(callable) => Self::Callable(callable.clone_ref(py)),
        }
    }
}

/// The junction of a many-to-many relation.
pub(crate) enum SecondaryTable {
    /// A table's name.
    Name(String),
    /// A table or a mapped class, or a callable that answers one.
    Object(Py<PyAny>),
}

/// Who stands at the other end.
pub(crate) enum RelationshipTarget {
    /// As the annotation says.
    Annotated,
    /// A class's name.
    Name(String),
    /// A class, or a callable that answers one.
    Object(Py<PyAny>),
}

/// A column in an option: by name, or the declaration that stands in the same class body.
pub(crate) enum ColumnName {
    /// An attribute's name; a leading `-` sorts downwards.
    Name(String),
    /// A column of the class body.
    Declared(Py<MappedColumn>),
}

/// A column in an option of a relation.
pub(crate) enum RelationColumn {
    /// One that is named.
    Known(ColumnName),
    /// A callable that answers columns when all classes are there.
    Late(Py<PyAny>),
}

impl RelationshipDecl {
    /// A relation of an annotation alone.
    pub(crate) fn bare() -> Self {
        Self {
            target: RelationshipTarget::Annotated,
            back_populates: None,
            foreign_keys: Vec::new(),
            remote_side: Vec::new(),
            uselist: None,
            order_by: Vec::new(),
            cascade: Cascade::default(),
            cascade_text: "save-update, merge".to_owned(),
            passive_deletes: false,
            lazy: Lazy::Select,
            inner_join: false,
            view_only: false,
            dataclass: DataclassOptions::default(),
            post_update: false,
            secondary: None,
            primary_join: None,
            secondary_join: None,
            single_parent: false,
            notes: Notes::default(),
        }
    }
}

/// Declare a relation.
///
/// Args:
///     target: The class at the other end, its name, or a callable that answers it; by default as annotated.
///     secondary: The table that links both ends of a many-to-many relation: a table, its name or a mapped class. A name
///         that nobody declares is a plain junction, made by `create_all`.
///     back_populates: The target's relation that shows the other direction; kept in step.
///     foreign_keys: The columns that hold the key, where there is a choice, or a callable that answers them.
///     remote_side: For a model that refers to itself: the columns at the far end, or a callable that answers them.
///     primaryjoin, secondaryjoin: Equalities of columns that say which foreign keys lead to this class and to the target,
///         where there is a choice, and what else holds of the target: `and_(A.id == B.a_id, B.kind == "x")`. A condition, a
///         callable that answers one, or a text of it. `foreign(B.a_id)` says which column refers where no foreign key does,
///         `remote(..)` which one is of the target where a class refers to itself.
///     uselist: False for one object where the target holds the key.
///     order_by: Columns of the target to sort a list by, or a callable that answers them; `"-name"` and `Post.name.desc()`
///         sort downwards.
///     cascade: Words of `save-update`, `merge`, `delete`, `delete-orphan`, `refresh-expire`, `expunge`, `all`.
///     passive_deletes: Deleting a parent leaves its children to the database.
///     lazy: `"select"` (or True) and `"raise"` leave it unloaded, `"selectin"` and `"joined"` (or False) always load it.
///         `"write_only"`, of a list: it is never loaded, see `WriteOnlyMapped`.
///     innerjoin: Each object has one at the other end: joins that load it are INNER JOINs, where the key is NOT NULL and no
///         row would be left out.
///     viewonly: Never written.
///     single_parent: An object has one parent: members of lists without a junction in any case. Where this class holds the
///         key, its column has to be unique, or the relation back to hold one object; with `delete-orphan` neither, and
///         what such a reference lets go of is deleted.
///     doc, info: A text and a dict for those who read `__relationships__`.
///     overlaps: Accepted: nothing warns of relations that share a key.
///     collection_class: `list`.
///     default, default_factory, init, repr, compare, kw_only: As in `dataclasses.field`, for classes with
///         `MappedAsDataclass`.
///     post_update: The foreign key is written by an UPDATE of its own, behind the INSERTs and before the DELETEs of a flush,
///         so that two rows may refer to each other. Its column must allow NULL. Either side may say so.
///
/// Raises:
///     NotSupportedError: An option that is not implemented, by name.
#[pyfunction]
#[pyo3(signature = (target = None, *, secondary = None, back_populates = None, foreign_keys = None,
    remote_side = None, primaryjoin = None, secondaryjoin = None, uselist = None, order_by = None,
    cascade = "save-update, merge", passive_deletes = None, lazy = None, viewonly = false, post_update = false,
    single_parent = false, doc = None, info = None, overlaps = None, collection_class = None, innerjoin = None,
    passive_updates = None, active_history = false, join_depth = None, sync_backref = None, backref = None, default = Given(None), default_factory = None, init = None, repr = None,
    compare = None, kw_only = None))]
#[allow(clippy::too_many_arguments, reason = "the options of a relation")]
pub(crate) fn relationship(
    target: Option<Bound<'_, PyAny>>,
    secondary: Option<Bound<'_, PyAny>>,
    back_populates: Option<String>,
    foreign_keys: Option<Bound<'_, PyAny>>,
    remote_side: Option<Bound<'_, PyAny>>,
    primaryjoin: Option<Bound<'_, PyAny>>,
    secondaryjoin: Option<Bound<'_, PyAny>>,
    uselist: Option<bool>,
    order_by: Option<Bound<'_, PyAny>>,
    cascade: &str,
    passive_deletes: Option<Bound<'_, PyAny>>,
    lazy: Option<Bound<'_, PyAny>>,
    viewonly: bool,
    post_update: bool,
    single_parent: bool,
    doc: Option<String>,
    info: Option<Bound<'_, PyAny>>,
    #[expect(unused_variables, reason = "nothing warns of relations that share a key")] overlaps: Option<
        String,
    >,
    collection_class: Option<Bound<'_, PyAny>>,
    innerjoin: Option<Bound<'_, PyAny>>,
    passive_updates: Option<bool>,
    active_history: bool,
    join_depth: Option<Bound<'_, PyAny>>,
    sync_backref: Option<Bound<'_, PyAny>>,
    backref: Option<Bound<'_, PyAny>>,
    default: Given<'_>,
    default_factory: Option<Bound<'_, PyAny>>,
    init: Option<bool>,
    repr: Option<bool>,
    compare: Option<bool>,
    kw_only: Option<bool>,
) -> PyResult<RelationshipDecl> {
    let both = "declare both sides and join them with back_populates=";
    refuse("relationship", "backref", backref.is_some(), both)?;
    let is_list = |given: &Bound<'_, PyAny>| given.is(given.py().get_type::<PyList>());
    let refuse = |option, given, instead| refuse("relationship", option, given, instead);
    let sorted = "nothing: a list holds each object once, and is sorted by order_by=; set(user.tags) and \
                  {tag.name: tag for tag in user.tags} are made of it";
    refuse("collection_class", collection_class.as_ref().is_some_and(|given| !is_list(given)), sorted)?;
    let updates = "ForeignKey(.., onupdate=\"CASCADE\")";
    refuse("passive_updates", passive_updates == Some(false), updates)?;
    refuse(
        "active_history",
        active_history,
        "nothing: what was there before a change is kept (inspect(obj).attrs)",
    )?;
    refuse(
        "join_depth",
        join_depth.is_some(),
        "selectinload(Node.children, recursion_depth=..) in the query",
    )?;
    refuse("sync_backref", sync_backref.is_some(), "viewonly=True without back_populates=")?;
    if secondaryjoin.is_some() && secondary.is_none() {
        return Err(PyTypeError::new_err("relationship(secondaryjoin=..) needs secondary=.."));
    }
    Ok(RelationshipDecl {
        target: target.map_or(Ok(RelationshipTarget::Annotated), target_of)?,
        back_populates,
        foreign_keys: columns(foreign_keys, "foreign_keys")?,
        remote_side: columns(remote_side, "remote_side")?,
        uselist,
        order_by: columns(order_by, "order_by")?,
        cascade: cascade_of(cascade)?,
        cascade_text: cascade.to_owned(),
        passive_deletes: passive_deletes.is_some_and(|given| given.is_truthy().unwrap_or(true)),
        lazy: lazy.map_or(Ok(Lazy::Select), |lazy| lazy_of(&lazy))?,
        inner_join: innerjoin.is_some_and(|given| given.is_truthy().unwrap_or(true)),
        view_only: viewonly,
        dataclass: DataclassOptions {
            init,
            repr,
            compare,
            kw_only,
            value: default.0.map(Bound::unbind),
            factory: default_factory.map(Bound::unbind),
        },
        post_update,
        secondary: secondary.map(secondary_of).transpose()?,
        primary_join: primaryjoin.map(RelationJoin::of).transpose()?,
        secondary_join: secondaryjoin.map(RelationJoin::of).transpose()?,
        single_parent,
        notes: Notes::new("relationship", info, doc)?,
    })
}

fn target_of(given: Bound<'_, PyAny>) -> PyResult<RelationshipTarget> {
    if let Ok(name) = given.cast::<PyString>() {
        return Ok(RelationshipTarget::Name(name.to_str()?.to_owned()));
    }
    match given.is_callable() {
        true => Ok(RelationshipTarget::Object(given.unbind())),
        false => Err(PyTypeError::new_err("relationship() takes a mapped class or its name")),
    }
}

fn secondary_of(given: Bound<'_, PyAny>) -> PyResult<SecondaryTable> {
    if let Ok(name) = given.cast::<PyString>() {
        return Ok(SecondaryTable::Name(name.to_str()?.to_owned()));
    }
    match given.is_callable() || given.is_instance_of::<Table>() {
        true => Ok(SecondaryTable::Object(given.unbind())),
        false => Err(PyTypeError::new_err(format!(
            "relationship(secondary=..) takes a table, its name or a mapped class, not {}",
            given.repr()?
        ))),
    }
}

fn lazy_of(given: &Bound<'_, PyAny>) -> PyResult<Lazy> {
    if let Ok(given) = given.cast::<PyBool>() {
        return Ok(if given.is_true() { Lazy::Select } else { Lazy::Joined });
    }
    let word: String = given.extract()?;
    Ok(match &*word {
        "select" => Lazy::Select,
        "raise" | "raise_on_sql" => Lazy::Raise,
        "selectin" | "subquery" => Lazy::SelectIn,
        "joined" => Lazy::Joined,
        "immediate" => Lazy::SelectIn,
        "write_only" => Lazy::WriteOnly,
        "dynamic" => {
            return Err(unsupported(
                "relationship(lazy=\"dynamic\")",
                "WriteOnlyMapped[\"Post\"], or lazy=\"write_only\": user.posts.select() is a statement, which \
                 await session.scalars(..) reads, and add() and remove() write",
            ));
        }
        "noload" => {
            return Err(unsupported(
                "relationship(lazy=\"noload\")",
                "lazy=\"raise\", or .options(noload(..)) of a query",
            ));
        }
        other => {
            return Err(PyValueError::new_err(format!(
                "relationship(lazy={other:?}): expected \"select\", \"raise\", \"selectin\", \"joined\" or \
                 \"write_only\""
            )));
        }
    })
}

/// Reads `"all, delete-orphan"`.
fn cascade_of(text: &str) -> PyResult<Cascade> {
    const WORDS: [&str; 8] =
        ["save-update", "merge", "delete", "delete-orphan", "refresh-expire", "expunge", "all", "none"];
    let mut cascade = Cascade {
        save_update: false,
        merge: false,
        delete: false,
        delete_orphan: false,
        refresh_expire: false,
        expunge: false,
    };
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "save-update" => cascade.save_update = true,
            "merge" => cascade.merge = true,
            "delete" => cascade.delete = true,
            "delete-orphan" => cascade.delete_orphan = true,
            "refresh-expire" => cascade.refresh_expire = true,
            "expunge" => cascade.expunge = true,
            "none" => {}
            "all" => {
                let delete_orphan = cascade.delete_orphan;
                cascade = Cascade {
                    save_update: true,
                    merge: true,
                    delete: true,
                    delete_orphan,
                    refresh_expire: true,
                    expunge: true,
                };
            }
            other => {
                let near = near_matches(other, WORDS);
                let near = near.first().map_or_else(String::new, |near| format!(": did you mean {near:?}?"));
                return Err(PyValueError::new_err(format!(
                    "relationship(cascade=..) has no word {other:?}{near}"
                )));
            }
        }
    }
    Ok(cascade)
}

fn columns(given: Option<Bound<'_, PyAny>>, option: &str) -> PyResult<Vec<RelationColumn>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
        let mut names = Vec::new();
        for item in given.try_iter()? {
            names.extend(columns(Some(item?), option)?);
        }
        return Ok(names);
    }
    if let Ok(declared) = given.cast::<MappedColumn>() {
        return Ok(vec![RelationColumn::Known(ColumnName::Declared(declared.clone().unbind()))]);
    }
    if let Ok(attribute) = given.cast::<crate::model::Attribute>() {
        let attribute = attribute.get();
        let class = with_def(attribute.model(), |def| def.name.clone());
        return Ok(vec![named(format!("{class}.{}", attribute.name()))]);
    }
    if let Ok(expr) = given.cast::<Expr>() {
        let (model, field, down) = expr.get().sorted_column().ok_or_else(|| {
            PyTypeError::new_err(format!(
                "relationship({option}=..) takes columns, also with .desc(), and no other expressions"
            ))
        })?;
        let name = with_def(model, |def| format!("{}.{}", def.name, def.fields[field.index()].name));
        return Ok(vec![named(if down { format!("-{name}") } else { name })]);
    }
    match given.cast::<PyString>() {
        Ok(text) => Ok(column_names(text.to_str()?)),
        Err(_) if given.is_callable() => Ok(vec![RelationColumn::Late(given.unbind())]),
        Err(_) => Err(PyTypeError::new_err(format!(
            "relationship({option}=..) takes columns or their names, not {}",
            given.repr()?
        ))),
    }
}

fn named(name: String) -> RelationColumn {
    RelationColumn::Known(ColumnName::Name(name))
}

/// The names of columns that a callable has answered.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn columns_given(answer: &Bound<'_, PyAny>, option: &str) -> PyResult<Vec<String>> {
    let name = |column| match column {
        RelationColumn::Known(ColumnName::Name(name)) => Ok(name),
        RelationColumn::Known(ColumnName::Declared(_)) | RelationColumn::Late(_) => {
            Err(PyTypeError::new_err(format!(
                "relationship({option}=..): the callable answers {}, it takes columns of mapped classes",
                answer.repr()?
            )))
        }
    };
    columns(Some(answer.clone()), option)?.into_iter().map(name).collect()
}

/// Reads `"Post.id"`, `"[Post.a, Post.b]"`, `"-created"`, `"Post.created.desc()"`, `"desc(Post.created)"`.
fn column_names(text: &str) -> Vec<RelationColumn> {
    let bare = text.trim().trim_start_matches(['[', '(']);
    // A call ends with a parenthesis of its own.
    let bare = bare.trim_end_matches(']');
    let bare = if text.trim().starts_with('(') { bare.strip_suffix(')').unwrap_or(bare) } else { bare };
    bare.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let called = |word: &str| name.strip_prefix(word).and_then(|rest| rest.strip_suffix(')'));
            let down = name.strip_prefix('-').or(name.strip_suffix(".desc()")).or(called("desc("));
            let (name, down) = match down {
                Some(name) => (name.trim(), "-"),
                None => (name.strip_suffix(".asc()").or(called("asc(")).unwrap_or(name).trim(), ""),
            };
            // Of `models.Post.id` what names the column: its class, and itself.
            let class = name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
            named(format!("{down}{}", &name[class..]))
        })
        .collect()
}

//! Loading what objects lack.

use ormkit_core::host::Host;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::sync::mapped;
use super::{AsyncSession, nothing, on_session, raise};
use crate::bridge::Operation;
use crate::host::PyHost;
use crate::instance;
use crate::query::paths_of;

#[pymethods]
impl AsyncSession {
    /// Load relations and columns of stored objects: of all of them by one statement for each relation. What is loaded
    /// already stays as it is and costs nothing; where nothing is missing, nothing is sent. Unsaved changes stay.
    ///
    /// Args:
    ///     objects: An object of this session, or an iterable of objects of one class.
    ///     paths: Relations and columns, by attribute (`User.posts`), (dotted) name (`"posts.tags"`) or loader
    ///         (`selectinload(User.posts).load_only(Post.title)`).
    ///     peers: Load the same for all objects of the class that the session holds, if this one lacks it: the cure of
    ///         loading one by one.
    ///
    /// Raises:
    ///     InvalidRequestError: The objects are of several classes, one is not stored by this session, or its row is gone.
    ///     FieldError: The model has no such relation or column.
    ///
    /// Cancelling leaves what is loaded so far; inside a transaction it has to be rolled back.
    #[pyo3(signature = (objects, /, *paths, peers = false))]
    fn load(
        &self,
        py: Python<'_>,
        objects: &Bound<'_, PyAny>,
        paths: &Bound<'_, PyTuple>,
        peers: bool,
    ) -> PyResult<Py<Operation>> {
        if paths.is_empty() {
            return Err(PyTypeError::new_err("load() takes what to load: session.load(user, User.posts)"));
        }
        let one = instance::table_of(objects).is_ok();
        if peers && !one {
            return Err(PyTypeError::new_err("load(.., peers=True) takes one object"));
        }
        let objects: Vec<Py<PyAny>> = match one {
            true => vec![mapped(objects)?],
            false => objects.try_iter()?.map(|object| mapped(&object?)).collect::<PyResult<_>>()?,
        };
        let Some(first) = objects.first() else {
            return on_session!(py, self.link, "AsyncSession.load", |_session| Ok(nothing()));
        };
        let wanted = paths_of(py, PyHost::BARE.model(first), paths)?;
        on_session!(py, self.link, "AsyncSession.load", first autoflush_told, |session| {
            let loaded = match peers {
                true => session.load_peers(&objects[0], &wanted.fields, &wanted.loads).await,
                false => session.load(&objects, &wanted.fields, &wanted.loads).await,
            };
            loaded.map_err(raise)?;
            Ok(nothing())
        })
    }
}

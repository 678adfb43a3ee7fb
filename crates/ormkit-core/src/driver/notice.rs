//! What a database says without being asked: notices, warnings.

use crate::error::Diagnostics;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeLevel {
    /// DEBUG1 to DEBUG5.
    Debug,
    /// LOG, INFO, NOTICE.
    Info,
    /// WARNING.
    Warning,
}

/// Who hears the notices of a driver's connections.
///
/// A driver calls it from inside a poll, between two messages: on whatever thread polls the connection, which for Python
/// is that of the event loop. It MUST NOT wait, and nothing that it does reaches the statement that runs.
pub trait NoticeSink: Send + Sync + 'static {
    /// False when nobody wants notices of this level: they are not decoded then.
    fn wants(&self, level: NoticeLevel) -> bool;

    /// A notice, with everything that the database says of it. `detail` and `where_` may quote values of rows.
    fn notice(&self, level: NoticeLevel, notice: &Diagnostics);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNotices;

impl NoticeSink for NoNotices {
    fn wants(&self, _level: NoticeLevel) -> bool {
        false
    }

    fn notice(&self, _level: NoticeLevel, _notice: &Diagnostics) {}
}

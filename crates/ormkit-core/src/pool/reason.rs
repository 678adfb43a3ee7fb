//! Why a connection was closed.

/// Why the pool has closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The connection broke, or the server ended it.
    Lost,
    /// It was older than the longest lifetime.
    Lifetime,
    /// It was idle for too long.
    Idle,
    /// The pool was closed or disposed of.
    Disposed,
    /// An operation on it was cancelled, and it could not be cleaned in time.
    Unclean,
    /// It was clean again when its place was taken.
    Surplus,
    /// A callback failed, or was dropped.
    Callback,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Lifetime,
        Self::Idle,
        Self::Disposed,
        Self::Unclean,
        Self::Surplus,
        Self::Callback,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Lifetime => "lifetime",
            Self::Idle => "idle",
            Self::Disposed => "disposed",
            Self::Unclean => "unclean",
            Self::Surplus => "surplus",
            Self::Callback => "callback",
        }
    }
}

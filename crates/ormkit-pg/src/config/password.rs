//! Passwords that are not part of the text: given apart, or asked for at each connect.

use std::borrow::Cow;
use std::sync::Arc;

use ormkit_core::error::Result;
use ormkit_core::runtime::BoxFuture;

use super::{Config, refuse_nul};

/// Answers the password for one new connection, such as a token that is valid for some minutes. It is asked before anything
/// is sent, within the connect timeout; dropping its future is a cancelled connect.
pub type PasswordSource = Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>;

impl Config {
    /// With this password for every server, in place of the text's or that of the password file.
    ///
    /// # Errors
    /// A NUL in it.
    pub fn with_password(mut self, password: &str) -> Result<Self> {
        refuse_nul("password", password)?;
        self.places.iter_mut().for_each(|place| place.password = Some(password.to_owned()));
        self.password_note = None;
        Ok(self)
    }

    /// Asks `source` for the password of each new connection, in place of the text's or that of the password file. Its error
    /// is that of the connect.
    #[must_use]
    pub fn with_password_source(mut self, source: PasswordSource) -> Self {
        self.password_source = Some(source);
        self
    }

    /// With the password that holds now.
    pub(crate) async fn with_current_password(&self) -> Result<Cow<'_, Self>> {
        let Some(source) = &self.password_source else { return Ok(Cow::Borrowed(self)) };
        let password = source().await?;
        self.clone().with_password(&password).map(Cow::Owned)
    }
}

//! CancelRequest: a short connection of its own that names the backend (PostgreSQL manual, section 55.2.8).

use std::sync::Arc;
use std::time::Duration;

use ormkit_core::driver::Cancel;
use ormkit_core::error::{Error, ErrorKind, Result};
use ormkit_core::runtime::BoxFuture;

use crate::connection::io::{read_to_end, timeout, write_all};
use crate::connection::route::Route;
use crate::protocol::frontend;

/// Longest wait until the server has taken the request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names one backend of one server.
#[derive(Clone)]
pub(crate) struct CancelTarget {
    /// The very way that the connection itself was opened by, encrypted as it is.
    pub(crate) route: Route,
    pub(crate) pid: u32,
    pub(crate) key: Arc<[u8]>,
}

impl Cancel for CancelTarget {
    fn cancel(&self) -> BoxFuture<'static, Result<()>> {
        let target = self.clone();
        Box::pin(async move {
            let runtime = Arc::clone(&target.route.runtime);
            match timeout(&*runtime, PATIENCE, target.send()).await {
                Some(sent) => sent,
                None => Err(failed("the server did not answer in time")),
            }
        })
    }
}

impl CancelTarget {
    /// The server closes the connection once it has passed the request on.
    async fn send(&self) -> Result<()> {
        let refused = |error: std::io::Error| failed(&error.to_string());
        let opened = self.route.open().await.map_err(|error| failed(&error.to_string()))?;
        let mut transport = opened.transport;
        let request = frontend::cancel_request(self.pid, &self.key);
        write_all(&mut *transport, &request).await.map_err(refused)?;
        // A reset is a close as well.
        let _ = read_to_end(&mut *transport).await;
        Ok(())
    }
}

fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Operational(format!("the running statement could not be cancelled: {why}")))
}

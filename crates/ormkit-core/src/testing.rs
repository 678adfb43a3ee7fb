//! A database and a runtime for tests: a script instead of a server, a hand-turned clock, and futures that are polled
//! one step at a time. No IO.
//!
//! ```
//! use ormkit_core::pool::{Pool, PoolOptions};
//! use ormkit_core::sql::Dialect;
//! use ormkit_core::testing::{FakeDriver, FakeRuntime};
//!
//! let (driver, runtime) = (FakeDriver::new(&Dialect::POSTGRES), FakeRuntime::new());
//! let pool = Pool::new(driver.clone(), runtime.clone(), PoolOptions::default());
//! runtime.block_on(pool.acquire())?;
//! assert_eq!(driver.take_log(), ["1 connect"]);
//! # Ok::<(), ormkit_core::error::Error>(())
//! ```

mod connection;
mod driver;
mod rows;
mod runtime;

pub use driver::FakeDriver;
pub use runtime::{FakeRuntime, Steps};

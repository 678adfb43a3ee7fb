//! Everything that is an ORM: no socket, no Python, no runtime.

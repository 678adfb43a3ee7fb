//! The PostgreSQL driver: our own wire protocol over `ormkit_core::runtime::Transport`.

//! Rate-limit state of one process.

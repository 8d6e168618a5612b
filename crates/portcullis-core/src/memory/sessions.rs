//! Families, revocations and the blacklist of one process.

//! Refuses requests above their quotas.

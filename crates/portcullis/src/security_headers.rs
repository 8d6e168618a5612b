//! Adds security headers to every response.

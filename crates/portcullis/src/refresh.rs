//! Logs users in and out, and rotates their refresh tokens.

//! Reads the CSRF token from a form field and replays the body intact.

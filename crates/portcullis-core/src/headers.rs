//! Renders a validated security-header policy once, into header pairs.

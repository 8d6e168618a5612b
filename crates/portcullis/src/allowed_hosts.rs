//! Refuses requests for hosts that are not ours.

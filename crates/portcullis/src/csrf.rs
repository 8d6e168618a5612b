//! Refuses forged cross-site requests.

//! Refuses requests without a valid access token, from a cookie or a Bearer header.

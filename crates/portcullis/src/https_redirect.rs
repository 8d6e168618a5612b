//! Sends plain-http requests to https.

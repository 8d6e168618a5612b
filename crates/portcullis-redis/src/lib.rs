//! portcullis-redis

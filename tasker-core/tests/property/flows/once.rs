//! What the property found once.

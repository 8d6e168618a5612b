//! The stack as a whole: the order of its layers, and what each refuses first.

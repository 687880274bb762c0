"""CSV: bytes → text → records → fields → values → Table."""

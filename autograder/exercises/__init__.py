"""The bank of exercises, one module a topic; each registers its own when it is first asked for."""
